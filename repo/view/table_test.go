package view

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

func TestColumnJSON(t *testing.T) {
	at := time.Date(2026, 8, 1, 8, 0, 0, 1000, time.UTC)
	for _, c := range []struct {
		name   string
		values []any // nil is absent
		want   string
	}{
		{"floats", []any{1.5, math.NaN(), math.Inf(1), math.Inf(-1)}, `{"f":[1.5,"nan","inf","-inf"],"v":[0,1,2,3]}`},
		{"an absent value", []any{1.5, nil, 2.5}, `{"f":[1.5,2.5],"v":[0,-1,1]}`},
		{"one value for all", []any{"x", "x", "x"}, `{"t":["x"],"v":0}`},
		{"one value for some", []any{"x", nil, "x"}, `{"t":["x"],"v":0,"r":[0,2]}`},
		{"few rows", []any{nil, nil, int64(7), nil, int64(8)}, `{"i":[7,8],"v":[0,1],"r":[2,4]}`},
		{
			"large integers",
			[]any{int64(math.MaxInt64), int64(1 << 53)},
			`{"i":["9223372036854775807",9007199254740992],"v":[0,1]}`,
		},
		{"times", []any{at, at}, `{"d":[1785571200000001],"v":0}`},
		{"markup", []any{"</script><b>\u2028", "b"}, `{"t":["\u003c/script\u003e\u003cb\u003e\u2028","b"],"v":[0,1]}`},
		{
			"kinds",
			[]any{int64(1), 1.0, "1", true, format.Null},
			`{"m":[["i",1],["f",1],["t","1"],["b",true],["n"]],"v":[0,1,2,3,4]}`,
		},
		{
			"nested",
			[]any{[]any{int64(1), []any{}}, map[string]any{"a b": "x"}},
			`{"m":[["l",[["i",1],["l",[],"[]"]],"[1, []]"],["o",{"a b":["t","x"]},"{\"a b\" = \"x\"}"]],"v":[0,1]}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var column column
			for row, v := range c.values {
				if v != nil {
					column.add(row, v)
				}
			}
			got := string(column.append(nil, len(c.values)))
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if !json.Valid([]byte(got)) {
				t.Error("it is not JSON")
			}
		})
	}
}

// A column of many different numbers has no dictionary, which would only cost.
func TestColumnWithoutDictionary(t *testing.T) {
	var c numbers
	for row := range 100 {
		if row != 7 {
			c.add(row, float64(row)/8)
		}
	}
	got := string(c.append(nil, 100))
	if strings.Contains(got, `"v"`) || !strings.Contains(got, "0.75,null,1,") {
		t.Error(got)
	}
}

func TestTable(t *testing.T) {
	v := plantedRuns(t, func(i int, r *format.Run) {
		r.Params["lr"], r.Params["seed"], r.Params["same"] = float64(i%3)/10, int64(i), "x"
		r.Metrics["loss"] = format.Metric{
			Last: 2, Min: &format.Extreme{Value: 1, Step: 3}, Max: &format.Extreme{Value: 2, Step: 1}, Count: 9,
		}
		r.Unknown = map[string]any{"later": "version"}
		if i == 4 {
			r.Experiment, r.Status, r.Tags = "other", format.Failed, map[string]string{"gpu": "a"}
			r.Metrics["loss.min"] = format.Metric{Last: 5, Count: 1}
		}
	}, 5)
	table, err := v.TableInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := &Table{
		Rows: 5, Pages: []TablePage{{5, "1"}}, LeftOutKeys: []string{}, Primary: "loss",
		Metrics: []TableMetric{{"loss", "min", "min", 5}, {"loss.min", "min", "", 1}},
		Params:  []string{"lr", "same", "seed"}, Summary: []string{}, Tags: []string{"gpu"}, Others: []string{"later"},
		Differing: []string{"lr", "seed"}, Telling: 2, Named: []string{"loss.min"}, Seeds: []string{"seed"},
		Filters: []TableFilter{{"good", "loss < 1"}}, Selectors: []string{},
		Experiments: []TableCount{{"", 4}, {"other", 1}}, Statuses: []TableCount{{"failed", 1}, {"finished", 4}},
	}
	table.counts = nil
	if d := cmp.Diff(want, table, cmp.AllowUnexported(Table{})); d != "" {
		t.Error(d)
	}
	if _, err := v.TablePage(t.Context(), 1, false); err == nil {
		t.Error("there is a page too many")
	}
	var page struct {
		IDs     []string       `json:"ids"`
		Metrics map[string]any `json:"metrics"`
	}
	decodePage(t, v, false, &page)
	if len(page.IDs) != 5 || page.IDs[0] > page.IDs[4] {
		t.Errorf("the runs are %v, not the oldest first", page.IDs)
	}
	if d := cmp.Diff(map[string]any{"f": []any{1.0}, "v": 0.0}, page.Metrics["loss"]); d != "" {
		t.Error("the best values:", d)
	}
	var more map[string]map[string]any
	data, err := v.TablePage(t.Context(), 0, true)
	if err != nil {
		t.Fatal(err)
	}
	_ = json.Unmarshal(data, &more) // the list of what is left out is no object
	if d := cmp.Diff(map[string]any{"i": []any{9.0}, "v": 0.0}, more["count"]["loss"]); d != "" {
		t.Error("the counts:", d)
	}
	if more["named"]["later"] == nil {
		t.Error("a key of a later version is missing")
	}
}

// plantedRuns opens a view of finished runs, which set fills in.
func plantedRuns(t *testing.T, set func(i int, r *format.Run), n int) *View {
	t.Helper()
	r := setup(t)
	settings := format.InitialConfig + "\n[metric.loss]\ngoal = \"min\"\n[metric.\"loss.min\"]\ngoal = \"min\"\n" +
		"[filters]\ngood = \"loss < 1\"\n"
	if err := os.WriteFile(filepath.Join(r.Dir, "config.toml"), []byte(settings), 0o666); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		started := time.Date(2026, 8, 1, 8, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Second)
		run := &format.Run{
			ID: format.IDOf(started, []byte("12345678")), Status: format.Finished, Started: started,
			Ended: started.Add(time.Minute), Params: format.Params{}, Metrics: map[string]format.Metric{},
		}
		set(i, run)
		data, err := format.EncodeRun(run)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(r.Dir, format.IDDay(run.ID), run.ID)
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "run.toml"), data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return openView(t, r)
}

// A page is made again only if its runs have changed.
func TestTableKeepsPages(t *testing.T) {
	v := plantedRuns(t, func(int, *format.Run) {}, 2*pageRows+1)
	before, err := v.TableInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	v.mu.Lock()
	found, err := v.catalog.Load(v.rows[:1])
	if err != nil {
		t.Fatal(err)
	}
	changed := *found[0]
	v.rows = append(v.catalog.RowsOf([]*repo.Entry{&changed}), v.rows[1:]...)
	v.mu.Unlock()
	after, err := v.TableInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	same := func(i int) bool { return before.Pages[i].Digest == after.Pages[i].Digest }
	if len(after.Pages) != 3 || !same(0) || !same(1) || same(2) {
		t.Errorf("the pages were %v and are %v", before.Pages, after.Pages)
	}
}

// A table has room for some values. The keys that the fewest runs have are left out, and named.
func TestTableLeavesOutRareKeys(t *testing.T) {
	table := &Table{Primary: "rare", counts: newKeyCounts(tableInput{})}
	table.counts.metrics["rare"], table.counts.metrics["common"] = 1, maxShownCells/2
	table.counts.params["p"], table.counts.params["q"] = maxShownCells/2, 7
	table.counts.cells = maxShownCells + 8
	c := newTableColumns(table, maxShownCells)
	if d := cmp.Diff([]string{"params.q"}, c.left.keys()); d != "" {
		t.Error(d)
	}
}

func decodePage(t *testing.T, v *View, more bool, into any) {
	t.Helper()
	data, err := v.TablePage(t.Context(), 0, more)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestSplitNoticed: replicates that read another content of a file are apart, as in 'runs ls --group-by replicates'.
func TestSplitNoticed(t *testing.T) {
	source := &format.Source{Tree: strings.Repeat("a", 40)}
	read := func(id string, seed int64, datasets ...format.Dataset) *format.Run {
		r := &format.Run{ID: id, Params: format.Params{"seed": seed}, Source: source, Datasets: datasets}
		r.Trace = &format.Trace{Road: format.RoadPython}
		return r
	}
	file := func(name, digest string) format.Dataset {
		return format.Dataset{
			Name: name, Path: "data/" + name, SHA256: strings.Repeat(digest, 64), Noticed: format.RoadPython,
		}
	}
	runs := []*format.Run{
		read("one", 1, file("a", "1")), read("sampled", 2, file("b", "2")), read("other", 3, file("a", "3")),
		read("again", 4, file("a", "3")), read("both", 5, file("a", "1"), file("b", "2")),
	}
	got := splitNoticed(runs, tableInput{config: format.DefaultConfig()})
	if d := cmp.Diff(map[string]int{"other": 1, "again": 1}, got); d != "" {
		t.Error(d)
	}
}
