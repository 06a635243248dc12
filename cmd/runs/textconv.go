package main

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
)

// textconvPoints is the number of points of a metric that Git shows.
const textconvPoints = 40

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
	m, err := format.OpenMetrics(f, info.Size())
	if err != nil {
		rows, columns, shapeErr := format.ParquetShape(f, info.Size())
		if shapeErr != nil {
			a.print("not readable as Parquet: %s", terminal.Clean(shapeErr.Error()))
			return nil
		}
		a.print("%s of %s", terminal.Count(rows, "row"), terminal.Clean(strings.Join(columns, ", ")))
		return nil
	}
	var curve []format.Point
	key := ""
	flush := func() {
		if key != "" {
			writeCurve(w, key, curve)
		}
	}
	err = m.Each(ctx, func(k string, points []format.Point) error {
		if k != key {
			flush()
			key, curve = k, nil
		}
		curve = append(curve, points...)
		return nil
	})
	flush()
	if err != nil {
		fmt.Fprintf(w, "damaged: %s\n", terminal.Clean(err.Error()))
	}
	return w.Flush()
}

func writeCurve(w *bufio.Writer, key string, curve []format.Point) {
	low, high := math.Inf(1), math.Inf(-1)
	for _, p := range curve {
		if p.Value < low {
			low = p.Value
		}
		if p.Value > high {
			high = p.Value
		}
	}
	last := curve[len(curve)-1]
	until := time.UnixMicro(last.Time).UTC().Format(time.RFC3339)
	fmt.Fprintf(w, "%s: last %s, min %s, max %s, %s, until %s\n", terminal.Clean(key), number(last.Value),
		number(low), number(high), terminal.Count(int64(len(curve)), "point"), until)
	for _, p := range format.Thin(curve, textconvPoints) {
		fmt.Fprintf(w, "  %s  %d  %s\n", terminal.Clean(key), p.Step, number(p.Value))
	}
}

func number(v float64) string { return format.TOMLString(v) }
