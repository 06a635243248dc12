package index

import (
	"slices"

	"github.com/gitruns/runs/format"
)

// Kept is a set of runs that never changes, like the runs of a day in a commit.
type Kept struct {
	Key string // tells the set apart from every other by its content; at most 64 bytes
	IDs []string
}

// OpenKept returns the runs of sets, from the cache if it has them. read reads the others, and leaves out those that
// it cannot read. A set that misses some is not kept. The sets that the cache had besides are dropped if others are
// added.
func (c *Cache) OpenKept(sets []Kept, read func(ids []string) ([]*format.Run, error)) ([]*Block, error) {
	var blocks []*Block
	var days []*Day
	var missing []Kept
	var ids []string
	for _, set := range sets {
		if d := c.Day(set.Key); d != nil && d.Block.Len() == len(set.IDs) {
			blocks, days = append(blocks, d.Block), append(days, d)
			continue
		}
		missing = append(missing, set)
		ids = append(ids, set.IDs...)
	}
	if len(missing) == 0 {
		return blocks, nil
	}
	runs, err := read(ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*format.Run, len(runs))
	for _, run := range runs {
		byID[run.ID] = run
	}
	for _, set := range missing {
		var b Builder
		for _, id := range set.IDs {
			if run := byID[id]; run != nil {
				b.Add(run)
			}
		}
		data, _ := b.Encode()
		block, err := ParseBlock(data)
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, block)
		if block.Len() == len(set.IDs) && len(set.Key) <= nameSize {
			days = append(days, &Day{Name: set.Key, Block: block, State: 1, stamps: make([]uint64, block.Len())})
		}
	}
	c.keep(days)
	return blocks, nil
}

// keep writes the cache if it can. Without it, the next call is slower.
func (c *Cache) keep(days []*Day) {
	tmp, err := c.temporary()
	if err != nil {
		return
	}
	r := reading{tmp: tmp}
	defer r.end()
	_ = c.save(tmp, slices.Clone(days), 1, false)
}
