package reads

import (
	"path"
	"slices"
	"strings"
)

// MaxDatasets is how many datasets the files of a run make at most, if folders can be joined.
const MaxDatasets = 20

// Set is a dataset of files that were read: a single file, or some files of a folder.
type Set struct {
	Path  string   // of the file or the folder, with slashes
	Files []string // relative to the folder, sorted; nil for a single file
}

// Len returns the number of files.
func (s Set) Len() int { return max(1, len(s.Files)) }

// node is a folder with the files that were read directly in it.
type node struct {
	path     string
	depth    int
	files    []string // names
	children map[string]*node
	sets     int  // that the folder and those below make
	joined   bool // all below is one set
}

// Group makes datasets of files, whose paths have slashes and no duplicates. From `from` files of a folder on, these
// are one dataset; fewer are datasets of their own. If that makes more than MaxDatasets, whole folders are joined, the
// deepest first. may reports whether a folder can be a dataset.
func Group(files []string, from int, may func(dir string) bool) []Set {
	root := &node{}
	for _, file := range files {
		root.add(file)
	}
	var levels [][]*node
	var count func(n *node) int
	count = func(n *node) int {
		for len(levels) <= n.depth {
			levels = append(levels, nil)
		}
		levels[n.depth] = append(levels[n.depth], n)
		n.sets = len(n.files)
		if len(n.files) >= from && may(n.path) {
			n.sets = 1
		}
		for _, child := range n.children {
			n.sets += count(child)
		}
		return n.sets
	}
	total := count(root)
	for depth := len(levels) - 1; depth > 0 && total > MaxDatasets; depth-- {
		level := slices.DeleteFunc(levels[depth], func(n *node) bool { return n.sets < 2 || !may(n.path) })
		slices.SortFunc(level, func(a, b *node) int {
			if a.sets != b.sets {
				return b.sets - a.sets
			}
			return strings.Compare(a.path, b.path)
		})
		for _, n := range level {
			if total <= MaxDatasets {
				break
			}
			total -= n.sets - 1
			n.joined = true
		}
		if depth > 1 {
			recount(levels[depth-1], from, may)
		}
	}
	var sets []Set
	root.collect(from, may, &sets)
	slices.SortFunc(sets, func(a, b Set) int { return strings.Compare(a.Path, b.Path) })
	return sets
}

// recount counts the sets of folders again, after some of their subfolders were joined.
func recount(level []*node, from int, may func(string) bool) {
	for _, n := range level {
		n.sets = len(n.files)
		if len(n.files) >= from && may(n.path) {
			n.sets = 1
		}
		for _, child := range n.children {
			if child.joined {
				n.sets++
			} else {
				n.sets += child.sets
			}
		}
	}
}

func (n *node) add(file string) {
	for {
		first, rest, ok := strings.Cut(file, "/")
		if !ok {
			n.files = append(n.files, file)
			return
		}
		child := n.children[first]
		if child == nil {
			child = &node{path: n.path + first, depth: n.depth + 1}
			if n.depth > 0 {
				child.path = n.path + "/" + first
			}
			if n.children == nil {
				n.children = map[string]*node{}
			}
			n.children[first] = child
		}
		n, file = child, rest
	}
}

func (n *node) collect(from int, may func(string) bool, sets *[]Set) {
	if n.joined {
		var files []string
		n.each("", func(file string) { files = append(files, file) })
		slices.Sort(files)
		*sets = append(*sets, Set{n.path, files})
		return
	}
	if len(n.files) >= from && may(n.path) {
		slices.Sort(n.files)
		*sets = append(*sets, Set{n.path, n.files})
	} else {
		for _, file := range n.files {
			full := file
			if n.depth > 0 {
				full = n.path + "/" + file
			}
			*sets = append(*sets, Set{Path: full})
		}
	}
	for _, child := range n.children {
		child.collect(from, may, sets)
	}
}

func (n *node) each(prefix string, visit func(string)) {
	for _, file := range n.files {
		visit(prefix + file)
	}
	for name, child := range n.children {
		child.each(prefix+name+"/", visit)
	}
}

// Names returns a name for each dataset: that of its file without the ending or of its folder, with as many folders
// before it as it takes to tell it from the others and from those in taken. shown is how many parts of each path may be
// named, from the end.
//
// Two names must differ in their keys.
func Names(sets []Set, shown func(Set) int, key func(string) string, taken func(name string, s Set) bool) []string {
	names := make([]string, len(sets))
	used := map[string]bool{}
	for i, s := range sets {
		parts := strings.Split(s.Path, "/")
		last := len(parts) - 1
		if base := strings.TrimSuffix(parts[last], path.Ext(parts[last])); s.Files == nil && base != "" {
			parts[last] = base
		}
		most := max(1, min(shown(s), len(parts)))
		for n := 1; ; n++ {
			name := strings.Join(parts[len(parts)-min(n, most):], "/")
			if n > most {
				name += "-" + suffix(n-most+1)
			}
			if !used[key(name)] && !taken(name, s) {
				names[i], used[key(name)] = name, true
				break
			}
		}
	}
	return names
}

func suffix(n int) string {
	var digits []byte
	for ; n > 0; n /= 10 {
		digits = append(digits, byte('0'+n%10))
	}
	slices.Reverse(digits)
	return string(digits)
}
