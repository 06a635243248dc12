package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/monitor"
	"github.com/gitruns/runs/repo/registry"
)

type watchFlags struct {
	dataset, by            string
	noRecord, fail, asJSON bool
}

func (a *app) modelWatchCommand() *cobra.Command {
	var f watchFlags
	cmd := &cobra.Command{
		Use:   "watch MODEL@VERSION DATA [flags]",
		Short: "Compare new data with that of a version's run",
		Long: `Compare DATA, a CSV or Parquet file or a folder of such files, with the dataset of the run
of a version: per column missing values, range, unseen texts, the population stability
index (PSI), and the Kolmogorov-Smirnov distance with its p-value. The dataset must be on
this machine with the recorded content.

    runs model watch taxi@production july.csv
    runs model watch taxi@production july.parquet --by city --fail

A column has changed if its PSI is at least 0.1 (moderate) or 0.25 (large), and p is
below 0.01. Distributions are compared, and not the quality of the model.

The result is recorded as a run of the experiment "monitor", with the metrics
drift/psi.max, drift/severe, psi/COLUMN, ks/COLUMN and missing/COLUMN.

Exit status 1 with --fail if a column is gone, has another type or a large change.`,
		Args: arguments(2, 2, "MODEL@VERSION or DATA"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.watchModel(lengthy(cmd.Context()), &f, args) },
	}
	cmd.Flags().StringVar(&f.dataset, "dataset", "", "compare with the dataset `NAME` of the run")
	cmd.Flags().StringVar(&f.by, "by", "", "compare each group of rows with one value in `COLUMN`")
	cmd.Flags().BoolVar(&f.noRecord, "no-record", false, "record no run")
	cmd.Flags().BoolVar(&f.fail, "fail", false, "exit with status 1 after a severe change")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print the comparison as JSON")
	return cmd
}

func (a *app) watchModel(ctx context.Context, f *watchFlags, args []string) error {
	r, g, err := a.models(ctx, "")
	if err != nil {
		return err
	}
	v, _, err := g.Resolve(ctx, args[0])
	if err != nil {
		return modelError(err)
	}
	e, err := a.runOf(r)(ctx, v.Run)
	if err != nil {
		return fmt.Errorf("watching %s: %w", v, err)
	}
	progress := a.term.Progress("reading " + args[1])
	report, err := monitor.Watch(ctx, r, monitor.Request{
		Run: e.Run, Dataset: f.dataset, Path: a.path(args[1]), By: f.by, Progress: progress.Bytes,
	})
	progress.Done()
	if err != nil {
		return fmt.Errorf("watching %s: %w", v, err)
	}
	id := ""
	if !f.noRecord && !disabled() {
		if id, err = a.recordWatch(ctx, r, v, args[1], f, report); err != nil {
			return fmt.Errorf("recording the comparison: %w", err)
		}
	}
	if f.asJSON {
		err = a.printJSON(newWatchJSON(v, id, report))
	} else {
		err = a.printWatch(ctx, v, args[1], id, report)
	}
	if err != nil {
		return err
	}
	for _, g := range report.Groups {
		if f.fail && g.Changed(monitor.Severe...) > 0 {
			return quietError{exitFailed}
		}
	}
	return nil
}

// monitorExperiment is the experiment of the runs that a watch records. They are in no list of another experiment.
const monitorExperiment = "monitor"

