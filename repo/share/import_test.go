package share

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// TestOpenSource finds the .runs folder that a path means.
func TestOpenSource(t *testing.T) {
	p := newProject(t, "plain")
	copied := filepath.Join(p.Base, "copied")
	check(t, os.MkdirAll(filepath.Join(copied, "2026-01-03", runB), 0o777))
	check(t, os.MkdirAll(filepath.Join(p.Base, "only active", "active"), 0o777))
	check(t, os.MkdirAll(filepath.Join(p.Base, "empty", "2026-99-99"), 0o777))
	for _, c := range []struct {
		path      string
		dir, only string
		fails     error
	}{
		{p.Dir, p.Path(".runs"), "", nil},
		{p.Path(".runs"), p.Path(".runs"), "", nil},
		{copied, copied, "", nil},
		{filepath.Join(p.Base, "only active"), filepath.Join(p.Base, "only active"), "", nil},
		{filepath.Join(copied, "2026-01-03", runB), copied, runB, nil},
		{p.runs.RunDir(runA), p.Path(".runs"), runA, nil},
		{filepath.Join(p.Base, "empty"), "", "", ErrUnknownKind},
		{p.Path("README"), "", "", ErrUnknownKind},
		{filepath.Join(p.Base, "absent"), "", "", os.ErrNotExist},
	} {
		got, err := openSource(c.path)
		if c.fails != nil {
			if !errors.Is(err, c.fails) || CheckImport(c.path) == nil {
				t.Errorf("%s: %v", c.path, err)
			}
			continue
		}
		check(t, err)
		equal(t, c.path, got.Dir, c.dir)
		equal(t, c.path, got.only, c.only)
	}
}

