package catalog

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/query"
)

var day = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

func TestChains(t *testing.T) {
	for _, c := range []struct{ runs, want string }{ // "b>a" is b, later than a, which resumes a
		{"a b c", "c b a"},
		{"a b>a c>b", "cba"},
		{"a b>a c>a", "ca ba"},
		{"a>a b>z", "b a"},
		{"a>b b>a", "ba"},
		{"a>b b>a c>a", "cab"},
		{"b a>b", "ab"},
		{"", ""},
	} {
		var runs []*format.Run
		for word := range strings.FieldsSeq(c.runs) {
			id, resumes, _ := strings.Cut(word, ">")
			runs = append(runs, &format.Run{ID: id, Resumes: resumes, Started: day.Add(time.Duration(id[0]) * time.Second)})
		}
		var got []string
		for _, chain := range Chains(runs) {
			text := ""
			for _, r := range chain {
				text += r.ID
			}
			got = append(got, text)
		}
		if d := cmp.Diff(c.want, strings.Join(got, " ")); d != "" {
			t.Errorf("%s: %s", c.runs, d)
		}
	}
}

func TestChainIsOneReplicate(t *testing.T) {
	run := func(name string, lr any, seed int64) *format.Run {
		return &format.Run{
			ID: name, Name: name, Started: day, Params: map[string]any{"lr": lr, "train": map[string]any{"seed": seed}},
			Source: &format.Source{Tree: "t"},
		}
	}
	a, b, c, f := run("a", 1.0, 1), run("b", int64(1), 2), run("c", 0.5, 1), run("f", 0.5, 1)
	f.Resumes = c.ID
	runs := Newest([]*format.Run{a, b, c, f})
	got := map[string]string{}
	for _, g := range query.GroupBy(runs, []string{query.ByReplicates}, []string{"seed"}, query.Context{}) {
		for _, r := range g.Runs {
			got[g.Label] += r.Name
		}
	}
	if d := cmp.Diff(map[string]string{"lr=0.5": "f", "lr=1": "ba"}, got); d != "" {
		t.Error(d)
	}
}
