package transition

import (
	"bytes"
	"context"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
)

const (
	neighborID = "20260102-000000-bbbbbbbb" // a run that shares a batch with the run of the vectors
	aside      = "aside.jsonl"
	artifact   = "artifacts/out.txt"
)

// batchCases are changes of the run where it lies in a batch before the change, after it, or both. The ones of cases
// are those of a run in a folder of its own.
var batchCases = []struct {
	vector
	was, is bool // in a batch
}{
	{vector{"packed", "the run moved into a batch", "allowed packed", nothing, nil, nil}, false, true},
	{vector{"unpacked", "the run moved out of a batch", "allowed unpacked", nothing, nil, nil}, true, false},
	{vector{"repacked", "another run joined the batch", "allowed same", func(m *made) {
		m.neighbor = true
	}, nil, nil}, true, true},
	{vector{"packed-annotated", "the run moved into a batch and got an annotation", "allowed packed", func(m *made) {
		m.files[runDir+"/notes/20260105-000000.000000-bbbb.toml"] = "schema = 1\ntime = 2026-01-05T00:00:00Z\nnote = \"x\"\n"
	}, nil, nil}, false, true},
	{vector{"packed-redacted", "a param became [redacted], and the run moved into a batch", redacted, func(m *made) {
		m.run.Params["key"] = "[redacted]"
	}, none, nil}, false, true},
	{vector{"unpacked-redacted", "a param became [redacted], and the run left the batch", redacted, func(m *made) {
		m.run.Params["key"] = "[redacted]"
	}, none, nil}, true, false},
	{vector{"batch-redacted", "rejected lines were redacted in a batch", redacted, func(m *made) {
		m.hide(aside, "open sesame", "[redacted]")
	}, lists(aside), nil}, true, true},
	{vector{"batch-artifact", "a text artifact was redacted in a batch", redacted, func(m *made) {
		m.hide(artifact, "open sesame", "[redacted]")
	}, lists(artifact), nil}, true, true},
	{vector{"batch-patch", "a patch was redacted, of a run in a batch", redacted, func(m *made) {
		m.hidePatch("open sesame", "[redacted]")
	}, patchName, nil}, true, true},
	{vector{"batch-removal", "the run was removed from its batch, with its marker", "allowed removed", func(m *made) {
		m.gone, m.mark = true, true
	}, nil, nil}, true, true},

	{vector{"batch-unmarked", "the run was removed from its batch without a marker", "refused run", func(m *made) {
		m.gone = true
	}, nil, nil}, true, true},
	{vector{"packed-metric", "a metric of the record changed on the way into a batch", badRecord, func(m *made) {
		m.run.Metrics["acc"] = format.Metric{Last: 0.9, Count: 1}
	}, none, nil}, false, true},
	{vector{"packed-param", "a param became [redacted] in the batch, without an entry", badRecord, func(m *made) {
		m.run.Params["key"] = "[redacted]"
	}, nil, nil}, false, true},
	{vector{"packed-comment", "a comment was added to the record in the batch", badRecord, nothing, nil, func(m *made) {
		data, _ := format.EncodeRun(m.run)
		m.raw = "# nice\n" + string(data)
	}}, true, true},
	{vector{"packed-points", "the points are others in the batch", badMetrics, func(m *made) {
		m.points(1.5)
	}, nil, nil}, false, true},
	{vector{"batch-points", "the points of a run in a batch changed", badMetrics, func(m *made) {
		m.points(1.5)
	}, nil, nil}, true, true},
	{vector{"batch-points-redacted", "the points changed under an entry", badMetrics, func(m *made) {
		m.points(1.5)
	}, lists("metrics.parquet"), nil}, true, true},
	{vector{"unpacked-points", "the points are others than in the batch", badMetrics, func(m *made) {
		m.points(1.5)
	}, nil, nil}, true, false},
	{vector{"packed-without-points", "the batch has no points", badMetrics, func(m *made) {
		delete(m.files, runDir+"/metrics.parquet")
	}, nil, nil}, false, true},
	{vector{"packed-without-aside", "the rejected lines are not in the batch", badAside, func(m *made) {
		delete(m.files, runDir+"/"+aside)
	}, nil, nil}, false, true},
	{vector{"unpacked-artifact", "an artifact changed on the way out of a batch", badArtifact, func(m *made) {
		m.hide(artifact, "the end", "no end")
	}, lists(artifact), nil}, true, false},
	{vector{"batch-artifact-changed", "an artifact in a batch was changed under an entry", badArtifact, func(m *made) {
		m.hide(artifact, "the end", "no end")
	}, lists(artifact), nil}, true, true},
	{vector{"packed-annotation", "an annotation was edited when the run moved into a batch", badNote, func(m *made) {
		m.hide(noteOne, "said", "wrote")
	}, nil, nil}, false, true},
	{vector{"packed-annotation-removed", "an annotation did not stay where it was", badNote, func(m *made) {
		delete(m.files, runDir+"/"+noteOne)
	}, nil, nil}, false, true},
}

