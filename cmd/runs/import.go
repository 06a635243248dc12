package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/csvlog"
	"github.com/gitruns/runs/repo/importer"
	"github.com/gitruns/runs/repo/ingest"
	"github.com/gitruns/runs/repo/launch"
	"github.com/gitruns/runs/repo/share"
)

func (a *app) importCommand() *cobra.Command {
	var ask share.ImportRequest
	var asJSON bool
	var experiment string
	var table importer.Table
	cmd := &cobra.Command{
		Use:   "import [KIND] PATH [flags]",
		Short: "Import runs from a folder or another tracker",
		Long: `Import the finished runs in PATH. KIND is guessed if you leave it out:

    runs         a .runs folder, the folder that holds it, or one run's folder
    mlflow       a folder mlruns, the folder above it, or an mlflow.db
    tensorboard  a folder of event files; each subfolder with any is one run
    wandb        a W&B folder, or a folder above it, with online or offline runs
    dvclive      a folder that DVCLive writes, or a folder above it
    trackio      a database of Trackio's, or a folder that holds some
    csv          a CSV file: each row is a run or, with --curve, a step of a run

    runs import from-cluster
    runs import csv results.csv --metric rmse --name model
    runs commit

PATH is never changed. Each run is imported once, after its names, sizes and digests
are verified. A run that fails is reported and skipped, and so is a run that was
finished here with different content. Repeating an import adds only what is new.

Skipped with a warning: runs still in progress in PATH, and runs that you removed
here (--run ID imports those anyway). Removals in PATH are not applied here.

Exit status: 0 done; 1 failed, or a run failed verification; 2 wrong usage; 130 interrupted.`,
		Args: arguments(1, 2, "PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 {
				if ask.Kind = args[0]; !slices.Contains(ingest.Kinds(), ask.Kind) {
					return usagef("import: KIND must be one of %s, got %q", strings.Join(ingest.Kinds(), ", "), ask.Kind)
				}
			}
			ctx := cmd.Context()
			ask.Path = a.path(args[len(args)-1])
			if tracker := ingest.Of(ctx, ask.Kind, ask.Path); tracker != nil {
				logs := importer.Request{
					Path: ask.Path, Experiment: experiment, IDs: ask.IDs, DryRun: ask.DryRun, Table: table,
				}
				if tracker.Kind != csvlog.Kind && table.Used() {
					return usagef("import: --metric and the other flags of columns apply only to csv")
				}
				if len(table.Delimiter) > 1 && table.Delimiter != `\t` && table.Delimiter != "tab" {
					return usagef("import: --delimiter must be one character or tab, got %q", table.Delimiter)
				}
				return a.importLogs(ctx, tracker, logs, asJSON)
			}
			for _, id := range ask.IDs {
				if format.CheckID(id) != nil {
					return usagef("import: --run must be the full id of a run, got %q", id)
				}
			}
			if table.Used() {
				return usagef("import: --metric and the other flags of columns apply only to csv")
			}
			if experiment != "" {
				return usagef("import: --experiment applies only to logs of other trackers")
			}
			return a.importRuns(cmd.Context(), ask, asJSON)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&ask.IDs, "run", nil,
		"import only the run with this `ID`, even if you removed it; for other trackers, ID may be their own id "+
			"or the name of a log (repeatable)")
	flags.StringVarP(&experiment, "experiment", "e", "", "import logs of other trackers into `EXPERIMENT`")
	columnFlags(flags, &table)
	flags.BoolVar(&ask.DryRun, "dry-run", false, "verify everything, print what would be imported and change nothing")
	flags.BoolVar(&asJSON, "json", false, "print what was imported as JSON")
	return cmd
}

// columnFlags adds the flags that say what the columns of a CSV file are.
func columnFlags(flags *pflag.FlagSet, t *importer.Table) {
	flags.StringArrayVar(&t.Metrics, "metric", nil, "csv: record the numbers of `COLUMN` as a metric (repeatable)")
	flags.StringArrayVar(&t.Tags, "tag", nil, "csv: record `COLUMN` as a tag; other columns are params (repeatable)")
	flags.StringArrayVar(&t.Without, "without", nil, "csv: leave `COLUMN` out (repeatable)")
	flags.StringVar(&t.Name, "name", "", "csv: take the names of runs from `COLUMN`")
	flags.StringVar(&t.Key, "key", "", "csv: take the keys of runs from `COLUMN`")
	flags.StringVar(&t.Status, "status", "", "csv: take the status of runs from `COLUMN`")
	flags.StringVar(&t.Started, "started", "", "csv: take the start of runs from `COLUMN`")
	flags.StringVar(&t.Ended, "ended", "", "csv: take the end of runs from `COLUMN`")
	flags.BoolVar(&t.Curve, "curve", false, "csv: make one run of the file, with a step in each row")
	flags.StringVar(&t.Step, "step", "", "csv: like --curve, with the steps in `COLUMN`")
	flags.StringVar(&t.Time, "time", "", "csv: like --curve, with the times in `COLUMN`")
	flags.StringVar(&t.Delimiter, "delimiter", "",
		"csv: split lines at `CHARACTER` or tab; by default, the first line decides")
}

