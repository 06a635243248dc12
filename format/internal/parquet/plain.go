package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

var (
	errShort    = errors.New("a page has fewer values than its header says")
	errEncoding = errors.New("a page has an encoding that its type does not have")
)

// plainNumbers decodes PLAIN: 8 bytes per number.
type plainNumbers struct{ b []byte }

// take returns the bytes of the next n numbers.
func (p *plainNumbers) take(n int) ([]byte, error) {
	if len(p.b)/8 < n {
		return nil, errShort
	}
	b := p.b[:8*n]
	p.b = p.b[8*n:]
	return b, nil
}

func (p *plainNumbers) ints(into []int64) error {
	b, err := p.take(len(into))
	if err != nil {
		return err
	}
	for i := range into {
		into[i] = int64(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return nil
}

func (p *plainNumbers) floats(into []float64) error {
	b, err := p.take(len(into))
	if err != nil {
		return err
	}
	for i := range into {
		into[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return nil
}

func (p *plainNumbers) texts(into [][]byte) error {
	if len(into) > 0 {
		return errEncoding
	}
	return nil
}

// plainBooleans decodes PLAIN: one bit per boolean, the lowest first. Its integers are 0 and 1.
type plainBooleans struct {
	b  []byte
	at int
}

func (p *plainBooleans) ints(into []int64) error {
	if len(into) > 8*len(p.b)-p.at {
		return errShort
	}
	for i := range into {
		into[i] = int64(p.b[p.at/8] >> (p.at % 8) & 1)
		p.at++
	}
	return nil
}

func (p *plainBooleans) floats([]float64) error { return errEncoding }
func (p *plainBooleans) texts([][]byte) error   { return errEncoding }

// plainTexts decodes PLAIN: each text after its length in 4 bytes.
type plainTexts struct{ b []byte }

func (p *plainTexts) texts(into [][]byte) error {
	for i := range into {
		text, rest, err := cutText(p.b)
		if err != nil {
			return err
		}
		into[i], p.b = text, rest
	}
	return nil
}

func (p *plainTexts) ints([]int64) error     { return errEncoding }
func (p *plainTexts) floats([]float64) error { return errEncoding }

// cutText cuts a text with its length from b.
func cutText(b []byte) (text, rest []byte, err error) {
	if len(b) < 4 {
		return nil, nil, errShort
	}
	n := binary.LittleEndian.Uint32(b)
	if uint64(n) > uint64(len(b)-4) {
		return nil, nil, errShort
	}
	return b[4 : 4+n : 4+n], b[4+n:], nil
}

// split decodes BYTE_STREAM_SPLIT: the first bytes of all numbers, then the second ones, and so on.
type split struct {
	b     []byte
	n, at int
}

func newSplit(b []byte) (*split, error) {
	if len(b)%8 != 0 {
		return nil, errShort
	}
	return &split{b: b, n: len(b) / 8}, nil
}

// each calls set with the bits of the next n numbers.
func (s *split) each(n int, set func(i int, bits uint64)) error {
	if n > s.n-s.at {
		return errShort
	}
	var stream [8][]byte
	for k := range stream {
		stream[k] = s.b[k*s.n+s.at:][:n]
	}
	for i := range n {
		set(i, uint64(stream[0][i])|uint64(stream[1][i])<<8|uint64(stream[2][i])<<16|uint64(stream[3][i])<<24|
			uint64(stream[4][i])<<32|uint64(stream[5][i])<<40|uint64(stream[6][i])<<48|uint64(stream[7][i])<<56)
	}
	s.at += n
	return nil
}

func (s *split) ints(into []int64) error {
	return s.each(len(into), func(i int, bits uint64) { into[i] = int64(bits) })
}

func (s *split) floats(into []float64) error {
	return s.each(len(into), func(i int, bits uint64) { into[i] = math.Float64frombits(bits) })
}

func (s *split) texts([][]byte) error { return errEncoding }

// dictionary holds the values that the pages of a chunk refer to.
type dictionary struct {
	loaded bool
	b      []byte
	n      int
	ends   []uint32 // for texts: where each begins, after its length, and at the end len(b)+4
}

// set takes n values in PLAIN.
func (d *dictionary) set(of Type, b []byte, n int64) error {
	*d = dictionary{loaded: true, b: b}
	if of != ByteArray {
		if int64(len(b)/8) < n {
			return errShort
		}
		d.n = int(n)
		return nil
	}
	if int64(len(b)/4) < n { // each takes at least 4 bytes
		return errShort
	}
	d.n, d.ends = int(n), make([]uint32, 0, n+1)
	rest := b
	for range n {
		_, next, err := cutText(rest)
		if err != nil {
			return err
		}
		d.ends = append(d.ends, uint32(len(b)-len(rest)+4))
		rest = next
	}
	d.ends = append(d.ends, uint32(len(b)-len(rest)+4))
	return nil
}

// indexes returns a decoder of a page that refers to the dictionary.
func (d *dictionary) indexes(b []byte) (*indexed, error) {
	if len(b) == 0 {
		return nil, errShort
	}
	if b[0] > 32 {
		return nil, fmt.Errorf("a page has indexes of %d bits", b[0])
	}
	return &indexed{of: d, rle: rle{b: b[1:], width: uint(b[0])}}, nil
}

// indexed decodes RLE_DICTIONARY.
type indexed struct {
	of     *dictionary
	rle    rle
	buffer [256]uint32
}

var errDictionary = errors.New("a page refers to a value that its dictionary does not have")

// each calls set with the next n indexes.
func (x *indexed) each(n int, set func(i int, index uint32)) error {
	for from := 0; from < n; {
		some := x.buffer[:min(n-from, len(x.buffer))]
		if err := x.rle.fill(some); err != nil {
			return err
		}
		for i, index := range some {
			if uint64(index) >= uint64(x.of.n) {
				return errDictionary
			}
			set(from+i, index)
		}
		from += len(some)
	}
	return nil
}

func (x *indexed) ints(into []int64) error {
	b := x.of.b
	return x.each(len(into), func(i int, index uint32) {
		into[i] = int64(binary.LittleEndian.Uint64(b[8*int(index):]))
	})
}

func (x *indexed) floats(into []float64) error {
	b := x.of.b
	return x.each(len(into), func(i int, index uint32) {
		into[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*int(index):]))
	})
}

func (x *indexed) texts(into [][]byte) error {
	b, ends := x.of.b, x.of.ends
	return x.each(len(into), func(i int, index uint32) {
		from, to := ends[index], ends[index+1]-4
		into[i] = b[from:to:to]
	})
}
