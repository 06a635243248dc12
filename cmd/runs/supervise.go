package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gitruns/runs/cmd/internal/program"
	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/capture"
	"github.com/gitruns/runs/repo/console"
	"github.com/gitruns/runs/repo/tensorboard"
)

// supervised is a program to run, together with the run that records it.
type supervised struct {
	active   *repo.Active
	args     []string
	dir      string
	env      []string // added to the environment of this process
	joined   bool     // the run was joined; its starter finishes it
	noSystem bool
	late     *repo.Hashing
	entry    string          // absolute path of the script that the command names; may be empty
	mlflow   *mlflowListener // answers the MLflow calls of the program; may be nil
	traced   bool            // what the program reads is noticed
	calls    *callWatch      // notices it by system calls; may be nil
	tidy     func()          // removes what was written for the program; may be nil
	given    *given          // what it gets beside the files that it opens; may be nil
	stdin    *os.File        // the program's standard input; nil for that of this process
}

// supervise runs the program and finishes its run. If then is not nil, it is called with the finished run.
func (a *app) supervise(ctx context.Context, s supervised, then func(*format.Run) error) error {
	active := s.active
	began := time.Now()
	signals := program.Catch() // to the end of this process, see ending
	config, err := active.Repository().Config()
	if err != nil {
		return err
	}
	log, err := console.Create(active.OutputPath(s.joined), config.Console.MaxBytes)
	if err != nil {
		return fmt.Errorf("capturing the output of run %s: %w", active.ID, err)
	}
	stopSampling, release, stopFollowing := func() {}, func() {}, func() {}
	var watcher *tensorboard.Watcher
	var watching sync.WaitGroup
	var watchErr error
	watched, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	started := func(pid int) {
		if config.TensorBoard.Enabled {
			watcher = tensorboard.Watch(ctx, pid, active.Dir)
		}
		release = active.KeepFor(pid)
		if s.calls != nil {
			if err := s.calls.began(); err != nil {
				a.warnUnwatched(err)
			}
		}
		if s.traced && !s.joined {
			stopFollowing = active.FollowReads(context.WithoutCancel(ctx))
		}
		if s.mlflow != nil {
			s.mlflow.service.SetPID(pid)
		}
		if !s.joined && capture.HidesPython(s.dir, s.args) {
			watching.Go(func() { watchErr = watchPython(watched, s, pid) })
		}
		if config.System.Enabled && !s.noSystem {
			ask := repo.SampleRequest{Interval: config.System.Interval, PID: pid, Shared: s.joined}
			stopSampling = active.Sample(ctx, ask)
		}
	}
	if s.mlflow != nil {
		s.env = append(s.env, s.mlflow.env...)
	}
	options := a.programOptions(s.args, append(childEnv(active), s.env...), log, started)
	if s.stdin != nil {
		options.Stdin = s.stdin
	}
	options.Dir, options.Signals = s.dir, signals
	if s.calls != nil {
		options.Wrapper = s.calls.watcher
	}
	res, runErr := program.Run(ctx, options)
	if s.calls != nil {
		if err := s.calls.end(runErr == nil); err != nil {
			a.warn("%v", err)
		}
	}
	if s.given != nil {
		active.NoteGiven(s.given.end())
	}
	stopWatching()
	watching.Wait()
	if watchErr != nil {
		a.warn("%v", watchErr)
	}
	end := endedBy(res, runErr).Finish()
	end.Ended = time.Now().UTC().Truncate(time.Microsecond)
	protected := protectEnd(ctx, signals, active.ID, a.progress)
	defer protected.stop()
	if !s.joined {
		if err := active.KeepLastWords(end); err != nil {
			a.warn("writing down how run %s ended: %v", active.ID, err)
		}
	}
	if s.mlflow != nil {
		end = a.endMLflow(ctx, s.mlflow, end)
	}
	stopSampling()
	stopFollowing()
	release()
	if s.tidy != nil {
		s.tidy()
	}
	if res.OpenLine && a.term.ErrIsTerminal() {
		fmt.Fprintln(a.term.Err)
	}
	logErr := log.Close()
	if res.LogErr != nil && logErr == nil {
		logErr = res.LogErr
	}
	if logErr != nil {
		a.warn("the captured output is incomplete: %v", logErr)
	}
	if watcher != nil {
		q := tensorboard.Search{Since: began, Dirs: []string{s.dir}}
		watcher.Stop(&q)
		a.importEventFiles(ctx, active, q)
	}
	if s.joined {
		return a.endJoined(active, res, runErr)
	}
	a.recordLate(protected.hurry, active, s.late)
	end.Wait, end.Waiting, end.Hurry = repo.DefaultWait, a.reportWaiting, protected.hurry.Done()
	end.Hashing = func() { a.progress("runs: hashing the data that the program read; press Ctrl-C to stop waiting") }
	done, err := active.Finish(context.WithoutCancel(ctx), end)
	if runErr != nil {
		return errors.Join(a.notStarted(runErr), err)
	}
	a.status = res.ExitCode
	if err != nil {
		if a.status == 0 {
			return err
		}
		a.warn("%v", err) // warn only, because the exit status is that of the program
		return nil
	}
	took := time.Since(began)
	a.reportFinished(done)
	recorded := done.Run
	if e, err := active.Repository().Read(context.WithoutCancel(ctx), recorded.ID); err == nil {
		recorded = e.Run // the program may have changed the name
	}
	trashed := a.trashDeleted(ctx, s.mlflow)
	if trashed {
		a.progress("runs: the program deleted its first MLflow run, which records the program: "+
			"'runs rm --undo %s' restores it", format.IDRandom(recorded.ID))
	} else {
		a.reportRecorded(recorded, took)
	}
	if s.mlflow != nil {
		a.reportFurther(recorded, s.mlflow.service.Further())
	}
	if trashed {
		return nil
	}
	if r, err := active.Repository().Reopen(); err != nil {
		a.warn("%v", err)
	} else {
		a.commitAtFinish(protected.hurry, r, done.Run, false)
	}
	if then != nil {
		protected.stop()
		signals.Stop()
		return then(done.Run)
	}
	return nil
}

