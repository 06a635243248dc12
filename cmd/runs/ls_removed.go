package main

import (
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gitruns/runs/cmd/internal/render"
	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// lsRemoved implements ls --removed.
func (a *app) lsRemoved(cmd *cobra.Command, asJSON bool, selectors []string) error {
	other := ""
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Name != "removed" && f.Name != "json" && cmd.LocalNonPersistentFlags().Lookup(f.Name) != nil {
			other = f.Name
		}
	})
	switch {
	case other != "":
		return usagef("ls: --removed and --%s cannot be combined", other)
	case len(selectors) > 0:
		return usagef("ls: --removed cannot be combined with SELECTOR")
	}
	r, err := a.find(cmd.Context())
	if err != nil {
		return err
	}
	removed, err := r.Trashed()
	if err != nil {
		return err
	}
	if asJSON {
		list := make([]removedRun, len(removed))
		for i, t := range removed {
			list[i] = removedRun{t}
		}
		return a.printJSON(list)
	}
	if len(removed) == 0 {
		a.progress("runs: no removed runs")
		return nil
	}
	table := terminal.Table{Columns: []terminal.Column{
		{Title: "run", Flexible: true, Name: true},
		{Title: "status"},
		{Title: "removed"},
		{Title: "in worktree", Flexible: true},
	}}
	now := time.Now()
	for _, t := range removed {
		worktree := ""
		if t.By != nil {
			worktree = t.By.String()
		}
		table.Rows = append(table.Rows, []terminal.Cell{
			{Text: t.Title()}, render.Status(t.Entry, now), {Text: terminal.Ago(now.Sub(t.Removed))}, {Text: worktree},
		})
	}
	if err := table.Write(a.term.Out, a.term); err != nil {
		return err
	}
	a.hint("run 'runs rm --undo RUN' to restore one")
	return nil
}

// removedRun is a removed run as JSON.
type removedRun struct{ repo.Trashed }

// AppendJSON appends the record with two more keys: removed is the time of the removal, and removed_in the name of the
// worktree in which it was, or null for this one.
func (r removedRun) AppendJSON(b []byte) []byte {
	b = format.AppendJSON(b, r.Run)
	b = append(b[:len(b)-1], `,"removed":`...)
	b = format.AppendJSON(b, r.Removed)
	b = append(b, `,"removed_in":`...)
	name := (*string)(nil)
	if r.By != nil {
		name = orNull(r.By.Name())
	}
	return append(format.AppendJSON(b, name), '}')
}
