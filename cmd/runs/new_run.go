package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/capture"
	"github.com/gitruns/runs/repo/catalog"
)

// newRunFlags are flags that describe a new run. The commands start and exec use them, and log outside a run.
type newRunFlags struct {
	name, experiment, paramsFile, group, parent, key, resume, note string
	params, tags, datasets                                         []string
	values                                                         format.Params // in addition to params
	doing                                                          string        // the command or request, for messages
}

func (f *newRunFlags) add(cmd *cobra.Command) {
	f.doing = cmd.Name()
	flags := cmd.Flags()
	flags.StringVar(&f.name, "name", "", "give the run a `NAME`; several runs may have it")
	flags.StringVarP(&f.experiment, "experiment", "e", "", "record the run in `EXPERIMENT`")
	flags.StringArrayVarP(&f.params, "param", "p", nil, "set a param, `KEY=VALUE` (repeatable)")
	flags.StringVar(&f.paramsFile, "params", "", "read params from `FILE`, in TOML or JSON")
	flags.StringArrayVarP(&f.tags, "tag", "t", nil, "set a tag, `KEY[=VALUE]` (repeatable)")
	flags.StringArrayVarP(&f.datasets, "dataset", "d", nil, "record a dataset by its hash, `[NAME=]PATH` (repeatable)")
	flags.StringVar(&f.group, "group", "", "add the run to `GROUP`")
	flags.StringVar(&f.parent, "parent", "", "nest the run in `RUN`")
	flags.StringVar(&f.key, "key", "", "identify the run by a `KEY` of your own, such as a job id")
	flags.StringVar(&f.resume, "resume", "",
		"resume the newest run with `KEY` if it was unsuccessful, otherwise start one")
	flags.StringVar(&f.note, "note", "", "add a note, `TEXT`")
}

// given reports whether a flag is set that applies only to new runs.
func (f *newRunFlags) given() bool {
	return f.name != "" || f.experiment != "" || f.paramsFile != "" || f.group != "" || f.parent != "" || f.key != "" ||
		f.resume != ""
}

func orEnv(value, name string) string {
	if value != "" {
		return value
	}
	return os.Getenv(name)
}

// newRun describes a run to start.
type newRun struct {
	repo.Description
	doing    string // starts the message about an invalid description
	datasets []string
	wait     time.Duration // longest wait for the hashes of the datasets; 0 means no limit
	python   *capture.Interpreter
}

// describe reads the description of a new run from the flags and the environment.
func (a *app) describe(ctx context.Context, r *repo.Repository, f *newRunFlags) (n newRun, err error) {
	a.warnSettings(r)
	n = newRun{doing: f.doing, datasets: f.datasets, Description: repo.Description{
		Name: orEnv(f.name, "RUNS_NAME"), Experiment: orEnv(f.experiment, "RUNS_EXPERIMENT"), Group: orEnv(f.group,
			"RUNS_GROUP"),
		Key: cmp.Or(f.key, f.resume), Note: f.note, Dir: a.dir,
	}}
	if n.Params, err = f.readParams(a); err != nil {
		return n, err
	}
	if n.Tags, err = parseTags(f.tags); err != nil {
		return n, err
	}
	if f.parent != "" {
		e, err := a.oneRun(ctx, r, f.parent, n.Experiment)
		if err != nil {
			return n, err
		}
		n.Parent = e.ID
	}
	return n, nil
}

// capture creates the record of a new run with its source, environment and datasets. It returns in late the datasets
// whose hashing takes longer than n.wait.
func (a *app) capture(ctx context.Context, r *repo.Repository, n newRun) (run *format.Run, late *repo.Hashing,
	err error,
) {
	run, err = r.Describe(n.Description)
	if text := new(repo.DescriptionError); errors.As(err, &text) {
		return nil, nil, usagef("%s: %w", n.doing, err)
	}
	if err != nil {
		return nil, nil, err
	}
	requests, err := a.runDatasets(ctx, r, n.datasets)
	if err != nil {
		return nil, nil, err
	}
	hashed, end := a.hashingProgress(requests)
	late, warnings, err := r.Capture(ctx, run, repo.CaptureRequest{
		Command: n.Command, Dir: n.Dir, Datasets: requests, Wait: n.wait, Hashed: hashed,
		Interpreter: n.python,
	})
	end()
	if err != nil {
		return nil, nil, err
	}
	a.warnAll(warnings)
	return run, late, nil
}

