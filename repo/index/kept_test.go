package index

import (
	"slices"
	"testing"
	"time"

	"github.com/gitruns/runs/format"
)

// TestOpenKept reads each set once. A set with another content has another key, and one that misses a run is read
// again.
func TestOpenKept(t *testing.T) {
	folder := t.TempDir()
	run := func(id string) *format.Run {
		return &format.Run{ID: id, Name: "n" + id[len(id)-1:], Status: format.Finished, Started: time.UnixMicro(5)}
	}
	a, b, c := "20260101-000000-aaaaaaa1", "20260101-000000-aaaaaaa2", "20260102-000000-aaaaaaa3"
	var asked []string
	damaged := map[string]bool{}
	open := func(sets ...Kept) *Table {
		asked = nil
		blocks, err := OpenCache(folder, "left", "home").OpenKept(sets, func(ids []string) (runs []*format.Run, err error) {
			asked = append(asked, ids...)
			for _, id := range ids {
				if !damaged[id] {
					runs = append(runs, run(id))
				}
			}
			return runs, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return NewTable(blocks, nil)
	}
	first := Kept{"key1", []string{a, b}}
	for i, step := range []struct {
		sets []Kept
		bad  string
		want []string // that are read
		rows int
	}{
		{[]Kept{first}, "", []string{a, b}, 2},
		{[]Kept{first}, "", nil, 2},
		{[]Kept{first, {"key2", []string{c}}}, "", []string{c}, 3},
		{[]Kept{first, {"key2", []string{c}}}, "", nil, 3},
		{[]Kept{{"key3", []string{a}}, {"key2", []string{c}}}, "", []string{a}, 2},
		{[]Kept{first}, b, []string{a, b}, 1},
		{[]Kept{first}, b, []string{a, b}, 1},
		{[]Kept{first}, "", []string{a, b}, 2},
		{nil, "", nil, 0},
	} {
		damaged = map[string]bool{step.bad: true}
		table := open(step.sets...)
		if !slices.Equal(asked, step.want) || table.Len() != step.rows {
			t.Errorf("step %d: read %q, want %q; %d rows, want %d", i, asked, step.want, table.Len(), step.rows)
		}
		if row, ok := table.Row(a); ok && table.Column(Attributes, "name").Text(row) != "n1" {
			t.Errorf("step %d: another name", i)
		}
	}
}
