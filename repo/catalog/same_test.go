package catalog

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/query"
)

// maker makes records with all that a record can have, and with keys that are hard to tell apart.
type maker struct {
	*rand.Rand
	ids []string
}

func pick[T any](m *maker, list ...T) T { return list[m.IntN(len(list))] }

var keyNames = []string{
	"lr", "loss", "loss.min", "a", "a.b", "a.b.c", "model", "model.kind", "val acc", `q"uote`, "status", "name", "started",
	"duration", "min", "x.last", "Ünïcode", "set", "opt.set", "python", "source.commit", "environment.variables.HOME",
}

func (m *maker) float() float64 {
	return pick(m, 0, 1, -1.5, 0.25, 1e300, 3, math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1),
		m.NormFloat64())
}

func (m *maker) text() string {
	return pick(m, "x", "xgb", "1", "1.0", "nan", "true", "null", "2026-11-23", "a b", "[64, 64]",
		strings.Repeat("long", 400), "Ü")
}

func (m *maker) value(depth int) any {
	switch m.IntN(9) {
	case 0:
		return int64(m.IntN(4))
	case 1:
		return m.float()
	case 2:
		return m.IntN(2) == 0
	case 3:
		return format.Null
	case 4:
		return []any{int64(64), int64(64)}
	case 5:
		return []any{m.text(), format.Null, []any{m.float()}}
	case 6:
		if depth < 2 {
			return map[string]any(m.params(depth + 1))
		}
		return map[string]any{}
	}
	return m.text()
}

func (m *maker) params(depth int) format.Params {
	p := format.Params{}
	for range m.IntN(5) {
		p[pick(m, keyNames...)] = m.value(depth)
	}
	return p
}

func (m *maker) metric() format.Metric {
	one := format.Metric{Last: m.float(), Count: 1, Goal: pick(m, "", "", format.GoalMin, format.GoalMax)}
	if m.IntN(2) == 0 {
		one.Count = int64(2 + m.IntN(5))
		if !math.IsNaN(one.Last) {
			one.Min = &format.Extreme{Value: one.Last - 1, Step: int64(m.IntN(9))}
			one.Max = &format.Extreme{Value: one.Last + 1, Step: int64(m.IntN(9))}
		}
	}
	return one
}

func (m *maker) run() *format.Run {
	started := time.Date(2026, 11, 21+m.IntN(3), 14, m.IntN(3), m.IntN(2), 1000*m.IntN(3), time.UTC)
	r := &format.Run{
		ID: format.NewID(started), Started: started, Status: pick(m, format.Finished, format.Failed, format.Killed),
		Name: pick(m, "", "wide", "deep", "wide2"), Key: pick(m, "", "k1", "k2"), Experiment: pick(m, "", "e1", "e2"),
		Group: pick(m, "", "g", "h"), Author: pick(m, "", "Ada <ada@example.org>"), Note: pick(m, "", m.text()),
		Command: []string{"python", m.text()}, Params: m.params(0), Cwd: pick(m, "", "sub"),
	}
	r.Ended = started.Add(time.Duration(m.IntN(5)) * time.Minute)
	if len(m.ids) > 0 && m.IntN(4) == 0 {
		r.Resumes = pick(m, m.ids...)
	}
	if m.IntN(8) == 0 {
		r.Reproduces = format.NewID(started)
	}
	if m.IntN(3) == 0 {
		code := int64(m.IntN(3))
		r.ExitCode = &code
	}
	r.Tags, r.Metrics, r.Summary = map[string]string{}, map[string]format.Metric{}, map[string]any{}
	for range m.IntN(4) {
		r.Tags[pick(m, keyNames...)] = m.text()
		r.Metrics[pick(m, keyNames...)] = m.metric()
		if v := m.value(9); v != format.Null {
			r.Summary[pick(m, keyNames...)] = v
		}
	}
	m.tables(r)
	m.ids = append(m.ids, r.ID)
	return r
}

