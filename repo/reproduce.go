package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/capture"
)

// EnvironmentMode says how a reproduction treats the recorded environment.
type EnvironmentMode string

// The modes.
const (
	IgnoreEnvironment  EnvironmentMode = "none"
	CompareEnvironment EnvironmentMode = "check"
	BuildEnvironment   EnvironmentMode = "venv" // a Python virtual environment with the recorded packages
)

// ReproduceRequest says how to run a run again.
type ReproduceRequest struct {
	Of          *Entry
	Dir         string        // holds the restored source, see CheckOut
	Restored    Restored      // what CheckOut could not restore
	Incomplete  bool          // start the program although parts of the source, or packages, are missing
	Data        []FetchedData // see FetchData
	Name        string        // name of the new run; may be empty
	Command     []string      // replaces the recorded command unless empty
	Environment EnvironmentMode
	Output      io.Writer // receives what building the environment prints
	NoVariables bool      // leave the environment variables as they are
}

// Reproduction is a run that was started. The caller must run its program.
type Reproduction struct {
	Active  *Active
	Args    []string
	Dir     string
	Env     []string      // in addition to the environment of this process
	Changes []diff.Change // differences of the environment, what matters first; nil if it was not compared
	Matter  int           // so many of them matter, see diff.WhatMatters
	Watched bool          // what the program imported is known from when it ran, not from the text of its source
	// Lock is a lock file of the source that pins the recorded packages, and LockCommand installs them. Both are empty if
	// there is none.
	Lock, LockCommand string

	// Stdin is the file that was standard input, and LostStdin its name in the record if it was not restored.
	Stdin, LostStdin string

	Variables capture.RestoredVariables // empty with NoVariables
	Absent    []string                  // absolute paths in the command that are not on this machine
	MadeDir   bool                      // Dir did not exist in the restored source
}

// Reproduce starts a run that reproduces another one in its restored source. The caller runs the program and finishes
// the run.
func (r *Repository) Reproduce(ctx context.Context, q ReproduceRequest) (*Reproduction, error) {
	of := q.Of
	p := &Reproduction{Args: q.Command}
	if len(p.Args) == 0 {
		p.Args = r.localCommand(of.Run, q.Dir)
		if err := of.Repository().useArtifacts(ctx, of.Run, p.Args); err != nil {
			return nil, fmt.Errorf("reproducing %s: %w", of.Title(), err)
		}
	}
	if err := q.complete(); err != nil {
		return nil, err
	}
	if err := r.hasInterpreter(of.Run, q, p.Args[0]); err != nil {
		return nil, err
	}
	err := p.findDir(of.Run, q)
	if err == nil {
		err = makeFolders(of.Run, q.Dir)
	}
	if err != nil {
		return nil, fmt.Errorf("reproducing %s: %w", of.Title(), err)
	}
	run := &format.Run{
		Name: q.Name, Experiment: of.Experiment, Reproduces: of.ID, Params: of.Params, Cwd: of.Cwd,
		Tags: of.Tags, Source: of.Source,
	}
	for _, d := range q.Data {
		run.Datasets = append(run.Datasets, d.Dataset)
		if d.Variable != "" {
			p.Env = append(p.Env, d.Variable+"="+d.Place)
		}
	}
	if !q.NoVariables {
		if err := r.restoreVariables(p, q); err != nil {
			return nil, err
		}
	}
	if len(q.Command) == 0 {
		p.Absent = absentPaths(p.Args)
		p.findStdin(of.Run, q)
	}
	command := p.Args
	var recorded *format.EnvironmentFile
	if q.Environment != IgnoreEnvironment && of.Environment != nil && of.Environment.Digest != "" {
		var err error
		if recorded, err = of.Repository().Environment(ctx, of.Environment.Digest); err != nil {
			return nil, err
		}
	}
	var restored []format.Package
	if q.Environment == BuildEnvironment {
		if restored, err = r.buildEnvironment(ctx, p, recorded, q); err != nil {
			return nil, err
		}
	}
	if len(q.Command) == 0 && isNotebook(of.Run) {
		var err error
		if p.Args, err = executeNotebook(p.Args[0], q.Dir, of.Source.Entry, p.Dir); err != nil {
			return nil, fmt.Errorf("reproducing %s: %w", of.Title(), err)
		}
		command = p.Args
	}
	for _, arg := range command {
		arg = capture.Portable(q.Dir, strings.ToValidUTF8(arg, "\ufffd"))
		run.Command = append(run.Command, capture.Portable(r.TreeRoot(), arg))
	}
	now, err := r.OriginAgain(ctx, run, q.Dir, p.Dir, p.Args, p.Env, restored)
	if err != nil {
		return nil, err
	}
	if q.Environment != IgnoreEnvironment {
		p.Lock, p.LockCommand = capture.LockCommand(recorded, q.Dir)
		p.Changes = slices.DeleteFunc(diff.CompareEnvironments(recorded, likeRecorded(now, recorded)),
			func(c diff.Change) bool {
				name, editable := strings.CutPrefix(c.Key, diff.EditableKey)
				return editable && slices.ContainsFunc(restored, func(p format.Package) bool { return p.Name == name })
			})
		var imported map[string]bool
		if p.Watched = of.Trace != nil && len(of.Trace.Imported) > 0; p.Watched {
			imported = capture.ImportedModules(of.Trace.Imported)
		} else {
			imported = capture.Imported(ctx, q.Dir)
		}
		p.Changes, p.Matter = diff.WhatMatters(p.Changes, imported)
	}
	if p.Active, err = r.Start(ctx, run, format.OwnerProcess); err != nil {
		return nil, err
	}
	p.Active.again = &again{dir: q.Dir, data: q.Data}
	return p, nil
}

