package wandb

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/importer"
)

// quiet is how long a log without an end must not have been written for its run to count as over: the client writes samples of
// the machine more often.
const quiet = time.Minute

// interrupted is the exit status that the client gives a run that Ctrl-C ended.
const interrupted = 255

func isLog(name string) bool {
	return strings.HasPrefix(name, "run-") && strings.HasSuffix(name, ".wandb")
}

// Found reports whether there are logs below a folder, as far as a short look tells.
func Found(ctx context.Context, dir string) bool { return importer.Any(ctx, dir, isLog) }

// Import makes a finished run of each log below a folder. Its id follows from what the log says of its run, so that one that
// is here is known again. Logs that have the id of a run in common, one after the other, are a chain: each resumes the one
// before it. The folder is only read.
func Import(ctx context.Context, r *repo.Repository, q importer.Request) (*importer.Imported, error) {
	files, err := importer.All(ctx, q.Path, isLog, "there are no logs of W&B in it, run-<id>.wandb")
	if err != nil {
		return nil, err
	}
	all := make([]*log, len(files))
	for i, f := range files {
		all[i] = &log{file: f, root: q.Path}
		all[i].head, all[i].err = readHead(ctx, f.Path)
		if errors.Is(all[i].err, importer.ErrEmpty) && time.Since(f.Mtime) < quiet {
			all[i].err = importer.ErrInProgress // the client keeps the first records for a while
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	chain(all)
	ordered := make([]importer.Log, len(all))
	for i, l := range all {
		ordered[i] = l
	}
	return importer.Import(ctx, r, q, ordered)
}

// chain sorts logs by the time their runs began, those that cannot be read last, and links those of one run.
func chain(all []*log) {
	slices.SortStableFunc(all, func(a, b *log) int {
		switch {
		case a.err != nil && b.err != nil:
			return 0
		case a.err != nil:
			return 1
		case b.err != nil:
			return -1
		case !a.head.begun.Equal(b.head.begun):
			return a.head.begun.Compare(b.head.begun)
		}
		return strings.Compare(a.file.Path, b.file.Path)
	})
	type name struct{ entity, project, id string }
	before := map[name]*log{}
	for _, l := range all {
		if l.err != nil {
			continue
		}
		of := name{l.head.run.entity, l.head.run.project, l.head.run.id}
		if old := before[of]; old != nil && old.head.id() != l.head.id() && !old.head.ended().After(l.head.begun.Add(time.Second)) {
			l.resumes = old.head.id()
		}
		before[of] = l
	}
}

// log is the log of one run.
type log struct {
	file    importer.File
	root    string
	head    *head
	err     error
	resumes string // id of the run that it goes on with
}

// Name is the path of the log's folder.
func (l *log) Name() string { return shown(l.root, l.file.Path) }

// Run is what the log says its run is.
func (l *log) Run() (*format.Run, *format.EnvironmentFile, error) {
	if l.err != nil {
		return nil, nil, l.err
	}
	if l.head.exit == nil && time.Since(l.file.Mtime) < quiet {
		return nil, nil, importer.ErrInProgress
	}
	run, env := l.head.record(filepath.Dir(l.file.Path))
	run.Resumes = l.resumes
	return run, env, nil
}

// Read reads the log and the files beside it.
func (l *log) Read(ctx context.Context, out importer.Output) (*importer.Read, error) {
	r := newReading(out, l.Name(), filepath.Dir(l.file.Path), l.head)
	if err := r.all(ctx, l.file.Path); err != nil {
		return nil, err
	}
	read := &importer.Read{None: !r.any, Warnings: r.warns, Points: r.points, Files: r.files, Bytes: r.bytes}
	read.End = l.end()
	read.End.Ended = importer.Ended(r.last, l.head.begun)
	return read, nil
}

// end is how the run ended. A client that was killed leaves no word.
func (l *log) end() repo.Finish {
	exit := l.head.exit
	switch {
	case exit == nil:
		return repo.Finish{Status: format.Crashed}
	case exit.code == 0:
		code := int64(0)
		return repo.Finish{Status: format.Finished, ExitCode: &code}
	case l.head.preempt:
		return repo.Finish{Status: format.Killed, EndReason: "preempted"}
	case exit.code == interrupted:
		return repo.Finish{Status: format.Killed, Signal: "SIGINT", EndReason: "interrupted"}
	}
	code := exit.code
	return repo.Finish{Status: format.Failed, ExitCode: &code}
}