func (m *maker) tables(r *format.Run) {
	if m.IntN(2) == 0 {
		durable := m.IntN(2) == 0
		r.Source = &format.Source{Commit: strings.Repeat("a", 40), Branch: pick(m, "", "main"), Dirty: durable}
	}
	if m.IntN(2) == 0 {
		r.Environment = &format.Environment{
			Python: pick(m, "", "3.12"), OS: "linux", Variables: map[string]string{"HOME": "/x", "a.b": "1"},
		}
	}
	if m.IntN(2) == 0 {
		r.Machine = &format.Machine{Host: pick(m, "", "here"), Cores: int64(m.IntN(3)), GPUs: []string{"A100"}}
	}
	if m.IntN(3) == 0 {
		r.Datasets = []format.Dataset{{Name: "train", SHA256: strings.Repeat("b", 64), Bytes: 1}}
	}
	if m.IntN(5) == 0 {
		r.Unknown = map[string]any{"later": "x", "python": "4"}
	}
	if m.IntN(5) == 0 {
		r.Extra = map[string]any{"a": int64(1)}
	}
	if m.IntN(4) == 0 {
		r.Defined = []format.Definition{{Name: pick(m, "loss", "*"), Goal: pick(m, format.GoalMin, format.GoalMax)}}
	}
}

// written writes records into a new project, with one that is damaged.
func (m *maker) written(t testing.TB, n int) *repo.Repository {
	r, _, err := repo.Setup(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	write := func(id string, data []byte) {
		dir := filepath.Join(r.Dir, format.IDDay(id), id)
		err := errors.Join(os.MkdirAll(dir, 0o777), os.WriteFile(filepath.Join(dir, repo.RecordName), data, 0o666))
		if err != nil {
			t.Fatal(err)
		}
	}
	for range n {
		run := m.run()
		data, err := format.EncodeRun(run)
		if err != nil {
			continue // two of the random keys exclude each other
		}
		write(run.ID, data)
	}
	write(format.NewID(time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)), []byte("id = "))
	return r
}

func (m *maker) key() string {
	key := pick(m, pick(m, keyNames...), pick(m, "id", "note", "command", "dirty", "datasets.train", "extra.a", "later",
		"host", "commit", "files.x", "conflicts.lr", "exit_code", "ended", "opt", "nothing", "`a.b`", `"loss".min`, "group"))
	if strings.ContainsAny(key, ` "`) && !strings.HasPrefix(key, `"loss`) {
		key = "`" + key + "`"
	}
	return pick(m, "", "", "metrics.", "summary.", "params.", "tags.", "attributes.") + key +
		pick(m, "", "", "", ".min", ".last", ".best", ".count", ".max_step")
}

func (m *maker) expression(depth int) string {
	switch m.IntN(6) {
	case 0:
		if depth < 3 {
			return "(" + m.expression(depth+1) + pick(m, " and ", " or ") + m.expression(depth+1) + ")"
		}
	case 1:
		if depth < 3 {
			return "not " + m.expression(depth+1)
		}
	case 2:
		return m.key()
	case 3:
		return m.key() + " in (" + m.literal() + ", " + m.literal() + ")"
	}
	return m.key() + pick(m, " = ", " != ", " < ", " <= ", " > ", " >= ", " ~ ", " !~ ") + m.literal()
}

func (m *maker) literal() string {
	return pick(m, "1", "0.25", "nan", "true", "null", "'1'", "x", "xgb", "'[64, 64]'", "'3d ago'", "2026-11-22", "inf",
		"params.lr", "metrics.loss", "wide", "'a b'", "2m", "-1.5")
}

// both answers questions about the same runs: with records, and with columns that forget what was read.
type both struct {
	t       testing.TB
	records *Catalog
	columns *Catalog
}

func newBoth(t testing.TB, r *repo.Repository) *both {
	entries, damage, err := r.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	records, err := Of(t.Context(), r, Options{}, entries, damage)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(records.Close)
	open(t, r, Options{}) // writes the index
	b := &both{t: t, records: records, columns: open(t, r, Options{})}
	if len(damage) != 1 || len(b.columns.Damage()) != 1 {
		t.Fatalf("%d and %d damaged runs, want 1", len(damage), len(b.columns.Damage()))
	}
	return b
}

// forget makes all rows of columns answer from columns again.
func (b *both) forget() { b.columns.addTable(b.columns.columns.table) }

// same compares what ask says of both.
func (b *both) same(question string, ask func(c *Catalog) string) {
	b.t.Helper()
	b.forget()
	want, got := ask(b.records), ask(b.columns)
	if d := cmp.Diff(want, got); d != "" {
		b.t.Errorf("%s (-records +columns):\n%s", question, d)
	}
}

// match compares the runs that match an expression and the keys that no run has, and returns the number of runs.
func (b *both) match(where string) (n int) {
	b.t.Helper()
	b.same(where, func(c *Catalog) string {
		rows, missing, err := c.MatchRows(slices.Clone(c.rows), where)
		n = len(rows)
		return fmt.Sprint(rowNames(rows), missing, err)
	})
	return n
}

