package share

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git/gittest"
)

// isCommitted proves that a commit adds these runs to its parent, and nothing else but the setup.
func (p *project) isCommitted(commit, parent string, ids ...string) {
	p.t.Helper()
	want := map[string]bool{}
	for _, id := range ids {
		want[in(id, repo.RecordName)] = true
	}
	args := []string{"diff-tree", "-r", "--name-only", "-z", "--no-commit-id", commit}
	if parent == "" {
		args = []string{"ls-tree", "-r", "--name-only", "-z", commit}
	} else {
		args = append(args[:len(args)-1], parent, commit)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(p.Git(args...), "\x00"), "\x00") {
		if placeOf(name).kind == ofSetup || want[name] {
			delete(want, name)
			continue
		}
		p.t.Errorf("the commit changes %s", name)
	}
	for name := range want {
		p.t.Errorf("the commit lacks %s", name)
	}
}

// TestCommit commits runs beside the user's own work in every shape.
func TestCommit(t *testing.T) {
	gittest.Each(t, func(t *testing.T, r *gittest.Repository) {
		if r.Bare {
			t.Skip("a bare repository has no working tree")
		}
		t.Run("with git", func(t *testing.T) { commitBeside(t, projectOf(t, r.Make(t))) })
		t.Run("without git", func(t *testing.T) {
			p := projectOf(t, r.Make(t))
			p.hideGit()
			commitBeside(t, p)
		})
	})
}

func commitBeside(t *testing.T, p *project) {
	status := p.ownWork()
	p.add(runB)
	p.add(runC, failed)
	done, err := Commit(t.Context(), p.runs, Request{})
	check(t, err)
	equal(t, "branch", done.Branch, p.Branch)
	equal(t, "runs", len(done.Runs), 1)
	equal(t, "unsuccessful", done.Unsuccessful, 1)
	equal(t, "HEAD", p.Git("rev-parse", "HEAD"), done.Commit)
	p.isCommitted(done.Commit, p.Head, runB)
	equal(t, "the user's own work", p.userStatus(), status)
	equal(t, "kept", isIn(p.files(keptRef), runPath(runB)+"/run.toml"), true)
	again, err := Commit(t.Context(), p.runs, Request{})
	check(t, err)
	equal(t, "nothing is left", again.Empty(), true)
	ids, err := CommittedIDs(t.Context(), p.runs)
	check(t, err)
	equal(t, "CommittedIDs", ids[runB] && !ids[runC] && ids[runA] == !p.Unborn, true)
}

// TestCommitElsewhere commits to a branch that is not checked out: neither index nor files change.
func TestCommitElsewhere(t *testing.T) {
	for _, c := range []struct {
		name, shape, branch string
		do                  func(p *project)
		parent              string // revision of the parent; empty: none
		a                   bool   // the branch lacks run A, which the working tree has
		fails               string
	}{
		{"a new branch", "plain", "runs", nil, "", true, ""},
		{"a new branch before the first commit", "unborn", "runs", nil, "", false, ""},
		{"a branch", "plain", "runs", func(p *project) { p.Git("branch", "-q", "runs", p.First) }, "runs~1", true, ""},
		{"a branch that only the remote has", "clone", "runs", func(p *project) {
			p.Git("update-ref",
				"refs/remotes/origin/runs", p.First)
		}, "refs/remotes/origin/runs", true, ""},
		{"an odd name", "SHA-256", gittest.OddBranch, nil, "", true, ""},
		{"the branch that is checked out", "plain", "main", nil, "main~1", false, ""},
		{"a branch of another worktree", "linked worktree", "main", nil, "", false, "checked out in"},
		{"no name for a branch", "plain", "a b", nil, "", false, "branch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, c.shape)
			status := p.ownWork()
			if c.do != nil {
				c.do(p)
			}
			p.add(runB)
			before := p.Git("ls-files", "-s")
			done, err := Commit(t.Context(), p.runs, Request{Branch: c.branch})
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Errorf("Commit: %v", err)
				}
				return
			}
			check(t, err)
			equal(t, "branch", p.Git("rev-parse", "refs/heads/"+c.branch), done.Commit)
			parent := ""
			if c.parent != "" {
				parent = p.Git("rev-parse", c.parent)
			}
			ids := []string{runB}
			if c.a {
				ids = append(ids, runA)
			}
			p.isCommitted(done.Commit, parent, ids...)
			if c.branch != p.Branch {
				equal(t, "index", p.Git("ls-files", "-s"), before)
			}
			equal(t, "the user's own work", p.userStatus(), status)
		})
	}
}

