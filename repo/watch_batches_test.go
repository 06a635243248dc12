package repo

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gitruns/runs/format"
)

// A batch whose list of runs is replaced in place, as by a checkout, changes what a watch shows: runs that it no longer
// has go, records that differ are read again, damage comes and goes.
func TestWatchBatches(t *testing.T) {
	r := emptyRepository(t)
	ids := recordRuns(t, r, 5)
	slices.Sort(ids)
	b := pack(t, r, ids[:4]...)
	w := r.Watch(t.Context())
	defer w.Close()
	check := func(step, cwd string, damaged int, want ...string) {
		t.Helper()
		if _, err := w.Poll(t.Context()); err != nil {
			t.Fatal(err)
		}
		l := w.Listed()
		read, _, err := l.Table.Load(t.Context(), l.Rows)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range append(l.Entries, read...) {
			got = append(got, e.ID)
			if e.ID == ids[0] && e.Cwd != cwd {
				t.Errorf("%s: the run has cwd %q, want %q", step, e.Cwd, cwd)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) || len(l.Damage) != damaged {
			t.Errorf("%s: runs %q, damage %v, want %q", step, got, l.Damage, want)
		}
	}
	check("first", "", 0, ids...)
	before, err := os.ReadFile(b.runsFile())
	if err != nil {
		t.Fatal(err)
	}
	replace := func(text string) { // as Git does
		t.Helper()
		put(t, b.Dir+"-new", text)
		if err := os.Rename(b.Dir+"-new", b.runsFile()); err != nil {
			t.Fatal(err)
		}
	}
	runs, err := format.ScanBatch("runs.toml", before)
	if err != nil {
		t.Fatal(err)
	}
	e, err := r.ReadFinished(ids[0])
	if err != nil {
		t.Fatal(err)
	}
	record := bytes.Replace(runs[0].Record, []byte("status ="), []byte("cwd = \"sub\"\nstatus ="), 1)
	runs[0] = format.NewBatchRun(ids[0], record, e.Files, runs[0].Points, runs[0].Values)
	fewer, err := format.EncodeBatch(runs[:3])
	if err != nil {
		t.Fatal(err)
	}
	replace(string(fewer))
	check("fewer", "sub", 0, ids[0], ids[1], ids[2], ids[4])
	replace("schema = 1\n[[run]]\n")
	check("torn", "", 1, ids[4])
	replace(string(before))
	check("mended", "", 0, ids...)
	if err := os.RemoveAll(b.Dir); err != nil {
		t.Fatal(err)
	}
	check("gone", "", 0, ids[4])
	if _, err := os.Stat(filepath.Join(r.RunDir(ids[0]), notesName)); err != nil {
		t.Error(err)
	}
}
