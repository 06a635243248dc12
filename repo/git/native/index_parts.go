package native

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"path/filepath"
	"slices"
	"strings"
)

// ReadIndex reads an index file of the repository. If there is none, the index has no entries. The index returned is
// whole: a split index is joined with the file that it shares, and the folders of a sparse index with their files. Git
// reads an index that is written so, too. The error is an *Unsupported if only Git reads it.
func (r *Repository) ReadIndex(file string) (*Index, error) {
	index, err := readIndexFile(file)
	if err != nil {
		return nil, err
	}
	if index.link != nil {
		if err := r.join(index); err != nil {
			return nil, fmt.Errorf("reading the index: %w", err)
		}
	}
	if index.sparse {
		if err := r.expand(index); err != nil {
			return nil, fmt.Errorf("reading the index: %w", err)
		}
	}
	return index, nil
}

// join makes a split index whole.
func (r *Repository) join(index *Index) error {
	if index.sparse {
		return &Damaged{"the index", "it is split and sparse at once"}
	}
	link := index.link
	var shared ID
	if index.link = nil; len(link) < len(shared) {
		return &Damaged{"the index", "the name of its shared file is too short"}
	}
	copy(shared[:], link)
	base := &Index{}
	if !shared.IsZero() {
		file := filepath.Join(r.Git, "sharedindex."+shared.String())
		var err error
		switch base, err = readIndexFile(file); {
		case err != nil:
			return err
		case base.Info == nil:
			return &Damaged{"the index", "its shared file " + file + " is missing"}
		case base.sum != shared:
			return &Damaged{file, "its checksum is not its name"}
		case base.link != nil || base.sparse:
			return &Damaged{file, "it is split or sparse itself"}
		}
	}
	return index.joinTo(base, link[len(shared):])
}

// joinTo puts the entries of a split index over those of its base. The bitmaps say which of the base's entries are
// removed, and which are replaced by the first of the index.
func (x *Index) joinTo(base *Index, bitmaps []byte) error {
	damaged := func(why string) error { return &Damaged{"the index", why} }
	var removed, replaced []int
	if len(bitmaps) > 0 {
		var ok, ok2 bool
		removed, bitmaps, ok = readBitmap(bitmaps, len(base.Entries))
		replaced, bitmaps, ok2 = readBitmap(bitmaps, len(base.Entries))
		if !ok || !ok2 || len(bitmaps) > 0 {
			return damaged("it does not say which entries of its shared file it changes")
		}
	}
	if len(replaced) > len(x.Entries) {
		return damaged("it replaces more entries than it has")
	}
	entries := slices.Clone(base.Entries)
	for i, at := range replaced {
		e := x.Entries[i]
		if e.Path != "" {
			return damaged(fmt.Sprintf("the entry %.200q replaces one of another name", e.Path))
		}
		e.Path = entries[at].Path
		entries[at] = e
	}
	type place struct {
		path  string
		stage int
	}
	added := map[place]bool{}
	for _, e := range x.Entries[len(replaced):] {
		if e.Path == "" {
			return damaged("an entry has no name")
		}
		added[place{e.Path, e.Stage}] = true
	}
	gone := make([]bool, len(entries))
	for _, at := range removed {
		gone[at] = true
	}
	whole := make([]IndexEntry, 0, len(entries)+len(added))
	for i, e := range entries {
		if !gone[i] && !added[place{e.Path, e.Stage}] && !added[place{e.Path, 0}] {
			whole = append(whole, e)
		}
	}
	whole = append(whole, x.Entries[len(replaced):]...)
	slices.SortStableFunc(whole, compareEntries)
	x.Entries = whole
	return nil
}

func compareEntries(a, b IndexEntry) int {
	if order := strings.Compare(a.Path, b.Path); order != 0 {
		return order
	}
	return a.Stage - b.Stage
}

