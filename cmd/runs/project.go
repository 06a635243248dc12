package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/program"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/capture"
	"github.com/gitruns/runs/repo/launch"
)

type projectFlags struct {
	entry, version, manager, in string
	params                      []string
	dryRun                      bool
	run                         execFlags // describes the run
}

func (a *app) projectCommand() *cobra.Command {
	var f projectFlags
	cmd := &cobra.Command{
		Use:   "project PATH|GIT-URL[#SUBFOLDER] [flags]",
		Short: "Run an entry point of a project and record it",
		Long: `Run an entry point of an MLflow project, or of the table [project] of
.runs/config.toml, and record it. A file that ends in .py or .sh is an entry
point, too.

    runs project . -P alpha=0.5
    runs project https://github.com/mlflow/mlflow-example -P alpha=0.5
    runs project ../model -e evaluate --version v1.2 --dry-run

A project of this repository runs where it is, with your changes. With
--version, and from another repository, it runs in a clone of its own: what is
not committed is left out. A clone is a temporary folder, unless --in names
one; it is removed if the program succeeded and wrote nothing there.

The run is recorded in the project in which you are. If you are in none, it is
recorded in that of PATH, or in the clone, which is then made here.

Parameters that the entry point does not declare are passed as --KEY VALUE.
Running a project runs its code with your rights; its environment too.

Exit status: the program's own; 1 if it was not started; 2 wrong usage.`,
		Args: arguments(1, 1, "PATH or GIT-URL"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.project(cmd.Context(), &f, args[0]) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.entry, "entry", "e", launch.Main, "run the entry point `ENTRY`")
	flags.StringArrayVarP(&f.params, "param", "P", nil, "set a parameter, `KEY=VALUE` (repeatable)")
	flags.StringVar(&f.version, "version", "", "run `REV`: a branch, a tag or a commit")
	flags.StringVar(&f.manager, "env-manager", "",
		"make the environment with `MANAGER`: uv, venv, or local for none")
	flags.BoolVarP(&f.dryRun, "dry-run", "n", false, "print the command and do not run it")
	flags.StringVar(&f.in, "in", "", "clone into `DIR`, which must not exist, and keep it")
	flags.StringVar(&f.run.name, "name", "", "give the run a `NAME`")
	flags.StringVar(&f.run.experiment, "experiment", "", "record the run in `EXPERIMENT`")
	flags.StringArrayVarP(&f.run.tags, "tag", "t", nil, "set a tag, `KEY[=VALUE]` (repeatable)")
	f.run.doing = "project"
	return cmd
}

// managers are the values of --env-manager.
var managers = []string{"uv", "venv", "local"}

func (a *app) project(ctx context.Context, f *projectFlags, target string) error {
	if f.manager == "virtualenv" { // as MLflow calls it
		f.manager = "venv"
	}
	if f.manager != "" && !slices.Contains(managers, f.manager) {
		return usagef("project: --env-manager must be uv, venv or local, got %q", f.manager)
	}
	var given []launch.Given
	for _, text := range f.params {
		g, err := launch.ParseGiven(text)
		if err != nil {
			return usagef("project: parameter %v", err)
		}
		given = append(given, g)
	}
	place, err := repo.FindProject(ctx, repo.ProjectRequest{
		Target: target, From: a.dir, Rev: f.version, In: a.inDir(f.in),
	})
	if err != nil && (target == "list" || target == "ls") {
		return &repo.HintError{Err: err, Hint: "run 'runs ls --group-by experiment' for the experiments"}
	}
	if err != nil {
		return err
	}
	if place.Cloning() {
		if dir := place.Target(); dir != "" {
			a.progress("runs: cloning %s into %s", place.Shown, repo.Relative(a.dir, dir))
		} else {
			a.progress("runs: cloning %s", place.Shown)
		}
		if err := place.Clone(ctx); err != nil {
			return err
		}
		defer a.leaveClone(ctx, f, place)
	}
	if place.LeftOut {
		a.warn("%s has changes that are not committed; they are left out", repo.Relative(a.dir, place.Keep.Root))
		a.hint("run it in that folder to include them")
	}
	err = a.runProject(ctx, f, place, given)
	var quiet quietError
	if err != nil && !errors.As(err, &quiet) {
		err = fmt.Errorf("running %s: %w", place.Shown, err)
		if hint := (*repo.HintError)(nil); !errors.As(err, &hint) {
			err = &repo.HintError{Err: err, Hint: "see 'runs help guide/projects'"}
		}
	}
	return err
}

func (a *app) inDir(dir string) string {
	if dir == "" {
		return ""
	}
	return a.path(dir)
}

// leaveClone removes a temporary clone unless it has something that is needed.
func (a *app) leaveClone(ctx context.Context, f *projectFlags, place *repo.ProjectPlace) {
	kept, err := place.Leave(context.WithoutCancel(ctx), a.status == 0 || f.dryRun, f.dryRun)
	switch {
	case err != nil:
		a.warn("removing the clone: %v", err)
	case kept:
		a.progress("runs: kept %s: the clone, and what the program wrote", repo.Relative(a.dir, place.Root()))
	}
}

// runProject runs an entry point of a project that is on this machine.
func (a *app) runProject(
	ctx context.Context, f *projectFlags, place *repo.ProjectPlace, given []launch.Given,
) error {
	config, err := repo.FolderConfig(place.Dir)
	if err != nil {
		return err
	}
	p, err := launch.Load(place.Dir, config)
	if err != nil {
		return err
	}
	if p.Docker {
		return &repo.HintError{
			Err:  errors.New("it runs in a container (docker_env), which is not supported"),
			Hint: "build the image, and record 'runs exec -- docker run …'",
		}
	}
	entry, err := p.Entry(place.Dir, f.entry)
	if err != nil {
		return err
	}
	filled, err := entry.Fill(launch.Call{Dir: place.Dir, From: a.dir, Given: given})
	if err != nil {
		return err
	}
	env, err := p.Environment(place.Dir)
	if err != nil {
		return err
	}
	manager := f.manager
	if env == nil || manager == "local" {
		manager = "local"
	} else if _, noUV := exec.LookPath("uv"); noUV == nil && manager == "" {
		manager = "uv"
	} else if manager == "" {
		manager = "venv"
	} else if manager == "uv" && noUV != nil {
		return &repo.HintError{Err: errors.New("uv is not installed"), Hint: "give --env-manager venv"}
	}
	a.tellProject(place, entry, filled, env, manager)
	if f.dryRun {
		a.print("%s", shellWords(filled.Args))
		return nil
	}
	var installed capture.Installed
	if manager != "local" {
		if installed, err = a.installProject(ctx, place, env, manager); err != nil {
			return err
		}
	}
	args := filled.Args
	if installed.Bin != "" {
		if in := filepath.Join(installed.Bin, args[0]); filepath.Base(args[0]) == args[0] && isProgram(in) {
			args = append([]string{in}, args[1:]...)
		}
	} else if _, err := exec.LookPath(args[0]); err != nil && args[0] == "python" {
		args = append([]string{"python3"}, args[1:]...)
	}
	f.run.values = filled.Params
	if !place.Elsewhere() {
		if place.Dir != a.dir {
			a.progress("runs: recording in the project of %s", repo.Relative(a.dir, place.Dir))
		}
		a.dir = place.Dir
		return a.execute(ctx, &f.run, args, installed.Env)
	}
	return a.runClone(ctx, f, place, args, installed.Env)
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// tellProject says what is about to run, before anything of the project runs.
func (a *app) tellProject(
	place *repo.ProjectPlace, entry launch.Entry, filled launch.Filled, env *launch.Environment, manager string,
) {
	a.progress("runs: entry point %s of %s: %s", entry.Name, place.Shown, shellWords(filled.Args))
	switch {
	case env == nil:
	case manager == "local":
		a.progress("runs: the environment in %s is not made; the program runs in this one", env.File)
	case len(env.Conda) > 0:
		a.warn("packages of Conda in %s are not installed: %s", env.File, firstNames(env.Conda))
		a.hint("activate an environment that has them, and give --env-manager local")
	}
}

// shellWords joins the words of a command as one types it.
func shellWords(args []string) string {
	quoted := make([]string, len(args))
	for i, arg := range args {
		quoted[i] = launch.Quote(arg)
	}
	return strings.Join(quoted, " ")
}

func (a *app) installProject(
	ctx context.Context, place *repo.ProjectPlace, env *launch.Environment, manager string,
) (capture.Installed, error) {
	cache, err := os.UserCacheDir()
	if err == nil {
		err = checkCache(cache)
	}
	if err != nil {
		return capture.Installed{}, fmt.Errorf("making the environment: %w", err)
	}
	a.progress("runs: making the environment in %s with %s", env.File, manager)
	done, err := capture.Install(ctx, capture.InstallRequest{
		Root: place.Dir, Python: env.Python, Build: env.Build, Packages: env.Packages, Files: env.Files,
		UV: manager == "uv", Shared: filepath.Join(cache, "runs", "environments"), Own: place.Beside("environment"),
	}, a.term.Err)
	if err != nil {
		hint := "give --env-manager local to use the environment of this shell"
		if errors.Is(err, capture.ErrNoPython) {
			hint = "install that Python, or uv, which downloads it; or " + hint
		}
		return done, &repo.HintError{Err: fmt.Errorf("making the environment: %w", err), Hint: hint}
	}
	if done.Reused {
		a.progress("runs: the environment was there already")
	}
	return done, nil
}

// runClone runs a program in a clone, and records it in the project of this folder.
func (a *app) runClone(
	ctx context.Context, f *projectFlags, place *repo.ProjectPlace, args, env []string,
) error {
	if disabled() {
		options := a.programOptions(args, append(os.Environ(), env...), nil, nil)
		options.Dir = place.Dir
		res, err := program.Run(ctx, options)
		if err != nil {
			return a.notStarted(err)
		}
		a.status = res.ExitCode
		return nil
	}
	outer, err := a.enclosingRun(ctx)
	if err != nil && !errors.Is(err, repo.ErrFinished) && !errors.Is(err, repo.ErrNotActive) {
		return err
	}
	r, err := a.setup(ctx)
	if err != nil {
		return err
	}
	a.finishGoneBut(ctx, r, "")
	n, err := a.describe(ctx, r, &f.run.newRunFlags)
	if err != nil {
		return err
	}
	if outer != nil {
		n.Parent = outer.ID
	}
	n.Command, n.Dir = args, place.Dir
	started, err := r.StartInClone(ctx, repo.CloneRun{
		Description: n.Description, Clone: place.Dirs, Keep: place.Keep, Env: env,
	})
	if text := new(repo.DescriptionError); errors.As(err, &text) {
		return usagef("project: %w", err)
	}
	if err != nil {
		return err
	}
	a.warnAll(started.Warnings)
	a.progress("runs: recording in %s", cmp.Or(repo.Relative(a.dir, r.Dir), "."))
	s := supervised{active: started.Active, args: args, dir: place.Dir, env: env, entry: started.Entry}
	if err := a.traceReads(&s, ""); err != nil {
		return err
	}
	if !namesServer() {
		a.answerMLflow(ctx, &s, false)
		if s.mlflow != nil {
			s.mlflow.env = append(s.mlflow.env, "RUNS_MLFLOW_PROJECT="+place.Root())
		}
	}
	if path := a.injectPython(&s); len(path) > 0 {
		s.env = append(s.env, pythonPath(pythonPathOf(s.env), path)...)
	}
	return a.supervise(ctx, s, nil)
}
