package tensorboard

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/gitruns/runs/repo/importer"
)

// tensor is a TensorProto. Its slices share the memory of the record.
type tensor struct {
	dtype   uint64
	shape   []int64
	content []byte // all elements, little-endian, if they are not in a list
	fields  []byte // the message, which has the lists
}

// Element types.
// https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto/types.proto
const (
	typeFloat    = 1
	typeDouble   = 2
	typeInt32    = 3
	typeUint8    = 4
	typeInt16    = 5
	typeInt8     = 6
	typeString   = 7
	typeInt64    = 9
	typeBool     = 10
	typeBfloat16 = 14
	typeUint16   = 17
	typeHalf     = 19
	typeUint32   = 22
	typeUint64   = 23
)

// maxElements bounds a tensor of numbers. A histogram has a few hundred.
const maxElements = 3 * 4096

var errTensor = errors.New("the tensor has an unknown type or shape")

func parseTensor(data []byte, t *tensor) error {
	*t = tensor{fields: data, shape: t.shape[:0]}
	f := importer.FieldsOf(data)
	for f.Next() {
		switch f.Num {
		case 1:
			t.dtype = f.V
		case 2:
			dims := importer.FieldsOf(f.Sub)
			for dims.Next() {
				if dims.Num != 2 || len(t.shape) >= 8 {
					continue
				}
				size := int64(0)
				dim := importer.FieldsOf(dims.Sub)
				for dim.Next() {
					if dim.Num == 1 {
						size = int64(dim.V)
					}
				}
				if dim.Err != nil {
					return dim.Err
				}
				t.shape = append(t.shape, size)
			}
			if dims.Err != nil {
				return dims.Err
			}
		case 4:
			t.content = f.Sub
		}
	}
	return f.Err
}

// width returns the size of an element in content, in bytes, and the field of the list that may hold the elements
// instead. It returns 0 for a type that is not numeric.
func (t *tensor) width() (bytes int, list importer.FieldNumber) {
	switch t.dtype {
	case typeFloat:
		return 4, 5
	case typeDouble:
		return 8, 6
	case typeInt32:
		return 4, 7
	case typeInt16, typeUint16:
		return 2, 7
	case typeUint8, typeInt8:
		return 1, 7
	case typeInt64:
		return 8, 10
	case typeBool:
		return 1, 11
	case typeBfloat16, typeHalf:
		return 2, 13
	case typeUint32:
		return 4, 16
	case typeUint64:
		return 8, 17
	}
	return 0, 0
}

// numbers returns the elements, at most maxElements.
func (t *tensor) numbers(to []float64) ([]float64, error) {
	width, list := t.width()
	if width == 0 {
		return nil, errTensor
	}
	if len(t.content) > 0 {
		for b := t.content; len(b) >= width && len(to) < maxElements; b = b[width:] {
			var word [8]byte
			copy(word[:], b[:width])
			to = append(to, t.number(binary.LittleEndian.Uint64(word[:])))
		}
		return to, nil
	}
	f := importer.FieldsOf(t.fields)
	for f.Next() {
		if f.Num != list {
			continue
		}
		if f.Sub == nil {
			if len(to) < maxElements {
				to = append(to, t.number(f.V))
			}
			continue
		}
		for packed := f.Sub; len(packed) > 0 && len(to) < maxElements; {
			bits, n := t.consume(packed)
			if n < 0 {
				return nil, importer.ErrMessage
			}
			to, packed = append(to, t.number(bits)), packed[n:]
		}
	}
	// A writer may omit elements at the end that equal the last one, or all elements if they are 0.
	if n := t.count(); n > int64(len(to)) && n <= maxElements {
		last := 0.0
		if len(to) > 0 {
			last = to[len(to)-1]
		}
		for int64(len(to)) < n {
			to = append(to, last)
		}
	}
	return to, f.Err
}

// consume returns the bits of the first number in a packed list and how many bytes the number takes. That count is
// negative if the number is malformed.
func (t *tensor) consume(packed []byte) (bits uint64, n int) {
	switch t.dtype {
	case typeFloat:
		single, n := importer.ConsumeFixed32(packed)
		return uint64(single), n
	case typeDouble:
		return importer.ConsumeFixed64(packed)
	}
	return importer.ConsumeVarint(packed)
}

// count returns the number of elements that the shape implies, or -1 if it is out of bounds.
func (t *tensor) count() int64 {
	n := int64(1)
	for _, size := range t.shape {
		if size < 0 || size > maxElements {
			return -1
		}
		if n *= size; n > maxElements {
			return -1
		}
	}
	return n
}

// number converts the bits of an element to its value.
func (t *tensor) number(bits uint64) float64 {
	switch t.dtype {
	case typeFloat:
		return float64(math.Float32frombits(uint32(bits)))
	case typeDouble:
		return math.Float64frombits(bits)
	case typeInt32:
		return float64(int32(bits))
	case typeInt16:
		return float64(int16(bits))
	case typeInt8:
		return float64(int8(bits))
	case typeInt64:
		return float64(int64(bits))
	case typeBool:
		if bits != 0 {
			return 1
		}
		return 0
	case typeBfloat16:
		return float64(math.Float32frombits(uint32(bits) << 16))
	case typeHalf:
		return half(uint16(bits))
	}
	return float64(bits)
}

// half returns the value of an IEEE 754 binary16 number.
func half(bits uint16) float64 {
	sign := 1.0
	if bits>>15 != 0 {
		sign = -1
	}
	exponent, fraction := int(bits>>10&0x1f), float64(bits&0x3ff)
	switch {
	case exponent == 0:
		return sign * math.Ldexp(fraction, -24)
	case exponent < 31:
		return sign * math.Ldexp(1024+fraction, exponent-25)
	case fraction != 0:
		return math.NaN()
	}
	return math.Inf(int(sign))
}

// texts returns the first elements of a tensor of strings. The parameter most limits their number.
func (t *tensor) texts(most int) ([][]byte, error) {
	if t.dtype != typeString {
		return nil, errTensor
	}
	var texts [][]byte
	f := importer.FieldsOf(t.fields)
	for f.Next() {
		if f.Num == 8 && len(texts) < most {
			texts = append(texts, f.Sub)
		}
	}
	return texts, f.Err
}
