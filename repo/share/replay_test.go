package share

import (
	"errors"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/git/gittest"
)

// TestReplay puts a commit of ours on what others have pushed since. Both stand on a commit that holds run A.
func TestReplay(t *testing.T) {
	linux, linuxData, onLinux := environment(t, "linux")
	a, b := in(runA, repo.RecordName), in(runB, repo.RecordName)
	noteA := in(runA, "notes/"+noteName(1))
	mark := func(id string) string { return ".runs/" + path.Join(repo.RemovedName, id) }
	aRedacted := redactionOf(t, []byte(gittest.RunText))
	p := newProject(t, "plain")
	for _, c := range []struct {
		name         string
		base         map[string]any // beside what the shape has
		ours, theirs map[string]any
		theirsWin    bool
		have, lack   []string // files of the new tip
		replaced     []string // ids of runs of which theirs won
		nothing      bool     // the tip stays theirs
		conflict     string   // the run
	}{
		{
			name: "two runs",
			ours: map[string]any{b: record(t, runB)}, theirs: map[string]any{
				in(runC, repo.RecordName): record(t, runC),
				"README":                  "theirs\n",
			},
			have: []string{a, b, in(runC, repo.RecordName)},
		},
		{
			name: "the same run",
			ours: map[string]any{b: record(t, runB)}, theirs: map[string]any{b: record(t, runB)},
			have: []string{b}, nothing: true,
		},
		{
			name: "a run with other bytes",
			ours: map[string]any{b: record(t, runB)}, theirs: map[string]any{b: record(t, runB, failed)},
			conflict: runB,
		},
		{
			name: "a run with other bytes, theirs win",
			ours: map[string]any{b: record(t, runB), in(runC, repo.RecordName): record(t,
				runC)}, theirs: map[string]any{b: record(t, runB, failed)},
			theirsWin: true, have: []string{b, in(runC, repo.RecordName)}, replaced: []string{runB},
		},
		{
			name: "of a run that theirs has, our note comes along",
			ours: map[string]any{b: record(t, runB), in(runB, "notes/"+noteName(1)): note(t,
				"x")}, theirs: map[string]any{b: record(t, runB, failed)},
			theirsWin: true, have: []string{b, in(runB, "notes/"+noteName(1))}, replaced: []string{runB},
		},
		{
			name: "a note of a run that theirs removed",
			ours: map[string]any{noteA: note(t, "x")}, theirs: map[string]any{a: nil, mark(runA): ""},
			lack: []string{a, noteA}, have: []string{mark(runA)}, nothing: true,
		},
		{
			name: "a removal, and a note that theirs added",
			ours: map[string]any{a: nil, mark(runA): ""}, theirs: map[string]any{noteA: note(t, "x")},
			lack: []string{a, noteA}, have: []string{mark(runA)},
		},
		{
			name: "a removal that theirs made too",
			ours: map[string]any{a: nil, mark(runA): ""}, theirs: map[string]any{a: nil, mark(runA): ""},
			lack: []string{a}, have: []string{mark(runA)}, nothing: true,
		},
		{
			name: "a restored run",
			base: map[string]any{mark(runB): ""},
			ours: map[string]any{b: record(t, runB), mark(runB): nil}, theirs: map[string]any{"README": "theirs\n"},
			have: []string{b}, lack: []string{mark(runB)},
		},
		{
			name: "a new run that theirs marked as removed",
			ours: map[string]any{b: record(t, runB)}, theirs: map[string]any{mark(runB): ""},
			lack: []string{b}, have: []string{mark(runB)}, nothing: true,
		},
		{
			name: "a collected file that nobody needs",
			base: map[string]any{".runs/" + linux: linuxData},
			ours: map[string]any{".runs/" + linux: nil}, theirs: map[string]any{"README": "theirs\n"},
			lack: []string{".runs/" + linux},
		},
		{
			name: "a collected file, and a run of theirs that may need it",
			base: map[string]any{".runs/" + linux: linuxData},
			ours: map[string]any{".runs/" + linux: nil}, theirs: map[string]any{b: record(t, runB, onLinux)},
			have: []string{b, ".runs/" + linux}, nothing: true,
		},
		{
			name: "a run of ours that needs a file that theirs collected",
			base: map[string]any{".runs/" + linux: linuxData},
			ours: map[string]any{b: record(t, runB, onLinux)}, theirs: map[string]any{".runs/" + linux: nil},
			have: []string{b, ".runs/" + linux},
		},
		{
			name: "files of the setup that theirs has",
			ours: map[string]any{".runs/.gitignore": "ours\n", b: record(t,
				runB)}, theirs: map[string]any{".runs/.gitignore": "theirs\n"},
			have: []string{b, ".runs/.gitignore"},
		},
		{
			name: "a redaction",
			ours: map[string]any{a: aRedacted}, theirs: map[string]any{"README": "theirs\n"},
			have: []string{a},
		},
		{
			name: "a redaction that theirs made too",
			ours: map[string]any{a: aRedacted}, theirs: map[string]any{a: aRedacted},
			have: []string{a}, nothing: true,
		},
		{
			name: "two redactions of one run",
			ours: map[string]any{a: aRedacted}, theirs: map[string]any{a: redactionOf(t, []byte(gittest.RunText), hideName)},
			conflict: runA,
		},
		{
			name: "two .runs folders",
			ours: map[string]any{"sub/" + b: record(t, runB)}, theirs: map[string]any{b: record(t, runB, failed)},
			have: []string{b, "sub/" + b},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			base := p.commitTree([]string{p.Head}, c.base)
			ours := p.commitTree([]string{base}, c.ours)
			theirs := p.commitTree([]string{base}, c.theirs)
			trees := p.trees()
			commit, err := readRunCommit(t.Context(), p.runs.Git, trees, theirs, ours)
			check(t, err)
			replay, err := newReplayer(t.Context(), p.runs.Git, trees, theirs)
			check(t, err)
			if c.theirsWin {
				replay.theirs = map[string]bool{}
			}
			err = replay.apply(t.Context(), commit)
			var conflict *ConflictError
			if c.conflict != "" {
				if !errors.As(err, &conflict) || conflict.ID != c.conflict || conflict.File != repo.RecordName ||
					replay.tip != theirs {
					t.Errorf("apply: %v", err)
				}
				return
			}
			check(t, err)
			equal(t, "nothing to do", replay.tip == theirs, c.nothing)
			if !c.nothing {
				equal(t, "parent", p.Git("rev-parse", replay.tip+"^"), theirs)
			}
			names := strings.Split(p.Git("ls-tree", "-r", "--name-only", "-z", replay.tip), "\x00")
			for _, name := range c.have {
				equal(t, "has "+name, isIn(names, name), true)
			}
			for _, name := range c.lack {
				equal(t, "has "+name, isIn(names, name), false)
			}
			equalLists(t, "replaced", slices.Sorted(maps.Keys(replay.theirs)), c.replaced)
			// What theirs changed stays theirs, but for what ours removes or redacts.
			for name := range c.theirs {
				if _, both := c.ours[name]; both && placeOf(name).kind != ofSetup || isIn(c.lack, name) || c.theirs[name] == nil {
					continue
				}
				equal(t, name, p.Git("rev-parse", replay.tip+":"+name), p.Git("rev-parse", theirs+":"+name))
			}
		})
	}
}

