package review

import (
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	mlflownames "github.com/gitruns/runs/repo/mlflow/names"
)

// MadeBeside reports whether a program made a run beside the one that records the program, as programs of MLflow do
// that make several. Its group is then the id of that one.
func MadeBeside(run *format.Run) bool { return run.Group != "" && format.CheckID(run.Group) == nil }

// Counterpart returns which of the runs that a repeated program made stands for one that the program made before,
// besides the run that records it: the one with the same name that comes at the same place among those with this name.
// It is nil if there is none. own is the id of the run that records the repeated program; entries are all runs.
func Counterpart(of *repo.Entry, entries []*repo.Entry, own string) *repo.Entry {
	before, after := made(entries, of.Group, givenName(of)), made(entries, own, givenName(of))
	at := slices.IndexFunc(before, func(e *repo.Entry) bool { return e.ID == of.ID })
	if at < 0 || at >= len(after) {
		return nil
	}
	return after[at]
}

// givenName returns the name that the program gave a run. It is empty if the run has one that was made of its id.
func givenName(e *repo.Entry) string {
	if e.Name == mlflownames.Of(e.ID) {
		return ""
	}
	return e.Name
}

// made returns the runs of a group that were given a name, in the order in which they started.
func made(entries []*repo.Entry, group, name string) []*repo.Entry {
	var list []*repo.Entry
	for _, e := range entries {
		if e.Group == group && givenName(e) == name {
			list = append(list, e)
		}
	}
	slices.SortStableFunc(list, func(a, b *repo.Entry) int { return a.Started.Compare(b.Started) })
	return list
}
