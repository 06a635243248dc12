package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/render"
	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/capture"
	"github.com/gitruns/runs/repo/review"
)

type reproduceFlags struct {
	in, env, experiment, name string
	tolerance                 float64
	exitCode                  bool
}

const exitDifferent = 4

func (a *app) reproduceCommand() *cobra.Command {
	var f reproduceFlags
	cmd := &cobra.Command{
		Use:   "reproduce RUN [flags] [-- COMMAND [ARG…]]",
		Short: "Run it again: same source, same data, same command",
		Long: `Restore the source of a run into a new folder, find its data by hash, compare or rebuild its environment, run its command
there as a new run that reproduces the old one, and say metric by metric whether the result is the same.

    runs reproduce best(rmse)
    runs reproduce @ --env venv --in ../again
    runs reproduce wide -- python train.py --epochs 1

Data is copied from where it lies, or shares its blocks where the file system can. --env check says what differs in the
environment, none does not look, venv builds one with the recorded Python and packages, by uv where it is installed.

Exit status: that of the program; 0 when it ended well; 1 failed; 2 wrong usage; 3 a selector names no run; with --exit-code
4 when a metric is different; 130 interrupted.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			var command []string
			if at := cmd.ArgsLenAtDash(); at >= 0 {
				args, command = args[:at], args[at:]
			}
			if len(args) != 1 {
				return usagef("reproduce: give one RUN; a command stands behind --")
			}
			return a.reproduce(cmd.Context(), &f, args[0], command)
		},
		ValidArgsFunction: a.completeRun,
	}
	flags := cmd.Flags()
	flags.StringVar(&f.in, "in", "", "restore into `DIR`, which must not exist; else into a temporary folder")
	flags.StringVar(&f.env, "env", "check", "`none`, check or venv")
	flags.StringVar(&f.name, "name", "", "`NAME` of the new run")
	flags.Float64Var(&f.tolerance, "tolerance", 1e-6, "values that differ by less than this part of them count as the same")
	flags.BoolVar(&f.exitCode, "exit-code", false, "exit with 4 when a metric is different")
	flags.StringVarP(&f.experiment, "experiment", "e", "", "look in `EXPERIMENT`")
	return cmd
}

func (a *app) reproduce(ctx context.Context, f *reproduceFlags, selector string, command []string) error {
	if f.env != "none" && f.env != "check" && f.env != "venv" {
		return usagef("reproduce: --env is none, check or venv, not %q", f.env)
	}
	if !(f.tolerance >= 0) || math.IsInf(f.tolerance, 0) {
		return usagef("reproduce: --tolerance is a number of 0 or more")
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
		return &repo.HintError{Err: fmt.Errorf("reproducing %s: it is in progress", old.Title()), Hint: "repeat when it has ended"}
	}
	if len(command) == 0 && len(old.Command) == 0 {
		return &repo.HintError{Err: fmt.Errorf("reproducing %s: its command was not recorded", old.Title()), Hint: "'runs exec' records it; give it here: runs reproduce " + selector + " -- COMMAND"}
	}
	dir := a.path(f.in)
	if f.in == "" {
		parent, err := os.MkdirTemp("", "runs-reproduce-")
		if err != nil {
			return err
		}
		dir = filepath.Join(parent, filepath.Base(r.TreeRoot()))
		defer func() { _ = os.Remove(parent) }() // where nothing was restored into it
	}
	pointers, err := old.Repository().CheckOut(ctx, old.Run, dir)
	if err != nil {
		return err
	}
	a.sayRestored(old, dir, pointers)
	s, err := a.prepareAgain(ctx, r, f, old, dir, command)
	if err != nil {
		return &repo.HintError{Err: err, Hint: hintOf(err, "the source stays in "+dir)}
	}
	return a.supervise(ctx, *s, func(run *format.Run) error {
		again, err := r.Read(context.WithoutCancel(ctx), run.ID)
		if err != nil {
			return err
		}
		return a.printReproduction(ctx, f, old, again)
	})
}

// hintOf is the hint of an error, with more behind it.
func hintOf(err error, more string) string {
	var hint *repo.HintError
	if errors.As(err, &hint) {
		return hint.Hint + "; " + more
	}
	return more
}

// prepareAgain brings data and environment to the restored source, and begins the new run.
func (a *app) prepareAgain(ctx context.Context, r *repo.Repository, f *reproduceFlags, old *repo.Entry, dir string, command []string) (*supervised, error) {
	progress := a.term.Progress("hashing data")
	data, err := r.FetchData(ctx, old.Run, dir, progress.Bytes)
	progress.Done()
	if err != nil {
		return nil, err
	}
	s := &supervised{dir: filepath.Join(dir, filepath.FromSlash(old.Cwd)), args: command}
	run := &format.Run{
		Name: f.name, Experiment: old.Experiment, Reproduces: old.ID, Params: old.Params, Nulls: old.Nulls, Cwd: old.Cwd,
		Tags: old.Tags, Source: old.Source,
	}
	for _, d := range data {
		run.Datasets = append(run.Datasets, d.Dataset)
		a.progress("runs: data %s proved: %s", d.Name, repo.Relative(a.dir, d.Place))
		if d.Variable != "" {
			s.env = append(s.env, d.Variable+"="+d.Place)
		}
	}
	if info, err := os.Stat(s.dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("reproducing %s: the folder where it ran, %s, is not in its source", old.Title(), old.Cwd)
	}
	if len(s.args) == 0 {
		s.args = a.localCommand(r, old.Run, dir)
	}
	for _, arg := range s.args {
		run.Command = append(run.Command, capture.Portable(r.TreeRoot(), capture.Portable(dir, strings.ToValidUTF8(arg, "\ufffd"))))
	}
	recorded, err := recordedEnvironment(ctx, old.Repository(), old.Run)
	if err != nil && f.env != "none" {
		return nil, err
	}
	if f.env == "venv" {
		env, bin, err := capture.MakeVenv(ctx, recorded, dir, filepath.Join(dir, ".venv"), a.term.Err)
		if err != nil {
			hint := "'--env check' runs in the environment that is here"
			if errors.Is(err, capture.ErrNoPython) {
				hint = "install it, or uv, which fetches it; " + hint
			}
			return nil, &repo.HintError{Err: fmt.Errorf("building the environment: %w", err), Hint: hint}
		}
		s.env = append(s.env, env...)
		if program := filepath.Join(bin, filepath.Base(s.args[0])); isFile(program) {
			s.args[0] = program
		}
	}
	now, err := r.OriginAgain(ctx, run, dir, s.dir, s.args, s.env)
	if err != nil {
		return nil, err
	}
	if f.env != "none" {
		a.printChanges("the environment differs", diff.CompareEnvironments(recorded, now))
	}
	if s.active, err = r.Start(ctx, run, format.OwnerProcess); err != nil {
		return nil, err
	}
	return s, nil
}

func recordedEnvironment(ctx context.Context, r *repo.Repository, run *format.Run) (*format.EnvironmentFile, error) {
	if run.Environment == nil || run.Environment.Digest == "" {
		return nil, nil
	}
	return r.Environment(ctx, run.Environment.Digest)
}

// localCommand is the recorded command with the paths of this machine. A program of the project that its source does not
// hold, like the Python of a virtual environment, is that of the project here.
func (a *app) localCommand(r *repo.Repository, run *format.Run, dir string) []string {
	args := make([]string, len(run.Command))
	for i, arg := range run.Command {
		args[i] = capture.Local(dir, arg)
	}
	name := args[0]
	if rest, ok := strings.CutPrefix(run.Command[0], "{project}"); ok {
		if here := r.TreeRoot() + rest; !isFile(name) && isFile(here) {
			args[0] = here
		}
	} else if strings.ContainsRune(name, '/') && !filepath.IsAbs(name) {
		at := filepath.Join(filepath.FromSlash(run.Cwd), filepath.FromSlash(name))
		if here := filepath.Join(r.TreeRoot(), at); !isFile(filepath.Join(dir, at)) && isFile(here) {
			args[0] = here
		}
	}
	return args
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
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

// printReproduction compares the metrics of two runs and prints whether they are the same.
func (a *app) printReproduction(ctx context.Context, f *reproduceFlags, old, again *repo.Entry) error {
	result, err := review.CompareReproduction(ctx, old, again, f.tolerance)
	if err != nil {
		return err
	}
	view := render.Reproduction{Reproduction: result}
	if err := view.WriteMetrics(a.term.Out, a.term); err != nil {
		return err
	}
	a.printChanges("the machine differs", result.Machine)
	a.print("%s", view.Verdict(a.term))
	if again.ExitCode != nil && old.ExitCode != nil && *again.ExitCode != *old.ExitCode {
		a.progress("runs: the program exited with status %d, but with %d when it was recorded", *again.ExitCode, *old.ExitCode)
	}
	if result.Different() > 0 && f.exitCode && a.status == 0 {
		return quietError{exitDifferent}
	}
	return nil
}