// record describes and captures a new run whose program is not known.
func (a *app) record(ctx context.Context, r *repo.Repository, f *newRunFlags) (*format.Run, error) {
	n, err := a.describe(ctx, r, f)
	if err != nil {
		return nil, err
	}
	run, _, err := a.capture(ctx, r, n)
	return run, err
}

// readParams reads params from the params file, if there is one, and from the flags.
func (f *newRunFlags) readParams(a *app) (params format.Params, err error) {
	if f.paramsFile != "" {
		if params, err = readParamsFile(a.path(f.paramsFile)); err != nil {
			err = fmt.Errorf("reading params: %w", err)
			if errors.Is(err, fs.ErrNotExist) && strings.Contains(f.paramsFile, "=") {
				err = &repo.HintError{Err: err, Hint: "--params reads a file; give one param with -p " + f.paramsFile}
			}
			return nil, err
		}
	}
	more, err := parseParams(f.params)
	if err != nil {
		return nil, err
	}
	if len(f.values) > 0 {
		if err := more.Add(f.values); err != nil {
			return nil, err
		}
	}
	if params == nil {
		params = more
	} else if err := params.Add(more); err != nil {
		return nil, err
	}
	return params, nil
}

// path resolves a path from the command line against the folder in which the command runs.
func (a *app) path(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(a.dir, p)
}

// readParamsFile reads params from a TOML or JSON file.
func readParamsFile(path string) (format.Params, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > format.MaxRecordBytes {
		return nil, fmt.Errorf("%s is larger than %d MiB", path, format.MaxRecordBytes>>20)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return format.ParseParams(path, data)
}

// parseParams parses -p flags. A key may be repeated if its value is the same.
func parseParams(flags []string) (format.Params, error) {
	params := format.Params{}
	for _, flag := range flags {
		path, value, err := format.ParseParam(flag)
		if err != nil {
			return nil, usagef("param %.80q: %v", flag, err)
		}
		one := format.Params{}
		if err := one.Set(path, value); err != nil {
			return nil, usagef("param %.80q: %v", flag, err)
		}
		if err := params.Add(one); err != nil {
			return nil, err
		}
	}
	return params, nil
}

func parseTags(flags []string) (map[string]string, error) {
	var tags map[string]string
	for _, flag := range flags {
		key, value, err := format.ParseTag(flag)
		if err != nil {
			return nil, usagef("tag %.80q: %v", flag, err)
		}
		if tags == nil {
			tags = map[string]string{}
		}
		tags[key] = value
	}
	return tags, nil
}

// start starts a run. If --resume refers to an active run, it joins that run instead. kind is the kind of owner.
func (a *app) start(ctx context.Context, r *repo.Repository, f *newRunFlags, run *format.Run,
	kind string,
) (*repo.Active, error) {
	if f.resume != "" {
		c, err := a.collect(ctx, r, "")
		if err != nil {
			return nil, err
		}
		before, err := c.Resume(catalog.ResumeRequest{Mode: catalog.ResumeUnfinished, Key: f.resume, Job: slurmJob()})
		switch {
		case err != nil:
			return nil, withResumeHint(err)
		case before.Same:
			pid := 0
			if kind == format.OwnerProcess {
				pid = os.Getpid()
			}
			return before.Entry.Active, before.Join(run, pid, false)
		case before.Entry != nil:
			run.Resumes = before.Entry.ID
		}
	}
	return r.Start(ctx, run, kind)
}