// TestCommitKeepsWhole: what is kept of a run has the files that it shares with a run that somebody else committed.
func TestCommitKeepsWhole(t *testing.T) {
	linux, linuxData, onLinux := environment(t, "linux")
	p := newProject(t, "plain")
	p.Git("reset", "-q", "--hard", p.commitTree([]string{p.Head}, map[string]any{
		in(runB, repo.RecordName): record(t, runB, onLinux), ".runs/" + linux: linuxData,
	}))
	p.add(runC, onLinux)
	p.commitAll()
	kept := p.files(keptRef)
	equal(t, "kept run", isIn(kept, runPath(runC)+"/run.toml"), true)
	equal(t, "kept shared file", isIn(kept, linux), true)
	equal(t, "the run of somebody else", isIn(kept, runPath(runB)+"/run.toml"), false)
}

// TestCommitRefused: nothing is committed where Git could take it back, or there is no Git.
func TestCommitRefused(t *testing.T) {
	p := newProject(t, "plain")
	p.add(runB)
	p.Git("bisect", "start")
	var hint *repo.HintError
	if _, err := Commit(t.Context(), p.runs, Request{}); !errors.As(err, &hint) ||
		!strings.Contains(err.Error(), "a bisection is in progress") || !strings.Contains(hint.Hint, "git bisect reset") {
		t.Errorf("Commit: %v", err)
	}
	dir := t.TempDir()
	r, _, err := repo.Init(dir)
	check(t, err)
	if _, err := Commit(t.Context(), r, Request{}); !errors.As(err, &hint) || !strings.Contains(hint.Hint, "git init") {
		t.Errorf("Commit outside Git: %v", err)
	}
	check(t, CompleteOrRollBack(t.Context(), r))
}

// TestCommitCompletesTheLast: what a killed commit left is completed before the next begins.
func TestCommitCompletesTheLast(t *testing.T) {
	p := newProject(t, "plain")
	p.add(runB)
	op := filepath.Join(p.runs.Git.Git, "runs", "op")
	check(t, os.MkdirAll(filepath.Dir(op), 0o777))
	check(t, os.WriteFile(op, []byte("nonce aaaa1111\nkind commit\n"), 0o666))
	lock := filepath.Join(p.runs.Git.Git, "index.lock")
	check(t, os.WriteFile(lock, []byte("runs aaaa1111\n"), 0o666))
	done, err := Commit(t.Context(), p.runs, Request{})
	check(t, err)
	equal(t, "runs", len(done.Runs), 1)
	check(t, os.WriteFile(op, []byte("nonce bbbb1111\nkind commit\n"), 0o666))
	check(t, CompleteOrRollBack(t.Context(), p.runs))
	if _, err := os.Stat(op); !os.IsNotExist(err) {
		t.Errorf("the intent is left: %v", err)
	}
}

