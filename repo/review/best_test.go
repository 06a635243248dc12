package review

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/share"
)

// generated adds runs that are hard to group: replicates whose params have other types or places, lost and repeated
// runs, chains, reproductions, and metrics that only a summary has.
type generated struct {
	*project
	*rand.Rand
	ids []string
}

func pick[T any](g *generated, list ...T) T { return list[g.IntN(len(list))] }

func (g *generated) run() {
	g.Helper()
	run := format.Run{
		Name:       fmt.Sprint("run", len(g.ids)),
		Status:     pick(g, format.Finished, format.Finished, format.Finished, format.Failed, format.Killed),
		Experiment: pick(g, "", "", "", "e"),
		Params: pick(
			g,
			format.Params{"lr": int64(1)},
			format.Params{"lr": 1.0},
			format.Params{"lr": "1"},
			format.Params{"opt": map[string]any{"lr": int64(1)}},
			format.Params{"opt.lr": int64(1)},
			format.Params{"opt": map[string]any{}, "n": []any{int64(1)}},
			format.Params{"text": strings.Repeat("long", 400)},
		),
		Source: g.source(),
	}
	if g.IntN(4) > 0 {
		run.Params["seed"] = int64(g.IntN(3))
	}
	switch g.IntN(8) {
	case 0:
		run.Source.Tree = ""
	case 1:
		run.Source.Tree, run.Source.Dirty = "", true
	case 2:
		run.Source = &format.Source{Branch: pick(g, "main", "feature", "other")}
	case 3:
		run.Datasets = []format.Dataset{{Name: "d", SHA256: strings.Repeat(pick(g, "1", "2"), 64)}}
	}
	if len(g.ids) > 0 {
		switch g.IntN(6) {
		case 0:
			run.Resumes = pick(g, g.ids...)
		case 1:
			run.Reproduces = pick(g, g.ids...)
		}
	}
	if g.IntN(6) == 0 {
		run.Defined = []format.Definition{{
			Name: pick(g, "rmse", "r*"), Summary: pick(g, "min", "best", "last"), Goal: pick(g, "", "max"),
		}}
	}
	metrics := series{"loss": {g.NormFloat64(), g.NormFloat64(), g.NormFloat64()}}
	switch value := func() float64 { return pick(g, 0, 1, 1, 2, g.NormFloat64(), math.NaN(), math.Inf(1)) }; g.IntN(4) {
	case 0:
	case 1:
		run.Summary = map[string]any{"rmse": value()}
	default:
		metrics["rmse"] = []float64{value(), value()}
	}
	g.ids = append(g.ids, g.add(run, metrics))
}

// commit commits the runs, in a batch if the settings say so.
func (g *generated) commit() {
	g.Helper()
	r, err := repo.Find(g.Dir)
	if err != nil {
		g.Fatal(err)
	}
	if _, err := share.Commit(g.Context(), r, share.Request{IncludeFailed: true}); err != nil {
		g.Fatal(err)
	}
}

// sideText is what a report says of a side.
func sideText(s *Side) string {
	if s == nil {
		return "none"
	}
	text := fmt.Sprintf("%q %s; lost", s.Title(), names(s))
	for _, e := range s.Lost {
		text += " " + e.Name
	}
	return text
}

// text is what a report says.
func (g *generated) text(o Request) string {
	g.Helper()
	v, err := Review(g.Context(), g.open(), o)
	if err != nil {
		return err.Error()
	}
	lost := func(list []diff.Lost) (text string) {
		for _, l := range list {
			text += " " + l.Run.Name + " " + string(l.Why)
		}
		return text
	}
	text := fmt.Sprintln("baseline", sideText(v.Baseline), v.Curves, strings.Join(findings(v), "\n"))
	for _, group := range v.Groups {
		text += fmt.Sprintln(sideText(group.Side), group.Mean, group.N, lost(group.Lost))
		if m := group.Compared; m != nil {
			text += fmt.Sprintln(m.Choice, m.Goal, m.Delta, m.P, m.Verdict, m.Why, m.Adjusted)
		}
	}
	if v.Comparison != nil {
		for _, m := range v.Comparison.Metrics {
			text += fmt.Sprintln(m.Key, m.Choice, m.Delta, m.P, m.Verdict, m.Why)
		}
		text += fmt.Sprintln(v.Comparison.Params, v.Comparison.Summary, v.Comparison.Datasets)
	}
	return text
}

// base opens a report and the catalog of the runs of its base.
func (g *generated) base() (*Report, *catalog.Catalog) {
	g.Helper()
	c := g.open()
	fork, err := c.Repository().Fork(g.Context(), "main")
	if err != nil {
		g.Fatal(err)
	}
	v := &Report{Metric: "rmse", Goal: c.Goal("rmse")}
	_, base, err := v.added(g.Context(), c, fork)
	if err != nil {
		g.Fatal(err)
	}
	return v, base
}

