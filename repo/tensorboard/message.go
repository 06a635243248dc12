package tensorboard

import (
	"encoding/binary"
	"errors"
	"math"
)

// errMessage says that the bytes are no message of Protocol Buffers.
var errMessage = errors.New("not a well-formed event")

// fields walks the fields of one message in the wire format of Protocol Buffers.
// https://protobuf.dev/programming-guides/encoding/
type fields struct {
	b   []byte
	num uint64 // of the field
	v   uint64 // its value: a varint, or the bits of a fixed one
	sub []byte // its value: text, bytes, a message, packed numbers
	err error
}

// next moves to the next field. It returns false at the end and where the message is not well-formed, which err tells apart.
func (f *fields) next() bool {
	if len(f.b) == 0 || f.err != nil {
		return false
	}
	tag, ok := f.varint()
	if !ok {
		return false
	}
	f.num, f.v, f.sub = tag>>3, 0, nil
	switch tag & 7 {
	case 0:
		f.v, ok = f.varint()
		return ok
	case 1:
		return f.fixed(8)
	case 2:
		n, ok := f.varint()
		if !ok {
			return false
		}
		if n > uint64(len(f.b)) {
			f.err = errMessage
			return false
		}
		f.sub, f.b = f.b[:n:n], f.b[n:]
		return true
	case 5:
		return f.fixed(4)
	}
	f.err = errMessage // groups are of no event
	return false
}

func (f *fields) varint() (uint64, bool) {
	v, n := binary.Uvarint(f.b)
	if n <= 0 {
		f.err = errMessage
		return 0, false
	}
	f.b = f.b[n:]
	return v, true
}

func (f *fields) fixed(n int) bool {
	if len(f.b) < n {
		f.err = errMessage
		return false
	}
	if n == 8 {
		f.v = binary.LittleEndian.Uint64(f.b)
	} else {
		f.v = uint64(binary.LittleEndian.Uint32(f.b))
	}
	f.b = f.b[n:]
	return true
}

func (f *fields) double() float64 { return math.Float64frombits(f.v) }

// single is the value of a float field.
func (f *fields) single() float64 { return float64(math.Float32frombits(uint32(f.v))) }

// doubles adds a repeated double field, packed or one value, up to most of them.
func (f *fields) doubles(to []float64, most int) []float64 {
	if f.sub == nil {
		if len(to) < most {
			to = append(to, f.double())
		}
		return to
	}
	for b := f.sub; len(b) >= 8 && len(to) < most; b = b[8:] {
		to = append(to, math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
	return to
}
