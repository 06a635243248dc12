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
		Short: "Finish a run",
		Long: `Finish a run: turn its journals into a record under .runs/<day>/. The record
appears complete or not at all. If finish is killed, run it again. Ctrl-C only
stops the wait for open journals.

    runs finish
    runs finish wide --status failed

Without RUN, it finishes the run named by RUNS_ID, or the only run in progress.`,
		Args: arguments(0, 1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			end := repo.Finish{Status: format.Status(status), Wait: repo.DefaultWait, Waiting: a.reportWaiting}
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
			protected := protectEnd(cmd.Context(), nil, active.ID, a.progress)
			defer protected.stop()
			end.Hurry = protected.hurry.Done()
			res, err := active.Finish(context.WithoutCancel(cmd.Context()), end)
			if err != nil {
				return err
			}
			a.reportFinished(res)
			a.print("%s", res.Run.ID)
			a.commitAtFinish(protected.hurry, active.Repository(), res.Run, false)
			return nil
		},
	}
	cmd.Flags().StringVar(&status, "status", string(format.Finished),
		"set the status to `STATUS`: finished, failed or killed")
	cmd.Flags().Int64Var(&code, "exit-code", 0, "set the exit status of the program to `N`")
	return cmd
}

// toFinish opens the run to finish: the one in args, otherwise the one in the environment, otherwise the only active
// run.
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

func (a *app) reportWaiting(open []string) {
	a.progress("runs: waiting up to %d s for open journals: %s", repo.DefaultWait/time.Second, strings.Join(open, ", "))
}

// reportFinished prints the warnings from finishing a run.
func (a *app) reportFinished(res *repo.Result) {
	a.warnAll(res.Warnings)
	if len(res.Open) > 0 {
		n := len(res.Open)
		a.warn("%s still %s a journal open; data logged there is saved as a run that resumes this one",
			plural(n, "writer"), verb(n, "has", "have"))
	}
	for _, id := range res.Resumed {
		a.progress("runs: data logged after the run ended was saved as run %s, which resumes this one", id)
	}
}