// TestBaselineByColumns: the baseline that is found by columns is the first group of all records, and a report says the
// same with the index and without it.
func TestBaselineByColumns(t *testing.T) {
	const settings = "primary = \"rmse\"\n[metric.loss]\ngoal = \"min\"\n"
	found := 0
	for round, config := range []string{
		"[commit]\nbatch = 3\n", "[metric.rmse]\ngoal = \"min\"\n", "[commit]\nbranch = \"runs\"\n",
		"[compare]\nvalue = \"best\"\n", "[compare]\nvalue = \"at-best\"\nselect_by = \"loss\"\n",
		"[compare]\nvalue = \"at-best\"\nselect_by = \"rmse\"\n[commit]\nbatch = 2\n",
		"experiment = \"e\"\n[commit]\nbranch = \"runs\"\nbatch = 2\n",
	} {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			before, tables, ok := strings.Cut(config, "[")
			if !ok {
				t.Fatal(config)
			}
			p := newProject(t, before+settings+"["+tables)
			g := &generated{project: p, Rand: rand.New(rand.NewPCG(uint64(round), 5))}
			p.Git("add", "-f", ".runs/config.toml")
			p.Git("commit", "-q", "-m", "config")
			for range 14 {
				g.run()
			}
			g.commit()
			p.Git("switch", "-q", "-c", "feature")
			p.Commit("work", map[string]string{"train.py": "2\n"})
			for range 5 {
				g.run()
			}
			if round%2 == 0 {
				g.commit()
				p.Git("sparse-checkout", "set", "--no-cone", "/*", "!.runs/20*")
			}
			for range 2 {
				g.run()
			}
			for range 2 { // the first one makes the index
				found += g.sameBaseline()
			}
			with := g.text(Request{Base: "main"})
			t.Setenv(repo.IndexVariable, repo.IndexOff)
			if d := cmp.Diff(g.text(Request{Base: "main"}), with); d != "" {
				t.Errorf("-without the index +with it:\n%s", d)
			}
		})
	}
	if found < 8 {
		t.Errorf("%d baselines", found)
	}
}

// sameBaseline compares the baseline by columns with that by all records, and returns how many baselines there are.
func (g *generated) sameBaseline() int {
	g.Helper()
	v, base := g.base()
	groups, _, err := v.grouped(g.Context(), base, base.Entries())
	if err != nil {
		g.Fatal(err)
	}
	want := sideText(nil)
	if len(groups) > 0 {
		want = sideText(groups[0].Side)
	}
	v, base = g.base()
	best, err := v.best(g.Context(), base)
	if err != nil {
		g.Fatal(err)
	}
	if d := cmp.Diff(want, sideText(best)); d != "" {
		g.Errorf("-by records +by columns:\n%s", d)
	}
	return min(len(groups), 1)
}

// TestBaselineEditedInPlace: if the file of the best run says something else than the index, the next best is found.
func TestBaselineEditedInPlace(t *testing.T) {
	t.Setenv(repo.IndexVariable, repo.IndexUnsampled)
	p := newProject(t, goals+"[commit]\nbranch = \"runs\"\n")
	p.Git("add", "-f", ".runs/config.toml")
	p.Git("commit", "-q", "-m", "config")
	p.add(format.Run{Name: "second", Params: format.Params{"lr": 2.0}}, series{"rmse": {2}})
	id := p.add(format.Run{Name: "best", Params: format.Params{"lr": 1.0}}, series{"rmse": {1}})
	p.Git("switch", "-q", "-c", "feature")
	p.Commit("work", map[string]string{"train.py": "2\n"})
	p.add(format.Run{Name: "new"}, series{"rmse": {3}})
	path := p.Path(filepath.Join(".runs", format.IDDay(id), id, repo.RecordName))
	before := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Dir(filepath.Dir(path)), before, before); err != nil {
		t.Fatal(err)
	}
	baseline := func() string { return names(p.review(Request{Base: "main"}).Baseline) }
	if got := baseline(); got != "best" {
		t.Fatal(got)
	}
	data, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, []byte(strings.Replace(string(data), "last = 1", "last = 4", 1)), 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := baseline(); got != "second" {
		t.Errorf("the baseline is %s", got)
	}
}

// TestReviewCanceled: a review that is canceled returns the error of its context.
func TestReviewCanceled(t *testing.T) {
	p := newProject(t, goals)
	p.add(format.Run{Name: "base"}, series{"rmse": {2}})
	v := &Report{Metric: "rmse", Goal: format.GoalMin}
	ctx, cancel := context.WithCancel(t.Context())
	r, err := repo.Find(p.Dir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalog.Open(ctx, r, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cancel()
	if side, err := v.best(ctx, c); err == nil {
		t.Errorf("%v without an error", side)
	}
}
