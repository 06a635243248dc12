package index

import (
	"math"
	"slices"
	"time"

	"github.com/gitruns/runs/format"
)

// Column holds the values of one key for all rows of a table. Its methods do not allocate, except for Value. Texts are
// dictionary-coded: a filter needs to look at each text of Texts only once. The zero value is Absent in every row.
type Column struct {
	kinds []Kind // nil if every row has the kind all
	all   Kind
	words []uint64 // nil if every row has the word same
	same  uint64
	texts []string // what words of the kinds Text and List count in

	// places are the rows that have a value, if they are few: kinds and words are then of them only. A table of records
	// with thousands of keys each would take a gigabyte otherwise.
	places []int32
}

var absent = &Column{}

// Kind returns the type of the value of a row.
func (c *Column) Kind(row int) Kind {
	if c.kinds == nil {
		return c.all
	}
	if c.places != nil {
		place, ok := slices.BinarySearch(c.places, int32(row))
		if !ok {
			return Absent
		}
		row = place
	}
	return c.kinds[row]
}

// fewShare is the share of the rows, as its denominator, up to which those with a value are few. A place takes half as
// much as a word.
const fewShare = 4

// thin leaves out the rows without a value if only few have one.
func (c *Column) thin() {
	some := 0
	for _, kind := range c.kinds {
		if kind != Absent {
			some++
		}
	}
	if c.kinds == nil || some > len(c.kinds)/fewShare {
		return
	}
	places, kinds, words := make([]int32, 0, some), make([]Kind, 0, some), []uint64(nil)
	for row, kind := range c.kinds {
		if kind == Absent {
			continue
		}
		places, kinds = append(places, int32(row)), append(kinds, kind)
		if c.words != nil {
			words = append(words, c.words[row])
		}
	}
	c.places, c.kinds, c.words = places, kinds, words
}

// Uniform returns the kind of the values of all rows. ok is false if the column does not know that it is the same.
func (c *Column) Uniform() (kind Kind, ok bool) { return c.all, c.kinds == nil }

// Int returns a value of the kind Int. For another kind it is meaningless, as for the methods that follow.
func (c *Column) Int(row int) int64 { return int64(c.Word(row)) }

// Float returns a value of the kind Float.
func (c *Column) Float(row int) float64 { return math.Float64frombits(c.Word(row)) }

// Number returns a value of the kinds Int and Float as a float.
func (c *Column) Number(row int) float64 {
	if c.Kind(row) == Int {
		return float64(int64(c.Word(row)))
	}
	return math.Float64frombits(c.Word(row))
}

// Bool returns a value of the kind Bool.
func (c *Column) Bool(row int) bool { return c.Word(row) != 0 }

// Time returns a value of the kind Time, in UTC.
func (c *Column) Time(row int) time.Time { return time.UnixMicro(int64(c.Word(row))).UTC() }

// Micro returns a value of the kind Time in microseconds since 1970.
func (c *Column) Micro(row int) int64 { return int64(c.Word(row)) }

// Text returns a value of the kind Text.
func (c *Column) Text(row int) string { return c.texts[c.Word(row)] }

// Code returns the place of a value of the kind Text or List in Texts. Equal values have equal codes.
func (c *Column) Code(row int) int { return int(c.Word(row)) }

// Texts returns the dictionary of the column. The caller must not change it. Only the codes of rows of the kind Text
// are texts.
func (c *Column) Texts() []string { return c.texts }

// Word returns the value of a row as bits. Two rows of the same kind have equal values if and only if the words are
// equal, except for floats, of which NaN and zero have several.
func (c *Column) Word(row int) uint64 {
	if c.words == nil {
		return c.same
	}
	if c.places != nil {
		place, ok := slices.BinarySearch(c.places, int32(row))
		if !ok {
			return 0
		}
		row = place
	}
	return c.words[row]
}

// Value returns the value of a row with the types of format.Params, or a time.Time. ok is false if it is Absent or
// Elsewhere.
func (c *Column) Value(row int) (v any, ok bool) {
	switch c.Kind(row) {
	case Null:
		return format.Null, true
	case Bool:
		return c.Bool(row), true
	case Int:
		return c.Int(row), true
	case Float:
		return c.Float(row), true
	case Text:
		return c.Text(row), true
	case Time:
		return c.Time(row), true
	case List:
		v, _, ok := readValue(c.Text(row), 0)
		return v, ok
	}
	return nil, false
}
