package store

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Client is an open store. Its methods are safe for concurrent use.
type Client struct {
	stream io.ReadWriteCloser
	write  sync.Mutex
	ended  chan struct{} // closed when reading has ended
	close  func() error  // closes the stream, once

	mu      sync.Mutex
	last    int64 // id of the last request
	waiting map[int64]*call
	err     error // why no more requests are accepted
}

type call struct {
	on   func(Reply) error // progress and objects, in order
	last chan Reply
}

// StallVariable is the environment variable for the limit of inactivity.
const StallVariable = "RUNS_STALL_TIMEOUT"

// Connect opens the store with the given URL, over a stream to the program. An operation that makes no progress for
// stall fails; 0 means that it never does. If ctx ends, the stream is closed as by Close.
func Connect(
	ctx context.Context, stream io.ReadWriteCloser, rawURL string, stall time.Duration,
) (*Client, error) {
	c := &Client{
		stream: stream, ended: make(chan struct{}), close: sync.OnceValue(stream.Close), waiting: map[int64]*call{},
	}
	go c.read()
	context.AfterFunc(ctx, func() { c.stop(ctx.Err()) })
	hello, err := c.call(ctx, Request{Op: OpHello, Version: Version}, nil)
	if err == nil && hello.Version != Version {
		err = &Error{
			Kind:    Usage,
			Message: fmt.Sprintf("%s speaks version %d of the protocol, not %d", Program, hello.Version, Version),
			Hint:    "install runs and " + Program + " of the same version",
		}
	}
	if err == nil {
		_, err = c.call(ctx, Request{Op: OpOpen, URL: rawURL, StallMS: stall.Milliseconds()}, nil)
	}
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// Close ends the program and waits for it. The next client resumes interrupted transfers.
func (c *Client) Close() error {
	c.stop(errors.New("the store is closed"))
	err := c.close()
	<-c.ended
	return err
}

// stop refuses further requests and closes the stream, which ends the program.
func (c *Client) stop(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = err
	}
	waiting := c.waiting
	c.waiting = map[int64]*call{}
	c.mu.Unlock()
	_ = c.close()
	for _, w := range waiting {
		close(w.last)
	}
}

// read passes each reply to the call that waits for it. It bounds and checks the replies, because they repeat what a
// store answers, and a stranger may control the store.
func (c *Client) read() {
	defer close(c.ended)
	lines := bufio.NewScanner(c.stream)
	lines.Buffer(make([]byte, 0, 64<<10), MaxMessage)
	for lines.Scan() {
		var r Reply
		err := json.Unmarshal(lines.Bytes(), &r)
		if err == nil {
			err = c.take(r)
		}
		if err != nil {
			go c.stop(fmt.Errorf("%s sent an invalid reply: %w", Program, err))
			return
		}
	}
	err := lines.Err()
	c.mu.Lock()
	closed := c.err != nil
	c.mu.Unlock()
	if closed {
		return
	}
	if err == nil || errors.Is(err, io.ErrClosedPipe) {
		if err = c.close(); err == nil { // reports how the program ended
			err = fmt.Errorf("%s exited before it finished", Program)
		}
	}
	c.stop(err)
}

func (c *Client) take(r Reply) error {
	c.mu.Lock()
	w := c.waiting[r.ID]
	final := r.Reply == ReplyDone || r.Reply == ReplyError
	if final {
		delete(c.waiting, r.ID)
	}
	c.mu.Unlock()
	switch {
	case w == nil:
		return fmt.Errorf("it answers request %d, which is not pending", r.ID)
	case final:
		w.last <- r
		return nil
	case r.Reply != ReplyProgress && r.Reply != ReplyObjects:
		return fmt.Errorf("the reply %.20q", r.Reply)
	case w.on == nil:
		return nil
	}
	return w.on(r)
}

// call sends a request and waits for its last reply.
func (c *Client) call(ctx context.Context, r Request, on func(Reply) error) (Reply, error) {
	w := &call{on, make(chan Reply, 1)}
	c.mu.Lock()
	if c.err != nil {
		defer c.mu.Unlock()
		return Reply{}, c.err
	}
	c.last++
	r.ID = c.last
	c.waiting[r.ID] = w
	c.mu.Unlock()
	line, err := json.Marshal(r)
	if err != nil {
		return Reply{}, err
	}
	stop := context.AfterFunc(ctx, func() { c.stop(ctx.Err()) })
	defer stop()
	c.write.Lock()
	_, err = c.stream.Write(append(line, '\n'))
	c.write.Unlock()
	if err != nil {
		<-c.ended // the reader knows why the program ended
		c.stop(err)
	}
	reply, ok := <-w.last
	switch {
	case !ok:
		c.mu.Lock()
		defer c.mu.Unlock()
		return Reply{}, c.err
	case reply.Reply == ReplyError:
		return Reply{}, &Error{reply.Kind, reply.Message, reply.Hint}
	}
	return reply, nil
}

// Stat returns the sizes, in bytes, of the objects that the store holds, by digest. It leaves out the others.
func (c *Client) Stat(ctx context.Context, digests []string) (map[string]int64, error) {
	sizes := map[string]int64{}
	asked := map[string]bool{}
	for _, d := range digests {
		if err := CheckDigest(d); err != nil {
			return nil, err
		}
		asked[d] = true
	}
	for len(digests) > 0 {
		n := min(len(digests), MaxBatch)
		_, err := c.call(ctx, Request{Op: OpStat, Digests: digests[:n]}, func(r Reply) error {
			return eachStored(r, func(s Stored) error {
				if !asked[s.Digest] {
					return errors.New("an object that was not asked for")
				}
				sizes[s.Digest] = s.Size
				return nil
			})
		})
		if err != nil {
			return nil, err
		}
		digests = digests[n:]
	}
	return sizes, nil
}

// List calls each for every object of the store, in no particular order. If each returns an error, List stops and
// closes the client.
func (c *Client) List(ctx context.Context, each func(Stored) error) error {
	_, err := c.call(ctx, Request{Op: OpList}, func(r Reply) error { return eachStored(r, each) })
	return err
}

func eachStored(r Reply, each func(Stored) error) error {
	if len(r.Objects) > MaxBatch {
		return fmt.Errorf("%d objects in one message", len(r.Objects))
	}
	for _, s := range r.Objects {
		err := CheckDigest(s.Digest)
		if err == nil && s.Size < 0 {
			err = fmt.Errorf("an object of %d bytes", s.Size)
		}
		if err == nil {
			err = each(s)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
