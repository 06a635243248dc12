package parquet

import (
	"encoding/binary"
	"errors"
	"math"
)

// Types of Thrift's compact protocol.
const (
	kindTrue   = 1
	kindFalse  = 2
	kindByte   = 3
	kindI16    = 4
	kindI32    = 5
	kindI64    = 6
	kindDouble = 7
	kindBinary = 8
	kindList   = 9
	kindSet    = 10
	kindMap    = 11
	kindStruct = 12
	kindUUID   = 13
)

// maxNesting is how deep structs and lists may be nested. Parquet needs 6 levels.
const maxNesting = 16

var (
	errTorn   = errors.New("it ends in the middle of a value")
	errNested = errors.New("its structs are nested too deep")
	errKind   = errors.New("it has a value of an unknown type")
)

// thrift reads Thrift's compact protocol from memory. Every count is compared with the bytes that are left before
// anything is done with it. After the first error, all methods return zero values.
type thrift struct {
	b     []byte
	at    int
	depth int
	err   error
}

func (t *thrift) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

func (t *thrift) left() int { return len(t.b) - t.at }

func (t *thrift) byte() byte {
	if t.err != nil || t.left() == 0 {
		t.fail(errTorn)
		return 0
	}
	t.at++
	return t.b[t.at-1]
}

func (t *thrift) uvarint() uint64 {
	if t.err != nil {
		return 0
	}
	v, n := binary.Uvarint(t.b[t.at:])
	if n <= 0 {
		t.fail(errTorn)
		return 0
	}
	t.at += n
	return v
}

func (t *thrift) i64() int64 {
	v := t.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

func (t *thrift) i32() int32 {
	v := t.i64()
	if v < math.MinInt32 || v > math.MaxInt32 {
		t.fail(errKind)
		return 0
	}
	return int32(v)
}

// count returns the number of items or bytes that follow. Each takes at least one byte.
func (t *thrift) count() int {
	n := t.uvarint()
	if n > uint64(t.left()) {
		t.fail(errTorn)
		return 0
	}
	return int(n)
}

// binary returns a slice of the input.
func (t *thrift) binary() []byte {
	n := t.count()
	if t.err != nil {
		return nil
	}
	t.at += n
	return t.b[t.at-n : t.at : t.at]
}

// list returns the number of items that follow, and their type.
func (t *thrift) list() (n int, kind byte) {
	head := t.byte()
	n, kind = int(head>>4), head&15
	if n == 15 {
		n = t.count()
	}
	if n > t.left() {
		t.fail(errTorn)
	}
	if t.err != nil {
		return 0, 0
	}
	return n, kind
}

// field is the head of a field in a struct.
type field struct {
	id   int16
	kind byte
}

// structure calls read for each field of a struct. If read returns false, it has not consumed the field.
func (t *thrift) structure(read func(f field) bool) {
	if t.depth++; t.depth > maxNesting {
		t.fail(errNested)
	}
	id := int64(0)
	for t.err == nil {
		head := t.byte()
		kind := head & 15
		if t.err != nil || kind == 0 {
			break
		}
		if delta := head >> 4; delta > 0 {
			id += int64(delta)
		} else {
			id = t.i64()
		}
		if id < 0 || id > math.MaxInt16 {
			t.fail(errKind)
			break
		}
		if !read(field{int16(id), kind}) {
			t.skip(kind)
		}
	}
	t.depth--
}

// skip passes over a field of a struct, in which a boolean has no bytes of its own.
func (t *thrift) skip(kind byte) {
	if kind != kindTrue && kind != kindFalse {
		t.skipItem(kind)
	}
}

func (t *thrift) skipItem(kind byte) {
	switch kind {
	case kindTrue, kindFalse, kindByte:
		t.byte()
	case kindI16, kindI32, kindI64:
		t.uvarint()
	case kindDouble:
		t.skipBytes(8)
	case kindUUID:
		t.skipBytes(16)
	case kindBinary:
		t.binary()
	case kindStruct:
		t.structure(func(field) bool { return false })
	case kindList, kindSet:
		n, of := t.list()
		t.skipItems(n, of, 0)
	case kindMap:
		if n := t.count(); n > 0 {
			kinds := t.byte()
			t.skipItems(n, kinds>>4, kinds&15)
		}
	default:
		t.fail(errKind)
	}
}

func (t *thrift) skipBytes(n int) {
	if n > t.left() {
		t.fail(errTorn)
		return
	}
	t.at += n
}

// skipItems passes over n items, or n pairs if second is not 0.
func (t *thrift) skipItems(n int, first, second byte) {
	if t.depth++; t.depth > maxNesting {
		t.fail(errNested)
	}
	for range n {
		if t.err != nil {
			break
		}
		t.skipItem(first)
		if second != 0 {
			t.skipItem(second)
		}
	}
	t.depth--
}
