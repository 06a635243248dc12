package git

import (
	"bytes"
	"fmt"
	"strings"
)

// Edit stores a tree with the changes made and returns its id, which is empty if nothing is left. It reads and writes
// only the folders that contain a change. If two changes have the same path, the later one is used.
func (t *Trees) Edit(tree string, edits []Edit) (string, error) {
	if len(edits) == 0 {
		return tree, nil
	}
	old, err := t.Read(tree)
	if err != nil {
		return "", err
	}
	here := make(map[string]Edit, len(edits))
	below := map[string][]Edit{}
	for _, e := range edits {
		name, rest, deeper := strings.Cut(e.Path, "/")
		if name == "" {
			return "", fmt.Errorf("changing a tree: %q is not a valid path", e.Path)
		}
		if deeper {
			below[name] = append(below[name], Edit{rest, e.Mode, e.ID})
			continue
		}
		here[name] = e
		delete(below, name) // an earlier change in the folder that this one removes or replaces
	}
	entries := make([]TreeEntry, 0, len(old)+len(here)+len(below))
	seen := map[string]bool{}
	apply := func(name string, was TreeEntry) error {
		seen[name] = true
		if e, ok := here[name]; ok {
			was = TreeEntry{e.Mode, name, e.ID}
		}
		if more := below[name]; len(more) > 0 {
			from := was.ID
			if !was.IsTree() {
				from = ""
			}
			id, err := t.Edit(from, more)
			if err != nil {
				return err
			}
			if id != "" || from != "" { // otherwise the changes only remove paths that do not exist
				was = TreeEntry{"40000", name, id}
			}
		}
		if was.ID != "" {
			entries = append(entries, was)
		}
		return nil
	}
	for _, e := range old {
		if err := apply(e.Name, e); err != nil {
			return "", err
		}
	}
	for name := range here {
		if !seen[name] {
			if err := apply(name, TreeEntry{Name: name}); err != nil {
				return "", err
			}
		}
	}
	for name := range below {
		if !seen[name] {
			if err := apply(name, TreeEntry{Name: name}); err != nil {
				return "", err
			}
		}
	}
	if len(entries) == 0 {
		return "", nil
	}
	return t.write(entries)
}

// write stores a tree. Git sorts its entries.
func (t *Trees) write(entries []TreeEntry) (string, error) {
	var b bytes.Buffer
	for _, e := range entries {
		kind := "blob"
		switch strings.TrimLeft(e.Mode, "0") {
		case "40000":
			kind = "tree"
		case "160000":
			kind = "commit"
		}
		fmt.Fprintf(&b, "%s %s %s\t%s\x00", e.Mode, kind, e.ID, e.Name)
	}
	b.WriteByte(0)
	if t.make == nil {
		var err error
		if t.make, err = t.begin(); err != nil {
			return "", err
		}
	}
	// `git mktree` prints the id of a tree even if it could not write it, because the disk is full or `git gc` has just
	// removed the folder. So each tree is read back.
	var missing error
	for range writeTries {
		if _, err := t.make.in.Write(b.Bytes()); err != nil {
			return "", t.make.failed(err)
		}
		line, err := t.make.out.ReadString('\n')
		if err != nil {
			return "", t.make.failed(err)
		}
		id := strings.TrimSpace(line)
		if _, missing = t.Read(id); missing == nil {
			return id, nil
		}
	}
	return "", t.make.failed(missing)
}

// writeTries is how often a tree is written if it cannot be read back.
const writeTries = 5

// Empty returns the id of the tree without entries.
func (t *Trees) Empty() (string, error) { return t.write(nil) }