// TestReplayOnNothing: the first commits of a branch have no parent, and a tree without files is one too.
func TestReplayOnNothing(t *testing.T) {
	p := newProject(t, "unborn")
	trees := p.trees()
	first := p.commitTree(nil, map[string]any{in(runB, repo.RecordName): record(t, runB)})
	second := p.commitTree([]string{first}, map[string]any{in(runB, repo.RecordName): nil, ".runs/removed/" + runB: ""})
	third := p.commitTree([]string{second}, map[string]any{".runs/removed/" + runB: nil})
	replay, err := newReplayer(t.Context(), p.runs.Git, trees, "")
	check(t, err)
	for _, id := range []string{first, second, third} {
		c, err := readRunCommit(t.Context(), p.runs.Git, trees, "", id)
		check(t, err)
		check(t, replay.apply(t.Context(), c))
	}
	equal(t, "files", p.Git("ls-tree", "-r", "--name-only", replay.tip), "")
	equal(t, "commits", p.Git("rev-list", "--count", replay.tip), "3")
}

// TestReplayKeepsAuthors: a commit that is made again has its author and its message, and a committer of its own.
func TestReplayKeepsAuthors(t *testing.T) {
	p := newProject(t, "plain")
	trees := p.trees()
	tree, err := trees.Edit(p.Head, []git.Edit{{
		Path: in(runB, repo.RecordName), Mode: "100644",
		ID: p.blob(string(record(t, runB))),
	}})
	check(t, err)
	author := &git.Signature{Name: "Eve Ö", Email: "eve@example.org", Date: "@1700000000 -0330"}
	ours, err := git.WriteCommit(t.Context(), p.runs.Git, git.CommitObject{
		Tree: tree, Parents: []string{p.Head},
		Message: "runs: add 1 run\n\n# x\n", Author: author,
	})
	check(t, err)
	theirs := p.commitTree([]string{p.Head}, map[string]any{"README": "theirs\n"})
	c, err := readRunCommit(t.Context(), p.runs.Git, trees, theirs, ours)
	check(t, err)
	replay, err := newReplayer(t.Context(), p.runs.Git, trees, theirs)
	check(t, err)
	check(t, replay.apply(t.Context(), c))
	got, err := trees.Commit(replay.tip)
	check(t, err)
	equal(t, "author", *got.Author, *author)
	equal(t, "message", got.Message, "runs: add 1 run\n\n# x\n")
}

