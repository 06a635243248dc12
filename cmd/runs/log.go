package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// logFlags are the flags of runs log.
type logFlags struct {
	newRunFlags
	run, step, at string
	artifacts     []string
	labels        []string
}

func (a *app) logCommand() *cobra.Command {
	var f logFlags
	cmd := &cobra.Command{
		Use:   "log [KEY=NUMBER]… [-] [flags]",
		Short: "Record metrics, params, tags and artifacts",
		Long: `Record metrics, params, tags and artifacts in the run that --run or RUNS_ID
names. Without either, record a complete, finished run and print its id.

    runs log --step 1 loss=0.5 --label dataset=val
    runs log rmse=0.31 -p lr=0.1 -a model.bin
    train | runs log --run @ -

With '-', read journal lines or KEY=NUMBER lines from stdin as they come.

Without --step, a metric continues at its own last step plus one, for each set
of labels apart. NaN, inf and -inf are valid values.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.log(cmd.Context(), &f, args, cmd.Flags().Changed("step"))
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&f.run, "run", "", "record in `RUN`, which is in progress")
	cmd.Flags().StringVar(&f.step, "step", "", "set the step of the metrics to `N`")
	cmd.Flags().StringVar(&f.at, "time", "", "set the time to `T`, in seconds since 1970 or as RFC 3339")
	cmd.Flags().StringArrayVarP(&f.artifacts, "artifact", "a", nil,
		"keep a file or folder with the run, `PATH[=NAME]` (repeatable)")
	cmd.Flags().StringArrayVar(&f.labels, "label", nil, "give the metrics the label `KEY=VALUE` (repeatable)")
	return cmd
}

func (a *app) log(ctx context.Context, f *logFlags, args []string, stepped bool) error {
	line, stream, err := f.line(args, stepped)
	if err != nil {
		return err
	}
	if disabled() {
		if stream { // a closed pipe would stop the program that writes to stdin
			_, err = io.Copy(io.Discard, a.term.In)
		}
		return err
	}
	long := f.run != "" || stream || len(f.artifacts)+len(f.datasets) > 0
	if long {
		ctx = lengthy(ctx)
	}
	var active *repo.Active
	finished := finishedHint
	if f.run != "" {
		active, err = a.activeRun(ctx, f.run)
	} else {
		finished = func(err error) error { return stillNamed("recording", err) }
		active, err = a.enclosingRun(ctx)
	}
	if err != nil {
		return finished(err)
	}
	if active == nil {
		if !long {
			ctx = lengthy(ctx)
		}
		return a.logRun(ctx, f, line, stream, stepped)
	}
	if f.given() {
		return usagef("log: --name, --experiment, --params, --group, --parent, --key and --resume apply only to a new run, "+
			"but run %s is in progress", active.ID)
	}
	if !stream && empty(line) && len(f.artifacts) == 0 && len(f.datasets) == 0 {
		return errNothing
	}
	more, err := a.prepareLines(ctx, active, f, line)
	if err != nil {
		return finished(err)
	}
	if !empty(line) {
		more = append(more, line)
	}
	if stream {
		return a.logStream(ctx, active, more)
	}
	return finished(active.AppendShared(more...))
}

// lengthy prepares for work that takes long or reads much. A call that only adds a line to a run in progress ends
// before anybody could interrupt it, and the preparation would take a tenth of its time.
func lengthy(ctx context.Context) context.Context {
	boundGarbage()
	return interruptible(ctx)
}

// errNothing has the hint for people who know git log.
var errNothing = &repo.HintError{
	Err:  usagef("log: missing KEY=NUMBER, -p, -t, -a, -d or --note"),
	Hint: "run 'runs ls' to list runs, or see 'runs log --help' to record one",
}

// finishedHint adds a hint to the error that the run from --run is finished.
func finishedHint(err error) error {
	if errors.Is(err, repo.ErrFinished) {
		return &repo.HintError{
			Err:  fmt.Errorf("recording: %w", err),
			Hint: "run 'runs start' to start another run, or annotate this one with 'runs tag' or 'runs note'",
		}
	}
	return err
}

// stillNamed adds a hint to the error that the run from the environment is finished.
func stillNamed(doing string, err error) error {
	if errors.Is(err, repo.ErrFinished) {
		return &repo.HintError{
			Err:  fmt.Errorf("%s: %w, but RUNS_ID still names it", doing, err),
			Hint: "run 'unset RUNS_ID RUNS_DIR', or annotate the run with 'runs tag' or 'runs note'",
		}
	}
	return err
}

// line builds a journal line from the arguments, without artifacts and datasets, which have their own lines. stream
// reports whether '-' is among the arguments.
func (f *logFlags) line(args []string, stepped bool) (l *format.Line, stream bool, err error) {
	l = &format.Line{Time: time.Now().UnixMicro(), Note: f.note}
	if f.at != "" {
		if l.Time, err = format.ParseTime(f.at); err != nil {
			return nil, false, usagef("log: --time %q: %v", f.at, err)
		}
	}
	if stepped {
		l.HasStep = true
		if l.Step, err = strconv.ParseInt(f.step, 10, 64); err != nil {
			return nil, false, usagef("log: --step must be a 64-bit integer, got %q", f.step)
		}
	}
	for _, arg := range args {
		if arg == "-" {
			stream = true
			continue
		}
		key, value, err := format.ParseMetric(arg)
		if err != nil {
			return nil, false, usagef("metric %.80q: %v", arg, err)
		}
		l.Metrics = append(l.Metrics, format.MetricValue{Key: key, Value: value})
	}
	if l.Tags, err = parseTags(f.tags); err != nil {
		return nil, false, err
	}
	if l.Params, err = parseParams(f.params); err != nil {
		return nil, false, err
	}
	if len(f.labels) > 0 {
		if len(l.Metrics) == 0 {
			return nil, false, usagef("log: --label requires KEY=NUMBER")
		}
		if l.Labels, err = f.lineLabels(); err != nil {
			return nil, false, err
		}
	}
	return l, stream, nil
}

// parseLabels reads labels, whose values are texts.
func parseLabels(flags []string) (map[string]string, error) {
	labels := map[string]string{}
	for _, flag := range flags {
		if !strings.Contains(flag, "=") {
			return nil, usagef("label %.80q: expected KEY=VALUE", flag)
		}
		key, value, err := format.ParseTag(flag)
		if err != nil {
			return nil, usagef("label %.80q: %v", flag, err)
		}
		labels[key] = value
	}
	return labels, nil
}

// lineLabels returns the labels of the metrics.
func (f *logFlags) lineLabels() (format.Labels, error) {
	texts, err := parseLabels(f.labels)
	if err != nil {
		return format.Labels{}, err
	}
	values := make(map[string]any, len(texts))
	for key, value := range texts {
		values[key] = value
	}
	l, err := format.NewLabels(values)
	if err != nil {
		return l, usagef("log: --label: %v", err)
	}
	return l, nil
}

func empty(l *format.Line) bool {
	return len(l.Metrics) == 0 && len(l.Params) == 0 && len(l.Tags) == 0 && l.Note == ""
}

// prepareLines checks params against those of the run, copies artifacts into the run, and hashes datasets. It returns
// journal lines for the artifacts and datasets.
func (a *app) prepareLines(ctx context.Context, active *repo.Active, f *logFlags, l *format.Line) ([]*format.Line,
	error,
) {
	if len(l.Params) > 0 {
		l.Params = active.Repository().PortableParams(l.Params)
		known, err := active.Params(ctx)
		if err != nil {
			return nil, err
		}
		if err := known.Add(l.Params); err != nil {
			return nil, &repo.HintError{
				Err:  fmt.Errorf("recording in run %s: %w", active.ID, err),
				Hint: "params are fixed once set: start a new run to use another value",
			}
		}
	}
	if err := active.CheckLines(ctx, l); err != nil { // before files are copied
		return nil, err
	}
	return a.fileLines(ctx, active, f)
}

// fileLines copies artifacts into the run and hashes datasets. It returns journal lines for both.
func (a *app) fileLines(ctx context.Context, active *repo.Active, f *logFlags) ([]*format.Line, error) {
	var lines []*format.Line
	for _, flag := range f.artifacts {
		path, name := splitArtifact(flag, a.path)
		added, err := active.AddArtifact(ctx, path, name)
		if err != nil {
			return nil, err
		}
		for _, item := range added {
			lines = append(lines, &format.Line{Artifact: &item})
		}
	}
	if len(f.datasets) == 0 {
		return lines, nil
	}
	requests, err := a.datasetRequests(ctx, active.Repository(), f.datasets)
	if err != nil {
		return nil, err
	}
	hashed, end := a.hashingProgress(requests)
	h := active.Repository().HashDatasets(ctx, requests, hashed)
	datasets, warnings, _, err := h.Wait(ctx, 0)
	h.Cancel()
	end()
	a.warnAll(warnings)
	for _, d := range datasets {
		lines = append(lines, datasetLine(d))
	}
	return lines, err
}

// splitArtifact splits PATH[=NAME]. The name of an existing file may itself contain an equals sign.
func splitArtifact(flag string, resolve func(string) string) (path, name string) {
	if _, err := os.Lstat(resolve(flag)); err == nil {
		return resolve(flag), ""
	}
	if i := strings.LastIndexByte(flag, '='); i > 0 {
		return resolve(flag[:i]), filepath.ToSlash(flag[i+1:])
	}
	return resolve(flag), ""
}

// logRun records a complete run in one call, and prints its id.
func (a *app) logRun(ctx context.Context, f *logFlags, l *format.Line, stream, stepped bool) error {
	if stepped {
		return &repo.HintError{
			Err: usagef("log: --step requires a run in progress"), Hint: "name it with --run, or set RUNS_ID",
		}
	}
	if !stream && empty(l) && len(f.artifacts) == 0 && len(f.datasets) == 0 && f.paramsFile == "" {
		return errNothing
	}
	r, err := a.setup(ctx)
	if err != nil {
		return err
	}
	a.finishGoneBut(ctx, r, f.resume)
	run, err := a.record(ctx, r, &f.newRunFlags)
	if err != nil {
		return err
	}
	active, err := a.start(ctx, r, &f.newRunFlags, run, format.OwnerProcess)
	if err != nil {
		return err
	}
	protected := protectEnd(ctx, nil, active.ID, a.progress)
	defer protected.stop()
	ctx = protected.hurry
	err = func() error {
		files := *f
		files.datasets = nil // these are already in the record
		more, err := a.fileLines(ctx, active, &files)
		if err != nil {
			return err
		}
		if len(l.Metrics) > 0 {
			more = append(more, &format.Line{Time: l.Time, Metrics: l.Metrics, Labels: l.Labels})
		}
		if len(more) > 0 {
			err := active.CheckLines(ctx, more...)
			if err == nil {
				err = active.AppendShared(more...)
			}
			if err != nil {
				return err
			}
		}
		if stream {
			return a.logStream(ctx, active, nil)
		}
		return nil
	}()
	end := repo.Finish{Status: format.Finished, Wait: repo.DefaultWait, Hurry: protected.hurry.Done()}
	if err != nil {
		end.Status = format.Failed
		if errors.Is(err, context.Canceled) {
			end.Status, end.EndReason = format.Killed, repo.Ended{Received: protected.signal(), ExitCode: 1}.Finish().EndReason
		}
	}
	res, finishErr := active.Finish(context.WithoutCancel(ctx), end)
	if err := errors.Join(err, finishErr); err != nil {
		return protected.exitStatus(err)
	}
	a.warnAll(res.Warnings)
	a.print("%s", res.Run.ID)
	a.commitAtFinish(ctx, r, res.Run, true)
	return nil
}
