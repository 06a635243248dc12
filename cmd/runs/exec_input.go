package main

import (
	"io"
	"os"
)

// given is what a program gets as its input, apart from files that it opens: standard input, and pipes that its
// arguments name.
type given struct {
	start int64 // where a file that is standard input is read from; -1 if standard input is not a file
	pipes *pipeWatch
}

// watchGiven begins to watch what a program gets. The caller must call end.
func watchGiven(dir string, args []string) *given {
	g := &given{start: -1, pipes: watchPipes(dir, args)}
	if info, err := os.Stdin.Stat(); err == nil && info.Mode().IsRegular() {
		if at, err := os.Stdin.Seek(0, io.SeekCurrent); err == nil {
			g.start = at
		}
	}
	return g
}

// end reports whether the program has read standard input, which is a file or a pipe, and whether it has read a pipe
// that an argument names. The program shares the position in a file with this process.
func (g *given) end() (stdin, pipe bool) {
	stdin, pipe = g.pipes.end()
	if g.start >= 0 {
		at, err := os.Stdin.Seek(0, io.SeekCurrent)
		stdin = stdin || err == nil && at != g.start
	}
	return stdin, pipe
}
