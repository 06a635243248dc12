package catalog

import (
	"context"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/query"
)

// FrameType is the type of all values of a FrameColumn.
type FrameType string

// The types of columns. A column with values of several types is Mixed, but one of integers and floats is Floats.
const (
	FrameInts   FrameType = "int"
	FrameFloats FrameType = "float"
	FrameBools  FrameType = "bool"
	FrameTimes  FrameType = "time" // microseconds since 1970 in UTC
	FrameTexts  FrameType = "text"
	FrameMixed  FrameType = "json"
)

// FrameColumn holds the values of one key in every row of a frame.
type FrameColumn struct {
	Name   string // like params.lr
	Type   FrameType
	Ints   []int64   // of FrameInts, FrameTimes and FrameBools, where 1 is true; 0 in rows without a value
	Floats []float64 // of FrameFloats; 0 in rows without a value
	Codes  []uint32  // of FrameTexts: the number of the text in Texts, counted from 1; 0 in rows without a value
	Texts  []string  // the different texts
	Mixed  []any     // of FrameMixed; nil in rows without a value
	Has    []bool    // which rows have a value; nil if all have one, or if the type tells

	rows  int // with a value
	codes map[string]uint32
}

// Frame returns what a data frame of runs shows, one row per run: id, name, status, started, experiment, and then the
// params, the last values of the metrics, the summary and the tags, each sorted by name. A value format.Null counts as
// none. A run without a name has the random part of its id.
func Frame(rows []*Row) []*FrameColumn {
	f := framing{rows: len(rows)}
	id, name, status := f.column("", "id"), f.column("", "name"), f.column("", "status")
	started, experiment := f.column("", "started"), f.column("", "experiment")
	started.Type = FrameTimes
	for i, r := range rows {
		id.text(i, f.rows, r.ID())
		name.text(i, f.rows, r.Title())
		status.text(i, f.rows, string(r.Status()))
		started.number(i, f.rows, FrameTimes, r.Started().UnixMicro())
		if e := r.Experiment(); e != "" {
			experiment.text(i, f.rows, e)
		}
		for key, v := range r.Params() {
			f.put(i, "params.", key, v)
		}
		for key := range r.Metrics() {
			if m, ok := r.Metric(key); ok {
				f.column("metrics.", key).float(i, f.rows, m.Last)
			}
		}
		for key, v := range r.Summaries() {
			f.put(i, "summary.", key, v)
		}
		for key, v := range r.Tags() {
			f.column("tags.", key).text(i, f.rows, v)
		}
	}
	columns := []*FrameColumn{id, name, status, started, experiment}
	for _, scope := range []string{"params.", "metrics.", "summary.", "tags."} {
		own := make([]*FrameColumn, 0, len(f.columns[scope]))
		for _, c := range f.columns[scope] {
			own = append(own, c)
		}
		slices.SortFunc(own, func(a, b *FrameColumn) int { return strings.Compare(a.Name, b.Name) })
		columns = append(columns, own...)
	}
	for _, c := range columns {
		c.finish(f.rows)
	}
	return columns
}

// framing makes a frame.
type framing struct {
	rows    int
	columns map[string]map[string]*FrameColumn
}

func (f *framing) column(scope, key string) *FrameColumn {
	c := f.columns[scope][key]
	if c == nil {
		if f.columns == nil {
			f.columns = map[string]map[string]*FrameColumn{}
		}
		if f.columns[scope] == nil {
			f.columns[scope] = map[string]*FrameColumn{}
		}
		c = &FrameColumn{Name: scope + key}
		f.columns[scope][key] = c
	}
	return c
}

// put sets a value of a param or of the summary. A table, which only a summary has here, becomes a column per leaf.
func (f *framing) put(row int, scope, key string, v query.Datum) {
	if text, ok := v.AsText(); ok {
		f.column(scope, key).text(row, f.rows, text)
		return
	}
	if i, ok := v.AsInt(); ok {
		f.column(scope, key).number(row, f.rows, FrameInts, i)
		return
	}
	if x, ok := v.AsFloat(); ok {
		f.column(scope, key).float(row, f.rows, x)
		return
	}
	if b, ok := v.AsBool(); ok {
		i := int64(0)
		if b {
			i = 1
		}
		f.column(scope, key).number(row, f.rows, FrameBools, i)
		return
	}
	if v.IsNull() {
		f.column(scope, key)
		return
	}
	if table, ok := v.Any().(map[string]any); ok {
		for inner, leaf := range (format.Params{key: table}).Flatten() {
			if empty, ok := leaf.(map[string]any); !ok || len(empty) > 0 {
				f.put(row, scope, inner, query.NewDatum(leaf))
			}
		}
		return
	}
	f.column(scope, key).mixed(row, f.rows, v.Any())
}

