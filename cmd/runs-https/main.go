// Command runs-https makes the HTTP requests of `runs push` and `runs pull` where git is not installed. The program
// runs starts it and communicates with it over standard input and output. It is a separate program so that runs starts
// without the libraries of HTTP and TLS. All it does is in the package cmd/internal/githttp.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/gitruns/runs/cmd/internal/githttp"
)

func main() {
	if len(os.Args) > 1 {
		fmt.Fprintln(os.Stderr, "runs-https takes no arguments: runs starts it, where git is not installed")
		os.Exit(2)
	}
	if err := githttp.Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "runs-https:", err)
		os.Exit(1)
	}
}
