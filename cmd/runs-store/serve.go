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
	"github.com/gitruns/runs/cmd/runs-store/internal/stall"
	"github.com/gitruns/runs/repo/store"
)

// progressEvery is the minimum time between two progress replies of a transfer.
const progressEvery = 100 * time.Millisecond

// server answers the requests of one client.
type server struct {
	ctx   context.Context // canceled when the input ends
	limit time.Duration   // ends operations that make no progress for this long; 0 means never
	open  func(context.Context, string) (*bucket.Store, error)
	slots chan struct{} // limits the number of concurrent transfers

	write sync.Mutex
	out   io.Writer
	lost  context.CancelFunc // called when the client stops reading

	mu       sync.Mutex
	hello    bool
	store    *bucket.Store
	place    string // the name of the store
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
			_ = bucket.Guard(s.store.Close)
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
		var panicked *bucket.PanicError
		switch {
		case errors.As(err, &e):
		case errors.As(err, &panicked):
			e = &store.Error{Kind: store.Failed, Message: s.name() + panicked.Error(), Hint: bucket.PanicHint}
		default:
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
		return s.openStore(r)
	case opened == nil:
		return usage("%.20q before open", r.Op)
	}
	switch r.Op {
	case store.OpStat:
		return s.stat(opened, r)
	case store.OpList:
		return s.watched(r.ID, func(ctx context.Context, tell func(store.Reply)) (store.Reply, error) {
			return store.Reply{}, opened.List(ctx, func(batch []store.Stored) error {
				tell(store.Reply{Reply: store.ReplyObjects, Objects: batch})
				return ctx.Err()
			})
		})
	case store.OpPut, store.OpGet, store.OpVerify:
		if err := store.CheckDigest(r.Digest); err != nil {
			return store.Reply{}, err
		}
		if r.Size < 0 || !filepath.IsAbs(r.Path) && (r.Op != store.OpVerify || r.Path != "") {
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
	return s.watched(r.ID, func(ctx context.Context, tell func(store.Reply)) (store.Reply, error) {
		found, err := opened.Stat(ctx, r.Digests)
		if err == nil {
			tell(store.Reply{Reply: store.ReplyObjects, Objects: found})
		}
		return store.Reply{}, err
	})
}

// move waits for a free slot, then uploads, downloads or verifies an object.
func (s *server) move(opened *bucket.Store, r store.Request) (store.Reply, error) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-s.ctx.Done():
		return store.Reply{}, s.ctx.Err()
	}
	o := store.Object{Digest: r.Digest, Size: r.Size, Path: r.Path}
	return s.watched(r.ID, func(ctx context.Context, tell func(store.Reply)) (reply store.Reply, err error) {
		var mu sync.Mutex
		last := time.Now()
		progress := func(bytes int64) {
			mu.Lock()
			defer mu.Unlock()
			if time.Since(last) >= progressEvery {
				last = time.Now()
				tell(store.Reply{Reply: store.ReplyProgress, Bytes: bytes})
			}
		}
		switch r.Op {
		case store.OpPut:
			reply.Bytes, err = opened.Put(ctx, o, r.Replace, progress)
		case store.OpGet:
			reply.Bytes, err = opened.Get(ctx, o, progress)
		default:
			reply.Proof, err = opened.Verify(ctx, o, r.Read, progress)
		}
		return reply, err
	})
}

// openStore opens the store of the request's URL.
func (s *server) openStore(r store.Request) (store.Reply, error) {
	s.mu.Lock()
	s.limit = time.Duration(min(max(r.StallMS, 0), maxStallMS)) * time.Millisecond
	if u, err := store.ParseURL(r.URL); err == nil {
		s.place = store.Name(u)
	}
	s.mu.Unlock()
	opened := make(chan *bucket.Store, 1)
	reply, err := s.watched(r.ID, func(ctx context.Context, _ func(store.Reply)) (reply store.Reply, err error) {
		of, err := s.open(ctx, r.URL)
		opened <- of
		return reply, err
	})
	if err != nil {
		return reply, err
	}
	s.mu.Lock()
	s.store = <-opened
	s.mu.Unlock()
	return reply, nil
}

// maxStallMS is the largest limit of inactivity: a day.
const maxStallMS = 24 * 60 * 60 * 1000

// name returns the name of the store as the beginning of a message.
func (s *server) name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.place == "" {
		return ""
	}
	return s.place + ": "
}

// ending is how long an operation may take to return after its context has ended.
const ending = 3 * time.Second

// watched calls do for a request. It returns an error if do panics, or makes no progress for the limit. It does not
// wait for a call that ignores the end of its context, such as one of a file system whose server is gone. Such a call
// may tell the client nothing more, because the client has the last reply by then.
func (s *server) watched(
	id int64, do func(ctx context.Context, tell func(store.Reply)) (store.Reply, error),
) (store.Reply, error) {
	ctx, stop := stall.With(s.ctx, s.limit)
	defer stop()
	var mu sync.Mutex
	over := false
	tell := func(reply store.Reply) {
		mu.Lock()
		defer mu.Unlock()
		if !over {
			s.send(id, reply)
		}
	}
	defer func() {
		mu.Lock()
		defer mu.Unlock()
		over = true
	}()
	type result struct {
		reply store.Reply
		err   error
	}
	returned := make(chan result, 1)
	go func() {
		var r result
		r.err = bucket.Guard(func() (err error) {
			r.reply, err = do(ctx, tell)
			return err
		})
		returned <- r
	}()
	var r result
	select {
	case r = <-returned:
	case <-ctx.Done():
		select {
		case r = <-returned:
		case <-time.After(ending):
			r.err = ctx.Err()
		}
	}
	if r.err != nil && stall.Stalled(ctx) {
		r.err = &store.Error{
			Kind:    store.Network,
			Message: fmt.Sprintf("%sno progress for %v", s.name(), s.limit),
			Hint: "repeat the command: finished parts are not transferred again; " + store.StallVariable +
				" sets the limit",
		}
	}
	return r.reply, r.err
}
