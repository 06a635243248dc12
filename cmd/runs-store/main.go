// Command runs-store uploads and downloads artifacts for runs, which starts it and talks to it over standard input and
// output. It is a program and module of its own so that runs starts fast and builds without the libraries of the
// stores.
//
// It knows stores, and nothing of runs, records or Git. The protocol is in package store of repo/store, which both
// programs use. Start reading at serve. A new kind of store begins in internal/bucket, at Open.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/gitruns/runs/cmd/runs-store/internal/bucket"
)

// softMemory is the memory limit of the garbage collector, in bytes. Half of the promised 64 MB goes to the code of the
// libraries.
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
	os.Stdout = os.Stderr // libraries must not print between the replies
	if err := serve(context.Background(), os.Stdin, out, bucket.Open); err != nil {
		fmt.Fprintln(os.Stderr, "runs-store:", err)
		os.Exit(1)
	}
}