func rowNames(rows []*Row) string {
	var ids []string
	for _, r := range rows {
		ids = append(ids, r.ID())
	}
	return strings.Join(ids, "\n")
}

// TestRecordsAndColumns: filters, sorting, selectors, columns and groups say the same of records and of columns.
func TestRecordsAndColumns(t *testing.T) {
	m := &maker{Rand: rand.New(rand.NewPCG(1, 2))}
	read, matched := 0, 0
	for range 2 {
		b := newBoth(t, m.written(t, 60))
		now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
		context := func(c *Catalog) query.Context {
			context := c.Context()
			context.Now = now
			return context
		}
		for range 400 {
			matched += b.match(m.expression(0))
			read += len(slices.DeleteFunc(slices.Clone(b.columns.rows), func(r *Row) bool { return r.entry == nil }))
		}
		for range 100 {
			key := m.key()
			spec := key + pick(m, "", ":asc", ":desc")
			b.same("sort by "+spec, func(c *Catalog) string {
				rows := slices.Clone(c.rows)
				c.SortRows(rows, spec, 0)
				return rowNames(rows)
			})
			b.same("columns with "+key, func(c *Catalog) string {
				rows := AsRows(c.rows[:20])
				ask := query.ColumnRequest{Sort: key}
				if m := len(key) % 2; m == 0 {
					ask = query.ColumnRequest{Keys: []string{key, "lr"}}
				}
				return fmt.Sprint(query.ChooseColumns(rows, ask, context(c)), query.BestBy(rows, key, context(c)),
					query.MetricOf(rows, key), query.AllColumns(rows), c.Missing(key), query.Primary("", rows, context(c)))
			})
			b.same("values of "+key, func(c *Catalog) string {
				k := query.NewKey(key)
				text := ""
				for _, r := range c.rows {
					v, ok := k.Value(r, context(c))
					text += fmt.Sprint(r.ID(), " ", v, " ", ok, "\n")
				}
				return text
			})
		}
		id := pick(m, b.records.Rows()...).ID()
		for _, selector := range []string{
			"last", "@~2", "last~500", "last=e1~1", "last=none", "best=loss", "best(loss, \"status = failed\")", "best=nothing",
			"best=lss", "group=g", "group=none", "name=deep", "name=dep", "wide", "wid", "k1", "k9", "newest", "e1", "a..b",
			id, id[:17], format.IDRandom(id), format.IDRandom(id)[:5], "20261122", "zz",
		} {
			b.same(selector, func(c *Catalog) string {
				entries, _, err := c.Select(t.Context(), selector)
				var none *query.NotFoundError
				if errors.As(err, &none) {
					return none.Error() + "; " + none.Hint
				}
				return fmt.Sprint(ids(entries), err)
			})
		}
		for range 40 {
			q := GroupRequest{
				Keys: pick(m, []string{m.key()}, []string{m.key(), "status"}, []string{query.ByReplicates}), Limit: m.IntN(9),
			}
			if m.IntN(2) == 0 {
				q.Columns, q.Sort = []string{m.key(), "loss"}, m.key()
			}
			b.same(fmt.Sprint("groups by ", q), func(c *Catalog) string {
				g, err := c.GroupRows(c.rows, q)
				return groupText(g) + fmt.Sprint(err)
			})
		}
		b.same("chains", func(c *Catalog) string {
			place := c.PlaceText()
			text := ""
			for _, r := range c.WholeRows(t.Context(), c.rows) {
				text += fmt.Sprint(r.ID(), " ", place(r.ID(), r.Parts()), " ", r.Resumes(), "\n")
			}
			return text
		})
		b.same("keys", func(c *Catalog) string {
			return fmt.Sprint(c.WithUnknownKeys(), len(c.IDs()), c.Goal("loss"), c.Goal("x"), c.KeyNames())
		})
	}
	if matched == 0 || read == 0 || read > 400*2*60/2 {
		t.Errorf("%d records were read, %d runs matched", read, matched)
	}
}

func groupText(g Groups) string {
	text := fmt.Sprintln(g.Keys, g.Primary, g.Goal, g.Columns)
	for _, group := range g.List {
		text += fmt.Sprintln(group.Label, group.Values, len(group.Lost), len(group.Runs), group.Runs[0].ID, group.Summary.N,
			group.Summary.Mean, group.Summary.SD, group.Summary.Best)
		for _, cell := range group.Cells {
			text += fmt.Sprintln(cell.Summary.N, cell.Summary.Mean, len(cell.Lost), cell.Value)
		}
	}
	return text
}

