package repo

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/capture"
	"github.com/gitruns/runs/repo/git"
)

// TestBackendsCaptureTheSame captures generated working trees with the git program and without it. What is recorded is
// equal, and the patches of each lead to the same tree in the other. What is not captured without Git is refused by
// name. RUNS_SOURCE_STATES sets how many states are tried.
func TestBackendsCaptureTheSame(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	states := 30
	if n, err := strconv.Atoi(os.Getenv("RUNS_SOURCE_STATES")); err == nil {
		states = n
	}
	for seed := range uint64(states) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			captureBoth(t, seed+10_000)
		})
	}
}

func captureBoth(t *testing.T, seed uint64) {
	p, kind := newProject(t, seed)
	for range p.random.IntN(14) {
		p.step()
	}
	dirs, ok, err := git.Discover(p.dir)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	before := p.everything()
	request := capture.SourceRequest{Config: format.DefaultConfig()}
	want, err := capture.Source(t.Context(), dirs, request)
	if err != nil {
		t.Fatal(err)
	}
	defer want.Close()
	got, err := capture.Source(t.Context(), dirs.WithoutProgram(), request)
	if d := cmp.Diff(before, p.everything()); d != "" {
		t.Errorf("%s: capture changed the repository:\n%s", kind, d)
	}
	if errors.Is(err, git.ErrNoGit) && len(err.Error()) > len(git.ErrNoGit.Error()) {
		t.Logf("%s: refused: %v", kind, err)
		return
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", kind, err, p.git("status"))
	}
	defer got.Close()
	ignored := cmpopts.IgnoreFields(format.Source{}, "Patches", "Submodules", "Reader")
	if d := cmp.Diff(want.Source, got.Source, ignored, cmpopts.EquateEmpty()); d != "" {
		t.Fatalf("%s: the sources differ:\n%s\n%s", kind, d, p.git("status"))
	}
	if len(want.Patches) != len(got.Patches) {
		t.Errorf("%s: %d patches, want %d", kind, len(got.Patches), len(want.Patches))
	}
	for _, c := range []struct {
		name string
		dirs git.Dirs
		from *capture.Captured
	}{
		{"our patches by Git", dirs, got},
		{"Git's patches by us", dirs.WithoutProgram(), want},
		{"our patches by us", dirs.WithoutProgram(), got},
	} {
		if tree := applied(t, c.dirs, c.from); tree != want.Source.Tree {
			t.Errorf("%s: %s make %s, want %s", kind, c.name, tree, want.Source.Tree)
		}
	}
}

// applied returns the tree to which the patches of a source lead.
func applied(t *testing.T, dirs git.Dirs, c *capture.Captured) string {
	t.Helper()
	scratch, err := git.NewScratch(dirs)
	if err != nil {
		t.Fatal(err)
	}
	defer scratch.Close()
	start, err := scratch.EmptyTree(t.Context())
	if err == nil && c.Source.Base != "" {
		start, err = scratch.Strip(t.Context(), c.Source.Base)
	}
	if err == nil {
		err = scratch.ReadTree(t.Context(), start)
	}
	for _, patch := range c.Patches {
		if err == nil {
			err = scratch.Apply(t.Context(), patch)
		}
		if err != nil {
			data, _ := os.ReadFile(patch)
			t.Fatalf("applying: %v\n%s", err, strings.ToValidUTF8(string(data), "?"))
		}
	}
	tree, err := scratch.WriteTree(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tree
}
