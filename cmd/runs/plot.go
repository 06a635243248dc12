package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/chart"
	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/query"
)

type plotFlags struct {
	smooth        float64
	logY, follow  bool
	part          bool
	x, experiment string
	interval      time.Duration
}

const (
	maxCharts    = 6  // drawn where no metric is named
	maxCurves    = 16 // in one chart
	chartHeight  = 16
	leastRefresh = 200 * time.Millisecond
)

func (a *app) plotCommand() *cobra.Command {
	var f plotFlags
	cmd := &cobra.Command{
		Use:   "plot [RUN…] [KEY…] [flags]",
		Short: "Draw metrics in the terminal",
		Long: `Draw metrics in the terminal, one chart a metric, all runs in it. Without RUN, the newest; without KEY, the primary metric,
or where there is none the metrics that have more than one point.

    runs plot wide narrow val/loss --smooth 0.6

Where the program has defined the metric that is the x axis of another, it is; --x step draws by step all the same. A run that resumes another is
drawn with it as one curve.`,
		ValidArgsFunction: a.completeRunThenMetric,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case f.smooth < 0 || f.smooth >= 1:
				return usagef("plot: --smooth %v is not between 0 and 1", f.smooth)
			case f.x != "" && f.x != "step" && f.x != "time" && f.x != "relative":
				return usagef("plot: --x is step, time or relative, not %q", f.x)
			case f.interval < leastRefresh:
				return usagef("plot: --interval %v is less than %v", f.interval, leastRefresh)
			}
			if f.follow {
				return a.follow(cmd.Context(), &f, args)
			}
			var b strings.Builder
			if _, err := a.plot(cmd.Context(), &f, args, &b); err != nil {
				return err
			}
			_, err := io.WriteString(a.term.Out, b.String())
			return err
		},
	}
	flags := cmd.Flags()
	flags.Float64Var(&f.smooth, "smooth", 0, "exponential moving average of weight `S`, from 0 to below 1")
	flags.BoolVar(&f.logY, "log-y", false, "logarithmic y axis")
	flags.StringVar(&f.x, "x", "", "the x axis: step, time or relative `KIND`; by itself the metric that the program defined, else step")
	flags.BoolVar(&f.part, "part", false, "only what each RUN logged itself, not what it resumes")
	flags.BoolVar(&f.follow, "follow", false, "draw again until the runs have ended")
	flags.DurationVar(&f.interval, "interval", time.Second, "with --follow, the `TIME` between two drawings")
	flags.StringVarP(&f.experiment, "experiment", "e", "", "look in `EXPERIMENT`")
	return cmd
}

// plot draws once and reports whether one of the runs is in progress.
func (a *app) plot(ctx context.Context, f *plotFlags, args []string, w io.Writer) (active bool, err error) {
	r, err := a.find(ctx)
	if err != nil {
		return false, err
	}
	c, err := a.collect(ctx, r, f.experiment)
	if err != nil {
		return false, err
	}
	entries, keys, err := runsAndKeys(ctx, c, args, f.part)
	if err != nil {
		return false, err
	}
	if len(keys) == 0 {
		if keys = keysToPlot(entries, c); len(keys) == 0 {
			if !slices.ContainsFunc(entries, func(e *repo.Entry) bool { return e.Active != nil }) {
				return false, fmt.Errorf("plotting %s: no metrics", entries[0])
			}
			_, err := fmt.Fprintf(w, "%s: no metrics yet\n", terminal.Clean(entries[0].Title()))
			return true, err
		}
	}
	if len(entries) > maxCurves {
		a.progress("runs: %d runs are more than a chart can tell apart: the first %d are drawn", len(entries), maxCurves)
		entries = entries[:maxCurves]
	}
	for i, key := range keys {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := a.drawMetric(ctx, f, c, entries, key, w, len(keys)); err != nil {
			return false, err
		}
	}
	return slices.ContainsFunc(entries, func(e *repo.Entry) bool { return e.Active != nil && e.Life != repo.Gone }), nil
}

