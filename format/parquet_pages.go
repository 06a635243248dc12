package format

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	pf "github.com/parquet-go/parquet-go/format"
)

// Sizes in a column of a Parquet file, in bytes.
const (
	usualPageHeader = 256
	maxPageHeader   = 128 << 10 // with the smallest and the largest value, in two forms each
	maxZstdBlock    = 128 << 10 // of a zstd block, decompressed
	unsizedSlack    = 1 << 20   // for the blocks of a zstd frame without a size
)

var errPages = errors.New("its pages are not where the footer says")

// checkCodecs refuses any compression but zstd. Columns may also be uncompressed. A column must have the same codec in
// all row groups, because the reader uses the codec of the first group for all of them.
func checkCodecs(f *parquet.File) error {
	groups := f.Metadata().RowGroups
	for _, group := range groups {
		if len(group.Columns) != len(groups[0].Columns) {
			return errors.New("its row groups have different columns")
		}
		for i, c := range group.Columns {
			switch codec := c.MetaData.Codec; {
			case codec != pf.Zstd && codec != pf.Uncompressed:
				return fmt.Errorf("a column is compressed with %s; only zstd is supported", codec)
			case codec != groups[0].Columns[i].MetaData.Codec:
				return errors.New("a column has two codecs")
			}
		}
	}
	return nil
}

// checkPages refuses a column of a row group if a page decompresses to more bytes than its header says. The decoder
// trusts the blocks of zstd, and four bytes of a block can decompress to 128 KiB.
func checkPages(f *parquet.File, r io.ReaderAt, chunk parquet.ColumnChunk) error {
	c, ok := chunk.(*parquet.FileColumnChunk)
	if !ok {
		return errPages
	}
	index, err := c.OffsetIndex()
	if err != nil && (!errors.Is(err, parquet.ErrMissingOffsetIndex) || len(f.OffsetIndexes()) > 0) {
		return errPages
	}
	meta, err := chunkMetadata(f, c)
	if err != nil {
		return err
	}
	at := meta.DataPageOffset
	if meta.DictionaryPageOffset != 0 {
		at = meta.DictionaryPageOffset
	}
	end := at + meta.TotalCompressedSize
	if at < 0 || meta.TotalCompressedSize < 0 || end < at || end > f.Size() {
		return errPages
	}
	// The reader starts at these offsets, in any order. A page must begin at each of them.
	begins := []int64{meta.DataPageOffset}
	if index != nil {
		for i := range index.NumPages() {
			begins = append(begins, index.Offset(i))
		}
	}
	slices.Sort(begins)
	w := pageWalk{r: r, at: at, end: end, compressed: meta.Codec == pf.Zstd}
	for w.at < end {
		for len(begins) > 0 && begins[0] == w.at {
			begins = begins[1:]
		}
		if len(begins) > 0 && begins[0] < w.at {
			return errPages
		}
		if err := w.page(); err != nil {
			return err
		}
	}
	for len(begins) > 0 && begins[0] == end { // an offset after the last page is harmless
		begins = begins[1:]
	}
	if len(begins) > 0 {
		return errPages
	}
	return nil
}

// chunkMetadata returns the metadata that the reader uses for a chunk.
func chunkMetadata(f *parquet.File, c *parquet.FileColumnChunk) (*pf.ColumnMetaData, error) {
	for i, group := range f.RowGroups() {
		for j, other := range group.ColumnChunks() {
			if other == parquet.ColumnChunk(c) {
				return &f.Metadata().RowGroups[i].Columns[j].MetaData, nil
			}
		}
	}
	return nil, errPages
}

// pageWalk visits the pages of a column. It finds them by their headers.
type pageWalk struct {
	r          io.ReaderAt
	at, end    int64
	compressed bool
	buffer     []byte // what was read last
	from       int64  // offset of buffer
}

// peek returns n bytes at an offset, or fewer at the end.
func (w *pageWalk) peek(offset int64, n int) ([]byte, error) {
	n = int(min(int64(n), w.end-offset))
	if n < 0 {
		return nil, errPages
	}
	if i := offset - w.from; i >= 0 && i+int64(n) <= int64(len(w.buffer)) {
		return w.buffer[i : i+int64(n)], nil
	}
	if cap(w.buffer) < max(n, usualPageHeader) {
		w.buffer = make([]byte, max(n, usualPageHeader))
	}
	w.from, w.buffer = offset, w.buffer[:min(int64(max(n, usualPageHeader)), w.end-offset)]
	if read, err := w.r.ReadAt(w.buffer, offset); read < len(w.buffer) {
		w.buffer = w.buffer[:0]
		return nil, noEOF(err)
	}
	return w.buffer[:n], nil
}

