package native

import (
	"bytes"
	"slices"
	"strings"
)

// Entry is an entry of a tree.
type Entry struct {
	Mode string // as Git stores it: 40000 for a folder
	Name string
	ID   ID
}

// IsTree reports whether the entry is a folder.
func (e Entry) IsTree() bool { return strings.TrimLeft(e.Mode, "0") == "40000" }

// maxTreeBytes is the largest size of a tree object, enough for a folder of a million files.
const maxTreeBytes = 64 << 20

// ReadTree returns the entries of a tree. The zero id is the tree without entries.
func (r *Repository) ReadTree(id ID) ([]Entry, error) {
	if id.IsZero() || id == EmptyTree {
		return nil, nil
	}
	data, err := r.Read(id, Tree, maxTreeBytes)
	if err != nil {
		return nil, err
	}
	return parseTree(id, data)
}

// EmptyTree is the id of the tree without entries, which every repository has.
var EmptyTree = ID{
	0x4b, 0x82, 0x5d, 0xc6, 0x42, 0xcb, 0x6e, 0xb9, 0xa0, 0x60, 0xe5, 0x4b, 0xf8, 0xd6, 0x92, 0x88, 0xfb, 0xee, 0x49, 0x04,
}

func parseTree(id ID, data []byte) ([]Entry, error) {
	var entries []Entry
	for len(data) > 0 {
		head, rest, ok := bytes.Cut(data, []byte{0})
		mode, name, ok2 := strings.Cut(string(head), " ")
		if !ok || !ok2 || name == "" || strings.Contains(name, "/") || len(rest) < len(ID{}) || !validMode(mode) {
			return nil, &Damaged{"tree " + id.String(), "it has an entry that is not valid"}
		}
		e := Entry{Mode: mode, Name: name}
		copy(e.ID[:], rest)
		entries = append(entries, e)
		data = rest[len(e.ID):]
	}
	return entries, nil
}

func validMode(mode string) bool {
	switch strings.TrimLeft(mode, "0") {
	case "40000", "100644", "100755", "100664", "120000", "160000":
		return true
	}
	return false
}

// Find returns the entry at a path of a tree. ok is false if there is none.
func (r *Repository) Find(tree ID, path string) (e Entry, ok bool, err error) {
	e = Entry{Mode: "40000", ID: tree}
	for step := range strings.SplitSeq(path, "/") {
		if !e.IsTree() {
			return Entry{}, false, nil
		}
		entries, err := r.ReadTree(e.ID)
		if err != nil {
			return Entry{}, false, err
		}
		i := slices.IndexFunc(entries, func(e Entry) bool { return e.Name == step })
		if i < 0 {
			return Entry{}, false, nil
		}
		e = entries[i]
	}
	return e, true, nil
}

// maxDepth bounds how deep folders are nested.
const maxDepth = 2048

// Change is a path that differs between two trees. The mode and the id of a side that does not have it are empty.
type Change struct {
	Path     string
	From, To Entry // without names
}

// Diff calls visit for each file that differs between two trees, in the order of Git's indexes. Of folders, it looks
// only into those for which enter returns true; enter may be nil.
func (r *Repository) Diff(from, to ID, enter func(path string) bool, visit func(Change) error) error {
	return r.diff("", from, to, 0, enter, visit)
}

func (r *Repository) diff(
	prefix string, from, to ID, depth int, enter func(string) bool, visit func(Change) error,
) error {
	if from == to {
		return nil
	}
	if depth > maxDepth {
		return &Damaged{"tree " + to.String(), "its folders are nested too deep"}
	}
	a, err := r.ReadTree(from)
	if err != nil {
		return err
	}
	b, err := r.ReadTree(to)
	if err != nil {
		return err
	}
	for len(a) > 0 || len(b) > 0 {
		order := 0
		switch {
		case len(a) == 0:
			order = 1
		case len(b) == 0:
			order = -1
		default:
			order = strings.Compare(sortKey(a[0]), sortKey(b[0]))
		}
		var x, y Entry
		if order <= 0 {
			x, a = a[0], a[1:]
		}
		if order >= 0 {
			y, b = b[0], b[1:]
		}
		if x.ID == y.ID && sameMode(x.Mode, y.Mode) {
			continue
		}
		name := x.Name + y.Name
		if order == 0 {
			name = x.Name
		}
		path := prefix + name
		if x.IsTree() || y.IsTree() { // both, or one is missing: the keys of a file and a folder differ
			if enter != nil && !enter(path) {
				continue
			}
			if err := r.diff(path+"/", x.ID, y.ID, depth+1, enter, visit); err != nil {
				return err
			}
			continue
		}
		x.Name, y.Name = "", ""
		if err := visit(Change{path, x, y}); err != nil {
			return err
		}
	}
	return nil
}

func sameMode(a, b string) bool { return strings.TrimLeft(a, "0") == strings.TrimLeft(b, "0") }

// sortKey is what Git sorts the entries of a tree by.
func sortKey(e Entry) string {
	if e.IsTree() {
		return e.Name + "/"
	}
	return e.Name
}
