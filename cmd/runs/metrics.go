package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/render"
	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/query"
)

// The flags of CSV output are the same wherever there is one.
const (
	csvUsage = "print CSV; a text that a spreadsheet would run begins with '"
	rawUsage = "with --csv, print texts as they were recorded"
)

type metricsFlags struct {
	json, csv, raw, last, values, part bool
	every                              int
	experiment                         string
	labels                             []string
}

func (a *app) metricsCommand() *cobra.Command {
	var f metricsFlags
	cmd := &cobra.Command{
		Use:   "metrics RUN [KEY…] [flags]",
		Short: "Print the points of a run",
		Long: `Print the points of a run, ordered by metric, step and time. Without KEY, print
those of all metrics.

    runs metrics wide loss --csv
    runs metrics wide loss --label dataset=val
    runs metrics wide --values

With --label, print only points that have the label. A metric has a series for
each set of labels; --last and --every count the points of each.

With --values, print the non-numeric values instead: text, lists and histograms.

If the run resumes another, both are read as one: the points of the earlier run
count up to the first step of the later one.`,
		Args: arguments(1, -1, "RUN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case f.json && f.csv:
				return usagef("metrics: --json and --csv cannot be combined")
			case f.raw && !f.csv:
				return usagef("metrics: --raw requires --csv")
			case cmd.Flags().Changed("every") && f.every < 1:
				return usagef("metrics: --every must be 1 or more, got %d", f.every)
			case f.values && f.every > 0:
				return usagef("metrics: --values and --every cannot be combined")
			case f.values && len(f.labels) > 0:
				return usagef("metrics: --values and --label cannot be combined")
			case f.last && f.every > 0:
				return usagef("metrics: --last and --every cannot be combined")
			}
			ctx := cmd.Context()
			r, err := a.find(ctx)
			if err != nil {
				return err
			}
			e, err := a.oneWhole(ctx, r, args[0], f.experiment, f.part)
			if err != nil {
				return err
			}
			if f.values {
				return a.values(ctx, &f, e, args[1:])
			}
			return a.metrics(ctx, &f, e, args[1:])
		},
	}
	cmd.Flags().BoolVar(&f.json, "json", false, "print a JSON list of points")
	cmd.Flags().BoolVar(&f.csv, "csv", false, csvUsage)
	cmd.Flags().BoolVar(&f.raw, "raw", false, rawUsage)
	cmd.Flags().BoolVar(&f.values, "values", false, "print non-numeric values instead of points")
	cmd.Flags().BoolVar(&f.part, "part", false, "print only what RUN logged itself, without the runs that it resumes")
	cmd.Flags().BoolVar(&f.last, "last", false, "print only the last point of each series")
	cmd.Flags().IntVar(&f.every, "every", 0, "print only every `N`th point of each series, and the last")
	cmd.Flags().StringArrayVar(&f.labels, "label", nil, "print only points with the label `KEY=VALUE` (repeatable)")
	cmd.Flags().StringVarP(&f.experiment, "experiment", "e", "", "look in `EXPERIMENT`")
	return cmd
}

func (a *app) metrics(ctx context.Context, f *metricsFlags, e *repo.Entry, keys []string) error {
	for _, key := range keys {
		if _, ok := e.Metrics[key]; !ok {
			return &query.NotFoundError{Selector: key, Reason: fmt.Sprintf("run %s has no such metric; its metrics: %s", e.ID,
				query.Names(e.Metrics))}
		}
	}
	labels, err := parseLabels(f.labels)
	if err != nil {
		return err
	}
	filter := repo.PointFilter{Keys: keys, Last: f.last, Every: f.every, Labels: labels}
	labeled := false
	if f.csv { // whose header comes first
		if labeled, err = e.Labeled(ctx); err != nil {
			return err
		}
	}
	return a.page(ctx, f, func(w io.Writer) error {
		out := newPointWriter(w, f, labeled)
		if err := out.begin(); err != nil {
			return err
		}
		if err := e.EachPoint(ctx, filter, out.point); err != nil {
			return err
		}
		return out.end()
	})
}

// page writes output through a pager, or directly if a program reads it.
func (a *app) page(ctx context.Context, f *metricsFlags, write func(io.Writer) error) error {
	if f.json || f.csv {
		return write(a.machine(f.json, f.raw))
	}
	return a.term.Page(ctx, write)
}

