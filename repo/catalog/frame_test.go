package catalog

import (
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// TestFrame gives every key a column of one type, with no value where the run has none.
func TestFrame(t *testing.T) {
	started := time.UnixMicro(1_700_000_000_000_001).UTC()
	run := func(id, name string, params, summary map[string]any, tags map[string]string, loss float64) *Row {
		return &Row{entry: &repo.Entry{Run: &format.Run{
			ID: id, Name: name, Status: format.Finished, Started: started, Params: params, Summary: summary, Tags: tags,
			Metrics: map[string]format.Metric{"loss": {Last: loss}},
		}}}
	}
	rows := []*Row{
		run("20260101-000000-aaaaaaaa", "", map[string]any{
			"lr": int64(1), "n": int64(1), "on": true, "mix": "a", "none": format.Null,
			"deep": map[string]any{"x": int64(3)}, "list": []any{int64(1), format.Null},
		}, map[string]any{"best": 0.5}, map[string]string{"a": "b"}, math.NaN()),
		run("20260101-000000-bbbbbbbb", "two", map[string]any{"lr": 0.5, "mix": int64(2), "on": false}, nil, nil, 2),
	}
	got := map[string]*FrameColumn{}
	var names []string
	for _, c := range Frame(rows) {
		got[c.Name] = c
		names = append(names, c.Name)
	}
	want := []string{
		"id", "name", "status", "started", "experiment", "params.deep.x", "params.list", "params.lr", "params.mix",
		"params.n", "params.none", "params.on", "metrics.loss", "summary.best", "tags.a",
	}
	if !reflect.DeepEqual(names, want) {
		t.Errorf("columns: %q", names)
	}
	for name, want := range map[string]FrameColumn{
		"name":          {Type: FrameTexts, Codes: []uint32{1, 2}, Texts: []string{"aaaaaaaa", "two"}},
		"status":        {Type: FrameTexts, Codes: []uint32{1, 1}, Texts: []string{"finished"}},
		"started":       {Type: FrameTimes, Ints: []int64{started.UnixMicro(), started.UnixMicro()}},
		"experiment":    {Type: FrameTexts, Codes: []uint32{0, 0}},
		"params.lr":     {Type: FrameFloats, Floats: []float64{1, 0.5}},
		"params.n":      {Type: FrameInts, Ints: []int64{1, 0}, Has: []bool{true, false}},
		"params.on":     {Type: FrameBools, Ints: []int64{1, 0}},
		"params.mix":    {Type: FrameMixed, Mixed: []any{"a", int64(2)}},
		"params.none":   {Type: FrameTexts, Codes: []uint32{0, 0}},
		"params.list":   {Type: FrameMixed, Mixed: []any{[]any{int64(1), nil}, nil}},
		"params.deep.x": {Type: FrameInts, Ints: []int64{3, 0}, Has: []bool{true, false}},
		"summary.best":  {Type: FrameFloats, Floats: []float64{0.5, 0}, Has: []bool{true, false}},
		"tags.a":        {Type: FrameTexts, Codes: []uint32{1, 0}, Texts: []string{"b"}},
	} {
		c := *got[name]
		want.Name, c.rows = name, 0
		if !reflect.DeepEqual(c, want) {
			t.Errorf("%s: %+v, want %+v", name, c, want)
		}
	}
	if loss := got["metrics.loss"]; !math.IsNaN(loss.Floats[0]) || loss.Floats[1] != 2 || loss.Has != nil {
		t.Errorf("metrics.loss: %+v", loss)
	}
	if len(Frame(nil)) != 5 {
		t.Error("a frame without runs has other columns than those that every frame has")
	}
}
