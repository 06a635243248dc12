package web

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"

	"github.com/gitruns/runs/repo/view/curve"
)

// packedCurves begins an answer with curves that is packed for an export.
const packedCurves = "RCP1"

// The streams of packed curves. Each holds one byte of every number of one kind, of all curves: bytes that resemble
// each other are together, which halves what compression leaves.
const (
	gridStream  = 0               // places, float64
	lastStream  = gridStream + 8  // last values, float64
	lowStream   = lastStream + 8  // how far the least value is below the last, upper 24 bits of a float32
	highStream  = lowStream + 3   // how far the greatest is above it
	stepStream  = highStream + 3  // steps, int32
	atStream    = stepStream + 4  // places of cells, each less the one before, uint32
	timeStream  = atStream + 4    // times, in a unit of the curve, each less the one before, int32
	xStream     = timeStream + 4  // x, float64
	otherStream = xStream + 8     // what has no stream, one after another
	streams     = otherStream + 1 // how many there are
	timeUnits   = 1 << 20         // in the range of the times of a curve
	closeEnough = 1.0 / (1 << 9)  // error of a least or greatest value, relative to it
)

var errCurvesForm = errors.New("the curves have another form than the one that is packed")

// curvePacker packs the answer that curve.Encode describes. Last values and steps stay exact, and so do the least and
// the greatest value of a curve; those of a cell may be off by a part in 32,000 of the distance between them, and times
// by a millionth of their range.
type curvePacker struct {
	streams [streams][]byte
	body    []byte // that is left of the answer
}

// packCurves returns the packed answer, which src/curves-packed.ts unpacks: the mark, the length of the head as uint32,
// the head, the length of each stream as uint32, and the streams. clean returns the head as it may be exported.
func packCurves(answer []byte, clean func([]byte) []byte) ([]byte, error) {
	if len(answer) < 8 || len(answer)-8 < int(binary.LittleEndian.Uint32(answer)) {
		return nil, errCurvesForm
	}
	text := answer[8 : 8+binary.LittleEndian.Uint32(answer)]
	var head curve.Head
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, err
	}
	p := &curvePacker{body: answer[8+len(text):]}
	text = bytes.Clone(clean(text))
	for len(text)%8 != 0 { // as the numbers behind it want
		text = append(text, ' ')
	}
	for _, v := range p.floats(head.Places) {
		p.put(gridStream, 8, math.Float64bits(v))
	}
	for _, line := range head.Curves {
		p.line(line)
	}
	if p.body == nil || len(p.body) > 0 {
		return nil, errCurvesForm
	}
	out := binary.LittleEndian.AppendUint32([]byte(packedCurves), uint32(len(text)))
	out = append(out, text...)
	for _, s := range p.streams {
		out = binary.LittleEndian.AppendUint32(out, uint32(len(s)))
	}
	for _, s := range p.streams {
		out = append(out, s...)
	}
	return out, nil
}

// take returns the next n bytes of the body. If it is shorter, the body becomes nil, and the result is zero.
func (p *curvePacker) take(n int) []byte {
	if n < 0 || n > len(p.body) {
		p.body = nil
		return make([]byte, max(n, 0))
	}
	taken := p.body[:n:n]
	p.body = p.body[n:]
	return taken
}

