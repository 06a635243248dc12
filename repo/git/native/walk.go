package native

import (
	"container/heap"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// CommitObject is a commit. A shallow clone lacks some parents, which are left out.
type CommitObject struct {
	ID      ID
	Tree    ID
	Parents []ID
	Time    int64 // of the committer, in seconds since 1970
}

// maxCommitBytes is the largest size of a commit or tag.
const maxCommitBytes = 4 << 20

// Commit reads a commit.
func (r *Repository) Commit(id ID) (*CommitObject, error) {
	data, err := r.Read(id, Commit, maxCommitBytes)
	if err != nil {
		return nil, err
	}
	c := &CommitObject{ID: id}
	damaged := func(why string) error { return &Damaged{"commit " + id.String(), why} }
	head, _, _ := strings.Cut(string(data), "\n\n")
	for i, line := range strings.Split(head, "\n") {
		key, value, _ := strings.Cut(line, " ")
		switch {
		case i == 0:
			var ok bool
			if c.Tree, ok = ParseID(value); !ok || key != "tree" {
				return nil, damaged("it does not name its tree")
			}
		case key == "parent":
			parent, ok := ParseID(value)
			if !ok {
				return nil, damaged("it does not name its parents")
			}
			c.Parents = append(c.Parents, parent)
		case key == "committer":
			if at := strings.LastIndex(value, "> "); at >= 0 {
				digits, _, _ := strings.Cut(value[at+2:], " ")
				c.Time, _ = strconv.ParseInt(digits, 10, 64) // Git takes a time that it cannot read for 0
			}
		}
	}
	if r.shallow[id] {
		c.Parents = nil
	}
	return c, nil
}

// queue holds commits, the newest first; of those with the same time, the one that was added first.
type queue struct {
	commits []*CommitObject
	order   []int
	added   int
}

func (q *queue) Len() int { return len(q.commits) }

func (q *queue) Less(i, j int) bool {
	if q.commits[i].Time != q.commits[j].Time {
		return q.commits[i].Time > q.commits[j].Time
	}
	return q.order[i] < q.order[j]
}

func (q *queue) Swap(i, j int) {
	q.commits[i], q.commits[j] = q.commits[j], q.commits[i]
	q.order[i], q.order[j] = q.order[j], q.order[i]
}

func (q *queue) Push(x any) {
	if c, ok := x.(*CommitObject); ok {
		q.commits, q.order = append(q.commits, c), append(q.order, q.added)
		q.added++
	}
}

func (q *queue) Pop() any {
	n := len(q.commits) - 1
	c := q.commits[n]
	q.commits, q.order = q.commits[:n], q.order[:n]
	return c
}

func (q *queue) next() *CommitObject {
	c, _ := heap.Pop(q).(*CommitObject)
	return c
}

// The flags of a commit in a walk.
const (
	fromOne   = 1 << iota // reachable from the first commit
	fromOther             // reachable from one of the others
	stale                 // an ancestor of a common ancestor
	result
)

// MergeBase returns the best common ancestor of a commit and any of the others, the newest if there are several. It is
// zero if there is none.
func (r *Repository) MergeBase(one ID, others ...ID) (ID, error) {
	for _, other := range others {
		if one == other {
			return one, nil
		}
	}
	found, err := r.commonAncestors(one, others)
	if err != nil || len(found) == 0 {
		return ID{}, err
	}
	// An ancestor of another one is none of the best. Times that are wrong can let the walk find both.
	var best []*CommitObject
	for i, c := range found {
		below := false
		for j, other := range found {
			if i == j || below {
				continue
			}
			if below, err = r.IsAncestor(c.ID, other.ID); err != nil {
				return ID{}, err
			}
		}
		if !below {
			best = append(best, c)
		}
	}
	slices.SortStableFunc(best, func(a, b *CommitObject) int {
		switch {
		case a.Time > b.Time:
			return -1
		case a.Time < b.Time:
			return 1
		}
		return 0
	})
	return best[0].ID, nil
}

func (r *Repository) commonAncestors(one ID, others []ID) ([]*CommitObject, error) {
	flags := map[ID]int{}
	var q queue
	add := func(id ID, flag int) error {
		if flags[id]&flag == flag {
			return nil
		}
		c, err := r.Commit(id)
		if err != nil {
			return err
		}
		flags[id] |= flag
		heap.Push(&q, c)
		return nil
	}
	if err := add(one, fromOne); err != nil {
		return nil, err
	}
	for _, other := range others {
		if err := add(other, fromOther); err != nil {
			return nil, err
		}
	}
	var found []*CommitObject
	for slices.ContainsFunc(q.commits, func(c *CommitObject) bool { return flags[c.ID]&stale == 0 }) {
		c := q.next()
		flag := flags[c.ID] & (fromOne | fromOther | stale)
		if flag == fromOne|fromOther {
			if flags[c.ID]&result == 0 {
				flags[c.ID] |= result
				found = append(found, c)
			}
			flag |= stale
		}
		for _, parent := range c.Parents {
			if err := add(parent, flag); err != nil {
				return nil, err
			}
		}
	}
	return slices.DeleteFunc(found, func(c *CommitObject) bool { return flags[c.ID]&stale != 0 }), nil
}

// IsAncestor reports whether a commit is an ancestor of another, or is that same commit.
func (r *Repository) IsAncestor(id, of ID) (bool, error) { return r.Reaches([]ID{of}, id) }

// Reaches reports whether a commit is one of the tips or an ancestor of one.
func (r *Repository) Reaches(tips []ID, id ID) (bool, error) {
	found := false
	err := r.Walk(tips, nil, func(c *CommitObject) error {
		if c.ID == id {
			found = true
			return errStop
		}
		return nil
	})
	return found, err
}

// errStop ends a walk early, without an error.
var errStop = errors.New("the walk ends here")

// Walk calls visit for the commits that are reachable from tips and from none of the others, the newest first.
func (r *Repository) Walk(tips, without []ID, visit func(*CommitObject) error) error {
	return r.WalkBy(tips, without, func(c *CommitObject) ([]ID, error) { return c.Parents, visit(c) })
}

// WalkBy is like Walk, but goes on only with those parents of a commit that visit returns.
func (r *Repository) WalkBy(tips, without []ID, visit func(*CommitObject) ([]ID, error)) error {
	hidden := map[ID]bool{}
	if len(without) > 0 {
		// All of what is left out is known before the first visit, because the times of commits may be wrong.
		err := r.Walk(without, nil, func(c *CommitObject) error {
			hidden[c.ID] = true
			return nil
		})
		if err != nil {
			return err
		}
	}
	seen := map[ID]bool{}
	var q queue
	add := func(ids []ID) error {
		for _, id := range ids {
			if seen[id] || hidden[id] {
				continue
			}
			seen[id] = true
			c, err := r.Commit(id)
			if err != nil {
				return err
			}
			heap.Push(&q, c)
		}
		return nil
	}
	if err := add(tips); err != nil {
		return err
	}
	for q.Len() > 0 {
		c := q.next()
		parents, err := visit(c)
		if errors.Is(err, errStop) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := add(parents); err != nil {
			return err
		}
	}
	return nil
}

// Topological lists the commits that are reachable from tips and from none of the others, each before its parents.
func (r *Repository) Topological(tips, without []ID) ([]*CommitObject, error) {
	var all []*CommitObject
	children := map[ID]int{}
	known := map[ID]*CommitObject{}
	err := r.Walk(tips, without, func(c *CommitObject) error {
		all = append(all, c)
		known[c.ID] = c
		for _, parent := range c.Parents {
			children[parent]++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	// As `git rev-list --topo-order`: a line of history is shown to its end before another.
	var ready []*CommitObject
	for _, c := range slices.Backward(all) {
		if children[c.ID] == 0 {
			ready = append(ready, c)
		}
	}
	sorted := make([]*CommitObject, 0, len(all))
	for len(ready) > 0 {
		c := ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		sorted = append(sorted, c)
		for _, parent := range c.Parents {
			if children[parent]--; children[parent] == 0 && known[parent] != nil {
				ready = append(ready, known[parent])
			}
		}
	}
	return sorted, nil
}
