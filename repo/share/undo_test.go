package share

import (
	"slices"
	"testing"

	"github.com/gitruns/runs/format"
)

// TestUndoAfterGit removes a committed run, lets Git do something, and takes the removal back: the run is there again
// with all that it had, and a commit of runs leaves the branch sound.
func TestUndoAfterGit(t *testing.T) {
	for _, batch := range []string{"0", "1"} {
		for _, act := range gitActs {
			t.Run(act.name+", batch "+batch, func(t *testing.T) {
				p := batching(t, batch)
				p.Git("branch", "other")
				for _, id := range []string{runB, runC, runD} {
					p.add(id, func(run *format.Run) { run.Note = "of " + id })
				}
				p.Write(in(runB, "notes/"+noteName(1)), string(note(t, "said later")))
				_, err := Commit(t.Context(), p.runs, Request{})
				check(t, err)
				p.remove(runB)
				p.act(act.acts)
				p.reopen()
				if e, err := p.runs.ReadFinished(runB); err == nil && !act.away {
					removed, err := p.runs.RemovedIDs()
					check(t, err)
					if !removed[runB] {
						t.Errorf("Git has brought back run %s", e.ID)
					}
				}
				ids, err := p.runs.Restore()
				check(t, err)
				if !slices.Equal(ids, []string{runB}) {
					t.Fatalf("restored %q", ids)
				}
				if act.away {
					p.Git("checkout", "-q", "-f", "main")
				}
				p.reopen()
				_, err = Commit(t.Context(), p.runs, Request{})
				check(t, err)
				p.reopen()
				e, err := p.runs.ReadFinished(runB)
				check(t, err)
				notes, err := e.Notes()
				check(t, err)
				if len(notes) != 1 && len(notes) != 2 || notes[len(notes)-1].Text != "said later" {
					t.Errorf("the notes are %+v", notes)
				}
				equal(t, "listed runs", p.listed(), 4)
				p.Git("reset", "-q") // what the user has staged stays staged
				p.sound(4)
			})
		}
	}
}
