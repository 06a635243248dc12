package index

import (
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
)

// The runs of a folder in a commit never change: their block is kept under the id of the folder's tree. A cache of such
// blocks has no more than maxTreeBytes: those go that the last call did not use, the oldest first.
const maxTreeBytes = 64 << 20

// Tree returns the runs of the folder of a day with this tree, or nil if the cache does not have them.
func (c *Cache) Tree(id, day string) *Block {
	d := c.days[id]
	if d == nil || format.CheckDay(day) != nil {
		return nil
	}
	prefix := strings.ReplaceAll(day, "-", "") // one comparison for each id, without a text for its day
	if slices.ContainsFunc(d.Block.ids, func(run string) bool {
		return format.CheckID(run) != nil || !strings.HasPrefix(run, prefix)
	}) {
		return nil
	}
	return d.Block
}

// Folder is what is known of the folder of a day in a commit without its records.
type Folder struct {
	IDs   []string // of the runs in it, sorted
	Batch string   // the name of a batch in it; empty if it has none
}

// Folder returns the runs in the folder of a day with this tree. ok is false if the cache does not have it.
func (c *Cache) Folder(id, day string) (f Folder, ok bool) {
	b := c.Tree(id, day)
	if b == nil {
		return Folder{}, false
	}
	f.IDs = slices.Clone(b.ids)
	slices.Sort(f.IDs)
	if batches := c.days[id].batches; len(batches) > 0 {
		f.Batch = batches[0].name
	}
	return f, true
}

// AddFolders is AddTrees for folders. The cache must have nothing else.
func (c *Cache) AddFolders(folders map[string]Folder, used map[string]bool) {
	days := make([]*Day, 0, len(folders))
	for id, f := range folders {
		builder := Builder{ids: f.IDs, started: make([]int64, len(f.IDs))}
		data, _ := builder.Encode()
		b, err := ParseBlock(data)
		if err != nil {
			continue
		}
		d := newTreeDay(id, b)
		if f.Batch != "" {
			d.batches = []batchStamp{{f.Batch, noRecords}}
		}
		days = append(days, d)
	}
	c.addTrees(days, used)
}

// newTreeDay returns a day that never changes.
func newTreeDay(id string, b *Block) *Day {
	return &Day{
		Name: id, Read: time.Now().UnixNano(), Block: b, stamps: make([]uint64, b.Len()), places: make([]uint16, b.Len()),
	}
}

// AddTrees writes blocks by the ids of their trees, next to those that the cache has. used are the trees of the last
// call. It is not an error if the cache cannot be written: the next call is slower.
func (c *Cache) AddTrees(blocks map[string]*Block, used map[string]bool) {
	days := make([]*Day, 0, len(blocks))
	for id, b := range blocks {
		days = append(days, newTreeDay(id, b))
	}
	c.addTrees(days, used)
}

func (c *Cache) addTrees(added []*Day, used map[string]bool) {
	tmp, err := c.temporary()
	if err != nil {
		return
	}
	r := &reading{Home: &Home{Cache: c}, tmp: tmp}
	defer r.end()
	for _, d := range added {
		c.days[d.Name] = d
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
