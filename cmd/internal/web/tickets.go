package web

import (
	"context"
	"crypto/rand"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gitruns/runs/cmd/internal/http1"
	"github.com/gitruns/runs/repo/view"
)

// A browser downloads a file by itself, without the header field that has the token. The page therefore asks for a
// ticket first, with its token, and leads the browser to it. A ticket serves once and within a minute.
const (
	ticketLife = time.Minute
	maxTickets = 100 // the oldest is dropped
)

type tickets struct {
	mu   sync.Mutex
	open map[string]ticket
}

// ticket is a question that the page may ask once.
type ticket struct {
	parts  []string
	params url.Values
	made   time.Time
}

func newTickets() *tickets { return &tickets{open: map[string]ticket{}} }

// add returns the name of a new ticket.
func (t *tickets) add(parts []string, params url.Values) string {
	name := rand.Text()
	t.mu.Lock()
	defer t.mu.Unlock()
	oldest := ""
	for other, o := range t.open {
		if oldest == "" || o.made.Before(t.open[oldest].made) {
			oldest = other
		}
	}
	if len(t.open) >= maxTickets {
		delete(t.open, oldest)
	}
	t.open[name] = ticket{parts, params, time.Now()}
	return name
}

// find returns a ticket that is still valid. take says whether it is used up.
func (t *tickets) find(name string, take bool) (ticket, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	found, ok := t.open[name]
	if take {
		delete(t.open, name)
	}
	return found, ok && time.Since(found.made) < ticketLife
}

// ticket makes a ticket for a question.
func (s *site) ticket(parts []string, params url.Values) (*Answer, error) {
	if _, values := find(parts); values == nil {
		return nil, &view.NotFoundError{What: "there is nothing at this address"}
	}
	return asJSON(struct {
		Path string `json:"path"` // relative to the page
	}{"ticket/" + s.tickets.add(parts, params)}, nil)
}

// download answers the question of a ticket with a file that the browser saves and does not show.
func (s *site) download(ctx context.Context, r *http1.Request, name string) *http1.Response {
	if crossSite(r) {
		return refuse(403, "another site asked for a download", "")
	}
	t, ok := s.tickets.find(name, r.Method == "GET")
	if !ok {
		return refuse(404, "a download serves once, within a minute", "start it again on the page")
	}
	a, err := s.ask(ctx, t.parts, t.params)
	if err != nil {
		return failure(err)
	}
	response := respond(200, "application/octet-stream", a.Body)
	response.File, response.Size, response.Raw = a.File, a.Size, true
	if a.Name == "" {
		a.Name = t.parts[len(t.parts)-1]
	}
	response.Set("Content-Disposition", attachment(a.Name))
	response.Set("Content-Security-Policy", downloadPolicy)
	return response
}

// attachment makes the field that names a download: in plain letters for old readers, and as it is.
func attachment(name string) string {
	name = name[strings.LastIndexByte(name, '/')+1:]
	plain := strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f || strings.ContainsRune(`"\%;`, c) {
			return '_'
		}
		return c
	}, name)
	exact := strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
	return `attachment; filename="` + plain + `"; filename*=UTF-8''` + exact
}
