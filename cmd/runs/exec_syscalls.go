package main

import (
	"fmt"
	"os"

	"github.com/gitruns/runs/cmd/internal/openwatch"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/reads"
)

// callWatch notices what a program reads by the system calls of its processes.
type callWatch struct {
	watcher *openwatch.Watcher
	writer  *reads.Writer
}

// watchCalls prepares to watch a program. dir is the folder for what is noticed. all tells that the run has no other
// program.
func (a *app) watchCalls(active *repo.Active, dir string, all bool) (*callWatch, error) {
	w := &callWatch{}
	var err error
	if w.writer, err = active.RecordOpens(all); err != nil {
		return nil, err
	}
	o := openwatch.Options{
		Opened: func(o openwatch.Open) { w.writer.Opened(o.Path, useOf(o)) },
		Ran:    w.writer.Ran, Removing: w.writer.Look, Missed: w.writer.Missed,
		Warn: func(err error) { a.warn("%v", err) }, Log: w.writer.File(), Lost: reads.Lost,
		Variable: "RUNS_READS_WATCHED=" + dir, // Python need not notice the same files
	}
	if w.watcher, err = openwatch.New(o); err != nil {
		w.writer.Discard()
		return nil, err
	}
	return w, nil
}

// useOf returns how a file or folder is used that is opened.
func useOf(o openwatch.Open) reads.Use {
	if o.IsFolder() {
		return reads.Listed
	}
	switch flags := o.Flags; flags & (os.O_WRONLY | os.O_RDWR) {
	case 0:
		return reads.Read
	case os.O_RDWR:
		if flags&(os.O_TRUNC|os.O_EXCL) == 0 {
			return reads.Read | reads.Written
		}
	}
	return reads.Written
}

// began returns why the started program is not watched, or nil if it is.
func (w *callWatch) began() error {
	err := w.watcher.Refused()
	if err != nil {
		w.writer.Discard()
	}
	return err
}

// end ends the watching, after which the writer has written what was seen. ran tells that the program was started.
func (w *callWatch) end(ran bool) error {
	if ran && w.watcher.Outlived(repo.EndsSoon) {
		w.writer.Outlived()
	}
	w.watcher.Close()
	if !ran {
		w.writer.Discard()
	}
	if err := w.writer.Close(); err != nil {
		return fmt.Errorf("noticing what the program reads: %w", err)
	}
	return nil
}

// warnUnwatched tells that only Python programs are watched.
func (a *app) warnUnwatched(err error) {
	a.warn("the system calls of the program are not watched: %v; only Python programs are", err)
}
