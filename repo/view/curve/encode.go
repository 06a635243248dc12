package curve

import (
	"encoding/binary"
	"encoding/json"
	"math"
)

// Head describes an answer. It is the JSON at its beginning.
type Head struct {
	Metric string  `json:"metric"`
	X      string  `json:"x"` // step, time, relative, or "metrics." and the metric that is the x axis
	Exact  bool    `json:"exact"`
	From   float64 `json:"from"` // what the buckets reach, if the answer is not exact
	To     float64 `json:"to"`
	Places int     `json:"places"`
	Curves []*Line `json:"curves"`
}

// Line describes one curve of an answer.
type Line struct {
	Run    string `json:"run"`
	Metric string `json:"metric,omitempty"` // if the answer has several
	Labels string `json:"labels,omitempty"` // those of the points, as canonical JSON
	Label  string `json:"label,omitempty"`  // the labels for people
	Active bool   `json:"active,omitempty"` // the run is in progress
	Gone   bool   `json:"gone,omitempty"`   // the run is not there, at least at the moment
	Error  string `json:"error,omitempty"`  // why there are no points

	All    int `json:"all"`            // points of the curve, in the range or not
	Before int `json:"before"`         // of them, those up to the place from which only new points were asked for
	Lost   int `json:"lost,omitempty"` // of them, those left out because their x is not finite, or not positive

	Points int `json:"points"`        // in the cells
	NaN    int `json:"nan,omitempty"` // of them
	Inf    int `json:"inf,omitempty"` // of them
	Low    int `json:"low,omitempty"` // of them, finite ones that are not positive

	Cells int  `json:"cells"`
	First int  `json:"first"` // place of the first cell, if the others follow it place by place; otherwise -1
	Many  bool `json:"many,omitempty"`
	Steps bool `json:"steps,omitempty"`
	Xs    bool `json:"xs,omitempty"`
	Times bool `json:"times,omitempty"`
	Marks int  `json:"marks,omitempty"`
}

// Encode writes an answer. All numbers are little endian, and each part begins at a multiple of 8 bytes:
//
//	length of the head in bytes, as uint32, and 4 bytes of zero
//	the head, JSON, padded with spaces
//	places: float64 each
//	for each curve that has cells:
//	  if first is -1: the place of each cell, uint32 each, padded with zeros
//	  the last value of each cell, float64 each
//	  if many: the least and then the greatest finite value of each cell, float64 each; NaN if there is none
//	  if steps: the step of each last value, float64 each, less that of the cell before. Otherwise it is the place
//	  if xs: the x of each last value, float64 each. Otherwise it is the step or, in an exact answer, the place
//	  if times: the time of each last value in s since 1970, float64 each, less that of the cell before
//	  marks: the index of a cell, how many NaN, +Inf and -Inf it has, uint32 each
//
// The head of each curve is filled in from its cells, which are nil if it has none.
func Encode(h *Head, g *Grid, curves []*Cells) ([]byte, error) {
	h.Exact, h.Places, h.From, h.To = g.Exact, len(g.X), g.low, g.high
	if g.Exact || g.low > g.high { // no points are in the range
		h.From, h.To = 0, 0
	}
	size := Size(h, g, curves)
	head, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	for len(head)%8 != 0 {
		head = append(head, ' ')
	}
	b := make([]byte, 8, 8+len(head)+size)
	binary.LittleEndian.PutUint32(b, uint32(len(head)))
	b = append(b, head...)
	b = floats(b, g.X)
	for i, c := range curves {
		if c != nil {
			b = h.Curves[i].append(b, c)
		}
	}
	return b, nil
}

// Size returns how many bytes an answer has behind its head, and fills in the head of each curve.
func Size(h *Head, g *Grid, curves []*Cells) int {
	size := 8 * len(g.X)
	for i, c := range curves {
		if c != nil {
			size += h.Curves[i].describe(g, c, h.X)
		}
	}
	return size
}

// describe fills in what the cells say, and returns their size in bytes.
func (l *Line) describe(g *Grid, c *Cells, x string) (size int) {
	n := len(c.At)
	l.Points, l.NaN, l.Inf, l.Low = c.Points, c.NaN, c.Inf, c.Low
	l.Cells, l.Many, l.Marks, l.Times = n, c.Spread, len(c.Marks), c.Time != nil
	if n > 0 {
		l.First = int(c.At[0])
		for i, at := range c.At {
			if int(at) != l.First+i {
				l.First = -1
				size += 4*n + 4
				break
			}
		}
	}
	l.Steps = n > 0 && (!g.Exact || x != StepAxis)
	l.Xs = n > 0 && !g.Exact && x != StepAxis
	for _, some := range []bool{true, c.Spread, c.Spread, l.Steps, l.Xs, l.Times} {
		if some {
			size += 8 * n
		}
	}
	return size + 16*len(c.Marks)
}

// StepAxis is the x of a Head whose places are steps.
const StepAxis = "step"

func (l *Line) append(b []byte, c *Cells) []byte {
	if l.First < 0 {
		for _, at := range c.At {
			b = binary.LittleEndian.AppendUint32(b, at)
		}
		if len(b)%8 != 0 {
			b = append(b, 0, 0, 0, 0)
		}
	}
	b = floats(b, c.Last)
	if l.Many {
		b = floats(floats(b, c.Min), c.Max)
	}
	if l.Steps {
		b = differences(b, c.Step, 1)
	}
	if l.Xs {
		b = floats(b, c.X)
	}
	if l.Times {
		b = differences(b, c.Time, 1e6)
	}
	for _, m := range c.Marks {
		for _, v := range []uint32{m.Cell, m.NaN, m.Pos, m.Neg} {
			b = binary.LittleEndian.AppendUint32(b, v)
		}
	}
	return b
}

func floats(b []byte, list []float64) []byte {
	for _, v := range list {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

// differences appends the numbers of a list, each less the one before, which compresses well.
func differences(b []byte, list []int64, scale float64) []byte {
	before := int64(0)
	for _, v := range list {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(float64(v-before)/scale))
		before = v
	}
	return b
}
