// Command runs-store moves artifacts to and from object stores for runs, which starts it and speaks to it over standard
// input and output. It is a program of its own so that runs does not pay for the libraries of the stores at each start.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/gitruns/runs/cmd/runs-store/internal/bucket"
)

// softMemory is what the collector keeps to, in bytes. The code of the libraries takes half of the 64 MB that are
// promised.
const softMemory = 20 << 20

func main() {
	if len(os.Args) > 1 {
		fmt.Fprintln(
			os.Stderr,
			"runs-store takes no arguments: runs starts it and speaks to it over standard input (SPEC.md, the "+
				"store protocol)",
		)
		os.Exit(2)
	}
	debug.SetMemoryLimit(softMemory)
	out := os.Stdout
	os.Stdout = os.Stderr // what a library prints is no reply
	if err := serve(context.Background(), os.Stdin, out, bucket.Open); err != nil {
		fmt.Fprintln(os.Stderr, "runs-store:", err)
		os.Exit(1)
	}
}
