// Package stored imports the runs that MLflow has recorded: a folder mlruns of files, or a database of SQLite, as
// versions 1 to 3 write them.
//
// It knows MLflow's layouts and what becomes of what is in them. It does not decide which runs are new; repo/importer
// does. It contacts no server and starts no Python. Start reading at Import. files.go and database.go read the two
// kinds of stores into one shape, run.go, and record.go and read.go turn that into a run here.
package stored

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/importer"
	"github.com/gitruns/runs/repo/mlflow"
)

// idleTime is how long a run without an end must have logged nothing before it counts as ended.
const idleTime = time.Minute

// databases are the endings of files that may be databases of MLflow.
var databases = []string{".db", ".sqlite", ".sqlite3"}

// stores returns the stores at a path: a database, a folder of files, or a folder that holds these.
func stores(path string) (files []string, folder string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, "", err
	}
	if !info.IsDir() {
		if isDatabase(path) {
			files = []string{path}
		}
		return files, "", nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, "", err
	}
	for _, e := range entries {
		name := filepath.Join(path, e.Name())
		if e.Type().IsRegular() && slices.Contains(databases, filepath.Ext(name)) && isDatabase(name) {
			files = append(files, name)
		}
	}
	for _, dir := range []string{path, filepath.Join(path, "mlruns")} {
		if isFileStore(dir) {
			return files, dir, nil
		}
	}
	return files, "", nil
}

// Found reports whether a path is a store of MLflow, or a folder that holds one.
func Found(_ context.Context, path string) bool {
	files, folder, err := stores(path)
	return err == nil && (len(files) > 0 || folder != "")
}

