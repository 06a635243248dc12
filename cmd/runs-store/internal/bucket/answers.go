package bucket

import (
	"io"
	"net/http"

	"github.com/gitruns/runs/cmd/runs-store/internal/stall"
)

// doer is what the clients of stores send their requests with.
type doer interface {
	Do(*http.Request) (*http.Response, error)
}

// answers counts every byte that a server answers as progress. A server keeps a connection alive with spaces while it
// completes a large upload.
type answers struct{ doer }

// Do sends a request.
func (a answers) Do(r *http.Request) (*http.Response, error) {
	out, err := a.doer.Do(r)
	stall.Moved(r.Context())
	if err == nil && out.Body != nil {
		out.Body = movingBody{out.Body, r}
	}
	return out, err
}

type movingBody struct {
	io.ReadCloser
	request *http.Request
}

func (b movingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		stall.Moved(b.request.Context())
	}
	return n, err
}
