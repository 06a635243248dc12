package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/cmd/internal/web"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/share"
	"github.com/gitruns/runs/repo/view"
)

type exportFlags struct {
	where, out, metrics, most string
	with                      []string
	force                     bool
}

func (a *app) exportCommand() *cobra.Command {
	var f exportFlags
	cmd := &cobra.Command{
		Use:   "export FORMAT [RUN…] [flags]",
		Short: "Write runs as a page that needs no server",
		Long: `Write runs as a page that needs no server. FORMAT is html: the page of 'runs ui', as
one file that opens in any browser, or as a folder for a web server. Without RUN, all
runs are exported.

    runs export html -o report.html
    runs export html -w "tags.paper" -o public/

What is left out is reported, and the page says it: curves have as many points as
--max-bytes allows, and at most the 20,000 newest runs are exported.

The export is searched for secrets, as 'runs commit' does. A single finding cancels it.
An export is replaced; any other file is only replaced with --force.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || args[0] != "html" {
				return noFormat(args)
			}
			if !cmd.Flags().Changed("max-bytes") {
				f.most = ""
			}
			return a.exportHTML(cmd.Context(), &f, args[1:])
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.where, "where", "w", "", "export only runs that match `EXPRESSION`")
	flags.StringVarP(&f.out, "output", "o", "runs.html", "write to `FILE.html`, into a folder (DIR/), or to stdout (-)")
	flags.StringVar(&f.metrics, "metrics", "", "export only the metrics that match the regular expression `REGEX`")
	flags.StringVar(&f.most, "max-bytes", "25 MB", "write at most `SIZE`")
	flags.StringSliceVar(&f.with, "with", nil, "also export `PARTS`: source, log or machine (repeatable)")
	flags.BoolVar(&f.force, "force", false, "replace a page that is not an export")
	return cmd
}

// tableFormats are formats of tables, which other commands print.
var tableFormats = []string{"csv", "json", "parquet", "pandas", "table"}

const tableHint = "run 'runs ls --csv', 'runs ls --json' or 'runs metrics RUN --csv'"

// noFormat is the error for a format that export does not have.
func noFormat(args []string) error {
	err, hint := usagef("export: missing FORMAT"), "run 'runs export html'"
	if len(args) > 0 {
		err = usagef("export: FORMAT must be html, got %q", args[0])
		if slices.Contains(tableFormats, args[0]) {
			hint = tableHint
		}
	}
	return &repo.HintError{Err: err, Hint: hint}
}

func (a *app) exportHTML(ctx context.Context, f *exportFlags, selectors []string) error {
	o := view.Options{
		Selectors: selectors, Where: f.where, Experiment: selectIn("").Experiment, Export: &view.ExportOptions{},
	}
	var err error
	if f.metrics != "" {
		if o.Export.Metrics, err = regexp.Compile(f.metrics); err != nil {
			return usagef("export: --metrics must be a regular expression: %w", err)
		}
	}
	what := web.ExportOptions{With: f.with}
	if f.most != "" {
		if what.MaxBytes, err = format.ParseBytes(f.most); err != nil {
			return usagef("export: --max-bytes must be a size: %w", err)
		}
		what.MaxBytes = max(what.MaxBytes, 1) // 0 means the default
	}
	for _, part := range f.with {
		if !slices.Contains(web.ExportParts(), part) {
			return usagef("export: --with must be one of %s, got %q", strings.Join(web.ExportParts(), ", "), part)
		}
	}
	target, err := a.exportTo("export: --output", f.out)
	if err != nil {
		return err
	}
	if err := target.mayReplace(f.force); err != nil {
		return err
	}
	r, err := a.find(ctx)
	if err != nil {
		return err
	}
	what.Folder = target.folder != ""
	return a.exportView(ctx, r, o, what, target)
}

// exportView writes the runs that o names as a page.
func (a *app) exportView(
	ctx context.Context, r *repo.Repository, o view.Options, what web.ExportOptions, target *exportTarget,
) error {
	o.Experiment, o.Version = orEnv("", "RUNS_EXPERIMENT"), version
	v, err := view.Open(ctx, r, o)
	if err != nil {
		return err
	}
	defer v.Close()
	a.warnSettings(r)
	a.warnMissing(v.Missing()...)
	if err := a.reportDamaged(ctx, v); err != nil {
		return err
	}
	progress := a.term.Progress("exporting runs")
	defer progress.Done()
	what.Progress = func(done, total int) { progress.Count(int64(done), int64(total)) }
	e, err := web.NewExport(ctx, r, v, what)
	progress.Done()
	var secrets *share.ExportSecretsError
	var small *web.TooSmallError
	switch {
	case errors.As(err, &secrets):
		a.reportExportFindings(secrets.Findings)
	case errors.As(err, &small):
		return &repo.HintError{
			Err: fmt.Errorf("exporting runs: they need at least %s, and --max-bytes is less", terminal.Bytes(small.Least)),
			Hint: fmt.Sprintf("use --max-bytes %s, or export fewer runs with RUN or -w, or fewer metrics with --metrics",
				sizeAtLeast(small.Least)),
		}
	}
	if err != nil {
		return fmt.Errorf("exporting runs: %w", err)
	}
	if err := a.writeExport(e, target); err != nil {
		return err
	}
	a.reportLeftOut(e)
	return nil
}

// sizeAtLeast returns a size for --max-bytes that is not below n.
func sizeAtLeast(n int64) string {
	if n < 1_000_000 {
		return fmt.Sprintf("%dkB", n/1000+1)
	}
	return fmt.Sprintf("%dMB", n/1_000_000+1)
}

func (a *app) reportDamaged(ctx context.Context, v *view.View) error {
	p, err := v.Project(ctx)
	if err != nil {
		return err
	}
	a.reportDamagedOf(p)
	return nil
}

// reportExportFindings lists the secrets that stopped an export.
func (a *app) reportExportFindings(findings []share.ExportFinding) {
	const shown = 100
	for i, f := range findings {
		if i == shown {
			a.progress("and %d more", len(findings)-i)
			return
		}
		a.progress("%s: %s [%s]", f.Place, f.Rule, f.Fingerprint)
	}
}

// reportLeftOut says what the export does not contain.
func (a *app) reportLeftOut(e *web.Export) {
	if e.Warning != "" {
		a.warn("%s", e.Warning)
	}
	if e.Notes.Runs == 0 {
		a.progress("runs: the page is empty: no runs match")
	}
	for _, note := range e.Notes.Lines {
		a.progress("runs: %s", note)
	}
}

func (a *app) writeExport(e *web.Export, t *exportTarget) error {
	runs := plural(e.Notes.Runs, "run")
	if t.folder != "" {
		files, err := e.Folder()
		if err != nil {
			return err
		}
		if err := t.writeFolder(files); err != nil {
			return err
		}
		total := int64(0)
		for _, f := range files {
			total += int64(len(f.Body))
		}
		a.print("wrote %s: %s, %s", repo.Relative(a.dir, t.page()), runs, filesAndBytes(len(files), total))
		return nil
	}
	body, err := e.Page()
	if err != nil {
		return err
	}
	if t.file == "" {
		_, err = a.term.Structured().Write(body)
		return err
	}
	if err := writeWhole(t.file, body); err != nil {
		return err
	}
	a.print("wrote %s: %s, %s", repo.Relative(a.dir, t.file), runs, terminal.Bytes(int64(len(body))))
	return nil
}
