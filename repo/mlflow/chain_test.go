package mlflow

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/format"
)

// A chain has the id of its first part, whichever part is asked for. Of two runs that resume the same one, the newer
// one has it, and the other stands for itself.
func TestChains(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	run := func(id, resumes string, hours int) *format.Run {
		return &format.Run{ID: id, Resumes: resumes, Started: at.Add(time.Duration(hours) * time.Hour)}
	}
	for _, c := range []struct {
		name string
		runs []*format.Run
		want map[string]chain
	}{
		{"none", nil, map[string]chain{}},
		{"alone", []*format.Run{run("a", "", 0)}, map[string]chain{}},
		{"the first part is missing", []*format.Run{run("b", "a", 1)}, map[string]chain{}},
		{
			"three parts",
			[]*format.Run{run("a", "", 0), run("c", "b", 2), run("b", "a", 1)},
			map[string]chain{
				"a": {"a", []string{"c", "b", "a"}}, "b": {"a", []string{"c", "b", "a"}}, "c": {"a", []string{"c", "b", "a"}},
			},
		},
		{
			"a fork",
			[]*format.Run{run("a", "", 0), run("b", "a", 1), run("c", "a", 2)},
			map[string]chain{"a": {"a", []string{"c", "a"}}, "b": {"b", []string{"b", "a"}}, "c": {"a", []string{"c", "a"}}},
		},
		{
			"a ring",
			[]*format.Run{run("a", "b", 0), run("b", "a", 1)},
			map[string]chain{"a": {"a", []string{"b", "a"}}, "b": {"a", []string{"b", "a"}}},
		},
	} {
		got := map[string]chain{}
		for id, whole := range chainsOf(c.runs) {
			got[id] = *whole
		}
		if d := cmp.Diff(c.want, got, cmp.AllowUnexported(chain{})); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}
