package parquet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// Bytes of the header of a page.
const (
	usualHeader = 256
	maxHeader   = 128 << 10 // with the smallest and the largest value, in two forms each
)

// Types of pages.
const (
	dataPage       = 0
	indexPage      = 1
	dictionaryPage = 2
	dataPageV2     = 3
)

// Encodings of the values of a page.
const (
	plain            = 0
	plainDictionary  = 2 // an older name of rleDictionary
	levelRLE         = 3
	deltaPacked      = 5
	deltaLengthBytes = 6
	deltaBytes       = 7
	rleDictionary    = 8
	streamSplit      = 9
)

var errHeader = errors.New("a page has no valid header")

// pageHeader is the header of a page.
type pageHeader struct {
	kind       int32
	raw, bytes int64 // decompressed, and in the file; with levels
	checksum   uint32
	checked    bool // it has a checksum
	values     int64
	encoding   int32
	levels     [2]int64 // bytes of the repetition and definition levels before the values of a page of version 2
	levelKind  int32    // encoding of the definition levels of a page of version 1
	packed     bool     // the values are compressed
	length     int64    // of the header itself
}

// parseHeader reads the header at the beginning of b.
func parseHeader(b []byte) (h pageHeader, err error) {
	t := &thrift{b: b}
	h = pageHeader{kind: -1, raw: -1, bytes: -1, values: -1, packed: true, levelKind: levelRLE}
	t.structure(func(at field) bool {
		switch at {
		case field{1, kindI32}:
			h.kind = t.i32()
		case field{2, kindI32}:
			h.raw = int64(t.i32())
		case field{3, kindI32}:
			h.bytes = int64(t.i32())
		case field{4, kindI32}:
			h.checksum, h.checked = uint32(t.i32()), true
		case field{5, kindStruct}, field{7, kindStruct}:
			h.parseData(t)
		case field{8, kindStruct}:
			h.parseDataV2(t)
		default:
			return false
		}
		return true
	})
	h.length = int64(t.at)
	if t.err != nil {
		return h, t.err
	}
	if h.kind != indexPage && (h.raw < 0 || h.bytes < 0 || h.values < 0 || h.levels[0] < 0 || h.levels[1] < 0 ||
		h.levels[0]+h.levels[1] > min(h.raw, h.bytes)) {
		return h, errHeader
	}
	return h, nil
}

// parseData reads the header of a data page of version 1, or of a dictionary.
func (h *pageHeader) parseData(t *thrift) {
	t.structure(func(at field) bool {
		switch at {
		case field{1, kindI32}:
			h.values = int64(t.i32())
		case field{2, kindI32}:
			h.encoding = t.i32()
		case field{3, kindI32}:
			h.levelKind = t.i32()
		default:
			return false
		}
		return true
	})
}

func (h *pageHeader) parseDataV2(t *thrift) {
	t.structure(func(at field) bool {
		switch at {
		case field{1, kindI32}:
			h.values = int64(t.i32())
		case field{4, kindI32}:
			h.encoding = t.i32()
		case field{5, kindI32}:
			h.levels[1] = int64(t.i32())
		case field{6, kindI32}:
			h.levels[0] = int64(t.i32())
		case field{7, kindTrue}, field{7, kindFalse}:
			h.packed = at.kind == kindTrue
		default:
			return false
		}
		return true
	})
}

// header reads the header of the page at an offset.
func (r *Reader) header(at int64) (h pageHeader, err error) {
	for _, n := range []int64{usualHeader, maxHeader} {
		n = min(n, r.chunk.end-at)
		if n <= 0 {
			return h, errPlace
		}
		if int64(cap(r.head)) < n {
			r.head = make([]byte, n)
		}
		r.head = r.head[:n]
		if got, err := r.file.r.ReadAt(r.head, at); got < len(r.head) {
			return h, noEOF(err)
		}
		if h, err = parseHeader(r.head); !errors.Is(err, errTorn) || n < usualHeader {
			break
		}
	}
	if err != nil {
		return h, fmt.Errorf("%w: %w", errHeader, err)
	}
	if h.bytes > r.chunk.end-at-h.length {
		return h, errPlace
	}
	return h, r.checkSize(h)
}

// slack is the room of a page for what is not proportional to its values: a block of deltas, and the levels.
const slack = 64 << 10

