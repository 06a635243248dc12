package format

import (
	"bufio"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
)

// Bytes of a point in the temporary file: labels are the number of a set, and 0 stands for none.
const (
	pointBytes   = 24
	labeledBytes = pointBytes + 4
)

// spillPoints is how many points are held before they are spilled to a file. They take 32 MB.
const spillPoints = 1_000_000

// PointSorter collects points in any order and writes them sorted by key, step and time. Points that are equal in all
// three keep the order in which they were added. Its memory is bounded: past a million points, it spills sorted pieces
// to a temporary file. It is not safe for concurrent use.
type PointSorter struct {
	dir    string
	curves map[string]*pointCurve
	last   *pointCurve // of the last Add: successive calls often have the same key
	held   int
	limit  int
	rows   int64

	labels []Labels // those of spilled points; their numbers begin at 1
	number map[Labels]uint32
	some   bool // a point has labels

	digest  RowDigest // of the points that were written
	spill   *os.File
	written int64
	free    [][]Point // blocks to reuse
}

// pointCurve holds the points of one metric.
type pointCurve struct {
	key      string
	blocks   [][]Point
	last     Point
	unsorted bool // the held blocks are not in order
	labeled  bool // a point in them has labels
	pieces   []spilled
}

// spilled is a sorted piece of one metric in the temporary file.
type spilled struct {
	offset  int64
	count   int64
	first   Point
	last    Point
	labeled bool
}

// each is the size of a point of the piece.
func (p *spilled) each() int64 {
	if p.labeled {
		return labeledBytes
	}
	return pointBytes
}

// NewPointSorter returns a sorter that creates its temporary file in dir, if it needs one. The caller must call Close.
func NewPointSorter(dir string) *PointSorter {
	return &PointSorter{dir: dir, curves: map[string]*pointCurve{}, limit: spillPoints}
}

// Add adds one point. It returns an error if the temporary file cannot be written.
func (s *PointSorter) Add(key string, p Point) error {
	c := s.last
	if c == nil || c.key != key {
		c = s.curves[key]
		if c == nil {
			c = &pointCurve{key: key}
			s.curves[key] = c
		}
		s.last = c
	}
	n := len(c.blocks)
	if n == 0 || len(c.blocks[n-1]) == cap(c.blocks[n-1]) {
		c.blocks = append(c.blocks, s.block(n))
		n++
	}
	if (n > 1 || len(c.blocks[0]) > 0) && comparePoints(p, c.last) < 0 {
		c.unsorted = true
	}
	if p.Labels != (Labels{}) {
		c.labeled, s.some = true, true
	}
	c.last = p
	c.blocks[n-1] = append(c.blocks[n-1], p)
	s.rows++
	s.held++
	if s.held >= s.limit {
		return s.spillAll()
	}
	return nil
}

// Rows returns the number of points added.
func (s *PointSorter) Rows() int64 { return s.rows }

// Digest returns the digest of the points that WriteParquet wrote: see RowDigest.
func (s *PointSorter) Digest() string { return s.digest.Sum() }

// largeBlock is the number of points in a block that is reused after a spill.
const largeBlock = 4096

// block returns an empty block that becomes the n-th block of its curve. The first blocks are small, so that many
// short curves take little memory.
func (s *PointSorter) block(n int) []Point {
	size := 16 << (2 * min(n, 4))
	if size < largeBlock {
		return make([]Point, 0, size)
	}
	if last := len(s.free) - 1; last >= 0 {
		b := s.free[last]
		s.free = s.free[:last]
		return b
	}
	return make([]Point, 0, largeBlock)
}

// sortBlocks puts the held points of a curve in order.
func (c *pointCurve) sortBlocks() {
	if !c.unsorted {
		return
	}
	all := make([]Point, 0, c.count())
	for _, b := range c.blocks {
		all = append(all, b...)
	}
	slices.SortStableFunc(all, comparePoints)
	for i, b := range c.blocks {
		n := copy(b, all)
		all = all[n:]
		c.blocks[i] = b
	}
	c.unsorted = false
}

