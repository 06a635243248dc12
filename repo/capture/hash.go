package capture

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/regular"
)

const (
	hashBuffer = 1 << 20
	// aheadBytes is the file size from which a second goroutine reads while the first one hashes.
	aheadBytes = 8 << 20
)

// hasher hashes one file at a time, with its own buffers.
type hasher struct {
	sum      hash.Hash
	buffers  [2][]byte
	progress func(n int64)
	alone    bool // never use a second goroutine
}

func newHasher(progress func(n int64)) *hasher {
	return &hasher{sum: sha256.New(), progress: progress}
}

func sha256Hex(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// hash reads a file and fills in its hash and shape. It returns an error if the file changes while it is read, because
// the hash would belong to a state that never existed.
func (h *hasher) hash(ctx context.Context, path string, into *hashed) error {
	f, err := regular.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	h.sum.Reset()
	if h.buffers[0] == nil {
		h.buffers[0] = make([]byte, hashBuffer)
	}
	size := into.size
	var n int64
	var lines *lineCounter
	if isCSV(path) {
		lines = &lineCounter{}
	}
	take := func(p []byte) {
		h.sum.Write(p)
		if lines != nil {
			lines.count(p)
		}
		n += int64(len(p))
		h.progress(int64(len(p)))
	}
	if size > aheadBytes && !h.alone {
		err = h.ahead(ctx, f, take)
	} else {
		for err == nil {
			var got int
			got, err = f.Read(h.buffers[0])
			if got > 0 {
				if n == 0 && got <= maxPointer {
					if p, ok := parsePointer(h.buffers[0][:got]); ok && int64(got) == size {
						into.sum, into.size = p.sha256, p.bytes
						return nil
					}
				}
				take(h.buffers[0][:got])
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
		if errors.Is(err, io.EOF) {
			err = nil
		}
	}
	if err != nil {
		return err
	}
	after, err := os.Stat(path)
	if err != nil {
		return err
	}
	if n != size || after.Size() != size || stampOf(after) != into.stamp {
		return fmt.Errorf("%s changed while it was hashed: repeat when nothing writes to it", path)
	}
	into.sum = hex.EncodeToString(h.sum.Sum(nil))
	if lines != nil {
		into.rows = lines.rows()
	} else if filepath.Ext(path) == ".parquet" {
		if rows, _, err := format.ParquetShape(f, size); err == nil {
			into.rows = rows
		}
	}
	return nil
}

// ahead reads the next buffer while take processes the last one.
func (h *hasher) ahead(ctx context.Context, f *os.File, take func([]byte)) error {
	if h.buffers[1] == nil {
		h.buffers[1] = make([]byte, hashBuffer)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	full, free := make(chan []byte, 1), make(chan []byte, 2)
	free <- h.buffers[0]
	free <- h.buffers[1]
	failed := make(chan error, 1)
	go func() { // ends at the end of the file, or when take returns
		defer close(full)
		for {
			var b []byte
			select {
			case b = <-free:
			case <-ctx.Done():
				failed <- ctx.Err()
				return
			}
			n, err := io.ReadFull(f, b[:cap(b)])
			if n > 0 {
				select {
				case full <- b[:n]:
				case <-ctx.Done():
					failed <- ctx.Err()
					return
				}
			}
			if err != nil {
				if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
					err = nil
				}
				failed <- err
				return
			}
		}
	}()
	for b := range full {
		take(b)
		free <- b
	}
	return <-failed
}

func isCSV(path string) bool {
	ext := strings.ToLower(filepath.Ext(path))
	return ext == ".csv" || ext == ".tsv"
}

// lineCounter counts the lines of a CSV file. It ignores line ends inside quotes.
type lineCounter struct {
	lines  int64
	quoted bool
	last   byte
}

func (c *lineCounter) count(p []byte) {
	for _, b := range p {
		switch b {
		case '"':
			c.quoted = !c.quoted
		case '\n':
			if !c.quoted && c.last != '\n' {
				c.lines++
			}
		case '\r':
			continue // an empty line does not count, with any line end
		}
		c.last = b
	}
}

// rows returns the number of lines without the first one, which holds the names of the columns.
func (c *lineCounter) rows() int64 {
	n := c.lines
	if c.last != '\n' && c.last != 0 {
		n++
	}
	return max(0, n-1)
}

// maxColumns is how many column names of a table a record can hold.
const maxColumns = 200

// shape returns the number of rows and the column names of a table. The rows were counted while the file was hashed.
func shape(path string, counted int64) (rows int64, columns []string, ok bool) {
	f, err := regular.Open(path)
	if err != nil {
		return 0, nil, false
	}
	defer func() { _ = f.Close() }()
	switch {
	case isCSV(path):
		r := csv.NewReader(io.LimitReader(f, 1<<20))
		if strings.HasSuffix(strings.ToLower(path), ".tsv") {
			r.Comma = '\t'
		}
		r.LazyQuotes = true
		columns, err = r.Read()
		rows = counted
	case filepath.Ext(path) == ".parquet":
		info, statErr := f.Stat()
		if statErr != nil {
			return 0, nil, false
		}
		rows, columns, err = format.ParquetShape(f, info.Size())
	default:
		return 0, nil, false
	}
	if err != nil {
		return 0, nil, false
	}
	columns = columns[:min(len(columns), maxColumns)]
	for i, c := range columns {
		columns[i] = printable(strings.TrimPrefix(c, "\ufeff"))
	}
	return rows, columns, true
}