// readBitmap reads a bitmap as gitformat-bitmap describes it, and returns the places of the bits that are set, and what
// follows it. ok is false if a place is not below limit, or if the bitmap is not valid.
func readBitmap(data []byte, limit int) (places []int, rest []byte, ok bool) {
	const head, wordBytes, tail = 8, 8, 4
	if len(data) < head {
		return nil, nil, false
	}
	count := int64(binary.BigEndian.Uint32(data[4:]))
	if count > int64(len(data)-head-tail)/wordBytes {
		return nil, nil, false
	}
	words := data[head : head+count*wordBytes]
	rest = data[head+count*wordBytes+tail:]
	next := func() uint64 {
		word := binary.BigEndian.Uint64(words)
		words = words[wordBytes:]
		return word
	}
	at := uint64(0) // below 2^38 times the number of words
	for len(words) > 0 {
		marker := next()
		run, literals := marker>>1&(1<<32-1)*64, marker>>33
		if literals > uint64(len(words)/wordBytes) || at > 1<<62 {
			return nil, nil, false
		}
		if marker&1 == 1 {
			if at+run > uint64(limit) {
				return nil, nil, false
			}
			for i := range run {
				places = append(places, int(at+i))
			}
		}
		at += run
		for range literals {
			for word := next(); word != 0; word &= word - 1 {
				place := at + uint64(bits.TrailingZeros64(word))
				if place >= uint64(limit) {
					return nil, nil, false
				}
				places = append(places, int(place))
			}
			at += 64
		}
	}
	return places, rest, true
}

// maxExpanded bounds how many entries the folders of a sparse index are replaced by.
const maxExpanded = 10_000_000

// expand puts the files of the folders into a sparse index, of which none is in the working tree.
func (r *Repository) expand(index *Index) error {
	whole := make([]IndexEntry, 0, len(index.Entries))
	var add func(folder string, tree ID, depth int) error
	add = func(folder string, tree ID, depth int) error {
		if depth > maxDepth {
			return &Damaged{"tree " + tree.String(), "its folders are nested too deep"}
		}
		entries, err := r.ReadTree(tree)
		if errors.Is(err, ErrNoObject) {
			return &Unsupported{What: fmt.Sprintf("the index is sparse, and the clone lacks tree %s of %q", tree, folder)}
		}
		if err != nil {
			return err
		}
		for _, e := range entries {
			if e.IsTree() {
				if err := add(folder+e.Name+"/", e.ID, depth+1); err != nil {
					return err
				}
				continue
			}
			mode, ok := indexMode(e.Mode)
			if !ok || checkIndexPath(folder+e.Name) != nil {
				return &Damaged{"tree " + tree.String(), fmt.Sprintf("its entry %.200q is not valid", e.Name)}
			}
			if len(whole) == maxExpanded {
				return &Unsupported{What: fmt.Sprintf("the index is sparse, and stands for more than %d files", maxExpanded)}
			}
			whole = append(whole, IndexEntry{Path: folder + e.Name, ID: e.ID, Mode: mode, SkipWorktree: true})
		}
		return nil
	}
	for _, e := range index.Entries {
		if e.Mode != folderMode {
			whole = append(whole, e)
			continue
		}
		if e.Stage > 0 || !e.SkipWorktree || !strings.HasSuffix(e.Path, "/") ||
			checkIndexPath(strings.TrimSuffix(e.Path, "/")) != nil {
			return &Damaged{"the index", fmt.Sprintf("the folder %.200q is not that of a sparse index", e.Path)}
		}
		if err := add(e.Path, e.ID, 0); err != nil {
			return err
		}
	}
	if !slices.IsSortedFunc(whole, compareEntries) {
		return &Damaged{"the index", "its folders have entries that are not sorted"}
	}
	// The ids of folders that it keeps count a folder as one entry.
	index.Entries, index.trees, index.sparse = whole, nil, false
	return nil
}

// indexMode returns the mode of an index's entry for the mode of a tree's.
func indexMode(mode string) (uint32, bool) {
	switch strings.TrimLeft(mode, "0") {
	case "100644", "100664":
		return 0o100644, true
	case "100755":
		return 0o100755, true
	case "120000":
		return 0o120000, true
	case "160000":
		return 0o160000, true
	}
	return 0, false
}
