//go:build !linux

package main

// measureCommand is for Linux only: other systems report the memory of a process in other units.
func measureCommand() {}
