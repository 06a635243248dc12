package share

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/git/gittest"
)

// TestDestination decides where a branch is pushed, or says how to name it.
func TestDestination(t *testing.T) {
	for _, c := range []struct {
		name  string
		do    func(p *project)
		local localBranch
		ask   PushRequest
		want  string // like origin/main
		own   bool
		hint  string // empty: it is no error
	}{
		{"the upstream", nil, onBranch("main", "x"), PushRequest{}, "origin/main", true, ""},
		{
			"the upstream's remote, by name", nil,
			onBranch("main", "x"),
			PushRequest{Remote: "origin"},
			"origin/main",
			true, "",
		},
		{"a branch by name", nil, onBranch("main", "x"), PushRequest{Branch: "wide"}, "origin/wide", false, ""},
		{"the upstream by name", nil, onBranch("main", "x"), PushRequest{Branch: "main"}, "origin/main", true, ""},
		{
			"detached, a branch by name", nil,
			onBranch("", "x"),
			PushRequest{Branch: "wide"},
			"origin/wide", false,
			"",
		},
		{"a branch of runs alone", nil, offBranch("runs", "x"), PushRequest{}, "origin/runs", true, ""},
		{
			"another remote that has the branch", func(p *project) {
				p.Git("remote", "add", "fork", p.Origin)
				p.Git("update-ref", "refs/remotes/fork/main", "HEAD")
			}, onBranch("main", "x"), PushRequest{Remote: "fork"}, "fork/main", false, "",
		},
		{"detached", nil, onBranch("", "x"), PushRequest{}, "", false, "git switch BRANCH"},
		{
			"an unknown remote", nil,
			onBranch("main", "x"),
			PushRequest{Remote: "nowhere"},
			"", false,
			"name one of: origin",
		},
		{
			"no remote", func(p *project) { p.Git("remote", "remove", "origin") },
			onBranch("main", "x"),
			PushRequest{},
			"", false, "git remote add origin URL",
		},
		{"no upstream", nil, onBranch("wide", "x"), PushRequest{}, "", false, "git push -u origin wide"},
		{"no name for a branch", nil, onBranch("main", "x"), PushRequest{Branch: "a b"}, "", false, "?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, "clone")
			if c.do != nil {
				c.do(p)
			}
			up, own, err := destination(t.Context(), p.runs, c.local, c.ask)
			var hint *repo.HintError
			switch {
			case c.hint == "?" && err != nil:
			case c.hint != "" && (!errors.As(err, &hint) || !strings.Contains(hint.Hint, c.hint)):
				t.Errorf("destination: %v", err)
			case c.hint == "" && (err != nil || up.Name() != c.want || own != c.own):
				t.Errorf("destination: %+v, %v, %v", up, own, err)
			}
		})
	}
}

// others commits files on the remote's branch, as somebody else's push would.
func (p *project) others(branch string, files map[string]any) string {
	p.t.Helper()
	base := gittest.Git(p.t, p.Origin, "rev-parse", "-q", "--verify", branch)
	p.Git("fetch", "-q", "origin")
	commit := p.commitTree([]string{base}, files)
	p.Git("push", "-q", "origin", commit+":refs/heads/"+branch)
	return commit
}

