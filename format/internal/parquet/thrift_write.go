package parquet

import "encoding/binary"

// thriftWriter writes Thrift's compact protocol.
type thriftWriter struct {
	b     []byte
	id    int16   // of the last field in the current struct
	outer []int16 // that of the structs around it
}

// field begins a field of the current struct. Fields come in the order of their ids.
func (t *thriftWriter) field(id int16, kind byte) {
	if delta := id - t.id; delta > 0 && delta <= 15 {
		t.b = append(t.b, byte(delta)<<4|kind)
	} else {
		t.b = binary.AppendVarint(append(t.b, kind), int64(id))
	}
	t.id = id
}

func (t *thriftWriter) i32(id int16, v int32) {
	t.field(id, kindI32)
	t.b = binary.AppendVarint(t.b, int64(v))
}

func (t *thriftWriter) i64(id int16, v int64) {
	t.field(id, kindI64)
	t.b = binary.AppendVarint(t.b, v)
}

func (t *thriftWriter) bool(id int16, v bool) {
	if v {
		t.field(id, kindTrue)
	} else {
		t.field(id, kindFalse)
	}
}

func (t *thriftWriter) binary(id int16, v []byte) {
	t.field(id, kindBinary)
	t.bytes(v)
}

func (t *thriftWriter) string(id int16, v string) { t.binary(id, []byte(v)) }

// bytes writes an item of a list of binaries.
func (t *thriftWriter) bytes(v []byte) {
	t.b = binary.AppendUvarint(t.b, uint64(len(v)))
	t.b = append(t.b, v...)
}

// list begins a list. Its n items follow.
func (t *thriftWriter) list(id int16, kind byte, n int) {
	t.field(id, kindList)
	if n < 15 {
		t.b = append(t.b, byte(n)<<4|kind)
		return
	}
	t.b = binary.AppendUvarint(append(t.b, 15<<4|kind), uint64(n))
}

// begin and end surround the fields of a struct that is a field. item is begin for an item of a list.
func (t *thriftWriter) begin(id int16) {
	t.field(id, kindStruct)
	t.item()
}

func (t *thriftWriter) item() {
	t.outer = append(t.outer, t.id)
	t.id = 0
}

func (t *thriftWriter) end() {
	t.b = append(t.b, 0)
	t.id = t.outer[len(t.outer)-1]
	t.outer = t.outer[:len(t.outer)-1]
}
