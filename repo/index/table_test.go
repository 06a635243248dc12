package index

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gitruns/runs/format"
)

// randomRun makes a record with a random choice of keys and values of every type.
func randomRun(r *rand.Rand) *format.Run {
	started := time.Date(2026, 11, 20+r.IntN(3), 6, 0, r.IntN(3), r.IntN(3)*1000, time.UTC)
	digest := make([]byte, 8)
	for i := range digest {
		digest[i] = byte(r.IntN(256))
	}
	run := &format.Run{ID: format.IDOf(started, digest), Started: started, Status: format.Finished}
	maybe := func(do func()) {
		if r.IntN(3) == 0 {
			do()
		}
	}
	word := func() string { return []string{"a", "b", "größe", "", strings.Repeat("x", 2000)}[r.IntN(5)] }
	value := func() any {
		return []any{
			int64(r.IntN(5)), int64(-1 << 62), 0.5, math.NaN(), math.Inf(-1), true, false, "text", "", format.Null,
			[]any{int64(1), "x", []any{2.5, format.Null}},
			[]any{},
			map[string]any{},
			strings.Repeat("y", 5000),
		}[r.IntN(14)]
	}
	maybe(func() { run.Name = word() })
	maybe(func() { run.Ended = started.Add(time.Duration(r.IntN(100)) * time.Second) })
	maybe(func() { run.ExitCode = new(int64) })
	maybe(func() { run.Tags = map[string]string{"t": word(), "u": "v"} })
	maybe(func() { // few rows have it
		maybe(func() { run.Tags = map[string]string{"rare": word(), "rarer": word()} })
	})
	maybe(func() { run.Summary = map[string]any{"s": value(), "n": 1.5} })
	maybe(func() {
		run.Params = format.Params{"lr": value(), "model": map[string]any{"kind": value()}, "a.b": value()}
	})
	maybe(func() {
		run.Metrics = map[string]format.Metric{"loss": {
			Last: r.Float64(), Count: 2, Min: &format.Extreme{Value: r.Float64(), Step: 3}, Max: &format.Extreme{Value: 2},
		}, "acc": {Last: 1, Count: 1, Goal: format.GoalMax}}
	})
	maybe(func() {
		run.Source = &format.Source{Commit: "c", Tree: fmt.Sprint(r.IntN(4)), Dirty: r.IntN(2) == 0, Patches: []string{"p"}}
	})
	maybe(func() {
		run.Environment = &format.Environment{OS: word(), Digest: "e", Variables: map[string]string{"V": word()}}
	})
	maybe(func() { run.Machine = &format.Machine{Host: word(), Cores: 2} })
	maybe(func() { run.Defined = []format.Definition{{Name: "l*", Goal: "min", StepSync: true}} })
	maybe(func() { run.Datasets = []format.Dataset{{Name: "d", SHA256: "1"}, {Name: "d", SHA256: "2"}} })
	return run
}

// Every value of every record is in the column of its key, whatever blocks the runs are in.
func TestColumnsHoldTheRecords(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var runs []*format.Run
		var blocks []*Block
		for range random.IntN(4) {
			var b Builder
			for range random.IntN(40) {
				run := randomRun(random)
				if n := len(runs); n > 0 && random.IntN(2) == 0 { // it shares tables with the one before
					run.Source, run.Environment, run.Datasets = runs[n-1].Source, runs[n-1].Environment, runs[n-1].Datasets
				}
				runs = append(runs, run)
				b.Add(run)
			}
			blocks = append(blocks, parsed(t, &b))
		}
		checkTable(t, NewTable(blocks, nil), runs)
	}
}

// Rows that are taken over from another block are as they were.
func TestRowsOfAnotherBlock(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 100 {
		var first Builder
		byID := map[string]*format.Run{}
		for range random.IntN(40) {
			run := randomRun(random)
			byID[run.ID] = run
			first.Add(run)
		}
		old := parsed(t, &first)
		var second Builder
		var runs []*format.Run
		var rows []int
		for row, id := range old.ids {
			if random.IntN(2) == 0 {
				rows = append(rows, row)
				runs = append(runs, byID[id])
			}
		}
		second.AddRows(old, rows)
		for range random.IntN(10) {
			run := randomRun(random)
			runs = append(runs, run)
			second.Add(run)
		}
		checkTable(t, NewTable([]*Block{parsed(t, &second)}, nil), runs)
	}
}

// A run that several blocks have is in the table once, from the first of them, and runs that are not kept are not.
func TestTableChooses(t *testing.T) {
	started := time.Date(2026, 11, 20, 6, 0, 0, 0, time.UTC)
	run := func(n byte, name string) *format.Run {
		return &format.Run{ID: format.IDOf(started, []byte{n, 0, 0, 0, 0, 0, 0, 0}), Name: name, Started: started}
	}
	blocks := []*Block{
		NewBlock([]*format.Run{run(1, "one"), run(3, "three")}),
		NewBlock([]*format.Run{run(3, "other"), run(2, "two")}),
		NewBlock(nil),
	}
	three := run(3, "").ID
	if got := namesOf(NewTable(blocks, nil)); !slices.Equal(got, []string{"three", "two", "one"}) {
		t.Errorf("got %q", got)
	}
	if got := namesOf(NewTable([]*Block{blocks[1], blocks[0]}, nil)); !slices.Equal(got, []string{"other", "two", "one"}) {
		t.Errorf("in another order: got %q", got)
	}
	keep := func(id string) bool { return id != three }
	table := NewTable(blocks, keep)
	if got := namesOf(table); !slices.Equal(got, []string{"two", "one"}) {
		t.Errorf("without a run: got %q", got)
	}
	if row, ok := table.Row(run(1, "").ID); !ok || row != 1 {
		t.Errorf("the row of the first run is %d, %v", row, ok)
	}
	none := NewTable(blocks, func(string) bool { return false })
	if none.Len() != 0 || none.Column(Attributes, "name") != absent {
		t.Errorf("a table of no runs has %d", none.Len())
	}
}

