package git

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// deltaBase is an object that others are stored as differences to, with an index of its words.
type deltaBase struct {
	data   []byte
	table  []int32 // by the hash of eight bytes: where they are in data, plus one
	shift  uint
	object *packedObject
}

// deltaWord is the length of the shortest part that a difference copies from its base.
const deltaWord = 8

// maxDeltaBytes is the size of the largest object that is stored as a difference or serves as a base.
const maxDeltaBytes = 64 << 10

func newDeltaBase(data []byte, object *packedObject) *deltaBase {
	size := bits.Len(uint(len(data)))
	b := &deltaBase{data: bytes.Clone(data), table: make([]int32, 1<<size), shift: uint(64 - size), object: object}
	for i := 0; i+deltaWord <= len(data); i++ {
		if slot := b.slot(data[i:]); b.table[slot] == 0 {
			b.table[slot] = int32(i + 1)
		}
	}
	return b
}

func (b *deltaBase) slot(word []byte) uint64 {
	return binary.LittleEndian.Uint64(word) * 0x9e3779b97f4a7c15 >> b.shift
}

// find returns a place of the base that has the first bytes of word, or -1. It prefers the place likely.
func (b *deltaBase) find(word []byte, likely int) int {
	if likely+deltaWord <= len(b.data) &&
		binary.LittleEndian.Uint64(b.data[likely:]) == binary.LittleEndian.Uint64(word) {
		return likely
	}
	at := int(b.table[b.slot(word)]) - 1
	if at >= 0 && binary.LittleEndian.Uint64(b.data[at:]) == binary.LittleEndian.Uint64(word) {
		return at
	}
	return -1
}

// delta appends to dst the difference from the base to target, in the format of Git's packs. It returns nil if the
// difference is longer than limit.
func (b *deltaBase) delta(dst, target []byte, limit int) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b.data)))
	dst = binary.AppendUvarint(dst, uint64(len(target)))
	literal, end := 0, 0 // where the bytes begin that are not written yet, and where the last copy ended in the base
	for i := 0; i+deltaWord <= len(target); {
		at := b.find(target[i:], end+i-literal)
		if at < 0 {
			i++
			continue
		}
		from := i
		end = at + deltaWord
		for i += deltaWord; i < len(target) && end < len(b.data) && target[i] == b.data[end]; i++ {
			end++
		}
		for from > literal && at > 0 && target[from-1] == b.data[at-1] {
			from, at = from-1, at-1
		}
		dst = appendCopy(appendLiteral(dst, target[literal:from]), at, end-at)
		if literal = i; len(dst) > limit {
			return nil
		}
	}
	if dst = appendLiteral(dst, target[literal:]); len(dst) > limit {
		return nil
	}
	return dst
}

// appendLiteral appends instructions that insert bytes, at most 127 with each.
func appendLiteral(dst, literal []byte) []byte {
	for len(literal) > 0 {
		n := min(len(literal), 127)
		dst = append(append(dst, byte(n)), literal[:n]...)
		literal = literal[n:]
	}
	return dst
}

// appendCopy appends instructions that copy bytes of the base, at most 64 KiB with each. Of a number, only the bytes
// that are not zero are written; the bits of the first byte say which they are.
func appendCopy(dst []byte, at, n int) []byte {
	for n > 0 {
		size := min(n, 1<<16)
		op := len(dst)
		dst = append(dst, 0x80)
		for i, v := range []byte{
			byte(at), byte(at >> 8), byte(at >> 16), byte(at >> 24), byte(size), byte(size >> 8), // 64 KiB are written as 0
		} {
			if v != 0 {
				dst[op] |= 1 << i
				dst = append(dst, v)
			}
		}
		at, n = at+size, n-size
	}
	return dst
}