// checkSize refuses a page that is larger than its values need. A few bytes of zstd decompress to any number of zeros.
func (r *Reader) checkSize(h pageHeader) error {
	switch {
	case h.kind == indexPage:
		return nil
	case h.raw > r.file.limits.Page:
		return fmt.Errorf("a page has %d bytes, and at most %d are read", h.raw, r.file.limits.Page)
	case h.values > r.rows:
		return fmt.Errorf("a page has %d values, and its row group %d rows", h.values, r.rows)
	}
	each := int64(16)
	if r.column.Type == ByteArray {
		each = r.file.limits.Text + 16
	}
	if h.raw > h.values*each+slack || h.bytes > h.raw+slack {
		return fmt.Errorf("a page of %d values has %d bytes, compressed to %d", h.values, h.raw, h.bytes)
	}
	return nil
}

// decoders decompress pages. They are created when they are first needed, because most commands read no page.
var decoders = sync.Pool{New: func() any {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return err
	}
	return d
}}

var (
	errZstd     = errors.New("a page is not valid zstd")
	errPageSize = errors.New("a page decompresses to another number of bytes than its header says")
)

// decompress decompresses b to exactly n bytes in the memory of into, which grows if it is too small.
func decompress(into, b []byte, n int64) ([]byte, error) {
	if int64(cap(into)) < n {
		into = make([]byte, 0, n)
	}
	d, ok := decoders.Get().(*zstd.Decoder)
	if !ok {
		return nil, errZstd
	}
	defer decoders.Put(d)
	// The decoder writes no more than the capacity.
	out, err := d.DecodeAll(b, into[:0:n])
	switch {
	case errors.Is(err, zstd.ErrDecoderSizeExceeded), err == nil && int64(len(out)) != n:
		return nil, errPageSize
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errZstd, err)
	}
	return out, nil
}

// decompressSnappy is decompress for Snappy, which begins with the number of bytes.
func decompressSnappy(into, b []byte, n int64) ([]byte, error) {
	if length, err := s2.DecodedLen(b); err != nil || int64(length) != n {
		return nil, errPageSize
	}
	if int64(cap(into)) < n {
		into = make([]byte, 0, n)
	}
	out, err := s2.Decode(into[:n], b)
	if err != nil {
		return nil, fmt.Errorf("a page is not valid Snappy: %w", err)
	}
	return out, nil
}

// load reads the page whose header is at an offset. The levels of version 2 and the values are valid until the next
// call.
func (r *Reader) load(at int64, h pageHeader) (levels, values []byte, err error) {
	if r.column.Type == ByteArray && at >= r.chunk.counted {
		r.chunk.counted = at + h.length + h.bytes
		if r.file.text -= h.raw; r.file.text < 0 {
			return nil, nil, errors.New("its pages have more text than the size of the file allows")
		}
	}
	if int64(cap(r.packed)) < h.bytes {
		r.packed = make([]byte, h.bytes)
	}
	b := r.packed[:h.bytes]
	if n, err := r.file.r.ReadAt(b, at+h.length); n < len(b) {
		return nil, nil, noEOF(err)
	}
	if h.checked && crc32.ChecksumIEEE(b) != h.checksum {
		return nil, nil, errors.New("the checksum of a page differs")
	}
	all := h.levels[0] + h.levels[1]
	levels, b = b[h.levels[0]:all], b[all:]
	raw := h.raw - all
	if r.chunk.codec == uncompressed || !h.packed {
		if int64(len(b)) != raw {
			return nil, nil, errPageSize
		}
		return levels, b, nil
	}
	if raw == 0 && len(b) == 0 {
		return levels, nil, nil
	}
	if r.chunk.codec == snappyCodec {
		r.raw, err = decompressSnappy(r.raw, b, raw)
	} else {
		r.raw, err = decompress(r.raw, b, raw)
	}
	if err != nil {
		return nil, nil, err
	}
	return levels, r.raw, nil
}

// loadDictionary reads the dictionary at the beginning of the chunk, if there is one.
func (r *Reader) loadDictionary() error {
	if r.dictionary.loaded {
		return nil
	}
	h, err := r.header(r.chunk.begin)
	if err != nil {
		return err
	}
	if h.kind != dictionaryPage || h.encoding != plain && h.encoding != plainDictionary {
		return errors.New("a page has no dictionary")
	}
	_, b, err := r.load(r.chunk.begin, h)
	if err != nil {
		return err
	}
	return r.dictionary.set(r.column.Type, bytes.Clone(b), h.values)
}

// splitLevels cuts the definition levels, which begin with their length, from a page of version 1.
func splitLevels(b []byte) (levels, values []byte, err error) {
	if len(b) < 4 {
		return nil, nil, errTorn
	}
	n := binary.LittleEndian.Uint32(b)
	if uint64(n) > uint64(len(b)-4) {
		return nil, nil, errTorn
	}
	return b[4 : 4+n], b[4+n:], nil
}
