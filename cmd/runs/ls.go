package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/render"
	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/query"
	"github.com/gitruns/runs/repo/share"
)

type lsFlags struct {
	experiment, where, sort, columns, groupBy string
	limit                                     int
	json, csv, allBranches, parts             bool
	revs                                      []string
}

func (a *app) lsCommand() *cobra.Command {
	var f lsFlags
	cmd := &cobra.Command{
		Use:   "ls [SELECTOR…] [flags]",
		Short: "List runs",
		Long: `List runs, newest first, those in progress too, with the primary metric and the params that differ among them.

    runs ls -w "metrics.rmse < 0.8 and params.model = 'xgb'" --sort rmse
    runs ls --group-by replicates

SELECTOR is an id, a name, a prefix of four characters or more, your own key, last, last~2, best=METRIC, group=GROUP.
EXPRESSION knows metrics.X, params.X, tags.X and attributes like status or started; = != < <= > >= ~ in, and or not.
A metric is its best value where it has a goal, else its last; X.last, .min, .max, .count say which. The header names the
goal where what it shows is not the last value.

A run that resumes another is one row with it, with the metrics of both; --parts lists each, as --json and --csv always do.
The key of --sort is a column too; what has no room is named on stderr. A value is cut at 60 characters, not so in --json
and --csv.

A damaged run is named on stderr and hides no other; the exit status is then 1.`,
		ValidArgsFunction: a.completeRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.json && f.csv {
				return usagef("ls: --json and --csv exclude one another")
			}
			if f.csv && f.groupBy != "" {
				return usagef("ls: --csv lists runs, not groups; --json knows groups")
			}
			if f.limit < 0 {
				return usagef("ls: -n %d is negative", f.limit)
			}
			return a.ls(cmd.Context(), &f, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.experiment, "experiment", "e", "", "only runs of `EXPERIMENT`")
	flags.StringVarP(&f.where, "where", "w", "", "only runs that match `EXPRESSION`")
	flags.StringVar(&f.sort, "sort", "", "order by `KEY[:asc|:desc]`; a metric puts its best first")
	flags.IntVarP(&f.limit, "limit", "n", 0, "at most `N` runs")
	flags.StringVar(&f.columns, "columns", "", "show these keys, `A,B,...`")
	flags.StringVar(&f.groupBy, "group-by", "", "one line a group: replicates, or a `KEY`")
	flags.StringArrayVar(&f.revs, "rev", nil, "runs of the git revision `REV` too, without a checkout; repeated")
	flags.BoolVar(&f.allBranches, "all-branches", false, "runs of all local branches too")
	flags.BoolVar(&f.parts, "parts", false, "one row for each part of a chain of runs that resume one another")
	flags.BoolVar(&f.json, "json", false, "print a JSON list of runs")
	flags.BoolVar(&f.csv, "csv", false, "print CSV")
	_ = cmd.RegisterFlagCompletionFunc("experiment", a.completeExperiment)
	for _, name := range []string{"sort", "columns", "group-by"} {
		_ = cmd.RegisterFlagCompletionFunc(name, a.completeKey)
	}
	return cmd
}

func (a *app) ls(ctx context.Context, f *lsFlags, selectors []string) error {
	r, err := a.find(ctx)
	if err != nil {
		return err
	}
	a.finishGone(ctx, r, nil)
	elsewhere := func(*catalog.Catalog) {}
	if !f.json && !f.csv && !f.allBranches {
		var stop func()
		elsewhere, stop = a.lookElsewhere(ctx, r)
		defer stop()
	}
	c, err := a.collect(ctx, r, f.experiment)
	if err != nil {
		return err
	}
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
	entries, err := c.SelectAll(ctx, selectors)
	if err == nil {
		if f.groupBy != "" || !f.json && !f.csv && !f.parts {
			entries = c.Wholes(entries)
		}
		entries, err = a.matching(c, entries, f.where)
	}
	if err != nil {
		return err
	}
	for _, key := range append(splitList(f.columns), query.SortKey(f.sort)) {
		if key != "" {
			a.warnMissingKey(c, key)
		}
	}
	runs := catalog.Records(entries)
	if f.sort != "" {
		query.Sort(runs, f.sort, c.Context())
	}
	if f.limit > 0 && f.groupBy == "" {
		runs = runs[:min(len(runs), f.limit)]
	}
	entries = c.EntriesOf(runs)
	if err := a.writeList(ctx, f, c, runs, entries); err != nil {
		return err
	}
	elsewhere(c)
	if len(c.Damage()) > 0 {
		return quietError{exitFailed}
	}
	return nil
}

// lookElsewhere looks into other branches while the runs are listed. say ends the list with what they have, stop waits for
// the end of it.
func (a *app) lookElsewhere(ctx context.Context, r *repo.Repository) (say func(*catalog.Catalog), stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var ids []string
	var err error
	done := make(chan struct{})
	go func() { // ends with stop
		defer close(done)
		ids, err = share.RunsOnOtherBranches(ctx, r)
	}()
	say = func(c *catalog.Catalog) {
		<-done
		known := c.IDs()
		for _, d := range c.Damage() {
			known[d.ID] = true
		}
		ids = slices.DeleteFunc(ids, func(id string) bool { return known[id] })
		switch {
		case errors.Is(err, git.ErrNoGit) || ctx.Err() != nil:
		case err != nil:
			a.progress("runs: %v", err)
		case len(ids) > 0:
			a.progress("runs: %d more on other branches: --all-branches", len(ids))
		}
	}
	return say, func() {
		cancel()
		<-done
	}
}

func (a *app) writeList(ctx context.Context, f *lsFlags, c *catalog.Catalog, runs []*format.Run, entries []*repo.Entry) error {
	if f.groupBy != "" {
		return a.writeGroups(ctx, f, c, runs)
	}
	list := render.List{
		Columns: query.ColumnRequest{Keys: splitList(f.columns), Primary: c.Config().Primary, Sort: query.SortKey(f.sort)},
		Part:    partOf(c), Context: c.Context(),
	}
	switch {
	case f.json:
		return a.printJSON(append([]*format.Run{}, runs...))
	case f.csv:
		w := csv.NewWriter(a.term.Out)
		write := w.Write
		if a.term.OutIsTerminal() { // a program gets the bytes that were recorded
			write = func(cells []string) error {
				for i, text := range cells {
					cells[i] = terminal.Clean(text)
				}
				return w.Write(cells)
			}
		}
		if err := list.CSV(write, entries); err != nil {
			return err
		}
		w.Flush()
		return w.Error()
	case len(entries) == 0:
		a.sayNone(c)
		return nil
	}
	var left []string
	err := a.term.Page(ctx, func(w io.Writer) (err error) {
		left, err = list.Write(w, a.term, entries)
		return err
	})
	a.sayLeft(left)
	return err
}

// sayNone says that a list is empty, and why.
func (a *app) sayNone(c *catalog.Catalog) {
	a.progress("runs: no runs%s", map[bool]string{true: " match", false: " yet: 'runs exec -- COMMAND' records one"}[len(c.Entries()) > 0])
}

// maxLeft is how many keys are named that a list had no room for.
const maxLeft = 10

// sayLeft names the keys that a list had no room for.
func (a *app) sayLeft(keys []string) {
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
	if len(names) > maxLeft {
		names = append(names[:maxLeft], "…")
	}
	a.progress("runs: %d more %s: --columns %s", len(keys), what+verb(len(keys), "", "s"), strings.Join(names, ","))
}

func (a *app) writeGroups(ctx context.Context, f *lsFlags, c *catalog.Catalog, runs []*format.Run) error {
	missing := f.groupBy != query.ByReplicates && a.warnMissingKey(c, f.groupBy)
	if missing {
		runs = nil // to want a key makes no group
	}
	groups := c.Group(runs, f.groupBy, f.limit)
	switch {
	case f.json:
		return a.printJSON(groupsJSON(groups))
	case len(groups.List) == 0:
		if !missing {
			a.sayNone(c)
		}
		return nil
	}
	return a.term.Page(ctx, func(w io.Writer) error { return render.WriteGroups(w, a.term, groups, time.Now()) })
}

// groupJSON is a group of ls --group-by. Without a value of the metric it has neither metric nor statistics.
type groupJSON struct {
	Best    *float64 `json:"best,omitempty"`
	BestRun string   `json:"best_run,omitempty"`
	Group   string   `json:"group"`
	Mean    *float64 `json:"mean,omitempty"`
	Metric  string   `json:"metric,omitempty"`
	N       int      `json:"n,omitempty"`
	Runs    []string `json:"runs"`
	SD      *float64 `json:"sd,omitempty"` // of two values or more
}

func groupsJSON(groups catalog.Groups) []groupJSON {
	list := []groupJSON{}
	for _, g := range groups.List {
		item := groupJSON{Group: g.Label}
		for _, r := range g.Runs {
			item.Runs = append(item.Runs, r.ID)
		}
		if s := g.Summary; groups.Primary != "" && s.N > 0 {
			item.Metric, item.N, item.Mean, item.Best, item.BestRun = groups.Primary, s.N, &s.Mean, &s.Best, s.BestRun.ID
			if s.N > 1 {
				item.SD = &s.SD
			}
		}
		list = append(list, item)
	}
	return list
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

// partOf says which parts of a chain an entry is, empty for a run that neither resumes nor is resumed.
func partOf(c *catalog.Catalog) func(e *repo.Entry) string {
	places := c.Places()
	if places == nil {
		return nil
	}
	return func(e *repo.Entry) string {
		switch at, ok := places(e); {
		case !ok:
			return ""
		case at.First == at.Last:
			return fmt.Sprintf("part %d of %d", at.Last, at.Of)
		case at.Last == at.Of:
			return fmt.Sprintf("%d parts", at.Of)
		default:
			return fmt.Sprintf("parts %d to %d of %d", at.First, at.Last, at.Of)
		}
	}
}
