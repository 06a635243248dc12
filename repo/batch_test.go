package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/parquet-go/parquet-go"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/index"
)

// recordRuns records n runs, with points, values, an artifact, console output and a note.
func recordRuns(t *testing.T, r *Repository, n int) (ids []string) {
	t.Helper()
	var parser format.JournalParser
	for i := range n {
		a, err := r.Start(t.Context(), &format.Run{Params: format.Params{"lr": float64(i) / 10}}, format.OwnerDetached)
		if err != nil {
			t.Fatal(err)
		}
		j, err := a.OpenJournal()
		if err != nil {
			t.Fatal(err)
		}
		for step := range 5 {
			var l format.Line
			text := fmt.Sprintf(`{"t":%d.5,"s":%d,"m":{"loss":%d.25,"val/acc":0.5},"values":{"text":"step %d"}}`,
				1764000000+step, step, i*step, step)
			if err := parser.Parse([]byte(text), &l); err != nil {
				t.Fatal(err)
			}
			if err := j.Append(&l); err != nil {
				t.Fatal(err)
			}
		}
		line, err := a.AddArtifactFrom("model.txt", true, strings.NewReader(fmt.Sprint("weights ", i)))
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Append(&format.Line{Time: 1764000000_000000, Artifact: &line}); err != nil {
			t.Fatal(err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(a.Dir, outputName), fmt.Sprint("printed by ", i, "\n"))
		if _, err := a.Finish(t.Context(), Finish{}); err != nil {
			t.Fatal(err)
		}
		e, err := r.Read(t.Context(), a.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Annotate(&format.Note{Text: fmt.Sprint("note ", i)}); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, a.ID)
	}
	return ids
}

// pack moves runs into a batch, as a commit does: the records, rows and artifacts, and neither notes nor output.
func pack(t *testing.T, r *Repository, ids ...string) *Batch {
	t.Helper()
	slices.Sort(ids)
	var points, values bytes.Buffer
	p, v := format.NewBatchPoints(&points, false), format.NewBatchValues(&values)
	var runs []format.BatchRun
	tmp := t.TempDir()
	for _, id := range ids {
		e, err := r.ReadFinished(id)
		if err != nil {
			t.Fatal(err)
		}
		m, release, err := e.metrics(MetricsName)
		if err != nil {
			t.Fatal(err)
		}
		pointsOf, err := p.Add(t.Context(), id, m)
		release()
		if err != nil {
			t.Fatal(err)
		}
		texts, release, err := e.values()
		if err != nil {
			t.Fatal(err)
		}
		valuesOf, err := v.Add(t.Context(), id, texts)
		release()
		if err != nil {
			t.Fatal(err)
		}
		record, err := e.RecordBytes()
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, format.NewBatchRun(id, record, e.Files, pointsOf, valuesOf))
		to := filepath.Join(tmp, format.BatchFilesName, id)
		if err := os.MkdirAll(to, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(e.Dir, artifactsName), filepath.Join(to, artifactsName)); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{RecordName, MetricsName, format.ValuesName} {
			if err := os.Remove(filepath.Join(e.Dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := format.EncodeBatch(runs)
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(tmp, format.BatchRunsName), string(data))
	put(t, filepath.Join(tmp, MetricsName), points.String())
	put(t, filepath.Join(tmp, format.ValuesName), values.String())
	name := format.BatchName([]format.BatchFile{{Path: format.BatchRunsName, SHA256: fmt.Sprint(ids)}})
	dir := filepath.Join(r.Dir, format.IDDay(ids[0]), name)
	if err := os.CopyFS(dir, os.DirFS(tmp)); err != nil {
		t.Fatal(err)
	}
	return r.openBatch(dir, nil)
}

// what is what a reader gets of a run.
type what struct {
	Run    *format.Run
	Points map[string][]format.Point
	Values []string
	Files  []File
	Output string
	Model  string
	Notes  int
}

func whatOf(t *testing.T, e *Entry) what {
	t.Helper()
	w := what{Run: e.Run, Points: map[string][]format.Point{}}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", e.ID, err)
		}
	}
	check(e.EachPoints(t.Context(), func(key string, points []format.Point) error {
		w.Points[key] = append(w.Points[key], points...)
		return nil
	}))
	c, err := e.Curves()
	check(err)
	for key := range e.Metrics {
		points, err := c.Points(t.Context(), key)
		check(err)
		if !cmp.Equal(points, w.Points[key]) {
			t.Errorf("%s of %s: %s", key, e.ID, cmp.Diff(points, w.Points[key]))
		}
	}
	c.Close()
	here, err := e.EachValue(t.Context(), func(key string, v format.Value) error {
		w.Values = append(w.Values, key+v.JSON)
		return nil
	})
	check(err)
	if !here {
		t.Errorf("the values of %s are not on this machine", e.ID)
	}
	w.Files, err = e.Content(t.Context())
	check(err)
	if f, err := e.Output(); err != nil {
		t.Fatal(err)
	} else if f != nil {
		data, err := os.ReadFile(f.Name())
		check(err)
		w.Output = string(data)
		check(f.Close())
	}
	for _, a := range e.Artifacts {
		var b bytes.Buffer
		check(e.CopyArtifact(a, &b))
		w.Model += b.String()
	}
	notes, err := e.Notes()
	check(err)
	w.Notes = len(notes)
	v, err := NewVerifier().Verify(t.Context(), e)
	check(err)
	if len(v.Problems) > 0 {
		t.Errorf("%s: %s", e.ID, v.Problems)
	}
	return w
}

// A reader gets the same of a run in a batch and of a run in a folder of its own.
func TestReadBatch(t *testing.T) {
	r := emptyRepository(t)
	ids := recordRuns(t, r, 7)
	third := ids[3]
	slices.Sort(ids)
	before := listed(t, r)
	if len(before) != 7 || before[third].Output != "printed by 3\n" || before[third].Notes != 1 {
		t.Fatalf("%+v", before)
	}
	pack(t, r, ids[:3]...)
	pack(t, r, ids[3:6]...)
	for _, name := range []string{"warm", "cold"} {
		if d := cmp.Diff(before, listed(t, r), cmpopts.EquateNaNs()); d != "" {
			t.Errorf("%s: a run in a batch differs:\n%s", name, d)
		}
		var err error
		if r, err = r.Reopen(); err != nil {
			t.Fatal(err)
		}
	}
	if found, err := r.FinishedIDs(); err != nil || !slices.Equal(found, ids) {
		t.Errorf("%q, %v, want %q", found, err, ids)
	}
	e, err := r.Read(t.Context(), ids[4])
	if err != nil || e.Batch() == nil || !r.HasRun(ids[4]) {
		t.Fatalf("%+v, %v", e, err)
	}
	if err := e.Annotate(&format.Note{Tags: map[string]string{"a": "b"}}); err != nil {
		t.Fatal(err)
	}
	if e, err = r.Read(t.Context(), ids[4]); err != nil || e.Tags["a"] != "b" {
		t.Errorf("a tag of a run in a batch: %v, %v", e.Tags, err)
	}
}

// One pattern reads the points of all runs, single and in batches, of this version and of earlier ones, in DuckDB,
// pyarrow and Polars. The reader of SPEC.md reads them too, and refuses points that differ.
func TestOtherReadersOfBatches(t *testing.T) {
	python := os.Getenv("RUNS_TEST_PYTHON")
	if python == "" {
		t.Skip("RUNS_TEST_PYTHON names no python with pyarrow, polars and duckdb; .ci/run makes one")
	}
	r := emptyRepository(t)
	ids := recordRuns(t, r, 8)
	slices.Sort(ids)
	b := pack(t, r, ids[:3]...)
	pack(t, r, ids[3:6]...)
	entries, damaged, err := r.List(t.Context())
	if err != nil || len(damaged) > 0 || len(entries) != len(ids) {
		t.Fatal(len(entries), damaged, err)
	}
	want := map[string]any{}
	for _, e := range entries {
		count, sum := int64(0), 0.0
		err := e.EachPoints(t.Context(), func(_ string, points []format.Point) error {
			for _, p := range points {
				sum += p.Value
				count++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if count > 0 {
			want[e.ID] = []any{count, math.Round(sum*1e6) / 1e6}
		}
	}
	const old = "20261124-000000-00000001" // with a file as the first version wrote it
	putOldPoints(t, filepath.Join(r.RunDir(old), MetricsName))
	want[old] = []any{int64(2), 1.5}
	file := filepath.Join(t.TempDir(), "points.json")
	put(t, file, string(format.AppendJSON(nil, want)))
	run := func(args ...string) string {
		t.Helper()
		out, err := exec.Command(python, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", args, err, out)
		}
		return string(out)
	}
	t.Log(run("../testdata/readers/read_all.py", r.Dir, file))
	if err := os.RemoveAll(filepath.Dir(r.RunDir(old))); err != nil {
		t.Fatal(err)
	}
	if out := run(specReader, r.Dir); strings.Count(out, `"points": 10}`) < 8 || strings.Contains(out, "damaged") {
		t.Errorf("the reader of SPEC.md: %s", out)
	}
	putPoints(t, r, filepath.Join(b.Dir, MetricsName), ids[0], ids[1])
	if out := run(specReader, r.Dir); strings.Count(out, "are not those that were recorded") != 3 {
		t.Errorf("the reader of SPEC.md, of other points: %s", out)
	}
}

func putOldPoints(t *testing.T, name string) {
	t.Helper()
	type row struct {
		Key   string  `parquet:"key,dict,zstd"`
		Step  int64   `parquet:"step,delta,zstd"`
		Time  int64   `parquet:"time,timestamp(microsecond),delta,zstd"`
		Value float64 `parquet:"value,split,zstd"`
	}
	var b bytes.Buffer
	w := parquet.NewGenericWriter[row](&b)
	if _, err := w.Write([]row{{"loss", 0, 1764000000_000000, 1}, {"loss", 1, 1764000001_000000, 0.5}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	put(t, name, b.String())
}

// The runs of batches are read from a commit, and from a working tree that leaves files out.
func TestReadBatchFromGit(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(dir))
	git := func(args ...string) {
		t.Helper()
		args = append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@b"}, args...)
		if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", args, err, out)
		}
	}
	git("init", "-q", "-b", "main")
	r, _, err := Init(dir)
	if err != nil {
		t.Fatal(err)
	}
	ids := recordRuns(t, r, 6)
	slices.Sort(ids)
	pack(t, r, ids[:3]...)
	pack(t, r, ids[3:5]...)
	for _, id := range ids {
		if err := os.Remove(filepath.Join(r.RunDir(id), outputName)); err != nil {
			t.Fatal(err)
		}
	}
	git("add", "-f", ".runs/"+format.IDDay(ids[0]), ".runs/config.toml", ".runs/.gitignore", ".runs/.gitattributes")
	git("commit", "-q", "-m", "runs")
	if err := os.RemoveAll(filepath.Join(dir, ".git", "runs", "finished")); err != nil { // as 'runs commit' does
		t.Fatal(err)
	}
	before := listed(t, r)
	compare := func(step string, all map[string]what) {
		t.Helper()
		if d := cmp.Diff(before, all, cmpopts.EquateNaNs()); d != "" {
			t.Errorf("%s:\n%s", step, d)
		}
	}
	v, err := r.At(t.Context(), "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	entries, damaged, err := v.List(t.Context())
	if err != nil || len(damaged) > 0 {
		t.Fatal(damaged, err)
	}
	all := map[string]what{}
	for _, e := range entries {
		all[e.ID] = whatOf(t, e)
	}
	compare("HEAD", all)
	if at, err := r.IDsAt(t.Context(), "HEAD"); err != nil || !slices.Equal(at, ids) {
		t.Errorf("%q, %v", at, err)
	}
	_, entries, damaged, err = r.ListRevision(t.Context(), "HEAD", func(id string) bool { return id != ids[4] })
	if err != nil || len(damaged) > 0 || len(entries) != 1 || whatOf(t, entries[0]).Model != before[ids[4]].Model {
		t.Errorf("one run of a batch: %v, %v, %v", entries, damaged, err)
	}
	for _, patterns := range [][]string{
		{"/*", "!*.parquet"},
		{"/*", "!/.runs/2*"},
		{"/*", "!runs.toml"},
		{"/*", "!model.txt"},
		{"/*", "!notes/"},
		{"/*", "!run.toml"},
		{"/*", "!metrics.parquet"},
		{"/*", "!values.parquet"},
		{"/*", "!artifacts/", "!files/"},
		{"/*", "!/.runs/*/batch-*"},
		{"/*", "!/.runs/2*", "/.runs/*/*/run.toml"},
		{"/*", "!/.runs/2*", "runs.toml"},
		{"/*", "!/.runs/2*", "notes/*"},
	} {
		git(append([]string{"sparse-checkout", "set", "--no-cone"}, patterns...)...)
		removeLeftOut(t, dir)
		again, err := r.Reopen()
		if err != nil {
			t.Fatal(err)
		}
		compare(strings.Join(patterns, " "), listed(t, again))
		again.Close()
	}
}

// removeLeftOut removes the files of a sparse checkout that Git has left in place: it keeps those that may have changed
// since it wrote its index.
func removeLeftOut(t *testing.T, dir string) {
	t.Helper()
	out, err := exec.Command("git", "-C", dir, "ls-files", "-t", "-z").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(string(out), "\x00") {
		name, left := strings.CutPrefix(line, "S ")
		if !left {
			continue
		}
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		_ = os.Remove(filepath.Dir(file)) // if it is empty
	}
}

func listed(t *testing.T, r *Repository) map[string]what {
	t.Helper()
	entries, damaged, err := r.List(t.Context())
	if err != nil || len(damaged) > 0 {
		t.Fatal(damaged, err)
	}
	all := map[string]what{}
	for _, e := range entries {
		all[e.ID] = whatOf(t, e)
	}
	return all
}

// putPoints writes a metrics.parquet of a batch in which a run has the points of another one.
func putPoints(t *testing.T, r *Repository, name, id, from string) {
	t.Helper()
	e, err := r.ReadFinished(from)
	if err != nil {
		t.Fatal(err)
	}
	m, release, err := e.metrics(MetricsName)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	var b bytes.Buffer
	w := format.NewBatchPoints(&b, false)
	if _, err := w.Add(t.Context(), id, m); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	put(t, name, b.String())
}

// The index has the runs of batches, and notices what changes: a run that moves into a batch, a note, a batch that
// cannot be read, one that goes.
func TestBatchIndex(t *testing.T) {
	r := emptyRepository(t)
	ids := recordRuns(t, r, 6)
	slices.Sort(ids)
	check := func(step, id, tag string, damaged int) {
		t.Helper()
		for _, state := range []string{"warm", "cold"} {
			if state == "cold" {
				var err error
				if r, err = r.Reopen(); err != nil {
					t.Fatal(err)
				}
			}
			entries, damage, err := r.List(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			table, err := r.Table(t.Context())
			if err != nil || table.Len() != len(entries) || len(damage) != damaged || len(table.Damage) != damaged {
				t.Fatalf("%s, %s: %d rows of %d runs, damage %v, %v, %v", step, state, table.Len(), len(entries), damage,
					table.Damage, err)
			}
			for i, e := range entries {
				if table.ID(i) != e.ID {
					t.Errorf("%s, %s: row %d is %s, not %s", step, state, i, table.ID(i), e.ID)
				}
			}
			if id == "" {
				continue
			}
			row, _ := table.Row(id)
			loaded, _, err := table.Load(t.Context(), []int{row})
			if err != nil || len(loaded) != 1 || loaded[0].Tags["a"] != tag {
				t.Errorf("%s, %s: %v, %v, want the tag %s", step, state, loaded, err, tag)
			}
			if got := table.Column(index.Tags, "a").Text(row); got != tag {
				t.Errorf("%s, %s: the column has %q, want %q", step, state, got, tag)
			}
		}
	}
	note := func(id, tag string) {
		t.Helper()
		e, err := r.Read(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Annotate(&format.Note{Tags: map[string]string{"a": tag}}); err != nil {
			t.Fatal(err)
		}
	}
	note(ids[1], "single")
	check("single", ids[1], "single", 0)
	b := pack(t, r, ids[:3]...)
	check("packed", ids[1], "single", 0)
	note(ids[1], "packed")
	check("noted", ids[1], "packed", 0)
	pack(t, r, ids[3:]...)
	check("all packed", ids[1], "packed", 0)
	runs := filepath.Join(b.Dir, format.BatchRunsName)
	data, err := os.ReadFile(runs)
	if err != nil {
		t.Fatal(err)
	}
	replace := func(text string) { // as Git does
		t.Helper()
		put(t, b.Dir+"-new", text)
		if err := os.Rename(b.Dir+"-new", runs); err != nil {
			t.Fatal(err)
		}
	}
	replace("schema = 1\n[[run]]\n")
	check("torn", "", "", 1)
	replace(string(data))
	check("mended", ids[1], "packed", 0)
	if err := os.RemoveAll(b.Dir); err != nil {
		t.Fatal(err)
	}
	check("gone", "", "", 0)
}

// Copies of a run that are the same are one run. Copies that differ are damage, which is named, and so is what is
// wrong with a batch.
func TestBatchDamage(t *testing.T) {
	r := emptyRepository(t)
	ids := recordRuns(t, r, 4)
	slices.Sort(ids)
	single := filepath.Join(t.TempDir(), "single")
	if err := os.CopyFS(single, os.DirFS(r.RunDir(ids[0]))); err != nil {
		t.Fatal(err)
	}
	b := pack(t, r, ids...)
	other := filepath.Join(filepath.Dir(b.Dir), "batch-00000000")
	runs, metrics := filepath.Join(b.Dir, format.BatchRunsName), filepath.Join(b.Dir, MetricsName)
	read := func(name string) string {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	change := func(from, to, old, now string) func() {
		return func() { put(t, to, strings.Replace(read(from), old, now, 1)) }
	}
	for _, c := range []struct {
		name   string
		do     func()
		want   int    // runs that can be read
		damage string // of the others
		bad    string // what verifying the run finds
	}{
		{"nothing", func() {}, 4, "", ""},
		{"a single copy", func() {
			put(t, filepath.Join(r.RunDir(ids[0]), RecordName), read(single+"/run.toml"))
		}, 4, "", ""},
		{
			"a single copy that differs", change(single+"/run.toml", filepath.Join(r.RunDir(ids[0]), RecordName), "lr = 0.",
				"lr = 7."), 3, "have different records of run " + ids[0], "",
		},
		{"a second batch", func() {
			if err := os.CopyFS(other, os.DirFS(b.Dir)); err != nil {
				t.Fatal(err)
			}
		}, 4, "", ""},
		{"a record that differs", change(runs, runs, "lr = 0.2", "lr = 0.8"), 3, "its digest differs", ""},
		{"a torn batch", change(runs, runs, "id = ", "id "), 0, "runs.toml:4: ", ""},
		{"no records", func() { _ = os.Remove(runs) }, 0, "runs.toml is missing", ""},
		{"another day", change(runs, runs, "2026", "2025"), 0, "runs.toml", ""},
		{"no points", func() { _ = os.Remove(metrics) }, 4, "", "metrics.parquet is missing"},
		{"torn points", func() { put(t, metrics, read(metrics)[:400]) }, 4, "", "is damaged"},
		{"the points of another run", func() { putPoints(t, r, metrics, ids[0], ids[1]) }, 4, "", "digest differs"},
		{"points of other runs", func() { putPoints(t, r, metrics, ids[1], ids[1]) }, 4, "", "has 0 rows of the run"},
		{"another artifact", func() {
			put(t, filepath.Join(b.Dir, "files", ids[0], "artifacts/model.txt"), "weights x")
		}, 4, "", "its digest differs"},
		{"a link to an artifact", func() {
			at := filepath.Join(b.Dir, "files", ids[0], "artifacts")
			if err := os.Rename(at, at+"2"); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(at+"2", at); err != nil {
				t.Fatal(err)
			}
		}, 4, "", "is not a folder"},
	} {
		t.Run(c.name, func(t *testing.T) {
			saved := filepath.Join(t.TempDir(), "saved")
			if err := os.CopyFS(saved, os.DirFS(r.Dir)); err != nil {
				t.Fatal(err)
			}
			c.do()
			again, err := r.Reopen()
			if err != nil {
				t.Fatal(err)
			}
			entries, damaged, err := again.List(context.Background())
			if err != nil || len(entries) != c.want || (len(damaged) > 0) != (c.damage != "") {
				t.Errorf("%d runs, %v, %v", len(entries), damaged, err)
			}
			for _, d := range damaged {
				if !strings.Contains(d.Error(), c.damage) {
					t.Errorf("damage %s: %v, want %q", d.ID, d, c.damage)
				}
			}
			for _, e := range entries {
				v, err := NewVerifier().Verify(t.Context(), e)
				found := strings.Join(v.Problems, "\n")
				if err != nil || e.ID == ids[0] && !strings.Contains(found, c.bad) || c.bad == "" && found != "" {
					t.Errorf("%s: %s, %v, want %q", e.ID, found, err, c.bad)
				}
			}
			if err := os.RemoveAll(r.Dir); err != nil {
				t.Fatal(err)
			}
			if err := os.CopyFS(r.Dir, os.DirFS(saved)); err != nil {
				t.Fatal(err)
			}
		})
	}
}
