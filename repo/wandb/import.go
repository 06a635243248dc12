// Package wandb imports the logs of online and offline runs that the client of Weights & Biases leaves in its folder.
//
// It knows the format of these logs and of the files next to them. It does not decide which logs become runs;
// repo/importer does. It contacts no server. Start reading at Import. head.go finds out which run a log belongs to,
// and read.go imports the content. To support another kind of record, add its field number in message.go and handle it
// in the method record in read.go.
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

// idleTime is how long a log without an end must stay unchanged before its run counts as ended. A running client
// writes machine samples more often than that.
const idleTime = time.Minute

// interrupted is the exit status that the client records for a run that Ctrl-C ended.
const interrupted = 255

func isLog(name string) bool {
	return strings.HasPrefix(name, "run-") && strings.HasSuffix(name, ".wandb")
}

// Found reports whether a folder has W&B logs. It gives up after a short search and then returns false.
func Found(ctx context.Context, dir string) bool { return importer.Contains(ctx, dir, isLog) }

// Import makes a finished run from each log under a folder. The id of a run is derived from the log's run record, so a
// log that was imported before is recognized. Successive logs of one W&B run become a chain: each run resumes the one
// before it. The folder is only read.
func Import(ctx context.Context, r *repo.Repository, q importer.Request) (*importer.Imported, error) {
	files, err := importer.FindAll(ctx, q.Path, isLog, "it has no W&B logs (run-<id>.wandb)")
	if err != nil {
		return nil, err
	}
	all := make([]*runLog, len(files))
	for i, f := range files {
		all[i] = &runLog{file: f, root: q.Path}
		all[i].head, all[i].err = readHead(ctx, f.Path)
		if errors.Is(all[i].err, importer.ErrEmpty) && time.Since(f.Mtime) < idleTime {
			all[i].err = importer.ErrInProgress // the client delays writing the first records
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	all, copies := fullest(all)
	chain(all)
	ordered := make([]importer.Log, len(all))
	for i, l := range all {
		ordered[i] = l
	}
	done, err := importer.Import(ctx, r, q, ordered)
	if err != nil {
		return nil, err
	}
	done.Warnings = append(done.Warnings, copies...)
	return done, nil
}

// chain sorts logs by the start times of their runs, unreadable ones last, and links the logs of each W&B run.
func chain(all []*runLog) {
	slices.SortStableFunc(all, func(a, b *runLog) int {
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
	before := map[name]*runLog{}
	for _, l := range all {
		if l.err != nil {
			continue
		}
		of := name{l.head.run.entity, l.head.run.project, l.head.run.id}
		old := before[of]
		if old != nil && old.head.id() != l.head.id() && !old.head.ended().After(l.head.begun.Add(time.Second)) {
			l.resumes = old.head.id()
		}
		before[of] = l
	}
}

// runLog is the log of one run.
type runLog struct {
	file    importer.File
	root    string
	head    *head
	err     error
	resumes string // id of the run that it resumes
}

// Name returns the path of the log's folder.
func (l *runLog) Name() string { return logName(l.root, l.file.Path) }

// Run returns the run that the log describes.
func (l *runLog) Run() (*format.Run, *format.EnvironmentFile, error) {
	if l.err != nil {
		return nil, nil, l.err
	}
	if l.head.exit == nil && time.Since(l.file.Mtime) < idleTime {
		return nil, nil, importer.ErrInProgress
	}
	run, env := l.head.record(filepath.Dir(l.file.Path))
	run.Resumes = l.resumes
	return run, env, nil
}

// Read reads the log and the files next to it.
func (l *runLog) Read(ctx context.Context, out importer.Output) (*importer.ReadResult, error) {
	r := newReading(out, l.Name(), filepath.Dir(l.file.Path), l.head)
	if err := r.all(ctx, l.file.Path); err != nil {
		return nil, err
	}
	read := &importer.ReadResult{
		Empty: !r.hasContent, Warnings: r.warnings, Points: r.points, Files: r.files, Bytes: r.bytes,
	}
	read.End = l.end()
	read.End.Ended = importer.Ended(r.last, l.head.begun)
	return read, nil
}

// end returns how the run ended. A client that was killed records no end.
func (l *runLog) end() repo.Finish {
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
