package main

import (
	"context"
	"fmt"
	"io"
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
	maxCharts    = 6  // if no metric is given
	maxCurves    = 16 // curves in one chart
	chartHeight  = 16
	leastRefresh = 200 * time.Millisecond
)

func (a *app) plotCommand() *cobra.Command {
	var f plotFlags
	cmd := &cobra.Command{
		Use:   "plot [RUN…] [KEY…] [flags]",
		Short: "Draw metrics in the terminal",
		Long: `Draw metrics in the terminal, one chart per metric with a curve per run. Without
RUN, draw the newest run. Without KEY, draw the primary metric; if there is
none, draw the metrics with more than one point.

    runs plot wide narrow val/loss --smooth 0.6
    runs plot --follow

If the program defined another metric as the x axis of a metric, that is used;
--x step draws by step instead.

A run and the runs that it resumes are one curve.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case f.smooth < 0 || f.smooth >= 1:
				return usagef("plot: --smooth must be at least 0 and less than 1, got %v", f.smooth)
			case f.x != "" && f.x != "step" && f.x != "time" && f.x != "relative":
				return usagef("plot: --x must be step, time or relative, got %q", f.x)
			case f.interval < leastRefresh:
				return usagef("plot: --interval must be %v or more, got %v", leastRefresh, f.interval)
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
	flags.Float64Var(&f.smooth, "smooth", 0,
		"smooth by an exponential moving average of weight `S`, at least 0 and less than 1")
	flags.BoolVar(&f.logY, "log-y", false, "use a logarithmic y axis")
	flags.StringVarP(&f.x, "x", "x", "", // with a letter, because cobra completes no long name of one letter without
		"draw by `AXIS`: step, time or relative (default: what the program defined, otherwise step)")
	flags.BoolVar(&f.part, "part", false, "draw only what each RUN logged itself, without the runs that it resumes")
	flags.BoolVar(&f.follow, "follow", false, "redraw until the runs have ended")
	flags.DurationVar(&f.interval, "interval", time.Second, "with --follow, redraw every `DURATION`")
	flags.StringVarP(&f.experiment, "experiment", "e", "", "look in `EXPERIMENT`")
	return cmd
}

// plot draws once. It reports whether one of the runs is still active.
func (a *app) plot(ctx context.Context, f *plotFlags, args []string, w io.Writer) (active bool, err error) {
	r, err := a.find(ctx)
	if err != nil {
		return false, err
	}
	c, err := a.collect(ctx, r, f.experiment)
	if err != nil {
		return false, err
	}
	entries, keys, err := c.SelectCurves(ctx, args, f.part)
	if err != nil {
		return false, err
	}
	if len(keys) == 0 {
		if keys = c.CurvesOf(entries, maxCharts); len(keys) == 0 {
			if !slices.ContainsFunc(entries, func(e *repo.Entry) bool { return e.Active != nil }) {
				return false, fmt.Errorf("plotting %s: it has no metrics", entries[0])
			}
			_, err := fmt.Fprintf(w, "%s: no metrics yet\n", terminal.Clean(entries[0].Title()))
			return true, err
		}
	}
	if len(entries) > maxCurves {
		a.warn("%d runs are too many for a chart; only the first %d are drawn", len(entries), maxCurves)
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

func (a *app) drawMetric(ctx context.Context, f *plotFlags, c *catalog.Catalog, entries []*repo.Entry, key string,
	w io.Writer, charts int,
) error {
	x, stepMetric := f.x, ""
	if x == "" {
		x, stepMetric = "step", catalog.StepMetric(entries, key)
	}
	axis := map[string]catalog.Axis{"step": catalog.ByStep, "time": catalog.ByTime, "relative": catalog.ByDuration}[x]
	var series []chart.Series
	for _, e := range entries {
		var curves []catalog.Series
		var err error
		if stepMetric != "" {
			curves, err = catalog.CurvesBy(ctx, e, key, stepMetric)
		} else {
			curves, err = catalog.Curves(ctx, e, key, axis)
		}
		if err != nil {
			return err
		}
		series = append(series, chartSeries(f, c, e, key, curves)...)
	}
	if len(series) > maxCurves {
		a.warn("%s has %d series, which are too many for a chart; only the first %d are drawn", terminal.Clean(key),
			len(series), maxCurves)
		series = series[:maxCurves]
	}
	height := min(chartHeight, max(8, (a.term.Height()-2)/charts-len(series)/3-3))
	if !a.term.OutIsTerminal() {
		height = chartHeight
	}
	title := key
	if stepMetric != "" {
		title += " by " + stepMetric
	}
	if f.smooth > 0 {
		title += fmt.Sprintf(", smoothed %v", f.smooth)
	}
	kind := map[string]chart.XKind{"step": chart.Step, "time": chart.Time, "relative": chart.Relative}[x]
	if stepMetric != "" {
		kind = chart.Number
	}
	return chart.Draw(w, a.term, series, chart.Options{
		Width: a.term.Width(), Height: height, LogY: f.logY, X: kind,
		Title: title, ASCII: asciiOnly(),
	})
}

// chartSeries returns the curves of a metric of a run for a chart, each with a name and its best value. A run without
// points has one that is empty.
func chartSeries(f *plotFlags, c *catalog.Catalog, e *repo.Entry, key string, curves []catalog.Series) []chart.Series {
	if len(curves) == 0 {
		curves = []catalog.Series{{}}
	}
	goal := query.BestBy(query.Records([]*format.Run{e.Run}), "metrics."+key, c.Context())
	var list []chart.Series
	for _, curve := range curves {
		s := chart.Series{Name: e.Title(), X: curve.X, Y: curve.Y}
		if curve.Labels != (format.Labels{}) {
			s.Name += " {" + curve.Labels.Text() + "}"
		}
		if m, ok := e.Metrics[key]; ok {
			if len(curves) > 1 { // the record summarizes all of them
				m = summary(curve.Y)
			}
			if s.Note = terminal.Number(query.Best(m, c.Goal(key))); goal != "" {
				s.Note = goal + " " + s.Note
			}
		}
		if f.smooth > 0 {
			s.Y = catalog.Smooth(s.Y, f.smooth)
		}
		list = append(list, s)
	}
	return list
}

// summary summarizes the values of a curve, of which there is at least one, as a record does.
func summary(values []float64) format.Metric {
	m := format.Metric{Last: values[len(values)-1], Count: int64(len(values))}
	for _, v := range values {
		if math.IsNaN(v) || m.Count == 1 {
			continue
		}
		if m.Min == nil {
			m.Min, m.Max = &format.Extreme{Value: v}, &format.Extreme{Value: v}
		}
		m.Min.Value, m.Max.Value = min(m.Min.Value, v), max(m.Max.Value, v)
	}
	return m
}

// asciiOnly reports whether the locale lacks Unicode. It reads LC_ALL, LC_CTYPE and LANG, in this order (POSIX,
// "Environment Variables"). The locales C and POSIX do not count.
func asciiOnly() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := os.Getenv(name); v != "" {
			v = strings.ToLower(v)
			return !strings.Contains(v, "utf-8") && !strings.Contains(v, "utf8") && v != "c" && v != "posix"
		}
	}
	return false
}

// follow redraws the plot in place until the runs end or the user interrupts it.
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
				// Move up to the start of the last drawing and erase it (ECMA-48: CUU, ED).
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
			return nil // the user stops it with an interrupt
		case <-time.After(f.interval):
		}
	}
}
