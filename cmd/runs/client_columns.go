package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/catalog"
)

// clientColumnsCommand returns the command that reads runs for the Python client. Its answer is a line of JSON and the
// bytes of the columns that it describes. See Appendix C of SPEC.md.
func (a *app) clientColumnsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "columns", Short: "Read the runs as columns", Long: "Read the runs as columns, as the request on stdin asks.",
		Args: arguments(0, 0, ""), DisableFlagsInUseLine: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.prepareClient(cmd, false) },
		RunE: func(cmd *cobra.Command, _ []string) error {
			var messages bytes.Buffer
			a.term.Quiet(&messages)
			q, err := readColumnsRequest(a.term.In)
			var head *columnsJSON
			var rest []byte
			if err == nil {
				head, rest, err = a.clientColumns(cmd.Context(), q)
			}
			if err != nil {
				return a.clientFailed(err)
			}
			for _, line := range warningsIn(&messages) {
				if !slices.Contains(head.Warnings, line) {
					head.Warnings = append(head.Warnings, line)
				}
			}
			if head.Warnings == nil {
				head.setWarnings([]string{})
			}
			if err := a.printJSON(head); err != nil {
				return err
			}
			_, err = a.term.Out.Write(rest)
			return err
		},
	}
}

// columnsRequest says which runs a client reads. With IDs, it gets their records instead of columns.
type columnsRequest struct {
	Protocol   int      `json:"protocol"`
	Experiment string   `json:"experiment"`
	Where      string   `json:"where"`
	Sort       string   `json:"sort"`
	Rev        *string  `json:"rev"`
	Limit      *int     `json:"limit"`
	Parts      bool     `json:"parts"`
	IDs        []string `json:"ids"`
}

