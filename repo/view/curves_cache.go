package view

import (
	"container/list"
	"context"
	"fmt"
	"sync"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/view/curve"
)

// maxCachedBytes bounds the points that are kept in memory: those of 100 curves of 10,000 points take 8 MB.
const maxCachedBytes = 128 << 20

// pointsCache keeps the points of finished runs, which never change, so that zooming and smoothing read no file. The
// curve that was used least recently is dropped first. It is safe for concurrent use; the zero value is empty.
//
// It keeps the points themselves, because a pyramid of their extremes would not be exact at the edges of a bucket. To
// go over ten million of them takes some 20 ms. It is in memory only: a file is read in less than a second, and nothing
// is left behind that would have to be bounded, removed and trusted.
type pointsCache struct {
	mu     sync.Mutex
	bytes  int64
	recent list.List     // of cachedPoints, the most recently used first
	large  chan struct{} // one answer that needs much memory at a time
	held   map[string]*list.Element
}

type cachedPoints struct {
	key    string
	series []*curve.Points // by labels
}

// pointsKey returns the name of the curves of a metric of a finished run in the cache. The parts of a chain are
// finished before the newest one; if another one becomes known, their number changes.
func pointsKey(e *repo.Entry, metric string, times bool) string {
	return fmt.Sprintf("%s %d %s %t %s", e.ID, e.Parts(), e.Files[repo.MetricsName].SHA256, times, metric)
}

// largeAnswer is from how many points on answers are made one by one.
const largeAnswer = 2_000_000

// begin waits until an answer with so many points may be made. The caller calls done at its end.
func (c *pointsCache) begin(ctx context.Context, points int64) (done func(), err error) {
	if points < largeAnswer {
		return func() {}, nil
	}
	c.mu.Lock()
	if c.large == nil {
		c.large = make(chan struct{}, 1)
	}
	large := c.large
	c.mu.Unlock()
	select {
	case large <- struct{}{}:
		return func() { <-large }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *pointsCache) get(key string) []*curve.Points {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.held[key]
	if at == nil {
		return nil
	}
	c.recent.MoveToFront(at)
	return at.Value.(*cachedPoints).series
}

func (c *pointsCache) put(key string, series []*curve.Points) {
	size := seriesSize(key, series)
	if size > maxCachedBytes {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held[key] != nil {
		return
	}
	if c.held == nil {
		c.held = map[string]*list.Element{}
	}
	c.held[key] = c.recent.PushFront(&cachedPoints{key, series})
	c.bytes += size
	for c.bytes > maxCachedBytes {
		oldest := c.recent.Remove(c.recent.Back()).(*cachedPoints)
		delete(c.held, oldest.key)
		c.bytes -= seriesSize(oldest.key, oldest.series)
	}
}

// seriesSize is the memory of the cached curves of a metric in bytes, with that of their place.
func seriesSize(key string, series []*curve.Points) int64 {
	size := int64(len(key)) + 300
	for _, p := range series {
		size += p.Bytes() + 100
	}
	return size
}
