// Package protobuf walks messages in the wire format of Protocol Buffers, without their schema.
package protobuf

import (
	"encoding/binary"
	"errors"
	"math"
)

// ErrMessage says that the bytes are no message of Protocol Buffers, or not the one that was expected.
var ErrMessage = errors.New("not a well-formed message")

// Fields walks the fields of one message. https://protobuf.dev/programming-guides/encoding/
type Fields struct {
	Num uint64 // of the field
	V   uint64 // its value: a varint, or the bits of a fixed one
	Sub []byte // its value: text, bytes, a message, packed numbers; it is a part of the message
	Err error  // ErrMessage, where the walk ended before the message

	b []byte
}

// Of walks the fields of a message.
func Of(message []byte) Fields { return Fields{b: message} }

// Next moves to the next field. It returns false at the end and where the message is not well-formed, which Err tells apart.
func (f *Fields) Next() bool {
	if len(f.b) == 0 || f.Err != nil {
		return false
	}
	tag, ok := f.Varint()
	if !ok {
		return false
	}
	f.Num, f.V, f.Sub = tag>>3, 0, nil
	switch tag & 7 {
	case 0:
		f.V, ok = f.Varint()
		return ok
	case 1:
		return f.Fixed(8)
	case 2:
		n, ok := f.Varint()
		if !ok {
			return false
		}
		if n > uint64(len(f.b)) {
			f.Err = ErrMessage
			return false
		}
		f.Sub, f.b = f.b[:n:n], f.b[n:]
		return true
	case 5:
		return f.Fixed(4)
	}
	f.Err = ErrMessage // groups are of no event
	return false
}

// Varint takes the next number of a packed field.
func (f *Fields) Varint() (uint64, bool) {
	v, n := binary.Uvarint(f.b)
	if n <= 0 {
		f.Err = ErrMessage
		return 0, false
	}
	f.b = f.b[n:]
	return v, true
}

// Fixed takes the next n bytes, 4 or 8, as the bits of V.
func (f *Fields) Fixed(n int) bool {
	if len(f.b) < n {
		f.Err = ErrMessage
		return false
	}
	if n == 8 {
		f.V = binary.LittleEndian.Uint64(f.b)
	} else {
		f.V = uint64(binary.LittleEndian.Uint32(f.b))
	}
	f.b = f.b[n:]
	return true
}

// Double is the value of a double field.
func (f *Fields) Double() float64 { return math.Float64frombits(f.V) }

// Single is the value of a float field.
func (f *Fields) Single() float64 { return float64(math.Float32frombits(uint32(f.V))) }

// Doubles adds a repeated double field, packed or one value, up to most of them.
func (f *Fields) Doubles(to []float64, most int) []float64 {
	if f.Sub == nil {
		if len(to) < most {
			to = append(to, f.Double())
		}
		return to
	}
	for b := f.Sub; len(b) >= 8 && len(to) < most; b = b[8:] {
		to = append(to, math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
	return to
}

// More reports whether anything is left of the message, which may be packed numbers.
func (f *Fields) More() bool { return len(f.b) > 0 }