// Import makes a finished run from each run of a store that was not deleted. The id of a run is derived from MLflow's,
// so that a run which was imported before is recognized, from whatever store. The store is only read.
func Import(ctx context.Context, r *repo.Repository, q importer.Request) (*importer.Imported, error) {
	files, folder, err := stores(q.Path)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 && folder == "" {
		return nil, errors.New("it is not a store of MLflow: a folder mlruns, the folder that holds it, or an mlflow.db")
	}
	s := &source{number: map[string]int{}, parents: map[string]string{}, base: q.Path}
	if folder == "" && !isDir(q.Path) {
		s.base = filepath.Dir(q.Path)
	}
	defer s.close()
	for _, name := range files {
		d, err := openDatabase(ctx, name, &s.left)
		if err != nil {
			return nil, importer.DatabaseError(name, "MLflow", err)
		}
		s.open = append(s.open, d.close)
		s.add(d.runs)
		s.experiments = append(s.experiments, d.experiments...)
		s.registered = append(s.registered, d.registered...)
	}
	if folder != "" {
		f, err := openFiles(ctx, folder, &s.left)
		if err != nil {
			return nil, err
		}
		s.open = append(s.open, f.close)
		s.add(f.runs)
		s.experiments = append(s.experiments, f.experiments...)
		s.registered = append(s.registered, f.registered...)
		s.refused = append(s.refused, f.refused...)
	}
	logs := s.logs()
	s.seek()
	done, err := importer.Import(ctx, r, q, logs)
	if err != nil {
		return nil, err
	}
	if !q.DryRun && len(done.Runs) > 0 { // a tag that was removed here does not come back by itself
		if err := s.keepExperiments(ctx, r, q.Experiment != "" || len(q.IDs) > 0); err != nil {
			return nil, err
		}
	}
	if err := s.keepModels(ctx, r, q, done); err != nil {
		return nil, err
	}
	if s.copies > 0 {
		done.Warnings = append(done.Warnings, fmt.Sprintf("skipped %d copies of runs that are in two stores", s.copies))
	}
	done.LeftOut = s.left.list
	return done, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// source is the stores of an import together.
type source struct {
	base        string
	runs        []*storedRun
	experiments []*experiment
	registered  []*registered
	sought      sought
	number      map[string]int    // of runs, by MLflow's ids
	parents     map[string]string // ids here of runs that are not deleted, by MLflow's ids
	places      places
	left        leftOut
	copies      int
	refused     []refusal
	open        []func()
}

func (s *source) close() {
	for _, end := range s.open {
		end()
	}
}

// add takes the runs of a store that are not deleted. Of a run in two stores, the first counts.
func (s *source) add(runs []*storedRun) {
	for _, run := range runs {
		s.places.add(run.artifacts)
		_, twice := s.number[run.id]
		switch {
		case twice:
			s.copies++
			continue
		case run.experiment.deleted:
			s.left.add("deleted-experiment run", 1)
			continue
		case run.deleted:
			s.left.add("deleted run", 1)
			continue
		}
		s.number[run.id] = len(s.runs)
		s.runs = append(s.runs, run)
		if validTime(run.start) {
			s.parents[run.id] = run.runID()
		}
	}
}

// logs returns the runs in the order of their starts, so that a parent comes before its children.
func (s *source) logs() []importer.Log {
	slices.SortStableFunc(s.runs, func(a, b *storedRun) int {
		return cmp.Or(cmp.Compare(a.start, b.start), strings.Compare(a.id, b.id))
	})
	logs := make([]importer.Log, 0, len(s.runs)+len(s.refused))
	for _, run := range s.runs {
		logs = append(logs, &runLog{run: run, source: s})
	}
	for _, bad := range s.refused {
		logs = append(logs, badLog(bad))
	}
	return logs
}

// badLog is a run that cannot be read.
type badLog refusal

// Name returns the path of the run's folder.
func (l badLog) Name() string { return key(l.name) }

// Run returns why the run cannot be read.
func (l badLog) Run() (*format.Run, *format.EnvironmentFile, error) { return nil, nil, l.err }

// Read is never called.
func (l badLog) Read(context.Context, importer.Output) (*importer.ReadResult, error) {
	return nil, l.err
}

// runLog is a run of a store.
type runLog struct {
	run    *storedRun
	source *source
}

// title names a run in messages.
func (s *storedRun) title() string { return key(s.id) }

// Name returns MLflow's id of the run.
func (l *runLog) Name() string { return l.run.title() }

// Run returns what the store has about the run itself.
func (l *runLog) Run() (*format.Run, *format.EnvironmentFile, error) {
	if !validTime(l.run.start) {
		return nil, nil, errors.New("its run has no start time")
	}
	ctx := context.Background()
	if !l.run.ended() {
		last, err := l.run.content.last(ctx)
		if err != nil {
			return nil, nil, err
		}
		if time.Since(time.UnixMilli(max(last, l.run.start))).Abs() < idleTime {
			return nil, nil, importer.ErrInProgress
		}
	}
	d, err := l.run.content.details(ctx)
	if err != nil {
		return nil, nil, err
	}
	return l.run.record(d, &l.source.places, l.source.parents), nil, nil
}

// Read reads the params, tags, points and artifacts of the run.
func (l *runLog) Read(ctx context.Context, out importer.Output) (*importer.ReadResult, error) {
	d, err := l.run.content.details(ctx)
	if err != nil {
		return nil, err
	}
	r := &reading{
		run: l.run, out: out, base: l.source.base, sought: &l.source.sought,
		started: l.run.start * 1000, ended: max(l.run.start, l.run.end) * 1000,
		keys: map[string]string{}, roots: map[string]bool{}, skipped: map[string]skipped{},
		labelsOf: map[about]format.Labels{}, datasets: d.recordDatasets(&l.source.places),
	}
	if err := r.all(ctx, d, l.run.tags(d, &l.source.places, l.source.parents)); err != nil {
		return nil, err
	}
	read := &importer.ReadResult{
		End: l.run.finish(r.last), Points: r.points, Files: r.files, Bytes: r.bytes, Warnings: r.warnings(),
	}
	return read, nil
}

// finish returns how the run ended. A run that nobody ended has crashed, at its last point.
func (s *storedRun) finish(last int64) repo.Finish {
	end := repo.Finish{Status: format.Crashed}
	switch s.status {
	case mlflow.StatusFinished:
		end.Status = format.Finished
	case mlflow.StatusFailed:
		end.Status = format.Failed
	case mlflow.StatusKilled:
		end.Status = format.Killed
	}
	at := last
	if s.ended() && validTime(s.end) {
		at = s.end
	}
	end.Ended = importer.Ended(at*1000, time.UnixMilli(s.start))
	return end
}
