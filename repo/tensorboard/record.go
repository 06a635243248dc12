package tensorboard

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// An event file is a sequence of records. A record has the length of its data as uint64, the masked CRC-32C of those
// eight bytes, the data, and the masked CRC-32C of the data. All numbers are little-endian.
// https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
const (
	headerBytes = 12
	footerBytes = 4
)

// maxRecordBytes bounds a record that is held in memory. Longer ones, such as graphs of large models, are skipped.
const maxRecordBytes = 64 << 20

// masked returns the CRC-32C in the form that event files store. It is rotated and a constant is added, so that the
// data may itself contain checksums.
func masked(data []byte) uint32 {
	sum := crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)) // which is made once
	return sum>>15 | sum<<17 + 0xa282ead8
}

// errTorn reports that a file ends within a record, because its writer was stopped or is still writing.
var errTorn = errors.New("the last record is incomplete")

// DamageError reports a place where a file is damaged.
type DamageError struct {
	Offset int64 // of the record, in bytes
	What   string
	Rest   bool // nothing after it can be read
}

func (e *DamageError) Error() string {
	if e.Rest {
		return fmt.Sprintf("at byte %d: %s; skipped the rest of the file", e.Offset, e.What)
	}
	return fmt.Sprintf("at byte %d: %s; skipped the record", e.Offset, e.What)
}

// recordReader reads the records of one event file.
type recordReader struct {
	r      *bufio.Reader
	offset int64 // of the next record
	buf    []byte
	long   int // records that were skipped because of their length
}

func newRecordReader(r io.Reader) *recordReader {
	return &recordReader{r: bufio.NewReaderSize(r, 256<<10)}
}

// next returns the data of the next record, which is valid until the following call. The error is io.EOF at the end,
// errTorn if the file ends within a record, or a *DamageError. After a *DamageError whose Rest is false, the next call
// continues.
func (r *recordReader) next() ([]byte, error) {
	for {
		begin := r.offset
		var header [headerBytes]byte
		switch n, err := io.ReadFull(r.r, header[:]); {
		case errors.Is(err, io.EOF):
			return nil, io.EOF
		case errors.Is(err, io.ErrUnexpectedEOF):
			return nil, errTorn
		case err != nil:
			return nil, fmt.Errorf("at byte %d: %w", begin+int64(n), err)
		}
		if binary.LittleEndian.Uint32(header[8:]) != masked(header[:8]) {
			return nil, &DamageError{Offset: begin, What: "the checksum of a record's length is wrong", Rest: true}
		}
		size := binary.LittleEndian.Uint64(header[:8])
		if size > 1<<40 {
			return nil, &DamageError{Offset: begin, What: fmt.Sprintf("a record claims to have %d bytes", size), Rest: true}
		}
		whole := int64(size) + footerBytes
		r.offset += headerBytes + whole
		if size > maxRecordBytes {
			if err := r.skip(whole); err != nil {
				return nil, err
			}
			r.long++
			continue
		}
		data, err := r.take(int(whole))
		if err != nil {
			return nil, err
		}
		data, sum := data[:size], binary.LittleEndian.Uint32(data[size:])
		if sum != masked(data) {
			return nil, &DamageError{Offset: begin, What: "the checksum of a record is wrong"}
		}
		return data, nil
	}
}

// take reads n bytes. The buffer grows only with the bytes that are read, so a wrong length in the file takes no
// memory.
func (r *recordReader) take(n int) ([]byte, error) {
	const piece = 1 << 20
	r.buf = r.buf[:0]
	for len(r.buf) < n {
		from := len(r.buf)
		to := min(n, from+piece)
		if cap(r.buf) < to {
			grown := make([]byte, from, min(n, max(to, 2*cap(r.buf))))
			copy(grown, r.buf)
			r.buf = grown
		}
		r.buf = r.buf[:to]
		if _, err := io.ReadFull(r.r, r.buf[from:]); err != nil {
			return nil, torn(err)
		}
	}
	return r.buf, nil
}

func (r *recordReader) skip(n int64) error {
	_, err := io.CopyN(io.Discard, r.r, n)
	return torn(err)
}

func torn(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errTorn
	}
	return err
}
