// Package tensorboard imports the event files of TensorBoard's writers: those of TensorFlow, Keras, PyTorch,
// tensorboardX and JAX.
//
// It knows the format of event files and which of them belong to one run. It does not decide which logs become runs;
// repo/importer does. Start reading at Import, which makes finished runs from a folder, and at ImportInto, which adds
// event files to a run in progress. To support another plugin of TensorBoard, start at value in read.go.
package tensorboard

import (
	"context"
	"crypto/sha256"
	"errors"
	"math"
	"path"
	"path/filepath"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/importer"
)

// Found reports whether a folder has event files. It gives up after a short search and then returns false.
func Found(ctx context.Context, dir string) bool { return importer.Contains(ctx, dir, isEventName) }

// Import makes a finished run from each log under a folder. The id of a run is derived from its first event file, so a
// log that was imported before is recognized. The folder is only read.
func Import(ctx context.Context, r *repo.Repository, q importer.Request) (*importer.Imported, error) {
	files, err := importer.FindAll(ctx, q.Path, isEventName, "it has no TensorBoard event files")
	if err != nil {
		return nil, err
	}
	var all []*foundLog
	for _, l := range groupByRun(groupByFolder(q.Path, files)) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		below := &foundLog{runLog: l, root: q.Path}
		below.identify()
		all = append(all, below)
	}
	all, copies, err := separateCopies(ctx, r, all)
	if err != nil {
		return nil, err
	}
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

// foundLog is a log under the folder of an import.
type foundLog struct {
	*runLog
	root string

	id      string
	started time.Time         // of the first valid record of the earliest event file
	digest  [sha256.Size]byte // of that file's name and that record
	file    string            // that file's name
	err     error             // set if no event file can be read
}

// Name returns the path of the log's folder.
func (l *foundLog) Name() string {
	name := l.rel
	if name == "" {
		name = filepath.Base(l.root)
	}
	return importer.Key(importer.Clean([]byte(name)))
}

// Run returns what is known from the log's names and first valid record.
func (l *foundLog) Run() (*format.Run, *format.EnvironmentFile, error) {
	if l.err != nil {
		return nil, nil, l.err
	}
	run := &format.Run{ID: l.id, Name: l.Name(), Started: l.started, Tags: map[string]string{"imported": "tensorboard"}}
	if host := hostOf(l.file); host != "" && format.CheckKey(host) == nil {
		run.Machine = &format.Machine{Host: host}
	}
	return run, nil, nil
}

// Read reads all event files of the log.
func (l *foundLog) Read(ctx context.Context, out importer.Output) (*importer.ReadResult, error) {
	r := newReading(out)
	r.show = importer.RelativeTo(l.root)
	if err := r.all(ctx, l.runLog); err != nil {
		return nil, err
	}
	read := &importer.ReadResult{
		End: repo.Finish{Ended: importer.Ended(r.last, l.started)}, Empty: r.counts.Empty(), Warnings: r.counts.Warnings,
		Points: r.counts.Points, Files: r.counts.Files, Bytes: r.counts.Bytes,
	}
	if r.session.failed {
		read.End.Status = format.Failed
	}
	return read, nil
}

// identify derives the id of a log from its earliest event file: from the time of the file's first valid record, in
// seconds, and from a digest of the file's name and that record.
func (l *foundLog) identify() {
	l.err = errors.New("none of its event files can be read")
	for _, p := range l.folders {
		for _, f := range p.files {
			at, sum, err := firstRecord(f.Path)
			if err != nil {
				continue
			}
			if l.file == "" || at.Before(l.started) {
				l.started, l.digest, l.file, l.err = at, sum, path.Base(filepath.ToSlash(f.Path)), nil
			}
		}
	}
	l.id = format.IDOf(l.started, l.digest[:])
}

// firstRecord finds the first undamaged record with a time in a file. It returns that time, and a digest of the file's
// name and the record.
func firstRecord(name string) (time.Time, [sha256.Size]byte, error) {
	var none [sha256.Size]byte
	f, err := importer.Open(name)
	if err != nil {
		return time.Time{}, none, err
	}
	defer func() { _ = f.Close() }()
	records := newRecordReader(f)
	var e event
	var data []byte
	for {
		var damage *DamageError
		data, err = records.next()
		if errors.As(err, &damage) && !damage.Rest {
			continue
		}
		if err != nil {
			return time.Time{}, none, err
		}
		if parseEvent(data, &e) == nil && e.time > 0 && e.time <= maxTime {
			break
		}
	}
	at := time.UnixMicro(int64(math.Round(e.time * 1e6))).UTC()
	return at, sha256.Sum256(append([]byte(filepath.Base(name)+"\x00"), data...)), nil
}