// recordWatch records a comparison as a finished run and returns its id. The datasets of the configuration are those of
// trainings, and no part of it.
func (a *app) recordWatch(
	ctx context.Context, r *repo.Repository, v *registry.Version, data string, f *watchFlags, report *monitor.Report,
) (string, error) {
	params := format.Params{"dataset": report.Dataset.Name}
	if f.by != "" {
		params["by"] = f.by
	}
	run, err := r.Describe(repo.Description{
		Name: "watch " + v.String(), Experiment: monitorExperiment, Params: params, Dir: a.dir,
		Tags: map[string]string{"kind": "monitor", "model": v.Exact()},
	})
	if err != nil {
		return "", err
	}
	requests, err := a.datasetRequests(ctx, r, []string{"batch=" + data})
	if err != nil {
		return "", err
	}
	_, warnings, err := r.Capture(ctx, run, repo.CaptureRequest{Dir: a.dir, Datasets: requests})
	if err != nil {
		return "", err
	}
	a.warnAll(warnings)
	active, err := r.Start(ctx, run, format.OwnerProcess)
	if err != nil {
		return "", err
	}
	end := repo.Finish{Status: format.Finished}
	line := &format.Line{Time: time.Now().UnixMicro(), Metrics: report.Metrics()}
	if err = active.CheckLines(ctx, line); err == nil {
		err = active.AppendShared(line)
	}
	if err != nil {
		end.Status = format.Failed
	}
	res, finishErr := active.Finish(context.WithoutCancel(ctx), end)
	if err := errors.Join(err, finishErr); err != nil {
		return "", err
	}
	a.warnAll(res.Warnings)
	return res.Run.ID, nil
}