// TestImport imports what another folder has and this one lacks.
func TestImport(t *testing.T) {
	linux, linuxData, onLinux := environment(t, "linux")
	aside := func(run *format.Run) { run.Files = map[string]format.File{"aside.jsonl": digestOf("x")} }
	for _, c := range []struct {
		name    string
		from    func(p *project) // the other project
		to      func(p *project)
		ask     ImportRequest
		runs    []string
		present []string
		removed []string
		refused map[string]string // id and reason
		notes   int
		fails   string
	}{
		{name: "a run with what it shares", from: func(p *project) {
			p.share(linux, linuxData)
			p.add(runB, onLinux)
		}, runs: []string{runB}},
		{name: "a run with files", from: func(p *project) {
			p.add(runB, aside)
			p.Write(in(runB, "aside.jsonl"), "x")
			p.Write(in(runB, "notes/"+noteName(1)), string(note(p.t, "x")))
		}, runs: []string{runB}},
		{
			name: "a run that is here", from: func(p *project) {
				p.add(runB)
				p.Write(in(runB, "notes/"+noteName(1)), string(note(p.t, "x")))
			},
			to:      func(p *project) { p.add(runB) },
			present: []string{runB}, notes: 1,
		},
		{
			name: "a run that was finished twice", from: func(p *project) { p.add(runB, failed) },
			to:      func(p *project) { p.add(runB) },
			refused: map[string]string{runB: "run.toml"},
		},
		{
			name: "a run that was removed here", from: func(p *project) { p.add(runB) },
			to: func(p *project) { p.Write(".runs/removed/"+runB, "") }, removed: []string{runB},
		},
		{
			name: "a run that was removed here, by name", from: func(p *project) { p.add(runB) },
			to:  func(p *project) { p.Write(".runs/removed/"+runB, "") },
			ask: ImportRequest{IDs: []string{runB}}, runs: []string{runB},
		},
		{
			name: "one of two, by name", from: func(p *project) { p.add(runB); p.add(runC) },
			ask: ImportRequest{IDs: []string{runC}}, runs: []string{runC},
		},
		{
			name: "a run that is not there, by name", from: func(p *project) { p.add(runB) },
			ask: ImportRequest{IDs: []string{runD}}, fails: runD,
		},
		{name: "a folder without a record", from: func(p *project) { p.Write(in(runB, "output.log"), "x") }},
		{
			name: "a missing shared file", from: func(p *project) { p.add(runB, onLinux) },
			refused: map[string]string{runB: linux},
		},
		{
			name: "a shared file that is here", from: func(p *project) { p.add(runB, onLinux) },
			to: func(p *project) { p.share(linux, linuxData) }, runs: []string{runB},
		},
		{name: "a shared file of other content", from: func(p *project) {
			p.add(runB, onLinux)
			p.Write(".runs/"+linux, "x")
		}, refused: map[string]string{runB: linux}},
		{
			name: "a missing file", from: func(p *project) { p.add(runB, aside) },
			refused: map[string]string{runB: "aside.jsonl is missing"},
		},
		{name: "a file of another size", from: func(p *project) {
			p.add(runB, aside)
			p.Write(in(runB, "aside.jsonl"), "xx")
		}, refused: map[string]string{runB: "2 bytes"}},
		{name: "a file of other content", from: func(p *project) {
			p.add(runB, aside)
			p.Write(in(runB, "aside.jsonl"), "y")
		}, refused: map[string]string{runB: "digest differs"}},
		{name: "a link in place of a file", from: func(p *project) {
			p.add(runB, aside)
			check(p.t, os.Symlink(p.Path("README"), p.Path(in(runB, "aside.jsonl"))))
		}, refused: map[string]string{runB: "link"}},
		{
			name: "a damaged record", from: func(p *project) { p.Write(in(runB, repo.RecordName), "x = ") },
			refused: map[string]string{runB: "run.toml"},
		},
		{name: "a damaged note", from: func(p *project) {
			p.add(runB)
			p.Write(in(runB, "notes/"+noteName(1)), "x = ")
		}, refused: map[string]string{runB: noteName(1)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			from, to := newProject(t, "unborn"), newProject(t, "unborn")
			c.from(from)
			if c.to != nil {
				c.to(to)
			}
			c.ask.Path = from.Dir
			dry := c.ask
			dry.DryRun = true
			for _, ask := range []ImportRequest{dry, c.ask} {
				before := to.Git("status", "--porcelain", "--ignored", "--untracked-files=all")
				done, err := Import(t.Context(), to.runs, ask)
				if c.fails != "" {
					if err == nil || !strings.Contains(err.Error(), c.fails) {
						t.Errorf("Import: %v", err)
					}
					continue
				}
				check(t, err)
				equalLists(t, "runs", done.Runs, c.runs)
				equalLists(t, "present", done.Present, c.present)
				equalLists(t, "removed", done.Removed, c.removed)
				equal(t, "notes", done.Notes, c.notes)
				equal(t, "refused", len(done.Refused), len(c.refused))
				for _, d := range done.Refused {
					if want := c.refused[d.ID]; want == "" || !strings.Contains(d.Err.Error(), want) {
						t.Errorf("refused: %v", d.Err)
					}
				}
				if ask.DryRun {
					equal(t, "a dry run changes nothing", to.Git("status", "--porcelain", "--ignored", "--untracked-files=all"),
						before)
					continue
				}
				for _, id := range c.runs {
					equal(t, "record", to.Read(in(id, repo.RecordName)), from.Read(in(id, repo.RecordName)))
					equal(t, "note", to.Read(in(id, "notes/"+noteName(1))), from.Read(in(id, "notes/"+noteName(1))))
					equal(t, "marker", to.Read(".runs/removed/"+id), "(none)")
				}
				again, err := Import(t.Context(), to.runs, ask)
				check(t, err)
				equal(t, "runs of a repeated import", len(again.Runs)+again.Notes, 0)
			}
		})
	}
}

// TestImportItself: a repository is not imported into itself, whatever its path is called.
func TestImportItself(t *testing.T) {
	p := newProject(t, "plain")
	link := filepath.Join(p.Base, "link")
	check(t, os.Symlink(p.Dir, link))
	for _, path := range []string{p.Dir, link} {
		if _, err := Import(t.Context(), p.runs, ImportRequest{Path: path}); err == nil {
			t.Errorf("%s is imported", path)
		}
	}
}

// TestLstat follows no link on the way to a file of a stranger.
func TestLstat(t *testing.T) {
	dir := t.TempDir()
	check(t, os.MkdirAll(filepath.Join(dir, "a", "b"), 0o777))
	check(t, os.WriteFile(filepath.Join(dir, "a", "b", "c"), []byte("text"), 0o666))
	check(t, os.Symlink("a", filepath.Join(dir, "link")))
	check(t, os.Symlink("c", filepath.Join(dir, "a", "b", "file")))
	for name, want := range map[string]string{
		"a/b/c": "", "a/b/absent": "no such file", "absent/c": "no such file", "link/b/c": "link", "a/b/file": "link",
		"a/b": "regular", "a/b/c/d": "regular",
		"../x": "path", "/etc/passwd": "path", "": "path",
	} {
		_, err := lstat(dir, name)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := readRegular(dir, "a/b/c", 3); err == nil || !strings.Contains(err.Error(), "3 bytes") {
		t.Errorf("readRegular past its limit: %v", err)
	}
	data, err := readRegular(dir, "a/b/c", 4)
	check(t, err)
	equal(t, "readRegular", string(data), "text")
}
