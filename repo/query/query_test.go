package query

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/format"
)

var testNow = time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)

func testContext() Context { return Context{Goal: format.GoalByName, Now: testNow} }

func pointsOf(last, least, most float64) format.Metric {
	return format.Metric{
		Last: last, Min: &format.Extreme{Value: least, Step: 3}, Max: &format.Extreme{Value: most, Step: 0}, Count: 10,
	}
}

func testRuns() []*format.Run {
	code := int64(0)
	a := &format.Run{
		ID: "20261123-142530-k7qx2m9a", Name: "wide", Experiment: "penguins", Status: format.Finished, Group: "seeds",
		Started: testNow.Add(-35 * time.Minute), Ended: testNow.Add(-33 * time.Minute), Author: "Ada <ada@example.org>",
		ExitCode: &code,
		Params: map[string]any{
			"lr": 0.1, "model": map[string]any{"kind": "mlp", "layers": int64(2)}, "seed": int64(1), "flag": false,
			"text": "a b",
		},
		Tags: map[string]string{"baseline": "yes", "or": "x"},
		Metrics: map[string]format.Metric{
			"rmse": pointsOf(0.5, 0.3, 1), "val/acc": pointsOf(0.8, 0.1, 0.9), "odd key": {Last: 1, Count: 1},
			"bad": {Last: math.NaN(), Count: 2}, "lr": {Last: 7, Count: 1},
		},
		Source: &format.Source{Commit: strings.Repeat("a", 40), Branch: "main"},
	}
	b := &format.Run{
		ID: "20261122-142530-k7qx3333", Name: "wide", Experiment: "penguins", Status: format.Failed,
		Started: testNow.Add(-25 * time.Hour), Ended: testNow.Add(-24 * time.Hour),
		Params:  map[string]any{"lr": 0.01, "model": map[string]any{"kind": "xgb"}, "seed": int64(2)},
		Metrics: map[string]format.Metric{"rmse": pointsOf(0.2, 0.2, 1)},
	}
	c := &format.Run{
		ID: "20261101-142530-zzzzzzzz", Experiment: "other", Status: format.Finished,
		Started: testNow.Add(-22 * 24 * time.Hour), Ended: testNow.Add(-22*24*time.Hour + time.Minute),
		Group: "seeds", Params: map[string]any{"lr": int64(1)},
		Metrics: map[string]format.Metric{"rmse": pointsOf(0.9, 0.4, 1)},
	}
	return []*format.Run{c, a, b}
}

func TestExpression(t *testing.T) {
	run := testRuns()[1]
	for _, c := range []struct {
		expr string
		want bool
	}{
		{"metrics.rmse < 0.8 and params.model.kind = 'mlp' and not (tags.nope or status = failed)", true},
		{"rmse = 0.3", true},
		{"metrics.rmse.last = 0.5", true},
		{"rmse.max >= 1", true},
		{"rmse.min_step = 3", true},
		{"rmse.count > 10", false},
		{"val/acc = 0.9", true},
		{"metrics.val/acc > 0.85", true},
		{"metrics.`odd key` = 1", true},
		{"`odd key`", true},
		{"lr = 7", true},
		{"params.lr = 0.1", true},
		{"params.lr = '0.1'", true},
		{"params.lr in (1, 0.1)", true},
		{"params.lr not in (1, 0.1)", false},
		{"params.flag", true},
		{"params.flag = false", true},
		{"params.flag = False", true},
		{"params.nope", false},
		{"params.nope != 3", false},
		{"not params.nope = 3", true},
		{"bad = nan", true},
		{"bad != nan", false},
		{"bad < 1", false},
		{"bad > 1", false},
		{"name ~ '^w.*e$'", true},
		{"name !~ x", true},
		{"name ~ x", false},
		{"status = finished", true},
		{"status == 'finished'", true},
		{"status in (failed, finished)", true},
		{"started > '3d ago'", true},
		{"started > '30m ago'", false},
		{"started = 2026-11-23", true},
		{"started < 2026-11-23", false},
		{"started >= today", true},
		{"started = yesterday", false},
		{"started > '2026-11-23 14:00'", true},
		{"duration < 3m", true},
		{"duration = 120", true},
		{"duration > '1 hour'", false},
		{"tags.baseline = yes && !(status = failed) || false_key", true},
		{"baseline", true},
		{"tags.or = x or name", true},
		{"branch = main", true},
		{"source.commit ~ ^a+$", true},
		{"exit_code = 0", true},
		{"text < b", true},
		{"text < 5", false},
		{"author ~ ada@", true},
		{"group = seeds", true},
		{"attributes.name = wide", true},
		{"tags.baseline != no", true},
	} {
		e, err := Parse(c.expr)
		if err != nil {
			t.Errorf("%s: %v", c.expr, err)
			continue
		}
		if got := e.Match(Record(run), testContext()); got != c.want {
			t.Errorf("%s: %v", c.expr, got)
		}
		again, err := Parse(e.String())
		if err != nil || again.String() != e.String() || again.Match(Record(run), testContext()) != c.want {
			t.Errorf("%s: written as %s, which reads otherwise: %v", c.expr, e, err)
		}
	}
}

