package view

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/view/curve"
)

// readCurves reads an answer as another program would, after the description of curve.Encode. It returns the head and
// each curve as text: "x:last(min..max)@step".
func readCurves(t *testing.T, b []byte) (h curve.Head, curves []string) {
	t.Helper()
	length := int(binary.LittleEndian.Uint32(b))
	if err := json.Unmarshal(b[8:8+length], &h); err != nil {
		t.Fatal(err)
	}
	rest := b[8+length:]
	float := func(n int) (list []float64) {
		for range n {
			list = append(list, math.Float64frombits(binary.LittleEndian.Uint64(rest)))
			rest = rest[8:]
		}
		return list
	}
	sums := func(list []float64) []float64 {
		for i := 1; i < len(list); i++ {
			list[i] += list[i-1]
		}
		return list
	}
	places := float(h.Places)
	for _, l := range h.Curves {
		at := make([]int, l.Cells)
		for i := range at {
			if at[i] = l.First + i; l.First < 0 {
				at[i] = int(binary.LittleEndian.Uint32(rest[4*i:]))
			}
		}
		if l.First < 0 {
			rest = rest[(4*l.Cells+7)/8*8:]
		}
		last := float(l.Cells)
		var least, most, steps, times []float64
		if l.Many {
			least, most = float(l.Cells), float(l.Cells)
		}
		if l.Steps {
			steps = sums(float(l.Cells))
		}
		if l.Xs {
			float(l.Cells)
		}
		if l.Times {
			times = sums(float(l.Cells))
		}
		var text []string
		for i := range at {
			s := fmt.Sprintf("%v:%v", places[at[i]], last[i])
			if l.Many {
				s += fmt.Sprintf("(%v..%v)", least[i], most[i])
			}
			if l.Steps {
				s += fmt.Sprintf("@%v", steps[i])
			}
			if l.Times {
				s += fmt.Sprintf("t%v", times[i])
			}
			text = append(text, s)
		}
		for range l.Marks {
			mark := make([]uint32, 4)
			for i := range mark {
				mark[i], rest = binary.LittleEndian.Uint32(rest), rest[4:]
			}
			text = append(text, fmt.Sprint("marks", mark))
		}
		curves = append(curves, strings.Join(text, " "))
	}
	if len(rest) != 0 {
		t.Errorf("%d bytes are left", len(rest))
	}
	return h, curves
}

// lossRun finishes a run with the points "step=value" of the metric loss.
func lossRun(t *testing.T, r *repo.Repository, run *format.Run, points ...string) *repo.Entry {
	t.Helper()
	var lines []string
	for i, p := range points {
		step, value, _ := strings.Cut(p, "=")
		lines = append(lines, fmt.Sprintf(`{"t":%d,"step":%s,"m":{"loss":%s,"epoch":%d}}`, 1764000000+i, step, value, i/2))
	}
	return oneRun(t, r, run, lines, nil)
}

