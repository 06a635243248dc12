package share

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git/gittest"
	"github.com/gitruns/runs/repo/transition"
)

// TestBranchDamage names runs that commits have damaged, as long as the branch has them so.
func TestBranchDamage(t *testing.T) {
	a := in(runA, repo.RecordName)
	first := []byte(gittest.RunText)
	hidden := redactionOf(t, first, hideName)
	for _, c := range []struct {
		name    string
		commits []map[string]any
		want    string // the reason; empty: all is well
	}{
		{"a note", []map[string]any{{in(runA, "notes/"+noteName(1)): note(t, "x")}}, ""},
		{"a redaction", []map[string]any{{a: hidden}}, ""},
		{"a removal", []map[string]any{{a: nil, ".runs/removed/" + runA: ""}}, ""},
		{"another status", []map[string]any{{a: record(t, runA, failed)}}, "run.toml was rewritten"},
		{"another status under a redaction", []map[string]any{{a: redactionOf(t, first, failed)}}, "status changed"},
		{"another status, taken back", []map[string]any{{a: redactionOf(t, first, failed)}, {a: first}}, ""},
		{"a redaction taken back", []map[string]any{{a: hidden}, {a: first}}, "a redaction was taken back"},
		{"a deletion", []map[string]any{{a: nil}}, transition.Unmarked},
		{"a deletion, taken back", []map[string]any{{a: nil}, {a: first}}, ""},
		{"a deletion, and a marker", []map[string]any{{a: nil}, {".runs/removed/" + runA: ""}}, ""},
		{"an edited note", []map[string]any{
			{in(runA, "notes/"+noteName(1)): note(t, "x")}, {in(runA, "notes/"+noteName(1)): note(t, "y")},
		}, ".toml was rewritten"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, "plain")
			for _, before := range []bool{true, false} { // all at once, and after what is remembered
				head := p.Head
				if before {
					damage, err := BranchDamage(t.Context(), p.runs)
					check(t, err)
					equal(t, "damage before", len(damage), 0)
				} else {
					check(t, os.Remove(soundFile(p.runs)))
				}
				for _, files := range c.commits {
					head = p.commitTree([]string{head}, files)
				}
				p.Git("update-ref", "HEAD", head)
				damage, err := BranchDamage(t.Context(), p.runs)
				check(t, err)
				switch {
				case c.want == "" && len(damage) > 0, c.want != "" && len(damage) != 1:
					t.Errorf("damage: %+v", damage)
				case c.want != "" && (damage[0].ID != runA || !strings.Contains(damage[0].Reason, c.want)):
					t.Errorf("damage: %+v, want %q", damage, c.want)
				}
				p.Git("update-ref", "HEAD", p.Head)
				if before && c.want != "" {
					check(t, os.WriteFile(soundFile(p.runs), nil, 0o666))
				}
			}
		})
	}
}

// TestBranchDamageOfTwo: a runs branch has runs that the branch of the code never had, and both move by themselves.
func TestBranchDamageOfTwo(t *testing.T) {
	p := newProject(t, "plain")
	p.Write(".runs/config.toml", "[commit]\nbranch = \"results\"\n")
	results := p.commitTree(nil, map[string]any{in(runB, repo.RecordName): record(t, runB)})
	p.Git("update-ref", "refs/heads/results", results)
	var err error
	p.runs, err = repo.Find(p.Dir)
	check(t, err)
	sound := func(what string) {
		t.Helper()
		damage, err := BranchDamage(t.Context(), p.runs)
		check(t, err)
		if len(damage) > 0 {
			t.Errorf("%s: %+v", what, damage)
		}
	}
	sound("both")
	p.Commit("code", map[string]string{"README": "three\n"})
	sound("code on one")
	results = p.commitTree([]string{results}, map[string]any{in(runC, repo.RecordName): record(t, runC)})
	p.Git("update-ref", "refs/heads/results", results)
	sound("a run on the other")
	p.Git("update-ref", "refs/heads/results", p.commitTree([]string{results}, map[string]any{
		in(runB, repo.RecordName): nil,
	}))
	damage, err := BranchDamage(t.Context(), p.runs)
	check(t, err)
	if len(damage) != 1 || damage[0].ID != runB {
		t.Errorf("a deletion on the runs branch: %+v", damage)
	}
}

// TestCommitRemainsSound: a commit of ours need not be looked at if its parent was, unless it also removes or redacts.
func TestCommitRemainsSound(t *testing.T) {
	p := newProject(t, "plain")
	remembered := func(commit string) bool {
		t.Helper()
		data, err := os.ReadFile(soundFile(p.runs))
		return err == nil && strings.TrimSpace(string(data)) == commit
	}
	commit := func() string {
		t.Helper()
		done, err := Commit(t.Context(), p.runs, Request{})
		check(t, err)
		return done.Commit
	}
	p.add(runB)
	equal(t, "after a commit whose parent is unknown", remembered(commit()), false)
	_, err := BranchDamage(t.Context(), p.runs)
	check(t, err)
	p.add(runC)
	equal(t, "after a commit", remembered(commit()), true)
	e, err := p.runs.ReadFinished(runC)
	check(t, err)
	err = p.runs.Remove(t.Context(), []*repo.Entry{e}, map[string]bool{runC: true})
	check(t, err)
	equal(t, "after a removal", remembered(commit()), false)
}

// TestSoundInAnotherWorktree: what one worktree has found of a history, a new worktree need not find again, until it
// has looked itself.
func TestSoundInAnotherWorktree(t *testing.T) {
	p := newProject(t, "plain")
	p.add(runB)
	done, err := Commit(t.Context(), p.runs, Request{})
	check(t, err)
	known := func(r *repo.Repository, commit string) []string {
		t.Helper()
		sound, err := soundCommits(t.Context(), r, commit)
		check(t, err)
		return sound
	}
	dir := filepath.Join(t.TempDir(), "w")
	p.Git("worktree", "add", "-q", dir)
	w, err := repo.Find(dir)
	check(t, err)
	equal(t, "nobody has looked", len(known(w, done.Commit)), 0)
	_, err = BranchDamage(t.Context(), p.runs)
	check(t, err)
	equal(t, "another worktree has looked", strings.Join(known(w, done.Commit), " "), done.Commit)
	whole, err := wholeCommits(t.Context(), w, done.Commit)
	check(t, err)
	equal(t, "shared files", slices.Contains(whole, done.Commit), true)
	p.add(runC)
	next, err := Commit(t.Context(), p.runs, Request{})
	check(t, err)
	equal(t, "a commit later", strings.Join(known(w, next.Commit), " "), next.Commit)
	check(t, os.WriteFile(soundFile(w), nil, 0o666))
	equal(t, "with a file of its own", len(known(w, next.Commit)), 0)
}
