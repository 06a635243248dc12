package view

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/view/curve"
)

// Bounds of an answer with curves.
const (
	maxCurves       = 2000
	maxCurvesBytes  = 32 << 20
	maxBuckets      = 4096
	bytesPerCell    = 8 * 7      // at most: place, least, greatest, last, step, x, time
	leastCell       = 8          // bytes: the last value
	maxCurvePoints  = 20_000_000 // of one curve
	freeCurvePoints = 1_000_000  // of one curve for which memory is taken at once, however small the file is
	maxAnswerPoints = 40_000_000 // of all curves: 320 MB, or twice as much with times
	maxWholeRows    = 32_768     // of a file whose metrics are read together: two pages
	metricPrefix    = "metrics." // of an x axis that is a metric
	defaultBuckets  = 800
)

// CurvesQuery asks for the curves of a metric.
type CurvesQuery struct {
	Metric string
	// Runs are ids of runs that the view shows, or their random parts, each once. If it is nil, all runs are meant.
	Runs []string
	// X is step, time, relative, or "metrics." and the key of a metric. If it is empty, it is the metric that the
	// program defined as the x axis, otherwise step.
	X string
	// Buckets is how many places a chart has for points that are too many to be shown one by one.
	Buckets int
	Range   curve.Range
	Values  curve.Values
	// Smooth is the weight of an exponential moving average of the points, at least 0 and less than 1.
	Smooth float64
	// After has an x for each of Runs, and asks only for the points after it. It is nil if all points are wanted.
	After []float64
	Times bool // whether the answer has times
	// MaxCells is how many places all curves together may have, each counted apart, if points are shown one by one. If
	// there are more, the answer has buckets. If it is 0, the size of an answer is the only bound.
	MaxCells int
}

