package index

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/gitruns/runs/format"
)

// Table holds the columns of runs, newest first: the order is that of their start, then of their ids, backwards. It
// does not change, and is safe for concurrent use. Reading a column for the first time takes time; see Column.
type Table struct {
	blocks []*Block
	ids    []string
	order  []int32 // from a row to its place in the blocks one after another; nil if it is the same

	mu      sync.Mutex
	columns map[ref]*Column
	keys    [numberOfScopes][]string
	defined map[int][]format.Definition
	rows    map[string]int
}

// NewTable returns a table of the runs of blocks. keep says which runs are in it; nil keeps all. If several blocks hold
// a run with the same id, the table has the run of the first.
func NewTable(blocks []*Block, keep func(id string) bool) *Table {
	t := &Table{columns: map[ref]*Column{}}
	double := doubles(blocks)
	places := make([]int, len(blocks))
	for i := range places {
		places[i] = i
	}
	slices.SortStableFunc(places, func(i, j int) int { // newest first
		return cmp.Compare(blocks[j].first(), blocks[i].first())
	})
	n := 0
	for _, b := range blocks {
		n += b.Len()
	}
	ids, started, order := make([]string, 0, n), make([]int64, 0, n), make([]int32, 0, n)
	for _, i := range places {
		b := blocks[i]
		t.blocks = append(t.blocks, b)
		for row, id := range b.ids {
			if (double[i] == nil || !double[i][row]) && (keep == nil || keep(id)) {
				order = append(order, int32(len(ids)+row))
			}
		}
		ids, started = append(ids, b.ids...), append(started, b.started...)
	}
	newer := func(i, j int32) int {
		if c := cmp.Compare(started[j], started[i]); c != 0 {
			return c
		}
		return strings.Compare(ids[j], ids[i])
	}
	sorted := slices.IsSortedFunc(order, newer)
	if sorted && len(order) == n {
		t.ids = ids
		return t
	}
	if !sorted {
		slices.SortFunc(order, newer)
	}
	t.order, t.ids = order, make([]string, len(order))
	for row, place := range order {
		t.ids[row] = ids[place]
	}
	return t
}

// dayDigits is the length of the day in an id.
const dayDigits = 8

// doubles marks the rows of each block whose run is also in an earlier block. It returns nil
// for a block without such rows.
func doubles(blocks []*Block) [][]bool {
	days := map[string][]int{} // the blocks with runs of a day
	for i, b := range blocks {
		day := ""
		for _, id := range b.ids {
			if id[:dayDigits] == day {
				continue
			}
			day = id[:dayDigits]
			if of := days[day]; len(of) == 0 || of[len(of)-1] != i {
				days[day] = append(of, i)
			}
		}
	}
	double := make([][]bool, len(blocks))
	for day, of := range days {
		if len(of) < 2 {
			continue
		}
		seen := map[string]bool{}
		for _, i := range of {
			for row, id := range blocks[i].ids {
				if id[:dayDigits] != day {
					continue
				}
				if seen[id] {
					if double[i] == nil {
						double[i] = make([]bool, blocks[i].Len())
					}
					double[i][row] = true
				}
				seen[id] = true
			}
		}
	}
	return double
}

// Len returns the number of rows.
func (t *Table) Len() int { return len(t.ids) }

// ID returns the id of the run of a row.
func (t *Table) ID(row int) string { return t.ids[row] }

// IDs returns the ids of all rows. The caller must not change the slice.
func (t *Table) IDs() []string { return t.ids }

// Row returns the row of a run.
func (t *Table) Row(id string) (int, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rows == nil {
		t.rows = make(map[string]int, len(t.ids))
		for row, id := range t.ids {
			t.rows[id] = row
		}
	}
	row, ok := t.rows[id]
	return row, ok
}

// Keys returns the keys of the columns of a scope, sorted. The caller must not change the slice.
func (t *Table) Keys(scope Scope) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.keys[scope] == nil {
		seen := map[string]bool{}
		for _, b := range t.blocks {
			for i := range b.columns {
				if at := &b.columns[i]; at.scope == scope && !seen[string(at.key)] {
					seen[string(at.key)] = true
				}
			}
		}
		keys := make([]string, 0, len(seen))
		for key := range seen {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		t.keys[scope] = keys
	}
	return t.keys[scope]
}

// Has reports whether a column of a scope may have a value in some row.
func (t *Table) Has(scope Scope, key string) bool {
	_, ok := slices.BinarySearch(t.Keys(scope), key)
	return ok
}

// Column returns the column of a key. If no run has the key, the column is Absent in every row.
func (t *Table) Column(scope Scope, key string) *Column {
	t.mu.Lock()
	defer t.mu.Unlock()
	c, ok := t.columns[ref{scope, key}]
	if !ok {
		c = t.assemble(ref{scope, key})
		t.columns[ref{scope, key}] = c
	}
	return c
}

// assemble puts the chunks of the blocks together.
func (t *Table) assemble(r ref) *Column {
	j := joiner{chunks: make([]*chunk, len(t.blocks)), from: make([]int, len(t.blocks)+1)}
	for i, b := range t.blocks {
		j.from[i+1] = j.from[i] + b.Len()
	}
	none, likely := true, 0
	for i, b := range t.blocks {
		var ok bool
		if likely, ok = b.find(r, likely); ok {
			none = false
			j.chunks[i] = b.chunkAt(likely, func() []uint64 { return j.room(i) })
		}
	}
	if none || j.rows() == 0 {
		return absent
	}
	return j.join(t.order)
}

