// Command runs-store uploads and downloads artifacts. The program runs starts it and communicates with it over standard
// input and output. It is a separate program and module so that runs starts fast and builds without the libraries of
// the stores.
//
// It knows stores, but nothing of runs, records or Git. Package store in repo/store defines the protocol for both
// programs. Start reading at serve. To add a kind of store, start at Open in internal/bucket.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/gitruns/runs/cmd/runs-store/internal/bucket"
)

// softMemory is the memory limit for the garbage collector, in bytes. The program promises to need at most 64 MB, and
// the code of the libraries takes half of that.
const softMemory = 20 << 20

func main() {
	if len(os.Args) > 1 {
		fmt.Fprintln(
			os.Stderr, "runs-store takes no arguments: runs starts it, with the store protocol of SPEC.md on standard input",
		)
		os.Exit(2)
	}
	debug.SetMemoryLimit(softMemory)
	out := os.Stdout
	os.Stdout = os.Stderr // libraries must not print between replies
	err := bucket.Guard(func() error { return serve(context.Background(), os.Stdin, out, bucket.Open) })
	if err != nil {
		fmt.Fprintln(os.Stderr, "runs-store:", err)
		os.Exit(1)
	}
}
