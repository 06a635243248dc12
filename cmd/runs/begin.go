package main

import (
	"context"
	"fmt"
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

// beginFlags are those that describe a new run: of start, exec and a log outside a run.
type beginFlags struct {
	name, experiment, paramsFile, group, parent, key, resume, note string
	params, tags, datasets                                         []string
}

func (f *beginFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.name, "name", "", "`NAME` of the run; need not be unique")
	flags.StringVarP(&f.experiment, "experiment", "e", "", "`EXPERIMENT` that the run belongs to")
	flags.StringArrayVarP(&f.params, "param", "p", nil, "set a param, `KEY=VALUE`; repeated")
	flags.StringVar(&f.paramsFile, "params", "", "read params from `FILE`, TOML or JSON")
	flags.StringArrayVarP(&f.tags, "tag", "t", nil, "set a tag, `KEY[=VALUE]`; repeated")
	flags.StringArrayVarP(&f.datasets, "dataset", "d", nil, "record data by its hash, `[NAME=]PATH`; repeated")
	flags.StringVar(&f.group, "group", "", "`GROUP` that the run belongs to")
	flags.StringVar(&f.parent, "parent", "", "`RUN` that the new one is part of")
	flags.StringVar(&f.key, "key", "", "your own stable `KEY` for the run")
	flags.StringVar(&f.resume, "resume", "", "continue the newest run of `KEY` that did not finish, else start one")
	flags.StringVar(&f.note, "note", "", "a `TEXT` about the run")
}

// given reports whether any of these flags was used.
func (f *beginFlags) given() bool {
	return f.name != "" || f.experiment != "" || f.paramsFile != "" || f.group != "" || f.parent != "" || f.key != "" || f.resume != ""
}

func orEnv(value, name string) string {
	if value != "" {
		return value
	}
	return os.Getenv(name)
}

// describe makes the record of a new run from the flags, the environment and the project. Data is hashed to its end.
func (a *app) describe(ctx context.Context, r *repo.Repository, f *beginFlags) (*format.Run, error) {
	run, _, err := a.describeWithin(ctx, r, f, nil, 0)
	return run, err
}

// describeWithin is describe of a run of command, empty where it is not known; it returns data that takes longer to hash than so long as late.
func (a *app) describeWithin(ctx context.Context, r *repo.Repository, f *beginFlags, command []string, atMost time.Duration) (run *format.Run, late *hashing, err error) {
	if run, err = a.describeFlags(ctx, r, f); err != nil {
		return nil, nil, err
	}
	requests, err := a.datasetRequests(ctx, r, f.datasets, true)
	if err != nil {
		return nil, nil, err
	}
	h := a.hash(ctx, r, requests)
	warnings, err := r.Origin(ctx, run, repo.OriginRequest{Command: command, Dir: a.dir, Datasets: h.paths(r.TreeRoot())})
	if err != nil {
		h.cancel()
		<-h.done
		return nil, nil, err
	}
	datasets, done, err := h.finish(ctx, atMost)
	if err == nil && !done {
		a.warnAll(warnings)
		return run, h, nil
	}
	h.cancel()
	if err != nil {
		return nil, nil, err
	}
	a.warnAll(warnings)
	run.Datasets = datasets
	return run, nil, nil
}

func (a *app) describeFlags(ctx context.Context, r *repo.Repository, f *beginFlags) (*format.Run, error) {
	run := &format.Run{
		Name: orEnv(f.name, "RUNS_NAME"), Experiment: orEnv(f.experiment, "RUNS_EXPERIMENT"), Group: orEnv(f.group, "RUNS_GROUP"),
		Key: f.key, Note: f.note,
	}
	if run.Key == "" {
		run.Key = f.resume
	}
	for _, text := range []struct{ what, text string }{{"name", run.Name}, {"experiment", run.Experiment}, {"group", run.Group}, {"key", run.Key}} {
		if text.text == "" {
			continue
		}
		if strings.TrimSpace(text.text) == "" {
			return nil, usagef("describing the run: the %s is blank", text.what)
		}
		if err := format.CheckKey(text.text); err != nil {
			return nil, usagef("describing the run: as the %s: %v", text.what, err)
		}
	}
	if err := f.addParams(a, r, run); err != nil {
		return nil, err
	}
	var err error
	if run.Tags, err = parseTags(f.tags); err != nil {
		return nil, err
	}
	if f.parent != "" {
		e, err := a.oneRun(ctx, r, f.parent, run.Experiment)
		if err != nil {
			return nil, err
		}
		run.Parent = e.ID
	}
	if rel, err := filepath.Rel(r.TreeRoot(), a.dir); err == nil && format.CheckPath(filepath.ToSlash(rel)) == nil {
		run.Cwd = filepath.ToSlash(rel)
	}
	return run, nil
}

