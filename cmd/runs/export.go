package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/cmd/internal/web"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/view"
)

type exportFlags struct {
	where, out string
	force      bool
}

func (a *app) exportCommand() *cobra.Command {
	var f exportFlags
	cmd := &cobra.Command{
		Use:   "export FORMAT [RUN…] [flags]",
		Short: "Write runs as a page that needs no server",
		Long: `Write runs as a page that needs no server. FORMAT is html: the page of 'runs ui', as
one file that opens in any browser, or as a folder for a web server.

    runs export html -o report.html
    runs export html -w "tags.paper" -o public/

Without RUN, all runs are exported.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || args[0] != "html" {
				return noFormat(args)
			}
			return a.exportHTML(cmd.Context(), &f, args[1:])
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.where, "where", "w", "", "export only runs that match `EXPRESSION`")
	flags.StringVarP(&f.out, "output", "o", "runs.html", "write to `FILE.html`, to a folder (DIR/), or to stdout (-)")
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
	target, err := exportTo(a.path(f.out), f.out)
	if err != nil {
		return err
	}
	if err := target.check(f.force); err != nil {
		return err
	}
	r, err := a.find(ctx)
	if err != nil {
		return err
	}
	v, err := view.Open(ctx, r, view.Options{Selectors: selectors, Where: f.where})
	if err != nil {
		return err
	}
	defer v.Close()
	e, err := web.NewExport(ctx, v)
	if err != nil {
		return fmt.Errorf("exporting runs: %w", err)
	}
	return a.writeExport(e, target)
}

// exportTarget is where an export goes: a file, a folder or, if both are empty, stdout.
type exportTarget struct{ file, folder string }

// exportTo tells a file from a folder by how the user names it, or by what is there.
func exportTo(path, typed string) (exportTarget, error) {
	info, err := os.Stat(path)
	switch {
	case typed == "-":
		return exportTarget{}, nil
	case err == nil && info.IsDir(), strings.HasSuffix(typed, "/"), strings.HasSuffix(typed, string(filepath.Separator)):
		if err == nil && !info.IsDir() {
			return exportTarget{}, fmt.Errorf("export: writing to %s: it is a file", typed)
		}
		return exportTarget{folder: path}, nil
	case strings.EqualFold(filepath.Ext(typed), ".html"), strings.EqualFold(filepath.Ext(typed), ".htm"):
		return exportTarget{file: path}, nil
	}
	return exportTarget{}, usagef("export: --output must end in .html, or in / for a folder, got %q", typed)
}

// page returns the file that a browser opens.
func (t exportTarget) page() string {
	if t.folder != "" {
		return filepath.Join(t.folder, "index.html")
	}
	return t.file
}

// check returns an error if the page would replace a file that is not an export.
func (t exportTarget) check(force bool) error {
	page := t.page()
	if page == "" || force {
		return nil
	}
	f, err := os.Open(page)
	if err != nil {
		return nil // writing reports anything but a missing file
	}
	defer func() { _ = f.Close() }()
	start := make([]byte, 1024)
	n, _ := f.Read(start)
	if n == 0 || strings.Contains(string(start[:n]), web.ExportMark) {
		return nil
	}
	return &repo.HintError{
		Err:  fmt.Errorf("export: writing %s: it exists and is not an export of runs", page),
		Hint: "name another file with -o, or add --force to replace it",
	}
}

func (a *app) writeExport(e *web.Export, t exportTarget) error {
	if t.folder == "" {
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
		a.print("wrote %s: %s", repo.Relative(a.dir, t.file), terminal.Bytes(int64(len(body))))
		return nil
	}
	files, err := e.Folder()
	if err != nil {
		return err
	}
	total := int64(0)
	for _, f := range files {
		path := filepath.Join(t.folder, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return fmt.Errorf("writing %s: %w", path, err)
		}
		if err := writeWhole(path, f.Body); err != nil {
			return err
		}
		total += int64(len(f.Body))
	}
	a.print("wrote %s: %s, %s", repo.Relative(a.dir, t.page()), plural(len(files), "file"), terminal.Bytes(total))
	return nil
}

// writeWhole replaces a file at once, or leaves it as it is.
func writeWhole(path string, body []byte) error {
	fail := func(err error) error { return fmt.Errorf("writing %s: %w", path, err) }
	tmp, err := os.CreateTemp(filepath.Dir(path), ".runs-*")
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.Write(body)
	if err == nil {
		err = tmp.Chmod(0o644)
	}
	if closed := tmp.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fail(err)
	}
	return nil
}
