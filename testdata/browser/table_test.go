package browser_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/query"
	"github.com/gitruns/runs/repo/view"
	"github.com/gitruns/runs/testdata/browser"
)

// vectorSeed makes the expressions random and always the same.
const vectorSeed = 2

// vectors is the table of a project, in the browser and in Go.
type vectors struct {
	functions *browser.Functions
	catalog   *catalog.Catalog
	runs      []*format.Run
	context   query.Context
	random    *rand.Rand
}

func newVectors(t *testing.T) *vectors {
	t.Helper()
	p := browser.Odd(t, program)
	ctx := context.Background()
	r, err := repo.Find(p.Dir)
	if err != nil {
		t.Fatal(err)
	}
	v, err := view.Open(ctx, r, view.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	c, err := catalog.Open(ctx, r, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	head, err := v.Table(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	script.WriteString("globalThis.table = new __functions.RunTable(" + string(head) + ", [")
	info, err := v.TableInfo(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, more := range []bool{false, true} {
		for n := range info.Pages {
			page, err := v.TablePage(ctx, n, more)
			if err != nil {
				t.Fatal(err)
			}
			script.Write(page)
			script.WriteByte(',')
		}
		script.WriteString(map[bool]string{false: "], [", true: "]), 0"}[more])
	}
	x := &vectors{
		functions: chromium.Load(t, "src/table/index.ts"), catalog: c, context: c.Context(),
		runs:   catalog.Records(c.Wholes(ctx, c.Entries())),
		random: rand.New(rand.NewPCG(4, vectorSeed)),
	}
	x.context.Now = time.Date(2026, 8, 4, 12, 30, 0, 0, time.Local)
	if err := x.functions.Eval(nil, script.String()); err != nil {
		t.Fatal(err)
	}
	return x
}

// ask evaluates an expression of JavaScript for each question q. The table is in the variable table.
func (x *vectors) ask(t *testing.T, result, questions any, expression string) {
	t.Helper()
	data, err := json.Marshal(questions)
	if err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf(`(() => { const { filterRows, sortRows, groupRows, sortGroups, Summarizer } = __functions;
		const now = new Date(%d), none = { where: "", experiment: "", statuses: [], sort: "", group: [] };
		return %s.map((q) => { try { return %s } catch (e) { return e.message } }) })()`,
		x.context.Now.UnixMilli(), data, expression)
	if err := x.functions.Eval(result, script); err != nil {
		t.Fatal(err)
	}
}

func (x *vectors) pick(list []string) string { return list[x.random.IntN(len(list))] }

// expression returns a random expression, which is mostly valid.
func (x *vectors) expression(depth int) string {
	switch n := x.random.IntN(10); {
	case depth > 0 && n < 3:
		return x.expression(depth-1) + x.pick([]string{" and ", " or ", " && ", " || ", " AND "}) + x.expression(depth-1)
	case depth > 0 && n < 4:
		return x.pick([]string{"not ", "!"}) + "(" + x.expression(depth-1) + ")"
	}
	key := x.pick(oddKeys)
	switch x.random.IntN(8) {
	case 0:
		return key
	case 1:
		return key + x.pick([]string{" ~ ", " !~ "}) + x.pick(oddPatterns)
	case 2:
		return key + x.pick([]string{" in (", " not in ("}) + x.pick(oddValues) + ", " + x.pick(oddValues) + ")"
	case 3:
		return key + x.pick([]string{" = ", " < ", " != "}) + x.pick(oddKeys)
	}
	return key + x.pick([]string{" = ", " == ", "!=", " < ", " <= ", " > ", ">="}) + x.pick(oddValues)
}

// broken returns an expression in which some characters are missing, doubled or others.
func (x *vectors) broken() string {
	s := []rune(x.expression(2))
	for range 1 + x.random.IntN(3) {
		i := x.random.IntN(len(s))
		switch x.random.IntN(3) {
		case 0:
			s = append(s[:i:i], s[i+1:]...)
		case 1:
			s = append(s[:i:i], append([]rune{s[i]}, s[i:]...)...)
		default:
			others := []rune("()'\"`.=!~<>&|, 日x")
			s[i] = others[x.random.IntN(len(others))]
		}
		if len(s) == 0 {
			return "("
		}
	}
	return string(s)
}

// The page filters runs as 'runs ls -w' does, with the same errors.
func TestFilterVectors(t *testing.T) {
	x := newVectors(t)
	questions := append([]string{}, oddExpressions...)
	for range 1500 {
		questions = append(questions, x.expression(2))
	}
	for range 800 {
		questions = append(questions, x.broken())
	}
	var got []any
	x.ask(t, &got, questions, "Array.from(filterRows(table, { ...none, where: q }, now), (row) => table.ids[row])")
	matching, failing, wrong := 0, 0, 0
	for i, q := range questions {
		want, err := x.filter(q)
		switch {
		case err != nil:
			failing++
		case len(want) > 0 && len(want) < len(x.runs):
			matching++
		}
		if strings.TrimSpace(q) == "" {
			continue
		}
		if diff := cmp.Diff(expected(want, err), got[i]); diff != "" {
			if wrong++; wrong <= 30 {
				t.Errorf("%s\n%s", q, diff)
			}
		}
	}
	t.Logf("%d expressions: %d match some runs, %d are errors, %d differ", len(questions), matching, failing, wrong)
	if matching < 200 || failing < 200 {
		t.Errorf("the expressions are too alike: %d match some runs, %d are errors", matching, failing)
	}
}

func expected(ids []string, err error) any {
	if err != nil {
		return err.Error()
	}
	list := make([]any, len(ids))
	for i, id := range ids {
		list[i] = id
	}
	return list
}

func (x *vectors) filter(where string) ([]string, error) {
	e, err := query.Parse(where)
	if err != nil {
		return nil, err
	}
	if err := e.Unordered(query.Records(x.runs), x.context); err != nil {
		return nil, err
	}
	var ids []string
	for _, r := range x.runs {
		if e.Match(query.Record(r), x.context) {
			ids = append(ids, r.ID)
		}
	}
	return ids, nil
}

// The page sorts runs as 'runs ls --sort' does.
func TestSortVectors(t *testing.T) {
	x := newVectors(t)
	var questions []string
	for _, key := range oddKeys {
		key = strings.NewReplacer("`", "", "'", "").Replace(key)
		questions = append(questions, key, key+":asc", key+":desc")
	}
	var got [][]string
	x.ask(t, &got, questions, "Array.from(sortRows(table, table.newest, q), (row) => table.ids[row])")
	for i, q := range questions {
		runs := append([]*format.Run{}, x.runs...)
		query.SortRecords(runs, q, x.context)
		if diff := cmp.Diff(idsOf(runs), got[i]); diff != "" {
			t.Errorf("%s\n%s", q, diff)
		}
	}
}

func idsOf(runs []*format.Run) []string {
	ids := make([]string, len(runs))
	for i, r := range runs {
		ids[i] = r.ID
	}
	return ids
}

// groupVector is a group as both sides describe it.
type groupVector struct {
	Label string
	IDs   []string
	N     int
	Lost  int
	Mean  browser.Number
	SD    browser.Number
	Best  browser.Number
}

// The page groups runs as 'runs ls --group-by' does, with the same means and deviations.
func TestGroupVectors(t *testing.T) {
	x := newVectors(t)
	type question struct {
		Keys   []string `json:"keys"`
		Column string   `json:"column"`
		Sort   string   `json:"sort"`
	}
	metrics := []string{"metrics.loss", "metrics.val/acc", "metrics.own", "loss.min", "metrics.sum", "metrics.odd.last"}
	var questions []question
	for range 250 {
		q := question{Column: x.pick(metrics)}
		switch x.random.IntN(4) {
		case 0:
			q.Keys = []string{query.ByReplicates}
		case 1:
			q.Keys = []string{x.pick(oddGroupKeys), x.pick(oddGroupKeys)}
		default:
			q.Keys = []string{x.pick(oddGroupKeys)}
		}
		if x.random.IntN(2) == 0 {
			q.Sort = x.pick(append(metrics, "params.lr", "name", "started")) + x.pick([]string{"", ":asc", ":desc"})
		}
		questions = append(questions, q)
	}
	var got [][]groupVector
	x.ask(t, &got, questions, `(() => {
		const sums = new Summarizer(table, table.newest), of = sums.of(q.column);
		let groups = groupRows(table, table.newest, q.keys);
		if (q.sort) groups = sortGroups(table, groups, table.newest, sums, q.sort);
		return groups.map((g) => { const s = of(g); return { Label: g.label, IDs: Array.from(g.rows, (row) => table.ids[row]),
			N: s.n, Lost: s.lost, Mean: s.mean, SD: s.sd, Best: s.best } });
	})()`)
	for i, q := range questions {
		list := x.catalog.Group(x.runs, catalog.GroupRequest{Keys: q.Keys, Columns: []string{q.Column}, Sort: q.Sort})
		want := []groupVector{}
		for _, g := range list.List {
			s := g.Cells[0].Summary
			want = append(want, groupVector{
				g.Label, idsOf(g.Runs), s.N, len(g.Cells[0].Lost), browser.Number(s.Mean), browser.Number(s.SD),
				browser.Number(s.Best),
			})
		}
		same := cmp.Comparer(func(a, b browser.Number) bool {
			return a == b || math.IsNaN(float64(a)) && math.IsNaN(float64(b)) ||
				math.Abs(float64(a-b)) <= 1e-12*math.Abs(float64(a))
		})
		if diff := cmp.Diff(want, got[i], same); diff != "" {
			t.Fatalf("%+v\n%s", q, diff)
		}
	}
}

// The filter line completes what can stand at its caret. A bar stands for the caret.
func TestCompletions(t *testing.T) {
	x := newVectors(t)
	for _, c := range []struct {
		line, first, then string // the first completion, and the line after it
	}{
		{"|", "metrics.loss", "metrics.loss |"},
		{"params.mod|", "params.model.kind", "params.model.kind |"},
		{"params.odd|", "params.odd key", "params.`odd key` |"},
		{"gpu|", "tags.gpu", "tags.gpu |"},
		{"status |", "=", "status = |"},
		{"status = |", "failed", "status = failed |"},
		{"status != ki|", "killed", "status != killed |"},
		{"status = fi| and loss", "finished", "status = finished | and loss"},
		{"status = 'ki|", "killed", "status = 'killed'|"},
		{"status in (failed, fi|", "finished", "status in (failed, finished |"},
		{"params.seed = |", "0", "params.seed = 0 |"},
		{"loss < 1 |", "and", "loss < 1 and |"},
		{"(loss < 1) |", "and", "(loss < 1) and |"},
		{"loss < 1 and sta|", "status", "loss < 1 and status |"},
		{"started > |", "today", "started > today |"},
		{"name ~ |", "", "name ~ |"},
		{"nothinglikeit|", "", "nothinglikeit|"},
	} {
		before, after, _ := strings.Cut(c.line, "|")
		var got struct{ First, Then string }
		line, _ := json.Marshal(before + after)
		if err := x.functions.Eval(&got, fmt.Sprintf(`(() => {
			const src = %s, caret = %d, c = __functions.complete(table, src, caret), o = c?.list[0];
			if (!o) return { First: "", Then: src.slice(0, caret) + "|" + src.slice(caret) };
			return { First: o.label, Then: src.slice(0, c.from) + o.insert + "|" + src.slice(c.to) };
		})()`, line, len([]rune(before)))); err != nil {
			t.Fatal(err)
		}
		if got.First != c.first || got.Then != c.then {
			t.Errorf("%s: got %q and %q, want %q and %q", c.line, got.First, got.Then, c.first, c.then)
		}
	}
}
