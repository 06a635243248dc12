package web

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/gitruns/runs/repo/view"
)

// exportBuckets is how many points of a curve an answer has that is addressed by its path alone, if nothing else is
// asked for.
const exportBuckets = 800

func curveMetrics(ctx context.Context, v *view.View, q question) (*Answer, error) {
	list, err := v.CurveMetrics(ctx, words(q.params, "runs"))
	return asJSON(map[string]any{"metrics": list}, err)
}

func legend(ctx context.Context, v *view.View, q question) (*Answer, error) {
	p := parameters{values: q.params}
	asked := view.LegendQuery{
		Runs: words(q.params, "runs"), Where: q.params.Get("where"), Newest: int(p.number("newest")),
	}
	if p.err != nil {
		return nil, p.err
	}
	list, err := v.Legend(ctx, asked)
	return asJSON(map[string]any{"runs": list}, err)
}

// curvesOfMetric answers "curves/{n}.bin": the curves of metric n of the answer metrics.json, of all runs.
func curvesOfMetric(ctx context.Context, v *view.View, q question) (*Answer, error) {
	n, err := strconv.Atoi(q.path("n"))
	if err != nil {
		return nil, &view.NotFoundError{What: "curves: no metric has this number"}
	}
	return asBytes(v.CurvesOf(ctx, n, exportBuckets))
}

// curves answers the question in the parameters: key, runs, x, width, from, to, smooth, log, after. See
// view.CurvesQuery.
func curves(ctx context.Context, v *view.View, q question) (*Answer, error) {
	p := parameters{values: q.params}
	c := view.CurvesQuery{
		Metric: q.params.Get("key"), Runs: words(q.params, "runs"), X: q.params.Get("x"),
		Buckets: int(p.number("width")), Smooth: p.number("smooth"), Times: q.params.Has("times"),
	}
	if q.params.Has("from") || q.params.Has("to") {
		c.Range.From, c.Range.To, c.Range.Some, c.Range.Neighbours = p.number("from"), p.number("to"), true, true
	}
	log := q.params.Get("log")
	c.Range.Log, c.Values.Positive = strings.Contains(log, "x"), strings.Contains(log, "y")
	for _, word := range words(q.params, "after") {
		c.After = append(c.After, p.parse("after", word))
	}
	if p.err != nil {
		return nil, p.err
	}
	return asBytes(v.Curves(ctx, c))
}

func asBytes(b []byte, err error) (*Answer, error) {
	if err != nil {
		return nil, err
	}
	return &Answer{Type: "application/octet-stream", Body: b}, nil
}

// words returns the words of a parameter, or nil if it is not given. They are separated by commas or, in ids, by dots,
// which stay one byte in an address.
func words(params url.Values, name string) []string {
	if !params.Has(name) {
		return nil
	}
	if params.Get(name) == "" {
		return []string{}
	}
	separators := ","
	if name == "runs" {
		separators = ",."
	}
	return strings.FieldsFunc(params.Get(name), func(c rune) bool { return strings.ContainsRune(separators, c) })
}

// parameters reads numbers, and keeps the first error.
type parameters struct {
	values url.Values
	err    error
}

// number returns the number in a parameter, or 0 if it is not given.
func (p *parameters) number(name string) float64 {
	if !p.values.Has(name) {
		return 0
	}
	return p.parse(name, p.values.Get(name))
}

func (p *parameters) parse(name, word string) float64 {
	n, err := strconv.ParseFloat(word, 64)
	if err != nil && p.err == nil {
		p.err = &view.InvalidError{Err: fmt.Errorf("%s must be a number, got %.40q", name, word)}
	}
	return n
}