// TestPush puts commits of runs on what others have pushed, and lets the local branch follow beside the user's own
// work.
func TestPush(t *testing.T) {
	for _, c := range []struct {
		name  string
		do    func(p *project)
		ask   PushRequest
		check func(t *testing.T, p *project, done *Pushed)
		fails string
	}{
		{name: "on what the remote has", check: func(t *testing.T, p *project, done *Pushed) {
			equal(t, "replayed", done.Replayed, false)
			equal(t, "remote", gittest.Git(t, p.Origin, "rev-parse", "main"), p.Head)
		}},
		{
			name: "others have pushed",
			do: func(p *project) {
				p.others("main", map[string]any{"README": "theirs\n", in(runC, repo.RecordName): record(p.t, runC)})
			},
			check: func(t *testing.T, p *project, done *Pushed) {
				equal(t, "replayed", done.Replayed, true)
				equal(t, "remote", gittest.Git(t, p.Origin, "rev-parse", "main"), done.Commit)
				equal(t, "local", p.Git("rev-parse", "main"), done.Commit)
				equal(t, "their code", p.Read("README"), "theirs\n")
			},
		},
		{
			name: "others have pushed what own changes are in the way of",
			do: func(p *project) {
				p.others("main", map[string]any{"src/train.py": "theirs\n"})
			},
			check: func(t *testing.T, p *project, done *Pushed) {
				equal(t, "in the way", done.InTheWay && done.Stayed != "", true)
				equal(t, "remote", gittest.Git(t, p.Origin, "rev-parse", "main"), done.Commit)
				equal(t, "local", p.Git("rev-parse", "main"), p.Head)
			},
		},
		{
			name: "others have pushed the same runs",
			do: func(p *project) {
				files := map[string]any{in(runB, repo.RecordName): record(p.t, runB)}
				for _, name := range setup {
					files[".runs/"+name] = p.Read(".runs/" + name)
				}
				p.others("main", files)
			},
			check: func(t *testing.T, p *project, done *Pushed) {
				equal(t, "commit", done.Commit, "")
				equal(t, "local", p.Git("rev-parse", "main"), gittest.Git(t, p.Origin, "rev-parse", "main"))
			},
		},
		{name: "to a new branch", ask: PushRequest{Branch: "wide"}, check: func(t *testing.T, p *project, done *Pushed) {
			equal(t, "remote", gittest.Git(t, p.Origin, "rev-parse", "wide"), done.Commit)
			equal(t, "main of the remote", gittest.Git(t, p.Origin, "rev-parse", "main"), p.Git("rev-parse", "main~1"))
		}},
		{
			name: "code lies below", fails: "code commit",
			do: func(p *project) {
				p.Git("reset", "-q", "--hard", "HEAD^")
				p.Commit("code", map[string]string{"x.py": "x"})
				p.ownWork()
				p.add(runB)
				p.commitAll()
			},
		},
		{
			name: "a run that others finished differently", fails: runB,
			do: func(p *project) {
				p.others("main", map[string]any{in(runB, repo.RecordName): record(p.t, runB, failed)})
			},
		},
		{
			name: "the remote refuses", fails: "pre-receive",
			do: func(p *project) { p.hook("pre-receive", "exit 1\n") },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, "clone")
			p.ownWork()
			p.add(runB)
			p.commitAll()
			if c.do != nil {
				c.do(p)
			}
			status := p.userStatus()
			var steps []string
			c.ask.Progress = func(what string) { steps = append(steps, what) }
			done, err := Push(t.Context(), p.runs, c.ask)
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Errorf("Push: %v", err)
				}
			} else {
				check(t, err)
				c.check(t, p, done)
				equal(t, "progress", steps[0], "fetching")
			}
			equal(t, "the user's own work", p.userStatus(), status)
			if c.fails == "" && done.Commit != "" {
				again, err := Push(t.Context(), p.runs, PushRequest{Branch: c.ask.Branch})
				check(t, err)
				equal(t, "nothing is left", again.Commit, "")
			}
		})
	}
}

// hook is a script of the remote.
func (p *project) hook(name, script string) {
	p.t.Helper()
	file := filepath.Join(p.Origin, "hooks", name)
	inner := *p.Repository
	inner.Dir = p.Origin
	inner.Write("hooks/"+name, "#!/bin/sh\n"+script)
	check(p.t, os.Chmod(file, 0o755))
}

// TestPushRace: where the remote's branch moves between the look at it and the push, the push is repeated.
func TestPushRace(t *testing.T) {
	p := newProject(t, "clone")
	p.add(runB)
	p.commitAll()
	other := p.commitTree([]string{p.Git("rev-parse", "main~1")}, map[string]any{"README": "theirs\n"})
	p.Git("push", "-q", "origin", other+":refs/heads/other")
	moved := false
	done, err := Push(t.Context(), p.runs, PushRequest{Progress: func(what string) {
		if what == "pushing" && !moved {
			moved = true
			gittest.Git(t, p.Origin, "update-ref", "refs/heads/main", other)
		}
	}})
	check(t, err)
	equal(t, "attempts", done.Attempts, 2)
	equal(t, "parent", gittest.Git(t, p.Origin, "rev-parse", "main^"), other)
}

