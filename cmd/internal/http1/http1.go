// Package http1 serves requests of HTTP/1.1 on a listener of this machine.
//
// It exists because the server of net/http, with TLS and HTTP/2, would add 2.5 MB to the program. It knows nothing of
// runs: its handler decides which requests it answers. Start in http1.go, which accepts connections and bounds what
// they may take; request.go parses, response.go writes.
package http1

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"time"
)

// The bounds of a server.
const (
	MaxRequests    = 64  // answered at once; more get the status 503
	maxConnections = 256 // open at once; more are closed
	maxHeader      = 24 << 10
	maxFields      = 100
	headerTimeout  = 10 * time.Second // from the first byte of a request to the end of its header
	bodyTimeout    = 30 * time.Second // for the body of a request, if bodies are read
	idleTimeout    = 2 * time.Minute  // between requests
	AnswerTimeout  = 30 * time.Second // for the handler to answer, and for the client to take a part of the answer
)

// Handler answers a request. The context ends when the client has gone, after AnswerTimeout, and with the server. It
// may be called by many goroutines at once.
type Handler func(ctx context.Context, r *Request) *Response

// Server answers requests.
type Server struct {
	Handler Handler
	// MaxBody is how many bytes the body of a request may have. With 0, bodies are not read: the handler sees only that
	// there is one, and the connection ends with its answer.
	MaxBody int
	// Failed is told of a panic of the handler, whose request gets the status 500. It may be nil.
	Failed func(err error)

	slots chan struct{}
	mu    sync.Mutex
	open  map[net.Conn]bool // nil after the end
}

// Serve accepts connections of the listener until ctx ends. Then it closes all of them, waits for their goroutines,
// and returns nil. It also closes the listener if accepting fails, which is an error.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	s.slots, s.open = make(chan struct{}, MaxRequests), map[net.Conn]bool{}
	var connections sync.WaitGroup
	stop := context.AfterFunc(ctx, func() {
		_ = l.Close()
		s.closeAll()
	})
	err := s.accept(ctx, l, &connections)
	ended := ctx.Err() != nil
	if stop() {
		_ = l.Close()
		s.closeAll()
	}
	cancel()
	connections.Wait()
	if ended {
		return nil
	}
	return err
}

func (s *Server) accept(ctx context.Context, l net.Listener, connections *sync.WaitGroup) error {
	wait := 5 * time.Millisecond
	for {
		c, err := l.Accept()
		var temporary interface{ Temporary() bool }
		switch {
		case err == nil:
			wait = 5 * time.Millisecond
			if s.begin(c) {
				connections.Go(func() { s.connection(ctx, c) })
			} else {
				_ = c.Close()
			}
			continue
		case ctx.Err() != nil || !errors.As(err, &temporary) || !temporary.Temporary(): // such as too many open files
			return fmt.Errorf("accepting a connection: %w", err)
		}
		select {
		case <-time.After(wait):
			wait = min(2*wait, time.Second)
		case <-ctx.Done():
		}
	}
}

// begin reports whether one more connection is accepted.
func (s *Server) begin(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil || len(s.open) >= maxConnections {
		return false
	}
	s.open[c] = true
	return true
}

func (s *Server) end(c net.Conn) {
	s.mu.Lock()
	delete(s.open, c)
	s.mu.Unlock()
	_ = c.Close()
}

func (s *Server) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		_ = c.Close()
	}
	s.open = nil
}

// connection answers the requests of a connection one after another.
func (s *Server) connection(ctx context.Context, c net.Conn) {
	defer s.end(c)
	in := bufio.NewReaderSize(c, maxHeader)
	for ctx.Err() == nil {
		_ = c.SetReadDeadline(time.Now().Add(idleTimeout))
		if _, err := in.Peek(1); err != nil {
			return
		}
		_ = c.SetReadDeadline(time.Now().Add(headerTimeout))
		r, err := readRequest(in)
		if err == nil && s.MaxBody > 0 {
			_ = c.SetReadDeadline(time.Now().Add(bodyTimeout))
			err = r.readBody(in, s.MaxBody)
		}
		var refused *RequestError
		switch {
		case errors.As(err, &refused):
			_ = write(c, &Request{Method: "GET", last: true}, PlainText(refused.Status, refused.Message))
			linger(c)
			return
		case err != nil:
			return
		}
		r.Local = c.LocalAddr()
		if write(c, r, s.answer(ctx, c, in, r)) != nil {
			return
		}
		if r.last {
			linger(c)
			return
		}
	}
}

// answer calls the handler. Meanwhile it watches whether the client goes.
func (s *Server) answer(ctx context.Context, c net.Conn, in *bufio.Reader, r *Request) (response *Response) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		response := PlainText(503, fmt.Sprintf("%d requests are being answered; ask again", MaxRequests))
		response.Set("Retry-After", "1")
		return response
	}
	ctx, cancel := context.WithTimeout(ctx, AnswerTimeout)
	defer cancel()
	if !r.HasBody || r.Body != nil {
		_ = c.SetReadDeadline(time.Time{})
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			if _, err := in.Peek(1); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				cancel()
			}
		}()
		defer func() {
			_ = c.SetReadDeadline(time.Unix(1, 0)) // ends the watching
			<-gone
		}()
	}
	defer func() {
		if p := recover(); p != nil {
			if s.Failed != nil {
				s.Failed(fmt.Errorf("answering %s: %v\n%s", r.Target, p, debug.Stack()))
			}
			response = PlainText(500, "an internal error, which 'runs ui' has printed in its terminal")
		}
	}()
	return s.Handler(ctx, r)
}

// linger closes the sending side and takes in what the client still sends, for a moment: closing a connection with
// unread data would take the answer away from the client.
func linger(c net.Conn) {
	half, ok := c.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	_ = c.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
	buf := make([]byte, 4<<10)
	for range 64 {
		if _, err := c.Read(buf); err != nil {
			return
		}
	}
}
