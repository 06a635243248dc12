package main

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gitruns/runs/cmd/runs-store/internal/bucket"
	"github.com/gitruns/runs/repo/store"
)

// Requests get the expected replies, and input that breaks the protocol ends the server.
func TestRequests(t *testing.T) {
	dir := filepath.ToSlash(t.TempDir())
	const hello = `{"id":1,"op":"hello","version":1}` + "\n"
	open := hello + `{"id":2,"op":"open","url":"file://` + dir + `"}` + "\n"
	digest := strings.Repeat("0a", 32)
	for name, c := range map[string]struct{ in, out, err string }{
		"hello":              {strings.TrimSpace(hello), `{"id":1,"reply":"done","version":1}`, ""},
		"another version":    {`{"id":1,"op":"hello","version":9}`, "version 1 of the protocol, not 9", ""},
		"open before hello":  {`{"id":1,"op":"open","url":"x"}`, "before hello", ""},
		"put before open":    {hello + `{"id":2,"op":"put"}`, "before open", ""},
		"open twice":         {open + `{"id":3,"op":"open","url":"file:///"}`, "a store is already open", ""},
		"an unknown request": {open + `{"id":3,"op":"delete"}`, "unknown operation", ""},
		"no digest": {
			open + `{"id":3,"op":"put","digest":"../../../etc/passwd","path":"/x","size":1}`, "not a SHA-256", "",
		},
		"a relative path": {
			open + `{"id":3,"op":"get","digest":"` + digest + `","path":"x","size":1}`, "absolute path", "",
		},
		"a negative size": {
			open + `{"id":3,"op":"get","digest":"` + digest + `","path":"/x","size":-1}`, "needs a size", "",
		},
		"a folder to send": {
			open + `{"id":3,"op":"put","digest":"` + digest + `","path":"` + dir + `","size":1}`, "is not a regular file", "",
		},
		"too many digests": {
			open + `{"id":3,"op":"stat","digests":[` + strings.Repeat(`"x",`, store.MaxBatch) + `"x"]}`, "1001 digests", "",
		},
		"not JSON":           {"GET / HTTP/1.1\n", "", "does not follow the store protocol"},
		"no id":              {`{"op":"hello","version":1}`, "", "does not follow the store protocol"},
		"a line without end": {strings.Repeat(" ", store.MaxMessage+1), "", "too long"},
	} {
		t.Run(name, func(t *testing.T) {
			in, send := io.Pipe()
			receive, out := io.Pipe()
			ended := make(chan error, 1)
			go func() {
				err := serve(context.Background(), in, out, bucket.Open)
				_ = in.CloseWithError(io.ErrClosedPipe)
				_ = out.Close()
				ended <- err
			}()
			go func() {
				_, _ = io.WriteString(send, c.in+"\n")
				if c.out == "" {
					_ = send.Close()
				}
			}()
			var said strings.Builder
			buf := make([]byte, 4096)
			for c.out == "" || !strings.Contains(said.String(), c.out) {
				n, err := receive.Read(buf)
				said.Write(buf[:n])
				if err != nil {
					break
				}
			}
			_ = send.Close()
			_, _ = io.Copy(io.Discard, receive)
			if err := <-ended; (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("the server ended with %v, want %q", err, c.err)
			}
			if !strings.Contains(said.String(), c.out) {
				t.Errorf("said %q, want %q", said.String(), c.out)
			}
		})
	}
}

// Two requests with one id, or too many requests, are refused.
func TestTwoRequestsOfOneID(t *testing.T) {
	s := &server{inFlight: map[int64]bool{}}
	if s.begin(1) != nil || s.begin(1) == nil {
		t.Error("an id is taken twice")
	}
	for i := int64(2); i <= store.MaxInFlight; i++ {
		if err := s.begin(i); err != nil {
			t.Fatal(err)
		}
	}
	if s.begin(1000) == nil {
		t.Error("more requests are taken than the bound")
	}
}

// A file is not a store.
func TestFolderThatIsAFile(t *testing.T) {
	o := file(t, filepath.Join(t.TempDir(), "f"), 10, 1)
	_, err := connect(t, fileURL(o.Path), bucket.Open)
	wantKind(t, err, store.Failed)
}