// TestStageForCommit puts runs into the commit of code that Git is making, unless they would be lost in it.
func TestStageForCommit(t *testing.T) {
	for _, c := range []struct {
		name   string
		do     func(p *project)
		index  string
		reason string // empty: they go in
	}{
		{"code is staged", func(p *project) { p.ownWork() }, "index", ""},
		{"no code is staged", nil, "index", "no code is staged"},
		{"a merge", func(p *project) {
			p.Git("update-ref", "MERGE_HEAD", p.First)
		}, "index", ""},
		{"a commit of named files", func(p *project) { p.ownWork() }, "next-index-1.lock", "a commit that names its files"},
		{"an index of somebody else", func(p *project) { p.ownWork() }, "other", "GIT_INDEX_FILE"},
		{"no hook", func(p *project) { p.ownWork() }, "", "only 'git commit'"},
		{"a bisection", func(p *project) {
			p.Git("bisect", "start")
			p.ownWork()
		}, "index", "a bisection is in progress"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newProject(t, "plain")
			p.add(runB)
			if c.do != nil {
				c.do(p)
			}
			before := p.Git("ls-files")
			if c.index != "" {
				t.Setenv("GIT_INDEX_FILE", filepath.Join(p.runs.Git.Git, c.index))
			}
			done, err := StageForCommit(t.Context(), p.runs)
			check(t, err)
			check(t, os.Unsetenv("GIT_INDEX_FILE"))
			staged := strings.Contains(p.Git("ls-files"), runB)
			if c.reason != "" {
				if !strings.Contains(done.Reason, c.reason) || done.Waiting != (WaitingRuns{Finished: 1}) || staged ||
					p.Git("ls-files") != before {
					t.Errorf("StageForCommit: %+v, staged %v", done, staged)
				}
				return
			}
			if done.Reason != "" || len(done.Runs) != 1 || !staged {
				t.Errorf("StageForCommit: %+v, staged %v", done, staged)
			}
			equal(t, "kept before it is committed", isIn(p.files(keptRef), runPath(runB)+"/run.toml"), true)
		})
	}
}

// TestMoveLocal says why a local branch stays where it is.
func TestMoveLocal(t *testing.T) {
	for _, c := range []struct {
		name   string
		do     func(p *project, next string)
		local  func(p *project) localBranch
		stayed string
		own    bool // the user's own changes are why
	}{
		{name: "checked out", local: func(p *project) localBranch { return onBranch("main", p.Head) }},
		{name: "not checked out", local: func(p *project) localBranch {
			p.Git("branch", "-q", "other", p.First)
			return offBranch("other", p.First)
		}},
		{
			name: "checked out elsewhere", stayed: "checked out in",
			local: func(p *project) localBranch {
				p.Git("worktree", "add", "-q", "-b", "other", filepath.Join(p.Base, "other"), p.First)
				return offBranch("other", p.First)
			},
		},
		{
			name: "own changes", stayed: "in the way", own: true,
			do:    func(p *project, _ string) { p.Write("README", "mine\n") },
			local: func(p *project) localBranch { return onBranch("main", p.Head) },
		},
		{
			name: "moved", stayed: "moved",
			do:    func(p *project, _ string) { p.Commit("own", map[string]string{"x": "x"}) },
			local: func(p *project) localBranch { return onBranch("main", p.Head) },
		},
		{
			name: "a bisection", stayed: "a bisection is in progress",
			do:    func(p *project, _ string) { p.Git("bisect", "start") },
			local: func(p *project) localBranch { return onBranch("main", p.Head) },
		},
		{
			name: "there already", local: func(p *project) localBranch { return onBranch("main", "") },
			do: func(_ *project, _ string) {},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, "plain")
			next := p.commitTree([]string{p.Head}, map[string]any{"README": "three\n"})
			local := c.local(p)
			if c.do != nil {
				c.do(p, next)
			}
			if local.tip == "" {
				next = ""
			}
			stayed, own, err := moveLocal(t.Context(), p.runs, local, next, "test")
			check(t, err)
			if c.stayed == "" && stayed != "" || c.stayed != "" && !strings.Contains(stayed, c.stayed) || own != c.own {
				t.Errorf("moveLocal: %q, %v", stayed, own)
			}
			if c.stayed == "" && next != "" {
				equal(t, "branch", p.Git("rev-parse", "refs/heads/"+local.name), next)
			}
		})
	}
}
