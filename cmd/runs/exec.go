package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/program"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

type execFlags struct {
	newRunFlags
	join, noSystem, wandb, mlflow, noMLflow bool

	trace string // how to notice what the program reads; empty is as the settings say
}

func (a *app) execCommand() *cobra.Command {
	var f execFlags
	cmd := &cobra.Command{
		Use:   "exec [flags] [--] COMMAND [ARG…]",
		Short: "Run a program and record it",
		Long: `Run a program and record its command, exit status, console output, source and
machine. The program itself runs unchanged.

    runs exec -p lr=0.1 -- python train.py --lr 0.1

To add metrics, the program calls 'runs log' or appends lines to a journal file.
exec sets RUNS_ID and RUNS_DIR for it. If RUNS_ID is already set, the new run is
nested in that run; with --join the program records into that run instead, and
only the process that started the run finishes it.

With --wandb, 'import wandb' in a Python program finds the runs client, so that
existing W&B calls are recorded without installing or changing anything.
MLflow's calls are recorded too: its runs become runs here. If the program or
MLFLOW_TRACKING_URI names a server, they go to that server, unless --mlflow is
given. With --no-mlflow, MLflow is left alone.

Press Ctrl-C once to ask the program to stop, and twice to kill it.

Exit status: the program's own; 128 + N if signal N ended it; 126 or 127 if it
could not be started.`,
		Args: arguments(1, -1, "COMMAND"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.exec(cmd.Context(), &f, args) },
	}
	cmd.Flags().SetInterspersed(false)
	f.add(cmd)
	cmd.Flags().BoolVar(&f.join, "join", false, "record into the run that RUNS_ID names, instead of a new one")
	cmd.Flags().BoolVar(&f.noSystem, "no-system", false, "do not sample the machine")
	cmd.Flags().BoolVar(&f.wandb, "wandb", false, "record the W&B calls of a Python program")
	cmd.Flags().BoolVar(&f.mlflow, "mlflow", false,
		"record MLflow calls even if the program or MLFLOW_TRACKING_URI names a server")
	cmd.Flags().StringVar(&f.trace, "trace", "",
		"notice the data that the program reads by `ROAD`: python, syscalls or off")
	cmd.Flags().BoolVar(&f.noMLflow, "no-mlflow", false, "do not record the MLflow calls of the program")
	return cmd
}

func (a *app) exec(ctx context.Context, f *execFlags, args []string) error {
	if f.mlflow && f.noMLflow {
		return usagef("exec: --mlflow and --no-mlflow cannot be combined")
	}
	if err := checkTrace(f.trace); err != nil {
		return err
	}
	return a.execute(ctx, f, args, nil)
}

// execute runs a program and records it. env is added to the environment of this process.
func (a *app) execute(ctx context.Context, f *execFlags, args, env []string) error {
	var path []string
	if f.wandb {
		var more []string
		var err error
		if path, more, err = wandbShim(args); err != nil {
			return err
		}
		env = append(env, more...)
	}
	if disabled() {
		if len(path) > 0 {
			env = append(env, pythonPath(os.Getenv("PYTHONPATH"), path)...)
		}
		res, err := program.Run(ctx, a.programOptions(args, append(os.Environ(), env...), nil, nil))
		if err != nil {
			return a.notStarted(err)
		}
		a.status = res.ExitCode
		return nil
	}
	active, joined, late, err := a.execRun(ctx, f, args)
	if err != nil {
		return err
	}
	if late != nil {
		defer late.Cancel()
	}
	entry := ""
	if path := active.Repository().EntryPoint(a.dir, args); path != "" {
		entry = filepath.Join(active.Repository().TreeRoot(), filepath.FromSlash(path))
	}
	s := supervised{
		active: active, args: args, dir: a.dir, env: env, joined: joined, noSystem: f.noSystem, late: late, entry: entry,
	}
	if f.mlflow || !f.noMLflow && !namesServer() {
		a.answerMLflow(ctx, &s, f.mlflow)
	}
	if err := a.traceReads(&s, f.trace); err != nil {
		return err
	}
	path = append(path, a.injectPython(&s)...)
	if len(path) > 0 {
		s.env = append(s.env, pythonPath(os.Getenv("PYTHONPATH"), path)...)
	}
	return a.supervise(ctx, s, nil)
}

// hashBefore is the longest time that the start of a program waits for the hashes of its datasets.
const hashBefore = 5 * time.Second

// execRun starts the run that records the program. With --join, it joins the run that the environment refers to
// instead.
func (a *app) execRun(ctx context.Context, f *execFlags, args []string) (
	active *repo.Active, joined bool, late *repo.Hashing, err error,
) {
	outer, err := a.enclosingRun(ctx)
	if err != nil && (f.join || !errors.Is(err, repo.ErrFinished) && !errors.Is(err, repo.ErrNotActive)) {
		return nil, false, nil, err
	}
	if f.join {
		if outer == nil {
			return nil, false, nil, &repo.HintError{
				Err:  usagef("exec: --join requires a run in progress"),
				Hint: `run 'eval "$(runs start --env)"' first`,
			}
		}
		return outer, true, nil, outer.Join()
	}
	r, err := a.setup(ctx)
	if err != nil {
		return nil, false, nil, err
	}
	a.finishGoneBut(ctx, r, f.resume)
	n, err := a.describe(ctx, r, &f.newRunFlags)
	if err != nil {
		return nil, false, nil, err
	}
	n.Command, n.wait = args, hashBefore
	if outer != nil && n.Parent == "" {
		n.Parent = outer.ID
	}
	run, late, err := a.capture(ctx, r, n)
	if err != nil {
		return nil, false, nil, err
	}
	if entry := r.EntryPoint(a.dir, args); entry != "" && run.Source != nil {
		run.Source.Entry = entry
	}
	if late != nil {
		a.progress("runs: still hashing the datasets; the program starts meanwhile")
	}
	active, err = a.start(ctx, r, &f.newRunFlags, run, format.OwnerProcess)
	return active, false, late, err
}