// runsAndKeys tells runs from metrics among the arguments: a metric of the runs named so far is a key, else it names a run.
// Each run has those that it resumes with it, unless it is meant alone.
func runsAndKeys(ctx context.Context, c *catalog.Catalog, args []string, alone bool) (entries []*repo.Entry, keys []string, err error) {
	var notRuns []string
	add := func(e *repo.Entry, of *catalog.Catalog) {
		if slices.ContainsFunc(entries, func(other *repo.Entry) bool { return other.ID == e.ID }) {
			return
		}
		if !alone {
			e = of.Whole(e)
		}
		entries = append(entries, e)
	}
	for _, arg := range args {
		if slices.ContainsFunc(entries, func(e *repo.Entry) bool { _, ok := e.Metrics[arg]; return ok }) {
			keys = append(keys, arg)
			continue
		}
		found, of, err := c.Select(ctx, arg)
		var none *query.NotFoundError
		switch {
		case errors.As(err, &none):
			notRuns = append(notRuns, arg)
			continue
		case err != nil:
			return nil, nil, err
		}
		for _, e := range found {
			add(e, of)
		}
	}
	if len(entries) == 0 {
		// Only metrics are named, or nothing: the newest run is meant.
		newest, _, err := c.One(ctx, "last")
		if err != nil {
			return nil, nil, err
		}
		add(newest, c)
	}
	for _, arg := range notRuns {
		if !slices.ContainsFunc(entries, func(e *repo.Entry) bool { _, ok := e.Metrics[arg]; return ok }) {
			return nil, nil, &query.NotFoundError{Selector: arg, Reason: fmt.Sprintf("names no run, and no metric of %s, which has %s", entries[0], known(entries[0]))}
		}
		keys = append(keys, arg)
	}
	return entries, keys, nil
}

// keysToPlot are the primary metric, else those with more than one point.
func keysToPlot(entries []*repo.Entry, c *catalog.Catalog) []string {
	if p := c.Config().Primary; p != "" && slices.ContainsFunc(entries, func(e *repo.Entry) bool { _, ok := e.Metrics[p]; return ok }) {
		return []string{p}
	}
	count := map[string]int64{}
	for _, e := range entries {
		for key, m := range e.Metrics {
			if d, ok := e.Definition(key); !ok || !d.Hidden {
				count[key] = max(count[key], m.Count)
			}
		}
	}
	keys := slices.Sorted(maps.Keys(count))
	curves := slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return count[key] < 2 })
	if len(curves) > 0 {
		keys = curves
	}
	if len(keys) > maxCharts {
		first := query.Primary("", catalog.Records(entries), c.Context())
		keys = slices.DeleteFunc(keys, func(key string) bool { return key == first })
		keys = append([]string{first}, keys[:maxCharts-1]...)
	}
	return keys
}