func (c *pointCurve) count() int {
	n := 0
	for _, b := range c.blocks {
		n += len(b)
	}
	return n
}

// spillAll writes the held points to the file, as one sorted piece for each curve.
func (s *PointSorter) spillAll() error {
	if s.spill == nil {
		f, err := os.CreateTemp(s.dir, ".points-*")
		if err != nil {
			return fmt.Errorf("sorting points: %w", err)
		}
		s.spill = f
	}
	w := bufio.NewWriterSize(io.NewOffsetWriter(s.spill, s.written), 256<<10)
	var buf [labeledBytes]byte
	for _, c := range s.curves {
		if len(c.blocks) == 0 {
			continue
		}
		c.sortBlocks()
		piece := spilled{offset: s.written, first: c.blocks[0][0], labeled: c.labeled}
		for _, b := range c.blocks {
			for _, p := range b {
				if putPoint(&buf, p); c.labeled {
					binary.LittleEndian.PutUint32(buf[pointBytes:], s.numberOf(p.Labels))
				}
				if _, err := w.Write(buf[:piece.each()]); err != nil {
					return fmt.Errorf("sorting points: %w", err)
				}
			}
			piece.count += int64(len(b))
			piece.last = b[len(b)-1]
			if cap(b) == largeBlock {
				s.free = append(s.free, b[:0])
			}
		}
		s.written += piece.count * piece.each()
		c.pieces = append(c.pieces, piece)
		c.blocks, c.labeled = nil, false
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("sorting points: %w", err)
	}
	s.held, s.last = 0, nil
	return nil
}

// numberOf returns the number of labels in the temporary file.
func (s *PointSorter) numberOf(l Labels) uint32 {
	if l == (Labels{}) {
		return 0
	}
	n, ok := s.number[l]
	if !ok {
		if s.number == nil {
			s.number = map[Labels]uint32{}
		}
		s.labels = append(s.labels, l)
		n = uint32(len(s.labels))
		s.number[l] = n
	}
	return n
}

func putPoint(buf *[labeledBytes]byte, p Point) {
	binary.LittleEndian.PutUint64(buf[0:], uint64(p.Step))
	binary.LittleEndian.PutUint64(buf[8:], uint64(p.Time))
	binary.LittleEndian.PutUint64(buf[16:], math.Float64bits(p.Value))
}

func getPoint(buf []byte) Point {
	return Point{
		Step:  int64(binary.LittleEndian.Uint64(buf[0:])),
		Time:  int64(binary.LittleEndian.Uint64(buf[8:])),
		Value: math.Float64frombits(binary.LittleEndian.Uint64(buf[16:])),
	}
}

// each yields all points in order, and gives up those that it has yielded, whose memory the writer needs. Each chunk is
// valid until yield returns.
func (s *PointSorter) each(yield func(key string, points []Point) error) error {
	s.free = nil
	for _, key := range slices.Sorted(maps.Keys(s.curves)) {
		c := s.curves[key]
		delete(s.curves, key)
		c.sortBlocks()
		if err := s.eachOf(c, func(points []Point) error { return yield(key, points) }); err != nil {
			return err
		}
	}
	return nil
}

// eachOf yields the points of one curve. It copies pieces that do not overlap, which is the usual case, and merges the
// others.
func (s *PointSorter) eachOf(c *pointCurve, yield func([]Point) error) error {
	inOrder := true
	for i, piece := range c.pieces {
		next := Point{Step: math.MaxInt64, Time: math.MaxInt64}
		if i+1 < len(c.pieces) {
			next = c.pieces[i+1].first
		} else if len(c.blocks) > 0 {
			next = c.blocks[0][0]
		}
		inOrder = inOrder && comparePoints(piece.last, next) <= 0
	}
	if !inOrder {
		return s.merge(c, yield)
	}
	for _, piece := range c.pieces {
		src := s.reader(piece, largeBlock)
		for {
			points, err := src.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			if err := yield(points); err != nil {
				return err
			}
		}
	}
	for i, b := range c.blocks {
		if err := yield(b); err != nil {
			return err
		}
		c.blocks[i] = nil
	}
	return nil
}

