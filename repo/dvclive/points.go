package dvclive

import (
	"bufio"
	"context"
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/gitruns/runs/repo/importer"
)

// Bounds of a folder.
const (
	maxFileBytes = 2 << 30
	maxLineBytes = 64 << 10
	maxPoints    = 20_000_000 // of a run
)

// pointRow is a line of a file of points.
type pointRow struct {
	step   int64
	time   int64 // µs since 1970, or 0
	value  float64
	text   string // in place of a value that is not a number
	isText bool
	bad    bool // the line cannot be read
}

var errHeader = errors.New("its first line does not name the columns step and a metric")

// eachPoint visits the lines of a file of points. The first line names the columns: perhaps timestamp, then step, then
// the metric. Versions before 3 name them in other orders.
func eachPoint(ctx context.Context, path string, visit func(*pointRow) error) error {
	f, err := importer.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	lines.Buffer(make([]byte, 0, 4096), maxLineBytes)
	if !lines.Scan() {
		if lines.Err() != nil {
			return lines.Err()
		}
		return errHeader
	}
	columns, ok := columnsOf(lines.Text())
	if !ok {
		return errHeader
	}
	for n := int64(0); lines.Scan(); n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if lines.Text() == "" {
			continue
		}
		row := columns.parse(lines.Text())
		if err := visit(&row); err != nil {
			return err
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return visit(&pointRow{bad: true})
	}
	return lines.Err()
}

// columns are the places of the columns in a line; time is -1 if there is none.
type columns struct{ time, step, value, count int }

func columnsOf(header string) (columns, bool) {
	names := strings.Split(strings.TrimPrefix(strings.TrimRight(header, "\r"), "\ufeff"), "\t")
	c := columns{-1, -1, -1, len(names)}
	for i, name := range names {
		switch {
		case name == "timestamp" && c.time < 0 && len(names) > 2:
			c.time = i
		case name == "step" && c.step < 0:
			c.step = i
		default:
			c.value = i
		}
	}
	return c, c.step >= 0 && c.value >= 0 && len(names) <= 3
}

// parse reads a line. A value that is not a number is a text.
func (c columns) parse(line string) (row pointRow) {
	cells := strings.Split(strings.TrimRight(line, "\r"), "\t")
	if len(cells) != c.count {
		return pointRow{bad: true}
	}
	step, err := strconv.ParseFloat(cells[c.step], 64)
	if err != nil || step != math.Trunc(step) || math.Abs(step) > 1<<53 {
		return pointRow{bad: true}
	}
	row.step = int64(step)
	if c.time >= 0 {
		if ms, err := strconv.ParseFloat(cells[c.time], 64); err == nil && ms > 0 && ms < 253402300800000 {
			row.time = int64(ms * 1000)
		}
	}
	cell := strings.TrimSpace(cells[c.value])
	switch row.value, err = parseNumber(cell); {
	case cell == "":
		row.bad = true
	case err != nil:
		row.text, row.isText = cells[c.value], true
	}
	return row
}

// parseNumber reads a number as Python writes it.
func parseNumber(cell string) (float64, error) {
	switch strings.ToLower(cell) {
	case "true":
		return 1, nil
	case "false":
		return 0, nil
	}
	if strings.ContainsAny(cell, "xXpP_") {
		return 0, strconv.ErrSyntax
	}
	v, err := strconv.ParseFloat(cell, 64)
	if errors.Is(err, strconv.ErrRange) {
		err = nil
	}
	return v, err
}