// page checks the page at w.at and moves w.at to the next one.
func (w *pageWalk) page() error {
	var protocol thrift.CompactProtocol
	var header pf.PageHeader
	var length int
	for _, n := range []int{usualPageHeader, maxPageHeader} {
		b, err := w.peek(w.at, n)
		if err != nil {
			return err
		}
		header = pf.PageHeader{}
		reader := protocol.NewReaderFromBytes(b)
		if err = thrift.NewDecoder(reader).Decode(&header); err == nil {
			length = reader.BytesRead()
			break
		}
		if n == maxPageHeader {
			return fmt.Errorf("a page has no valid header: %w", err)
		}
	}
	data, size := w.at+int64(length), int64(header.UncompressedPageSize)
	end := data + int64(header.CompressedPageSize)
	if length <= 0 || header.CompressedPageSize < 0 || end > w.end {
		return errPages
	}
	if size < 0 || size > maxPageBytes {
		return fmt.Errorf("a page has %d bytes, and at most %d are read", size, maxPageBytes)
	}
	compressed := w.compressed
	if header.Type == pf.DataPageV2 {
		v2 := header.DataPageHeaderV2.V
		if v2.RepetitionLevelsByteLength < 0 || v2.DefinitionLevelsByteLength < 0 {
			return errPages
		}
		data += int64(v2.RepetitionLevelsByteLength) + int64(v2.DefinitionLevelsByteLength)
		compressed = compressed && (!v2.IsCompressed.Valid || v2.IsCompressed.V)
	}
	if compressed {
		if err := w.frames(data, end, size); err != nil {
			return err
		}
	}
	w.at = end
	return nil
}

var (
	errZstd     = errors.New("a page is not valid zstd")
	errPageSize = errors.New("a page decompresses to more bytes than its header says")
)

// frames checks that the zstd frames of a page decompress to at most size bytes.
func (w *pageWalk) frames(at, end, size int64) error {
	var exact, most int64 // of all frames: the bytes that are certain, and those that compressed blocks may add
	for at < end {
		b, err := w.peek(at, int(min(end-at, 18))) // the longest header
		if err != nil {
			return err
		}
		if len(b) >= 8 && b[0]&0xf0 == 0x50 && b[1] == 0x2a && b[2] == 0x4d && b[3] == 0x18 { // a frame that is skipped
			at += 8 + int64(binary.LittleEndian.Uint32(b[4:]))
			continue
		}
		length, content, checksum, ok := zstdHeader(b)
		if !ok {
			return errZstd
		}
		at += int64(length)
		// The decoder stops at the size of a frame, if the frame has one.
		sized := content != unknownSize
		if sized {
			if content > uint64(size-exact) {
				return errPageSize
			}
			exact += int64(content)
		}
		for last := false; !last; {
			b, err := w.peek(at, 3)
			if err != nil {
				return err
			}
			if len(b) < 3 || at+3 > end {
				return errZstd
			}
			v := int64(b[0]) | int64(b[1])<<8 | int64(b[2])<<16
			last = v&1 != 0
			at += 3
			n, certain, more := v>>3, int64(0), int64(0)
			switch v >> 1 & 3 {
			case 0: // raw
				certain = n
				at += n
			case 1: // one byte repeated
				certain = n
				at++
			case 2:
				more = maxZstdBlock
				at += n
			default:
				return errZstd
			}
			if sized {
				continue
			}
			exact, most = exact+certain, most+more
			if exact > size || exact+most > 2*size+unsizedSlack {
				return errPageSize
			}
		}
		if checksum {
			at += 4
		}
	}
	if at != end {
		return errZstd
	}
	return nil
}

const unknownSize = ^uint64(0)

// zstdHeader reads the header of a frame. It returns the length of the header, the decompressed size of the frame, and
// whether the frame ends with a checksum.
func zstdHeader(b []byte) (length int, content uint64, checksum, ok bool) {
	if len(b) < 6 || binary.LittleEndian.Uint32(b) != 0xfd2fb528 {
		return 0, 0, false, false
	}
	descriptor := b[4]
	single := descriptor&(1<<5) != 0
	length = 5
	if !single {
		length++ // the window
	}
	length += []int{0, 1, 2, 4}[descriptor&3] // the dictionary
	n := []int{0, 2, 4, 8}[descriptor>>6]
	if n == 0 && single {
		n = 1
	}
	if len(b) < length+n {
		return 0, 0, false, false
	}
	field := b[length:]
	switch content = unknownSize; n {
	case 1:
		content = uint64(field[0])
	case 2:
		content = uint64(binary.LittleEndian.Uint16(field)) + 256
	case 4:
		content = uint64(binary.LittleEndian.Uint32(field))
	case 8:
		content = binary.LittleEndian.Uint64(field)
	}
	return length + n, content, descriptor&(1<<2) != 0, true
}
