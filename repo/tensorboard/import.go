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

// Found reports whether there are event files below a folder, as far as a short look tells.
func Found(ctx context.Context, dir string) bool { return importer.Any(ctx, dir, isEventName) }

// Import makes a finished run of each log below a folder. Its id follows from the first event file, so that one that is here
// is known again. The folder is only read.
func Import(ctx context.Context, r *repo.Repository, q importer.Request) (*importer.Imported, error) {
	files, err := importer.All(ctx, q.Path, isEventName, "there are no event files of TensorBoard in it")
	if err != nil {
		return nil, err
	}
	var all []*logBelow
	for _, l := range logs(folders(q.Path, files)) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		below := &logBelow{log: l, root: q.Path}
		below.identify()
		all = append(all, below)
	}
	all, copies, err := apart(ctx, r, all)
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

// logBelow is a log below the folder of an import.
type logBelow struct {
	*log
	root string

	id      string
	started time.Time         // the first good record of the earliest event file
	digest  [sha256.Size]byte // of that file's name and that record
	file    string            // that file's name
	err     error             // none can be read
}

// Name is the path of the log's folder.
func (l *logBelow) Name() string {
	name := l.rel
	if name == "" {
		name = filepath.Base(l.root)
	}
	return importer.Key(importer.Clean([]byte(name)))
}

// Run is what the names and the first good record of the log say.
func (l *logBelow) Run() (*format.Run, *format.EnvironmentFile, error) {
	if l.err != nil {
		return nil, nil, l.err
	}
	run := &format.Run{ID: l.id, Name: l.Name(), Started: l.started, Tags: map[string]string{"imported": "tensorboard"}}
	if host := hostOf(l.file); host != "" && format.CheckKey(host) == nil {
		run.Machine = &format.Machine{Host: host}
	}
	return run, nil, nil
}

// Read reads all event files.
func (l *logBelow) Read(ctx context.Context, out importer.Output) (*importer.Read, error) {
	r := newReading(out)
	r.show = importer.RelativeTo(l.root)
	if err := r.all(ctx, l.log); err != nil {
		return nil, err
	}
	read := &importer.Read{
		End: repo.Finish{Ended: importer.Ended(r.last, l.started)}, None: r.counts.None(), Warnings: r.counts.Warnings,
		Points: r.counts.Points, Files: r.counts.Files, Bytes: r.counts.Bytes,
	}
	if r.session.failed {
		read.End.Status = format.Failed
	}
	return read, nil
}

// identify makes the id of a log from its earliest event file: the second of its first good record, and letters that follow from
// the file's name and that record.
func (l *logBelow) identify() {
	l.err = errors.New("none of its event files can be read")
	for _, p := range l.parts {
		for _, f := range p.files {
			at, sum, err := opening(f.Path)
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

// opening is the time and the digest of a file's first record that has a time and is whole.
func opening(name string) (time.Time, [sha256.Size]byte, error) {
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
	return time.UnixMicro(int64(math.Round(e.time * 1e6))).UTC(), sha256.Sum256(append([]byte(filepath.Base(name)+"\x00"), data...)), nil
}
