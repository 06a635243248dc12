package parquet

import (
	"encoding/binary"
	"errors"
)

// Bounds of a block of deltas. Writers use 128 numbers in 4 parts.
const (
	maxBlock = 1 << 16
	maxParts = 512
)

var errDelta = errors.New("a page has no valid deltas")

// delta decodes DELTA_BINARY_PACKED, as the numbers are asked for.
type delta struct {
	b     []byte
	block int    // numbers of a block
	parts int    // into which it is divided
	left  uint64 // numbers that were not decoded
	last  int64
	begun bool // the first number was decoded

	widths []byte // bits of the deltas of the parts of the block that are left
	least  int64  // the smallest delta of the block
	part   int    // deltas left in the part
	bits   []byte // of the part
	at     uint
	width  uint
}

func newDelta(b []byte) (*delta, error) {
	d := &delta{b: b}
	block, parts := d.uvarint(), d.uvarint()
	d.left = d.uvarint()
	d.last = d.varint()
	if d.b == nil || block == 0 || block > maxBlock || parts == 0 || parts > maxParts || block%parts != 0 ||
		block/parts%8 != 0 {
		return nil, errDelta
	}
	d.block, d.parts = int(block), int(parts)
	return d, nil
}

// uvarint reads a number. At the end, d.b becomes nil.
func (d *delta) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.b = nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *delta) varint() int64 {
	v := d.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

func (d *delta) ints(into []int64) error {
	if uint64(len(into)) > d.left {
		return errShort
	}
	d.left -= uint64(len(into))
	for len(into) > 0 {
		if !d.begun {
			d.begun = true
			into[0] = d.last
			into = into[1:]
			continue
		}
		if d.part == 0 {
			if err := d.nextPart(uint64(len(into)) + d.left); err != nil {
				return err
			}
		}
		n := min(d.part, len(into))
		d.unpack(into[:n])
		d.part -= n
		into = into[n:]
	}
	return nil
}

// nextPart moves to the next part, of which n numbers are needed at most.
func (d *delta) nextPart(n uint64) error {
	if len(d.widths) == 0 {
		d.least = d.varint()
		if len(d.b) < d.parts {
			return errDelta
		}
		d.widths, d.b = d.b[:d.parts], d.b[d.parts:]
	}
	d.part = d.block / d.parts
	d.width, d.widths = uint(d.widths[0]), d.widths[1:]
	if d.width > 64 {
		return errDelta
	}
	// The last part may be cut off after the numbers that are needed.
	size, needed := d.part*int(d.width)/8, (min(d.part, int(min(n, maxBlock)))*int(d.width)+7)/8
	if len(d.b) < needed {
		return errShort
	}
	size = min(size, len(d.b))
	d.bits, d.b, d.at = d.b[:size], d.b[size:], 0
	return nil
}

func (d *delta) unpack(into []int64) {
	last, least, width, at, bits := d.last, d.least, d.width, d.at, d.bits
	mask := uint64(1)<<width - 1 // 64 bits for a width of 64
	for i := range into {
		v := uint64(0)
		if width > 0 {
			v = bitsAt(bits, at, width) & mask
			at += width
		}
		last += least + int64(v) // it may overflow, as the format says
		into[i] = last
	}
	d.last, d.at = last, at
}

// bitsAt returns at least width bits of b, beginning with bit at.
func bitsAt(b []byte, at, width uint) uint64 {
	i, shift := int(at/8), at%8
	if i+8 <= len(b) {
		v := binary.LittleEndian.Uint64(b[i:]) >> shift
		if width+shift > 64 && i+8 < len(b) {
			v |= uint64(b[i+8]) << (64 - shift)
		}
		return v
	}
	var v uint64
	for k := 0; i+k < len(b); k++ {
		v |= uint64(b[i+k]) << (8 * k)
	}
	return v >> shift
}

func (d *delta) floats([]float64) error { return errEncoding }
func (d *delta) texts([][]byte) error   { return errEncoding }

// rest passes over the numbers that are left, and returns the bytes after them.
func (d *delta) rest() ([]byte, error) {
	var some [256]int64
	for d.left > 0 {
		if err := d.ints(some[:min(d.left, uint64(len(some)))]); err != nil {
			return nil, err
		}
	}
	return d.b, nil
}

// lengths decodes the lengths of the texts of a page of n values. It returns the bytes after them.
func lengths(b []byte, n int64) (*delta, []byte, error) {
	d, err := newDelta(b)
	if err != nil {
		return nil, nil, err
	}
	if d.left > uint64(n) {
		return nil, nil, errDelta
	}
	after := *d
	rest, err := after.rest()
	return d, rest, err
}

// deltaLengths decodes DELTA_LENGTH_BYTE_ARRAY: the lengths of all texts, then the texts.
type deltaLengths struct {
	lengths *delta
	b       []byte
}

func newDeltaLengths(b []byte, n int64) (*deltaLengths, error) {
	l, rest, err := lengths(b, n)
	return &deltaLengths{l, rest}, err
}

// cut returns the next n bytes.
func (d *deltaLengths) cut(n int64) ([]byte, error) {
	if n < 0 || n > int64(len(d.b)) {
		return nil, errShort
	}
	text := d.b[:n:n]
	d.b = d.b[n:]
	return text, nil
}

func (d *deltaLengths) texts(into [][]byte) error {
	var n [1]int64
	for i := range into {
		if err := d.lengths.ints(n[:]); err != nil {
			return err
		}
		text, err := d.cut(n[0])
		if err != nil {
			return err
		}
		into[i] = text
	}
	return nil
}

func (d *deltaLengths) ints([]int64) error     { return errEncoding }
func (d *deltaLengths) floats([]float64) error { return errEncoding }

// deltaTexts decodes DELTA_BYTE_ARRAY: how many bytes each text shares with the one before, then the rest of each.
type deltaTexts struct {
	shared   *delta
	suffixes *deltaLengths
	limit    int64 // bytes of a text
	last     []byte
	memory   []byte
}

func newDeltaTexts(b []byte, n, limit int64) (*deltaTexts, error) {
	shared, rest, err := lengths(b, n)
	if err != nil {
		return nil, err
	}
	suffixes, err := newDeltaLengths(rest, n)
	return &deltaTexts{shared: shared, suffixes: suffixes, limit: limit}, err
}

func (d *deltaTexts) texts(into [][]byte) error {
	var n [1]int64
	d.memory = nil // the caller may still use what was returned last
	for i := range into {
		if err := d.shared.ints(n[:]); err != nil {
			return err
		}
		var suffix [1][]byte
		if err := d.suffixes.texts(suffix[:]); err != nil {
			return err
		}
		size := n[0] + int64(len(suffix[0]))
		if n[0] < 0 || n[0] > int64(len(d.last)) || size > d.limit {
			return errDelta
		}
		if int64(cap(d.memory)-len(d.memory)) < size {
			d.memory = make([]byte, 0, max(int(size), 4096))
		}
		from := len(d.memory)
		d.memory = append(append(d.memory, d.last[:n[0]]...), suffix[0]...)
		d.last = d.memory[from:len(d.memory):len(d.memory)]
		into[i] = d.last
	}
	return nil
}

func (d *deltaTexts) ints([]int64) error     { return errEncoding }
func (d *deltaTexts) floats([]float64) error { return errEncoding }