// Curves returns the curves of a metric in the form that curve.Encode describes. A curve that cannot be read has its
// error in place of its points. Each set of labels is a curve of its own. The bounds are those of maxCurves and
// maxCurvesBytes: to stay within the second, there are fewer buckets than asked for.
func (v *View) Curves(ctx context.Context, q CurvesQuery) ([]byte, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	entries, err := v.entriesOf(q.Runs)
	if err != nil {
		return nil, err
	}
	x := q.X
	if x == "" {
		if x = curve.StepAxis; len(entries) > 0 {
			if m := catalog.StepMetric(known(entries), q.Metric); m != "" {
				x = metricPrefix + m
			}
		}
	}
	within, all := fits(entries, q.Metric)
	done, err := v.curves.begin(ctx, all)
	if err != nil {
		return nil, err
	}
	defer done()
	found := make([][]drawn, len(entries))
	err = v.eachCurve(ctx, len(entries), func(i int) error {
		e := entries[i]
		switch {
		case e == nil:
			found[i] = noCurve(&curve.Line{Run: q.Runs[i], Gone: true}, "the run is not among those shown")
			return nil
		case i >= within:
			found[i] = noCurve(lineOf(e), fmt.Sprintf("the curves have more than %d points, which are too many at once: "+
				"choose fewer runs", maxAnswerPoints))
			return nil
		}
		var after *float64
		if q.After != nil {
			after = &q.After[i]
		}
		var err error
		if found[i], err = v.draw(ctx, e, &q, x, after); err != nil && ctx.Err() == nil {
			found[i], err = noCurve(lineOf(e), err.Error()), nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	head := &curve.Head{Metric: q.Metric, X: x, Curves: []*curve.Line{}}
	var series []*curve.Series
	for i, list := range found {
		for _, d := range fewer(list, maxCurves-len(series)-len(found)+i+1) { // each run that follows has at least one
			head.Curves, series = append(head.Curves, d.line), append(series, d.series)
		}
	}
	return encodeCurves(head, series, q)
}

// maxRunCurves is how many curves of a metric of a run are drawn: one for each set of labels.
const maxRunCurves = 100

// drawn is a curve and its line of an answer.
type drawn struct {
	line   *curve.Line
	series *curve.Series
}

func lineOf(e *repo.Entry) *curve.Line { return &curve.Line{Run: e.ID, Active: e.Active != nil} }

func noCurve(line *curve.Line, why string) []drawn {
	line.Error = why
	return []drawn{{line, &curve.Series{}}}
}

// fewer returns the first n curves of a run, but at least one. The last one says how many are left out.
func fewer(list []drawn, n int) []drawn {
	n = max(n, 1)
	if len(list) <= n {
		return list
	}
	last := &curve.Line{Run: list[0].line.Run, Active: list[0].line.Active}
	return append(list[:n-1:n-1], noCurve(last, fmt.Sprintf("%d sets of labels are not drawn, because there are too many",
		len(list)-n+1))...)
}

// draw reads the curves of a metric of a run. If it has no points, there is one curve without any.
func (v *View) draw(ctx context.Context, e *repo.Entry, q *CurvesQuery, x string, after *float64) ([]drawn, error) {
	all, err := v.series(ctx, e, q.Metric, x, q.Times)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		all = []*curve.Series{{}}
	}
	list := make([]drawn, len(all))
	for i, s := range all {
		line := lineOf(e)
		line.Labels, line.Label = s.Labels.String(), s.Labels.Text()
		if q.Smooth > 0 {
			s = s.With(catalog.Smooth(s.Values, q.Smooth))
		}
		line.All, line.Lost = s.Len(), s.Lost
		if q.Range.Log {
			line.Lost += s.Below(0)
		}
		if after != nil {
			s, line.Before = s.After(*after)
		}
		list[i] = drawn{line, s}
	}
	return fewer(list, maxRunCurves), nil
}

// fits returns how many of the runs have no more points of a metric together than are held in memory at once, and how
// many points these have.
func fits(entries []*repo.Entry, metric string) (runs int, points int64) {
	for i, e := range entries {
		if e == nil {
			continue
		}
		n := max(e.Metrics[metric].Count, 0)
		if points+n > maxAnswerPoints {
			return i, points
		}
		points += n
	}
	return len(entries), points
}

// encodeCurves puts series on a grid that they share. If an exact answer would be too large, it has buckets.
func encodeCurves(head *curve.Head, series []*curve.Series, q CurvesQuery) ([]byte, error) {
	buckets := min(q.Buckets, maxBuckets, max(1, maxCurvesBytes/(bytesPerCell*max(1, len(series)))))
	cells := make([]*curve.Cells, len(series))
	fill := func(places int) *curve.Grid {
		g := curve.NewGrid(series, q.Range, buckets, places)
		for i, s := range series {
			if s.Len() > 0 {
				cells[i] = g.Fill(s, q.Range, q.Values, q.Times)
			}
		}
		return g
	}
	most := maxCurvesBytes / leastCell
	if q.MaxCells > 0 {
		most = min(most, q.MaxCells)
	}
	g := fill(most)
	if g.Exact && curve.Size(head, g, cells) > maxCurvesBytes {
		g = fill(0)
	}
	return curve.Encode(head, g, cells)
}

// check returns an *InvalidError if the question cannot be answered. It sets what was left out.
func (q *CurvesQuery) check() error {
	invalid := func(format string, args ...any) error { return &InvalidError{fmt.Errorf("curves: "+format, args...)} }
	if q.Buckets == 0 {
		q.Buckets = defaultBuckets
	}
	metric, byMetric := strings.CutPrefix(q.X, metricPrefix)
	r := q.Range
	switch {
	case q.Metric == "":
		return invalid("name a metric")
	case byMetric && metric == "":
		return invalid("the x axis must be a metric, got %q", q.X)
	case !byMetric && !slices.Contains([]string{"", "step", "time", "relative"}, q.X):
		return invalid("x must be step, time, relative or metrics.KEY, got %q", q.X)
	case !(q.Smooth >= 0 && q.Smooth < 1):
		return invalid("the weight of smoothing must be at least 0 and less than 1, got %v", q.Smooth)
	case q.Buckets < 1:
		return invalid("the number of buckets must be positive, got %d", q.Buckets)
	case r.Some && !(r.From <= r.To && !math.IsInf(r.From, 0) && !math.IsInf(r.To, 0)):
		return invalid("the range must be two finite numbers in order, got %v and %v", r.From, r.To)
	case r.Some && r.Log && r.To <= 0:
		return invalid("a logarithmic axis has no numbers up to %v", r.To)
	case q.After != nil && len(q.After) != len(q.Runs):
		return invalid("%d runs need as many places, got %d", len(q.Runs), len(q.After))
	}
	return nil
}

// entriesOf returns the runs that a question names, in its order. A run that is not shown is nil: it may be between two
// folders because it has just ended, and must hide no other.
func (v *View) entriesOf(ids []string) ([]*repo.Entry, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := len(ids)
	if ids == nil {
		n = len(v.rows)
	}
	if n > maxCurves {
		return nil, &InvalidError{fmt.Errorf("curves: %d runs are too many for one chart, which has at most %d", n,
			maxCurves)}
	}
	if ids == nil {
		return v.catalog.Load(v.rows)
	}
	byID := make(map[string]*catalog.Row, 2*len(v.rows))
	for _, r := range v.rows {
		short := format.IDRandom(r.ID())
		if _, twice := byID[short]; twice {
			r = nil
		}
		byID[short] = r
	}
	for _, r := range v.rows {
		byID[r.ID()] = r
	}
	var rows []*catalog.Row
	for _, id := range ids {
		if r := byID[id]; r != nil {
			rows = append(rows, r)
		}
	}
	if _, err := v.catalog.Load(rows); err != nil {
		return nil, err
	}
	entries := make([]*repo.Entry, len(ids))
	for i, id := range ids {
		if r := byID[id]; r != nil {
			entries[i] = r.Entry()
		}
	}
	return entries, nil
}

// known returns the entries that are not nil.
func known(entries []*repo.Entry) []*repo.Entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e *repo.Entry) bool { return e == nil })
}

// eachCurve calls do(0) to do(n-1) on all processors, until one returns an error. Runs of a revision are read one by
// one, because reading copies their files out of Git first.
func (v *View) eachCurve(ctx context.Context, n int, do func(i int) error) error {
	workers := min(runtime.GOMAXPROCS(0), n)
	if v.options.Revision != "" {
		v.mu.Lock()
		defer v.mu.Unlock()
		workers = 1
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	next := 0
	take := func() int {
		mu.Lock()
		defer mu.Unlock()
		next++
		return next - 1
	}
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := take(); i < n && ctx.Err() == nil; i = take() {
				if err := do(i); err != nil {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}