// machine returns where to write what a program reads: JSON, raw bytes, or CSV that is safe to open.
func (a *app) machine(asJSON, raw bool) io.Writer {
	switch {
	case asJSON:
		return a.term.Structured()
	case raw:
		return a.term.Data()
	}
	return a.term.Out
}

// rowWriter writes rows of key, step, time and value as text, CSV or JSON.
type rowWriter struct {
	w    *bufio.Writer
	f    *metricsFlags
	csv  *render.CSV
	buf  []byte
	some bool

	labeled bool // CSV has a column of labels
}

func newRowWriter(w io.Writer, f *metricsFlags) rowWriter {
	out := rowWriter{w: bufio.NewWriterSize(w, 64<<10), f: f}
	if f.csv {
		out.csv = render.NewCSV(out.w, f.raw, false)
	}
	return out
}

// begin writes what precedes the rows. head is the header line of text output, including its newline.
func (o *rowWriter) begin(head string) error {
	switch {
	case o.f.json:
		return o.w.WriteByte('[')
	case o.f.csv && o.labeled:
		return o.csv.Write([]string{"key", "step", "time", "value", "labels"})
	case o.f.csv:
		return o.csv.Write([]string{"key", "step", "time", "value"})
	}
	_, err := o.w.WriteString(head)
	return err
}

// json writes a row as JSON. value appends the value of the row to a buffer.
func (o *rowWriter) json(key string, step int64, t time.Time, value func([]byte) []byte) error {
	o.buf = o.buf[:0]
	if o.some {
		o.buf = append(o.buf, ',', '\n')
	}
	o.some = true
	o.buf = append(o.buf, `{"key":`...)
	o.buf = format.AppendJSON(o.buf, key)
	o.buf = append(o.buf, `,"step":`...)
	o.buf = strconv.AppendInt(o.buf, step, 10)
	o.buf = append(o.buf, `,"time":`...)
	o.buf = format.AppendJSON(o.buf, t)
	o.buf = append(value(append(o.buf, `,"value":`...)), '}')
	_, err := o.w.Write(o.buf)
	return err
}

const csvTime = "2006-01-02T15:04:05.999999Z"

// csvRow writes a row as CSV. labels has one text if there is a column of labels.
func (o *rowWriter) csvRow(key string, step int64, t time.Time, value string, labels ...string) error {
	return o.csv.Write(append([]string{key, strconv.FormatInt(step, 10), t.Format(csvTime), value}, labels...))
}

// pointWriter writes points.
type pointWriter struct{ rowWriter }

func newPointWriter(w io.Writer, f *metricsFlags, labeled bool) *pointWriter {
	out := &pointWriter{newRowWriter(w, f)}
	out.labeled = labeled
	return out
}

func (o *pointWriter) begin() error {
	return o.rowWriter.begin(fmt.Sprintf("%10s  %-19s  %12s  %s\n", "STEP", "TIME", "VALUE", "KEY"))
}

func (o *pointWriter) point(key string, p format.Point) error {
	t := time.UnixMicro(p.Time).UTC()
	switch {
	case o.f.json:
		return o.json(key, p.Step, t, func(b []byte) []byte {
			if b = format.AppendJSONFloat(b, p.Value); p.Labels != (format.Labels{}) {
				b = append(append(b, `,"labels":`...), p.Labels.String()...)
			}
			return b
		})
	case o.f.csv && o.labeled:
		return o.csvRow(key, p.Step, t, csvFloat(p.Value), p.Labels.String())
	case o.f.csv:
		return o.csvRow(key, p.Step, t, csvFloat(p.Value))
	}
	if p.Labels != (format.Labels{}) {
		key = fmt.Sprintf("%s {%s}", key, p.Labels.Text())
	}
	_, err := fmt.Fprintf(o.w, "%10d  %s  %12s  %s\n", p.Step, t.Local().Format(time.DateTime), terminal.Number(p.Value),
		terminal.Clean(key))
	return err
}

// csvFloat writes NaN and the infinities in a form that pandas, R and DuckDB can read: nan, inf, -inf.
func csvFloat(v float64) string {
	switch {
	case math.IsNaN(v):
		return "nan"
	case math.IsInf(v, 1):
		return "inf"
	case math.IsInf(v, -1):
		return "-inf"
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

func (o *rowWriter) end() error {
	if o.csv != nil {
		if err := o.csv.Flush(); err != nil {
			return err
		}
	}
	if o.f.json {
		if _, err := o.w.WriteString("]\n"); err != nil {
			return err
		}
	}
	return o.w.Flush()
}
