package catalog

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// Without an index that can be written, the newest runs are those of all records, whatever is in older days: a chain,
// another experiment, a start that is not of the day in the id, a goal that only an old run defines.
func TestOpenNewest(t *testing.T) {
	dir := t.TempDir()
	project := filepath.Join(dir, repo.DirName)
	if err := os.MkdirAll(project, 0o777); err != nil {
		t.Fatal(err)
	}
	id := func(day int) string { return fmt.Sprintf("202601%02d-120000-aaaaaa%02d", day, day) }
	for day := 1; day <= 28; day++ {
		run := &format.Run{
			ID: id(day), Started: format.IDTime(id(day)), Status: format.Finished, Experiment: "a",
		}
		run.Ended = run.Started.Add(time.Minute)
		switch day {
		case 2:
			run.Defined = []format.Definition{{Name: "loss", Goal: "max"}}
		case 3, 4, 5, 6, 7, 8:
			run.Experiment = "b"
		case 20:
			run.Started = run.Started.Add(23 * time.Hour)
			run.Ended = run.Started
		case 27:
			run.Resumes = id(14)
		}
		data, err := format.EncodeRun(run)
		if err != nil {
			t.Fatal(err)
		}
		at := filepath.Join(project, format.IDDay(run.ID), run.ID, repo.RecordName)
		if err := os.MkdirAll(filepath.Dir(at), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(project, "cache"), nil, 0o666); err != nil { // no folder can be made there
		t.Fatal(err)
	}
	r, err := repo.Find(dir)
	if err != nil {
		t.Fatal(err)
	}
	all, err := Open(context.Background(), r, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	for _, experiment := range []string{"", "a", "b"} {
		all.scope = experiment
		want := all.WholeRows(t.Context(), all.rowsInScope())
		for n := 1; n <= len(want); n++ {
			c, err := OpenNewest(t.Context(), r, Options{Experiment: experiment}, n)
			if err != nil {
				t.Fatal(err)
			}
			got := c.WholeRows(t.Context(), c.rowsInScope())
			if len(got) < n {
				t.Fatalf("%q: %d runs, want %d", experiment, len(got), n)
			}
			for i, row := range got[:n] {
				if row.ID() != want[i].ID() || row.Parts() != want[i].Parts() {
					t.Errorf("%q: of %d, run %d is %s of %d parts, want %s of %d", experiment, n, i, row.ID(), row.Parts(),
						want[i].ID(), want[i].Parts())
				}
			}
			if goal := c.Goal("loss"); goal != "max" {
				t.Errorf("%q: of %d, the goal is %q, want that of the oldest day", experiment, n, goal)
			}
			c.Close()
		}
	}
	c, err := OpenNewest(t.Context(), r, Options{Experiment: "a"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if read := len(c.Rows()); read > 22 {
		t.Errorf("%d records were read for the newest run", read)
	}
	if c.IsUnread(id(28)) || !c.IsUnread(id(2)) || c.IsUnread("20250101-000000-aaaaaaaa") {
		t.Error("which runs were not read")
	}
}
