package csvlog

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/importer"
)

// Bounds of a table with a step in each row, which is not held in memory.
const (
	maxSteps     = 20_000_000
	maxFileBytes = 2 << 30
)

// curveLog is a table that is one run.
type curveLog struct {
	*table
	run  *format.Run
	last int64 // the last time in the table, in µs since 1970
}

// curve reads the table once, for the digest, the times, and which columns have only numbers.
func (t *table) curve(ctx context.Context, known *importer.Undated) ([]importer.Log, error) {
	for i, r := range t.roles {
		switch {
		case r == param && t.asked:
			t.roles[i] = without
		case r == param:
			t.roles[i] = metric
		case r != metric && r != without && r != step && r != at:
			return nil, fmt.Errorf("the column %q cannot be used with --curve, which makes one run of the table",
				short(t.names[i]))
		}
	}
	sum := sha256.New()
	if _, err := t.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	n, err := io.Copy(sum, io.LimitReader(t.file, maxFileBytes+1))
	switch {
	case err != nil:
		return nil, err
	case n > maxFileBytes:
		return nil, fmt.Errorf("it is larger than %d bytes", maxFileBytes)
	}
	l := &curveLog{table: t, run: &format.Run{Name: t.stem(), Tags: map[string]string{"imported": Kind}}}
	var first int64
	err = l.each(ctx, func(row *stepRow) error {
		for i, cell := range row.cells {
			if t.roles[i] == metric && !missing(cell) {
				if _, err := number(cell); err != nil {
					if t.asked || isLocal(cell) {
						return fmt.Errorf("line %d: column %q: %w", t.rowsOf.line, short(t.names[i]), err)
					}
					t.roles[i] = param // a column of texts
				}
			}
		}
		if row.time > 0 && (first == 0 || row.time < first) {
			first = row.time
		}
		l.last = max(l.last, row.time)
		return nil
	})
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(append([]byte("csv\x00"), sum.Sum(nil)...))
	if first > 0 {
		l.run.Started = time.UnixMicro(first).UTC()
		l.run.ID = format.IDOf(l.run.Started, digest[:])
	} else {
		l.run.ID, l.run.Started = known.ID(digest[:], t.written)
	}
	return []importer.Log{l}, nil
}

// stepRow is a row of a curve.
type stepRow struct {
	cells []string // without spaces around them
	step  int64
	time  int64 // µs since 1970, or 0
}

// each visits the rows of the table, from the first.
func (l *curveLog) each(ctx context.Context, visit func(*stepRow) error) error {
	if _, err := l.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	var err error
	if l.rowsOf, err = newReader(l.file, l.rowsOf.delimiter); err != nil {
		return err
	}
	if _, err := l.rowsOf.header(); err != nil {
		return err
	}
	stepColumn, timeColumn := slices.Index(l.roles, step), slices.Index(l.roles, at)
	row := &stepRow{}
	for n := int64(0); ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		cells, err := l.rowsOf.row()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case len(cells) != len(l.names):
			return fmt.Errorf("line %d has %d cells, and the first line has %d", l.rowsOf.line, len(cells), len(l.names))
		case n >= maxSteps:
			return fmt.Errorf("it has more than %d rows", maxSteps)
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		row.cells, row.step, row.time = cells, n, 0
		if stepColumn >= 0 {
			v, err := number(cells[stepColumn])
			if err != nil || v != math.Trunc(v) || math.Abs(v) > 1<<53 {
				return fmt.Errorf("line %d: the step %q is not an integer", l.rowsOf.line, short(cells[stepColumn]))
			}
			row.step = int64(v)
		}
		if timeColumn >= 0 && !missing(cells[timeColumn]) {
			if row.time, err = moment(cells[timeColumn]); err != nil {
				return fmt.Errorf("line %d: column %q: %w", l.rowsOf.line, short(l.names[timeColumn]), err)
			}
		}
		if err := visit(row); err != nil {
			return err
		}
	}
}

// Name returns the name of the file.
func (l *curveLog) Name() string { return l.stem() }

// Run returns the run.
func (l *curveLog) Run() (*format.Run, *format.EnvironmentFile, error) { return l.run, nil, nil }

// Read writes the points, and the texts of columns with texts as values.
func (l *curveLog) Read(ctx context.Context, out importer.Output) (*importer.ReadResult, error) {
	read := &importer.ReadResult{
		End: repo.Finish{Status: format.Finished, Ended: importer.Ended(l.last, l.run.Started)}, Empty: true,
	}
	begin := l.run.Started.UnixMicro()
	keys := make([]string, len(l.names))
	for i, name := range l.names {
		keys[i] = clean(name)
	}
	line := &format.Line{HasStep: true}
	err := l.each(ctx, func(row *stepRow) error {
		line.Time, line.Step, line.Metrics, line.Values = begin, row.step, line.Metrics[:0], nil
		if row.time > 0 {
			line.Time = row.time
		}
		for i, cell := range row.cells {
			switch {
			case missing(cell):
			case l.roles[i] == metric:
				v, err := number(cell)
				if err != nil {
					return fmt.Errorf("line %d: %w: %w", l.rowsOf.line, errChanged, err)
				}
				line.Metrics = append(line.Metrics, format.MetricValue{Key: keys[i], Value: v})
			case l.roles[i] == param:
				text := format.AppendJSON(nil, importer.Cut([]byte(cell), format.MaxTextBytes))
				line.Values = append(line.Values, format.ValueText{Key: keys[i], JSON: string(text)})
			}
		}
		if len(line.Metrics)+len(line.Values) == 0 {
			return nil
		}
		read.Empty = false
		read.Points += int64(len(line.Metrics))
		return out.Line(line)
	})
	return read, err
}

var errChanged = errors.New("the file was changed while it was read")
