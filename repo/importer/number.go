package importer

import "encoding/binary"

// FieldNumber identifies a field of a message.
type FieldNumber uint32

// maxFieldNumber is the largest number that a field can have.
const maxFieldNumber = 1<<29 - 1

// The wire types of fields. Groups, which are 3 and 4, are not used by any writer that is imported.
const (
	varintField  = 0
	fixed64Field = 1
	bytesField   = 2
	fixed32Field = 5
)

// ConsumeVarint returns the varint at the beginning of b and how many bytes it takes. That count is negative if b does
// not begin with one.
func ConsumeVarint(b []byte) (v uint64, n int) {
	if v, n = binary.Uvarint(b); n <= 0 {
		return 0, -1
	}
	return v, n
}

// ConsumeFixed32 is like ConsumeVarint, for four bytes.
func ConsumeFixed32(b []byte) (v uint32, n int) {
	if len(b) < 4 {
		return 0, -1
	}
	return binary.LittleEndian.Uint32(b), 4
}

// ConsumeFixed64 is like ConsumeVarint, for eight bytes.
func ConsumeFixed64(b []byte) (v uint64, n int) {
	if len(b) < 8 {
		return 0, -1
	}
	return binary.LittleEndian.Uint64(b), 8
}

// consumeTag returns the number and the wire type of the field at the beginning of b, and how many bytes they take.
// That count is negative if b does not begin with a field.
func consumeTag(b []byte) (number FieldNumber, kind, n int) {
	tag, n := ConsumeVarint(b)
	if n < 0 || tag>>3 < 1 || tag>>3 > maxFieldNumber {
		return 0, 0, -1
	}
	return FieldNumber(tag >> 3), int(tag & 7), n
}

// consumeBytes returns the bytes at the beginning of b, which follow their length, and how many bytes both take. That
// count is negative if b has fewer.
func consumeBytes(b []byte) (data []byte, n int) {
	length, n := ConsumeVarint(b)
	if n < 0 || length > uint64(len(b)-n) {
		return nil, -1
	}
	end := n + int(length)
	return b[n:end:end], end
}
