package terminal

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// Progress is a line that shows the progress of a long operation. The line appears only on a terminal, and only if the
// operation takes longer than a moment. Its methods may be called from any goroutine.
type Progress struct {
	mu    sync.Mutex
	out   io.Writer // nil if stderr is not a terminal
	width int
	what  string
	began time.Time
	last  time.Time
	shown bool
}

// Progress starts a progress line about what is being done. The caller must call Done at the end.
func (t *Terminal) Progress(what string) *Progress {
	p := &Progress{what: what, began: time.Now()}
	if t.errTTY {
		p.out, p.width = t.Err, t.Width()
	}
	return p
}

// Bytes reports that done of total bytes are finished.
func (p *Progress) Bytes(done, total int64) {
	p.show(done, total, func(rate float64) string {
		text := fmt.Sprintf("%s of %s, %s/s", Bytes(done), Bytes(total), Bytes(int64(rate)))
		if rate > 0 {
			text += ", " + Span(time.Duration(float64(total-done)/rate*float64(time.Second))) + " left"
		}
		return text
	})
}

// Count reports that done of total items are finished.
func (p *Progress) Count(done, total int64) {
	p.show(done, total, func(float64) string { return fmt.Sprintf("%d of %d", done, total) })
}

func (p *Progress) show(done, total int64, text func(rate float64) string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.out == nil || total <= 0 || now.Sub(p.began) < 300*time.Millisecond || now.Sub(p.last) < 100*time.Millisecond {
		return
	}
	p.last, p.shown = now, true
	const bar = 20
	full := int(bar * done / total)
	drawn := strings.Repeat("━", full) + strings.Repeat("·", bar-full)
	rate := float64(done) / now.Sub(p.began).Seconds()
	line := fmt.Sprintf("%s %s %3d%%  %s", p.what, drawn, done*100/total, text(rate))
	fmt.Fprintf(p.out, "\r%s\x1b[K", Truncate(line, p.width-1))
}

// Stage reports what is being done when nothing can be counted.
func (p *Progress) Stage(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out != nil {
		p.shown = true
		fmt.Fprintf(p.out, "\r%s\x1b[K", Truncate(p.what+": "+what, p.width-1))
	}
}

// Done removes the line. It may be called several times.
func (p *Progress) Done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown && p.out != nil {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
	p.out = nil
}
