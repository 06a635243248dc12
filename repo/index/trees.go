package index

import (
	"slices"
	"time"

	"github.com/gitruns/runs/format"
)

// The runs of a folder in a commit never change: their block is kept under the id of the folder's tree. A cache of such
// blocks has no more than maxTreeBytes: those go that the last call did not use, the oldest first.
const maxTreeBytes = 64 << 20

// Tree returns the runs of the folder of a day with this tree, or nil if the cache does not have them.
func (c *Cache) Tree(id, day string) *Block {
	d := c.days[id]
	if d == nil || slices.ContainsFunc(d.Block.ids, func(run string) bool {
		return format.CheckID(run) != nil || format.IDDay(run) != day
	}) {
		return nil
	}
	return d.Block
}

// AddTrees writes blocks by the ids of their trees, next to those that the cache has. used are the trees of the last
// call. It is not an error if the cache cannot be written: the next call is slower.
func (c *Cache) AddTrees(blocks map[string]*Block, used map[string]bool) {
	tmp, err := c.temporary()
	if err != nil {
		return
	}
	r := &reading{Home: &Home{Cache: c}, tmp: tmp}
	defer r.end()
	for id, b := range blocks {
		c.days[id] = &Day{
			Name: id, Read: time.Now().UnixNano(), Block: b, stamps: make([]uint64, b.Len()), places: make([]uint16, b.Len()),
		}
	}
	days := make([]*Day, 0, len(c.days))
	for _, d := range c.days {
		days = append(days, d)
	}
	slices.SortFunc(days, func(a, b *Day) int {
		if used[a.Name] != used[b.Name] {
			if used[a.Name] {
				return -1
			}
			return 1
		}
		return int(b.Read/int64(time.Millisecond) - a.Read/int64(time.Millisecond))
	})
	size := 0
	for i, d := range days {
		if size += len(d.Block.data) + 8*len(d.stamps); size > maxTreeBytes {
			days = days[:i]
			break
		}
	}
	_ = c.save(tmp, days, 1, false)
}
