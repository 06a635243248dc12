package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/gitruns/runs/repo/sibling"
)

// Program is the name of the program that accesses the stores.
const Program = "runs-store"

// closeWait is how long the program may take to end after its input is closed.
const closeWait = 5 * time.Second

// Open starts the program and opens the store with the given URL. An operation that makes no progress for stall fails;
// 0 means that it never does. If ctx ends, the program ends too. Objects that were transferred before that are not
// transferred again.
func Open(ctx context.Context, rawURL string, stall time.Duration) (*Client, error) {
	if _, err := ParseURL(rawURL); err != nil {
		return nil, err
	}
	path, err := find()
	if err != nil {
		return nil, err
	}
	running, kill := context.WithCancel(ctx)
	cmd := exec.CommandContext(running, path)
	cmd.WaitDelay = closeWait
	p := &process{cmd: cmd, kill: kill}
	cmd.Stderr = &p.said
	if p.in, err = cmd.StdinPipe(); err == nil {
		p.out, err = cmd.StdoutPipe()
	}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		kill()
		return nil, fmt.Errorf("starting %s: %w", path, err)
	}
	c, err := Connect(ctx, p, rawURL, stall)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// find returns the path of the program.
func find() (string, error) {
	path, err := sibling.Find(Program)
	if errors.Is(err, sibling.ErrNotInstalled) {
		return "", &Error{
			Kind:    Usage,
			Message: "the program " + Program + ", which moves artifacts, is not installed next to runs or on PATH",
			Hint:    "run 'go install -C cmd/" + Program + " .' in a clone of github.com/gitruns/runs",
		}
	}
	return path, err
}

// process is the running program. It is a stream to the program's input and from its output.
type process struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  io.Reader
	said tail
	kill context.CancelFunc
}

func (p *process) Read(b []byte) (int, error)  { return p.out.Read(b) }
func (p *process) Write(b []byte) (int, error) { return p.in.Write(b) }

// Close ends the program and waits for it.
func (p *process) Close() error {
	_ = p.in.Close() // the program ends when its input does
	timer := time.AfterFunc(closeWait, p.kill)
	err := p.cmd.Wait()
	timer.Stop()
	p.kill()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if crash := p.said.crash(); crash != "" {
			return &Error{
				Kind: Failed, Message: Program + ": the store's library failed: " + crash,
				Hint: "repeat the command; if it fails again, report the message",
			}
		}
		return fmt.Errorf("%s ended: %s", Program, cmp.Or(p.said.lastLine(), exit.Error()))
	}
	return nil
}

// tail is a writer that keeps the end of the program's standard error, and why it crashed.
type tail struct {
	mu     sync.Mutex
	text   []byte
	reason string // of a crash
}

const (
	maxTail   = 2000
	maxReason = 300 // bytes
)

// crashes are how the first line of a crash begins. The stacks that follow are of no use to a user.
var crashes = []string{"panic: ", "fatal error: ", "runtime: "}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	t.findCrash()
	if over := len(t.text) - maxTail; over > 0 {
		t.text = t.text[:copy(t.text, t.text[over:])]
	}
	return len(b), nil
}

func (t *tail) findCrash() {
	if t.reason != "" {
		return
	}
	for line := range strings.Lines(string(t.text)) {
		for _, prefix := range crashes {
			if text, ok := strings.CutPrefix(line, prefix); ok && strings.HasSuffix(line, "\n") {
				text = strings.TrimSpace(text)
				t.reason = strings.ToValidUTF8(text[:min(len(text), maxReason)], "")
				return
			}
		}
	}
}

// crash returns the first line of a crash, or "" if the program did not crash.
func (t *tail) crash() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.reason
}

func (t *tail) lastLine() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(t.text)), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