// importedJSON is the output of every importer. Importers of logs add logs, empty and points.
type importedJSON struct {
	Bytes      int64        `json:"bytes"`
	DryRun     bool         `json:"dry_run"`
	Files      int          `json:"files"`
	From       string       `json:"from"`
	Here       []string     `json:"here"`
	InProgress []string     `json:"in_progress"`
	Kind       string       `json:"kind"`
	Notes      int          `json:"notes"`
	Refused    []damageJSON `json:"refused"`
	Removed    []string     `json:"removed"`
	Runs       []string     `json:"runs"`
}

func (a *app) importRuns(ctx context.Context, ask share.ImportRequest, asJSON bool) error {
	if err := share.CheckImport(ask.Path); err != nil {
		return fmt.Errorf("importing %s: %w", repo.Relative(a.dir, ask.Path), importHint(err))
	}
	var done *share.Imported
	err := a.importInto(ctx, ask.DryRun, func(r *repo.Repository, progress func(done, total int)) (err error) {
		ask.Progress = progress
		done, err = share.Import(ctx, r, ask)
		return err
	})
	if err != nil {
		return err
	}
	a.reportSkipped(done)
	if asJSON {
		err = a.printJSON(importedJSON{
			Bytes: done.Bytes, DryRun: ask.DryRun, Files: done.Files, From: done.From, Here: done.Present,
			InProgress: done.InProgress, Kind: done.Kind, Notes: done.Notes, Refused: newDamageJSON(done.Refused),
			Removed: done.Removed, Runs: done.Runs,
		})
	} else {
		a.reportImported(done, ask.DryRun)
	}
	if err == nil && len(done.Refused) > 0 {
		err = quietError{exitFailed}
	}
	return err
}

// importInto opens the repository to import into and shows the progress of read. It does not set up a repository for a
// dry run.
func (a *app) importInto(
	ctx context.Context, dry bool, read func(r *repo.Repository, progress func(done, total int)) error,
) error {
	open := a.setup
	if dry {
		open = a.find
	}
	r, err := open(ctx)
	if dry && errors.Is(err, repo.ErrNoRepository) {
		r, err = repo.OpenCopy(filepath.Join(a.dir, repo.DirName)), nil
	}
	if err != nil {
		return err
	}
	progress := a.term.Progress("importing runs")
	defer progress.Done()
	return read(r, func(done, total int) { progress.Count(int64(done), int64(total)) })
}

func importHint(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return &repo.HintError{
			Err: errors.New("no file or folder has this name"), Hint: "see 'runs import --help' for what can be imported",
		}
	}
	if !errors.Is(err, share.ErrUnknownKind) {
		return err
	}
	return &repo.HintError{
		Err: err,
		Hint: "name a .runs folder, the folder that holds it, one run's folder, or a folder with logs; " +
			"the kinds are: " + strings.Join(ingest.Kinds(), ", "),
	}
}

// reportSkipped lists the runs that were not imported and explains how to import them.
func (a *app) reportSkipped(done *share.Imported) {
	a.warnRefused(done.Refused)
	for _, id := range done.InProgress {
		a.progress("runs: skipped run %s: it is still running in %s", id, repo.Relative(a.dir, done.From))
	}
	if len(done.InProgress) > 0 {
		a.hint("if its process no longer exists, run 'RUNS_REPO=%s runs recover ID --force' and import again",
			launch.Quote(repo.Relative(a.dir, done.From)))
	}
	switch n := len(done.Removed); {
	case n == 1:
		a.progress("runs: skipped run %s: it was removed here; use --run %s to import it", done.Removed[0], done.Removed[0])
	case n > 1:
		a.progress("runs: skipped %d runs that were removed here; use --run ID to import one: %s",
			n, strings.Join(done.Removed, ", "))
	}
}

// reportImported prints what was imported. models are the parts of it that are in the registry of models.
func (a *app) reportImported(done *share.Imported, dry bool, models ...string) {
	var parts []string
	if n := len(done.Runs); n > 0 {
		parts = append(parts, plural(n, "run"))
	}
	if done.Notes > 0 {
		parts = append(parts, plural(done.Notes, "note"))
	}
	parts = append(parts, models...)
	present := ""
	if n := len(done.Present); n > 0 {
		present = fmt.Sprintf("; %d already imported", n)
	}
	if len(parts) == 0 {
		a.progress("runs: nothing new in %s%s", repo.Relative(a.dir, done.From), present)
		return
	}
	if last := len(parts) - 1; last > 0 {
		parts = []string{strings.Join(parts[:last], ", ") + " and " + parts[last]}
	}
	imported := "imported"
	if dry {
		imported = "would import"
	}
	a.print("%s %s, %s%s", imported, parts[0], filesAndBytes(done.Files, done.Bytes), present)
	switch {
	case dry:
	case len(models) > 0:
		a.progress("runs: run 'runs commit' for runs and versions, then commit .runs/models")
	case len(done.Runs) > 0:
		a.progress("runs: run 'runs commit' to commit %s", verb(len(done.Runs), "it", "them"))
	}
}