// pieceReader reads a spilled piece, or blocks that are held, chunk by chunk.
type pieceReader struct {
	src    io.Reader
	size   int // points of a chunk
	each   int // bytes of a point
	labels []Labels
	buf    []byte
	points []Point
	blocks [][]Point
}

// reader returns a reader for a spilled piece. It reads size points at once.
func (s *PointSorter) reader(piece spilled, size int) *pieceReader {
	src := io.NewSectionReader(s.spill, piece.offset, piece.count*piece.each())
	return &pieceReader{src: src, size: size, each: int(piece.each()), labels: s.labels}
}

// next returns the next chunk, which is valid until the next call, or io.EOF.
func (r *pieceReader) next() ([]Point, error) {
	if r.src == nil {
		if len(r.blocks) == 0 {
			return nil, io.EOF
		}
		b := r.blocks[0]
		r.blocks = r.blocks[1:]
		return b, nil
	}
	if r.buf == nil {
		r.buf = make([]byte, r.size*r.each)
		r.points = make([]Point, r.size)
	}
	n, err := io.ReadFull(r.src, r.buf)
	if n == 0 {
		return nil, err
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("sorting points: %w", err)
	}
	n /= r.each
	for i := range n {
		at := r.buf[i*r.each:]
		r.points[i] = getPoint(at)
		if r.each == labeledBytes {
			if number := binary.LittleEndian.Uint32(at[pointBytes:]); number > 0 {
				r.points[i].Labels = r.labels[number-1]
			}
		}
	}
	return r.points[:n], nil
}

// mergeHeap orders the sources of one curve by their next point. Among equal points, the earlier source comes first.
type mergeHeap []*mergeSource

type mergeSource struct {
	reader *pieceReader
	points []Point
	number int
}

func (h mergeHeap) Len() int { return len(h) }
func (h mergeHeap) Less(i, j int) bool {
	if c := comparePoints(h[i].points[0], h[j].points[0]); c != 0 {
		return c < 0
	}
	return h[i].number < h[j].number
}
func (h mergeHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *mergeHeap) Push(x any)   { *h = append(*h, x.(*mergeSource)) }
func (h *mergeHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

func (s *PointSorter) merge(c *pointCurve, yield func([]Point) error) error {
	var h mergeHeap
	add := func(src *mergeSource) error {
		points, err := src.reader.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		src.points = points
		h = append(h, src)
		return nil
	}
	chunk := max(64, min(largeBlock, spillPoints/(len(c.pieces)+1))) // all sources together stay within the bound
	for i, piece := range c.pieces {
		if err := add(&mergeSource{number: i, reader: s.reader(piece, chunk)}); err != nil {
			return err
		}
	}
	if err := add(&mergeSource{number: len(c.pieces), reader: &pieceReader{blocks: c.blocks}}); err != nil {
		return err
	}
	heap.Init(&h)
	out := make([]Point, 0, largeBlock)
	for len(h) > 0 {
		src := h[0]
		out = append(out, src.points[0])
		if len(out) == cap(out) {
			if err := yield(out); err != nil {
				return err
			}
			out = out[:0]
		}
		if src.points = src.points[1:]; len(src.points) == 0 {
			points, err := src.reader.next()
			if errors.Is(err, io.EOF) {
				heap.Pop(&h)
				continue
			}
			if err != nil {
				return err
			}
			src.points = points
		}
		heap.Fix(&h, 0)
	}
	return yield(out)
}

// Close removes the temporary file.
func (s *PointSorter) Close() error {
	if s.spill == nil {
		return nil
	}
	err := s.spill.Close()
	return errors.Join(err, os.Remove(s.spill.Name()))
}