// likeRecorded returns an environment without its Python if the recorded program had none: the one of this machine does
// not matter then.
func likeRecorded(now, recorded *format.EnvironmentFile) *format.EnvironmentFile {
	if now == nil || recorded == nil || recorded.Python != nil || len(recorded.Packages)+len(recorded.Conda) > 0 {
		return now
	}
	without := *now
	without.Python, without.Packages, without.Conda = nil, nil, nil
	return &without
}

// findDir sets the folder in which the program starts, and makes it if the source lacks it, because Git does not track
// it. A program that changed its folder before it was recorded, as Hydra does, starts where its command fits.
func (p *Reproduction) findDir(of *format.Run, q ReproduceRequest) error {
	p.Dir = filepath.Join(q.Dir, filepath.FromSlash(of.Cwd))
	if of.Cwd == "" {
		return nil
	}
	if of.Source != nil && of.Source.Entry != "" && len(q.Command) == 0 && entryPoint(q.Dir, p.Dir, p.Args) == "" {
		for at := of.Cwd; at != "."; {
			at = path.Dir(at)
			dir := filepath.Join(q.Dir, filepath.FromSlash(at))
			if entryPoint(q.Dir, dir, p.Args) == of.Source.Entry {
				p.Dir = dir
				break
			}
		}
	}
	info, err := os.Stat(p.Dir)
	if err == nil && info.IsDir() {
		return nil
	}
	if err == nil {
		return fmt.Errorf("%s, where it ran, is not a folder", of.Cwd)
	}
	if err := NoLinks(q.Dir, path.Join(of.Cwd, "file")); err != nil {
		return err
	}
	if err := os.MkdirAll(p.Dir, 0o777); err != nil {
		return fmt.Errorf("making the folder where it ran: %w", err)
	}
	p.MadeDir = true
	return nil
}

// findStdin finds the file that was the program's standard input, in the restored source or among the data.
func (p *Reproduction) findStdin(of *format.Run, q ReproduceRequest) {
	switch t := of.Trace; {
	case t == nil:
	case t.Stdin != "":
		if file := filepath.Join(q.Dir, filepath.FromSlash(t.Stdin)); isFile(file) {
			p.Stdin = file
		} else {
			p.LostStdin = t.Stdin
		}
	case t.StdinData != "":
		p.LostStdin = t.StdinData
		for _, d := range q.Data {
			if d.Name == t.StdinData && isFile(d.Place) {
				p.Stdin, p.LostStdin = d.Place, ""
			}
		}
	}
}

// makeFolders makes the folders that the program used and that the source lacks. The record may come from a stranger.
func makeFolders(of *format.Run, dir string) error {
	if of.Trace == nil {
		return nil
	}
	for _, rel := range of.Trace.Folders[:min(len(of.Trace.Folders), maxFolders)] {
		if format.CheckPath(rel) != nil || hidden(rel) {
			continue
		}
		if err := NoLinks(dir, path.Join(rel, "file")); err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(dir, filepath.FromSlash(rel)), 0o777); err != nil {
			return fmt.Errorf("making a folder that it used: %w", err)
		}
	}
	return nil
}

// absentPaths returns the absolute paths in the arguments of a command that do not exist. A program may create one.
func absentPaths(args []string) []string {
	var absent []string
	for _, arg := range args[min(1, len(args)):] {
		path := arg[strings.LastIndexByte(arg, '=')+1:]
		if filepath.IsAbs(path) && !exists(path) && !exists(filepath.Dir(path)) {
			absent = append(absent, path)
		}
	}
	return absent
}

// restoreVariables gives the program the recorded environment variables.
func (r *Repository) restoreVariables(p *Reproduction, q ReproduceRequest) error {
	config, err := r.Config()
	if err != nil {
		return err
	}
	p.Variables = capture.RestoreVariables(capture.VariablesRequest{
		Recorded: q.Of.Environment, Root: q.Dir, Dir: p.Dir, Project: r.TreeRoot(), Allowed: config.Environment.Variables,
	})
	p.Env = append(p.Env, p.Variables.Set...)
	return nil
}

// goOn ends the next step after a refusal.
const goOn = "give --incomplete to run the program without it"

