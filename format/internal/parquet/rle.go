package parquet

import (
	"encoding/binary"
	"errors"
)

// rle decodes the hybrid of runs and bit-packed numbers, as they are asked for.
type rle struct {
	b      []byte
	width  uint   // bits of a number, at most 32
	run    uint64 // how often value comes next
	value  uint32
	packed uint64 // how many packed numbers come next
	held   uint64 // bits that were read of a packed number
	bits   uint
}

var errRuns = errors.New("a page ends in the middle of its runs")

// fill decodes the next len(into) numbers.
func (r *rle) fill(into []uint32) error {
	for len(into) > 0 {
		switch {
		case r.run > 0:
			n := int(min(r.run, uint64(len(into))))
			for i := range n {
				into[i] = r.value
			}
			r.run -= uint64(n)
			into = into[n:]
		case r.packed > 0:
			n := int(min(r.packed, uint64(len(into))))
			if err := r.unpack(into[:n]); err != nil {
				return err
			}
			r.packed -= uint64(n)
			into = into[n:]
		default:
			if err := r.head(); err != nil {
				return err
			}
		}
	}
	return nil
}

// head reads the head of a run, or of packed numbers.
func (r *rle) head() error {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		return errRuns
	}
	r.b = r.b[n:]
	if v&1 != 0 {
		if v >>= 1; v > 1<<32 {
			return errRuns
		}
		r.packed, r.held, r.bits = 8*v, 0, 0
		return nil
	}
	size := int(r.width+7) / 8
	if len(r.b) < size {
		return errRuns
	}
	r.run, r.value = v>>1, 0
	for i := range size {
		r.value |= uint32(r.b[i]) << (8 * i)
	}
	r.b = r.b[size:]
	return nil
}

func (r *rle) unpack(into []uint32) error {
	mask := uint64(1)<<r.width - 1
	for i := range into {
		for r.bits < r.width {
			if len(r.b) == 0 {
				return errRuns
			}
			r.held |= uint64(r.b[0]) << r.bits
			r.bits += 8
			r.b = r.b[1:]
		}
		into[i] = uint32(r.held & mask)
		r.held >>= r.width
		r.bits -= r.width
	}
	return nil
}
