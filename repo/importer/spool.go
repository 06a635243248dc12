package importer

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// Spool takes entries of many runs in any order and gives them back run by run, in bounded memory. Full blocks go to a
// temporary file, sorted by run; entries of one run keep their order. A database has the points of its runs
// interleaved, and not always an index of them.
type Spool struct {
	dir    string // of the temporary file
	limit  int    // bytes of a block in memory
	data   []byte // the block that is being filled
	items  []item
	file   *os.File
	offset int64
	blocks []block
}

// item is an entry in the block that is being filled.
type item struct {
	run      int32
	from, to uint32
}

// block is a part of the file. Runs are those with entries in it, ascending, and ends where their entries end.
type block struct {
	from int64
	runs []int32
	ends []uint32
}

const spoolBytes = 32 << 20

// NewSpool returns an empty spool. The caller closes it.
func NewSpool() *Spool { return &Spool{dir: os.TempDir(), limit: spoolBytes} }

// maxEntryBytes bounds an entry. Longer texts do not fit into records either.
const maxEntryBytes = 8 << 20

var errEntry = errors.New("an entry is too long")

// Add appends an entry to those of a run.
func (s *Spool) Add(run int32, entry []byte) error {
	if len(entry) > maxEntryBytes {
		return errEntry
	}
	if len(s.data)+len(entry)+binary.MaxVarintLen32 > s.limit || len(s.items) >= s.limit/8 {
		if err := s.flush(); err != nil {
			return err
		}
	}
	from := uint32(len(s.data))
	s.data = binary.AppendUvarint(s.data, uint64(len(entry)))
	s.data = append(s.data, entry...)
	s.items = append(s.items, item{run, from, uint32(len(s.data))})
	return nil
}

// Sort makes the current block ready to be read.
func (s *Spool) Sort() {
	slices.SortStableFunc(s.items, func(a, b item) int { return int(a.run) - int(b.run) })
}

// flush writes the current block to the file.
func (s *Spool) flush() (err error) {
	if len(s.items) == 0 {
		return nil
	}
	if s.file == nil {
		if s.file, err = os.CreateTemp(s.dir, "runs-import-*"); err != nil {
			return err
		}
		_ = os.Remove(s.file.Name()) // it vanishes with the process; Windows keeps it until close
	}
	s.Sort()
	b := block{from: s.offset}
	w := bufio.NewWriterSize(io.NewOffsetWriter(s.file, s.offset), 1<<20)
	at := uint32(0)
	for _, it := range s.items {
		if n := len(b.runs); n == 0 || b.runs[n-1] != it.run {
			b.runs, b.ends = append(b.runs, it.run), append(b.ends, at)
		}
		_, _ = w.Write(s.data[it.from:it.to])
		at += it.to - it.from
		b.ends[len(b.ends)-1] = at
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("sorting the points in a temporary file: %w", err)
	}
	s.offset += int64(at)
	s.blocks = append(s.blocks, b)
	s.data, s.items = s.data[:0], s.items[:0]
	return nil
}

// Each visits the entries of a run in the order in which they were added. No entry may be added any more. The entry is
// valid during the call.
func (s *Spool) Each(run int32, visit func(entry []byte) error) error {
	for _, b := range s.blocks {
		i, ok := slices.BinarySearch(b.runs, run)
		if !ok {
			continue
		}
		from := uint32(0)
		if i > 0 {
			from = b.ends[i-1]
		}
		part := io.NewSectionReader(s.file, b.from+int64(from), int64(b.ends[i]-from))
		if err := eachIn(bufio.NewReaderSize(part, int(min(part.Size(), 256<<10))), visit); err != nil {
			return err
		}
	}
	i, _ := slices.BinarySearchFunc(s.items, run, func(it item, run int32) int { return int(it.run) - int(run) })
	for ; i < len(s.items) && s.items[i].run == run; i++ {
		_, n := binary.Uvarint(s.data[s.items[i].from:])
		if err := visit(s.data[int(s.items[i].from)+n : s.items[i].to]); err != nil {
			return err
		}
	}
	return nil
}

func eachIn(r *bufio.Reader, visit func(entry []byte) error) error {
	var buf []byte
	for {
		size, err := binary.ReadUvarint(r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		buf = slices.Grow(buf[:0], int(size))[:size]
		if _, err := io.ReadFull(r, buf); err != nil {
			return err
		}
		if err := visit(buf); err != nil {
			return err
		}
	}
}

// Close removes the temporary file.
func (s *Spool) Close() {
	if s.file != nil {
		name := s.file.Name()
		_ = s.file.Close()
		_ = os.Remove(name)
	}
}
