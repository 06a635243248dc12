package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/program"
	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/console"
	"github.com/gitruns/runs/repo/tensorboard"
)

type execFlags struct {
	beginFlags
	join, noSystem, wandb bool
}

func (a *app) execCommand() *cobra.Command {
	var f execFlags
	cmd := &cobra.Command{
		Use:   "exec [flags] [--] COMMAND [ARG…]",
		Short: "Run a program and record it",
		Long: `Run a program unchanged and record it: arguments, exit status, console output, source, machine.

    runs exec -p lr=0.1 -- python train.py --lr 0.1

The program finds RUNS_ID and RUNS_DIR in its environment: 'runs log', or a line appended to a journal file in RUNS_DIR,
adds metrics. With RUNS_ID set already it is a nested run, or with --join part of that run, which only its starter ends.

    runs exec --wandb -- python train.py

With --wandb a Python program that imports wandb gets our client in its place, with nothing to install or to change.
Ctrl-C once asks the program to end, twice kills it.

Exit status: the program's own; 128 + signal where one ended it; 126, 127 where it could not be started.`,
		Args: arguments(1, -1, "COMMAND"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.exec(cmd.Context(), &f, args) },
	}
	cmd.Flags().SetInterspersed(false)
	f.add(cmd)
	cmd.Flags().BoolVar(&f.join, "join", false, "record into the run of RUNS_ID instead of a run of its own")
	cmd.Flags().BoolVar(&f.noSystem, "no-system", false, "take no samples of the machine")
	cmd.Flags().BoolVar(&f.wandb, "wandb", false, "serve 'import wandb' of a Python program, and record its calls")
	return cmd
}

