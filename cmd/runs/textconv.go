package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
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
			n, err := fmt.Fprintf(w, "%s %s: last %s, %s\n", id, terminal.Clean(s.Key), number(points[len(points)-1].Value),
				terminal.Count(s.Points, "point"))
			if err != nil {
				return err
			}
			written += n
		}
		if rest := len(ids) - i - 1; rest > 0 && written > textconvBytes {
			fmt.Fprintf(w, "… and %s more\n", terminal.Count(int64(rest), "run"))
			return nil
		}
	}
	return nil
}

// curveText collects what is shown of a metric, whose points come in pieces.
type curveText struct {
	key       string
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
			c.lines = fmt.Appendf(c.lines, "  %s  %d  %s\n", terminal.Clean(c.key), p.Step, number(p.Value))
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

// writeSeries writes each metric, until the text is too long.
func writeSeries(ctx context.Context, w io.Writer, m *format.Metrics, series []format.Series) error {
	written, at := 0, 0
	var c *curveText
	errLong := errors.New("the text is long enough")
	err := m.Each(ctx, func(key string, points []format.Point) error {
		if c == nil {
			c = &curveText{key: key, points: series[at].Points, low: math.Inf(1), high: math.Inf(-1)}
		}
		if c.add(points); c.seen < c.points {
			return nil
		}
		until := time.UnixMicro(c.last.Time).UTC().Format(time.RFC3339)
		n, err := fmt.Fprintf(w, "%s: last %s, min %s, max %s, %s, until %s\n%s", terminal.Clean(key), number(c.last.Value),
			number(c.low), number(c.high), terminal.Count(c.points, "point"), until, c.lines)
		c = nil
		at++
		if written += n; err == nil && written > textconvBytes {
			err = errLong
		}
		return err
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
