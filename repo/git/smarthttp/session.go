package smarthttp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// closeWait is how long the program may take to end after its input is closed.
const closeWait = 5 * time.Second

// Session is a running program that talks to one server. It is not safe for concurrent use.
type Session struct {
	ctx  context.Context
	cmd  *exec.Cmd
	in   io.WriteCloser
	wire *Wire
	said tail
	kill context.CancelFunc
	open *BodyReader // the last answer
}

// Connect starts the program at path in the folder dir and tells it which repository to talk to. It connects to no
// server yet. The caller must close the session. If ctx ends, the program ends too.
func Connect(ctx context.Context, path, dir string, hello Hello) (*Session, error) {
	hello.Version = Version
	running, kill := context.WithCancel(ctx)
	s := &Session{ctx: ctx, cmd: exec.CommandContext(running, path), kill: kill}
	s.cmd.Dir = dir
	s.cmd.WaitDelay = closeWait
	s.cmd.Stderr = &s.said
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		s.in, err = s.cmd.StdinPipe()
	}
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		kill()
		return nil, fmt.Errorf("starting %s: %w", path, err)
	}
	s.wire = NewWire(out, s.in)
	var reply Reply
	if err = s.wire.SendMessage(hello); err == nil {
		reply, err = s.reply()
	}
	switch {
	case err != nil:
	case reply.Version != Version:
		err = &Error{
			Kind:    Setting,
			Message: fmt.Sprintf("%s speaks version %d of the protocol, not %d", path, reply.Version, Version),
			Hint:    "install runs and " + Program + " of the same version",
		}
	}
	if err != nil {
		return nil, errors.Join(s.explain(err), s.Close())
	}
	return s, nil
}

// reply receives a reply. The error is an *Error if the program reports one.
func (s *Session) reply() (Reply, error) {
	var reply Reply
	if err := s.wire.ReceiveMessage(&reply); err != nil {
		return reply, err
	}
	if reply.Error != nil {
		return reply, reply.Error
	}
	return reply, nil
}

// explain returns the error of a broken stream to or from the program as one that tells why the program ended. Other
// errors stay as they are.
func (s *Session) explain(err error) error {
	broken := errors.Is(err, errFrame) || errors.Is(err, io.EOF) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, fs.ErrClosed)
	var said *Error
	if !broken || errors.As(err, &said) {
		return err
	}
	if s.ctx.Err() != nil {
		return s.ctx.Err()
	}
	s.kill()
	_ = s.in.Close()
	ended := s.cmd.Wait()
	return fmt.Errorf("%s ended: %s", Program, cmp.Or(s.said.lastLine(), fmt.Sprint(ended), err.Error()))
}

// Close ends the program.
func (s *Session) Close() error {
	if s.open != nil && s.open.err == nil { // it may be blocked, because nobody reads the rest
		s.kill()
	}
	_ = s.in.Close() // the program ends when its input does
	timer := time.AfterFunc(closeWait, s.kill)
	_ = s.cmd.Wait() // what went wrong was reported where it happened
	timer.Stop()
	s.kill()
	return nil
}

// Discover asks which refs the server has.
func (s *Session) Discover(service string) (*Refs, error) {
	answer, err := s.call1(Request{OpDiscover, service}, nil)
	if err != nil {
		return nil, err
	}
	refs, err := readRefs(answer, service)
	return refs, s.explain(err)
}

// call sends a body to a service and returns the answer, which must be read before the next call.
func (s *Session) call(service string, write func(io.Writer) error) (io.Reader, error) {
	return s.call1(Request{OpCall, service}, write)
}

func (s *Session) call1(r Request, write func(io.Writer) error) (io.Reader, error) {
	if s.open != nil {
		// What a server sends after the end of the protocol is not read. So it must be little.
		if n, err := io.CopyN(io.Discard, s.open, maxRest); err != io.EOF || n == maxRest {
			return nil, s.explain(errors.Join(err, badAnswer("it goes on after its end")))
		}
		s.open = nil
	}
	err := s.wire.SendMessage(r)
	if err == nil && write != nil {
		body := s.wire.SendBody()
		if failed := write(body); failed != nil {
			s.kill() // the server must not take it for the whole
			_ = s.cmd.Wait()
			return nil, failed
		}
		err = body.Close()
	}
	if err == nil {
		_, err = s.reply()
	}
	if err != nil {
		return nil, s.explain(err)
	}
	s.open = s.wire.ReceiveBody()
	return s.open, nil
}

// maxRest is how much a server may send after the end of an answer.
const maxRest = 1 << 20

// tail is a writer that keeps the end of the program's standard error.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const maxTail = 2000

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if over := len(t.text) - maxTail; over > 0 {
		t.text = t.text[:copy(t.text, t.text[over:])]
	}
	return len(b), nil
}

func (t *tail) lastLine() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(t.text)), "\n")
	return clean(strings.TrimSpace(lines[len(lines)-1]), maxSaidLine)
}
