package repo

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/format"
)

// labels returns labels, which must be valid.
func labels(t testing.TB, values map[string]any) format.Labels {
	t.Helper()
	l, err := format.NewLabels(values)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// The points of each series have automatic steps of their own, and the record summarizes all points of a metric.
func TestStepsBySeries(t *testing.T) {
	name := filepath.Join(t.TempDir(), "journal")
	put(t, name, `{"t":1,"m":{"loss":1}}
{"t":2,"m":{"loss":2},"labels":{"dataset":"val"}}
{"t":3,"m":{"loss":3},"labels":{"dataset":"test"}}
{"t":4,"step":5,"m":{"loss":-4,"acc":1},"labels":{"dataset":"val"}}
{"t":5,"m":{"loss":5}}
{"t":6,"m":{"loss":6},"labels":{"dataset":"val"}}
{"t":7,"m":{"loss":7,"acc":7},"labels":{"dataset":"test"}}
`)
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	f := newFold(&format.Run{}, func(key string, p format.Point) error {
		got = append(got, fmt.Sprintf("%s %d %v %s", key, p.Step, p.Value, p.Labels.Text()))
		return nil
	})
	if err := f.journal(t.Context(), journalFile{name: "journal", path: name}, 0, info.Size()); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"loss 0 1 ", "loss 0 2 dataset=val", "loss 0 3 dataset=test", "loss 5 -4 dataset=val", "acc 5 1 dataset=val",
		"loss 1 5 ", "loss 6 6 dataset=val", "loss 1 7 dataset=test", "acc 0 7 dataset=test",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	loss := f.metrics(func(string) string { return "" })["loss"]
	if loss.Count != 7 || loss.Last != 6 || loss.Min.Value != -4 || loss.Max.Value != 7 {
		t.Errorf("%+v", loss)
	}
}

// A run has room for a bounded number of different labels. What does not fit is named, and known series go on.
func TestLabelsAreBounded(t *testing.T) {
	room := &Room{newFold(&format.Run{}, nil)}
	line := func(i int) *format.Line {
		l := point("loss", int64(i))
		l.Labels = labels(t, map[string]any{"model": int64(i)})
		return l
	}
	for i := range format.MaxLabelSets {
		if reasons := room.Fit(line(i)); len(reasons) > 0 {
			t.Fatalf("labels %d: %q", i, reasons)
		}
	}
	l := line(format.MaxLabelSets)
	if reasons := room.Fit(l); len(reasons) != 1 || len(l.Metrics) != 0 {
		t.Errorf("%q, and the line is %+v", reasons, l)
	}
	for _, l := range []*format.Line{line(3), point("loss", 1)} {
		if reasons := room.Fit(l); len(reasons) > 0 || len(l.Metrics) != 1 {
			t.Errorf("%q, and the line is %+v", reasons, l)
		}
	}
	if n := room.f.curves["loss"].count; n != format.MaxLabelSets+2 {
		t.Errorf("%d points", n)
	}
}

// A run whose points have labels packs into a batch beside one without, and unpacks to the same bytes.
func TestLabelsInBatches(t *testing.T) {
	var inputs []BatchInput
	var wants [][]byte
	for i, labeled := range []bool{true, false, true} {
		var file bytes.Buffer
		s := format.NewPointSorter(t.TempDir())
		for step := range int64(5000) {
			p := format.Point{Step: step, Time: 1764000000_000000 + step, Value: float64(step)}
			if labeled && step%3 > 0 {
				p.Labels = labels(t, map[string]any{"dataset": []string{"", "val", "test"}[step%3], "run": int64(i)})
			}
			if err := s.Add("loss", p); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.WriteParquet(&file); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		id := fmt.Sprintf("20251124-160000-%08d", i)
		run := &format.Run{
			ID: id, Schema: 1, Status: format.Finished, Started: fromMicro(1764000000_000000),
			Ended: fromMicro(1764000001_000000),
			Files: map[string]format.File{
				MetricsName: {SHA256: sumOf(file.Bytes()), Bytes: int64(file.Len()), Rows: 5000, Points: s.Digest()},
			},
		}
		record, err := format.EncodeRun(run)
		if err != nil {
			t.Fatal(err)
		}
		inputs = append(inputs, BatchInput{ID: id, Record: record, Metrics: func() (*format.Metrics, error) {
			return format.OpenMetrics(bytes.NewReader(file.Bytes()), int64(file.Len()))
		}})
		wants = append(wants, file.Bytes())
	}
	built, err := BuildBatch(t.Context(), inputs)
	if err != nil {
		t.Fatal(err)
	}
	for i, in := range inputs {
		got, err := UnpackRows(MetricsName, built.Tables[MetricsName], in.ID)
		if err != nil || !bytes.Equal(got, wants[i]) {
			t.Errorf("run %d: the unpacked file differs, %v", i, err)
		}
	}
	tables, err := OpenBatchTables(built.Tables)
	if err != nil {
		t.Fatal(err)
	}
	alone, err := BuildBatch(t.Context(), []BatchInput{tables.Input(inputs[1].ID, inputs[1].Record)})
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(alone.Tables[MetricsName], []byte("labels")) {
		t.Error("a batch without labels has a column of them")
	}
}
