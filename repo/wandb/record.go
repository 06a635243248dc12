package wandb

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// A .wandb file begins with ":W&B", the magic number 0xBEE1 and a version byte. A LevelDB log follows: blocks of 32
// KiB, the first of which includes these seven bytes. A block consists of fragments. Each has the CRC-32 (IEEE) of its
// kind and data, the length as uint16, the kind and the data, all little-endian. A record is one full fragment, or a
// first fragment, any number of middle ones and a last one. If the end of a block is too short for a fragment, it is
// filled with zeros.
// https://github.com/google/leveldb/blob/main/doc/log_format.md
const (
	fileHeader     = ":W&B\xe1\xbe\x00"
	blockBytes     = 32 << 10
	fragmentHeader = 7
)

const (
	kindZero = iota // space that was reserved and not written
	kindFull
	kindFirst
	kindMiddle
	kindLast
)

// maxRecordBytes bounds a record that is held in memory.
const maxRecordBytes = 64 << 20

var (
	errNoLog = errors.New("it is not a W&B log")
	// errTorn reports that a file ends within a record, because its writer was stopped or is still writing.
	errTorn = errors.New("the last record is incomplete")
)

// damageError reports a place where a file is damaged. Reading continues in the next block.
type damageError struct {
	offset int64 // of the fragment, in bytes
	what   string
}

func (e *damageError) Error() string { return fmt.Sprintf("at byte %d: %s", e.offset, e.what) }

// recordReader reads the records of one log.
type recordReader struct {
	r     *bufio.Reader
	at    int64 // of the next byte
	block [blockBytes]byte
	rest  []byte // of the block
	last  bool   // the block is the last one
	buf   []byte
	begun bool  // the first fragment of a record was read
	opens int64 // offset of that fragment
}

// newRecordReader reads the header of a log. It returns errNoLog if the file does not begin with the header of a log.
func newRecordReader(r io.Reader) (*recordReader, error) {
	rr := &recordReader{r: bufio.NewReaderSize(r, 2*blockBytes)}
	var header [len(fileHeader)]byte
	switch _, err := io.ReadFull(rr.r, header[:]); {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, errNoLog
	case err != nil:
		return nil, err
	case string(header[:]) != fileHeader:
		return nil, errNoLog
	}
	rr.at = int64(len(header))
	return rr, rr.fill(blockBytes - len(header))
}

// fill reads the next block of n bytes.
func (r *recordReader) fill(n int) error {
	got, err := io.ReadFull(r.r, r.block[:n])
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		r.last, err = true, nil
	}
	r.rest = r.block[:got]
	return err
}

// next returns the data of the next record, which is valid until the following call. The error is io.EOF at the end,
// errTorn if the file ends within a record, or a *damageError, after which the next call continues.
func (r *recordReader) next() ([]byte, error) {
	for {
		begin := r.at
		kind, data, err := r.fragment()
		if err != nil {
			if errors.Is(err, io.EOF) && r.begun {
				err = errTorn
			}
			r.begun = false
			return nil, err
		}
		switch kind {
		case kindFull, kindFirst:
			cut := r.begun
			r.buf, r.begun, r.opens = append(r.buf[:0], data...), kind == kindFirst, begin
			if cut {
				return nil, &damageError{begin, "a record starts within another one; skipped the other one"}
			}
			if kind == kindFull {
				return r.buf, nil
			}
		case kindMiddle, kindLast:
			if !r.begun {
				return nil, &damageError{begin, "skipped a record without its beginning"}
			}
			if len(r.buf)+len(data) > maxRecordBytes {
				r.begun = false
				return nil, &damageError{r.opens, fmt.Sprintf("skipped a record over %d bytes", maxRecordBytes)}
			}
			r.buf = append(r.buf, data...)
			if kind == kindLast {
				r.begun = false
				return r.buf, nil
			}
		}
	}
}

// fragment returns the next fragment. It skips the rest of a damaged block.
func (r *recordReader) fragment() (kind byte, data []byte, err error) {
	for {
		if len(r.rest) < fragmentHeader {
			if err := r.following(); err != nil {
				return 0, nil, err
			}
			continue
		}
		sum, size := binary.LittleEndian.Uint32(r.rest), int(binary.LittleEndian.Uint16(r.rest[4:]))
		kind = r.rest[6]
		switch {
		case kind == kindZero && size == 0 && sum == 0: // the rest of the block was never written
			r.skip()
			continue
		case fragmentHeader+size > len(r.rest) && r.last:
			r.skip()
			return 0, nil, errTorn
		case fragmentHeader+size > len(r.rest), kind > kindLast, kind == kindZero:
			return 0, nil, r.damage("an impossible fragment")
		case crc32.ChecksumIEEE(r.rest[6:fragmentHeader+size]) != sum:
			return 0, nil, r.damage("a wrong checksum")
		}
		data = r.rest[fragmentHeader : fragmentHeader+size]
		r.rest = r.rest[fragmentHeader+size:]
		r.at += int64(fragmentHeader + size)
		return kind, data, nil
	}
}

// following reads the next block.
func (r *recordReader) following() error {
	left := len(r.rest)
	r.skip()
	switch {
	case r.last && left > 0:
		return errTorn
	case r.last:
		return io.EOF
	}
	return r.fill(blockBytes)
}

func (r *recordReader) skip() {
	r.at += int64(len(r.rest))
	r.rest = r.rest[:0]
}

func (r *recordReader) damage(what string) error {
	err := &damageError{r.at, what + "; skipped the rest of its block"}
	r.skip()
	return err
}
