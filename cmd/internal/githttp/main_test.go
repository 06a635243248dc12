package githttp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/git/gittest"
	"github.com/gitruns/runs/repo/git/smarthttp"
)

// TestMain runs the program itself if a test starts it as a process.
func TestMain(m *testing.M) {
	if strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe") == smarthttp.Program {
		if err := Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(gittest.Main(m))
}

// installed puts this test on the PATH as the program.
func installed(t *testing.T) {
	t.Helper()
	self, err := os.Executable()
	check(t, err)
	dir := t.TempDir()
	if err := os.Link(self, filepath.Join(dir, smarthttp.Program)); err != nil {
		check(t, os.Symlink(self, filepath.Join(dir, smarthttp.Program)))
	}
	t.Setenv("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH"))
}

// world is a server with the repository p.git, and clones of it.
type world struct {
	t      *testing.T
	dir    string
	url    string // of the server
	origin string // the repository on disk
	// before answers a request in place of the server if it returns true.
	before func(w http.ResponseWriter, r *http.Request) bool
	// seen are the requests, with their headers.
	seen []*http.Request
}

func newWorld(t *testing.T) *world {
	t.Helper()
	installed(t)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	check(t, err)
	w := &world{t: t, dir: dir, origin: filepath.Join(dir, "host", "p.git")}
	check(t, os.Mkdir(filepath.Join(dir, "host"), 0o700))
	gittest.Git(t, dir, "init", "-q", "--bare", w.origin)
	handler, err := gittest.Host(filepath.Join(dir, "host"))
	check(t, err)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.seen = append(w.seen, r)
		if w.before == nil || !w.before(rw, r) {
			handler.ServeHTTP(rw, r)
		}
	}))
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

// clone makes a clone with a commit on the branch main, if the server has none yet.
func (w *world) clone(name string) (string, git.Dirs) {
	w.t.Helper()
	at := filepath.Join(w.dir, name)
	gittest.Git(w.t, w.dir, "clone", "-q", w.url+"/p.git", at)
	if _, err := gittest.Try(at, "rev-parse", "HEAD"); err != nil {
		w.commit(at, "first", "a.txt", "one\n")
		gittest.Git(w.t, at, "push", "-q", "origin", "main")
	}
	dirs, _, err := git.Discover(at)
	check(w.t, err)
	return at, dirs.WithoutProgram()
}

// commit makes a commit with a file and returns it.
func (w *world) commit(at, message, file, text string) string {
	w.t.Helper()
	name := filepath.Join(at, file)
	check(w.t, os.MkdirAll(filepath.Dir(name), 0o777))
	check(w.t, os.WriteFile(name, []byte(text), 0o666))
	gittest.Git(w.t, at, "add", "-A")
	gittest.Git(w.t, at, "commit", "-q", "-m", message)
	return gittest.Git(w.t, at, "rev-parse", "HEAD")
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// failure returns the text of the error of a fetch or push, with its next step.
func failure(t *testing.T, err error) string {
	t.Helper()
	var failed *git.Error
	if !errors.As(err, &failed) {
		return fmt.Sprint(err)
	}
	return failed.Error() + "\n" + failed.Hint()
}

// writeExecutable writes a script.
func writeExecutable(name, text string) error {
	return errors.Join(os.MkdirAll(filepath.Dir(name), 0o777), os.WriteFile(name, []byte(text), 0o777))
}