// points gives the run other points. The record keeps their digest, so that only the rows differ.
func (m *made) points(value float64) {
	s := format.NewPointSorter("")
	defer func() { _ = s.Close() }()
	var b bytes.Buffer
	_ = s.Add("acc", format.Point{Value: value})
	_ = s.WriteParquet(&b)
	m.files[runDir+"/metrics.parquet"] = b.String()
}

// pack moves what the run has in its folder into a batch, but for annotations.
func (m *made) pack(t *testing.T, files map[string]string) map[string]string {
	t.Helper()
	out, inBatch := map[string]string{}, map[string]string{}
	var runs []format.BatchRun
	var metrics bytes.Buffer
	points := format.NewBatchPoints(&metrics, false)
	add := func(id, record string, table string) {
		digest := ""
		if table != "" {
			open, err := format.OpenMetrics(strings.NewReader(table), int64(len(table)))
			check(t, err)
			digest, err = points.Add(context.Background(), id, open)
			check(t, err)
		}
		run, err := format.DecodeRun(recordName, []byte(record))
		check(t, err)
		runs = append(runs, format.NewBatchRun(id, []byte(record), run.Files, digest, ""))
	}
	for name, text := range files {
		own, ok := strings.CutPrefix(name, runDir+"/")
		switch {
		case !ok || path.Dir(own) == notes:
			out[name] = text
		case own != recordName && own != "metrics.parquet":
			inBatch[path.Join(format.BatchFilesName, runID, own)] = text
		}
	}
	if record, ok := files[runDir+"/"+recordName]; ok {
		add(runID, record, files[runDir+"/metrics.parquet"])
	}
	if m.neighbor || len(runs) == 0 {
		add(neighborID, "schema = 1\nid = \""+neighborID+"\"\nstatus = \"finished\"\nstarted = 2026-01-02T00:00:00Z\n"+
			"ended = 2026-01-02T00:00:01Z\n", "")
	}
	check(t, points.Close())
	records, err := format.EncodeBatch(runs)
	check(t, err)
	inBatch[format.BatchRunsName] = string(records)
	if points.Rows() > 0 {
		inBatch["metrics.parquet"] = metrics.String()
	}
	var list []format.BatchFile
	for name, text := range inBatch {
		list = append(list, format.BatchFile{Path: name, SHA256: digestOf(text)})
	}
	for name, text := range inBatch {
		out[path.Join(path.Dir(runDir), format.BatchName(list), name)] = text
	}
	return out
}

// addBatched adds the files of a run that are in a batch to its version.
func (v *Version) addBatched(t *testing.T, files map[string]string) (contents map[string]string) {
	t.Helper()
	contents = map[string]string{}
	for name, text := range files {
		dir, file := path.Split(name)
		if file != format.BatchRunsName || !format.IsBatchName(path.Base(dir)) {
			continue
		}
		runs, err := format.DecodeBatch(name, []byte(text))
		check(t, err)
		at := slices.IndexFunc(runs, func(r format.BatchRun) bool { return r.ID == runID })
		if at < 0 {
			continue
		}
		v.Batched = true
		contents[recordName] = string(runs[at].Record)
		if table, ok := files[dir+"metrics.parquet"]; ok {
			contents["metrics.parquet"] = table
		}
		for other, text := range files {
			if own, ok := strings.CutPrefix(other, dir+path.Join(format.BatchFilesName, runID)+"/"); ok {
				contents[own] = text
			}
		}
	}
	for name, text := range contents {
		v.Files[name] = digestOf(text)
	}
	return contents
}

// rowsDigest returns the digest of the points of the run in a table of a batch, or of its own.
func rowsDigest(table string, batched bool) (string, error) {
	r, size := strings.NewReader(table), int64(len(table))
	if !batched {
		m, err := format.OpenMetrics(r, size)
		if err != nil {
			return "", err
		}
		return m.Digest(context.Background())
	}
	b, err := format.OpenBatchMetrics(r, size)
	if err != nil {
		return "", err
	}
	m, err := b.Run(runID)
	if err != nil {
		return "", err
	}
	return m.Digest(context.Background())
}
