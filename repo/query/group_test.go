package query

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/format"
)

func TestReplicatesKey(t *testing.T) {
	base := func() *format.Run {
		return &format.Run{
			ID: "20261123-142530-k7qx2m9a", Experiment: "e",
			Params:   map[string]any{"lr": 0.1, "n": int64(1), "train": map[string]any{"seed": int64(1)}},
			Source:   &format.Source{Commit: "c", Tree: "t"},
			Datasets: []format.Dataset{{Name: "a", SHA256: "1"}, {Name: "b", SHA256: "2"}},
		}
	}
	seeds := []string{"data.fold"}
	for _, c := range []struct {
		name   string
		change func(*format.Run)
		same   bool
	}{
		{"nothing", func(*format.Run) {}, true},
		{"a nested seed", func(r *format.Run) { r.Params["train"] = map[string]any{"seed": int64(2)} }, true},
		{"a seed by its whole path", func(r *format.Run) { r.Params["data"] = map[string]any{"fold": int64(2)} }, true},
		{"a key like that elsewhere", func(r *format.Run) { r.Params["fold"] = int64(2) }, false},
		{"a seed of another name", func(r *format.Run) { r.Params["random_seed"] = int64(2) }, true},
		{"seeds in a table", func(r *format.Run) { r.Params["seed"] = map[string]any{"torch": int64(2)} }, true},
		{"a number of seeds", func(r *format.Run) { r.Params["n_seeds"] = int64(2) }, false},
		{"no seed", func(r *format.Run) { delete(r.Params, "train") }, true},
		{"a seed that is null", func(r *format.Run) { r.Params["train"] = map[string]any{"seed": format.Null} }, true},
		{"1.0 for 1", func(r *format.Run) { r.Params["n"] = 1.0 }, true},
		{"a text for a number", func(r *format.Run) { r.Params["n"] = "1" }, false},
		{"another value", func(r *format.Run) { r.Params["lr"] = 0.2 }, false},
		{"one param more", func(r *format.Run) { r.Params["m"] = int64(1) }, false},
		{"a null more", func(r *format.Run) { r.Params["m"] = format.Null }, false},
		{"the text null for a null", func(r *format.Run) { r.Params["n"] = format.Null }, false},
		{"experiment", func(r *format.Run) { r.Experiment = "f" }, false},
		{"tree", func(r *format.Run) { r.Source.Tree = "u" }, false},
		{"commit of the same tree", func(r *format.Run) { r.Source.Commit = "d" }, true},
		{"data", func(r *format.Run) { r.Datasets[0].SHA256 = "3" }, false},
		{"name of the data", func(r *format.Run) { r.Datasets[0].Name = "c" }, false},
		{"order of the data", func(r *format.Run) { r.Datasets[0], r.Datasets[1] = r.Datasets[1], r.Datasets[0] }, true},
		{"command", func(r *format.Run) { r.Command = []string{"x"} }, true},
	} {
		r := base()
		c.change(r)
		if same := Replicates(r, seeds) == Replicates(base(), seeds); same != c.same {
			t.Errorf("%s: replicates %v", c.name, same)
		}
	}
	dirty := func(id string) string {
		return Replicates(&format.Run{ID: id, Source: &format.Source{Commit: "c", Dirty: true}}, nil)
	}
	if dirty("a") == dirty("b") {
		t.Error("changes that are not known are taken for equal")
	}
}

// A text in one place cannot look like something in another place.
func TestReplicatesKeyCannotBeForged(t *testing.T) {
	for _, pair := range [][2]map[string]any{
		{{"a": "1\x00b=2"}, {"a": "1", "b": int64(2)}},
		{{"a": "1:x"}, {"a": "1", "x": ""}},
		{{"a.b": int64(1)}, {"a": map[string]any{"b": int64(1)}}},
		{{"a": []any{"x", "y"}}, {"a": []any{"xy"}}},
		{{"a": []any{"x", "y"}}, {"a": []any{"xs:y"}}},
		{{"a": "true"}, {"a": true}},
		{{"a": "nan"}, {"a": math.NaN()}},
		{{"a": []any{[]any{}, int64(1)}}, {"a": []any{[]any{int64(1)}}}},
	} {
		if Replicates(&format.Run{Params: pair[0]}, nil) == Replicates(&format.Run{Params: pair[1]}, nil) {
			t.Errorf("%v and %v have one key", pair[0], pair[1])
		}
	}
}

func TestCanonicalIsEqualValue(t *testing.T) {
	values := []any{
		int64(0), 0.0, int64(1), 1.0, "1", 1.5, int64(1) << 53, float64(1 << 53), int64(1)<<53 + 1,
		int64(math.MaxInt64), float64(math.MaxInt64),
		math.NaN(), math.Inf(1), math.Inf(-1), 1e300, true, false, "true", "",
		[]any{},
		[]any{int64(1)},
		[]any{1.0},
		[]any{"1"},
		[]any{[]any{}},
		map[string]any{},
		map[string]any{"a": int64(1)},
		map[string]any{"a": 1.0},
		map[string]any{"b": 1.0},
	}
	for _, a := range values {
		for _, b := range values {
			same := bytes.Equal(appendCanonical(nil, a), appendCanonical(nil, b))
			if want := format.EqualValue(a, b); same != want {
				t.Errorf("%T %v and %T %v: same bytes %v, equal %v", a, a, b, b, same, want)
			}
		}
	}
}

func TestGroupByKey(t *testing.T) {
	var runs []*format.Run
	for i, v := range []any{int64(1), "1", 1.0, nil, math.NaN(), math.NaN(), []any{int64(1)}} {
		r := &format.Run{ID: string(rune('a' + i)), Started: testNow.Add(-time.Duration(i) * time.Second)}
		if v != nil {
			r.Params = map[string]any{"x": v}
		}
		runs = append(runs, r)
	}
	type line struct {
		Label, IDs string
		Key        any
	}
	var got []line
	for _, g := range GroupBy(runs, []string{"params.x"}, nil, testContext()) {
		l := line{Label: g.Label, Key: g.Values[0]}
		for _, r := range g.Runs {
			l.IDs += r.ID
		}
		got = append(got, l)
	}
	want := []line{
		{"1", "ac", int64(1)}, {"1", "b", "1"}, {"-", "d", nil}, {"NaN", "ef", math.NaN()}, {"[1]", "g", []any{int64(1)}},
	}
	same := cmp.Comparer(func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) })
	if d := cmp.Diff(want, got, same); d != "" {
		t.Error(d)
	}
}

func TestDifferingParamsKnowsTypes(t *testing.T) {
	run := func(v any) *format.Run {
		return &format.Run{Params: map[string]any{"x": v, "same": math.NaN()}}
	}
	if got := DifferingParams([]*format.Run{run(int64(1)), run(1.0)}); len(got) > 0 {
		t.Errorf("1 and 1.0 differ in %v", got)
	}
	if d := cmp.Diff([]string{"x"}, DifferingParams([]*format.Run{run(int64(1)), run("1")})); d != "" {
		t.Error(d)
	}
}