// joiner makes one column of the chunks of blocks.
type joiner struct {
	chunks []*chunk // nil for a block without the column
	from   []int    // the first row of each block, and at the end the number of rows
	words  []uint64 // of all rows; nil as long as the words of each chunk are the same
	texts  []string
	codes  map[string]uint64
}

func (j *joiner) rows() int { return j.from[len(j.from)-1] }

// room returns the place for the words of a chunk.
func (j *joiner) room(i int) []uint64 {
	if j.words == nil {
		j.words = make([]uint64, j.rows())
	}
	return j.words[j.from[i]:j.from[i+1]]
}

// join returns the column with its rows in order, where nil is as they are.
func (j *joiner) join(order []int32) *Column {
	if order != nil && len(order) == 0 {
		return absent
	}
	j.joinTexts()
	c := &Column{texts: j.texts}
	var uniform bool
	if c.all, uniform = j.uniformKind(); !uniform {
		c.kinds = j.joinKinds()
	}
	if c.same, uniform = j.sameWord(); !uniform {
		for i, part := range j.chunks {
			if part != nil && part.words == nil {
				fill(j.room(i), part.same)
			}
		}
		c.words = j.words
	}
	if order != nil && c.kinds != nil {
		c.kinds = inOrder(c.kinds, order)
	}
	if order != nil && c.words != nil {
		c.words = inOrder(c.words, order)
	}
	c.thin()
	return c
}

func inOrder[T any](values []T, order []int32) []T {
	ordered := make([]T, len(order))
	for row, place := range order {
		ordered[row] = values[place]
	}
	return ordered
}

// joinTexts makes the words of texts and lists count in the texts of the whole column.
func (j *joiner) joinTexts() {
	isCoded := func(k Kind) bool { return k == Text || k == List }
	for i, c := range j.chunks {
		if c == nil || len(c.texts) == 0 {
			continue
		}
		codes := j.code(c.texts)
		if c.words == nil && c.kinds == nil && isCoded(c.all) {
			c.same = codes[c.same]
			continue
		}
		if c.words == nil { // a text and a number may have the same word
			c.words = j.room(i)
			fill(c.words, c.same)
		}
		for row, word := range c.words {
			if isCoded(c.kind(row)) {
				c.words[row] = codes[word]
			}
		}
	}
}

// uniformKind returns the kind of the values of all rows, if it is the same for all.
func (j *joiner) uniformKind() (all Kind, ok bool) {
	for i, c := range j.chunks {
		switch {
		case j.from[i] == j.from[i+1]:
		case c == nil || c.kinds != nil || ok && c.all != all:
			return Absent, false
		default:
			all, ok = c.all, true
		}
	}
	return all, ok
}

func (j *joiner) joinKinds() []Kind {
	kinds := make([]Kind, j.rows())
	for i, c := range j.chunks {
		switch rows := kinds[j.from[i]:j.from[i+1]]; {
		case c == nil:
		case c.kinds != nil:
			copy(rows, c.kinds)
		default:
			fill(rows, c.all)
		}
	}
	return kinds
}

// sameWord returns the word of all rows that have a value, if it is the same for all.
func (j *joiner) sameWord() (same uint64, ok bool) {
	if j.words != nil {
		return 0, false
	}
	for i, c := range j.chunks {
		switch {
		case c == nil || j.from[i] == j.from[i+1]:
		case ok && c.same != same:
			return 0, false
		default:
			same, ok = c.same, true
		}
	}
	return same, true
}

// code returns the codes that the column has for the texts of a chunk.
func (j *joiner) code(texts []string) []uint64 {
	if len(texts) == 0 {
		return nil
	}
	if j.codes == nil {
		j.codes = map[string]uint64{}
	}
	codes := make([]uint64, len(texts))
	for i, text := range texts {
		code, ok := j.codes[text]
		if !ok {
			code = uint64(len(j.texts))
			j.codes[text] = code
			j.texts = append(j.texts, text)
		}
		codes[i] = code
	}
	return codes
}

func fill[T any](all []T, v T) {
	for i := range all {
		all[i] = v
	}
}

// Is reports whether a fact that is true or false is true for a row.
func (t *Table) Is(fact string, row int) bool { return t.Column(Facts, fact).Kind(row) != Absent }

// Definitions returns what the run of a row defines about its metrics. ok is false if only its record says it. The
// caller must not change the slice.
func (t *Table) Definitions(row int) (defined []format.Definition, ok bool) {
	c := t.Column(Facts, Definition)
	switch c.Kind(row) {
	case Absent:
		return nil, true
	case List:
	default:
		return nil, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if defined, ok := t.defined[c.Code(row)]; ok {
		return defined, defined != nil
	}
	if t.defined == nil {
		t.defined = map[int][]format.Definition{}
	}
	defined = readDefinitions(c, row)
	t.defined[c.Code(row)] = defined
	return defined, defined != nil
}

func readDefinitions(c *Column, row int) []format.Definition {
	v, _ := c.Value(row)
	list, _ := v.([]any)
	var defined []format.Definition
	for _, item := range list {
		parts, _ := item.([]any)
		if len(parts) != 6 {
			return nil
		}
		var d format.Definition
		d.Name, _ = parts[0].(string)
		d.StepMetric, _ = parts[1].(string)
		d.StepSync, _ = parts[2].(bool)
		d.Hidden, _ = parts[3].(bool)
		d.Summary, _ = parts[4].(string)
		d.Goal, _ = parts[5].(string)
		defined = append(defined, d)
	}
	return defined
}
