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

// Output takes what a log says. The line and the data are valid during the call.
type Output interface {
	Line(l *format.Line) error
	// Media takes a file as an artifact; its name is below artifacts/. Where the line has a digest, the file must have it.
	Media(l *format.ArtifactLine, time int64, file io.Reader) error
	// System takes samples of the machine.
	System(l *format.Line) error
	// Console takes what the program printed, whole.
	Console(text io.Reader) error
}

// Nowhere is an output that is not kept.
type Nowhere struct{}

// Line does nothing.
func (Nowhere) Line(*format.Line) error { return nil }

// Media reads a file, so that what is counted of it is known.
func (Nowhere) Media(l *format.ArtifactLine, _ int64, file io.Reader) error {
	sum := sha256.New()
	n, err := io.Copy(sum, file)
	if err != nil {
		return err
	}
	return verified(l, hex.EncodeToString(sum.Sum(nil)), n)
}

// Console does nothing.
func (Nowhere) Console(io.Reader) error { return nil }

// ErrDigest says that a file is not the one that a log names.
var ErrDigest = errors.New("it is not the file that was logged")

// verified completes a line, or finds that the file is another.
func verified(l *format.ArtifactLine, digest string, bytes int64) error {
	if l.SHA256 != "" && l.SHA256 != digest {
		return ErrDigest
	}
	l.SHA256, l.Bytes = digest, bytes
	return nil
}

// System does nothing.
func (Nowhere) System(*format.Line) error { return nil }

// Journal is an output into the journals of a run, many lines with one write. Close it.
type Journal struct {
	run             *repo.Active
	metrics, system batch
	names           map[string]string // of the artifacts that it has written, by those that were asked for
}

// NewJournal opens nothing before its first line.
func NewJournal(run *repo.Active) *Journal {
	return &Journal{run: run, names: map[string]string{}, metrics: batch{open: run.OpenJournal}, system: batch{open: run.OpenSystemJournal}}
}

// Line keeps a line of metrics, params, values.
func (w *Journal) Line(l *format.Line) error { return w.metrics.add(l) }

// System keeps a line of samples of the machine.
func (w *Journal) System(l *format.Line) error { return w.system.add(l) }

// Media keeps a file as an artifact. What others have put into the run keeps its name.
func (w *Journal) Media(l *format.ArtifactLine, time int64, file io.Reader) error {
	name, again := w.names[l.Name]
	if !again {
		name = l.Name
	}
	written, err := w.run.AddArtifactFrom(name, again, file)
	if err != nil {
		return err
	}
	if err := verified(l, written.SHA256, written.Bytes); err != nil {
		return errors.Join(err, w.run.RemoveArtifact(written.Name))
	}
	w.names[l.Name] = written.Name
	l.Name, l.Path = written.Name, written.Path
	return w.Line(&format.Line{Time: time, Artifact: l})
}

// Console keeps what the program printed, as exec would have.
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

// Close writes what is left and ends the journals.
func (w *Journal) Close() error {
	err := w.metrics.close()
	if systemErr := w.system.close(); err == nil {
		err = systemErr
	}
	return err
}

// batch writes many lines at once into a journal that its first line opens.
type batch struct {
	open  func() (*repo.Journal, error)
	j     *repo.Journal
	lines []format.Line
	ready []*format.Line
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
	if b.j == nil {
		if b.j, err = b.open(); err != nil {
			return err
		}
	}
	err = b.j.Append(b.ready...)
	b.ready = b.ready[:0]
	return err
}

func (b *batch) close() error {
	err := b.flush()
	if b.j != nil {
		if closeErr := b.j.Close(); err == nil {
			err = closeErr
		}
	}
	return err
}
