package tensorboard

import (
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// journal writes what a log says into a journal of a run, many lines with one write.
type journal struct {
	run   *repo.Active
	j     *repo.Journal // opened by the first line
	lines []format.Line
	ready []*format.Line
}

const batch = 1024 // lines of one write

func (w *journal) line(l *format.Line) error {
	if w.lines == nil {
		w.lines = make([]format.Line, batch)
	}
	to := &w.lines[len(w.ready)]
	kept := append(to.Metrics[:0], l.Metrics...)
	*to = *l
	to.Metrics = kept
	if w.ready = append(w.ready, to); len(w.ready) == batch {
		return w.flush()
	}
	return nil
}

func (w *journal) media(a *format.ArtifactLine, time int64, data []byte) error {
	written, err := w.run.AddArtifactBytes(a.Name, data)
	if err != nil {
		return err
	}
	a.Path, a.SHA256, a.Bytes = written.Path, written.SHA256, written.Bytes
	return w.line(&format.Line{Time: time, Artifact: a})
}

func (w *journal) flush() (err error) {
	if len(w.ready) == 0 {
		return nil
	}
	if w.j == nil {
		if w.j, err = w.run.OpenJournal(); err != nil {
			return err
		}
	}
	err = w.j.Append(w.ready...)
	w.ready = w.ready[:0]
	return err
}

// close writes what is left and ends the journal.
func (w *journal) close() error {
	err := w.flush()
	if w.j != nil {
		if closeErr := w.j.Close(); err == nil {
			err = closeErr
		}
	}
	return err
}
