package sqlite

import (
	"encoding/binary"
	"math"
	"unicode/utf16"
)

// Kind is the type of a value.
type Kind byte

// The types of values.
const (
	Null Kind = iota
	Int
	Real
	Text
	Blob
)

// Value is a value of a row.
type Value struct {
	Kind  Kind
	Int   int64
	Real  float64
	Bytes []byte // a blob, or a text in UTF-8, which may be invalid; valid during the visit of its row
}

// String returns a text, or "" for another value.
func (v Value) String() string {
	if v.Kind != Text {
		return ""
	}
	return string(v.Bytes)
}

// Number returns a number as an integer, cut toward zero, and whether the value is a number that fits.
func (v Value) Number() (int64, bool) {
	switch {
	case v.Kind == Int:
		return v.Int, true
	case v.Kind == Real && v.Real >= -1<<63 && v.Real < 1<<63:
		return int64(v.Real), true
	}
	return 0, false
}

// Float returns a number, and whether the value is one.
func (v Value) Float() (float64, bool) {
	switch v.Kind {
	case Int:
		return float64(v.Int), true
	case Real:
		return v.Real, true
	}
	return 0, false
}

type encoding byte

const (
	utf8Text encoding = iota
	utf16Little
	utf16Big
)

// serial is how a value is stored: a type and its bytes.
type serial struct {
	kind uint64
	data []byte
}

// serials appends the first values of a record, at most most. They are parts of the record.
func serials(to []serial, record []byte, most int) ([]serial, error) {
	size, n := varint(record)
	if n == 0 || size < uint64(n) || size > uint64(len(record)) {
		return nil, damaged("the head of a row is torn")
	}
	head, body := record[n:size], record[size:]
	for len(head) > 0 && len(to) < most {
		kind, n := varint(head)
		if n == 0 {
			return nil, damaged("the head of a row is torn")
		}
		head = head[n:]
		length := uint64(0)
		switch {
		case kind >= 12:
			length = (kind - 12) / 2
		case kind <= 7:
			length = uint64([8]byte{0, 1, 2, 3, 4, 6, 8, 8}[kind])
		case kind >= 10:
			return nil, damaged("a value has the reserved type %d", kind)
		}
		if length > uint64(len(body)) {
			return nil, damaged("a value is torn")
		}
		to = append(to, serial{kind, body[:length:length]})
		body = body[length:]
	}
	return to, nil
}

// value decodes a stored value.
func (s serial) value(e encoding) Value {
	switch {
	case s.kind == 0:
		return Value{}
	case s.kind <= 6:
		v := int64(int8(s.data[0]))
		for _, c := range s.data[1:] {
			v = v<<8 | int64(c)
		}
		return Value{Kind: Int, Int: v}
	case s.kind == 7:
		f := math.Float64frombits(binary.BigEndian.Uint64(s.data))
		if math.IsNaN(f) { // SQLite has no NaN
			return Value{}
		}
		return Value{Kind: Real, Real: f}
	case s.kind <= 9:
		return Value{Kind: Int, Int: int64(s.kind) - 8}
	case s.kind%2 == 0:
		return Value{Kind: Blob, Bytes: s.data}
	}
	return Value{Kind: Text, Bytes: e.decode(s.data)}
}

// decode returns a text in UTF-8.
func (e encoding) decode(data []byte) []byte {
	if e == utf8Text {
		return data
	}
	order := binary.ByteOrder(binary.LittleEndian)
	if e == utf16Big {
		order = binary.BigEndian
	}
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = order.Uint16(data[2*i:])
	}
	return []byte(string(utf16.Decode(units)))
}
