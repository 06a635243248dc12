package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/render"
	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/capture"
	"github.com/gitruns/runs/repo/mlflow"
	"github.com/gitruns/runs/repo/review"
)

type reproduceFlags struct {
	in, env, experiment, name string
	tolerance                 float64
	exitCode, noVariables     bool
	incomplete                bool
}

const exitDifferent = 4

func (a *app) reproduceCommand() *cobra.Command {
	var f reproduceFlags
	cmd := &cobra.Command{
		Use:   "reproduce RUN [flags] [-- COMMAND [ARG…]]",
		Short: "Repeat a run and compare the results",
		Long: `Repeat a run as a new run: restore its source into a new folder, find its data
by hash, compare or rebuild its environment, and run its command there. Then
report for each metric whether the result is the same.

    runs reproduce best=rmse
    runs reproduce @ --env venv --in ../again
    runs reproduce wide -- python train.py --epochs 1

Data is copied from its place on this machine. If the file system can share
blocks, the copy takes no space.

--env check only reports how the environment differs, --env none skips the
comparison, and --env venv builds a virtual environment with the recorded Python
and packages, using uv if it is installed.

If a submodule, a file of Git LFS or, with --env venv, a package cannot be
restored, the program is not started, unless --incomplete is given.

The program gets the recorded environment variables that change results, such as
PYTHONHASHSEED and OMP_NUM_THREADS; the others that differ are reported.

Exit status: the program's own; 0 if it succeeded; 1 failed; 2 wrong usage; 3 a
selector names no run; with --exit-code 4 if a metric differs; 130 interrupted.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			var command []string
			if at := cmd.ArgsLenAtDash(); at >= 0 {
				args, command = args[:at], args[at:]
			}
			if len(args) != 1 {
				return usagef("reproduce: give one RUN; a command comes after --")
			}
			return a.reproduce(cmd.Context(), &f, args[0], command)
		},
	}
	a.storeFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.in, "in", "", "restore into `DIR`, which must not exist, and keep it")
	flags.StringVar(&f.env, "env", "check", "handle the environment by `MODE`: none, check or venv")
	flags.StringVar(&f.name, "name", "", "give the new run a `NAME`")
	flags.Float64Var(&f.tolerance, "tolerance", 1e-6, "treat values that differ by less than this `FRACTION` as the same")
	flags.BoolVar(&f.noVariables, "no-variables", false, "leave the environment variables as they are")
	flags.BoolVar(&f.incomplete, "incomplete", false, "run the program although source or packages are missing")
	flags.BoolVar(&f.exitCode, "exit-code", false, "exit with 4 if a metric differs")
	flags.StringVarP(&f.experiment, "experiment", "e", "", "look in `EXPERIMENT`")
	return cmd
}

func (a *app) reproduce(ctx context.Context, f *reproduceFlags, selector string, command []string) error {
	mode := repo.EnvironmentMode(f.env)
	if mode != repo.IgnoreEnvironment && mode != repo.CompareEnvironment && mode != repo.BuildEnvironment {
		return usagef("reproduce: --env must be none, check or venv, got %q", f.env)
	}
	if !(f.tolerance >= 0) || math.IsInf(f.tolerance, 0) {
		return usagef("reproduce: --tolerance must be a number of 0 or more, got %v", f.tolerance)
	}
	r, err := a.find(ctx)
	if err != nil {
		return err
	}
	old, err := a.oneRun(ctx, r, selector, f.experiment)
	if err != nil {
		return err
	}
	if old.Active != nil {
		err := fmt.Errorf("reproducing %s: it is still running", old.Title())
		return &repo.HintError{Err: err, Hint: "try again when it has finished"}
	}
	if len(command) == 0 && len(old.Command) == 0 {
		err := fmt.Errorf("reproducing %s: its command was not recorded", old.Title())
		return &repo.HintError{Err: err, Hint: "give the command: 'runs reproduce " + selector + " -- COMMAND'"}
	}
	dir := a.path(f.in)
	if f.in == "" {
		parent, err := os.MkdirTemp("", "runs-reproduce-")
		if err != nil {
			return err
		}
		dir = filepath.Join(parent, filepath.Base(r.TreeRoot()))
		defer func() { _ = os.Remove(parent) }() // it stays unless nothing was restored
	}
	done, err := old.Repository().CheckOut(ctx, old.Run, dir)
	if err != nil {
		return err
	}
	a.printRestored(ctx, old, dir, done)
	again, err := a.startAgain(ctx, r, repo.ReproduceRequest{
		Of: old, Dir: dir, Name: f.name, Command: command, Environment: mode, Output: a.term.Err,
		NoVariables: f.noVariables, Restored: done, Incomplete: f.incomplete,
	})
	if err != nil {
		hint := "the restored source is in " + dir
		if inner := (*repo.HintError)(nil); errors.As(err, &inner) {
			hint = inner.Hint + "; " + hint
		}
		return &repo.HintError{Err: err, Hint: hint}
	}
	s := supervised{active: again.Active, args: again.Args, dir: again.Dir, env: again.Env}
	if err := a.traceReads(&s, ""); err != nil {
		return err
	}
	if again.Stdin != "" && stdinFile() == "" {
		if s.stdin, err = os.Open(again.Stdin); err != nil {
			return fmt.Errorf("opening the standard input of %s: %w", old.Title(), err)
		}
		defer func() { _ = s.stdin.Close() }()
		a.progress("runs: standard input is %s, as recorded", repo.Relative(a.dir, again.Stdin))
	}
	if servers := old.Tags[mlflow.ServersTag] == mlflow.ServersTaken; servers || !namesServer() {
		a.answerMLflow(ctx, &s, servers)
		if s.mlflow != nil {
			s.mlflow.env = append(s.mlflow.env, "RUNS_MLFLOW_PROJECT="+dir)
		}
	}
	if path := a.injectPython(&s); len(path) > 0 {
		s.env = append(s.env, pythonPath(pythonPathOf(s.env), path)...)
	}
	return a.supervise(ctx, s, func(run *format.Run) error {
		e, err := a.reproduced(context.WithoutCancel(ctx), r, old, run)
		if err != nil {
			return err
		}
		same, err := a.printReproduction(ctx, f, old, e)
		if f.in == "" {
			a.leaveRestored(dir, same && err == nil && a.status == 0)
		}
		return err
	})
}

// leaveRestored removes a temporary folder with restored source and data if the result was the same. Otherwise the
// folder is needed to find out why, and it is reported.
func (a *app) leaveRestored(dir string, same bool) {
	if same {
		if err := os.RemoveAll(dir); err != nil {
			a.warn("removing the restored source: %v", err)
		}
		return
	}
	a.progress("runs: kept %s: the restored source, its data and what the program wrote", dir)
}

// reproduced returns the run that stands for the reproduced one: the run of the program or, if the program made the
// old run beside others, the one that it made in its place.
func (a *app) reproduced(ctx context.Context, r *repo.Repository, old *repo.Entry, run *format.Run) (*repo.Entry,
	error,
) {
	if !review.MadeBeside(old.Run) {
		return r.Read(ctx, run.ID)
	}
	c, err := a.collect(ctx, r, "")
	if err != nil {
		return nil, err
	}
	e := review.Counterpart(old, c.Entries(), run.ID)
	if e == nil {
		err := fmt.Errorf("comparing %s: the program has made no run in its place", old.Title())
		return nil, &repo.HintError{Err: err, Hint: "run 'runs show " + run.ID + "' for the run of the program"}
	}
	return e, nil
}

// startAgain fetches the data and starts the new run.
func (a *app) startAgain(ctx context.Context, r *repo.Repository, q repo.ReproduceRequest) (*repo.Reproduction, error) {
	progress := a.term.Progress("hashing data")
	data, err := r.FetchData(ctx, q.Of.Run, q.Dir, progress.Bytes)
	progress.Done()
	if err != nil {
		return nil, err
	}
	for _, d := range data {
		a.printFetched(d)
	}
	q.Data = data
	again, err := r.Reproduce(ctx, q)
	if err != nil {
		return nil, err
	}
	for _, path := range again.Absent {
		a.warn("the command names %s, which is not on this machine", path)
	}
	if again.LostStdin != "" {
		a.warn("the standard input of the run, %s, was not restored", again.LostStdin)
		a.hint("give it with 'runs reproduce %s < FILE'", format.IDRandom(q.Of.ID))
	}
	a.printEnvironment(again)
	a.hintEditable(q, again)
	if len(again.Changes) > 0 && again.Lock != "" {
		a.hint("%s pins the recorded packages: '%s' in the restored source installs them", again.Lock, again.LockCommand)
	}
	a.printVariables(again.Variables)
	if again.MadeDir {
		a.progress("runs: made the working folder %s, which Git does not track", repo.Relative(a.dir, again.Dir))
	}
	return again, nil
}

// printFetched prints where a dataset was found, what is known of its content, and whether the program reads it there.
func (a *app) printFetched(d repo.FetchedData) {
	place := repo.Relative(a.dir, d.Place)
	switch {
	case d.Place == "":
		a.progress("runs: dataset %s was not verified: only the library that reads it knows its digest", d.Name)
	case d.SourceType != "" && d.Trusted && d.Hash == "":
		a.progress("runs: found dataset %s at revision %.12s: %s (its files were not hashed)", d.Name, d.Digest, place)
	case d.Trusted:
		a.progress("runs: found dataset %s: %s (only its names and sizes are known)", d.Name, place)
	default:
		a.progress("runs: verified dataset %s: %s", d.Name, place)
	}
	switch {
	case d.Variable == "":
	case !d.Unread:
		a.hint("the program gets this place in %s", d.Variable)
	case d.Former != "":
		a.warn("the source of the run does not name %s: the program reads the path that it names itself, %s, and not %s",
			d.Variable, d.Former, place)
		a.hint("put the data at that path, or have the program read the variable")
	default:
		a.hint("the program reads the path that it names itself; %s is set to this place, but its source does not name it",
			d.Variable)
	}
}

// hintEditable says how editable packages that differ come back.
func (a *app) hintEditable(q repo.ReproduceRequest, again *repo.Reproduction) {
	var restorable, lost []string
	for _, c := range again.Changes {
		name, ok := strings.CutPrefix(c.Key, diff.EditableKey)
		switch {
		case !ok:
		case q.Of.Source != nil && slices.ContainsFunc(q.Of.Source.Packages, func(p format.Package) bool {
			return p.Name == name
		}):
			restorable = append(restorable, name)
		default:
			lost = append(lost, name)
		}
	}
	if len(restorable) > 0 && q.Environment == repo.CompareEnvironment {
		a.hint("'runs reproduce %s --env venv' installs %s as recorded",
			format.IDRandom(q.Of.ID), firstNames(restorable))
	}
	if len(lost) > 0 {
		a.hint("only a digest is recorded of %s, which was not in a Git repository: put the files back as they were",
			firstNames(lost))
	}
}

// printVariables prints which recorded environment variables the program gets, and which others differ.
func (a *app) printVariables(v capture.RestoredVariables) {
	if len(v.Set) > 0 {
		a.progress("runs: set %s as recorded: %s", terminal.Count(int64(len(v.Set)), "variable"), firstNames(v.Set))
	}
	if len(v.Left) > 0 {
		a.progress("runs: %s from what was recorded:", differ(len(v.Left)))
		for _, line := range render.LeftVariables(v.Left, shownChanges) {
			a.progress("      %s", line)
		}
		a.hint("if the result depends on one of them, set it and repeat")
	}
	if len(v.Machine) > 0 {
		a.progress("runs: left %s of the machine or its scheduler: %s",
			terminal.Count(int64(len(v.Machine)), "variable"), firstNames(v.Machine))
	}
}

func differ(n int) string {
	if n == 1 {
		return "1 variable differs"
	}
	return fmt.Sprintf("%d variables differ", n)
}

// printEnvironment prints the differences of the environment that matter, and folds the others.
func (a *app) printEnvironment(again *repo.Reproduction) {
	changes, matter := again.Changes, again.Matter
	if len(changes) == 0 {
		return
	}
	a.progress("runs: the environment differs from the recorded one in %s:",
		terminal.Count(int64(len(changes)), "place"))
	for _, line := range render.Changes(changes[:matter], shownChanges) {
		a.progress("      %s", line)
	}
	var others []string
	for _, c := range changes[matter:] {
		others = append(others, c.Key)
	}
	if len(others) > 0 {
		by := "source"
		if again.Watched {
			by = "program"
		}
		a.progress("      not imported by the %s: %s", by, render.Few(others))
	}
}

// shownChanges is how many differences are named.
const shownChanges = 12

func (a *app) printChanges(what string, changes []diff.Change) {
	if len(changes) == 0 {
		return
	}
	a.progress("runs: %s from the recorded one in %s:", what, terminal.Count(int64(len(changes)), "place"))
	for _, line := range render.Changes(changes, shownChanges) {
		a.progress("      %s", line)
	}
}

// printReproduction compares the metrics of two runs and prints whether they are the same. same is false without
// metrics.
func (a *app) printReproduction(
	ctx context.Context, f *reproduceFlags, old, again *repo.Entry,
) (same bool, err error) {
	result, err := review.CompareReproduction(ctx, old, again, f.tolerance)
	if err != nil {
		return false, err
	}
	view := render.Reproduction{Reproduction: result}
	if err := view.WriteMetrics(a.term.Out, a.term); err != nil {
		return false, err
	}
	a.printChanges("the machine differs", result.Machine)
	a.print("%s", view.Verdict(a.term))
	if again.ExitCode != nil && old.ExitCode != nil && *again.ExitCode != *old.ExitCode {
		a.progress("runs: the program exited with status %d, but with %d when it was recorded",
			*again.ExitCode, *old.ExitCode)
	}
	different := result.Different()+result.Missing() > 0
	if different && f.exitCode && a.status == 0 {
		return false, quietError{exitDifferent}
	}
	return !different && len(result.Metrics) > 0, nil
}