func (a *app) exec(ctx context.Context, f *execFlags, args []string) error {
	var env []string
	if f.wandb {
		var err error
		if env, err = wandbEnv(os.Getenv("PYTHONPATH"), args); err != nil {
			return err
		}
	}
	if disabled() {
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
	return a.supervise(ctx, supervised{active: active, args: args, dir: a.dir, env: env, joined: joined, noSystem: f.noSystem, late: late}, nil)
}

// supervised is a program to run and the run to record it in.
type supervised struct {
	active   *repo.Active
	args     []string
	dir      string
	env      []string // beside our own
	joined   bool     // others share the run
	noSystem bool
	late     *repo.Hashing
}

// supervise runs the program and finishes its run; then is called with the finished run.
func (a *app) supervise(ctx context.Context, s supervised, then func(*format.Run) error) error {
	active := s.active
	began := time.Now()
	config, err := active.Repository().Config()
	if err != nil {
		return err
	}
	log, err := console.Create(active.OutputPath(s.joined), config.Console.MaxBytes)
	if err != nil {
		return fmt.Errorf("capturing the output of run %s: %w", active.ID, err)
	}
	stopSampling, release := func() {}, func() {}
	var watcher *tensorboard.Watcher
	started := func(pid int) {
		if config.TensorBoard.Enabled {
			watcher = tensorboard.Watch(ctx, pid, active.Dir)
		}
		release = active.KeepFor(pid)
		if config.System.Enabled && !s.noSystem {
			stopSampling = active.Sample(ctx, repo.SampleRequest{Interval: config.System.Interval, PID: pid, Shared: s.joined})
		}
	}
	options := a.programOptions(s.args, append(childEnv(active), s.env...), log, started)
	options.Dir = s.dir
	res, runErr := program.Run(ctx, options)
	stopSampling()
	release()
	if res.OpenLine && a.term.ErrIsTerminal() {
		fmt.Fprintln(a.term.Err)
	}
	logErr := log.Close()
	if res.LogErr != nil && logErr == nil {
		logErr = res.LogErr
	}
	if logErr != nil {
		a.progress("runs: the captured output is not complete: %v", logErr)
	}
	if watcher != nil {
		q := tensorboard.Search{Since: began, Dirs: []string{s.dir}}
		watcher.Stop(&q)
		a.importEventFiles(ctx, active, q)
	}
	if s.joined {
		return a.endJoined(active, res, runErr)
	}
	a.recordLate(ctx, active, s.late)
	end := endedBy(res, runErr).Finish()
	end.Wait, end.Waiting = repo.DefaultWait, a.sayWaiting
	done, err := active.Finish(context.WithoutCancel(ctx), end)
	if runErr != nil {
		return errors.Join(a.notStarted(runErr), err)
	}
	a.status = res.ExitCode
	if err != nil {
		if a.status == 0 {
			return err
		}
		a.progress("runs: %v", err)
		return nil
	}
	took := time.Since(began)
	a.sayFinished(done)
	recorded := done.Run
	if e, err := active.Repository().Read(context.WithoutCancel(ctx), recorded.ID); err == nil {
		recorded = e.Run // with the name that the program gave it
	}
	a.sayRecorded(recorded, took)
	if r, err := active.Repository().Reopen(); err != nil {
		a.progress("runs: %v", err)
	} else {
		a.commitAtFinish(ctx, r, done.Run, false)
	}
	if then != nil {
		return then(done.Run)
	}
	return nil
}

// execRun is the run that the program is recorded in, and whether others share it.
func (a *app) execRun(ctx context.Context, f *execFlags, args []string) (active *repo.Active, joined bool, late *repo.Hashing, err error) {
	outer, err := a.enclosingRun(ctx)
	if err != nil && (f.join || !errors.Is(err, repo.ErrFinished) && !errors.Is(err, repo.ErrNotActive)) {
		return nil, false, nil, err
	}
	if f.join {
		if outer == nil {
			return nil, false, nil, usagef("exec: --join needs a run: set RUNS_ID with eval \"$(runs start --env)\"")
		}
		return outer, true, nil, outer.Join()
	}
	r, err := a.setup(ctx)
	if err != nil {
		return nil, false, nil, err
	}
	a.finishGoneBut(ctx, r, f.resume)
	n, err := a.describe(ctx, r, &f.beginFlags)
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
	active, _, err = a.begin(ctx, r, &f.beginFlags, run, format.OwnerProcess)
	return active, false, late, err
}

// hashBefore is how long the program waits for the hash of its data.
const hashBefore = 5 * time.Second

// recordLate waits for data that is still being hashed and adds it to the run. A problem of data is no problem of the
// program, which has ended.
func (a *app) recordLate(ctx context.Context, active *repo.Active, late *repo.Hashing) {
	if late == nil {
		return
	}
	select {
	case <-late.Done():
	default:
		a.progress("runs: waiting for the hashes of the datasets; press Ctrl-C to stop waiting")
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	datasets, warnings, _, err := late.Wait(ctx, 0)
	a.warnAll(warnings)
	if err != nil {
		a.warn("not all datasets are recorded: %v", err)
	}
	for _, d := range datasets {
		if err := active.AppendShared(datasetLine(d)); err != nil {
			a.warn("not all datasets are recorded: %v", err)
		}
	}
}

func (a *app) programOptions(args, env []string, log *console.Log, started func(int)) program.Options {
	o := program.Options{Args: args, Dir: a.dir, Env: env, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Started: started}
	if log != nil {
		o.Log = log
	}
	return o
}

// childEnv is our environment with the run in it.
func childEnv(active *repo.Active) []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "RUNS_ID=") || strings.HasPrefix(v, "RUNS_DIR=")
	})
	return append(env, active.Variables()...)
}

// notStarted reports a program that did not start, with a shell's exit status.
func (a *app) notStarted(err error) error {
	var start *program.StartError
	if errors.As(err, &start) {
		a.progress("runs: %v", err)
		return quietError{start.Code}
	}
	return err
}

// endedBy says how the program ended, if it could be started.
func endedBy(res program.Result, err error) repo.Ended {
	var start *program.StartError
	if errors.As(err, &start) {
		return repo.Ended{ExitCode: start.Code, NotStarted: true}
	}
	return repo.Ended{ExitCode: res.ExitCode, Signal: res.Signal, Received: res.Received}
}

// endJoined leaves the run to its starter.
func (a *app) endJoined(active *repo.Active, res program.Result, err error) error {
	active.Leave()
	if err != nil {
		return a.notStarted(err)
	}
	a.status = res.ExitCode
	return nil
}

// sayRecorded is the last line of exec: the run, its time, and the next step.
func (a *app) sayRecorded(run *format.Run, took time.Duration) {
	title := run.Title()
	if run.Name != "" {
		title = fmt.Sprintf("%s (%s)", run.Name, format.IDRandom(run.ID))
	}
	a.progress("runs: recorded %s, %s in %s: 'runs show %s'", title, run.Status, terminal.Span(took), format.IDRandom(run.ID))
}
