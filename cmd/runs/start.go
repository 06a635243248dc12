package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

func (a *app) startCommand() *cobra.Command {
	var f beginFlags
	var env bool
	cmd := &cobra.Command{
		Use:   "start [NAME] [flags]",
		Short: "Start a run and print its id",
		Long: `Start a run and print its id. 'runs log' adds to it, 'runs finish' ends it.

With --env it prints the lines for a shell, so that later calls and programs know the run:

    eval "$(runs start --env -p lr=0.1)"
    runs log --step 1 loss=0.5
    runs finish
    unset RUNS_ID RUNS_DIR`,
		Args: arguments(0, 1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				if f.name != "" && f.name != args[0] {
					return usagef("start: the run has two names, %q and %q", args[0], f.name)
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
			active, _, err := a.begin(ctx, r, &f, run, format.OwnerDetached)
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
	a.print("export RUNS_ID=%s RUNS_DIR=%s", active.ID, shellQuote(active.Dir))
}

// shellQuote quotes a word for a POSIX shell.
func shellQuote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,@%+") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