// complete returns an error if a part of the source is missing: the program would fail, or read something else.
func (q ReproduceRequest) complete() error {
	if q.Incomplete {
		return nil
	}
	if missing := q.Restored.Submodules; len(missing) > 0 {
		paths := make([]string, len(missing))
		for i, m := range missing {
			paths[i] = m.Path
		}
		err := fmt.Errorf("reproducing %s: submodule %s was not restored", q.Of.Title(), paths[0])
		if len(paths) > 1 {
			err = fmt.Errorf("reproducing %s: %d submodules were not restored: %s", q.Of.Title(), len(paths), someOf(paths))
		}
		return stepOr(err, missing[0].Err, "bring the submodule to the project, and repeat")
	}
	left := slices.DeleteFunc(slices.Clone(q.Restored.PointerFiles), func(file string) bool {
		return !isPointer(filepath.Join(q.Dir, filepath.FromSlash(file))) // its data took the place
	})
	if len(left) == 0 {
		return nil
	}
	err := fmt.Errorf("reproducing %s: %s in Git LFS was not restored", q.Of.Title(), capture.Printable(left[0]))
	if len(left) > 1 {
		err = fmt.Errorf("reproducing %s: %d files in Git LFS were not restored: %s", q.Of.Title(), len(left),
			capture.Printable(someOf(left)))
	}
	return stepOr(err, q.Restored.Pointers, "run 'git lfs fetch --all' in the project, and repeat")
}

// stepOr adds the next step to a refusal: that of its reason, otherwise step; or to go on without what is missing.
func stepOr(err, reason error, step string) error {
	var hint *HintError
	if errors.As(reason, &hint) {
		step = hint.Hint
	}
	return withHint(err, "%s; or %s", step, goOn)
}

// buildEnvironment makes a virtual environment in the folder of the source, and has the program use it. It returns the
// editable packages whose sources were restored. It refuses if a package cannot be installed as recorded.
func (r *Repository) buildEnvironment(
	ctx context.Context, p *Reproduction, recorded *format.EnvironmentFile, q ReproduceRequest,
) ([]format.Package, error) {
	places, restored, failed := q.Of.Repository().restorePackages(ctx, q.Of.Run, recorded, q.Dir)
	venv := capture.VenvRequest{
		Root: q.Dir, Project: r.TreeRoot(), Dir: filepath.Join(q.Dir, ".venv"), Packages: places,
	}
	if !q.Incomplete && recorded != nil {
		if err := cannotInstall(q.Of, capture.LostPackages(ctx, recorded, venv), failed); err != nil {
			return nil, err
		}
	}
	env, bin, err := capture.MakeVenv(ctx, recorded, venv, q.Output)
	if err != nil {
		hint := "give --env check to use the environment of this machine"
		if errors.Is(err, capture.ErrNoPython) {
			hint = "install that Python, or uv, which downloads it; or " + hint
		}
		return nil, &HintError{Err: fmt.Errorf("building the environment: %w", err), Hint: hint}
	}
	p.Env = append(p.Env, env...)
	if program := filepath.Join(bin, filepath.Base(p.Args[0])); isFile(program) {
		p.Args = append([]string{program}, p.Args[1:]...)
	}
	return restored, nil
}

// cannotInstall returns an error that names the packages which cannot be installed again. failed says why sources of
// editable ones could not be restored.
func cannotInstall(of *Entry, lost []capture.LostPackage, failed map[string]error) error {
	if len(lost) == 0 {
		return nil
	}
	reasons := make([]string, len(lost))
	for i, l := range lost {
		reasons[i] = l.String()
		if err := failed[l.Name]; err != nil {
			reasons[i] = err.Error()
		}
	}
	more := ""
	if n := len(lost) - 1; n > 0 {
		names := make([]string, n)
		for i, l := range lost[1:] {
			names[i] = capture.Printable(l.Name)
		}
		more = ", nor " + someOf(names)
	}
	err := fmt.Errorf("reproducing %s: package %s cannot be installed as recorded%s: %s", of.Title(),
		capture.Printable(lost[0].Name), more, reasons[0])
	return stepOr(err, failed[lost[0].Name], "put it back to where it was, and repeat, or give --env check to use the "+
		"environment of this machine")
}

// localCommand returns the recorded command with the paths of this machine. If the command runs a program of the
// project that the restored source lacks, such as the Python of a virtual environment, it uses the one in the project
// on this machine.
func (r *Repository) localCommand(run *format.Run, dir string) []string {
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

// hasInterpreter returns an error if the run used the Python of a virtual environment, or another one by its path, that
// is not on this machine, and no other one is being made.
func (r *Repository) hasInterpreter(of *format.Run, q ReproduceRequest, program string) error {
	if len(q.Command) > 0 || q.Environment == BuildEnvironment || !strings.ContainsRune(program, '/') ||
		!capture.IsPython(strings.ToLower(path.Base(of.Command[0]))) {
		return nil
	}
	if !filepath.IsAbs(program) {
		program = filepath.Join(q.Dir, filepath.FromSlash(of.Cwd), program)
	}
	if isFile(program) {
		return nil
	}
	where := " of the project"
	if filepath.IsAbs(of.Command[0]) {
		where = ""
	}
	err := fmt.Errorf("reproducing %s: it used %s%s, which is not on this machine", q.Of.Title(), of.Command[0], where)
	return withHint(err, "run 'runs reproduce %s --env venv' to make an environment", format.IDRandom(of.ID))
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
