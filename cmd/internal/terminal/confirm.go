package terminal

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"
)

// CanAsk reports whether a person can be asked: both the input and the messages are those of a terminal.
func (t *Terminal) CanAsk() bool {
	in, ok := t.In.(*os.File)
	return ok && t.errTTY && term.IsTerminal(int(in.Fd()))
}

// Confirm asks a question and reports whether the user types y or yes. If ctx ends first, it returns its error.
// The goroutine that waits for the answer then stays until the process ends, because a read cannot be interrupted.
func (t *Terminal) Confirm(ctx context.Context, question string) (bool, error) {
	fmt.Fprintf(t.Err, "%s [y/N] ", question)
	answer := make(chan string, 1)
	go func() {
		line, err := bufio.NewReader(t.In).ReadString('\n')
		if err != nil { // the end of the input
			fmt.Fprintln(t.Err)
		}
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case line := <-answer:
		return line == "y" || line == "yes", nil
	case <-ctx.Done():
		fmt.Fprintln(t.Err)
		return false, ctx.Err()
	}
}
