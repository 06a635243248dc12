package repo

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
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
		run := &format.Run{
			ID: "20251124-160000-00000000", Status: format.Running,
			Started: time.Date(2025, 11, 24, 16, 0, 0, 0, time.UTC),
		}
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		f := newFold(run, nil)
		if err := f.journal(
			t.Context(), journalFile{name: filepath.Base(name), path: name}, 0, info.Size(),
		); err != nil {
			t.Fatal(err)
		}
		run.Metrics = f.metrics(func(string) string { return "" })
		aside := []any{}
		for _, a := range f.aside {
			aside = append(aside, map[string]any{"line": int64(a.line), "reason": a.reason})
		}
		got := format.AppendJSON(
			nil, map[string]any{"record": json.RawMessage(run.JSON()), "aside": aside, "warnings": f.warnings},
		)
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

// TestRepositoryVectors restores and verifies the run of the vectors, and refuses each of its damaged files.
func TestRepositoryVectors(t *testing.T) {
	for _, name := range []string{"repository", "repository-damaged"} {
		p := &project{T: t, dir: t.TempDir()}
		p.git("init", "-q")
		if err := os.CopyFS(p.path(".runs"), os.DirFS("../testdata/vectors/"+name)); err != nil {
			t.Fatal(err)
		}
		r, _, err := Init(p.dir)
		if err != nil {
			t.Fatal(err)
		}
		e, err := r.Read(t.Context(), "20261125-033041-747d1vby")
		if err != nil {
			t.Fatal(err)
		}
		v, err := NewVerifier().Verify(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(t.TempDir(), "restored")
		_, err = r.CheckOut(t.Context(), e.Run, dir)
		if name == "repository-damaged" {
			if err == nil || exists(dir) || len(v.Problems) != 3 { // the first patch, the manifest, the environment
				t.Errorf("%v, %q", err, v.Problems)
			}
			continue
		}
		if err != nil || !v.Restorable || len(v.Problems) > 0 {
			t.Errorf("%v, %+v", err, v)
		}
		file, err := r.Environment(t.Context(), e.Environment.Digest)
		if err != nil {
			t.Fatal(err)
		}
		if _, digest, err := format.EncodeEnvironment(file); err != nil || digest != e.Environment.Digest {
			t.Errorf("written again, the environment has digest %s, %v", digest, err)
		}
		found := files(t, dir, nil)
		for path, want := range map[string]string{
			"train.py": `file true "lr = 2"`, "link": "link train.py", "odd\nname ü": `file false "x"`,
			"new.bin": `file false "\x00\x01\xff"`,
		} {
			if found[path] != want {
				t.Errorf("%q: %s, want %s", path, found[path], want)
			}
		}
	}
}

// TestChainVectors joins the points of the chains of the vectors.
func TestChainVectors(t *testing.T) {
	data, err := os.ReadFile("../testdata/vectors/chains.json")
	if err != nil {
		t.Fatal(err)
	}
	type point struct {
		Step, Time int64
		Value      float64
		Labels     map[string]any
	}
	var chains []struct {
		About string
		Parts []struct {
			Adds   bool
			Points []point
		}
		Points []point
	}
	if err := json.Unmarshal(data, &chains); err != nil || len(chains) < 5 {
		t.Fatalf("%d chains, %v", len(chains), err)
	}
	pointsOf := func(list []point) (points []format.Point) {
		for _, p := range list {
			labels, err := format.NewLabels(p.Labels)
			if err != nil {
				t.Fatal(err)
			}
			points = append(points, format.Point{Step: p.Step, Time: p.Time, Value: p.Value, Labels: labels})
		}
		return points
	}
	for _, chain := range chains {
		var all joined
		for _, part := range slices.Backward(chain.Parts) {
			all.put(&format.Run{Adds: part.Adds}, pointsOf(part.Points))
		}
		if d := cmp.Diff(pointsOf(chain.Points), all.points); d != "" {
			t.Errorf("%s (-vector +joined):\n%s", chain.About, d)
		}
	}
}
