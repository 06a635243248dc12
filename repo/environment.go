package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/capture"
)

// toldName is an empty file of an active run whose program said which Python runs it.
const toldName = "python-told"

// InterpreterRequest describes the Python that runs the program of a run.
type InterpreterRequest struct {
	Interpreter capture.Interpreter
	Dir         string // where the program runs
	Entry       string // the program that it runs, relative to TreeRoot; empty if it is not one of the project
	Observed    bool   // it was seen from outside; what a process says about itself counts more
}

// UseInterpreter records the environment of the Python that really runs the program, if it is not the one that the
// command named, and the program, if the command named none. It stores the environment before the run names it.
func (a *Active) UseInterpreter(ctx context.Context, q InterpreterRequest) error {
	doing := "recording the environment of run " + a.ID
	told := filepath.Join(a.Dir, toldName)
	if q.Observed && exists(told) {
		return nil
	}
	if !q.Observed && !exists(told) {
		if err := writeFile(told, nil); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s: %w", doing, err)
		}
	}
	a.recording.Lock()
	defer a.recording.Unlock()
	run, err := a.record()
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	changed := run.Source != nil && run.Source.Entry == "" && q.Entry != ""
	if changed {
		run.Source.Entry = q.Entry
	}
	other, err := a.changeEnvironment(ctx, run, q)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if !other && !changed {
		return ctx.Err()
	}
	if err := a.replaceRecord(run); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// changeEnvironment sets the environment of a run to that of another Python. It reports false if it is the same.
func (a *Active) changeEnvironment(ctx context.Context, run *format.Run, q InterpreterRequest) (bool, error) {
	if run.Environment == nil {
		return false, nil
	}
	root := a.repo.TreeRoot()
	if a.usesInterpreter(ctx, run, capture.Portable(root, q.Interpreter.Prefix), q.Interpreter.Version) {
		return false, nil
	}
	env, file, packages := capture.Environment(ctx, capture.EnvironmentRequest{
		Root: root, Dir: q.Dir, Interpreter: &q.Interpreter, Config: a.settings(),
	})
	defer packages.Close()
	if file.Python == nil || a.usesInterpreter(ctx, run, file.Python.Prefix, file.Python.Version) {
		return false, ctx.Err()
	}
	run.Environment.Python = env.Python
	if err := a.repo.storePackages(run, packages); err != nil {
		return false, err
	}
	return true, a.repo.storeEnvironment(run, file)
}

// usesInterpreter reports whether the run has an environment with this Python already.
func (a *Active) usesInterpreter(ctx context.Context, run *format.Run, prefix, version string) bool {
	if run.Environment.Digest == "" || prefix == "" {
		return false
	}
	file, err := a.repo.Environment(ctx, run.Environment.Digest)
	return err == nil && file.Python != nil && file.Python.Prefix == prefix && file.Python.Version == version
}

// replaceRecord replaces the run.toml of an active run. A reader sees the old or the new one.
func (a *Active) replaceRecord(run *format.Run) error {
	data, err := format.EncodeRun(run)
	if err != nil {
		return err
	}
	path := filepath.Join(a.Dir, newPrefix+format.RandomLetters(8))
	if err := writeFile(path, data); err != nil {
		return err
	}
	if err := os.Rename(path, filepath.Join(a.Dir, RecordName)); err != nil {
		_ = os.Remove(path)
		return err
	}
	return syncDir(a.Dir)
}
