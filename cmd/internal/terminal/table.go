package terminal

import (
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
)

// Table is text in columns. Write cleans the cells. On a terminal, Write fits the table to the width. It first shortens
// Flexible columns, starting with the widest, but not below a minimum width. It then leaves out Drop columns, starting
// from the right. At last, it shortens other columns of text.
type Table struct {
	Columns []Column
	Rows    [][]Cell
	Each    iter.Seq[[]Cell] // yields the rows in place of Rows, once for the widths and once for the text
	Dropped []int            // indices of the columns that did not fit, in order; set by Write
}

// Column is one column of a table.
type Column struct {
	Title    string
	Right    bool // align to the right, as for numbers
	Flexible bool // may be shortened
	Name     bool // shortened in the middle, because names of one sweep often differ only at their ends
	Drop     bool // may be left out
	Key      bool // the title is a name chosen by the user; do not put it in capitals, and shorten a long one
}

// Cell is a text with a style.
type Cell struct {
	Text  string
	Style Style
}

const (
	columnGap   = 2
	leastColumn = 8
	maxTitle    = 40 // a name chosen by the user may have 250 bytes, and its column short values
)

// heading returns the title as it is written.
func (c *Column) heading() string {
	if c.Key {
		return Shorten(Clean(c.Title), maxTitle)
	}
	return strings.ToUpper(Clean(c.Title))
}

// Write writes the table with its header.
func (tb *Table) Write(w io.Writer, t *Terminal) error {
	columns := tb.fit(t)
	line := func(cells []Cell) error {
		var b strings.Builder
		for i, c := range columns {
			cell := Cell{}
			if c.index < len(cells) {
				cell = cells[c.index]
			}
			shorten := Truncate
			if tb.Columns[c.index].Name {
				shorten = Shorten
			}
			text := shorten(Clean(cell.Text), c.width)
			if i > 0 {
				b.WriteString(strings.Repeat(" ", columnGap))
			}
			last := i == len(columns)-1
			if !last || tb.Columns[c.index].Right {
				padded := pad(text, c.width, tb.Columns[c.index].Right)
				left := padded[:len(padded)-len(strings.TrimLeft(padded, " "))]
				right := padded[len(strings.TrimRight(padded, " ")):]
				if text != "" {
					b.WriteString(left + t.Paint(cell.Style, text) + right)
				} else {
					b.WriteString(padded)
				}
			} else {
				b.WriteString(t.Paint(cell.Style, text))
			}
		}
		_, err := fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
		return err
	}
	header := make([]Cell, len(tb.Columns))
	for i := range tb.Columns {
		header[i] = Cell{tb.Columns[i].heading(), Dim}
	}
	if err := line(header); err != nil {
		return err
	}
	for row := range tb.rows() {
		if err := line(row); err != nil {
			return err
		}
	}
	return nil
}

func (tb *Table) rows() iter.Seq[[]Cell] {
	if tb.Each != nil {
		return tb.Each
	}
	return slices.Values(tb.Rows)
}

type fitted struct{ index, width int }

// fit chooses the columns and their widths.
func (tb *Table) fit(t *Terminal) []fitted {
	tb.Dropped = nil
	columns := make([]fitted, len(tb.Columns))
	for i := range tb.Columns {
		columns[i] = fitted{i, Width(tb.Columns[i].heading())}
	}
	for row := range tb.rows() {
		for i := range min(len(row), len(columns)) {
			columns[i].width = max(columns[i].width, Width(Clean(row[i].Text)))
		}
	}
	if !t.OutIsTerminal() {
		return columns
	}
	for {
		over := -columnGap - t.Width()
		widest := -1
		for i, c := range columns {
			over += c.width + columnGap
			if tb.Columns[c.index].Flexible && c.width > leastColumn && (widest < 0 || c.width > columns[widest].width) {
				widest = i
			}
		}
		if over <= 0 {
			return columns
		}
		if widest >= 0 {
			columns[widest].width--
			continue
		}
		drop := -1
		for i, c := range columns {
			if tb.Columns[c.index].Drop {
				drop = i
			}
		}
		if drop < 0 {
			if shrink := widestText(tb, columns); shrink >= 0 {
				columns[shrink].width--
				continue
			}
			return columns
		}
		tb.Dropped = slices.Insert(tb.Dropped, 0, columns[drop].index)
		columns = append(columns[:drop], columns[drop+1:]...)
	}
}

// widestText returns the index of the widest column that is not one of numbers and can still be shortened, or -1. A
// number would lose its meaning.
func widestText(tb *Table, columns []fitted) int {
	widest := -1
	for i, c := range columns {
		if !tb.Columns[c.index].Right && c.width > leastColumn && (widest < 0 || c.width > columns[widest].width) {
			widest = i
		}
	}
	return widest
}
