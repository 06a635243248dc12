package parquet

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// Sizes of DELTA_BINARY_PACKED. These are the ones that all writers use.
const (
	deltaBlock = 128
	deltaParts = 4
	deltaPart  = deltaBlock / deltaParts
)

// appendDelta appends numbers as DELTA_BINARY_PACKED.
func appendDelta(b []byte, v []int64) []byte {
	b = binary.AppendUvarint(b, deltaBlock)
	b = binary.AppendUvarint(b, deltaParts)
	b = binary.AppendUvarint(b, uint64(len(v)))
	if len(v) == 0 {
		return binary.AppendVarint(b, 0)
	}
	b = binary.AppendVarint(b, v[0])
	var block [deltaBlock]uint64
	for at := 1; at < len(v); at += deltaBlock {
		n := min(deltaBlock, len(v)-at)
		least := v[at] - v[at-1] // differences wrap around
		for i := range n {
			least = min(least, v[at+i]-v[at+i-1])
		}
		clear(block[:])
		for i := range n {
			block[i] = uint64(v[at+i]-v[at+i-1]) - uint64(least)
		}
		b = appendDeltaBlock(binary.AppendVarint(b, least), &block, n)
	}
	return b
}

// appendDeltaBlock appends the widths of the parts of a block and the n numbers in it. A part without numbers has the
// width 0 and no bytes.
func appendDeltaBlock(b []byte, block *[deltaBlock]uint64, n int) []byte {
	var widths [deltaParts]uint
	for part := range widths {
		all := uint64(0)
		for _, x := range block[part*deltaPart : (part+1)*deltaPart] {
			all |= x
		}
		widths[part] = uint(bits.Len64(all))
		b = append(b, byte(widths[part]))
	}
	for part, width := range widths {
		if part*deltaPart < n {
			b = appendPacked(b, block[part*deltaPart:(part+1)*deltaPart], width)
		}
	}
	return b
}

// appendPacked appends the lowest bits of numbers, each after the other, beginning with the lowest bit of a byte. The
// last byte is filled with zeros.
func appendPacked(b []byte, v []uint64, width uint) []byte {
	held, n := uint64(0), uint(0)
	for _, x := range v {
		held |= x << n
		if n+width < 64 {
			n += width
		} else {
			b = binary.LittleEndian.AppendUint64(b, held)
			held = 0
			if n > 0 {
				held = x >> (64 - n)
			}
			n = n + width - 64
		}
	}
	for ; n > 0; n -= min(n, 8) {
		b = append(b, byte(held))
		held >>= 8
	}
	return b
}

// appendPlain appends numbers as PLAIN.
func appendPlain(b []byte, v []uint64) []byte {
	for _, x := range v {
		b = binary.LittleEndian.AppendUint64(b, x)
	}
	return b
}

// appendSplit appends numbers as BYTE_STREAM_SPLIT: first the lowest byte of each, and last the highest.
func appendSplit(b []byte, v []uint64) []byte {
	from := len(b)
	b = append(b, make([]byte, 8*len(v))...)
	for k := range 8 {
		stream := b[from+k*len(v):][:len(v)]
		for i, x := range v {
			stream[i] = byte(x >> (8 * k))
		}
	}
	return b
}

// appendText appends a text as PLAIN.
func appendText(b []byte, text string) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(text)))
	return append(b, text...)
}

// runLength is how many equal numbers make a run. Fewer are packed.
const runLength = 8

// hybrid appends numbers as the hybrid of runs and bit-packed numbers, as they come.
type hybrid struct {
	b       []byte
	width   uint
	value   uint64 // of the last numbers
	repeats int    // how many of the last numbers are equal and not written
	packed  []uint64
}

// add appends a number n times.
func (h *hybrid) add(value uint64, n int) {
	if n == 0 {
		return
	}
	if value == h.value || h.repeats == 0 {
		h.value = value
		h.repeats += n
		return
	}
	h.settle()
	h.value, h.repeats = value, n
}

// settle writes the last numbers: as a run, or behind the packed ones, which come in groups of eight.
func (h *hybrid) settle() {
	for h.repeats > 0 && (len(h.packed)%8 != 0 || h.repeats < runLength) {
		h.packed = append(h.packed, h.value)
		h.repeats--
	}
	if h.repeats == 0 {
		return
	}
	h.pack()
	h.b = binary.AppendUvarint(h.b, uint64(h.repeats)<<1)
	for k := uint(0); k < h.width; k += 8 {
		h.b = append(h.b, byte(h.value>>k))
	}
	h.repeats = 0
}

// pack writes the packed numbers. Those that fill the last group are not read.
func (h *hybrid) pack() {
	if len(h.packed) == 0 {
		return
	}
	for len(h.packed)%8 != 0 {
		h.packed = append(h.packed, 0)
	}
	h.b = binary.AppendUvarint(h.b, uint64(len(h.packed)/8)<<1|1)
	h.b = appendPacked(h.b, h.packed, h.width)
	h.packed = h.packed[:0]
}

// end returns all that was written.
func (h *hybrid) end() []byte {
	h.settle()
	h.pack()
	return h.b
}

// indexWidth is the number of bits of an index into a dictionary. Some readers do not take the width 0.
func indexWidth(entries int) uint { return max(1, uint(bits.Len(uint(entries-1)))) }

func floatBits(v []float64) []uint64 {
	n := make([]uint64, len(v))
	for i, f := range v {
		n[i] = math.Float64bits(f)
	}
	return n
}

func intBits(v []int64) []uint64 {
	n := make([]uint64, len(v))
	for i, x := range v {
		n[i] = uint64(x)
	}
	return n
}