func (f *beginFlags) addParams(a *app, r *repo.Repository, run *format.Run) error {
	if f.paramsFile != "" {
		params, nulls, err := readParams(a.path(f.paramsFile))
		if err != nil {
			return fmt.Errorf("reading params: %w", err)
		}
		run.Params, run.Nulls = params, nulls
	}
	more, nulls, err := parseParams(f.params)
	if err != nil {
		return err
	}
	run.Nulls = append(run.Nulls, nulls...)
	if run.Params == nil {
		run.Params = more
	} else if err := run.Params.Add(more); err != nil {
		return err
	}
	portable(r.TreeRoot(), run.Params)
	return nil
}

// portable replaces the paths of this machine in text params.
func portable(root string, params format.Params) {
	for path, v := range params.Leaves() {
		if text, ok := v.(string); ok {
			_ = params.Set(path, capture.Portable(root, text)) // a leaf can be set
		}
	}
}

// path is a file named on the command line, relative to where the command runs.
func (a *app) path(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(a.dir, p)
}

// readParams reads a TOML or JSON file of params.
func readParams(path string) (format.Params, []string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if info.Size() > format.MaxRecordBytes {
		return nil, nil, fmt.Errorf("%s is larger than %d bytes", path, format.MaxRecordBytes)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	return format.ParseParams(path, data)
}

// parseParams reads -p flags. A key that is given twice must have the same value.
func parseParams(flags []string) (format.Params, []string, error) {
	params := format.Params{}
	var nulls []string
	for _, flag := range flags {
		path, value, null, err := format.ParseParam(flag)
		if err != nil {
			return nil, nil, usagef("param %q: %v", flag, err)
		}
		if null {
			nulls = append(nulls, format.DottedKey(path))
			continue
		}
		one := format.Params{}
		if err := one.Set(path, value); err != nil {
			return nil, nil, usagef("param %q: %v", flag, err)
		}
		if err := params.Add(one); err != nil {
			return nil, nil, err
		}
	}
	return params, nulls, nil
}

func parseTags(flags []string) (map[string]string, error) {
	var tags map[string]string
	for _, flag := range flags {
		key, value, err := format.ParseTag(flag)
		if err != nil {
			return nil, usagef("tag %q: %v", flag, err)
		}
		if tags == nil {
			tags = map[string]string{}
		}
		tags[key] = value
	}
	return tags, nil
}

// begin starts the run that the flags describe, or continues the active one that --resume names: then fresh is false.
func (a *app) begin(ctx context.Context, r *repo.Repository, f *beginFlags, run *format.Run, kind string) (active *repo.Active, fresh bool, err error) {
	if f.resume != "" {
		c, err := a.collect(ctx, r, "")
		if err != nil {
			return nil, false, err
		}
		before, err := c.Resume(catalog.ResumeRequest{Mode: catalog.ResumeUnfinished, Key: f.resume, Job: slurmJob()})
		switch {
		case err != nil:
			return nil, false, withResumeHint(err)
		case before.Same:
			pid := 0
			if kind == format.OwnerProcess {
				pid = os.Getpid()
			}
			return before.Entry.Active, false, before.Join(run, pid, false)
		case before.Entry != nil:
			run.Resumes = before.Entry.ID
		}
	}
	active, err = r.Start(ctx, run, kind)
	return active, true, err
}
