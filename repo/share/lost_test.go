package share

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git/gittest"
)

// TestRestoreLost restores runs that this clone committed and that no branch has any more.
func TestRestoreLost(t *testing.T) {
	linux, linuxData, onLinux := environment(t, "linux")
	for _, shape := range []string{"detached", "linked worktree", "SHA-256", "unborn"} {
		t.Run(shape, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, shape)
			p.share(linux, linuxData)
			p.add(runB, onLinux)
			p.commitAll()
			p.Write(in(runB, "notes/"+noteName(1)), string(note(t, "late")))
			p.commitAll()
			p.loseRuns()
			done, err := RestoreLost(t.Context(), p.runs, LostRequest{DryRun: true})
			check(t, err)
			equal(t, "runs of a dry run", len(done.Runs), 1)
			equal(t, "record after a dry run", p.Read(in(runB, repo.RecordName)), "(none)")
			done, err = RestoreLost(t.Context(), p.runs, LostRequest{})
			check(t, err)
			if len(done.Runs) != 1 || done.Runs[0].ID != runB || len(done.Refused) != 0 {
				t.Fatalf("RestoreLost: %+v", done)
			}
			equal(t, "record", p.Read(in(runB, repo.RecordName)), string(record(t, runB, onLinux)))
			equal(t, "note", p.Read(in(runB, "notes/"+noteName(1))), string(note(t, "late")))
			equal(t, "shared file", p.Read(".runs/"+linux), string(linuxData))
			done, err = RestoreLost(t.Context(), p.runs, LostRequest{})
			check(t, err)
			equal(t, "nothing is lost any more", len(done.Runs), 0)
			if _, err := RestoreLost(t.Context(), p.runs, LostRequest{IDs: []string{runB}}); err == nil ||
				!strings.Contains(err.Error(), "working tree") {
				t.Errorf("a run that is not lost: %v", err)
			}
		})
	}
}

// loseRuns takes run B away as a hard reset, a clean and a garbage collection would.
func (p *project) loseRuns() {
	p.t.Helper()
	check(p.t, os.RemoveAll(p.runs.RunDir(runB)))
	check(p.t, os.RemoveAll(p.Path(".runs/environments")))
	check(p.t, os.RemoveAll(filepath.Join(p.runs.Git.Common, "runs", "shared")))
	if p.Unborn {
		p.Git("update-ref", "-d", "HEAD")
		p.Git("read-tree", "--empty")
		return
	}
	p.Git("reset", "-q", "--hard", "@{2}")
	p.Git("reflog", "expire", "--expire=now", "--all")
	p.Git("gc", "-q", "--prune=now")
}

// TestFindLost decides which runs are lost.
func TestFindLost(t *testing.T) {
	for _, c := range []struct {
		name      string
		do        func(p *project, committed string)
		ids       []string
		want      int
		elsewhere int
		fails     error
	}{
		{name: "a reset", want: 1},
		{
			name: "another branch has it", do: func(p *project, committed string) { p.Git("branch", "-q", "other", committed) },
			elsewhere: 1,
		},
		{name: "another branch has it, by name", do: func(p *project,
			committed string,
		) {
			p.Git("branch", "-q", "other", committed)
		}, ids: []string{runB}, want: 1},
		{name: "it was removed", do: func(p *project, _ string) { p.Write(".runs/removed/"+runB, "") }},
		{
			name: "it was removed, by name", do: func(p *project, _ string) { p.Write(".runs/removed/"+runB, "") },
			ids: []string{runB}, want: 1,
		},
		{name: "a removal was committed, by name", do: func(p *project, committed string) {
			p.Git("reset", "-q", "--hard", committed)
			p.Write(".runs/removed/"+runB, "")
			check(p.t, os.RemoveAll(p.runs.RunDir(runB)))
			p.commitAll()
		}, ids: []string{runB}, want: 1},
		{name: "never committed", ids: []string{runC}, fails: ErrNeverCommitted},
		{name: "a folder that a switch of branches left", do: func(p *project,
			_ string,
		) {
			p.Write(in(runB, "output.log"), "x")
		}, want: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, "plain")
			p.add(runB)
			p.commitAll()
			committed := p.Head
			p.Git("reset", "-q", "--hard", "HEAD^")
			check(t, os.RemoveAll(p.runs.RunDir(runB)))
			if c.do != nil {
				c.do(p, committed)
			}
			done, err := RestoreLost(t.Context(), p.runs, LostRequest{IDs: c.ids})
			if c.fails != nil {
				if !errors.Is(err, c.fails) {
					t.Errorf("RestoreLost: %v", err)
				}
				return
			}
			check(t, err)
			equal(t, "runs", len(done.Runs), c.want)
			equal(t, "on other branches", done.OnOtherBranches, c.elsewhere)
			if c.want > 0 {
				equal(t, "record", p.Read(in(runB, repo.RecordName)), string(record(t, runB)))
				removed, err := p.runs.RemovedIDs()
				check(t, err)
				equal(t, "marked as removed", removed[runB], false)
			}
		})
	}
}