func TestCurves(t *testing.T) {
	r := setup(t)
	a := lossRun(t, r, &format.Run{Name: "a"}, "0=3", "1=NaN", "1=2", "4=Infinity", "6=-1")
	b := lossRun(t, r, &format.Run{Name: "b"}, "0=5", "2=4", "6=8")
	lossRun(t, r, &format.Run{Name: "none"})
	v := openView(t, r)
	both := []string{a.ID, format.IDRandom(b.ID)}
	began := float64(a.Started.UnixMicro()) / 1e6
	for _, c := range []struct {
		name string
		q    CurvesQuery
		want []string
	}{
		{"by step", CurvesQuery{}, []string{
			"0:3(3..3) 1:2(2..2) 4:+Inf(NaN..NaN) 6:-1(-1..-1) marks[1 1 0 0] marks[2 0 1 0]", "0:5 2:4 6:8",
		}},
		{"one run", CurvesQuery{Runs: both[1:]}, []string{"0:5 2:4 6:8"}},
		{"no run", CurvesQuery{Runs: []string{}}, nil},
		{"a metric that they do not have", CurvesQuery{Metric: "other"}, []string{"", ""}},
		{"positive", CurvesQuery{Runs: both[:1], Values: curve.Values{Positive: true}}, []string{
			"0:3(3..3) 1:2(2..2) 4:+Inf(NaN..NaN) 6:-1(NaN..NaN) marks[1 1 0 0] marks[2 0 1 0]",
		}},
		{"zoomed", CurvesQuery{
			Runs: both[1:], Range: curve.Range{From: 1, To: 3, Some: true, Neighbours: true},
		}, []string{"0:5 2:4 6:8"}},
		{
			"zoomed without neighbours",
			CurvesQuery{Runs: both[1:], Range: curve.Range{From: 1, To: 3, Some: true}},
			[]string{"2:4"},
		},
		{"log x", CurvesQuery{Runs: both[1:], Range: curve.Range{Log: true}}, []string{"2:4 6:8"}},
		{"by time", CurvesQuery{Runs: both[1:], X: "time"}, []string{
			"1.764e+09:5@0 1.764000001e+09:4@2 1.764000002e+09:8@6",
		}},
		{"by duration", CurvesQuery{Runs: both[:1], X: "relative", Range: curve.Range{
			From: 1764000003.5 - began, To: 1764000009 - began, Some: true,
		}}, []string{fmt.Sprintf("%v:-1@6", float64(1764000004e6-a.Started.UnixMicro())/1e6)}},
		{"by a metric", CurvesQuery{Runs: both[1:], X: "metrics.epoch"}, []string{"0:4(4..5)@2 1:8(8..8)@6"}},
		{"smoothed", CurvesQuery{Runs: both[1:], Smooth: 0.5}, []string{"0:5 2:4.333333333333333 6:6.428571428571429"}},
		{"new points", CurvesQuery{Runs: both, After: []float64{4, 6}}, []string{"6:-1", ""}},
		{"times", CurvesQuery{Runs: both[1:], Times: true}, []string{
			"0:5t1.764e+09 2:4t1.764000001e+09 6:8t1.764000002e+09",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.q.Metric == "" {
				c.q.Metric = "loss"
			}
			if c.q.Runs == nil {
				c.q.Runs = both
			}
			b, err := v.Curves(t.Context(), c.q)
			if err != nil {
				t.Fatal(err)
			}
			if _, got := readCurves(t, b); strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
	b1, err := v.Curves(t.Context(), CurvesQuery{Metric: "loss", Runs: both, After: []float64{4, 6}})
	if err != nil {
		t.Fatal(err)
	}
	if h, _ := readCurves(t, b1); h.Curves[0].All != 5 || h.Curves[0].Before != 4 || h.Curves[1].Before != 3 {
		t.Errorf("%+v", h.Curves[0])
	}
}

// Each set of labels is a curve of its own, of a finished run and of one in progress, by step and by another metric.
func TestCurvesOfLabels(t *testing.T) {
	lines := []string{
		`{"t":1764000000,"step":0,"m":{"loss":5,"epoch":10}}`,
		`{"t":1764000001,"step":0,"m":{"loss":3},"labels":{"set":"val"}}`,
		`{"t":1764000002,"step":1,"m":{"loss":4,"epoch":20},"labels":{"set":"train"}}`,
		`{"t":1764000003,"step":2,"m":{"loss":2},"labels":{"set":"val"}}`,
		`{"t":1764000004,"step":2,"m":{"loss":1},"labels":{"set":"train"}}`,
	}
	r := setup(t)
	e := oneRun(t, r, &format.Run{}, lines, nil)
	a, err := r.Start(t.Context(), &format.Run{}, format.OwnerDetached)
	if err != nil {
		t.Fatal(err)
	}
	writeRun(t, a, lines, nil)
	v := openView(t, r)
	for _, run := range []string{e.ID, e.ID, a.ID} { // the second time from the cache
		for _, c := range []struct{ x, want string }{
			{"step", "0:5\n1:4 2:1\n0:3 2:2"},
			{"metrics.epoch", "10:5@0\n20:1(1..4)@2\n10:3@0 20:2@2"},
		} {
			b, err := v.Curves(t.Context(), CurvesQuery{Metric: "loss", Runs: []string{run}, X: c.x})
			if err != nil {
				t.Fatal(err)
			}
			h, got := readCurves(t, b)
			if strings.Join(got, "\n") != c.want {
				t.Errorf("by %s: got\n%s\nwant\n%s", c.x, strings.Join(got, "\n"), c.want)
			}
			if h.Curves[0].Labels != "" || h.Curves[1].Labels != `{"set":"train"}` || h.Curves[2].Label != "set=val" {
				t.Errorf("%+v", h.Curves)
			}
		}
	}
}

// A run with very many sets of labels has as many curves as can be drawn, and one that says how many are left out.
func TestCurvesOfManyLabels(t *testing.T) {
	r := setup(t)
	var lines []string
	for i := range 250 {
		lines = append(lines, fmt.Sprintf(`{"t":1764000000,"step":0,"m":{"loss":%d},"labels":{"n":%d}}`, i, i))
	}
	e := oneRun(t, r, &format.Run{}, lines, nil)
	b, err := openView(t, r).Curves(t.Context(), CurvesQuery{Metric: "loss", Runs: []string{e.ID}})
	if err != nil {
		t.Fatal(err)
	}
	h, _ := readCurves(t, b)
	if last := h.Curves[len(h.Curves)-1]; len(h.Curves) != maxRunCurves || !strings.HasPrefix(last.Error, "151 sets ") {
		t.Errorf("%d curves; %+v", len(h.Curves), last)
	}
}

// A chain of runs is one curve: the steps that were repeated count once.
func TestCurveOfAChain(t *testing.T) {
	r := setup(t)
	first := lossRun(t, r, &format.Run{}, "0=9", "1=8", "2=7", "3=6")
	second := lossRun(t, r, &format.Run{Resumes: first.ID}, "2=1", "3=0")
	v := openView(t, r)
	for range 2 { // the second time from the cache
		b, err := v.Curves(t.Context(), CurvesQuery{Metric: "loss"})
		if err != nil {
			t.Fatal(err)
		}
		h, got := readCurves(t, b)
		if len(got) != 1 || h.Curves[0].Run != second.ID || got[0] != "0:9 1:8 2:1 3:0" {
			t.Errorf("%s of %+v", got, h.Curves)
		}
	}
}

// The metric that the program defined as the x axis is the default, if all runs agree.
func TestDefinedAxis(t *testing.T) {
	r := setup(t)
	e := oneRun(t, r, &format.Run{}, []string{
		`{"t":1764000000,"metric":{"name":"loss","step_metric":"epoch"}}`,
		`{"t":1764000001,"step":0,"m":{"loss":2,"epoch":10}}`, `{"t":1764000002,"step":1,"m":{"loss":1,"epoch":20}}`,
	}, nil)
	v := openView(t, r)
	for x, want := range map[string]string{"": "10:2@0 20:1@1", "step": "0:2 1:1"} {
		b, err := v.Curves(t.Context(), CurvesQuery{Metric: "loss", Runs: []string{e.ID}, X: x})
		if err != nil {
			t.Fatal(err)
		}
		if h, got := readCurves(t, b); got[0] != want {
			t.Errorf("%q: %s by %s", x, got, h.X)
		}
	}
	metrics, err := v.CurveMetrics(t.Context(), nil)
	if err != nil || len(metrics) != 2 || metrics[1].Key != "loss" || metrics[1].X != "epoch" || metrics[1].Points != 2 {
		t.Errorf("%+v, %v", metrics, err)
	}
}

// A run whose points cannot be read hides no other.
func TestCurveOfADamagedRun(t *testing.T) {
	r := setup(t)
	bad := lossRun(t, r, &format.Run{}, "0=1")
	good := lossRun(t, r, &format.Run{}, "0=2")
	if err := os.WriteFile(filepath.Join(bad.Dir, "metrics.parquet"), []byte("PAR1"), 0o666); err != nil {
		t.Fatal(err)
	}
	v := openView(t, r)
	b, err := v.Curves(t.Context(), CurvesQuery{Metric: "loss", Runs: []string{bad.ID, good.ID}})
	if err != nil {
		t.Fatal(err)
	}
	h, got := readCurves(t, b)
	if got[1] != "0:2" || !strings.Contains(h.Curves[0].Error, "is not the file that was recorded") || got[0] != "" {
		t.Errorf("%s; %+v", got, h.Curves[0])
	}
}

// The points of a finished run are read once.
func TestCurvesAreKept(t *testing.T) {
	r := setup(t)
	e := lossRun(t, r, &format.Run{}, "0=1", "1=2")
	v := openView(t, r)
	for range 2 {
		b, err := v.Curves(t.Context(), CurvesQuery{Metric: "loss"})
		if err != nil {
			t.Fatal(err)
		}
		if h, got := readCurves(t, b); got[0] != "0:1 1:2" {
			t.Errorf("%s %s", got, h.Curves[0].Error)
		}
		if err := os.Remove(filepath.Join(e.Dir, "metrics.parquet")); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
}

func TestPointsCacheIsBounded(t *testing.T) {
	var c pointsCache
	piece := make([]format.Point, 1<<16)
	for i := range 600 {
		collector := curve.NewCollector(false, len(piece))
		collector.Add(piece)
		c.put(fmt.Sprint(i), collector.Series())
		if c.bytes > maxCachedBytes || c.get("0") == nil {
			t.Fatalf("%d: %d bytes", i, c.bytes)
		}
	}
	if n := c.recent.Len(); n != len(c.held) || n > maxCachedBytes/(8<<16) || c.get("1") != nil {
		t.Errorf("%d curves are kept", n)
	}
}

// A run in progress gets its new points, and is the same after it has ended.
func TestCurveOfARunInProgress(t *testing.T) {
	r := setup(t)
	a, err := r.Start(t.Context(), &format.Run{}, format.OwnerDetached)
	if err != nil {
		t.Fatal(err)
	}
	v := openView(t, r)
	for step := range 3 {
		writeRun(t, a, []string{fmt.Sprintf(`{"t":1764000000,"step":%d,"m":{"loss":%d}}`, step, step)}, nil)
		b, err := v.Curves(t.Context(), CurvesQuery{
			Metric: "loss", Runs: []string{a.ID}, After: []float64{float64(step - 1)},
		})
		if err != nil {
			t.Fatal(err)
		}
		h, got := readCurves(t, b)
		if want := fmt.Sprintf("%d:%d", step, step); got[0] != want || !h.Curves[0].Active || h.Curves[0].Before != step {
			t.Errorf("%s, want %s; %+v", got, want, h.Curves[0])
		}
	}
}

func TestCurvesThatCannotBe(t *testing.T) {
	r := setup(t)
	e := lossRun(t, r, &format.Run{}, "0=1")
	v := openView(t, r)
	id := []string{e.ID}
	for _, c := range []struct {
		q    CurvesQuery
		want string
	}{
		{CurvesQuery{}, "curves: name a metric"},
		{CurvesQuery{Metric: "loss", X: "epoch"}, `curves: x must be step, time, relative or metrics.KEY, got "epoch"`},
		{CurvesQuery{Metric: "loss", X: "metrics."}, `curves: the x axis must be a metric, got "metrics."`},
		{
			CurvesQuery{Metric: "loss", Smooth: 1},
			"curves: the weight of smoothing must be at least 0 and less than 1, got 1",
		},
		{
			CurvesQuery{Metric: "loss", Smooth: math.NaN()},
			"curves: the weight of smoothing must be at least 0 and less than 1, got NaN",
		},
		{CurvesQuery{Metric: "loss", Buckets: -1}, "curves: the number of buckets must be positive, got -1"},
		{
			CurvesQuery{Metric: "loss", Range: curve.Range{From: 2, To: 1, Some: true}},
			"curves: the range must be two finite numbers in order, got 2 and 1",
		},
		{
			CurvesQuery{Metric: "loss", Range: curve.Range{From: math.NaN(), To: 1, Some: true}},
			"curves: the range must be two finite numbers in order, got NaN and 1",
		},
		{
			CurvesQuery{Metric: "loss", Range: curve.Range{From: -2, To: -1, Some: true, Log: true}},
			"curves: a logarithmic axis has no numbers up to -1",
		},
		{CurvesQuery{Metric: "loss", Runs: id, After: []float64{}}, "curves: 1 runs need as many places, got 0"},
		{
			CurvesQuery{Metric: "loss", Runs: make([]string, 2001)},
			"curves: 2001 runs are too many for one chart, which has at most 2000",
		},
	} {
		_, err := v.Curves(t.Context(), c.q)
		var invalid *InvalidError
		if err == nil || err.Error() != c.want || !errors.As(err, &invalid) {
			t.Errorf("%+v: %v, want %s", c.q, err, c.want)
		}
	}
	var none *NotFoundError
	b, err := v.Curves(t.Context(), CurvesQuery{Metric: "loss", Runs: []string{"x", e.ID}})
	if err != nil {
		t.Fatal(err)
	}
	if h, got := readCurves(t, b); got[1] != "0:1" || !h.Curves[0].Gone {
		t.Errorf("an unknown run: %s, %+v", got, h.Curves[0])
	}
	if runs, err := v.Legend(t.Context(), LegendQuery{Runs: []string{"x", e.ID}}); err != nil || len(runs) != 1 {
		t.Errorf("an unknown run: %+v, %v", runs, err)
	}
	if _, err := v.CurvesOf(t.Context(), 2, 10); !errors.As(err, &none) {
		t.Errorf("an unknown metric: %v", err)
	}
}

// An answer stays within its bytes: two thousand curves have fewer buckets than one.
func TestAnswersAreBounded(t *testing.T) {
	points := make([]format.Point, 5000)
	for i := range points {
		points[i].Step = int64(i)
	}
	c := curve.NewCollector(false, len(points))
	c.Add(points)
	for _, n := range []int{1, maxCurves} {
		head := &curve.Head{X: curve.StepAxis}
		series := make([]*curve.Series, n)
		for i := range series {
			series[i] = curve.ByStep(c.Series()[0])
			head.Curves = append(head.Curves, &curve.Line{})
		}
		b, err := encodeCurves(head, series, CurvesQuery{Buckets: 2000})
		if err != nil || len(b) > maxCurvesBytes || n == 1 && head.Places != 2000 || n > 1 && head.Places < 100 {
			t.Errorf("%d curves: %d bytes, %d places, %v", n, len(b), head.Places, err)
		}
	}
}

// Runs whose points are too many to be held at once say so, and hide no other.
func TestCurvesOfTooManyPoints(t *testing.T) {
	entry := func(n int64) *repo.Entry {
		return &repo.Entry{Run: &format.Run{Metrics: map[string]format.Metric{"loss": {Count: n}}}}
	}
	entries := []*repo.Entry{entry(10), nil, entry(maxAnswerPoints - 10), entry(0), entry(1), entry(5)}
	if runs, points := fits(entries, "loss"); runs != 4 || points != maxAnswerPoints {
		t.Errorf("%d runs with %d points", runs, points)
	}
	if runs, points := fits(entries, "other"); runs != len(entries) || points != 0 {
		t.Errorf("%d runs with %d points", runs, points)
	}
	var c pointsCache
	done, err := c.begin(t.Context(), largeAnswer)
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.begin(ended, largeAnswer); !errors.Is(err, context.Canceled) {
		t.Errorf("a second large answer: %v", err)
	}
	if small, err := c.begin(ended, largeAnswer-1); err != nil {
		t.Errorf("a small answer: %v", err)
	} else {
		small()
	}
	done()
	if done, err = c.begin(t.Context(), largeAnswer); err != nil {
		t.Fatal(err)
	}
	done()
}

func TestLegend(t *testing.T) {
	r := setup(t)
	long := strings.Repeat("é", 200)
	a := lossRun(t, r, &format.Run{Name: "a", Params: format.Params{"lr": 0.1, "same": "x", "long": long}})
	b := lossRun(t, r, &format.Run{Group: "g", Params: format.Params{"lr": int64(1), "same": "x"}})
	v := openView(t, r)
	runs, err := v.Legend(t.Context(), LegendQuery{Runs: []string{a.ID, b.ID}})
	if err != nil || len(runs) != 2 {
		t.Fatalf("%+v, %v", runs, err)
	}
	params := runs[0].Params
	if got := fmt.Sprintln(runs[0].Name, params["lr"], len(params["long"]), runs[1].Group, runs[1].Params); got !=
		"a 0.1 203 g map[lr:1]\n" {
		t.Error(got)
	}
	for want, q := range map[string]LegendQuery{
		"2 a": {}, "1 a": {Where: "name = a"}, "1 " + format.IDRandom(b.ID): {Newest: 1},
	} {
		runs, err := v.Legend(t.Context(), q)
		if err != nil || len(runs) == 0 || fmt.Sprint(len(runs), " ", runs[len(runs)-1].Name) != want {
			t.Errorf("%+v: %+v, %v", q, runs, err)
		}
	}
	if _, err := v.Legend(t.Context(), LegendQuery{Where: "a >"}); err == nil {
		t.Error("an expression that is wrong has no error")
	}
}
