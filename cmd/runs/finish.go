package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/query"
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
			switch end.Status {
			case format.Finished, format.Failed, format.Killed:
			default:
				return usagef("finish: --status is finished, failed or killed, not %q", status)
			}
			if cmd.Flags().Changed("exit-code") {
				end.ExitCode = &code
				if !cmd.Flags().Changed("status") && code != 0 {
					end.Status = format.Failed
				}
			}
			if err := checkEnd(end); err != nil {
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
		return active, a.mayChange(ctx, active, args[0])
	}
	if active, err := a.runInCharge(ctx); active != nil || err != nil {
		return active, stillNamed("finishing", err)
	}
	r, err := a.find(ctx)
	if err != nil {
		return nil, err
	}
	actives, err := r.Actives()
	if err != nil {
		return nil, err
	}
	actives = slices.DeleteFunc(actives, (*repo.Active).Foreign)
	switch len(actives) {
	case 1:
		return actives[0], nil
	case 0:
		return nil, &query.NotFoundError{Reason: "no run is in progress"}
	}
	ids := make([]string, len(actives))
	for i, active := range actives {
		ids[i] = active.ID
	}
	return nil, &query.NotFoundError{Reason: fmt.Sprintf("%d runs are in progress, name one: %s", len(ids), strings.Join(ids, ", "))}
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

// mayChange refuses another author's run that was not named by its id.
func (a *app) mayChange(ctx context.Context, active *repo.Active, selector string) error {
	if format.CheckID(selector) == nil {
		return nil
	}
	e, err := active.Entry(ctx)
	if err != nil {
		return err
	}
	return a.mayChangeEntry(ctx, e, selector)
}

func (a *app) mayChangeEntry(ctx context.Context, e *repo.Entry, selector string) error {
	if s, err := query.ParseSelector(selector); err == nil && s.Rev != "" {
		return &repo.HintError{Err: fmt.Errorf("changing %s: a run of another revision is only read", selector), Hint: "switch to that branch, or use a git worktree"}
	}
	if format.CheckID(selector) == nil || e.Author == "" {
		return nil
	}
	author := a.author(ctx)
	if author == "" || author == e.Author {
		return nil
	}
	return &repo.HintError{
		Err:  fmt.Errorf("changing run %s: it is %s's", e.ID, terminal.Clean(e.Author)),
		Hint: "name it by its full id to change it all the same",
	}
}

// checkEnd makes sure that an exit status can be one, of POSIX or of Windows, and goes with how the run ended.
func checkEnd(end repo.Finish) error {
	switch code := end.ExitCode; {
	case code == nil:
	case *code < math.MinInt32 || *code > math.MaxUint32:
		return fmt.Errorf("%d is no exit status of a program", *code)
	case *code != 0 && end.Status == format.Finished:
		return fmt.Errorf("a program that ends with status %d has not finished well; the status is failed or killed", *code)
	}
	return nil
}
