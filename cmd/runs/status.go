package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/render"
	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

func (a *app) statusCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show where runs are kept and what is in progress",
		Long:  `Show where runs are kept, how many there are, what is in progress, and what needs a hand.`,
		Args:  arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			r, err := a.find(ctx)
			if err != nil {
				return err
			}
			c, err := a.collect(ctx, r, "")
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(statusJSON(r, c))
			}
			return a.printStatus(ctx, r, c)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func statusJSON(r *repo.Repository, c *collection) map[string]any {
	counts := map[string]any{}
	var active []any
	for _, e := range c.entries {
		n, _ := counts[string(e.Status)].(int64)
		counts[string(e.Status)] = n + 1
		if e.Active != nil {
			active = append(active, map[string]any{"id": e.ID, "name": e.Name, "started": e.Started, "last_sign": e.Silent, "process": e.Life.String()})
		}
	}
	damaged := []any{}
	for _, d := range c.damaged {
		damaged = append(damaged, map[string]any{"id": d.ID, "reason": d.Err.Error()})
	}
	return map[string]any{"runs": r.Dir, "git": r.InGit, "count": counts, "in_progress": append([]any{}, active...), "damaged": damaged}
}

func (a *app) printStatus(_ context.Context, r *repo.Repository, c *collection) error {
	where := "outside git: runs are kept, their source is not"
	if r.InGit {
		where = "in git"
	}
	a.print("%s, %s", terminal.Clean(repo.Relative(a.dir, r.Dir)), where)
	counts := map[format.Status]int{}
	var active []*repo.Entry
	for _, e := range c.entries {
		if e.Active != nil {
			active = append(active, e)
			continue
		}
		counts[e.Status]++
	}
	line := ""
	for _, s := range []format.Status{format.Finished, format.Failed, format.Killed, format.Crashed} {
		if counts[s] > 0 {
			line += fmt.Sprintf("%d %s, ", counts[s], s)
		}
	}
	a.print("%s%d in progress", line, len(active))
	gone := 0
	if len(active) > 0 {
		tb := terminal.Table{Columns: []terminal.Column{{Title: "run", Flexible: true}, {Title: "status"}, {Title: "last sign"}, {Title: "process"}}}
		now := time.Now()
		for _, e := range active {
			if e.Life == repo.Gone {
				gone++
			}
			tb.Rows = append(tb.Rows, []terminal.Cell{{Text: e.Title()}, render.Status(e, now), {Text: terminal.Ago(now.Sub(e.Silent))}, {Text: processWord(e.Life)}})
		}
		a.print("")
		if err := tb.Write(a.term.Out, a.term); err != nil {
			return err
		}
	}
	if gone > 0 {
		a.print("\n%d without its process: 'runs recover' finishes it", gone)
	}
	if len(c.damaged) > 0 {
		a.print("\n%d damaged: named above", len(c.damaged))
		return quietError{exitFailed}
	}
	return nil
}

func processWord(l repo.Life) string {
	switch l {
	case repo.Alive:
		return "alive"
	case repo.Gone:
		return "gone"
	case repo.Detached:
		return "none of its own"
	case repo.Foreign:
		return "not of this clone"
	}
	return "elsewhere"
}
