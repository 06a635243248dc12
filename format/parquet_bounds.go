package format

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

const (
	maxFooterBytes = 64 << 20
	maxColumnBytes = 1 << 34 // uncompressed, in a row group
)

// checkFooter checks the size of the metadata of a Parquet file before the reader allocates memory for it.
func checkFooter(r io.ReaderAt, size int64) error {
	const tail = 8 // length and magic
	if size < 3*4 {
		return fmt.Errorf("%d bytes are too few for a Parquet file", size)
	}
	var b [tail]byte
	if _, err := r.ReadAt(b[:], size-tail); err != nil {
		return err
	}
	length := int64(binary.LittleEndian.Uint32(b[:4]))
	if string(b[4:]) != "PAR1" || length > size-tail || length > maxFooterBytes {
		return errors.New("it has no Parquet footer")
	}
	return nil
}

// checkSizes refuses sizes that are impossible in a file of size bytes, and codecs whose output is not bounded.
func checkSizes(f *parquet.File, size, maxRows int64) error {
	if err := checkCodecs(f); err != nil {
		return err
	}
	rows := f.NumRows()
	if rows < 0 || rows > maxRows {
		return fmt.Errorf("it has %d rows, and at most %d are read", rows, maxRows)
	}
	for _, group := range f.Metadata().RowGroups {
		for _, c := range group.Columns {
			meta := c.MetaData
			if meta.TotalCompressedSize < 0 || meta.TotalCompressedSize > size || meta.NumValues < 0 || meta.NumValues > rows ||
				meta.TotalUncompressedSize < 0 || meta.TotalUncompressedSize > maxColumnBytes {
				return errors.New("the sizes of its columns are not possible")
			}
		}
	}
	return nil
}

// openBounded opens a Parquet file in memory. It refuses one with more than maxRows rows or with impossible sizes.
func openBounded(data []byte, maxRows int64) (*parquet.File, error) {
	size := int64(len(data))
	if err := checkFooter(bytes.NewReader(data), size); err != nil {
		return nil, err
	}
	r := bytes.NewReader(data)
	f, err := parquet.OpenFile(r, size, parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, err
	}
	if err := checkSizes(f, size, maxRows); err != nil {
		return nil, err
	}
	for _, group := range f.RowGroups() {
		for _, chunk := range group.ColumnChunks() {
			if err := checkPages(f, r, chunk); err != nil {
				return nil, err
			}
		}
	}
	return f, nil
}
