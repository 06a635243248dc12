package sqlite

import (
	"context"
	"encoding/binary"
)

// The kinds of pages in trees.
const (
	indexInner = 2
	tableInner = 5
	indexLeaf  = 10
	tableLeaf  = 13
)

// cell is an entry of a tree with a row.
type cell struct {
	rowid   int64 // of a table with rowids
	payload []byte
}

// walk visits the rows of one tree.
type walk struct {
	db     *DB
	ctx    context.Context
	index  bool                   // the tree of a table without rowids
	skip   bool                   // rows are counted only: payloads are not put together
	visit  func(c *cell) error    // the cell is valid during the call
	seen   map[uint32]*[64]uint64 // pages of this walk, with overflow pages: a bit each, in groups of 4,096
	levels [][]byte               // a buffer for each level of the tree
	parts  []byte                 // a payload that is not whole in its page
	more   []byte                 // a buffer for overflow pages
	cell   cell
}

// rows visits the rows of the tree at a page, in their order.
func (db *DB) rows(ctx context.Context, root uint32, index, skip bool, visit func(c *cell) error) error {
	w := &walk{db: db, ctx: ctx, index: index, skip: skip, visit: visit, seen: map[uint32]*[64]uint64{}}
	return w.page(root, 0)
}

// read reads a page of the tree into buf. No page belongs to a tree twice.
func (w *walk) read(number uint32, buf []byte) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	group := w.seen[number>>12]
	if group == nil {
		group = new([64]uint64)
		w.seen[number>>12] = group
	}
	if bits := &group[number>>6&63]; *bits&(1<<(number&63)) == 0 {
		*bits |= 1 << (number & 63)
		return w.db.readPage(number, buf)
	}
	return damaged("its pages form a loop: page %d comes twice", number)
}

// page visits the rows of the page and of those below it.
func (w *walk) page(number uint32, depth int) error {
	if depth >= maxDepth {
		return damaged("a tree is deeper than %d pages", maxDepth)
	}
	if depth == len(w.levels) {
		w.levels = append(w.levels, make([]byte, w.db.pageSize))
	}
	page := w.levels[depth]
	if err := w.read(number, page); err != nil {
		return err
	}
	head := 0
	if number == 1 {
		head = headerBytes
	}
	kind := page[head]
	cells, at := int(binary.BigEndian.Uint16(page[head+3:])), head+8
	inner := kind == tableInner || kind == indexInner
	if inner {
		at += 4
	}
	if kind != tableInner && kind != tableLeaf && kind != indexInner && kind != indexLeaf ||
		w.index != (kind == indexInner || kind == indexLeaf) {
		return damaged("page %d has the unexpected kind %d", number, kind)
	}
	if at+2*cells > w.db.usable {
		return damaged("page %d claims to have %d cells", number, cells)
	}
	taken := 0 // bytes of cells, which do not overlap
	for i := range cells {
		offset := int(binary.BigEndian.Uint16(page[at+2*i:]))
		if offset < at+2*cells || offset >= w.db.usable {
			return damaged("a cell of page %d is outside of it", number)
		}
		used, err := w.entry(page[offset:w.db.usable], kind, depth)
		if err != nil {
			return err
		}
		if taken += used; taken > w.db.usable {
			return damaged("the cells of page %d overlap", number)
		}
	}
	if inner {
		return w.page(binary.BigEndian.Uint32(page[head+8:]), depth+1)
	}
	return nil
}

// entry visits one cell of a page, and for an inner page first the page that the cell names. It returns how many bytes
// of the page the cell takes.
func (w *walk) entry(b []byte, kind byte, depth int) (used int, err error) {
	whole := len(b)
	if kind == tableInner || kind == indexInner {
		if len(b) < 4 {
			return 0, damaged("a cell is torn")
		}
		if err := w.page(binary.BigEndian.Uint32(b), depth+1); err != nil {
			return 0, err
		}
		if b = b[4:]; kind == tableInner {
			return 5, nil // with a rowid of one byte or more
		}
	}
	size, n := varint(b)
	if n == 0 {
		return 0, damaged("a cell is torn")
	}
	b = b[n:]
	w.cell.rowid = 0
	if kind == tableLeaf {
		rowid, n := varint(b)
		if n == 0 {
			return 0, damaged("a cell is torn")
		}
		w.cell.rowid, b = int64(rowid), b[n:]
	}
	local, over, err := w.db.split(size, kind == tableLeaf)
	if err != nil {
		return 0, err
	}
	if local+4*over > len(b) {
		return 0, damaged("a cell is torn")
	}
	w.cell.payload = b[:local]
	used = whole - len(b) + local + 4*over
	if over > 0 && !w.skip {
		if w.cell.payload, err = w.overflow(b[:local], int(size), binary.BigEndian.Uint32(b[local:])); err != nil {
			return 0, err
		}
	}
	return used, w.visit(&w.cell)
}

// split returns how many bytes of a payload are in its page, and 1 if the rest is in overflow pages.
func (db *DB) split(size uint64, table bool) (local, over int, err error) {
	u := db.usable
	most := (u-12)*64/255 - 23
	if table {
		most = u - 35
	}
	if size <= uint64(most) {
		return int(size), 0, nil
	}
	if size > maxRowBytes {
		return 0, 0, damaged("a row claims to have %d bytes, which is over the limit of %d", size, maxRowBytes)
	}
	least := (u-12)*32/255 - 23
	if local = least + (int(size)-least)%(u-4); local > most {
		local = least
	}
	return local, 1, nil
}

// overflow puts a payload together. It grows with the pages that exist, not with what the cell claims.
func (w *walk) overflow(local []byte, size int, next uint32) ([]byte, error) {
	if w.more == nil {
		w.more = make([]byte, w.db.pageSize)
	}
	w.parts = append(w.parts[:0], local...)
	for len(w.parts) < size {
		if err := w.read(next, w.more); err != nil {
			return nil, err
		}
		next = binary.BigEndian.Uint32(w.more)
		w.parts = append(w.parts, w.more[4:min(w.db.usable, 4+size-len(w.parts))]...)
	}
	return w.parts, nil
}

// varint returns the number at the beginning of b and how many bytes it takes: up to nine, of which the last has eight
// bits. It takes 0 bytes if b ends before.
func varint(b []byte) (v uint64, n int) {
	for i, c := range b[:min(len(b), 9)] {
		if i == 8 {
			return v<<8 | uint64(c), 9
		}
		v = v<<7 | uint64(c&0x7f)
		if c < 0x80 {
			return v, i + 1
		}
	}
	return 0, 0
}