func (c *FrameColumn) text(row, rows int, text string) {
	if c.Type == "" {
		c.Type, c.codes = FrameTexts, map[string]uint32{}
	}
	if c.Type != FrameTexts {
		c.mixed(row, rows, text)
		return
	}
	if c.Codes == nil {
		c.Codes = make([]uint32, rows)
	}
	code, ok := c.codes[text]
	if !ok {
		c.Texts = append(c.Texts, text)
		code = uint32(len(c.Texts))
		c.codes[text] = code
	}
	c.Codes[row] = code
	c.rows++
}

func (c *FrameColumn) number(row, rows int, kind FrameType, i int64) {
	if c.Type == "" {
		c.Type = kind
	}
	switch {
	case c.Type == FrameFloats && kind == FrameInts:
		c.float(row, rows, float64(i))
		return
	case c.Type != kind:
		c.mixed(row, rows, valueOf(kind, i))
		return
	}
	if c.Ints == nil {
		c.Ints, c.Has = make([]int64, rows), make([]bool, rows)
	}
	c.Ints[row], c.Has[row] = i, true
	c.rows++
}

func valueOf(kind FrameType, i int64) any {
	if kind == FrameBools {
		return i == 1
	}
	return i
}

func (c *FrameColumn) float(row, rows int, x float64) {
	if c.Type == "" {
		c.Type = FrameFloats
	}
	if c.Type != FrameFloats && c.Type != FrameInts {
		c.mixed(row, rows, x)
		return
	}
	if c.Floats == nil {
		c.Floats = make([]float64, rows)
		if c.Has == nil {
			c.Has = make([]bool, rows)
		}
		for at, i := range c.Ints { // the integers before it
			c.Floats[at] = float64(i)
		}
		c.Type, c.Ints = FrameFloats, nil
	}
	c.Floats[row], c.Has[row] = x, true
	c.rows++
}

// mixed sets a value of another type than those before it.
func (c *FrameColumn) mixed(row, rows int, v any) {
	if c.Type != FrameMixed {
		c.Mixed = make([]any, rows)
		for at := range rows {
			switch {
			case c.Codes != nil && c.Codes[at] > 0:
				c.Mixed[at] = c.Texts[c.Codes[at]-1]
			case c.Ints != nil && c.Has[at]:
				c.Mixed[at] = valueOf(c.Type, c.Ints[at])
			case c.Floats != nil && c.Has[at]:
				c.Mixed[at] = c.Floats[at]
			}
		}
		c.Type, c.Ints, c.Floats, c.Codes, c.Texts, c.Has, c.codes = FrameMixed, nil, nil, nil, nil, nil, nil
	}
	c.Mixed[row] = withoutNull(v)
	c.rows++
}

// withoutNull returns a value with nil in place of format.Null.
func withoutNull(v any) any {
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = withoutNull(item)
		}
		return list
	case map[string]any:
		table := make(map[string]any, len(v))
		for key, item := range v {
			table[key] = withoutNull(item)
		}
		return table
	}
	if v == format.Null {
		return nil
	}
	return v
}

// finish makes the column complete.
func (c *FrameColumn) finish(rows int) {
	if c.Type == "" {
		c.Type = FrameTexts
	}
	switch {
	case c.Type == FrameTexts && c.Codes == nil:
		c.Codes = make([]uint32, rows)
	case c.Type == FrameTimes && c.Ints == nil:
		c.Ints = make([]int64, rows)
	}
	if c.rows == rows || c.Type == FrameTexts || c.Type == FrameMixed {
		c.Has = nil
	}
	c.codes = nil
}

// FrameRequest says which runs a frame has, and in which order.
type FrameRequest struct {
	Where string // an expression; empty for all runs of the scope
	Sort  string // as for SortRows; empty for the newest first
	Parts bool   // whether each run of a chain has a row; otherwise only the last one has
}

// SelectForFrame returns the rows of a frame. The expression is about whole chains unless parts are asked for. The rows
// themselves and their order are about single runs.
func (c *Catalog) SelectForFrame(ctx context.Context, q FrameRequest) ([]*Row, error) {
	rows := c.rowsInScope()
	if q.Parts {
		matching, _, err := c.MatchRows(slices.Clone(rows), q.Where)
		if err != nil {
			return nil, err
		}
		rows = matching
	} else {
		wholes, _, err := c.MatchRows(slices.Clone(c.WholeRows(ctx, rows)), q.Where)
		if err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		last := make(map[string]bool, len(wholes))
		for _, whole := range wholes {
			last[whole.ID()] = true
		}
		rows = slices.DeleteFunc(slices.Clone(rows), func(r *Row) bool { return !last[r.ID()] })
	}
	if q.Sort != "" {
		c.SortRows(rows, q.Sort, 0)
	}
	return rows, nil
}
