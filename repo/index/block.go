package index

import (
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
)

// ref names a column of a block.
type ref struct {
	scope Scope
	key   string
}

// chunk is the part of a column that is in one block. Words of the kinds Text and List count in texts.
type chunk struct {
	kinds []Kind
	words []uint64
	texts []string
}

// Block holds the columns of some runs, newest first.
type Block struct {
	ids     []string
	started []int64 // microseconds since 1970
	columns map[ref]*chunk
}

// Len returns the number of runs.
func (b *Block) Len() int { return len(b.ids) }

// NewBlock returns the columns of runs. It does not keep the records.
func NewBlock(runs []*format.Run) *Block {
	runs = slices.Clone(runs)
	slices.SortFunc(runs, func(a, b *format.Run) int {
		if c := b.Started.Compare(a.Started); c != 0 {
			return c
		}
		return strings.Compare(b.ID, a.ID)
	})
	b := &Block{
		ids: make([]string, len(runs)), started: make([]int64, len(runs)), columns: map[ref]*chunk{},
	}
	codes := map[*chunk]map[string]uint64{}
	for row, r := range runs {
		b.ids[row], b.started[row] = r.ID, r.Started.UnixMicro()
		visit(r, func(scope Scope, key string, v value) {
			if len(key) > maxKeyBytes {
				return
			}
			c := b.columns[ref{scope, key}]
			if c == nil {
				c = &chunk{kinds: make([]Kind, len(runs)), words: make([]uint64, len(runs))}
				b.columns[ref{scope, key}] = c
			}
			c.kinds[row], c.words[row] = v.kind, v.word
			if v.kind == Text || v.kind == List {
				if codes[c] == nil {
					codes[c] = map[string]uint64{}
				}
				code, ok := codes[c][v.text]
				if !ok {
					code = uint64(len(c.texts))
					codes[c][v.text] = code
					c.texts = append(c.texts, v.text)
				}
				c.words[row] = code
			}
		})
	}
	return b
}
