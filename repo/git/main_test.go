package git

import (
	"context"
	"os"
	"testing"

	"github.com/gitruns/runs/repo/git/gittest"
)

func TestMain(m *testing.M) { os.Exit(gittest.Main(m)) }

// open finds the folders of a repository as the program does.
func open(t *testing.T, r *gittest.Repository) Dirs {
	t.Helper()
	if r.Bare {
		dirs, ok, err := OpenBare(t.Context(), r.Dir)
		if err != nil || !ok {
			t.Fatalf("opening %s: %v, %v", r.Dir, ok, err)
		}
		return dirs
	}
	dirs, ok, err := Discover(r.Dir)
	if err != nil || !ok {
		t.Fatalf("discovering %s: %v, %v", r.Dir, ok, err)
	}
	return dirs
}

// backend is the git program, or what works without it.
type backend struct {
	name string
	of   func(Dirs) Dirs
}

var backends = []backend{
	{"git", func(d Dirs) Dirs { return d }},
	{"files", Dirs.WithoutProgram},
}

// eachBackend runs a test with each backend, at the same time.
func eachBackend(t *testing.T, test func(t *testing.T, b backend)) {
	t.Helper()
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			test(t, b)
		})
	}
}

// reads reports whether a backend works in a repository.
func (b backend) reads(r *gittest.Repository) bool { return b.name == "git" || !r.SHA256 }

// openTrees opens the trees of a repository until the test ends.
func openTrees(t *testing.T, dirs Dirs) *Trees {
	t.Helper()
	trees, err := OpenTrees(t.Context(), dirs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(trees.Close)
	return trees
}

// scratch makes a scratch that the test closes.
func scratch(t *testing.T, dirs Dirs) *Scratch {
	t.Helper()
	s, err := NewScratch(dirs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// plain makes a repository of the plain shape.
func plain(t *testing.T) (*gittest.Repository, Dirs) {
	t.Helper()
	r := gittest.Named(t, "plain").Make(t)
	return r, open(t, r)
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

// cancelled is a context that has ended.
func cancelled(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