func TestExpressionWrong(t *testing.T) {
	for _, c := range []struct{ expr, reason string }{
		{"", "column 1: expected a key"},
		{"a <", "column 4: expected a value after <"},
		{"a < 1 b", "column 7: expected and, or, or the end"},
		{"(a", `column 3: expected ")"`},
		{"a in 1", `expected "("`},
		{"a in (1", `expected "," or ")"`},
		{"a ~ '['", "column 5: error parsing regexp"},
		{"'a", "column 1: the quote is not closed"},
		{"a & b", "is not an operator"},
		{"a = = 1", "expected a value"},
		{"a ! b", "expected an operator"},
		{strings.Repeat("(", 200) + "a", "nested deeper"},
		{strings.Repeat("not ", 200) + "a", "nested deeper"},
	} {
		if _, err := Parse(c.expr); err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%.30s: error %v, want one with %q", c.expr, err, c.reason)
		}
	}
}

func TestSelector(t *testing.T) {
	for _, c := range []struct{ selector, scope, want string }{
		{"20261123-142530-k7qx2m9a", "other", "a"},
		{"wide", "", "a"},
		{"name=wide", "", "a"},
		{"20261122", "", "b"},
		{"zzzz", "", "c"},
		{"k7qx3", "", "b"},
		{"last", "", "a"},
		{"@", "", "a"},
		{"@~1", "", "b"},
		{"last~2", "", "c"},
		{"last=other", "", "c"},
		{"last=penguins~1", "", "b"},
		{"@", "other", "c"},
		{"best=rmse", "", "a"},
		{"best(rmse)", "other", "c"},
		{`best(rmse, "status = failed")`, "", "b"},
		{"best(rmse, 'params.lr = 1')", "", "c"},
		{"group=seeds", "", "ac"},
		{"group(seeds)", "other", "c"},
	} {
		s, err := ParseSelector(c.selector)
		if err != nil {
			t.Errorf("%s: %v", c.selector, err)
			continue
		}
		runs := testRuns()
		got, err := s.Resolve(Records(runs), c.scope, testContext())
		if err != nil {
			t.Errorf("%s: %v", c.selector, err)
			continue
		}
		names := ""
		for _, r := range got {
			names += map[string]string{runs[1].ID: "a", runs[2].ID: "b", runs[0].ID: "c"}[r.ID()]
		}
		if names != c.want {
			t.Errorf("%s: %s, want %s", c.selector, names, c.want)
		}
	}
	for _, c := range []struct{ selector, reason string }{
		{"k7qx", "2 runs have this prefix: 20261123-142530-k7qx2m9a, 20261122-142530-k7qx3333"},
		{"k7q", "no run has this name or key; an id prefix has at least 4 characters"},
		{"nope1", "no run has this name"},
		{"@~3", "there are only 3 runs"},
		{"best=mystery", "no finished run has the metric"},
		{"group=none", "no run is in the group"},
		{"best=bad", "bad has no goal"},
	} {
		s, err := ParseSelector(c.selector)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Resolve(Records(testRuns()), "", testContext())
		if err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: error %v, want one with %q", c.selector, err, c.reason)
		}
	}
	for _, text := range []string{"", "@~x", "best=", "best()", "main:", ":x", `best(rmse, "a <")`} {
		if s, err := ParseSelector(text); err == nil {
			t.Errorf("%q was read as %+v", text, s)
		}
	}
	if s, err := ParseSelector("origin/main:best(rmse)"); err != nil || s.Rev != "origin/main" || s.kind != byBest ||
		s.arg != "rmse" {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err := ParseSelector(`best(rmse, "started > '2026-11-23 10:00'")`); err != nil || s.Rev != "" || s.expr == nil {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestSort(t *testing.T) {
	runs := []*format.Run{}
	for i, v := range []any{0.5, math.NaN(), nil, 0.1, 0.9} {
		r := &format.Run{
			ID: format.NewID(testNow.Add(time.Duration(i) * time.Second)), Started: testNow.Add(time.Duration(i) * time.Second),
			Name: string(rune('a' + i)),
		}
		if v != nil {
			r.Metrics = map[string]format.Metric{"rmse": {Last: v.(float64), Count: 1}, "acc": {Last: v.(float64), Count: 1}}
			r.Params = map[string]any{"p": v}
		}
		runs = append(runs, r)
	}
	runs[4].Params["p"] = "text"
	for _, c := range []struct{ spec, want string }{
		{"rmse", "daebc"},
		{"acc", "eadbc"},
		{"rmse:desc", "eadbc"},
		{"acc:asc", "daebc"},
		{"params.p", "daebc"},
		{"params.p:desc", "adebc"},
		{"started", "abcde"},
		{"name:desc", "edcba"},
		{"nope", "edcba"},
	} {
		SortRecords(runs, c.spec, testContext())
		got := ""
		for _, r := range runs {
			got += r.Name
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.spec, got, c.want)
		}
	}
}

func TestGroupReplicates(t *testing.T) {
	run := func(name string, lr any, seed int64, tree string) *format.Run {
		return &format.Run{
			ID: format.NewID(testNow), Started: testNow, Name: name,
			Params: map[string]any{"lr": lr, "train": map[string]any{"seed": seed}}, Source: &format.Source{Tree: tree},
		}
	}
	a, b, c := run("a", 1.0, 1, "t"), run("b", int64(1), 2, "t"), run("c", 0.5, 1, "t")
	d, e := run("d", 1.0, 1, "u"), run("e", 1.0, 3, "t")
	e.Reproduces = a.ID
	var got []string
	for _, g := range GroupBy([]*format.Run{a, b, c, d, e}, []string{ByReplicates}, []string{"seed"}, testContext()) {
		names := ""
		for _, r := range g.Runs {
			names += r.Name
		}
		got = append(got, g.Label+":"+sortedLetters(names))
	}
	want := []string{"lr=0.5:c", "lr=1:ab", "lr=1:d"}
	if d := cmp.Diff(want, sortedTexts(got)); d != "" {
		t.Error(d)
	}
	byLR := GroupBy([]*format.Run{a, b, c}, []string{"params.lr"}, nil, testContext())
	if len(byLR) != 2 {
		t.Errorf("%d groups by lr", len(byLR))
	}
}

func sortedLetters(s string) string { return strings.Join(sortedTexts(strings.Split(s, "")), "") }

func sortedTexts(s []string) []string {
	for i := range s {
		for j := i; j > 0 && s[j] < s[j-1]; j-- {
			s[j], s[j-1] = s[j-1], s[j]
		}
	}
	return s
}

func TestDifferingParams(t *testing.T) {
	runs := testRuns()
	want := []string{"flag", "lr", "model.kind", "model.layers", "seed", "text"}
	if d := cmp.Diff(want, DifferingParams(runs)); d != "" {
		t.Error(d)
	}
	if got := DifferingParams(runs[:1]); len(got) > 0 {
		t.Errorf("one run differs from itself in %v", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"metrics.rmse < 0.8 and not (tags.x or status in (a, 'b'))", "a ~ '^x' && !b", "`odd` != nan",
		"\"x\".min < metrics.`a.b` or a.'b.c' != `d`",
	} {
		f.Add(s)
	}
	runs := testRuns()
	f.Fuzz(func(t *testing.T, s string) {
		e, err := Parse(s)
		if err != nil {
			return
		}
		again, err := Parse(e.String())
		if len(e.String()) > maxExpression {
			return
		}
		if err != nil || !sameExpr(e, again) {
			t.Fatalf("%q is written %q: %v", s, e, err)
		}
		for _, r := range runs {
			if e.Match(Record(r), testContext()) != again.Match(Record(r), testContext()) {
				t.Fatalf("%q is written %q, which matches otherwise", s, e)
			}
		}
	})
}

func FuzzSelector(f *testing.F) {
	for _, s := range []string{"@~2", "best(rmse, \"a < 1\")", "main:last=x~1", "group=g", "abcd"} {
		f.Add(s)
	}
	runs := testRuns()
	f.Fuzz(func(t *testing.T, s string) {
		if sel, err := ParseSelector(s); err == nil {
			_, _ = sel.Resolve(Records(runs), "", testContext())
		}
	})
}

// TestSortFirst: the first rows are those of Sort, in its order.
func TestSortFirst(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		rows := make([]*format.Run, 1+r.IntN(200))
		for i := range rows {
			rows[i] = &format.Run{ID: fmt.Sprintf("20261123-142530-%08d", i), Params: format.Params{"lr": int64(r.IntN(20))}}
			if r.IntN(5) == 0 {
				rows[i].Params["lr"] = []any{"text", math.NaN(), 2.5, format.Null}[r.IntN(4)]
			}
		}
		r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		spec := []string{"lr", "lr:desc", "id", "missing"}[r.IntN(4)]
		want := Records(rows)
		Sort(want, spec, testContext())
		for _, n := range []int{0, 1, 2, len(rows) / 8, len(rows), len(rows) + 1} {
			got := Records(rows)
			SortFirst(got, spec, n, testContext())
			for i := range min(n, len(rows)) {
				if got[i] != want[i] {
					t.Fatalf("%s: row %d of the first %d of %d is %v, want %v", spec, i, n, len(rows), got[i], want[i])
				}
			}
		}
	}
}
