package stored

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/importer"
	"github.com/gitruns/runs/repo/mlflow"
)

// Bounds of the points of a run.
const (
	maxPoints = 20_000_000
	textsLine = 50 // params or tags in a line of a journal
)

// reading writes what a store has about a run to an output.
type reading struct {
	run     *storedRun
	out     importer.Output
	base    string // the folder below which artifacts are looked for
	sought  *sought
	started int64 // µs since 1970
	ended   int64

	line     format.Line
	keys     map[string]string // of metrics here, by those of the store
	labelsOf map[about]format.Labels
	datasets []recorded
	last     int64 // the time of the last point, in ms
	points   int64
	names    map[string]bool // of artifacts
	roots    map[string]bool // their folders with two parts, where models may be
	models   int             // that are described
	files    int
	bytes    int64
	skipped  map[string]skipped
}

// skipped is how often something was left out for a reason, with one example.
type skipped struct {
	n       int
	example string
}

func (r *reading) skip(why, example string) {
	s := r.skipped[why]
	s.n++
	if s.example == "" {
		s.example = example
	}
	r.skipped[why] = s
}

// counted returns a number and what it counts. The first word is the one that is counted.
func counted(n int, what string) string {
	if n == 1 {
		first, rest, _ := strings.Cut(what, "s ")
		what = first + " " + rest
	}
	return fmt.Sprintf("%d %s", n, what)
}

// warnings returns what was left out, sorted.
func (r *reading) warnings() []string {
	var list []string
	for _, why := range slices.Sorted(maps.Keys(r.skipped)) {
		s := r.skipped[why]
		text := fmt.Sprintf("%s: skipped %s", r.run.title(), counted(s.n, why))
		if s.example != "" {
			text += ", such as " + oneLine(s.example)
		}
		list = append(list, text)
	}
	return list
}

// texts writes params and tags.
func (r *reading) texts(params []pair, tags map[string]string) error {
	for from := 0; from < len(params); from += textsLine {
		l := &format.Line{Time: r.started, Params: format.Params{}}
		for _, p := range params[from:min(from+textsLine, len(params))] {
			l.Params[key(p.key)] = mlflow.Typed(multiLine(p.value))
		}
		if err := r.out.Line(l); err != nil {
			return err
		}
	}
	for part := range slices.Chunk(slices.Sorted(maps.Keys(tags)), textsLine) {
		l := &format.Line{Time: r.started, Tags: map[string]string{}}
		for _, name := range part {
			l.Tags[name] = tags[name]
		}
		if err := r.out.Line(l); err != nil {
			return err
		}
	}
	return nil
}

// point writes a point. Successive points of one step and time become one line.
func (r *reading) point(p *point) error {
	name, known := r.keys[p.key]
	switch {
	case p.skipped != "":
		r.skip(p.skipped, p.key)
		return nil
	case r.points >= maxPoints:
		r.skip(fmt.Sprintf("points over the limit of %d", maxPoints), "")
		return nil
	case !known && len(r.keys) >= format.MaxMetrics:
		r.skip(fmt.Sprintf("points of metrics over the limit of %d", format.MaxMetrics), p.key)
		return nil
	case !known:
		name = key(p.key)
		r.keys[p.key] = name
	}
	time := r.started
	if validTime(p.time) {
		time = p.time * 1000
		r.last = max(r.last, p.time)
	}
	r.points++
	l, labels := &r.line, r.labels(p.about)
	if len(l.Metrics) > 0 && (l.Time != time || l.Step != p.step || l.Labels != labels || hasKey(l, name)) {
		if err := r.flush(); err != nil {
			return err
		}
	}
	if len(l.Metrics) == 0 {
		l.Time, l.Step, l.HasStep, l.Labels = time, p.step, true, labels
	}
	l.Metrics = append(l.Metrics, format.MetricValue{Key: name, Value: p.value})
	return nil
}

// maxLineMetrics is how many points a line of a journal gets.
const maxLineMetrics = 100

func hasKey(l *format.Line, name string) bool {
	return len(l.Metrics) >= maxLineMetrics ||
		slices.ContainsFunc(l.Metrics, func(m format.MetricValue) bool { return m.Key == name })
}

// flush writes the points that are waiting.
func (r *reading) flush() error {
	if len(r.line.Metrics) == 0 {
		return nil
	}
	err := r.out.Line(&r.line)
	r.line.Metrics = r.line.Metrics[:0]
	return err
}

// all writes everything.
func (r *reading) all(ctx context.Context, d *details, tags map[string]string) error {
	for _, text := range d.damage {
		r.skip("files that cannot be read", text)
	}
	if err := r.texts(d.params, tags); err != nil {
		return err
	}
	if err := r.run.content.points(ctx, r.point); err != nil {
		return err
	}
	if err := r.flush(); err != nil {
		return err
	}
	if err := r.texts(nil, r.measured(d)); err != nil {
		return err
	}
	return r.artifacts(ctx, d)
}