func namesOf(t *Table) []string {
	var names []string
	for row := range t.Len() {
		names = append(names, t.Column(Attributes, "name").Text(row))
	}
	return names
}

func parsed(t *testing.T, b *Builder) *Block {
	t.Helper()
	data, order := b.Encode()
	if len(order) != b.Len() {
		t.Fatalf("%d runs are in the order, of %d", len(order), b.Len())
	}
	block, err := ParseBlock(data)
	if err != nil {
		t.Fatal(err)
	}
	return block
}

func checkTable(t *testing.T, table *Table, runs []*format.Run) {
	t.Helper()
	runs = slices.Clone(runs)
	slices.SortFunc(runs, func(a, b *format.Run) int {
		if c := b.Started.Compare(a.Started); c != 0 {
			return c
		}
		return strings.Compare(b.ID, a.ID)
	})
	if table.Len() != len(runs) {
		t.Fatalf("%d rows, want %d", table.Len(), len(runs))
	}
	for row, run := range runs {
		if table.ID(row) != run.ID {
			t.Fatalf("row %d is %s, want %s", row, table.ID(row), run.ID)
		}
		want := map[ref]value{}
		take := func(scope Scope, key string, v value) { want[ref{scope, key}] = v }
		visit(run, take)
		visitShared(run, take)
		for scope := range numberOfScopes {
			for _, key := range table.Keys(scope) {
				c := table.Column(scope, key)
				v := want[ref{scope, key}]
				if c.Kind(row) != v.kind {
					t.Fatalf("%d %s: the kind is %d, want %d", scope, key, c.Kind(row), v.kind)
				}
				delete(want, ref{scope, key})
				switch v.kind {
				case Absent:
				case Text, List:
					if c.Text(row) != v.text {
						t.Fatalf("%d %s: got %q, want %q", scope, key, c.Text(row), v.text)
					}
				default:
					if c.Word(row) != v.word {
						t.Fatalf("%d %s: got %x, want %x", scope, key, c.Word(row), v.word)
					}
				}
			}
		}
		if len(want) > 0 {
			t.Fatalf("no column has %v", want)
		}
		checkRow(t, table, row, run)
	}
}

// checkRow compares the values that a reader gets with those of the record.
func checkRow(t *testing.T, table *Table, row int, run *format.Run) {
	t.Helper()
	for name, want := range run.Params.Flatten() {
		c := table.Column(Params, name)
		if got, ok := c.Value(row); ok && !format.EqualValue(got, want) || !ok && c.Kind(row) != Elsewhere {
			t.Fatalf("param %s: got %v, want %v", name, got, want)
		}
	}
	if m, ok := run.Metrics["loss"]; ok && (table.Column(MetricLast, "loss").Float(row) != m.Last ||
		table.Column(MetricMin, "loss").Float(row) != m.Min.Value || table.Column(MetricCount, "loss").Int(row) != 2) {
		t.Fatal("another metric")
	}
	if d, ok := table.Definitions(row); !ok || !reflect.DeepEqual(d, run.Defined) {
		t.Fatalf("got the definitions %v, want %v", d, run.Defined)
	}
	if !run.Ended.IsZero() && !table.Column(Attributes, "ended").Time(row).Equal(run.Ended) {
		t.Fatal("another end")
	}
	if len(run.Datasets) > 0 && table.Column(Datasets, "d").Text(row) != "1" {
		t.Fatal("another dataset")
	}
}

// Params that their names do not tell apart are only in the record.
func TestIrregularParams(t *testing.T) {
	run := randomRun(rand.New(rand.NewPCG(5, 6)))
	run.Params = format.Params{"a": map[string]any{"b": int64(1)}, "a.b": int64(2)}
	table := NewTable([]*Block{NewBlock([]*format.Run{run})}, nil)
	if !table.Is(Irregular, 0) || len(table.Keys(Params)) != 0 {
		t.Errorf("the columns are %q", table.Keys(Params))
	}
}

// The bytes of a block may be anything: reading them ends without a panic.
func FuzzParseBlock(f *testing.F) {
	random := rand.New(rand.NewPCG(7, 8))
	var runs []*format.Run
	for range 20 {
		runs = append(runs, randomRun(random))
	}
	f.Add(NewBlock(runs).data)
	f.Add(NewBlock(nil).data)
	f.Fuzz(func(t *testing.T, data []byte) {
		block, err := ParseBlock(data)
		if err != nil {
			return
		}
		readAll(NewTable([]*Block{block, NewBlock(runs)}, nil))
		rows := make([]int, block.Len())
		for i := range rows {
			rows[i] = i
		}
		var b Builder
		b.AddRows(block, rows)
		if data, _ := b.Encode(); len(data) > 0 {
			if _, err := ParseBlock(data); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func readAll(table *Table) {
	for scope := range numberOfScopes {
		for _, key := range table.Keys(scope) {
			c := table.Column(scope, key)
			for row := range table.Len() {
				_, _ = c.Value(row)
			}
		}
	}
	for row := range table.Len() {
		_, _ = table.Definitions(row)
	}
}
