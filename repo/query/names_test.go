package query

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
)

// namesRuns are runs whose keys meet: params with one name, nulls, and a metric that is called like a statistic.
func namesRuns() []*format.Run {
	return []*format.Run{
		{
			ID: "a", Params: map[string]any{
				"a": map[string]any{"b": int64(1), "c.d": int64(5)}, "a.b": int64(2), "n": format.Null, "text": "null",
				"same": "x",
			},
			Metrics: map[string]format.Metric{
				"x": pointsOf(0.5, 0.3, 1), "x.min": {Last: 7, Count: 1}, "acc": {Last: 0.4, Count: 1},
			},
			Tags: map[string]string{"same": "x", "t.u": "v"},
		},
		{
			ID: "b", Params: map[string]any{"n": int64(1), "a.b": int64(3), "l": []any{int64(1), format.Null}},
			Metrics: map[string]format.Metric{"x": pointsOf(0.5, 0.2, 1)},
			Summary: map[string]any{"acc": 0.9, "epochs": int64(12), "how": "well"},
		},
	}
}

func TestKeysThatMeet(t *testing.T) {
	runs := namesRuns()
	context := testContext()
	context.Named = func(metric string) bool { return metric == "x.min" }
	for _, c := range []struct{ expr, want string }{
		{"params.a.b = 1", "a"},
		{`params."a.b" = 2`, "a"},
		{"`a.b` = 2", "a"},
		{`"a.b" in (2, 3)`, "a b"},
		{"params.a.b = 3", "b"},
		{"a.c.d = 5", "a"},
		{`a."c.d" = 5`, "a"},
		{"tags.'t.u' = v", "a"},
		{"n = null", "a"},
		{"params.n != null", "b"},
		{"n", "a b"},
		{"n = 1", "b"},
		{"n != 1", "a"},
		{"n < 5", "b"},
		{"text = null", "a"},
		{"text = 'null'", "a"},
		{"n = 'null'", ""},
		{"n in (null, 1)", "a b"},
		{"l in (None)", "b"},
		{"n ~ null", "a"},
		{"x.min = 7", "a"},
		{"x.min = 0.2", ""},
		{`"x".min = 0.2`, "b"},
		{"metrics.`x`.min = 0.3", "a"},
		{`metrics."x.min" = 7`, "a"},
		{`metrics."x.max"`, ""},
		{"x.max = 1", "a b"},
		{"metrics.acc > 0.8", "b"},
		{"acc.last = 0.9", "b"},
		{"acc.count", "a"},
		{"metrics.epochs = 12", "b"},
		{"metrics.how", ""},
		{"x < metrics.acc", "b"},
		{"metrics.x < `acc`", "b"},
		{"metrics.x >= metrics.acc", "a"},
		{"metrics.x.last < metrics.acc", "b"},
		{"params.same = tags.same", "a"},
		{"params.same != tags.same", ""},
		{"x < tags.same", ""},
		{"x = params.n", ""},
		{"params.n = params.n", "a b"},
	} {
		e, err := Parse(c.expr)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(e.String())
		if err != nil {
			t.Fatalf("%s: %v", e, err)
		}
		var got, back []string
		for _, r := range runs {
			if e.Match(Record(r), context) {
				got = append(got, r.ID)
			}
			if again.Match(Record(r), context) {
				back = append(back, r.ID)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s matches %q, want %q", c.expr, got, c.want)
		}
		if fmt.Sprint(got) != fmt.Sprint(back) {
			t.Errorf("%s is written as %s, which matches %q", c.expr, e, back)
		}
	}
}

// TestOrderOfNumberAndWord: a comparison that no run can match is an error that says what to write.
func TestOrderOfNumberAndWord(t *testing.T) {
	for _, c := range []struct{ expr, reason string }{
		{"x < acc", `expression, column 5: x is a number and "acc" is a text, so they have no order; ` +
			`to compare two values of a run, write metrics.acc`},
		{"not (status = failed or acc >= nothing)", `"nothing" is a text, so they have no order`},
		{"x < 'acc'", ""},
		{"x < 1_000", ""},
		{"text < zzz", ""},
		{"started > today", ""},
		{"duration < 2h", ""},
		{"nothing < acc", ""},
		{"x < metrics.acc", ""},
	} {
		e, err := Parse(c.expr)
		if err != nil {
			t.Fatal(err)
		}
		err = e.Unordered(Records(namesRuns()), testContext())
		if c.reason == "" && err != nil || c.reason != "" && (err == nil || !strings.Contains(err.Error(), c.reason)) {
			t.Errorf("%s: %v, want %q", c.expr, err, c.reason)
		}
	}
}

// TestSummaryIsMetric: a number of the summary is a metric wherever a metric is meant.
func TestSummaryIsMetric(t *testing.T) {
	runs := []*format.Run{
		{ID: "a", Status: format.Finished, Summary: map[string]any{"auc": 0.8, "n": int64(3)}, Started: testNow},
		{ID: "b", Status: format.Finished, Summary: map[string]any{"auc": 0.9, "n": int64(2)}, Started: testNow},
		{ID: "c", Status: format.Finished, Summary: map[string]any{"auc": "high"}, Started: testNow},
	}
	s, err := ParseSelector("best=auc")
	if err != nil {
		t.Fatal(err)
	}
	if best, err := s.Resolve(Records(runs), "", testContext()); err != nil || best[0].ID() != "b" {
		t.Errorf("best=auc is %v, %v", best, err)
	}
	SortRecords(runs, "auc", testContext())
	if runs[0].ID != "b" || runs[2].ID != "c" {
		t.Errorf("sorted: %s %s %s", runs[0].ID, runs[1].ID, runs[2].ID)
	}
	if p := Primary("", Records(runs), testContext()); p != "auc" {
		t.Errorf("the primary metric is %q", p)
	}
	if sum := Summarize(runs, "auc", testContext()); sum.N != 2 || sum.Best != 0.9 {
		t.Errorf("%+v", sum)
	}
}

// TestNullInLists: a null has a place of its own in a sorted list, in groups and in columns.
func TestNullInLists(t *testing.T) {
	runs := []*format.Run{
		{ID: "missing"},
		{ID: "null", Params: map[string]any{"n": format.Null}},
		{ID: "text", Params: map[string]any{"n": "null"}},
		{ID: "number", Params: map[string]any{"n": int64(1)}},
	}
	SortRecords(runs, "n", testContext())
	var ids []string
	for _, r := range runs {
		ids = append(ids, r.ID)
	}
	if got := strings.Join(ids, " "); got != "number text null missing" {
		t.Error(got)
	}
	if groups := GroupBy(runs, []string{"n"}, nil, testContext()); len(groups) != 4 {
		t.Errorf("%d groups", len(groups))
	}
	columns := ChooseColumns(Records(append(runs[:1:1], runs[2])), ColumnRequest{Keys: []string{"n"}}, testContext())
	if !columns.Numeric[0] {
		t.Error("a null turns a column of numbers into one of texts")
	}
	if d := DifferingParams(runs); len(d) != 1 {
		t.Errorf("%q differ", d)
	}
}