func (p *curvePacker) floats(n int) []float64 {
	if n > len(p.body)/8 {
		p.body = nil
		return nil
	}
	b := p.take(8 * n)
	list := make([]float64, n)
	for i := range list {
		list[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return list
}

// put appends the low bytes of a number to as many streams.
func (p *curvePacker) put(stream, bytes int, v uint64) {
	for i := range bytes {
		p.streams[stream+i] = append(p.streams[stream+i], byte(v>>(8*i)))
	}
}

// other appends bytes that have no stream.
func (p *curvePacker) other(b ...byte) {
	p.streams[otherStream] = append(p.streams[otherStream], b...)
}

func (p *curvePacker) otherFloat(v float64) {
	p.other(binary.LittleEndian.AppendUint64(nil, math.Float64bits(v))...)
}

func (p *curvePacker) otherInt(v uint32) { p.other(binary.LittleEndian.AppendUint32(nil, v)...) }

// line packs the cells of one curve.
func (p *curvePacker) line(l *curve.Line) {
	n := l.Cells
	if n == 0 {
		return
	}
	if l.First < 0 {
		at := p.take(4 * (n + n%2))
		before := uint32(0)
		for i := range min(n, len(at)/4) {
			v := binary.LittleEndian.Uint32(at[4*i:])
			p.put(atStream, 4, uint64(v-before))
			before = v
		}
	}
	last := p.floats(n)
	for _, v := range last {
		p.put(lastStream, 8, math.Float64bits(v))
	}
	if l.Many {
		p.extremes(last, p.floats(n), p.floats(n))
	}
	if l.Steps {
		p.steps(p.floats(n))
	}
	if l.Xs {
		for _, v := range p.floats(n) {
			p.put(xStream, 8, math.Float64bits(v))
		}
	}
	if l.Times {
		p.times(p.floats(n))
	}
	p.other(p.take(16 * l.Marks)...)
}

// extremes packs the least and the greatest values of cells as distances from the last. Cells for which that would be
// too far off, and those with the least and the greatest value of the curve, are listed with their values.
func (p *curvePacker) extremes(last, low, high []float64) {
	if len(last) == 0 || len(low) != len(last) || len(high) != len(last) {
		p.body = nil
		return
	}
	var least, most int
	for i := range last {
		if low[i] < low[least] || math.IsNaN(low[least]) {
			least = i
		}
		if high[i] > high[most] || math.IsNaN(high[most]) {
			most = i
		}
	}
	var exact []uint32
	for i := range last {
		a, okA := distance(last[i]-low[i], last[i], low[i], -1)
		b, okB := distance(high[i]-last[i], last[i], high[i], 1)
		if !okA || !okB || (i == least || i == most) && low[i] < high[i] {
			exact = append(exact, uint32(i))
		}
		p.put(lowStream, 3, uint64(a))
		p.put(highStream, 3, uint64(b))
	}
	p.otherInt(uint32(len(exact)))
	for _, i := range exact {
		p.otherInt(i)
		p.otherFloat(low[i])
		p.otherFloat(high[i])
	}
}

// distance returns a distance as the upper 24 bits of a float32, not less than it is, and reports whether it leads from
// last close enough to want.
func distance(d, last, want, sign float64) (bits uint32, ok bool) {
	if !(d >= 0 && d <= math.MaxFloat32/2) {
		return 0, false
	}
	f := float32(d)
	bits = math.Float32bits(f)
	if float64(f) < d {
		bits++
	}
	bits = (bits + 0xff) >> 8
	got := last + sign*float64(math.Float32frombits(bits<<8))
	return bits, math.Abs(got-want) <= closeEnough*math.Abs(want)
}

// steps packs whole numbers. If one does not fit, all follow as they are.
func (p *curvePacker) steps(list []float64) {
	for _, v := range list {
		if v != math.Trunc(v) || math.Abs(v) > math.MaxInt32 {
			p.other(1)
			for _, v := range list {
				p.otherFloat(v)
			}
			return
		}
	}
	p.other(0)
	for _, v := range list {
		p.put(stepStream, 4, uint64(uint32(int32(v))))
	}
}

// times packs times, each less the one before. The first, and the unit of the others, have no stream.
func (p *curvePacker) times(list []float64) {
	if len(list) == 0 {
		p.body = nil
		return
	}
	at, low, high := 0.0, 0.0, 0.0
	for _, v := range list[1:] {
		at += v
		low, high = min(low, at), max(high, at)
	}
	unit := max((high-low)/timeUnits, 1e-6)
	p.otherFloat(list[0])
	p.otherFloat(unit)
	at = 0
	before := int64(0)
	for _, v := range list[1:] {
		at += v
		now := int64(math.Round(at / unit))
		p.put(timeStream, 4, uint64(uint32(int32(now-before))))
		before = now
	}
}
