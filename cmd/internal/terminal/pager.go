package terminal

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// Page shows output in a pager if the output is a terminal. It uses the program in RUNS_PAGER, otherwise the one in
// PAGER, otherwise less. As in Git, less gets LESS=FRX unless LESS is set. An empty name or cat means no pager. It is
// not an error if the user quits the pager early.
func (t *Terminal) Page(ctx context.Context, write func(io.Writer) error) error {
	if !t.outTTY || t.Out != io.Writer(os.Stdout) {
		return write(t.Out)
	}
	pager, ok := os.LookupEnv("RUNS_PAGER")
	if !ok {
		if pager, ok = os.LookupEnv("PAGER"); !ok {
			pager = "less"
		}
	}
	if pager == "" || pager == "cat" {
		return write(t.Out)
	}
	name, args := "sh", []string{"-c", pager}
	if !strings.ContainsAny(pager, " \t\"'$;&|<>") {
		path, err := exec.LookPath(pager)
		if err != nil {
			return write(t.Out)
		}
		name, args = path, nil
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = os.Environ()
	if _, ok := os.LookupEnv("LESS"); !ok {
		cmd.Env = append(cmd.Env, "LESS=FRX")
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return write(t.Out)
	}
	err = write(in)
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, os.ErrClosed) {
		err = nil
	}
	closeErr := in.Close()
	if errors.Is(closeErr, os.ErrClosed) || errors.Is(closeErr, syscall.EPIPE) {
		closeErr = nil
	}
	_ = cmd.Wait() // its status says only how the user left it
	return errors.Join(err, closeErr)
}
