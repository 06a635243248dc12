package repo

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/format"
)

var update = flag.Bool("update", false, "write the expected records of the journal vectors anew")

// TestJournalVectors folds each journal of the vectors and compares the record, the lines kept aside and the warnings.
func TestJournalVectors(t *testing.T) {
	files, err := filepath.Glob("../testdata/vectors/journal/*.jsonl")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d vectors, %v", len(files), err)
	}
	for _, name := range files {
		run := &format.Run{ID: "20251124-160000-00000000", Status: format.Running, Started: time.Date(2025, 11, 24, 16, 0, 0, 0, time.UTC)}
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		f := newFold(run, nil)
		if err := f.journal(t.Context(), journalFile{name: filepath.Base(name), path: name}, 0, info.Size()); err != nil {
			t.Fatal(err)
		}
		run.Metrics = f.metrics(func(string) string { return "" })
		aside := []any{}
		for _, a := range f.aside {
			aside = append(aside, map[string]any{"line": int64(a.line), "reason": a.reason})
		}
		got := format.AppendJSON(nil, map[string]any{"record": json.RawMessage(run.JSON()), "aside": aside, "warnings": f.warnings})
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, got, "", "  "); err != nil {
			t.Fatalf("%v: %s", err, got)
		}
		pretty.WriteByte('\n')
		golden := strings.TrimSuffix(name, "l")
		if *update {
			if err := os.WriteFile(golden, pretty.Bytes(), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), pretty.String()); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}
