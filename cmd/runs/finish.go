package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
)

func (a *app) finishCommand() *cobra.Command {
	var status string
	var code int64
	cmd := &cobra.Command{
		Use:   "finish [RUN] [flags]",
		Short: "End a run",
		Long: `End a run: its journals become one folder under .runs/<day>/, whole or not at all. Without RUN it is the run of RUNS_ID,
else the only one in progress. A finish that died can be repeated.`,
		Args: arguments(0, 1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			end := repo.Finish{Status: format.Status(status), Wait: repo.DefaultWait, Waiting: a.sayWaiting}
			if cmd.Flags().Changed("exit-code") {
				end.ExitCode = &code
				if !cmd.Flags().Changed("status") && code != 0 {
					end.Status = format.Failed
				}
			}
			if err := end.Check(); err != nil {
				return usagef("finish: %v", err)
			}
			if disabled() {
				return nil
			}
			active, err := a.toFinish(cmd.Context(), args)
			if err != nil {
				return err
			}
			res, err := active.Finish(cmd.Context(), end)
			if err != nil {
				return err
			}
			a.sayFinished(res)
			a.print("%s", res.Run.ID)
			a.commitAtFinish(cmd.Context(), active.Repository(), res.Run, false)
			return nil
		},
	}
	cmd.Flags().StringVar(&status, "status", string(format.Finished), "`STATUS`: finished, failed or killed")
	cmd.Flags().Int64Var(&code, "exit-code", 0, "exit status `N` of the program")
	return cmd
}

// toFinish is the run that is named, that of the environment, or the only one in progress.
func (a *app) toFinish(ctx context.Context, args []string) (*repo.Active, error) {
	if len(args) == 1 {
		active, err := a.activeRun(ctx, args[0])
		if err != nil {
			return nil, err
		}
		if format.CheckID(args[0]) == nil {
			return active, nil
		}
		e, err := active.Entry(ctx)
		if err != nil {
			return nil, err
		}
		return active, a.mayChange(ctx, e, args[0])
	}
	if active, err := a.enclosingRun(ctx); active != nil || err != nil {
		return active, stillNamed("finishing", err)
	}
	r, err := a.find(ctx)
	if err != nil {
		return nil, err
	}
	return catalog.OnlyActive(r)
}

func (a *app) sayWaiting(open []string) {
	a.progress("runs: waiting up to %d s for writers that are still there: %s", repo.DefaultWait/time.Second, strings.Join(open, ", "))
}

// sayFinished tells what a finish met.
func (a *app) sayFinished(res *repo.Result) {
	a.warnAll(res.Warnings)
	if len(res.Open) > 0 {
		a.progress("runs: %d writers are still there; what they log becomes a run that resumes this one", len(res.Open))
	}
	for _, id := range res.Resumed {
		a.progress("runs: what was logged behind the end is run %s, which resumes this one", id)
	}
}
