// Command empty is the first step of the ladder that the part start of the benchmark measures: what any Go program
// takes to start.
package main

func main() {}
