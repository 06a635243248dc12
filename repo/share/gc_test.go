package share

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gitruns/runs/repo"
)

// age makes a shared file as old as one that no run is about to name, wherever it lies.
func (p *project) age(name string) {
	p.t.Helper()
	old := time.Now().Add(-48 * time.Hour)
	for _, file := range []string{p.Path(".runs/" + name), p.keptCopy(name)} {
		if err := os.Chtimes(file, old, old); err != nil && !os.IsNotExist(err) {
			p.t.Fatal(err)
		}
	}
}

// keptCopy is the second copy of a shared file, in the Git folder.
func (p *project) keptCopy(name string) string {
	return filepath.Join(p.runs.Git.Common, "runs", "shared", filepath.FromSlash(name))
}

// TestGC removes a shared file only if no run names it, wherever this clone has the run.
func TestGC(t *testing.T) {
	linux, linuxData, onLinux := environment(t, "linux")
	for _, c := range []struct {
		name   string
		do     func(p *project)
		file   bool // it is removed from the branch or the disk
		commit bool // in a commit
		copy   bool // the second copy is removed
		recent int
	}{
		{name: "named by a finished run", do: func(p *project) { p.add(runB, onLinux) }},
		{name: "named by a committed run", do: func(p *project) {
			p.add(runB, onLinux)
			p.commitAll()
		}, copy: true},
		{name: "named by a committed run and by one that is not", do: func(p *project) {
			p.add(runB, onLinux)
			p.commitAll()
			p.add(runC, onLinux)
		}},
		{name: "named by a run of another branch", do: func(p *project) {
			other := p.commitTree([]string{p.Head}, map[string]any{in(runB, repo.RecordName): record(p.t, runB, onLinux)})
			p.Git("branch", "-q", "other", other)
		}},
		{name: "named by a run of a remote", do: func(p *project) {
			other := p.commitTree([]string{p.Head}, map[string]any{in(runB, repo.RecordName): record(p.t, runB, onLinux)})
			p.Git("update-ref", "refs/remotes/origin/other", other)
		}},
		{name: "named by a damaged record", do: func(p *project) {
			p.Write(in(runB, repo.RecordName),
				"x = "+strings.TrimSuffix(linux, ".toml"))
		}},
		{name: "named by a run in the trash", do: func(p *project) {
			p.add(runB, onLinux)
			e, err := p.runs.ReadFinished(runB)
			check(p.t, err)
			check(p.t, p.runs.Remove(t.Context(), []*repo.Entry{e}, nil))
		}},
		{name: "named by nothing", do: func(*project) {}, file: true, copy: true},
		{name: "named by nothing, and committed", do: func(p *project) {
			p.Git("add", "-f", ".runs/"+linux)
			p.Head = p.Commit("shared", nil)
		}, file: true, commit: true, copy: true},
		{name: "needed in the last day", do: func(p *project) {
			now := time.Now()
			check(p.t, os.Chtimes(p.Path(".runs/"+linux), now, now))
			check(p.t, os.Chtimes(p.keptCopy(linux), now, now))
		}, recent: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, "plain")
			p.share(linux, linuxData)
			p.age(linux)
			c.do(p)
			if c.recent == 0 {
				p.age(linux)
			}
			dry, err := GC(t.Context(), p.runs, GCRequest{DryRun: true})
			check(t, err)
			equal(t, "HEAD of a dry run", p.Git("rev-parse", "HEAD"), p.Git("rev-parse", "main"))
			equal(t, "file after a dry run", p.Read(".runs/"+linux), string(linuxData))
			done, err := GC(t.Context(), p.runs, GCRequest{})
			check(t, err)
			if !slices.Equal(done.Files, dry.Files) || done.Copies != dry.Copies {
				t.Errorf("GC: %+v, and in a dry run %+v", done, dry)
			}
			equal(t, "files", len(done.Files) == 1, c.file)
			equal(t, "commit", done.Commit != "", c.commit)
			equal(t, "copies", done.Copies == 1, c.copy)
			equal(t, "recent", done.Recent, c.recent)
			equal(t, "on disk", p.Read(".runs/"+linux) == "(none)", c.file)
			_, err = os.Stat(p.keptCopy(linux))
			equal(t, "second copy", os.IsNotExist(err), c.copy)
			equal(t, "on the branch", isIn(p.files("HEAD"), linux), strings.HasPrefix(c.name, "named by a committed run"))
			if c.commit {
				equal(t, "parent", p.Git("rev-parse", "HEAD^"), p.Head)
				equal(t, "status", p.Git("status", "--porcelain", "--", ".runs/environments"), "")
			}
		})
	}
}