func (a *app) printWatch(ctx context.Context, v *registry.Version, data, id string, report *monitor.Report) error {
	err := a.term.Page(ctx, func(w io.Writer) error {
		fmt.Fprintf(w, "model    %s (run %s)\n", terminal.Clean(v.String()), format.IDRandom(v.Run))
		fmt.Fprintf(w, "dataset  %s: %s\n", terminal.Clean(report.Dataset.Name), terminal.Count(report.Reference, "row"))
		fmt.Fprintf(w, "batch    %s: %s\n", terminal.Clean(data), terminal.Count(report.Rows, "row"))
		for _, g := range report.Groups {
			fmt.Fprintln(w)
			if g.Name != "" || len(report.Groups) > 1 {
				fmt.Fprintf(w, "%s: %s, %d in the dataset\n", a.term.Paint(terminal.Bold, terminal.Clean(orDash(g.Name))),
					terminal.Count(g.Rows, "row"), g.Reference)
			}
			if len(g.Columns) == 0 {
				continue
			}
			if err := a.watchTable(g.Columns).Write(w, a.term); err != nil {
				return err
			}
		}
		fmt.Fprintln(w, "\nThis compares distributions. It does not measure the quality of the model.")
		if id != "" {
			fmt.Fprintf(w, "recorded as run %s\n", format.IDRandom(id))
		}
		return nil
	})
	for _, note := range report.Notes {
		a.warn("%s", terminal.Clean(note))
	}
	return err
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func (a *app) watchTable(columns []diff.Drift) *terminal.Table {
	tb := &terminal.Table{Columns: []terminal.Column{
		{Title: "column", Flexible: true},
		{Title: "change"},
		{Title: "PSI", Right: true},
		{Title: "KS", Right: true},
		{Title: "p", Right: true},
		{Title: "missing"},
		{Title: "details", Flexible: true},
	}}
	for _, d := range columns {
		tb.Rows = append(tb.Rows, []terminal.Cell{
			{Text: d.Column},
			{Text: d.Change},
			{Text: shortNumber(d.PSI)},
			{Text: shortNumber(d.KS)},
			{Text: shortP(d.P)},
			{Text: missingCell(&d)},
			{Text: driftDetails(&d)},
		})
	}
	return tb
}

// shortNumber formats a number with three digits after the point.
func shortNumber(v float64) string {
	if math.IsNaN(v) {
		return "-"
	}
	return fmt.Sprintf("%.3f", v)
}

func shortP(p float64) string {
	if p < 0.001 {
		return "<0.001"
	}
	return shortNumber(p)
}

func missingCell(d *diff.Drift) string {
	switch was, now := sharePercent(d.MissingWas), sharePercent(d.Missing); {
	case math.IsNaN(d.Missing):
		return was
	case math.IsNaN(d.MissingWas) || was == now:
		return now
	default:
		return was + " → " + now
	}
}

func sharePercent(v float64) string {
	switch {
	case v > 0 && v < 0.001:
		return "<0.1%"
	case v == 0 || v == 1:
		return fmt.Sprintf("%.0f%%", 100*v)
	}
	return fmt.Sprintf("%.1f%%", 100*v)
}

// driftDetails says in words what the indices do not tell.
func driftDetails(d *diff.Drift) string {
	switch {
	case d.Change == diff.DriftType:
		return d.Was + " → " + d.Kind
	case d.Change == diff.DriftGone || d.Change == diff.DriftNew:
		return d.Kind + d.Was // one of them is empty
	case d.Change == diff.DriftMany:
		return "too many different texts"
	case d.Outside > 0:
		low, high := terminal.Number(d.MinWas), terminal.Number(d.MaxWas)
		return fmt.Sprintf("%s outside %s … %s", sharePercent(d.Outside), low, high)
	case d.Unseen > 0:
		return fmt.Sprintf("%s unseen: %s", sharePercent(d.Unseen), strings.Join(d.UnseenValues, ", "))
	}
	return ""
}

type watchJSON struct {
	Batch    int64            `json:"batch_rows"`
	Compares string           `json:"compares"` // always "distributions"
	Dataset  string           `json:"dataset"`
	Rows     int64            `json:"dataset_rows"`
	Exact    string           `json:"exact"` // a selector of the version that stays right
	Groups   []watchGroupJSON `json:"groups"`
	Notes    []string         `json:"notes"`
	Recorded *string          `json:"recorded"` // id of the run of the comparison
	Run      string           `json:"run"`      // that made the model
}

type watchGroupJSON struct {
	Columns []driftJSON `json:"columns"`
	Name    string      `json:"name"`
	PSI     float64     `json:"psi_max"`
	Rows    int64       `json:"batch_rows"`
	Was     int64       `json:"dataset_rows"`
}

type driftJSON struct {
	Change       string   `json:"change"`
	Column       string   `json:"column"`
	KS           *float64 `json:"ks"`
	Max          *float64 `json:"max"`
	MaxWas       *float64 `json:"max_dataset"`
	Min          *float64 `json:"min"`
	MinWas       *float64 `json:"min_dataset"`
	Missing      *float64 `json:"missing"`
	MissingPSI   *float64 `json:"missing_psi"`
	MissingWas   *float64 `json:"missing_dataset"`
	Outside      *float64 `json:"outside"`
	P            *float64 `json:"p"`
	PSI          *float64 `json:"psi"`
	Type         *string  `json:"type"`
	TypeWas      *string  `json:"type_dataset"`
	Unseen       *float64 `json:"unseen"`
	UnseenValues []string `json:"unseen_values"`
}

func newWatchJSON(v *registry.Version, id string, report *monitor.Report) watchJSON {
	j := watchJSON{
		Batch: report.Rows, Compares: "distributions", Dataset: report.Dataset.Name, Rows: report.Reference, Exact: v.Exact(),
		Groups: []watchGroupJSON{}, Notes: orEmpty(report.Notes), Recorded: orNull(id), Run: v.Run,
	}
	for _, g := range report.Groups {
		group := watchGroupJSON{Columns: []driftJSON{}, Name: g.Name, PSI: g.Worst(), Rows: g.Rows, Was: g.Reference}
		for _, d := range g.Columns {
			group.Columns = append(group.Columns, driftJSON{
				Change: d.Change, Column: d.Column, KS: known(d.KS), Max: known(d.Max), MaxWas: known(d.MaxWas), Min: known(d.Min),
				MinWas: known(d.MinWas), Missing: known(d.Missing), MissingPSI: known(d.MissingPSI),
				MissingWas: known(d.MissingWas), Outside: known(d.Outside), P: known(d.P), PSI: known(d.PSI), Type: orNull(d.Kind),
				TypeWas: orNull(d.Was), Unseen: known(d.Unseen), UnseenValues: orEmpty(d.UnseenValues),
			})
		}
		j.Groups = append(j.Groups, group)
	}
	return j
}

// known returns nil for NaN, so that JSON has null.
func known(v float64) *float64 {
	if math.IsNaN(v) {
		return nil
	}
	return &v
}
