package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"github.com/gitruns/runs/cmd/runs-store/internal/bucket"
	"github.com/gitruns/runs/repo/store"
)

// progressEvery is the minimum time between two progress replies of a transfer.
const progressEvery = 100 * time.Millisecond

// server answers the requests of one client.
type server struct {
	ctx   context.Context // canceled when the input ends
	open  func(context.Context, string) (*bucket.Store, error)
	slots chan struct{} // limits the number of concurrent transfers

	write sync.Mutex
	out   io.Writer
	lost  context.CancelFunc // called when the client stops reading

	mu       sync.Mutex
	hello    bool
	store    *bucket.Store
	inFlight map[int64]bool
}

// serve answers requests until the input ends. It then cancels all transfers, because no client is waiting for them;
// the next client resumes them. The error reports input that violates the protocol.
func serve(
	ctx context.Context, in io.Reader, out io.Writer, open func(context.Context, string) (*bucket.Store, error),
) error {
	ctx, cancel := context.WithCancel(ctx)
	s := &server{
		ctx: ctx, open: open, slots: make(chan struct{}, store.Transfers), out: out, lost: cancel, inFlight: map[int64]bool{},
	}
	var requests sync.WaitGroup
	defer func() {
		cancel()
		requests.Wait()
		if s.store != nil {
			_ = s.store.Close()
		}
	}()
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 64<<10), store.MaxMessage)
	for lines.Scan() {
		var r store.Request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil || r.ID <= 0 {
			return errors.New("the input does not follow the store protocol")
		}
		if err := s.begin(r.ID); err != nil {
			return err
		}
		if r.Op == store.OpHello || r.Op == store.OpOpen { // later requests need the result
			s.answer(r)
			continue
		}
		requests.Go(func() { s.answer(r) })
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading a request: %w", err)
	}
	return nil
}

func (s *server) begin(id int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inFlight[id] || len(s.inFlight) == store.MaxInFlight {
		return fmt.Errorf(
			"request %d repeats an id in use, or exceeds the limit of %d requests at a time", id, store.MaxInFlight,
		)
	}
	s.inFlight[id] = true
	return nil
}

func (s *server) answer(r store.Request) {
	reply, err := s.do(r)
	if err != nil {
		var e *store.Error
		if !errors.As(err, &e) {
			e = &store.Error{Kind: store.Failed, Message: err.Error()}
		}
		reply = store.Reply{Reply: store.ReplyError, Kind: e.Kind, Message: bounded(e.Message), Hint: bounded(e.Hint)}
	} else {
		reply.Reply = store.ReplyDone
	}
	s.mu.Lock()
	delete(s.inFlight, r.ID)
	s.mu.Unlock()
	s.send(r.ID, reply)
}

// bounded shortens a text that may come from a server.
func bounded(text string) string {
	const most = 2000
	if len(text) > most {
		text = text[:most] + " ..."
	}
	return text
}

func (s *server) send(id int64, reply store.Reply) {
	reply.ID = id
	line, err := json.Marshal(reply)
	if err != nil {
		s.lost()
		return
	}
	s.write.Lock()
	defer s.write.Unlock()
	if _, err := s.out.Write(append(line, '\n')); err != nil {
		s.lost()
	}
}

func (s *server) do(r store.Request) (store.Reply, error) {
	usage := func(format string, args ...any) (store.Reply, error) {
		return store.Reply{}, &store.Error{Kind: store.Usage, Message: fmt.Sprintf(format, args...)}
	}
	s.mu.Lock()
	hello, opened := s.hello, s.store
	s.mu.Unlock()
	switch {
	case r.Op == store.OpHello:
		if r.Version != store.Version {
			return store.Reply{}, &store.Error{
				Kind:    store.Usage,
				Message: fmt.Sprintf("%s speaks version %d of the protocol, not %d", store.Program, store.Version, r.Version),
				Hint:    "install runs and " + store.Program + " of the same version",
			}
		}
		s.mu.Lock()
		s.hello = true
		s.mu.Unlock()
		return store.Reply{Version: store.Version}, nil
	case !hello:
		return usage("%.20q before hello", r.Op)
	case r.Op == store.OpOpen:
		if opened != nil {
			return usage("a store is already open")
		}
		opened, err := s.open(s.ctx, r.URL)
		if err != nil {
			return store.Reply{}, err
		}
		s.mu.Lock()
		s.store = opened
		s.mu.Unlock()
		return store.Reply{}, nil
	case opened == nil:
		return usage("%.20q before open", r.Op)
	}
	switch r.Op {
	case store.OpStat:
		return s.stat(opened, r)
	case store.OpList:
		return store.Reply{}, opened.List(s.ctx, func(batch []store.Stored) error {
			s.send(r.ID, store.Reply{Reply: store.ReplyObjects, Objects: batch})
			return s.ctx.Err()
		})
	case store.OpPut, store.OpGet:
		if err := store.CheckDigest(r.Digest); err != nil {
			return store.Reply{}, err
		}
		if r.Size < 0 || !filepath.IsAbs(r.Path) {
			return usage("%s needs a size and an absolute path", r.Op)
		}
		return s.move(opened, r)
	}
	return usage("unknown operation %.20q", r.Op)
}

func (s *server) stat(opened *bucket.Store, r store.Request) (store.Reply, error) {
	if len(r.Digests) > store.MaxBatch {
		return store.Reply{}, &store.Error{
			Kind:    store.Usage,
			Message: fmt.Sprintf("%d digests in one request, the limit is %d", len(r.Digests), store.MaxBatch),
		}
	}
	for _, d := range r.Digests {
		if err := store.CheckDigest(d); err != nil {
			return store.Reply{}, err
		}
	}
	found, err := opened.Stat(s.ctx, r.Digests)
	if err == nil {
		s.send(r.ID, store.Reply{Reply: store.ReplyObjects, Objects: found})
	}
	return store.Reply{}, err
}

// move waits for a free slot, then uploads or downloads an object.
func (s *server) move(opened *bucket.Store, r store.Request) (store.Reply, error) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-s.ctx.Done():
		return store.Reply{}, s.ctx.Err()
	}
	var mu sync.Mutex
	last := time.Now()
	progress := func(bytes int64) {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(last) >= progressEvery {
			last = time.Now()
			s.send(r.ID, store.Reply{Reply: store.ReplyProgress, Bytes: bytes})
		}
	}
	do := opened.Put
	if r.Op == store.OpGet {
		do = opened.Get
	}
	moved, err := do(s.ctx, store.Object{Digest: r.Digest, Size: r.Size, Path: r.Path}, progress)
	return store.Reply{Bytes: moved}, err
}