// TestReadRunCommit: a commit of runs does what our commands do and nothing else.
func TestReadRunCommit(t *testing.T) {
	linux, linuxData, _ := environment(t, "linux")
	a := in(runA, repo.RecordName)
	mark := ".runs/removed/" + runA
	p := newProject(t, "plain")
	_ = p.blob("")
	first := []byte(gittest.RunText)
	once := redactionOf(t, first)
	for _, c := range []struct {
		name       string
		base, does map[string]any
		changes    string // the file that makes it a commit of code; empty: it is one of runs
	}{
		{"a run", nil, map[string]any{in(runB, repo.RecordName): record(t, runB), ".runs/" + linux: linuxData}, ""},
		{"a note", nil, map[string]any{in(runA, "notes/"+noteName(1)): note(t, "x")}, ""},
		{"a removal", nil, map[string]any{a: nil, mark: ""}, ""},
		{"a restored run", map[string]any{a: nil, mark: ""}, map[string]any{a: record(t, runA), mark: nil}, ""},
		{"a collected file", map[string]any{".runs/" + linux: linuxData}, map[string]any{".runs/" + linux: nil}, ""},
		{"a redaction", nil, map[string]any{a: once}, ""},
		{
			"a second redaction",
			map[string]any{a: once},
			map[string]any{a: redactionOf(t, once, hideName)},
			"",
		},
		{"files of the setup", nil, map[string]any{".runs/.gitignore": "x"}, ""},
		{"nothing", nil, map[string]any{}, ""},

		{"code", nil, map[string]any{"README": "x"}, "README"},
		{"code and a run", nil, map[string]any{"src/x": "x", in(runB, repo.RecordName): record(t, runB)}, "src/x"},
		{"the settings", nil, map[string]any{".runs/config.toml": "x"}, ".runs/config.toml"},
		{"a removal without its mark", nil, map[string]any{a: nil}, a},
		{"the mark of another run", nil, map[string]any{a: nil, ".runs/removed/" + runB: ""}, a},
		{"the mark of another folder", nil, map[string]any{a: nil, "sub/" + mark: ""}, a},
		{"a rewritten record", nil, map[string]any{a: record(t, runA, failed)}, a},
		{"a redaction taken back", map[string]any{a: once}, map[string]any{a: first}, a},
		{"a redaction that changes a status", nil, map[string]any{a: redactionOf(t, first, failed)}, a},
		{
			"a redaction of another past",
			map[string]any{a: once},
			map[string]any{a: redactionOf(t, once, func(run *format.Run) { run.Redacted[0].Was = strings.Repeat("3", 64) })},
			a,
		},
		{
			"a rewritten note",
			map[string]any{in(runA, "notes/"+noteName(1)): note(t, "x")},
			map[string]any{in(runA, "notes/"+noteName(1)): note(t, "y")},
			in(runA, "notes/"+noteName(1)),
		},
		{
			"a rewritten shared file",
			map[string]any{".runs/" + linux: linuxData},
			map[string]any{".runs/" + linux: "x"},
			".runs/" + linux,
		},
		{"a link", nil, map[string]any{in(runB, "artifacts/x"): git.Edit{
			Mode: "120000",
			ID:   "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
		}}, in(runB, "artifacts/x")},
		{
			"a submodule", nil,
			map[string]any{in(runB, "artifacts/x"): git.Edit{Mode: "160000", ID: strings.Repeat("1", 40)}},
			in(runB, "artifacts/x"),
		},
		{"an unknown name", nil, map[string]any{".runs/odd": "x"}, ".runs/odd"},
		{
			"a run of another day", nil,
			map[string]any{".runs/2026-01-09/" + runB + "/run.toml": record(t, runB)},
			".runs/2026-01-09/" + runB + "/run.toml",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			base := p.commitTree([]string{p.Head}, c.base)
			id := p.commitTree([]string{base}, c.does)
			commit, err := readRunCommit(t.Context(), p.runs.Git, p.trees(), base, id)
			var code *codeCommitError
			if c.changes == "" {
				check(t, err)
				equal(t, "edits", len(commit.edits), len(c.does))
				return
			}
			if !errors.As(err, &code) || code.path != c.changes || !strings.Contains(err.Error(), c.changes) {
				t.Errorf("readRunCommit: %v", err)
			}
		})
	}
}

