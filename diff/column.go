package diff

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ColumnLimits bound what a ColumnProfile keeps.
type ColumnLimits struct {
	Sample int // numbers; if there are more, a random sample of this size is kept
	Values int // distinct texts; if there are more, none are kept
}

// maxValueBytes is the length at which a text is cut. Texts with the same beginning then count as one.
const maxValueBytes = 100

// ColumnProfile is what is known of the values of one column of a table: counts, a sample of its numbers and how often
// each text comes. The same values in the same order give the same profile.
type ColumnProfile struct {
	Name    string
	Missing int64 // empty cells, words such as NA, and numbers that are not finite
	Numbers int64
	Texts   int64   // values that are not numbers
	Min     float64 // of all numbers, not only of the sample
	Max     float64

	limits ColumnLimits
	sample []float64
	counts map[string]int64
	many   bool // there were more distinct values than the limit
	random *rand.Rand
}

// NewColumnProfile returns the profile of a column without values.
func NewColumnProfile(name string, limits ColumnLimits) *ColumnProfile {
	return &ColumnProfile{
		Name: name, Min: math.Inf(1), Max: math.Inf(-1), limits: limits, counts: map[string]int64{},
		random: rand.New(rand.NewPCG(1, 2)),
	}
}

// isMissing reports whether a word stands for a missing value in a CSV file. The words are those of pandas that people
// write.
func isMissing(word string) bool {
	switch word {
	case "", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "<NA>", "#N/A":
		return true
	}
	return false
}

// AddCell adds a cell of a CSV file.
func (p *ColumnProfile) AddCell(cell string) {
	cell = strings.TrimSpace(cell)
	if isMissing(cell) {
		p.Missing++
		return
	}
	if x, ok := cellNumber(cell); ok {
		p.AddNumber(x)
		p.count(cell) // after a later cell that is not a number, all are texts
	} else {
		p.AddText(cell)
	}
}

// cellNumber reads a decimal number. Words such as inf and hexadecimal numbers are texts.
func cellNumber(cell string) (float64, bool) {
	if len(cell) > 40 || strings.Trim(cell, "0123456789+-.eE") != "" {
		return 0, false
	}
	x, err := strconv.ParseFloat(cell, 64)
	return x, err == nil
}

// AddMissing adds a missing value.
func (p *ColumnProfile) AddMissing() { p.Missing++ }

// AddNumber adds a number. One that is not finite counts as missing.
func (p *ColumnProfile) AddNumber(x float64) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		p.Missing++
		return
	}
	p.Numbers++
	p.Min, p.Max = min(p.Min, x), max(p.Max, x)
	if len(p.sample) < p.limits.Sample {
		p.sample = append(p.sample, x)
	} else if at := p.random.Int64N(p.Numbers); at < int64(len(p.sample)) { // each number is kept with equal probability
		p.sample[at] = x
	}
}

// AddText adds a value that is not a number.
func (p *ColumnProfile) AddText(text string) {
	p.Texts++
	p.count(text)
}

func (p *ColumnProfile) count(value string) {
	if p.many {
		return
	}
	value = strings.ToValidUTF8(value, "\uFFFD")
	if len(value) > maxValueBytes {
		end := maxValueBytes
		for !utf8.RuneStart(value[end]) {
			end--
		}
		value = value[:end] + "…"
	}
	if n := p.counts[value]; n > 0 {
		p.counts[value] = n + 1
		return
	}
	if len(p.counts) >= p.limits.Values {
		p.many, p.counts = true, nil
		return
	}
	p.counts[strings.Clone(value)] = 1 // value may be a part of a long line
}

// Values returns how many values are not missing.
func (p *ColumnProfile) Values() int64 { return p.Numbers + p.Texts }

// Rows returns the number of all values.
func (p *ColumnProfile) Rows() int64 { return p.Values() + p.Missing }

// MissingShare returns the share of missing values.
func (p *ColumnProfile) MissingShare() float64 { return share(p.Missing, p.Rows()) }

// Kind returns ColumnNumber, ColumnText or, if all values are missing, ColumnEmpty.
func (p *ColumnProfile) Kind() string {
	switch {
	case p.Values() == 0:
		return ColumnEmpty
	case p.Texts == 0:
		return ColumnNumber
	}
	return ColumnText
}

// Sampled reports whether the profile has only a sample of the numbers.
func (p *ColumnProfile) Sampled() bool { return p.Numbers > int64(len(p.sample)) }

// sorted returns the sample in order.
func (p *ColumnProfile) sorted() []float64 {
	s := slices.Clone(p.sample)
	slices.Sort(s)
	return s
}

// The kinds of columns.
const (
	ColumnNumber = "number"
	ColumnText   = "text"
	ColumnEmpty  = "empty"
)

func share(n, of int64) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}
