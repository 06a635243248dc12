package store

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type stream struct {
	io.Reader
	io.WriteCloser
}

// program answers each request with the lines of reply.
func program(t *testing.T, reply func(Request) []string) stream {
	t.Helper()
	requests, send := io.Pipe()
	receive, replies := io.Pipe()
	go func() {
		defer func() { _ = replies.Close() }()
		for lines := bufio.NewScanner(requests); lines.Scan(); {
			var r Request
			if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
				return
			}
			said := reply(r)
			if said == nil {
				_ = requests.CloseWithError(io.ErrClosedPipe)
				return
			}
			for _, line := range said {
				if _, err := io.WriteString(
					replies, strings.ReplaceAll(line, "ID", fmt.Sprint(r.ID))+"\n",
				); err != nil {
					return
				}
			}
		}
	}()
	return stream{receive, send}
}

// TestUntrusted: what the program says ends in an error, whatever it is.
func TestUntrusted(t *testing.T) {
	digest := strings.Repeat("0a", 32)
	object := `{"digest":"` + digest + `","size":1}`
	for name, c := range map[string]struct {
		said  []string // to list
		words string
	}{
		"not JSON":           {[]string{"hello"}, "invalid reply"},
		"a line without end": {[]string{strings.Repeat("x", MaxMessage+1)}, "too long"},
		"an unknown reply":   {[]string{`{"id":ID,"reply":"maybe"}`}, "maybe"},
		"another id":         {[]string{`{"id":77,"reply":"done"}`}, "is not pending"},
		"two ends":           {[]string{`{"id":ID,"reply":"progress"}`, `{"id":9,"reply":"done"}`}, "is not pending"},
		"a bad digest": {[]string{
			`{"id":ID,"reply":"objects","objects":[{"digest":"../../x","size":1}]}`,
		}, "not a SHA-256"},
		"a negative size": {[]string{
			`{"id":ID,"reply":"objects","objects":[{"digest":"` + digest + `","size":-1}]}`,
		}, "-1 bytes"},
		"too many objects": {[]string{
			`{"id":ID,"reply":"objects","objects":[` + strings.Repeat(object+",", MaxBatch) + object + `]}`,
		}, "1001 objects"},
		"its end": {nil, "exited before it finished"},
	} {
		t.Run(name, func(t *testing.T) {
			c2, err := Connect(t.Context(), program(t, func(r Request) []string {
				switch r.Op {
				case OpHello:
					return []string{`{"id":ID,"reply":"done","version":1}`}
				case OpOpen:
					return []string{`{"id":ID,"reply":"done"}`}
				}
				return c.said
			}), "file:///x", 0)
			if err != nil {
				t.Fatal(err)
			}
			if err := c2.List(t.Context(), func(Stored) error { return nil }); err == nil ||
				!strings.Contains(err.Error(), c.words) {
				t.Errorf("got %v, want %q", err, c.words)
			}
			if _, err := c2.Stat(t.Context(), []string{digest}); err == nil {
				t.Error("the program is asked again")
			}
			_ = c2.Close()
		})
	}
}

func TestOtherVersion(t *testing.T) {
	for _, said := range []string{
		`{"id":ID,"reply":"done","version":2}`, `{"id":ID,"reply":"done"}`,
		`{"id":ID,"reply":"error","kind":"usage","message":"version 2 only"}`,
	} {
		_, err := Connect(t.Context(), program(t, func(Request) []string { return []string{said} }), "file:///x", 0)
		if err == nil || !strings.Contains(err.Error(), "version") {
			t.Errorf("%s: %v", said, err)
		}
	}
}

// TestOlderProgram: a program that cannot verify is named, and what to do.
func TestOlderProgram(t *testing.T) {
	c, err := Connect(t.Context(), program(t, func(r Request) []string {
		switch r.Op {
		case OpHello:
			return []string{`{"id":ID,"reply":"done","version":1}`}
		case OpOpen:
			return []string{`{"id":ID,"reply":"done"}`}
		}
		return []string{`{"id":ID,"reply":"error","kind":"usage","message":"unknown operation \"verify\""}`}
	}), "file:///x", 0)
	if err != nil {
		t.Fatal(err)
	}
	err = c.Verify(t.Context(), []Object{{Digest: strings.Repeat("0a", 32), Size: 1}}, false, nil)[0].Err
	var failed *Error
	if !errors.As(err, &failed) || !strings.Contains(failed.Message, "older than runs") || failed.Hint == "" {
		t.Errorf("got %v", err)
	}
	_ = c.Close()
}

func TestProgramIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Open(t.Context(), "file://"+filepath.ToSlash(t.TempDir()), 0)
	e, ok := err.(*Error)
	if !ok || !strings.Contains(e.Hint, "go install") {
		t.Errorf("got %v", err)
	}
}

// TestProgramCrashes: of a crash in a library, only the first line is of use.
func TestProgramCrashes(t *testing.T) {
	dir := t.TempDir()
	stack := strings.Repeat("\nexample.com/library.(*Client).List(0x0, {0x1e40548})\n\t/src/list.go:17 +0x2a", 200)
	for text, want := range map[string]string{
		"panic: index out of range [3]\n\ngoroutine 7 [running]:" + stack:  "index out of range [3]",
		"first\nfatal error: out of memory\n\ngoroutine 1 [idle]:" + stack: "out of memory",
	} {
		file := filepath.Join(dir, "text")
		if err := os.WriteFile(file, []byte(text+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		script := "#!/bin/sh\nread line\ncat '" + file + "' >&2\nexit 2\n"
		if err := os.WriteFile(filepath.Join(dir, Program), []byte(script), 0o777); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
		if _, err := find(); err != nil {
			t.Skipf("a script is no program here: %v", err)
		}
		_, err := Open(t.Context(), "file://"+filepath.ToSlash(dir), 0)
		if err == nil || err.Error() != Program+": the store's library failed: "+want {
			t.Errorf("got %v", err)
		}
	}
}

// TestProgramDies: the last thing that it said is the error.
func TestProgramDies(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(
		filepath.Join(dir, Program),
		[]byte("#!/bin/sh\nread line\necho first >&2\necho 'no such library' >&2\nexit 3\n"), 0o777,
	); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	if _, err := find(); err != nil {
		t.Skipf("a script is no program here: %v", err)
	}
	_, err := Open(t.Context(), "file://"+filepath.ToSlash(dir), 0)
	if err == nil || !strings.Contains(err.Error(), "no such library") {
		t.Errorf("got %v", err)
	}
}
