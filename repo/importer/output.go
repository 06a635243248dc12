package importer

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/console"
)

// Output takes the content of a log. Lines and data are valid only during the call.
type Output interface {
	// Line takes metrics, params, values and other data of the run.
	Line(l *format.Line) error
	// Media takes a file as an artifact, with a name relative to artifacts/. time is when it was logged, in µs since
	// 1970 UTC. Media sets the missing fields of the line. If the line has a digest and the file has another one, it
	// returns ErrDigest.
	Media(l *format.ArtifactLine, time int64, file io.Reader) error
	// System takes machine samples.
	System(l *format.Line) error
	// Console takes the whole console output of the program.
	Console(text io.Reader) error
}

// ErrDigest reports that the digest of a file differs from the one in the log.
var ErrDigest = errors.New("its content differs from the logged file")

// complete sets the digest and size of a line. It returns ErrDigest if the line has another digest.
func complete(l *format.ArtifactLine, digest string, bytes int64) error {
	if l.SHA256 != "" && l.SHA256 != digest {
		return ErrDigest
	}
	l.SHA256, l.Bytes = digest, bytes
	return nil
}

// Discard is an output that keeps nothing.
type Discard struct{}

// Line does nothing.
func (Discard) Line(*format.Line) error { return nil }

// Media reads the file, so that it is checked and counted as in a real import.
func (Discard) Media(l *format.ArtifactLine, _ int64, file io.Reader) error {
	sum := sha256.New()
	n, err := io.Copy(sum, file)
	if err != nil {
		return err
	}
	return complete(l, hex.EncodeToString(sum.Sum(nil)), n)
}

// System does nothing.
func (Discard) System(*format.Line) error { return nil }

// Console does nothing.
func (Discard) Console(io.Reader) error { return nil }

// Journal is an output that writes to the journals of a run, many lines at once. The caller must close it.
type Journal struct {
	run             *repo.Active
	metrics, system batch
	written         map[string]string // final names of artifacts, by the names in the log
}

// NewJournal returns an output for a run. It creates no file until the first line is written.
func NewJournal(run *repo.Active) *Journal {
	return &Journal{
		run: run, written: map[string]string{},
		metrics: batch{open: run.OpenJournal}, system: batch{open: run.OpenSystemJournal},
	}
}

// Line appends to the run's journal.
func (w *Journal) Line(l *format.Line) error { return w.metrics.add(l) }

// System appends to the run's journal of machine samples.
func (w *Journal) System(l *format.Line) error { return w.system.add(l) }

// Media stores a file as an artifact. It replaces an artifact with the same name from this output. If another writer
// has the name, the new artifact gets another name.
func (w *Journal) Media(l *format.ArtifactLine, time int64, file io.Reader) error {
	name, again := w.written[l.Name]
	if !again {
		name = l.Name
	}
	stored, err := w.run.AddArtifactFrom(name, again, file)
	if err != nil {
		return err
	}
	if err := complete(l, stored.SHA256, stored.Bytes); err != nil {
		return errors.Join(err, w.run.RemoveArtifact(stored.Name))
	}
	w.written[l.Name] = stored.Name
	l.Name, l.Path = stored.Name, stored.Path
	return w.Line(&format.Line{Time: time, Artifact: l})
}

// Console stores the console output, with the same limits as `runs exec`.
func (w *Journal) Console(text io.Reader) error {
	config, err := w.run.Repository().Config()
	if err != nil {
		return err
	}
	log, err := console.Create(w.run.OutputPath(false), config.Console.MaxBytes)
	if err != nil {
		return err
	}
	_, err = io.Copy(log, text)
	return errors.Join(err, log.Close())
}

// Close writes the remaining lines and ends the journals.
func (w *Journal) Close() error {
	err := w.metrics.close()
	if systemErr := w.system.close(); err == nil {
		err = systemErr
	}
	return err
}

// batch collects lines and writes them at once. The first write opens the journal.
type batch struct {
	open    func() (*repo.Journal, error)
	journal *repo.Journal
	lines   []format.Line
	ready   []*format.Line
}

const batchLines = 1024

func (b *batch) add(l *format.Line) error {
	if b.lines == nil {
		b.lines = make([]format.Line, batchLines)
	}
	to := &b.lines[len(b.ready)]
	kept := append(to.Metrics[:0], l.Metrics...)
	*to = *l
	to.Metrics = kept
	if b.ready = append(b.ready, to); len(b.ready) == batchLines {
		return b.flush()
	}
	return nil
}

func (b *batch) flush() (err error) {
	if len(b.ready) == 0 {
		return nil
	}
	if b.journal == nil {
		if b.journal, err = b.open(); err != nil {
			return err
		}
	}
	err = b.journal.Append(b.ready...)
	b.ready = b.ready[:0]
	return err
}

func (b *batch) close() error {
	err := b.flush()
	if b.journal != nil {
		if closeErr := b.journal.Close(); err == nil {
			err = closeErr
		}
	}
	return err
}
