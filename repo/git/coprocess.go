package git

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
)

// coprocess is a Git process that reads requests from its standard input and answers them.
type coprocess struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	stderr  stderrBuffer
	name    string
	idBytes int
}

func (c command) start(ctx context.Context, args ...string) (*coprocess, error) {
	cmd, err := c.process(ctx, args)
	if err != nil {
		return nil, err
	}
	p := &coprocess{cmd: cmd, name: subcommand(args)}
	cmd.Stderr = &p.stderr
	if p.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReaderSize(out, 64<<10)
	return p, cmd.Start()
}

// failed returns why the process no longer answers.
func (p *coprocess) failed(err error) error {
	_ = p.in.Close()
	_ = p.cmd.Wait()
	if message := p.stderr.message(); message != "" {
		return &Error{Command: p.name, Message: message, Output: p.stderr.String()}
	}
	return fmt.Errorf("git: %w", err)
}

func (p *coprocess) close() {
	_ = p.in.Close()
	_, _ = io.Copy(io.Discard, p.out)
	_ = p.cmd.Wait()
}