// TestPushBases pushes the commits that the source of new runs begins at, if only this clone has them.
func TestPushBases(t *testing.T) {
	p := newProject(t, "clone")
	base := p.commitTree([]string{p.Head}, map[string]any{"x.py": "x"})
	check(t, git.KeepBase(t.Context(), p.runs.Git, base))
	p.add(runB, func(run *format.Run) {
		run.Source = &format.Source{Commit: base, Base: base, Tree: strings.Repeat("1", 40)}
	})
	p.commitAll()
	done, err := Push(t.Context(), p.runs, PushRequest{})
	check(t, err)
	equal(t, "bases", done.Bases, 1)
	equal(t, "ref of the remote", gittest.Git(t, p.Origin, "rev-parse", git.BaseRef(base)), base)
}

// TestPull follows the upstream, with what is not pushed on top, beside the user's own work.
func TestPull(t *testing.T) {
	for _, c := range []struct {
		name  string
		do    func(p *project)
		ask   PullRequest
		check func(t *testing.T, p *project, done *Pulled)
		fails string
	}{
		{name: "nothing new", check: func(t *testing.T, _ *project, done *Pulled) { equal(t, "moved", done.Moved, false) }},
		{
			name: "nothing new, and runs of our own",
			do: func(p *project) {
				p.add(runB)
				p.commitAll()
				// Made again, it would get another committer.
				p.Git("-c", "user.name=Other", "commit", "-q", "--amend", "--no-edit", "--no-verify")
				p.Head = p.Git("rev-parse", "HEAD")
			},
			check: func(t *testing.T, p *project, done *Pulled) {
				equal(t, "moved", done.Moved, false)
				equal(t, "HEAD", p.Git("rev-parse", "HEAD"), p.Head)
			},
		},
		{
			name: "nothing new, and code of our own",
			do:   func(p *project) { p.Head = p.Commit("ours", map[string]string{"ours.py": "x"}) },
			check: func(t *testing.T, p *project, done *Pulled) {
				equal(t, "moved", done.Moved, false)
				equal(t, "HEAD", p.Git("rev-parse", "HEAD"), p.Head)
			},
		},
		{
			name: "runs and code",
			do: func(p *project) {
				p.others("main", map[string]any{"README": "theirs\n", in(runC, repo.RecordName): record(p.t, runC)})
			},
			check: func(t *testing.T, p *project, done *Pulled) {
				equalLists(t, "runs", done.Runs, []string{runC})
				equal(t, "README", p.Read("README"), "theirs\n")
			},
		},
		{
			name: "runs of our own on top",
			do: func(p *project) {
				p.add(runB)
				p.commitAll()
				p.others("main", map[string]any{in(runC, repo.RecordName): record(p.t, runC)})
			},
			check: func(t *testing.T, p *project, done *Pulled) {
				equalLists(t, "runs", done.Runs, []string{runC})
				equal(t, "parent", p.Git("rev-parse", "main^"), gittest.Git(t, p.Origin, "rev-parse", "main"))
			},
		},
		{
			name: "a run that others finished differently: theirs win",
			do: func(p *project) {
				p.add(runB)
				p.commitAll()
				p.others("main", map[string]any{in(runB, repo.RecordName): record(p.t, runB, failed)})
			},
			check: func(t *testing.T, p *project, done *Pulled) {
				equalLists(t, "replaced", done.Replaced, []string{runB})
				equal(t, "record", p.Read(in(runB, repo.RecordName)), string(record(t, runB, failed)))
			},
		},
		{
			name: "a removed run",
			do: func(p *project) {
				p.others("main", map[string]any{in(runA, repo.RecordName): nil, ".runs/removed/" + runA: ""})
			},
			check: func(t *testing.T, p *project, done *Pulled) {
				equalLists(t, "removed", done.Removed, []string{runA})
				equal(t, "record", p.Read(in(runA, repo.RecordName)), "(none)")
			},
		},
		{
			name: "a rewritten run",
			do: func(p *project) {
				p.others("main", map[string]any{in(runA, repo.RecordName): record(p.t, runA, failed)})
			},
			check: func(t *testing.T, _ *project, done *Pulled) {
				if len(done.Bad) != 1 || done.Bad[0].ID != runA {
					t.Errorf("bad: %+v", done.Bad)
				}
			},
		},
		{
			name: "a redacted run",
			do: func(p *project) {
				p.others("main", map[string]any{in(runA, repo.RecordName): redactionOf(p.t, []byte(gittest.RunText), hideName)})
			},
			check: func(t *testing.T, _ *project, done *Pulled) { equal(t, "bad", len(done.Bad), 0) },
		},
		{
			name: "own changes in the way",
			do:   func(p *project) { p.others("main", map[string]any{"src/train.py": "theirs\n"}) },
			check: func(t *testing.T, p *project, done *Pulled) {
				equal(t, "in the way", done.InTheWay && done.Stayed != "", true)
				equal(t, "local", p.Git("rev-parse", "main"), p.Head)
			},
		},
		{
			name: "both sides have code", fails: "code",
			do: func(p *project) {
				p.Commit("ours", map[string]string{"ours.py": "x"})
				p.others("main", map[string]any{"theirs.py": "x"})
			},
		},
		{
			name: "what one machine's own is", fails: "nothing was changed",
			do: func(p *project) { p.others("main", map[string]any{".runs/local.toml": "x"}) },
		},
		{
			name: "the runs of another branch", ask: PullRequest{Remote: "origin", Branch: "wide", RunsOnly: true},
			do: func(p *project) {
				wide := p.commitTree([]string{p.Head}, map[string]any{
					"wide.py": "x", in(runC, repo.RecordName): record(p.t, runC), in(runA, "notes/"+noteName(1)): note(p.t,
						"x"), in(runD, repo.RecordName): "damaged",
				})
				p.Git("push", "-q", "origin", wide+":refs/heads/wide")
			},
			check: func(t *testing.T, p *project, done *Pulled) {
				equalLists(t, "runs", done.Runs, []string{runC})
				equal(t, "notes", done.Notes, 1)
				if len(done.Bad) != 1 || done.Bad[0].ID != runD {
					t.Errorf("bad: %+v", done.Bad)
				}
				equal(t, "code", p.Read("wide.py"), "(none)")
				equal(t, "kept", isIn(p.files(keptRef), runPath(runC)+"/run.toml"), true)
			},
		},
		{name: "an unknown remote", ask: PullRequest{Remote: "nowhere"}, fails: "nowhere"},
		{name: "a branch that does not exist", ask: PullRequest{Remote: "origin", Branch: "absent"}, fails: "no such branch"},
		{name: "no upstream", do: func(p *project) { p.Git("checkout", "-q", "-b", "wide") }, fails: "no upstream"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, "clone")
			if c.do != nil {
				c.do(p)
			}
			status := p.ownWork()
			done, err := Pull(t.Context(), p.runs, c.ask)
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Errorf("Pull: %v", err)
				}
			} else {
				check(t, err)
				c.check(t, p, done)
			}
			equal(t, "the user's own work", p.userStatus(), status)
		})
	}
}

// TestRemoteLines passes on what the other side printed, and not what Git adds.
func TestRemoteLines(t *testing.T) {
	long := strings.Repeat("remote: x\n", maxRemoteLines+5)
	for _, c := range []struct {
		name string
		err  error
		want []string
	}{
		{
			"a rejection", &git.Rejected{Output: "To x\nremote: one  \nremote: two\nerror: failed\n"},
			[]string{"remote: one", "remote: two"},
		},
		{
			"a failed fetch",
			&git.Error{Command: "fetch", Output: "ssh: no route\n\nhint: x\nfatal: Could not read\nPlease make sure\n"},
			[]string{"ssh: no route"},
		},
		{"another failure", &git.Error{Command: "commit-tree", Output: "x\n"}, nil},
		{"no failure of Git", errors.New("x"), nil},
	} {
		equalLists(t, c.name, RemoteLines(c.err), c.want)
	}
	equal(t, "a long output", len(RemoteLines(&git.Rejected{Output: long})), maxRemoteLines)
}
