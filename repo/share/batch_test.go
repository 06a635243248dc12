package share

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// measured returns the files of a run with points and values, by their names in its folder.
func measured(t *testing.T, id string, loss float64, change ...func(*format.Run)) map[string][]byte {
	t.Helper()
	files := map[string][]byte{"artifacts/out.txt": []byte("out of " + id + "\n")}
	run := func(r *format.Run) {
		r.Files = map[string]format.File{}
		r.Metrics = map[string]format.Metric{"loss": {Last: loss, Count: 1}}
		points := format.NewPointSorter(t.TempDir())
		check(t, points.Add("loss", format.Point{Step: 1, Time: 1767312000000000, Value: loss}))
		var b bytes.Buffer
		check(t, points.WriteParquet(&b))
		files[format.MetricsName] = b.Bytes()
		values := format.NewValueSorter(t.TempDir())
		check(t, values.Add("said", format.Value{Step: 1, Time: 1767312000000000, JSON: `"hello ` + id + `"`}))
		var v bytes.Buffer
		check(t, values.WriteParquet(&v))
		files[format.ValuesName] = v.Bytes()
		for _, name := range []string{format.MetricsName, format.ValuesName} {
			r.Files[name] = format.File{SHA256: digest(files[name]), Bytes: int64(len(files[name])), Rows: 1}
		}
		out := files["artifacts/out.txt"]
		r.Artifacts = []format.Artifact{{Path: "out.txt", SHA256: digest(out), Bytes: int64(len(out))}}
	}
	files[repo.RecordName] = record(t, id, append([]func(*format.Run){run}, change...)...)
	return files
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// single places the files of a run in its folder, as commitTree takes them.
func single(id string, files map[string][]byte) map[string]any {
	changes := map[string]any{}
	for name, data := range files {
		changes[in(id, name)] = data
	}
	return changes
}

// without returns changes that remove what other changes add.
func without(changes map[string]any) map[string]any {
	gone := map[string]any{}
	for name := range changes {
		gone[name] = nil
	}
	return gone
}

func together(changes ...map[string]any) map[string]any {
	all := map[string]any{}
	for _, c := range changes {
		maps.Copy(all, c)
	}
	return all
}

// batched places runs in a batch, as commitTree takes them.
func batched(t *testing.T, runs map[string]map[string][]byte) map[string]any {
	t.Helper()
	var inputs []repo.BatchInput
	for _, id := range slices.Sorted(maps.Keys(runs)) {
		files := runs[id]
		in := repo.BatchInput{
			ID: id, Record: files[repo.RecordName],
			Metrics: func() (*format.Metrics, error) {
				data := files[format.MetricsName]
				return format.OpenMetrics(bytes.NewReader(data), int64(len(data)))
			},
			Values: func() (*format.Values, error) {
				data := files[format.ValuesName]
				return format.OpenValues(bytes.NewReader(data), int64(len(data)))
			},
		}
		for name, data := range files {
			if strings.Contains(name, "/") {
				in.Files = append(in.Files, format.BatchFile{Path: name, SHA256: digest(data)})
			}
		}
		inputs = append(inputs, in)
	}
	b, err := repo.BuildBatch(t.Context(), inputs)
	check(t, err)
	at := path.Join(".runs", format.IDDay(inputs[0].ID), b.Name)
	changes := map[string]any{}
	for name, data := range b.Tables {
		changes[path.Join(at, name)] = data
	}
	for id, files := range runs {
		for name, data := range files {
			if strings.Contains(name, "/") {
				changes[path.Join(at, format.BatchFilesName, id, name)] = data
			}
		}
	}
	return changes
}

// TestBatchHistory: runs may move into batches, between them and out of them, and nothing else may change on the way.
func TestBatchHistory(t *testing.T) {
	p := newProject(t, "plain")
	b, c, d := measured(t, runB, 0.5), measured(t, runC, 0.25), measured(t, runD, 0.125)
	both := batched(t, map[string]map[string][]byte{runB: b, runC: c})
	three := batched(t, map[string]map[string][]byte{runB: b, runC: c, runD: d})
	onlyB := batched(t, map[string]map[string][]byte{runB: b})
	mark := map[string]any{".runs/removed/" + runC: ""}
	singles := together(single(runB, b), single(runC, c))
	otherPoints := measured(t, runC, 0.75)
	otherPoints[repo.RecordName] = c[repo.RecordName]
	wrongRows := batched(t, map[string]map[string][]byte{runB: b, runC: otherPoints})
	damaged := maps.Clone(both)
	for name, data := range damaged {
		if path.Base(name) == format.BatchRunsName {
			damaged[name] = append(slices.Clone(data.([]byte)), "# more\n"...)
		}
	}
	late := map[string]any{in(runB, "notes/"+noteName(1)): note(t, "later")}
	for _, x := range []struct {
		name    string
		commits []map[string]any
		want    []string
		runs    int
	}{
		{"runs that come in a batch", []map[string]any{both}, nil, 2},
		{"a note of a run in a batch", []map[string]any{both, late}, nil, 2},
		{"packed", []map[string]any{singles, together(without(singles), both)}, nil, 2},
		{"packed with its note", []map[string]any{together(singles, late), together(without(singles), both)}, nil, 2},
		{"unpacked", []map[string]any{both, together(without(both), singles)}, nil, 2},
		{"joined with another run", []map[string]any{both, together(without(both), three)}, nil, 3},
		{"in two batches, then thinned", []map[string]any{both, three, without(both)}, nil, 3},
		{"dropped with its marker", []map[string]any{both, together(without(both), onlyB, mark)}, nil, 2},
		{"dropped after its marker", []map[string]any{both, mark, together(without(both), onlyB)}, nil, 2},
		{
			"dropped without a marker",
			[]map[string]any{both, together(without(both), onlyB)},
			[]string{"removed without a marker"},
			2,
		},
		{"a batch that vanished", []map[string]any{both, without(both)}, []string{"without a marker", "without a marker"}, 2},
		{
			"packed with other points",
			[]map[string]any{singles, together(without(singles), wrongRows)},
			[]string{"metrics.parquet was rewritten", "last"},
			2,
		},
		{
			"a batch that was edited",
			[]map[string]any{damaged},
			[]string{"is not the batch that was written"},
			2,
		},
		{
			"two versions",
			[]map[string]any{together(both, single(runC, measured(t, runC, 3)))},
			[]string{"two places"},
			2,
		},
	} {
		t.Run(x.name, func(t *testing.T) {
			tip := p.Head
			for _, files := range x.commits {
				tip = p.commitTree([]string{tip}, files)
			}
			h, err := VerifyHistory(t.Context(), p.runs.Git, HistoryRequest{At: ".runs", Revs: []string{p.Head + ".." + tip}})
			check(t, err)
			for _, problem := range h.Problems {
				text := problem.Reason + " " + problem.Path
				if !slices.ContainsFunc(x.want, func(want string) bool { return strings.Contains(text, want) }) {
					t.Errorf("problem %q of %s, want one of %q", text, problem.ID, x.want)
				}
			}
			for _, want := range x.want {
				if !slices.ContainsFunc(h.Problems, func(p Problem) bool { return strings.Contains(p.Reason+" "+p.Path, want) }) {
					t.Errorf("no problem has %q: %+v", want, h.Problems)
				}
			}
			equal(t, "runs", h.Runs, x.runs)
			equal(t, "unchecked", h.Unchecked, 0)
		})
	}
}

// TestBatchSnapshot: a commit has the runs of its batches, with the files that they would have by themselves.
func TestBatchSnapshot(t *testing.T) {
	p := newProject(t, "plain")
	b, c := measured(t, runB, 0.5), measured(t, runC, 0.25)
	packed := batched(t, map[string]map[string][]byte{runB: b, runC: c})
	tip := p.commitTree([]string{p.Head}, packed)
	known, err := readSnapshot(p.trees(), tip, ".runs")
	check(t, err)
	equalLists(t, "runs", slices.Sorted(maps.Keys(known.runs)), []string{runA, runB, runC})
	bad, err := VerifyRuns(t.Context(), p.runs.Git, known, []string{runB, runC})
	check(t, err)
	if len(bad) > 0 {
		t.Errorf("VerifyRuns: %v", bad)
	}
	files, err := known.run(runC)
	check(t, err)
	equalLists(t, "files", slices.Sorted(maps.Keys(files)), slices.Sorted(maps.Keys(c)))
	for name, want := range c {
		got, err := files[name].read(p.trees(), maxHeldBytes)
		check(t, err)
		if !bytes.Equal(got, want) {
			t.Errorf("%s: it has %d bytes, want %d", name, len(got), len(want))
		}
	}
	again := p.commitTree([]string{tip}, single(runC, c))
	known, err = readSnapshot(p.trees(), again, ".runs")
	check(t, err)
	if _, err := known.run(runC); err != nil {
		t.Errorf("a run that lies in two places alike: %v", err)
	}
}