// TestReadMerge: a merge that only joins is nothing; one that changes or undoes code is a commit of code.
func TestReadMerge(t *testing.T) {
	p := newProject(t, "plain")
	trees := p.trees()
	runs := p.commitTree([]string{p.Head}, map[string]any{in(runB, repo.RecordName): record(t, runB)})
	code := p.commitTree([]string{p.Head}, map[string]any{"README": "theirs\n"})
	for _, c := range []struct {
		name    string
		parents []string
		files   map[string]any
		changes string
	}{
		{"joins", []string{runs, code}, map[string]any{"README": "theirs\n"}, ""},
		{"joins the other way round", []string{code, runs}, map[string]any{in(runB, repo.RecordName): record(t, runB)}, ""},
		{"changes code", []string{runs, code}, map[string]any{"README": "merged\n"}, "README"},
		{"undoes the code of the base", []string{runs, code}, nil, "README"},
	} {
		id := p.commitTree(c.parents, c.files)
		commit, err := readRunCommit(t.Context(), p.runs.Git, trees, code, id)
		var own *codeCommitError
		switch {
		case c.changes == "" && (commit != nil || err != nil):
			t.Errorf("%s: %+v, %v", c.name, commit, err)
		case c.changes != "" && (!errors.As(err, &own) || own.path != c.changes):
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestUnpushed names the commits of code that lie between those of runs, and only the first of many.
func TestUnpushed(t *testing.T) {
	p := newProject(t, "plain")
	trees := p.trees()
	runs := p.commitTree([]string{p.Head}, map[string]any{in(runB, repo.RecordName): record(t, runB)})
	more := p.commitTree([]string{runs}, map[string]any{in(runC, repo.RecordName): record(t, runC)})
	commits, err := unpushed(t.Context(), p.runs, trees, more, p.Head)
	check(t, err)
	if len(commits) != 2 || commits[0].id != runs || commits[1].id != more {
		t.Errorf("unpushed: %+v", commits)
	}
	tip := more
	for n := 1; n <= maxNamedCommits+2; n++ {
		tip = p.commitTree([]string{tip}, map[string]any{"README": strings.Repeat("x", n)})
		_, err := unpushed(t.Context(), p.runs, trees, tip, p.Head)
		var code *codeCommitsError
		if !errors.As(err, &code) || len(code.commits) != min(n, maxNamedCommits+1) {
			t.Errorf("%d commits of code: %v", n, err)
			continue
		}
		equal(t, "named", strings.Count(err.Error(), "(test)"), min(n, maxNamedCommits))
		equal(t, "more", strings.Contains(err.Error(), "more than 3"), n > maxNamedCommits)
	}
}

// TestCodeCommitsHint says how to publish code, which is for the user to do.
func TestCodeCommitsHint(t *testing.T) {
	p := newProject(t, "plain")
	code := p.commitTree([]string{p.Head}, map[string]any{"README": "ours\n"})
	other := p.commitTree([]string{p.Head}, map[string]any{"README": "theirs\n"})
	up := git.UpstreamNamed("origin", "main")
	e := &codeCommitsError{[]*codeCommitError{{id: code, subject: "test", path: "README"}}}
	for _, c := range []struct {
		name, base string
		local      localBranch
		own        bool
		want       string
	}{
		{"on the upstream", p.Head, onBranch("main", code), true, "run 'git push'"},
		{"a new repository", "", onBranch("main", code), true, "run 'git push'"},
		{
			"others have pushed", other,
			onBranch("main", code),
			true,
			"run 'git pull --rebase origin main' and 'git push'",
		},
		{"a branch without upstream", p.Head, onBranch("wide", code), false, "run 'git push -u origin wide'"},
	} {
		err := e.withStep(t.Context(), p.runs, nil, c.local, c.base, up, c.own)
		var hint *repo.HintError
		if !errors.As(err, &hint) || !strings.HasPrefix(hint.Hint, c.want+" to publish") {
			t.Errorf("%s: %v, hint %v", c.name, err, hint)
		}
	}
}
