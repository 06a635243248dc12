package index

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
)

// Builder makes a block. The zero value has no runs.
type Builder struct {
	ids     []string
	started []int64
	columns map[ref]*building
	shared  sharedCells
}

// sharedCells are the cells of the run that was added last which depend on nothing but tables that it may share with
// the next one; see format.RunDecoder.
type sharedCells struct {
	source      *format.Source
	environment *format.Environment
	machine     *format.Machine
	datasets    []format.Dataset
	cells       []sharedCell
}

type sharedCell struct {
	in   *building
	kind Kind
	word uint64
}

// of reports whether the cells are those of a run, because it has the same tables.
func (s *sharedCells) of(r *format.Run) bool {
	return s.cells != nil && s.source == r.Source && s.environment == r.Environment && s.machine == r.Machine &&
		len(s.datasets) == len(r.Datasets) && (len(r.Datasets) == 0 || &s.datasets[0] == &r.Datasets[0])
}

// building is a column of a block that is being made. Rows after the last of kinds are Absent.
type building struct {
	kinds []Kind
	words []uint64
	texts []string
	codes map[string]uint64
}

// Len returns the number of runs that were added.
func (b *Builder) Len() int { return len(b.ids) }

// Add adds a run. It does not keep the record, but may keep tables of it until another one is added.
func (b *Builder) Add(r *format.Run) {
	row := len(b.ids)
	b.ids, b.started = append(b.ids, r.ID), append(b.started, r.Started.UnixMicro())
	visit(r, func(scope Scope, key string, v value) {
		if len(key) <= maxKeyBytes {
			b.column(ref{scope, key}).put(row, v)
		}
	})
	if !b.shared.of(r) {
		b.shared = sharedCells{r.Source, r.Environment, r.Machine, r.Datasets, b.shared.cells[:0]}
		visitShared(r, func(scope Scope, key string, v value) {
			if len(key) <= maxKeyBytes {
				c := b.column(ref{scope, key})
				c.put(row, v)
				b.shared.cells = append(b.shared.cells, sharedCell{c, c.kinds[row], c.words[row]})
			}
		})
		return
	}
	for _, cell := range b.shared.cells {
		cell.in.set(row, cell.kind, cell.word)
	}
}

// AddRows adds some rows of a block.
func (b *Builder) AddRows(from *Block, rows []int) {
	first := len(b.ids)
	for _, row := range rows {
		b.ids, b.started = append(b.ids, from.ids[row]), append(b.started, from.started[row])
	}
	for i, at := range from.columns {
		chunk := from.chunkAt(i, func() []uint64 { return make([]uint64, from.Len()) })
		var to *building
		for n, row := range rows {
			if v := chunk.cell(row); v.kind != Absent {
				if to == nil {
					to = b.column(ref{at.scope, string(at.key)})
				}
				to.put(first+n, v)
			}
		}
	}
}

func (b *Builder) column(r ref) *building {
	c := b.columns[r]
	if c == nil {
		if b.columns == nil {
			b.columns = map[ref]*building{}
		}
		c = &building{}
		b.columns[r] = c
	}
	return c
}

// put sets the value of a row, which is the last or a new one.
func (c *building) put(row int, v value) {
	c.set(row, v.kind, v.word)
	if v.kind != Text && v.kind != List {
		return
	}
	code, ok := c.codes[v.text]
	if !ok {
		if c.codes == nil {
			c.codes = map[string]uint64{}
		}
		code = uint64(len(c.texts))
		text := strings.Clone(v.text)
		c.codes[text] = code
		c.texts = append(c.texts, text)
	}
	c.words[row] = code
}

// set sets the kind and the word of a row, which is the last or a new one.
func (c *building) set(row int, kind Kind, word uint64) {
	c.grow(row)
	if row < len(c.kinds) {
		c.kinds[row], c.words[row] = kind, word
		return
	}
	c.kinds, c.words = append(c.kinds, kind), append(c.words, word)
}

func (c *building) grow(rows int) {
	for len(c.kinds) < rows {
		c.kinds, c.words = append(c.kinds, Absent), append(c.words, 0)
	}
}

// Encode returns the bytes of a block with the runs that were added, and the order in which they are in it.
func (b *Builder) Encode() (data []byte, order []int) {
	order = make([]int, len(b.ids))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		if c := cmp.Compare(b.started[j], b.started[i]); c != 0 {
			return c
		}
		return strings.Compare(b.ids[j], b.ids[i])
	})
	data = binary.LittleEndian.AppendUint32(nil, uint32(len(b.ids)))
	for _, row := range order {
		data = append(data, b.ids[row]...)
	}
	for _, row := range order {
		data = binary.LittleEndian.AppendUint64(data, uint64(b.started[row]))
	}
	refs := make([]ref, 0, len(b.columns))
	for r := range b.columns {
		refs = append(refs, r)
	}
	slices.SortFunc(refs, func(a, b ref) int {
		return cmp.Or(cmp.Compare(a.scope, b.scope), strings.Compare(a.key, b.key))
	})
	data = binary.LittleEndian.AppendUint32(data, uint32(len(refs)))
	var places []int
	for _, r := range refs {
		data = binary.LittleEndian.AppendUint16(append(data, byte(r.scope)), uint16(len(r.key)))
		data = append(data, r.key...)
		places = append(places, len(data))
		data = append(data, 0, 0, 0, 0, 0, 0, 0, 0)
	}
	for i, r := range refs {
		c := b.columns[r]
		c.grow(len(b.ids))
		binary.LittleEndian.PutUint32(data[places[i]:], uint32(len(data)))
		data = appendChunk(data, c.kinds, c.words, c.texts, order)
		binary.LittleEndian.PutUint32(data[places[i]+4:], uint32(len(data)))
	}
	return data, order
}

// NewBlock returns a block of runs. It does not keep the records.
func NewBlock(runs []*format.Run) *Block {
	var b Builder
	for _, r := range runs {
		b.Add(r)
	}
	data, _ := b.Encode()
	block, err := ParseBlock(data)
	if err != nil { // never, as a test shows; an empty block loses no run, because List reads all
		return &Block{}
	}
	return block
}
