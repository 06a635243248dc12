package index

import (
	"encoding/binary"
	"errors"
	"slices"
)

// ref names a column of a block.
type ref struct {
	scope Scope
	key   string
}

// idBytes is the length of an id.
const idBytes = 24

// Block holds the columns of some runs, newest first. It does not change.
type Block struct {
	ids     []string
	started []int64 // microseconds since 1970
	data    []byte  // as Builder.Encode returns it
	columns []columnAt
}

// columnAt says where the chunk of a column is in the data of a block. The columns are sorted by scope and key.
type columnAt struct {
	scope    Scope
	key      []byte
	from, to uint32
}

func (c *columnAt) compare(r ref) int {
	switch {
	case c.scope != r.scope:
		return int(c.scope) - int(r.scope)
	case string(c.key) < r.key: // conversions in comparisons do not allocate
		return -1
	case string(c.key) == r.key:
		return 0
	}
	return 1
}

// Len returns the number of runs.
func (b *Block) Len() int { return len(b.ids) }

// IDs returns the ids of the runs, newest first. The caller must not change the slice.
func (b *Block) IDs() []string { return b.ids }

// first returns when the newest run of a block started.
func (b *Block) first() int64 {
	if len(b.started) == 0 {
		return 0
	}
	return b.started[0]
}

var errBlock = errors.New("the index is damaged")

// ParseBlock reads the bytes of Builder.Encode, which may be hostile. It keeps data.
func ParseBlock(data []byte) (*Block, error) {
	p := parser{data: data}
	rows := int(p.uint32())
	if rows > len(data)/(idBytes+8) {
		return nil, errBlock
	}
	ids := string(p.take(rows * idBytes))
	started := p.take(rows * 8)
	columns := int(p.uint32())
	if p.bad || columns > len(data)/11 {
		return nil, errBlock
	}
	b := &Block{
		ids: make([]string, rows), started: make([]int64, rows), data: data, columns: make([]columnAt, columns),
	}
	for i := range rows {
		b.ids[i] = ids[i*idBytes : (i+1)*idBytes]
		b.started[i] = int64(binary.LittleEndian.Uint64(started[i*8:]))
	}
	for i := range b.columns {
		c := &b.columns[i]
		c.scope = Scope(p.byte())
		c.key = p.take(int(p.uint16()))
		c.from, c.to = p.uint32(), p.uint32()
		if p.bad || c.scope >= numberOfScopes || c.from > c.to || int64(c.to) > int64(len(data)) ||
			i > 0 && b.columns[i-1].compare(ref{c.scope, string(c.key)}) >= 0 {
			return nil, errBlock
		}
	}
	return b, nil
}

// find returns the place of a column, or the place that it would have. It looks at a likely place first: most blocks
// have the same columns.
func (b *Block) find(r ref, likely int) (place int, ok bool) {
	n := len(b.columns)
	if likely < n && b.columns[likely].compare(r) == 0 {
		return likely, true
	}
	if likely <= n && (likely == n || b.columns[likely].compare(r) > 0) &&
		(likely == 0 || b.columns[likely-1].compare(r) < 0) {
		return likely, false
	}
	return slices.BinarySearchFunc(b.columns, r, func(c columnAt, r ref) int { return c.compare(r) })
}

// chunkAt returns the part of a column that is in the block. If its bytes are damaged, every row is Elsewhere. If its
// words are not all the same, room returns the place for them.
func (b *Block) chunkAt(i int, room func() []uint64) *chunk {
	c, err := parseChunk(b.data[b.columns[i].from:b.columns[i].to], len(b.ids), room)
	if err != nil {
		return &chunk{all: Elsewhere}
	}
	return c
}

// parser reads numbers from bytes. After a read past the end, bad is true and everything is zero.
type parser struct {
	data []byte
	at   int
	bad  bool
}

func (p *parser) take(n int) []byte {
	if n < 0 || n > len(p.data)-p.at {
		p.bad = true
		return nil
	}
	p.at += n
	return p.data[p.at-n : p.at : p.at]
}

func (p *parser) byte() byte {
	if b := p.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (p *parser) uint16() uint16 {
	if b := p.take(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (p *parser) uint32() uint32 {
	if b := p.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (p *parser) uint64() uint64 {
	if b := p.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}