// TestOpenLost: where a reset took the .runs folder away, it is set up again where its runs were.
func TestOpenLost(t *testing.T) {
	p := newProject(t, "plain")
	p.add(runB)
	p.commitAll()
	p.Git("reset", "-q", "--hard", "HEAD^")
	check(t, os.RemoveAll(p.Path(".runs")))
	r, err := OpenLost(t.Context(), p.Path("src"), true)
	check(t, err)
	equal(t, "folder, dry", r.Dir, p.Path(".runs"))
	if _, err := os.Lstat(r.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a dry run made %s: %v", r.Dir, err)
	}
	r, err = OpenLost(t.Context(), p.Path("src"), false)
	check(t, err)
	equal(t, "folder", r.Dir, p.Path(".runs"))
	done, err := RestoreLost(t.Context(), r, LostRequest{})
	check(t, err)
	equal(t, "runs", len(done.Runs), 1)

	sub := gittest.New(t)
	_, err = OpenLost(t.Context(), sub.Dir, false)
	if !errors.Is(err, repo.ErrNoRepository) {
		t.Errorf("OpenLost where no runs were: %v", err)
	}
}

// TestRestoreDamaged: a kept run that is not what its record says is refused.
func TestRestoreDamaged(t *testing.T) {
	p := newProject(t, "plain")
	kept := p.commitTree(nil, map[string]any{
		in(runB, repo.RecordName): record(t, runB, func(run *format.Run) {
			run.Files = map[string]format.File{"aside.jsonl": {SHA256: strings.Repeat("0", 64), Bytes: 1}}
		}),
		in(runB, "aside.jsonl"):   "x",
		in(runC, repo.RecordName): record(t, runC),
	})
	p.Git("update-ref", keptRef, kept)
	done, err := RestoreLost(t.Context(), p.runs, LostRequest{})
	check(t, err)
	if len(done.Runs) != 1 || len(done.Refused) != 1 || done.Refused[0].ID != runB {
		t.Errorf("RestoreLost: %+v", done)
	}
	equal(t, "record", p.Read(in(runB, repo.RecordName)), "(none)")
}

// TestRestoreRunning: a lost run that is in progress here is not restored beside itself.
func TestRestoreRunning(t *testing.T) {
	linux, linuxData, onLinux := environment(t, "linux")
	p := newProject(t, "plain")
	p.share(linux, linuxData)
	p.add(runB, onLinux)
	p.commitAll()
	p.loseRuns()
	running := record(t, runB, func(run *format.Run) { run.Status, run.Ended = format.Running, time.Time{} })
	p.Write(".runs/active/"+runB+"/run.toml", string(running))
	for _, dry := range []bool{true, false} {
		done, err := RestoreLost(t.Context(), p.runs, LostRequest{DryRun: dry})
		check(t, err)
		if len(done.Runs) != 0 || len(done.Refused) != 1 ||
			!strings.Contains(done.Refused[0].Err.Error(), "it is still running here") {
			t.Errorf("RestoreLost: %+v", done)
		}
	}
	equal(t, "record", p.Read(in(runB, repo.RecordName)), "(none)")
	equal(t, "shared file", p.Read(".runs/"+linux), "(none)")
}

// TestNewestVersion: a lost run comes back as it was after its last redaction, whoever kept what was before.
func TestNewestVersion(t *testing.T) {
	first := []byte(gittest.RunText)
	hidden := redactionOf(t, first, hideName)
	forged := redactionOf(t, first, failed)
	for _, c := range []struct {
		name     string
		versions []any // of commits that follow one another
		want     []byte
	}{
		{"not redacted", []any{nil}, first},
		{"redacted", []any{hidden, nil}, hidden},
		{"forged", []any{forged, nil}, first},
		{"forged after a redaction", []any{hidden, forged, nil}, hidden},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newProject(t, "plain")
			head := p.Head
			for _, version := range c.versions {
				head = p.commitTree([]string{head}, map[string]any{in(runA, repo.RecordName): version})
			}
			p.Git("update-ref", keptRef, p.Head)
			p.Git("reset", "-q", "--hard", head)
			done, err := RestoreLost(t.Context(), p.runs, LostRequest{})
			check(t, err)
			if len(done.Runs) != 1 {
				t.Fatalf("RestoreLost: %+v", done)
			}
			equal(t, "record", p.Read(in(runA, repo.RecordName)), string(c.want))
		})
	}
}
