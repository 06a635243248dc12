// Package parquet reads the Parquet files of a repository of runs: flat columns of 64-bit integers, doubles, booleans
// and texts, which are uncompressed or compressed with zstd or, on demand, Snappy. It also names the columns of any
// other Parquet file.
//
// A file may come from anyone, and its counts may be false. Therefore no memory is allocated, and no loop is run, by a
// count that was not compared with the bytes of the file first: see Limits. It imports no other package of the project.
// Start reading in file.go; footer.go, index.go and page.go read the structures of a file, and plain.go, rle.go and
// delta.go its values.
package parquet

import (
	"errors"
	"fmt"
	"io"
)

// Limits bounds what is read of a file.
type Limits struct {
	Rows int64 // of all row groups
	// FreeRows and RowsPerByte bound the rows by the size of the file: at most FreeRows, and RowsPerByte more for each
	// byte. Runs of equal values need no bytes, so that a few bytes can claim any number of rows.
	FreeRows, RowsPerByte int64
	Page                  int64 // bytes of one page, decompressed
	Text                  int64 // bytes of one text
	// FreeText and TextPerByte bound the bytes of all pages of texts, decompressed, by the size of the file.
	FreeText, TextPerByte int64
	// Snappy allows columns that are compressed with Snappy, as most programs write them. The project's own files have
	// none.
	Snappy bool
}

// File is an open Parquet file. It is not safe for concurrent use.
type File struct {
	Rows    int64
	Columns []Column // of the first level
	Groups  []Group

	r      io.ReaderAt
	size   int64 // of the pages and indexes: where the footer begins
	limits Limits
	text   int64 // bytes of pages of texts that may still be decompressed
}

// Open reads the footer of a file of size bytes. It refuses a footer that contradicts itself or the size of the file,
// and a file that exceeds a limit.
func Open(r io.ReaderAt, size int64, limits Limits) (*File, error) {
	footer, begin, err := readFooter(r, size)
	if err != nil {
		return nil, err
	}
	f := &File{r: r, size: begin, limits: limits, text: limits.FreeText + size*limits.TextPerByte}
	if err := f.parseFooter(footer, false); err != nil {
		return nil, err
	}
	if most := min(limits.Rows, limits.FreeRows+size*limits.RowsPerByte); f.Rows > most {
		return nil, fmt.Errorf("it has %d rows, and of a file of %d bytes at most %d are read", f.Rows, size, most)
	}
	rows := int64(0)
	for _, g := range f.Groups {
		if g.Rows > f.Rows-rows {
			return nil, errors.New("its row groups have more rows than the file")
		}
		rows += g.Rows
	}
	if rows != f.Rows {
		return nil, errors.New("its row groups have fewer rows than the file")
	}
	return f, nil
}

// Shape returns the number of rows and the names of the columns of any Parquet file of size bytes.
func Shape(r io.ReaderAt, size int64) (rows int64, columns []string, err error) {
	footer, _, err := readFooter(r, size)
	if err != nil {
		return 0, nil, err
	}
	f := &File{}
	if err := f.parseFooter(footer, true); err != nil {
		return 0, nil, err
	}
	for _, c := range f.Columns {
		columns = append(columns, c.Name)
	}
	return f.Rows, columns, nil
}

// Column returns the index in Columns of the column with a name, or -1.
func (f *File) Column(name string) int {
	for i, c := range f.Columns {
		if c.Name == name {
			return i
		}
	}
	return -1
}

var codecs = map[int32]string{
	1: "SNAPPY", 2: "GZIP", 3: "LZO", 4: "BROTLI", 5: "LZ4", 7: "LZ4_RAW",
}

const (
	uncompressed = 0
	compressed   = 6 // zstd
	snappyCodec  = 1
)

// Use checks that a column can be read in all row groups: that its type and codec are supported, and that its pages
// and indexes are in the file. It must be called before the column is read.
func (f *File) Use(column int) error {
	c := f.Columns[column]
	if c.leaf < 0 || c.Type != Boolean && c.Type != Int64 && c.Type != Double && c.Type != ByteArray {
		return fmt.Errorf("the column %.100q has the type %s, which is not supported", c.Name, c.Type)
	}
	// Each byte belongs to one chunk or index. Otherwise a small file could make its reader work without end.
	left := f.size
	for i := range f.Groups {
		g := &f.Groups[i]
		at := &g.chunks[c.leaf]
		switch {
		case at.apart:
			return fmt.Errorf("the column %.100q is encrypted or in another file", c.Name)
		case at.codec != uncompressed && at.codec != compressed && (at.codec != snappyCodec || !f.limits.Snappy):
			name, ok := codecs[at.codec]
			if !ok {
				name = fmt.Sprintf("codec %d", at.codec)
			}
			return fmt.Errorf("a column is compressed with %s; only %s supported", name, f.supported())
		case at.kind != c.Type || at.values != g.Rows:
			return fmt.Errorf("a row group has another type or number of values of %.100q than the file", c.Name)
		case !f.inside(at.begin, at.end-at.begin) ||
			at.offsetIndex != 0 && !f.inside(at.offsetIndex, int64(at.offsetLength)) ||
			at.columnIndex != 0 && !f.inside(at.columnIndex, int64(at.columnLength)):
			return errPlace
		}
		left -= at.end - at.begin
		if at.offsetIndex != 0 {
			left -= int64(at.offsetLength)
		}
		if at.columnIndex != 0 {
			left -= int64(at.columnLength)
		}
		if left < 0 {
			return errPlace
		}
	}
	return nil
}

// supported names the supported compression, with its verb.
func (f *File) supported() string {
	if f.limits.Snappy {
		return "zstd and Snappy are"
	}
	return "zstd is"
}

var errPlace = errors.New("its pages are not where the footer says")

// inside reports whether a range is between the magic and the footer.
func (f *File) inside(at, length int64) bool {
	return length >= 0 && at >= int64(len(magic)) && at <= f.size && length <= f.size-at
}
