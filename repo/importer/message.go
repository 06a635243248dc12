package importer

import (
	"errors"
	"math"
)

// ErrMessage reports bytes that are not a well-formed message of Protocol Buffers, or not the expected message.
var ErrMessage = errors.New("not a well-formed message")

// Fields walks the fields of one message of Protocol Buffers without its schema.
type Fields struct {
	Num FieldNumber // of the field
	V   uint64      // value of the field: a varint, or the bits of a fixed-size number
	Sub []byte      // its value: text, bytes, a message or packed numbers, as a part of the message; nil for a number
	Err error       // ErrMessage if the walk ended before the end of the message

	rest []byte
}

// FieldsOf walks the fields of a message.
func FieldsOf(message []byte) Fields { return Fields{rest: message} }

// Next moves to the next field. It returns false at the end of the message. It also returns false, and sets Err, at a
// malformed field.
func (f *Fields) Next() bool {
	if len(f.rest) == 0 || f.Err != nil {
		return false
	}
	num, kind, n := consumeTag(f.rest)
	if n < 0 {
		f.Err = ErrMessage
		return false
	}
	f.Num, f.V, f.Sub, f.rest = num, 0, nil, f.rest[n:]
	switch kind {
	case varintField:
		f.V, n = ConsumeVarint(f.rest)
	case fixed64Field:
		f.V, n = ConsumeFixed64(f.rest)
	case fixed32Field:
		var bits uint32
		bits, n = ConsumeFixed32(f.rest)
		f.V = uint64(bits)
	case bytesField:
		f.Sub, n = consumeBytes(f.rest)
	default: // groups: no event and no record has them
		n = -1
	}
	if n < 0 {
		f.Err = ErrMessage
		return false
	}
	f.rest = f.rest[n:]
	return true
}

// Double returns the value of a double field.
func (f *Fields) Double() float64 { return math.Float64frombits(f.V) }

// Float returns the value of a float field.
func (f *Fields) Float() float64 { return float64(math.Float32frombits(uint32(f.V))) }

// Doubles appends the values of a repeated double field, whether it is packed or a single value. The result has at
// most most values.
func (f *Fields) Doubles(to []float64, most int) []float64 {
	if f.Sub == nil {
		if len(to) < most {
			to = append(to, f.Double())
		}
		return to
	}
	for packed := f.Sub; len(to) < most; {
		bits, n := ConsumeFixed64(packed)
		if n < 0 { // the end, or less than a double
			break
		}
		to, packed = append(to, math.Float64frombits(bits)), packed[n:]
	}
	return to
}
