package hostile

import "encoding/binary"

// Types of Thrift's compact protocol.
const (
	typeTrue   = 1
	typeI32    = 5
	typeI64    = 6
	typeBinary = 8
	typeList   = 9
	typeStruct = 12
)

// field is a field of a struct. Its bytes may be anything.
type field struct {
	id    int
	kind  byte
	bytes []byte
}

func structure(fields ...field) []byte {
	var b []byte
	last := 0
	for _, f := range fields {
		if f.bytes == nil {
			continue
		}
		b = append(b, byte(f.id-last)<<4|f.kind)
		b = append(b, f.bytes...)
		last = f.id
	}
	return append(b, 0)
}

func number(v int64) []byte {
	return binary.AppendUvarint(nil, uint64(v)<<1^uint64(v>>63))
}

func text(s string) []byte { return append(binary.AppendUvarint(nil, uint64(len(s))), s...) }

// list returns a list that says that it has n items.
func list(kind byte, n uint64, items ...[]byte) []byte {
	b := append([]byte{0xf0 | kind}, binary.AppendUvarint(nil, n)...)
	for _, item := range items {
		b = append(b, item...)
	}
	return b
}

func items(kind byte, each ...[]byte) []byte { return list(kind, uint64(len(each)), each...) }
