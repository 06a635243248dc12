package share

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// mergeAct is what one side of a merge does with the runs of a batch.
type mergeAct struct {
	name    string
	do      func(p *project)
	removed string // a run that it removes
	added   []string
	secret  string // a text that it redacts
}

// The runs of the base: three in a batch, one by itself.
const (
	alone     = "20260103-000000-eeeeeeee"
	newSingle = "20260103-000000-ffffffff"
	newFirst  = "20260103-000000-gggggggg"
	newSecond = "20260103-000000-hhhhhhhh"
)

func (p *project) remove(id string) {
	p.t.Helper()
	p.reopen()
	e, err := p.runs.Read(p.t.Context(), id)
	check(p.t, err)
	check(p.t, p.runs.Remove(p.t.Context(), []*repo.Entry{e}, map[string]bool{id: true}))
}

func mergeActs(t *testing.T) []mergeAct {
	redact := func(id string) func(p *project) {
		return func(p *project) { p.redact(id, "secret of "+id) }
	}
	return []mergeAct{
		{name: "nothing", do: func(p *project) { p.Git("commit", "-q", "--allow-empty", "-m", "code") }},
		{name: "redact the first", do: redact(runB), secret: "secret of " + runB},
		{name: "redact the last", do: redact(runD), secret: "secret of " + runD},
		{name: "redact the one alone", do: redact(alone), secret: "secret of " + alone},
		{name: "remove", do: func(p *project) { p.remove(runC) }, removed: runC},
		{name: "remove the one alone", do: func(p *project) { p.remove(alone) }, removed: alone},
		{name: "add one", do: func(p *project) { p.add(newSingle) }, added: []string{newSingle}},
		{name: "add a batch", do: func(p *project) {
			p.add(newFirst)
			p.add(newSecond)
		}, added: []string{newFirst, newSecond}},
		{name: "pack", do: func(p *project) {
			_, err := Pack(t.Context(), p.runs, PackRequest{})
			check(t, err)
		}},
		{name: "note", do: func(p *project) {
			p.Write(in(runB, "notes/"+noteName(1)), string(note(t, "said")))
		}},
	}
}

// TestMergesOfBatches merges branches that both have changed the runs of a batch, as a user does it: a conflict is
// ended with 'git add'. After 'runs commit' and 'runs pack', nothing is damaged or missing, and no file has what one
// side has redacted.
func TestMergesOfBatches(t *testing.T) {
	acts := mergeActs(t)
	p := batching(t, "1")
	for _, id := range []string{runB, runC, runD, alone} {
		if id == alone {
			_, err := Commit(t.Context(), p.runs, Request{})
			check(t, err)
			p.reopen()
		}
		p.add(id, func(run *format.Run) { run.Note = "the secret of " + id })
	}
	_, err := Commit(t.Context(), p.runs, Request{})
	check(t, err)
	p.Git("tag", "base")
	for _, a := range acts {
		p.Git("checkout", "-q", "-B", branchOf(a), "base")
		p.reopen()
		a.do(p)
		p.reopen()
		_, err := Commit(t.Context(), p.runs, Request{})
		check(t, err)
		if status := p.Git("status", "--porcelain"); status != "" {
			t.Fatalf("%s: %s", a.name, status)
		}
	}
	for _, a := range acts {
		for _, b := range acts {
			if a.name != b.name {
				t.Run(a.name+" and "+b.name, func(t *testing.T) {
					(&project{Repository: p.In(t), t: t, runs: p.runs}).mergeBatches(t, a, b)
				})
			}
		}
	}
}

func branchOf(a mergeAct) string { return strings.ReplaceAll(a.name, " ", "-") }

func (p *project) mergeBatches(t *testing.T, a, b mergeAct) {
	p.Git("checkout", "-q", "-f", "-B", "merged", branchOf(a))
	p.Git("clean", "-fdxq") // what a test before has left
	if trash, _ := filepath.Glob(filepath.Join(p.Dir, ".git/runs/finished/*")); len(trash) > 0 {
		check(t, os.RemoveAll(trash[0]))
	}
	cmd := exec.Command("git", "merge", "-q", "--no-edit", branchOf(b))
	cmd.Dir = p.Dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Logf("%s", out)
		p.Git("add", "-A", "-f", ".runs/2*")
		p.Git("commit", "-qm", "merged")
	}
	p.reopen()
	_, err := Commit(t.Context(), p.runs, Request{}) // a run that one side has removed and the other has redacted goes
	check(t, err)
	p.reopen()
	_, err = Pack(t.Context(), p.runs, PackRequest{})
	check(t, err)
	want := []string{runA, runB, runC, runD, alone}
	want = append(append(want, a.added...), b.added...)
	want = slices.DeleteFunc(want, func(id string) bool { return id == a.removed || id == b.removed })
	slices.Sort(want)
	p.reopen()
	entries, damaged, err := p.runs.List(t.Context())
	check(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, e.ID)
	}
	slices.Sort(got)
	equalLists(t, "runs", got, want)
	if len(damaged) > 0 {
		t.Errorf("damaged: %v", damaged)
	}
	p.sound(len(want))
	texts := p.textsIn("HEAD")
	for _, secret := range []string{a.secret, b.secret} {
		if secret != "" && strings.Contains(texts, secret) {
			t.Errorf("the branch still has the %s", secret)
		}
	}
	for _, id := range want[1:] {
		if kept := "secret of " + id; kept != a.secret && kept != b.secret && !slices.Contains(a.added, id) &&
			!slices.Contains(b.added, id) && !strings.Contains(texts, kept) {
			t.Errorf("the branch lost the %s", kept)
		}
	}
}