// readColumnsRequest reads stdin to its end and parses it as a request.
func readColumnsRequest(in io.Reader) (*columnsRequest, error) {
	data, err := io.ReadAll(io.LimitReader(in, maxRequestBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading the request: %w", err)
	}
	if len(data) > maxRequestBytes {
		return nil, usagef("reading the request: it is longer than %d bytes", maxRequestBytes)
	}
	q := &columnsRequest{}
	if err := json.Unmarshal(data, q); err != nil {
		return nil, usagef("reading the request: %v", err)
	}
	if q.Limit != nil && *q.Limit < 0 {
		return nil, usagef("reading the request: limit must be 0 or more, got %d", *q.Limit)
	}
	return q, checkProtocol(q.Protocol)
}

// columnsJSON is the first line of an answer. The bytes after it are those that the columns refer to.
type columnsJSON struct {
	warnedJSON
	Bytes   int           `json:"bytes"`
	Columns []columnJSON  `json:"columns"`
	Damaged int           `json:"damaged"` // runs that could not be read
	Records []*format.Run `json:"records,omitempty"`
	Rows    int           `json:"rows"`
	Total   int           `json:"total"` // rows without the limit
}

// columnJSON describes a column. A place is an offset and a number of bytes.
type columnJSON struct {
	Codes  *[2]int           `json:"codes,omitempty"`
	Has    *[2]int           `json:"has,omitempty"`
	Name   string            `json:"name"`
	Type   catalog.FrameType `json:"type"`
	Values [2]int            `json:"values"`
}

func (a *app) clientColumns(ctx context.Context, q *columnsRequest) (*columnsJSON, []byte, error) {
	r, err := a.find(ctx)
	if err != nil {
		return nil, nil, err
	}
	if q.IDs == nil {
		a.finishGone(ctx, r, nil)
	}
	c, err := a.collect(ctx, r, q.Experiment)
	if err != nil {
		return nil, nil, err
	}
	if q.Rev != nil {
		if err := c.AddRevision(ctx, *q.Rev); err != nil {
			return nil, nil, err
		}
	}
	if q.IDs != nil {
		return recordsAnswer(c, q.IDs)
	}
	rows, err := c.SelectForFrame(ctx, catalog.FrameRequest{Where: q.Where, Sort: q.Sort, Parts: q.Parts})
	if err != nil {
		return nil, nil, err
	}
	head := &columnsJSON{Total: len(rows)}
	if q.Limit != nil {
		rows = rows[:min(len(rows), *q.Limit)]
	}
	if len(rows) <= maxProven {
		if rows, err = c.Prove(rows, ""); err != nil {
			return nil, nil, err
		}
	}
	var out columnWriter
	for _, column := range catalog.Frame(rows) {
		head.Columns = append(head.Columns, out.column(column))
	}
	head.Rows, head.Bytes = len(rows), len(out.data)
	head.addDamage(c)
	return head, out.data, nil
}

// recordsAnswer returns the records of runs, in the order of their ids. A run that no longer exists is left out.
func recordsAnswer(c *catalog.Catalog, ids []string) (*columnsJSON, []byte, error) {
	byID := map[string]*catalog.Row{}
	for _, row := range c.Rows() {
		byID[row.ID()] = row
	}
	var rows []*catalog.Row
	for _, id := range ids {
		if row := byID[id]; row != nil {
			rows = append(rows, row)
		}
	}
	entries, err := c.Load(rows)
	if err != nil {
		return nil, nil, err
	}
	head := &columnsJSON{Rows: len(entries), Total: len(entries), Records: catalog.Records(entries)}
	head.addDamage(c)
	return head, nil, nil
}

// addDamage adds a warning for each of the first damaged runs, and one for the others.
func (h *columnsJSON) addDamage(c *catalog.Catalog) {
	damage := c.AllDamage()
	h.Damaged = len(damage)
	for i, d := range damage {
		if i == maxSkipped && len(damage) > maxSkipped+1 {
			h.Warnings = append(h.Warnings, "skipped "+damageCount(damage[i:])+" more: 'runs verify' lists them")
			break
		}
		h.Warnings = append(h.Warnings, "skipped a damaged run: "+firstLine(d.Err.Error()))
	}
}

// columnWriter collects the bytes of columns.
type columnWriter struct{ data []byte }

// place returns where the bytes from at to the end are. Each place begins at a multiple of 8.
func (w *columnWriter) place(at int) [2]int {
	place := [2]int{at, len(w.data) - at}
	for len(w.data)%8 != 0 {
		w.data = append(w.data, 0)
	}
	return place
}

func (w *columnWriter) column(c *catalog.FrameColumn) columnJSON {
	out := columnJSON{Name: c.Name, Type: c.Type}
	at := len(w.data)
	switch c.Type {
	case catalog.FrameBools:
		for _, v := range c.Ints {
			w.data = append(w.data, byte(v))
		}
	case catalog.FrameInts, catalog.FrameTimes:
		w.data = slices.Grow(w.data, 8*len(c.Ints))
		for _, v := range c.Ints {
			w.data = binary.LittleEndian.AppendUint64(w.data, uint64(v))
		}
	case catalog.FrameFloats:
		w.data = slices.Grow(w.data, 8*len(c.Floats))
		for _, v := range c.Floats {
			w.data = binary.LittleEndian.AppendUint64(w.data, math.Float64bits(v))
		}
	case catalog.FrameTexts:
		return w.texts(c, out)
	default:
		w.data = format.AppendJSON(w.data, c.Mixed)
	}
	out.Values = w.place(at)
	if c.Has != nil {
		at = len(w.data)
		for _, has := range c.Has {
			b := byte(0)
			if has {
				b = 1
			}
			w.data = append(w.data, b)
		}
		place := w.place(at)
		out.Has = &place
	}
	return out
}

// texts writes a column of texts. If many of them differ, the list has one for each row.
func (w *columnWriter) texts(c *catalog.FrameColumn, out columnJSON) columnJSON {
	at := len(w.data)
	if len(c.Texts) > len(c.Codes)/2 {
		all := make([]any, len(c.Codes))
		for i, code := range c.Codes {
			if code > 0 {
				all[i] = c.Texts[code-1]
			}
		}
		w.data = format.AppendJSON(w.data, all)
		out.Values = w.place(at)
		return out
	}
	w.data = format.AppendJSON(w.data, append([]string{}, c.Texts...))
	out.Values = w.place(at)
	at = len(w.data)
	for _, code := range c.Codes {
		w.data = binary.LittleEndian.AppendUint32(w.data, code)
	}
	place := w.place(at)
	out.Codes = &place
	return out
}