// endMLflow ends the listener and the runs of the program that it has opened, and returns how the run of the program
// ends.
func (a *app) endMLflow(ctx context.Context, l *mlflowListener, end repo.Finish) repo.Finish {
	l.end()
	a.reportStores(&l.stores)
	var unknown []string
	for call, n := range l.service.Unanswered() {
		unknown = append(unknown, fmt.Sprintf("%s (%d)", call, n))
	}
	if slices.Sort(unknown); len(unknown) > 0 {
		a.warn("MLflow calls were not answered: %s", firstNames(unknown))
	}
	own, err := l.service.End(context.WithoutCancel(ctx), end)
	if err != nil {
		a.warn("%v", err)
	}
	return own
}

// trashDeleted moves the finished run of the program to the trash, if the program has deleted it by MLflow, and reports
// whether it did.
func (a *app) trashDeleted(ctx context.Context, l *mlflowListener) bool {
	if l == nil {
		return false
	}
	trashed, err := l.service.TrashProgram(context.WithoutCancel(ctx))
	if err != nil {
		a.warn("moving the run that the program deleted to the trash: %v", err)
	}
	return trashed
}

// watchPython records the environment of the Python that the program really runs: the command does not tell it, if a
// tool such as uv or a shell script chooses it.
func watchPython(ctx context.Context, s supervised, pid int) (err error) {
	capture.WatchPython(ctx, pid, s.entry, func(found capture.RunningPython) {
		q := repo.InterpreterRequest{
			Interpreter: capture.Interpreter{Path: found.Path}, Dir: s.dir, Observed: true,
			Entry: s.active.Repository().EntryPoint(found.Dir, append([]string{found.Path}, found.Args...)),
		}
		err = s.active.UseInterpreter(context.WithoutCancel(ctx), q)
	})
	return err
}

// recordLate waits for datasets that are still being hashed and adds them to the run. It only warns about problems,
// because the program has already ended.
func (a *app) recordLate(ctx context.Context, active *repo.Active, late *repo.Hashing) {
	if late == nil {
		return
	}
	select {
	case <-late.Done():
	default:
		a.progress("runs: waiting for the hashes of the datasets; press Ctrl-C to stop waiting")
	}
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
	o := program.Options{
		Args: args, Dir: a.dir, Env: env, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Started: started,
	}
	if log != nil {
		o.Log = log
	}
	return o
}

// childEnv returns the environment of this process with the variables for the run. RUNS_PROGRAM is this program: the
// program may have another PATH (cron, a service, ssh), on which its client would not find it.
func childEnv(active *repo.Active) []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "RUNS_ID=") || strings.HasPrefix(v, "RUNS_DIR=") ||
			strings.HasPrefix(v, "RUNS_PROGRAM=") || strings.HasPrefix(v, "RUNS_READS")
	})
	if self, err := os.Executable(); err == nil {
		env = append(env, "RUNS_PROGRAM="+self)
	}
	return append(env, active.Variables()...)
}

// notStarted reports that a program could not be started. Its error has the exit status that a shell would return.
func (a *app) notStarted(err error) error {
	var start *program.StartError
	if errors.As(err, &start) {
		a.progress("runs: %v", err)
		a.hint("%s", startStep(start))
		return quietError{start.Code}
	}
	return err
}

// startStep says what to do about a program that could not be started.
func startStep(e *program.StartError) string {
	switch {
	case strings.ContainsAny(e.Name, " \t"):
		return "leave out the quotes around the whole command: runs exec -- " + e.Name
	case strings.HasSuffix(e.Name, ".py"):
		return "name the interpreter too: runs exec -- python3 " + e.Name
	case e.Code == 126:
		return "name a program that may be executed, as in 'runs exec -- python3 train.py'"
	}
	return "check the name and the PATH, or name a program by its path"
}

// endedBy describes how the program ended.
func endedBy(res program.Result, err error) repo.Ended {
	var start *program.StartError
	if errors.As(err, &start) {
		return repo.Ended{ExitCode: start.Code, NotStarted: true}
	}
	return repo.Ended{ExitCode: res.ExitCode, Signal: res.Signal, Received: res.Received}
}

// endJoined leaves a joined run, which its starter will finish.
func (a *app) endJoined(active *repo.Active, res program.Result, err error) error {
	active.Leave()
	if err != nil {
		return a.notStarted(err)
	}
	a.status = res.ExitCode
	return nil
}

// reportFurther says how many other runs an MLflow program has made.
func (a *app) reportFurther(run *format.Run, further []string) {
	switch len(further) {
	case 0:
	case 1:
		a.progress("runs: recorded 1 more run: 'runs show %s'", format.IDRandom(further[0]))
	default:
		a.progress("runs: recorded %d more runs: 'runs ls group=%s'", len(further), cmp.Or(run.Group, run.ID))
	}
}

// reportRecorded prints the last line of exec, with the run, its duration and the next step.
func (a *app) reportRecorded(run *format.Run, took time.Duration) {
	title := run.Title()
	if run.Name != "" {
		title = fmt.Sprintf("%s (%s)", run.Name, format.IDRandom(run.ID))
	}
	a.progress("runs: recorded %s, %s in %s: 'runs show %s'", title, run.Status, terminal.Span(took),
		format.IDRandom(run.ID))
}
