//go:build !unix

package main

// serves reports whether the program has executed one command after another, which needs Unix.
func serves() bool { return false }
