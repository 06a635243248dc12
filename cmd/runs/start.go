package main

import (
	"github.com/spf13/cobra"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/launch"
)

func (a *app) startCommand() *cobra.Command {
	var f newRunFlags
	var env bool
	cmd := &cobra.Command{
		Use:   "start [NAME] [flags]",
		Short: "Start a run and print its id",
		Long: `Start a run and print its id. Add to the run with 'runs log', and finish it with
'runs finish'.

With --env, print lines for a shell instead, so that later commands and programs
find the run:

    eval "$(runs start --env -p lr=0.1)"
    runs log --step 1 loss=0.5
    runs finish
    unset RUNS_ID RUNS_DIR`,
		Args: arguments(0, 1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				if f.name != "" && f.name != args[0] {
					return usagef("start: give the name as NAME or with --name, not both (got %q and %q)", args[0], f.name)
				}
				f.name = args[0]
			}
			if disabled() {
				return nil
			}
			ctx := cmd.Context()
			r, err := a.setup(ctx)
			if err != nil {
				return err
			}
			a.finishGoneBut(ctx, r, f.resume)
			run, err := a.record(ctx, r, &f)
			if err != nil {
				return err
			}
			active, err := a.start(ctx, r, &f, run, format.OwnerDetached)
			if err != nil {
				return err
			}
			if env {
				a.printEnv(active)
				return nil
			}
			a.print("%s", active.ID)
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&env, "env", false, "print lines for eval that set RUNS_ID and RUNS_DIR")
	return cmd
}

func (a *app) printEnv(active *repo.Active) {
	a.print("export RUNS_ID=%s RUNS_DIR=%s", active.ID, launch.Quote(active.Dir))
}
