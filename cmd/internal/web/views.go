package web

import (
	"context"
	"sync"
	"time"

	"github.com/gitruns/runs/repo/view"
)

// maxViews is how many revisions are held at once, besides the runs that the server was started for.
const maxViews = 4

// views holds the view of the server and those of other revisions that the page has asked for.
type views struct {
	ctx  context.Context // of the server: what a view reads later must not end with the request that opened it
	main *view.View

	mu   sync.Mutex
	held map[string]*heldView
}

// heldView is the view of a revision. It is closed when it was dropped and no request uses it.
type heldView struct {
	open  func() (*view.View, error)
	users int
	last  time.Time
	gone  bool
}

func newViews(ctx context.Context, main *view.View) *views {
	return &views{ctx: ctx, main: main, held: map[string]*heldView{}}
}

// take returns the view of a revision, or that of the server if rev is empty. The caller calls done when it no longer
// uses the view.
func (s *views) take(ctx context.Context, rev string) (v *view.View, done func(), err error) {
	if rev == "" || rev == s.main.Revision() {
		return s.main, func() {}, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	h := s.hold(rev)
	done = func() { s.release(h) }
	if v, err = h.open(); err != nil {
		s.mu.Lock()
		if s.held[rev] == h { // it may exist the next time
			s.drop(rev)
		}
		s.mu.Unlock()
		done()
		return nil, nil, err
	}
	return v, done, nil
}

func (s *views) hold(rev string) *heldView {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.held[rev]
	if h == nil {
		for len(s.held) >= maxViews {
			s.drop(s.oldest())
		}
		h = &heldView{open: sync.OnceValues(func() (*view.View, error) { return s.main.At(s.ctx, rev) })}
		s.held[rev] = h
	}
	h.users++
	h.last = time.Now()
	return h
}

func (s *views) oldest() (rev string) {
	for name, h := range s.held {
		if rev == "" || h.last.Before(s.held[rev].last) {
			rev = name
		}
	}
	return rev
}

// drop forgets a view. s.mu is held.
func (s *views) drop(rev string) {
	h := s.held[rev]
	delete(s.held, rev)
	h.gone = true
	if h.users == 0 {
		h.close()
	}
}

func (s *views) release(h *heldView) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h.users--
	if h.gone && h.users == 0 {
		h.close()
	}
}

func (h *heldView) close() {
	if v, err := h.open(); err == nil {
		v.Close()
	}
}

// close closes the views of revisions. No request may be using one.
func (s *views) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for rev := range s.held {
		s.drop(rev)
	}
}
