package format

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"math"
)

// The canonical encoding of rows, over which RowDigest is a SHA-256. Each field is a tag and its content; numbers are
// little-endian. A column that is null adds nothing, so that a later version can add columns.
const (
	tagKey   = 'k' // 4 bytes of length, UTF-8; only if the key differs from that of the row before
	tagStep  = 's' // 8 bytes, signed
	tagTime  = 't' // 8 bytes, signed: µs since 1970 UTC
	tagValue = 'v' // 8 bytes, IEEE 754; every NaN is canonicalNaN
	tagText  = 'x' // 4 bytes of length, UTF-8: a value as JSON
	tagLabel = 'l' // 4 bytes of length, UTF-8: the labels of a point as JSON; only if it has some
)

const canonicalNaN = 0x7ff8000000000000

// RowDigest computes the digest of points or values in the order of their file. It does not depend on how the file
// stores them. The zero value is ready to use.
type RowDigest struct {
	hash hash.Hash
	key  string
	some bool
	buf  []byte
}

func (d *RowDigest) startKey(key string) {
	if d.some && d.key == key {
		return
	}
	d.some, d.key = true, key
	d.text(tagKey, key)
}

func (d *RowDigest) place(step, time int64) {
	d.buf = append(d.buf, tagStep)
	d.buf = binary.LittleEndian.AppendUint64(d.buf, uint64(step))
	d.buf = append(d.buf, tagTime)
	d.buf = binary.LittleEndian.AppendUint64(d.buf, uint64(time))
}

// Points adds the next points, which all have the same key.
func (d *RowDigest) Points(key string, points []Point) {
	if len(points) == 0 {
		return
	}
	d.startKey(key)
	for _, p := range points {
		d.place(p.Step, p.Time)
		bits := math.Float64bits(p.Value)
		if p.Value != p.Value {
			bits = canonicalNaN
		}
		d.buf = append(d.buf, tagValue)
		d.buf = binary.LittleEndian.AppendUint64(d.buf, bits)
		if p.Labels != (Labels{}) {
			d.text(tagLabel, p.Labels.String())
		}
		d.flush(16 << 10)
	}
}

// Value adds the next value.
func (d *RowDigest) Value(key string, v Value) {
	d.startKey(key)
	d.place(v.Step, v.Time)
	d.text(tagText, v.JSON)
	d.flush(16 << 10)
}

func (d *RowDigest) text(tag byte, text string) {
	d.buf = append(d.buf, tag)
	d.buf = binary.LittleEndian.AppendUint32(d.buf, uint32(len(text)))
	d.buf = append(d.buf, text...)
}

func (d *RowDigest) flush(above int) {
	if len(d.buf) < above {
		return
	}
	if d.hash == nil {
		d.hash = sha256.New()
	}
	_, _ = d.hash.Write(d.buf)
	d.buf = d.buf[:0]
}

// Sum returns the digest of the rows added so far, in hex.
func (d *RowDigest) Sum() string {
	d.flush(0)
	return hex.EncodeToString(d.hash.Sum(nil))
}
