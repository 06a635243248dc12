package main

import (
	"bufio"
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

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
)

const (
	textconvPoints = 40      // of a metric
	textconvBytes  = 1 << 20 // of the whole text: Git holds it in memory
)

func (a *app) textconvCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "textconv FILE",
		Short:  "Write a Parquet file of runs as text",
		Hidden: true,
		Long: `Write a Parquet file of runs as text: one line per metric, then some of its points.
Git calls it for 'git diff', 'git log -p' and 'git show', if this is set:

    git config diff.runs-metrics.textconv 'runs textconv'
    git config diff.runs.xfuncname '^\[.*\]$'   # name the table in hunk headers`,
		Args: arguments(1, 1, "FILE"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.textconv(cmd.Context(), a.path(args[0])) },
	}
}

// textconv prints a Parquet file as text. It returns no error about the content of the file, because Git would then
// show nothing of the whole commit.
func (a *app) textconv(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(a.term.Out, 64<<10)
	if info.Size() == 0 {
		return nil
	}
	if b, err := format.OpenBatchMetrics(f, info.Size()); err == nil {
		if err := writeBatch(ctx, w, b); err != nil {
			fmt.Fprintf(w, "damaged: %s\n", terminal.Message(err.Error()))
		}
		return w.Flush()
	}
	m, err := format.OpenMetrics(f, info.Size())
	if err != nil {
		rows, columns, shapeErr := format.ParquetShape(f, info.Size())
		if shapeErr != nil {
			a.print("not readable as Parquet: %s", terminal.Message(shapeErr.Error()))
			return nil
		}
		a.print("%s of %s", terminal.Count(rows, "row"), terminal.Message(strings.Join(columns, ", ")))
		return nil
	}
	series, err := m.Series()
	if err == nil {
		err = writeSeries(ctx, w, m, series)
	}
	if err != nil {
		fmt.Fprintf(w, "damaged: %s\n", terminal.Message(err.Error()))
	}
	return w.Flush()
}

// writeBatch writes one line per metric of each run of a batch, until the text is too long.
func writeBatch(ctx context.Context, w io.Writer, b *format.BatchMetrics) error {
	ids, err := b.IDs()
	if err != nil {
		return err
	}
	written := 0
	for i, id := range ids {
		m, err := b.Run(id)
		if err != nil {
			return err
		}
		series, err := m.Series()
		if err != nil {
			return err
		}
		for _, s := range series {
			points, err := m.Points(s.Key)
			if err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			for _, part := range format.SplitSeries(points) {
				n, err := fmt.Fprintf(w, "%s %s: last %s, %s\n", id, curveName(s.Key, part.Labels),
					number(part.Points[len(part.Points)-1].Value), terminal.Count(int64(len(part.Points)), "point"))
				if err != nil {
					return err
				}
				written += n
			}
		}
		if rest := len(ids) - i - 1; rest > 0 && written > textconvBytes {
			fmt.Fprintf(w, "… and %s more\n", terminal.Count(int64(rest), "run"))
			return nil
		}
	}
	return nil
}

// curveName returns the name of the points of a metric that have the same labels.
func curveName(key string, l format.Labels) string {
	if l != (format.Labels{}) {
		key += " {" + l.Text() + "}"
	}
	return terminal.Clean(key)
}

// curveText collects what is shown of a curve, whose points come in pieces.
type curveText struct {
	name      string
	points    int64 // in all
	seen      int64
	low, high float64
	last      format.Point
	lines     []byte
}

// add takes the next points. It shows textconvPoints of all points, evenly spaced, with the first and the last.
func (c *curveText) add(points []format.Point) {
	for _, p := range points {
		if p.Value < c.low {
			c.low = p.Value
		}
		if p.Value > c.high {
			c.high = p.Value
		}
		if c.points <= textconvPoints || c.seen == c.spaced(c.spaceBefore(c.seen)) {
			c.lines = fmt.Appendf(c.lines, "  %s  %d  %s\n", c.name, p.Step, number(p.Value))
		}
		c.last = p
		c.seen++
	}
}

// spaced returns the index of the i-th point that is shown.
func (c *curveText) spaced(i int64) int64 { return i * (c.points - 1) / (textconvPoints - 1) }

// spaceBefore returns which point is shown at an index, or after it.
func (c *curveText) spaceBefore(index int64) int64 {
	return (index*(textconvPoints-1) + c.points - 2) / (c.points - 1)
}

// String returns the text.
func (c *curveText) String() string {
	until := time.UnixMicro(c.last.Time).UTC().Format(time.RFC3339)
	return fmt.Sprintf("%s: last %s, min %s, max %s, %s, until %s\n%s", c.name, number(c.last.Value), number(c.low),
		number(c.high), terminal.Count(c.points, "point"), until, c.lines)
}

// curveCounts returns how many points of each metric have which labels, or nil if none has any.
func curveCounts(ctx context.Context, m *format.Metrics) (map[string]map[format.Labels]int64, error) {
	labeled, err := m.Labeled(ctx)
	if err != nil || !labeled {
		return nil, err
	}
	counts := map[string]map[format.Labels]int64{}
	err = m.Each(ctx, func(key string, points []format.Point) error {
		if counts[key] == nil {
			counts[key] = map[format.Labels]int64{}
		}
		for _, p := range points {
			counts[key][p.Labels]++
		}
		return nil
	})
	return counts, err
}

// writeSeries writes each metric, a curve for each set of labels, until the text is too long.
func writeSeries(ctx context.Context, w io.Writer, m *format.Metrics, series []format.Series) error {
	counts, err := curveCounts(ctx, m)
	if err != nil {
		return err
	}
	written, at := 0, 0
	seen := int64(0) // points of the metric
	curves := map[format.Labels]*curveText{}
	errLong := errors.New("the text is long enough")
	err = m.Each(ctx, func(key string, points []format.Point) error {
		for _, part := range format.SplitSeries(points) {
			c := curves[part.Labels]
			if c == nil {
				c = &curveText{name: curveName(key, part.Labels), points: series[at].Points, low: math.Inf(1), high: math.Inf(-1)}
				if counts != nil {
					c.points = counts[key][part.Labels]
				}
				curves[part.Labels] = c
			}
			c.add(part.Points)
		}
		if seen += int64(len(points)); seen < series[at].Points {
			return nil
		}
		for _, l := range slices.SortedFunc(maps.Keys(curves), format.Labels.Compare) {
			n, err := io.WriteString(w, curves[l].String())
			if written += n; err != nil {
				return err
			}
			if written > textconvBytes {
				break
			}
		}
		clear(curves)
		seen = 0
		if at++; written > textconvBytes {
			return errLong
		}
		return nil
	})
	if errors.Is(err, errLong) {
		if rest := len(series) - at; rest > 0 {
			fmt.Fprintf(w, "… and %s more\n", terminal.Count(int64(rest), "metric"))
		}
		err = nil
	}
	return err
}

func number(v float64) string { return format.TOMLString(v) }
