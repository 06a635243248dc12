package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/render"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/query"
	"github.com/gitruns/runs/repo/share"
)

type lsFlags struct {
	experiment, where, sort, columns, groupBy string
	limit                                     int
	json, csv, raw, allBranches, parts        bool
	removed                                   bool
	revs                                      []string
}

func (a *app) lsCommand() *cobra.Command {
	var f lsFlags
	cmd := &cobra.Command{
		Use:   "ls [SELECTOR…] [flags]",
		Short: "List runs",
		Long: `List runs, newest first, including those in progress. The columns are the
primary metric and the params that differ between the listed runs.

    runs ls -w "metrics.rmse < 0.8 and params.model = 'xgb'" --sort rmse
    runs ls --group-by params.lr,params.model --columns metrics.rmse,tags.gpu

SELECTOR is an id, a prefix of at least four characters, a name, a key, last,
last~2, best=METRIC or group=GROUP.

EXPRESSION compares metrics.X, summary.X, params.X, tags.X and attributes such
as status or started, with = != < <= > >= ~ and in, combined by and, or, not. A
metric means its best value if it has a goal, and its last value otherwise;
X.last, X.min, X.max and X.count select another. The column header names the
goal if the table does not show the last value.

A run and the runs that it resumes share one row. --parts lists each separately,
as --json and --csv always do. Values are cut to 60 characters and headings to
40, except in --json and --csv. Columns that do not fit are named on stderr.

A damaged run is reported on stderr and does not hide the others. The exit
status is then 1.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.json && f.csv {
				return usagef("ls: --json and --csv cannot be combined")
			}
			if f.csv && f.groupBy != "" {
				return &repo.HintError{Err: usagef("ls: --csv cannot be combined with --group-by"), Hint: "use --json"}
			}
			if f.removed {
				return a.lsRemoved(cmd, f.json, args)
			}
			if f.raw && !f.csv {
				return usagef("ls: --raw requires --csv")
			}
			if keys := splitList(f.groupBy); len(keys) > 1 && slices.Contains(keys, query.ByReplicates) {
				return usagef("ls: --group-by replicates cannot be combined with other keys")
			} else if f.groupBy != "" && len(keys) == 0 {
				return usagef("ls: --group-by must name a key, got %q", f.groupBy)
			}
			if f.limit < 0 {
				return usagef("ls: -n must be 0 or more, got %d", f.limit)
			}
			return a.ls(cmd.Context(), &f, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.experiment, "experiment", "e", "", "list only runs of `EXPERIMENT`")
	flags.StringVarP(&f.where, "where", "w", "", "list only runs that match `EXPRESSION`")
	flags.StringVar(&f.sort, "sort", "", "sort by `KEY[:asc|:desc]` and show it; a metric lists its best value first")
	flags.IntVarP(&f.limit, "limit", "n", 0, "list at most `N` runs or groups")
	flags.StringVar(&f.columns, "columns", "", "show the keys `A,B,...` instead of the usual columns")
	flags.StringVar(&f.groupBy, "group-by", "",
		"list one line per group: replicates, or runs with the same values of `KEY,...`")
	flags.StringArrayVar(&f.revs, "rev", nil,
		"list runs of the Git revision `REV` too, without checking it out (repeatable)")
	flags.BoolVar(&f.allBranches, "all-branches", false, "list runs of all local branches too")
	flags.BoolVar(&f.parts, "parts", false, "list a run and the runs that it resumes in separate rows")
	flags.BoolVar(&f.removed, "removed", false, "list the runs that were removed and can be restored")
	flags.BoolVar(&f.json, "json", false, "print a JSON list of runs or groups")
	flags.BoolVar(&f.csv, "csv", false, csvUsage)
	flags.BoolVar(&f.raw, "raw", false, rawUsage)
	return cmd
}

func (a *app) ls(ctx context.Context, f *lsFlags, selectors []string) error {
	r, err := a.find(ctx)
	if err != nil {
		return err
	}
	a.finishGone(ctx, r, nil)
	deleted := a.lookDeleted(ctx, r)
	elsewhere := func(*catalog.Catalog) {}
	if !f.json && !f.csv && !f.allBranches {
		var stop func()
		elsewhere, stop = a.lookElsewhere(ctx, r)
		defer stop()
	}
	newest := 0
	if f.where == "" && f.sort == "" && f.groupBy == "" && f.columns == "" && len(selectors)+len(f.revs) == 0 &&
		!f.allBranches {
		newest = f.limit
	}
	c, err := a.collectNewest(ctx, r, f.experiment, newest)
	if err != nil {
		return err
	}
	a.warnConflict(ctx, r, len(c.Damage()) > 0)
	revs := f.revs
	if f.allBranches {
		branches, err := r.Branches(ctx)
		if err != nil {
			return err
		}
		revs = append(revs, branches...)
	}
	for _, rev := range revs {
		if err := c.AddRevision(ctx, rev); err != nil {
			return err
		}
	}
	rows, err := c.SelectRows(ctx, selectors)
	if err != nil {
		return err
	}
	if f.groupBy != "" || !f.json && !f.csv && !f.parts {
		rows = c.WholeRows(ctx, rows)
	}
	rows, missing, err := c.MatchRows(rows, f.where)
	a.warnMissing(missing...)
	if err != nil {
		return err
	}
	for _, key := range append(splitList(f.columns), query.SortKey(f.sort)) {
		if key != "" {
			a.warnMissingKey(c, key)
		}
	}
	if f.sort != "" {
		first := f.limit
		if f.groupBy != "" {
			first = 0
		}
		c.SortRows(rows, f.sort, first)
	}
	if f.limit > 0 && f.groupBy == "" {
		rows = rows[:min(len(rows), f.limit)]
	}
	if rows, err = prove(c, f, rows); err != nil {
		return err
	}
	if err := a.writeList(ctx, f, c, rows); err != nil {
		return err
	}
	if !f.json && !f.csv {
		a.reportInCommit(rows)
	}
	if len(rows) > 0 || len(c.Rows()) > 0 { // otherwise reportNone says it
		deleted()
	}
	elsewhere(c)
	if len(c.Damage()) > 0 {
		return quietError{exitFailed}
	}
	return nil
}

// lookDeleted looks for runs of HEAD that were deleted from the working tree while the caller lists the runs. report
// prints how many there are.
func (a *app) lookDeleted(ctx context.Context, r *repo.Repository) (report func()) {
	var ids []string
	done := make(chan struct{})
	go func() { // ends with the search, or with the context of the command
		defer close(done)
		ids, _ = share.DeletedRuns(ctx, r) // what Git cannot read is reported elsewhere
	}()
	return func() {
		<-done
		if n := len(ids); n > 0 {
			a.progress("runs: %s of HEAD %s deleted from the working tree", plural(n, "run"), verb(n, "was", "were"))
			a.hint("run 'git checkout HEAD -- .runs' to bring %s back", verb(n, "it", "them"))
		}
	}
}

// lookElsewhere counts the runs on other branches while the caller lists the runs. report prints how many more runs
// there are; stop ends the search.
func (a *app) lookElsewhere(ctx context.Context, r *repo.Repository) (report func(*catalog.Catalog), stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var ids []string
	var err error
	done := make(chan struct{})
	go func() { // ends with the search, at the latest after stop
		defer close(done)
		ids, err = share.RunsOnOtherBranches(ctx, r)
	}()
	report = func(c *catalog.Catalog) {
		<-done
		if len(ids) > 0 {
			known := c.IDs()
			for _, d := range c.Damage() {
				known[d.ID] = true
			}
			ids = slices.DeleteFunc(ids, func(id string) bool { return known[id] || c.IsUnread(id) })
		}
		switch {
		case errors.Is(err, git.ErrNoGit) || ctx.Err() != nil:
		case err != nil:
			a.warn("%v", err)
		case len(ids) > 0:
			a.progress("runs: %d more on other branches; use --all-branches to list %s", len(ids), verb(len(ids), "it", "them"))
		}
	}
	return report, func() {
		cancel()
		<-done
	}
}

// maxProven is how many runs of a list are read from their files. Of more, it shows what the index says.
const maxProven = 100

// prove reads the records of the runs that a list shows, if they are few or if whole records are shown. A run whose
// file was edited in place may then not match the expression any more.
func prove(c *catalog.Catalog, f *lsFlags, rows []*catalog.Row) ([]*catalog.Row, error) {
	if f.groupBy == "" && (f.json || len(rows) <= maxProven) {
		return c.Prove(rows, f.where)
	}
	return rows, nil
}

func (a *app) writeList(ctx context.Context, f *lsFlags, c *catalog.Catalog, rows []*catalog.Row) error {
	if f.groupBy != "" {
		return a.writeGroups(ctx, f, c, rows)
	}
	list := render.List{
		Columns: query.ColumnRequest{Keys: splitList(f.columns), Primary: c.Config().Primary, Sort: query.SortKey(f.sort)},
		Part:    c.PlaceText(), Context: c.Context(), Titles: c.ExperimentTitles(),
	}
	switch {
	case f.json:
		entries, err := c.Load(rows)
		if err != nil {
			return err
		}
		return a.printJSON(listedRuns(entries))
	case f.csv:
		w := render.NewCSV(a.machine(false, f.raw), f.raw, a.term.OutIsTerminal())
		if err := list.CSV(w.Write, rows); err != nil {
			return err
		}
		return w.Flush()
	case len(rows) == 0:
		a.reportNone(ctx, c)
		return nil
	}
	var omitted []string
	err := a.term.Page(ctx, func(w io.Writer) (err error) {
		omitted, err = list.Write(w, a.term, rows)
		return err
	})
	a.reportOmitted(omitted)
	return err
}

// reportNone explains why a list is empty.
func (a *app) reportNone(ctx context.Context, c *catalog.Catalog) {
	switch {
	case len(c.Rows()) > 0:
		a.progress("runs: no runs match")
		return
	case len(c.Damage()) > 0:
		a.progress("runs: no run can be read")
		return
	}
	if missing, err := share.Missing(ctx, c); err == nil && len(missing) > 0 {
		a.progress("runs: no runs in the working tree: %s of HEAD %s deleted from it",
			plural(len(missing), "run"), verb(len(missing), "was", "were"))
		a.hint("run 'git checkout HEAD -- .runs' to bring %s back", verb(len(missing), "it", "them"))
		return
	}
	if removed, err := c.Repository().Trashed(); err == nil && len(removed) > 0 {
		a.progress("runs: no runs: %s removed", verb(len(removed), "one was", fmt.Sprintf("%d were", len(removed))))
		a.hint("run 'runs ls --removed' to list %s, or 'runs rm --undo' to restore what was removed last",
			verb(len(removed), "it", "them"))
		return
	}
	a.progress("runs: no runs yet")
	a.hint("run 'runs exec -- COMMAND' to record one")
}

// maxOmitted is the maximum number of omitted keys to print.
const maxOmitted = 10

// reportOmitted prints the keys that did not fit in a list.
func (a *app) reportOmitted(keys []string) {
	if len(keys) == 0 {
		return
	}
	what := "param"
	names := make([]string, len(keys))
	for i, key := range keys {
		var param bool
		if names[i], param = strings.CutPrefix(key, "params."); !param {
			what = "column"
		}
	}
	if len(names) > maxOmitted {
		names = append(names[:maxOmitted], "…")
	}
	a.progress("runs: %s not shown; use --columns %s", plural(len(keys), what), strings.Join(names, ","))
}

func (a *app) writeGroups(ctx context.Context, f *lsFlags, c *catalog.Catalog, rows []*catalog.Row) error {
	keys := splitList(f.groupBy)
	missing := false
	for _, key := range keys {
		missing = key != query.ByReplicates && a.warnMissingKey(c, key) || missing
	}
	if missing {
		rows = nil // runs without a key do not form a group
	}
	columns := splitList(f.columns)
	groups, err := c.GroupRows(rows, catalog.GroupRequest{Keys: keys, Columns: columns, Sort: f.sort, Limit: f.limit})
	if err != nil {
		return err
	}
	view := render.Groups{Asked: len(columns) > 0, Groups: groups}
	switch {
	case f.json:
		return a.printJSON(view.JSON())
	case len(view.List) == 0:
		if !missing {
			a.reportNone(ctx, c)
		}
		return nil
	}
	return a.term.Page(ctx, func(w io.Writer) error { return view.Write(w, a.term, time.Now()) })
}

func splitList(s string) []string {
	var list []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}