func ids(entries []*repo.Entry) []string {
	var list []string
	for _, e := range entries {
		list = append(list, e.ID)
	}
	return list
}

// FuzzRecordsAndColumns: an expression matches the same runs by their records and by their columns.
func FuzzRecordsAndColumns(f *testing.F) {
	m := &maker{Rand: rand.New(rand.NewPCG(3, 4))}
	b := newBoth(f, m.written(f, 40))
	for range 50 {
		f.Add(m.expression(0))
	}
	f.Fuzz(func(t *testing.T, where string) {
		b.t = t
		b.match(where)
	})
}

// TestReadsOnlyWhatIsShown: filters, sorting and selectors open no record of a run that is not shown.
func TestReadsOnlyWhatIsShown(t *testing.T) {
	t.Setenv(repo.IndexVariable, repo.IndexUnsampled)
	var runs []*format.Run
	for i := range 5 {
		runs = append(runs, &format.Run{Name: fmt.Sprint("run", i), Params: format.Params{"lr": int64(i)}})
	}
	r := project(t, runs...)
	day := filepath.Join(r.Dir, format.IDDay(runs[0].ID))
	before := time.Now().Add(-time.Hour)
	if err := os.Chtimes(day, before, before); err != nil {
		t.Fatal(err)
	}
	open(t, r, Options{}) // writes the index
	for _, run := range runs[:4] {
		if err := os.WriteFile(filepath.Join(day, run.ID, repo.RecordName), []byte("id = "), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	c := open(t, r, Options{})
	rows, missing, err := c.MatchRows(slices.Clone(c.Rows()), "lr >= 0")
	if err != nil || len(rows) != 5 || missing != nil {
		t.Fatalf("%d rows, %v, %v", len(rows), missing, err)
	}
	c.SortRows(rows, "lr:desc", 0)
	if shown, err := c.Prove(slices.Clone(rows[:1]), "lr >= 0"); err != nil || shown[0].Entry().Name != "run4" {
		t.Errorf("the newest: %v, %v", shown, err)
	}
	if found, _, err := c.Select(t.Context(), "last"); err != nil || names(found) != "run4 " {
		t.Errorf("last: %s, %v", names(found), err)
	}
	if len(c.Damage()) != 0 {
		t.Errorf("damage: %v", c.Damage())
	}
	// What is shown is answered by the files.
	shown, err := c.Prove(rows, "lr >= 0")
	if err != nil || len(shown) != 1 || len(c.Damage()) != 4 || len(c.Rows()) != 1 {
		t.Errorf("all: %d shown, %d damaged, %d rows, %v", len(shown), len(c.Damage()), len(c.Rows()), err)
	}
}

// TestEditedInPlace: a selector whose run was edited in place by another program is answered by the file.
func TestEditedInPlace(t *testing.T) {
	t.Setenv(repo.IndexVariable, repo.IndexUnsampled)
	runs := []*format.Run{{Name: "old"}, {Name: "new"}}
	r := project(t, runs...)
	dir := filepath.Join(r.Dir, format.IDDay(runs[0].ID))
	before := time.Now().Add(-time.Hour)
	if err := os.Chtimes(dir, before, before); err != nil {
		t.Fatal(err)
	}
	open(t, r, Options{}) // writes the index
	path := filepath.Join(dir, runs[1].ID, repo.RecordName)
	data, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, []byte(strings.Replace(string(data), `"new"`, `"other"`, 1)), 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	c := open(t, r, Options{})
	var none *query.NotFoundError
	if found, _, err := c.Select(t.Context(), "new"); !errors.As(err, &none) {
		t.Errorf("by the name before: %s, %v", names(found), err)
	}
	if found, _, err := c.Select(t.Context(), "other"); err != nil || names(found) != "other " {
		t.Errorf("by the name in the file: %s, %v", names(found), err)
	}
	c = open(t, r, Options{})
	rows, _, err := c.MatchRows(slices.Clone(c.Rows()), "name = new")
	if err == nil {
		rows, err = c.Prove(rows, "name = new")
	}
	if err != nil || len(rows) != 0 {
		t.Errorf("rows of the expression: %d, %v", len(rows), err)
	}
}
