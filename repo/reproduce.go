package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
	Data        []FetchedData // see FetchData
	Name        string        // name of the new run; may be empty
	Command     []string      // replaces the recorded command unless empty
	Environment EnvironmentMode
	Output      io.Writer // receives what building the environment prints
}

// Reproduction is a run that was started. The caller must run its program.
type Reproduction struct {
	Active  *Active
	Args    []string
	Dir     string
	Env     []string      // in addition to the environment of this process
	Changes []diff.Change // differences of the environment; nil if it was not compared
}

// Reproduce starts a run that reproduces another one in its restored source. The caller runs the program and finishes
// the run.
func (r *Repository) Reproduce(ctx context.Context, q ReproduceRequest) (*Reproduction, error) {
	of := q.Of
	p := &Reproduction{Dir: filepath.Join(q.Dir, filepath.FromSlash(of.Cwd)), Args: q.Command}
	if info, err := os.Stat(p.Dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("reproducing %s: its source has no folder %s, where it ran", of.Title(), of.Cwd)
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
	if len(p.Args) == 0 {
		p.Args = r.localCommand(of.Run, q.Dir)
	}
	for _, arg := range p.Args {
		arg = capture.Portable(q.Dir, strings.ToValidUTF8(arg, "\ufffd"))
		run.Command = append(run.Command, capture.Portable(r.TreeRoot(), arg))
	}
	var recorded *format.EnvironmentFile
	if q.Environment != IgnoreEnvironment && of.Environment != nil && of.Environment.Digest != "" {
		var err error
		if recorded, err = of.Repository().Environment(ctx, of.Environment.Digest); err != nil {
			return nil, err
		}
	}
	if q.Environment == BuildEnvironment {
		if err := p.buildEnvironment(ctx, recorded, q); err != nil {
			return nil, err
		}
	}
	now, err := r.OriginAgain(ctx, run, q.Dir, p.Dir, p.Args, p.Env)
	if err != nil {
		return nil, err
	}
	if q.Environment != IgnoreEnvironment {
		p.Changes = diff.CompareEnvironments(recorded, now)
	}
	p.Active, err = r.Start(ctx, run, format.OwnerProcess)
	return p, err
}

// buildEnvironment makes a virtual environment in the folder of the source, and has the program use it.
func (p *Reproduction) buildEnvironment(
	ctx context.Context, recorded *format.EnvironmentFile, q ReproduceRequest,
) error {
	env, bin, err := capture.MakeVenv(ctx, recorded, q.Dir, filepath.Join(q.Dir, ".venv"), q.Output)
	if err != nil {
		hint := "give --env check to use the environment of this machine"
		if errors.Is(err, capture.ErrNoPython) {
			hint = "install that Python, or uv, which downloads it; or " + hint
		}
		return &HintError{Err: fmt.Errorf("building the environment: %w", err), Hint: hint}
	}
	p.Env = append(p.Env, env...)
	if program := filepath.Join(bin, filepath.Base(p.Args[0])); isFile(program) {
		p.Args[0] = program
	}
	return nil
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

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