// commitAll commits all finished runs.
func (p *project) commitAll() {
	p.t.Helper()
	done, err := Commit(p.t.Context(), p.runs, Request{})
	check(p.t, err)
	p.Head = done.Commit
}

// TestGCBranch: shared files go only on the branch where all runs end.
func TestGCBranch(t *testing.T) {
	for _, c := range []struct {
		name, shape, fails string
		do                 func(p *project)
	}{
		{"the only branch", "plain", "", nil},
		{"the default branch of the remote", "clone", "", nil},
		{"another branch", "clone", "default branch", func(p *project) { p.Git("checkout", "-q", "-b", "wide") }},
		{
			"another branch, without a remote", "plain", "default branch",
			func(p *project) { p.Git("checkout", "-q", "-b", "wide") },
		},
		{"detached", "detached", "detached HEAD", nil},
		{"no branch is known to be the default", "plain", "default branch is unknown", func(p *project) {
			p.Git("branch", "-q", "-m", "one")
			p.Git("branch", "-q", "two")
		}},
		{"a bisection", "plain", "a bisection is in progress", func(p *project) { p.Git("bisect", "start") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, c.shape)
			if c.do != nil {
				c.do(p)
			}
			_, err := GC(t.Context(), p.runs, GCRequest{})
			if (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("GC: %v", err)
			}
		})
	}
}

// TestGCOutsideGit removes what no run on disk names.
func TestGCOutsideGit(t *testing.T) {
	linux, linuxData, _ := environment(t, "linux")
	r, _, err := repo.Init(t.TempDir())
	check(t, err)
	file := filepath.Join(r.Dir, filepath.FromSlash(linux))
	check(t, os.MkdirAll(filepath.Dir(file), 0o777))
	check(t, os.WriteFile(file, linuxData, 0o666))
	old := time.Now().Add(-48 * time.Hour)
	check(t, os.Chtimes(file, old, old))
	done, err := GC(t.Context(), r, GCRequest{})
	check(t, err)
	equalLists(t, "files", done.Files, []string{linux})
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the file is left: %v", err)
	}
}

// TestGCDamage: where a record cannot be read, nothing is removed.
func TestGCDamage(t *testing.T) {
	p := newProject(t, "partial clone")
	linux, linuxData, _ := environment(t, "linux")
	p.share(linux, linuxData)
	p.age(linux)
	big := strings.Repeat("#", 20<<20) // longer than a record may be
	other := p.commitTree([]string{p.Head}, map[string]any{in(runB, repo.RecordName): big})
	p.Git("branch", "-q", "other", other)
	if _, err := GC(t.Context(), p.runs, GCRequest{}); err == nil || !strings.Contains(err.Error(), runB) {
		t.Errorf("GC: %v", err)
	}
	equal(t, "file", p.Read(".runs/"+linux), string(linuxData))
	var hint *repo.HintError
	p.Git("branch", "-q", "-D", "other")
	p.Git("checkout", "-q", "-b", "wide")
	if _, err := GC(t.Context(), p.runs, GCRequest{}); !errors.As(err, &hint) ||
		!strings.Contains(hint.Hint, "git switch main") {
		t.Errorf("GC: %v", err)
	}
}