func (a *app) drawMetric(ctx context.Context, f *plotFlags, c *catalog.Catalog, entries []*repo.Entry, key string, w io.Writer, charts int) error {
	x, axis := f.x, ""
	if x == "" {
		x, axis = "step", stepMetric(entries, key)
	}
	var series []chart.Series
	for _, e := range entries {
		points, err := e.Points(ctx, key)
		if err != nil {
			return err
		}
		var at []float64 // where axis is a metric
		if axis != "" {
			steps, err := e.Points(ctx, axis)
			if err != nil {
				return err
			}
			points, at = alongMetric(points, steps)
		}
		s := chart.Series{Name: e.Title(), X: make([]float64, len(points)), Y: make([]float64, len(points))}
		if x != "step" { // by time, in which points of several writers may lie otherwise than by step
			slices.SortStableFunc(points, func(a, b format.Point) int {
				switch {
				case a.Time < b.Time:
					return -1
				case a.Time > b.Time:
					return 1
				}
				return 0
			})
		}
		for i, p := range points {
			s.Y[i] = p.Value
			switch {
			case axis != "":
				s.X[i] = at[i]
			case x == "step":
				s.X[i] = float64(p.Step)
			case x == "time":
				s.X[i] = float64(p.Time) / 1e6
			default:
				s.X[i] = float64(p.Time-e.Began().UnixMicro()) / 1e6
			}
		}
		if m, ok := e.Metrics[key]; ok {
			s.Note = terminal.Number(query.Best(m, c.Goal(key)))
			if goal := query.BestBy([]*format.Run{e.Run}, "metrics."+key, c.Context()); goal != "" {
				s.Note = goal + " " + s.Note
			}
		}
		if f.smooth > 0 {
			s.Y = chart.Smooth(s.Y, f.smooth)
		}
		series = append(series, s)
	}
	height := min(chartHeight, max(8, (a.term.Height()-2)/charts-len(series)/3-3))
	if !a.term.OutIsTerminal() {
		height = chartHeight
	}
	title := key
	if axis != "" {
		title += " by " + axis
	}
	if f.smooth > 0 {
		title += fmt.Sprintf(", smoothed %v", f.smooth)
	}
	kind := map[string]chart.XKind{"step": chart.Step, "time": chart.Time, "relative": chart.Relative}[x]
	if axis != "" {
		kind = chart.Number
	}
	return chart.Draw(w, a.term, series, chart.Options{Width: a.term.Width(), Height: height, LogY: f.logY, X: kind, Title: title, ASCII: asciiOnly()})
}

// stepMetric is the metric that every run which has key defines as its x axis and has points of; empty where there is none.
func stepMetric(entries []*repo.Entry, key string) string {
	axis := ""
	for _, e := range entries {
		if _, ok := e.Metrics[key]; !ok {
			continue
		}
		d, _ := e.Definition(key)
		if _, ok := e.Metrics[d.StepMetric]; !ok || d.StepMetric == key || axis != "" && axis != d.StepMetric {
			return ""
		}
		axis = d.StepMetric
	}
	return axis
}

// alongMetric gives each point the value of another metric at its step, else its last value before. Points before the first
// value are left out. Both are sorted by step; what comes out is sorted by the values.
func alongMetric(points, steps []format.Point) (kept []format.Point, at []float64) {
	type placed struct {
		p format.Point
		x float64
	}
	var list []placed
	i := 0
	for _, p := range points {
		for i < len(steps) && steps[i].Step <= p.Step {
			i++
		}
		if i > 0 && !math.IsNaN(steps[i-1].Value) {
			list = append(list, placed{p, steps[i-1].Value})
		}
	}
	slices.SortStableFunc(list, func(a, b placed) int { return cmp.Compare(a.x, b.x) })
	for _, l := range list {
		kept, at = append(kept, l.p), append(at, l.x)
	}
	return kept, at
}

// asciiOnly reports whether the locale has no Unicode (POSIX, Environment Variables: LC_ALL, LC_CTYPE, LANG in this order).
func asciiOnly() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := os.Getenv(name); v != "" {
			v = strings.ToLower(v)
			return !strings.Contains(v, "utf-8") && !strings.Contains(v, "utf8") && v != "c" && v != "posix"
		}
	}
	return false
}

// follow draws again and again over what it has drawn, until the runs have ended or it is interrupted.
func (a *app) follow(ctx context.Context, f *plotFlags, args []string) error {
	lines := 0
	for {
		a.term.Refresh()
		var b strings.Builder
		active, err := a.plot(ctx, f, args, &b)
		if err != nil {
			return err
		}
		text := b.String()
		if a.term.OutIsTerminal() {
			if lines > 0 {
				// Back to the beginning of the last drawing; what it had more is erased (ECMA-48: CUU, ED).
				text = fmt.Sprintf("\x1b[%dA\x1b[J", lines) + text
			}
			lines = strings.Count(b.String(), "\n")
		}
		if a.term.OutIsTerminal() || !active {
			if _, err := io.WriteString(a.term.Out, text); err != nil {
				return err
			}
		}
		if !active {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil // leaving is how one ends a look
		case <-time.After(f.interval):
		}
	}
}
