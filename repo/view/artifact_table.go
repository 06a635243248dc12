package view

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/gitruns/runs/format"
)

// Bounds of a table that a page gets.
const (
	maxTableRows  = 10_000
	maxTableText  = 8 << 20
	maxTableCells = 500_000
)

// Table types of columns beyond those of format.TableColumn.
const typeMixed = "mixed"

// LoggedTable is the beginning of a table that a run logged.
type LoggedTable struct {
	Rows    int64         `json:"rows"` // of the whole table
	Shown   int           `json:"shown"`
	Columns []TableColumn `json:"columns"`
}

// TableColumn is a column of a table that a run logged.
type TableColumn struct {
	Name  string `json:"name"`
	Type  string `json:"type"`  // integer, number, boolean, text or mixed; otherwise the type whose values are not shown
	Cells []any  `json:"cells"` // numbers, booleans, texts and nulls
}

// MarshalJSON writes the table as a record is written.
func (t *LoggedTable) MarshalJSON() ([]byte, error) {
	type plain LoggedTable
	return format.AppendJSON(nil, plain(*t)), nil
}

// LoggedTable returns the first rows of a table of a run, by the SHA-256 of its artifact: at most 10,000, and fewer if
// they have much text. Errors are as those of Artifact.
func (v *View) LoggedTable(ctx context.Context, run, digest string) (*LoggedTable, error) {
	data, err := v.Artifact(ctx, run, digest)
	if err != nil {
		return nil, err
	}
	t, err := tableOf(ctx, data)
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		return nil, unreadable("reading a table of run "+run, err)
	}
	return t, nil
}

func tableOf(ctx context.Context, data []byte) (*LoggedTable, error) {
	if !bytes.HasPrefix(data, []byte("PAR1")) {
		return tableOfJSON(data)
	}
	file, err := format.ReadTable(ctx, bytes.NewReader(data), int64(len(data)), maxTableRows, maxTableText)
	if err != nil {
		return nil, err
	}
	t := &LoggedTable{Rows: file.Rows, Columns: []TableColumn{}}
	for _, c := range file.Columns {
		for i, v := range c.Values {
			c.Values[i] = cellOf(v)
		}
		t.Columns = append(t.Columns, TableColumn{c.Name, c.Type, c.Values})
		t.Shown = max(t.Shown, len(c.Values))
	}
	t.bound()
	return t, nil
}

// bound keeps so many rows that a page can hold the cells.
func (t *LoggedTable) bound() {
	t.Shown = min(t.Shown, maxTableCells/max(1, len(t.Columns)))
	for i, c := range t.Columns {
		t.Columns[i].Cells = c.Cells[:min(t.Shown, len(c.Cells))]
	}
}

// cellOf returns a cell as JSON holds it: an integer that a page would round becomes its digits.
func cellOf(v any) any {
	const exact = 1 << 53
	switch v := v.(type) {
	case int64:
		if v > exact || v < -exact {
			return fmt.Sprint(v)
		}
	case string:
		return strings.ToValidUTF8(v, "\ufffd")
	}
	return v
}

// tableOfJSON reads a table as W&B keeps it: an object with columns, and with data by rows.
func tableOfJSON(data []byte) (*LoggedTable, error) {
	var file struct {
		Columns []any   `json:"columns"`
		Data    [][]any `json:"data"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	if len(file.Columns) == 0 {
		return nil, errors.New("it has no columns")
	}
	t := &LoggedTable{Rows: int64(len(file.Data)), Columns: make([]TableColumn, len(file.Columns))}
	t.Shown = min(len(file.Data), maxTableRows, maxTableCells/len(file.Columns))
	for i, name := range file.Columns {
		c := TableColumn{Name: fmt.Sprint(name), Cells: make([]any, 0, t.Shown)}
		for _, row := range file.Data[:t.Shown] {
			if i < len(row) {
				c.Cells = append(c.Cells, cellOfJSON(row[i]))
			} else {
				c.Cells = append(c.Cells, nil)
			}
		}
		c.Type = typeOfCells(c.Cells)
		t.Columns[i] = c
	}
	return t, nil
}

// cellOfJSON returns a file as its path, and any other list or object as its JSON.
func cellOfJSON(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if path, ok := v["path"].(string); ok {
			return path
		}
		return string(format.AppendJSON(nil, v))
	case []any:
		return string(format.AppendJSON(nil, v))
	}
	return v
}

func typeOfCells(cells []any) string {
	kind := ""
	for _, v := range cells {
		of := ""
		switch v.(type) {
		case float64:
			of = "number"
		case bool:
			of = "boolean"
		case string:
			of = "text"
		default:
			continue
		}
		if kind != "" && kind != of {
			return typeMixed
		}
		kind = of
	}
	if kind == "" {
		return "text"
	}
	return kind
}
