package main

import (
	"bufio"
	"bytes"
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

// logFlags are those of log beside the ones that describe a new run.
type logFlags struct {
	beginFlags
	run, step, at string
	artifacts     []string
}

func (a *app) logCommand() *cobra.Command {
	var f logFlags
	cmd := &cobra.Command{
		Use:   "log [KEY=NUMBER]… [-] [flags]",
		Short: "Record metrics, params, tags and artifacts",
		Long: `Record metrics, params, tags and artifacts of the run that --run or RUNS_ID names. Without one the call records a
complete, finished run and prints its id:

    runs log rmse=0.31 -p lr=0.1 -a model.bin

'-' reads journal lines, or key=number lines, from stdin as they come:

    train | runs log --run @ -

A metric without --step continues from its own last step plus one. NaN, inf and -inf are values.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.log(cmd.Context(), &f, args, cmd.Flags().Changed("step"))
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&f.run, "run", "", "the `RUN` to add to")
	cmd.Flags().StringVar(&f.step, "step", "", "step `N` of the metrics")
	cmd.Flags().StringVar(&f.at, "time", "", "time `T` of the record: seconds since 1970, or RFC 3339")
	cmd.Flags().StringArrayVarP(&f.artifacts, "artifact", "a", nil, "keep a file or folder with the run, `PATH[=NAME]`; repeated")
	return cmd
}

func (a *app) log(ctx context.Context, f *logFlags, args []string, stepped bool) error {
	line, stream, err := f.line(args, stepped)
	if err != nil {
		return err
	}
	if disabled() {
		if stream { // whoever writes to us must not be stopped by a closed pipe
			_, err = io.Copy(io.Discard, a.term.In)
		}
		return err
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
		return a.logRun(ctx, f, line, stream, stepped)
	}
	if f.given() {
		return usagef("log: --name, --experiment, --params, --group, --parent, --key and --resume describe a new run, and %s is in progress", active.ID)
	}
	if !stream && empty(line) && len(f.artifacts) == 0 && len(f.datasets) == 0 {
		return errNothing
	}
	more, err := a.check(ctx, active, f, line)
	if err != nil {
		return err
	}
	if !empty(line) {
		more = append(more, line)
	}
	if stream {
		return a.logStream(ctx, active, more)
	}
	return finished(active.AppendShared(more...))
}

var errNothing = usagef("log: nothing to record: give KEY=NUMBER, -p, -t, -a, -d or --note")

func finishedHint(err error) error {
	if errors.Is(err, repo.ErrFinished) {
		return &repo.HintError{Err: fmt.Errorf("recording: %w", err), Hint: "start another with 'runs start'; 'runs tag' and 'runs note' still say something of this one"}
	}
	return err
}

// stillNamed says of a finished run that the environment names it.
func stillNamed(what string, err error) error {
	if errors.Is(err, repo.ErrFinished) {
		return &repo.HintError{
			Err:  fmt.Errorf("%s: %w, and RUNS_ID still names it", what, err),
			Hint: "'unset RUNS_ID RUNS_DIR' forgets it; 'runs tag' and 'runs note' still say something of it",
		}
	}
	return err
}

// line is the record that the arguments make; artifacts and datasets have lines of their own.
func (f *logFlags) line(args []string, stepped bool) (l *format.Line, stream bool, err error) {
	l = &format.Line{Time: time.Now().UnixMicro(), Note: f.note}
	if f.at != "" {
		if l.Time, err = format.ParseTime(f.at); err != nil {
			return nil, false, usagef("time %q: %v", f.at, err)
		}
	}
	if stepped {
		l.HasStep = true
		if l.Step, err = strconv.ParseInt(f.step, 10, 64); err != nil {
			return nil, false, usagef("step %q is no 64-bit integer", f.step)
		}
	}
	for _, arg := range args {
		if arg == "-" {
			stream = true
			continue
		}
		key, value, err := format.ParseMetric(arg)
		if err != nil {
			return nil, false, usagef("metric %q: %v", arg, err)
		}
		l.Metrics = append(l.Metrics, format.MetricValue{Key: key, Value: value})
	}
	if l.Tags, err = parseTags(f.tags); err != nil {
		return nil, false, err
	}
	if l.Params, l.Nulls, err = parseParams(f.params); err != nil {
		return nil, false, err
	}
	return l, stream, nil
}

func empty(l *format.Line) bool {
	return len(l.Metrics) == 0 && len(l.Params) == 0 && len(l.Nulls) == 0 && len(l.Tags) == 0 && l.Note == ""
}

// check holds the params against those of the run, copies artifacts into it and hashes datasets. It returns their lines.
func (a *app) check(ctx context.Context, active *repo.Active, f *logFlags, l *format.Line) ([]*format.Line, error) {
	if len(l.Params) > 0 {
		l.Params = active.Repository().PortableParams(l.Params)
		known, err := active.Params(ctx)
		if err != nil {
			return nil, err
		}
		if err := known.Add(l.Params); err != nil {
			return nil, &repo.HintError{Err: fmt.Errorf("recording in run %s: %w", active.ID, err), Hint: "a param says what the run began with: start another run for another value"}
		}
	}
	return a.parts(ctx, active, f)
}

// parts are the lines of artifacts and datasets.
func (a *app) parts(ctx context.Context, active *repo.Active, f *logFlags) ([]*format.Line, error) {
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

// splitArtifact reads PATH[=NAME]. A file whose own name has an equals sign is taken as it is.
func splitArtifact(flag string, resolve func(string) string) (path, name string) {
	if _, err := os.Lstat(resolve(flag)); err == nil {
		return resolve(flag), ""
	}
	if i := strings.LastIndexByte(flag, '='); i > 0 {
		return resolve(flag[:i]), filepath.ToSlash(flag[i+1:])
	}
	return resolve(flag), ""
}

// logRun records a complete run in one call and prints its id.
func (a *app) logRun(ctx context.Context, f *logFlags, l *format.Line, stream, stepped bool) error {
	if stepped {
		return usagef("log: --step needs a run in progress: name it with --run, or set RUNS_ID")
	}
	if !stream && empty(l) && len(f.artifacts) == 0 && len(f.datasets) == 0 && f.paramsFile == "" {
		return errNothing
	}
	r, err := a.setup(ctx)
	if err != nil {
		return err
	}
	a.finishGoneBut(ctx, r, f.resume)
	run, err := a.record(ctx, r, &f.beginFlags)
	if err != nil {
		return err
	}
	active, _, err := a.begin(ctx, r, &f.beginFlags, run, format.OwnerProcess)
	if err != nil {
		return err
	}
	err = func() error {
		parts := *f
		parts.datasets = nil // in the record already
		more, err := a.parts(ctx, active, &parts)
		if err != nil {
			return err
		}
		if len(l.Metrics) > 0 {
			more = append(more, &format.Line{Time: l.Time, Metrics: l.Metrics})
		}
		if len(more) > 0 {
			if err := active.AppendShared(more...); err != nil {
				return err
			}
		}
		if stream {
			return a.logStream(ctx, active, nil)
		}
		return nil
	}()
	end := repo.Finish{Status: format.Finished, Wait: repo.DefaultWait}
	if err != nil {
		end.Status = format.Failed
		if errors.Is(err, context.Canceled) {
			end.Status, end.EndReason = format.Killed, "interrupted"
		}
	}
	res, finishErr := active.Finish(context.WithoutCancel(ctx), end)
	if err := errors.Join(err, finishErr); err != nil {
		return err
	}
	a.warnAll(res.Warnings)
	a.print("%s", res.Run.ID)
	a.commitAtFinish(ctx, r, res.Run, true)
	return nil
}

// logStream records lines from stdin as they come, until it ends.
func (a *app) logStream(ctx context.Context, active *repo.Active, first []*format.Line) (err error) {
	j, err := active.OpenJournal()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	if len(first) > 0 {
		if err := j.AppendNow(first...); err != nil {
			return err
		}
	}
	lines := make(chan []byte)
	failed := make(chan error, 1)
	go func() { // ends with stdin, or with the process: nothing else can end a read of a terminal
		defer close(lines)
		in := bufio.NewReaderSize(a.term.In, 64<<10)
		for {
			text, err := readLine(in)
			if len(text) > 0 {
				select {
				case lines <- text:
				case <-ctx.Done():
					return
				}
			}
			if err != nil {
				if !errors.Is(err, io.EOF) {
					failed <- err
				}
				return
			}
		}
	}()
	var parser format.JournalParser
	number, bad := 0, 0
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case text, ok := <-lines:
			if !ok {
				select {
				case err := <-failed:
					return fmt.Errorf("reading stdin: %w", err)
				default:
				}
				if bad > 0 {
					return fmt.Errorf("reading stdin: %d lines were not recorded", bad)
				}
				return nil
			}
			number++
			l, err := streamLine(&parser, text)
			if err != nil {
				bad++
				a.progress("runs: stdin:%d: %v", number, err)
				continue
			}
			if l == nil {
				continue
			}
			if err := j.Append(l); err != nil {
				return err
			}
		}
	}
}

func readLine(in *bufio.Reader) ([]byte, error) {
	var text []byte
	for {
		part, err := in.ReadSlice('\n')
		if len(text)+len(part) <= format.MaxLineBytes+1 {
			text = append(text, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return text, err
		}
	}
}

// streamLine reads a journal line, or words key=number; step=N among them is the step.
func streamLine(parser *format.JournalParser, text []byte) (*format.Line, error) {
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return nil, nil
	}
	l := &format.Line{}
	if text[0] == '{' {
		if err := parser.Parse(text, l); err != nil {
			return nil, err
		}
		if l.Event == format.EventEnd {
			l.Event = "" // the end of the one who sends is not the end of this journal
		}
		return l, nil
	}
	l.Time = time.Now().UnixMicro()
	for _, word := range strings.Fields(string(text)) {
		key, value, err := format.ParseMetric(word)
		if err != nil {
			return nil, fmt.Errorf("metric %q: %w", word, err)
		}
		if key == "step" && value == float64(int64(value)) {
			l.HasStep, l.Step = true, int64(value)
			continue
		}
		l.Metrics = append(l.Metrics, format.MetricValue{Key: key, Value: value})
	}
	return l, nil
}
