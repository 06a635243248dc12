package tensorboard

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/gitruns/runs/repo/importer"
)

// restart is the mark of a writer that went on from a checkpoint. What was written before the mark, at its step or a
// later one, is replaced by what comes after it.
type restart struct {
	file   int   // index among the files of the folder
	offset int64 // of its record, in bytes
	step   int64
}

// restarts are the marks in the files of a folder, in the order in which they are read. A reader asks for the
// position of each record in turn.
type restarts struct {
	marks []restart
	least []int64 // the smallest step of each mark and those after it
	next  int     // the first mark after the position that was asked for last
}

// maxRestarts bounds the marks of a folder. Later ones count as if they were not there.
const maxRestarts = 1_000_000

// findRestarts finds the marks in the files of a folder. The only error is that of the context.
func findRestarts(ctx context.Context, files []importer.File) (*restarts, error) {
	r := &restarts{}
	for i, f := range files {
		if err := r.find(ctx, i, f.Path); err != nil {
			return nil, err
		}
	}
	least := int64(math.MaxInt64)
	r.least = make([]int64, len(r.marks))
	for i, m := range slices.Backward(r.marks) {
		least = min(least, m.step)
		r.least[i] = least
	}
	return r, nil
}

func (r *restarts) find(ctx context.Context, file int, path string) error {
	f, err := importer.Open(path)
	if err != nil {
		return nil // reading it reports this
	}
	defer func() { _ = f.Close() }()
	records := newRecordReader(f)
	var e event
	for n := 0; ; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		begin := records.offset
		data, err := records.next()
		var damage *DamageError
		switch {
		case errors.As(err, &damage) && !damage.Rest:
			continue
		case err != nil:
			return nil
		}
		if parseEvent(data, &e) == nil && e.start && len(r.marks) < maxRestarts {
			r.marks = append(r.marks, restart{file, begin, e.step})
		}
	}
}

// replaced reports whether a value of a step, in the record at this position, was replaced after a restart.
func (r *restarts) replaced(file int, offset, step int64) bool {
	for r.next < len(r.marks) {
		if m := r.marks[r.next]; m.file > file || m.file == file && m.offset > offset {
			break
		}
		r.next++
	}
	return r.next < len(r.marks) && step >= r.least[r.next]
}
