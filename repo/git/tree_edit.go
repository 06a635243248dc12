package git

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
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

// WriteTo makes Edit and Empty write trees to w. They exist in the repository after w.Store. Until then, Read
// knows those that Edit and Empty have made.
func (t *Trees) WriteTo(w *ObjectWriter) { t.to = w.Encoder() }

// Folder adds a tree with these files and returns its id. The names of files in folders contain slashes. It may change
// the order of the files.
func (e *Encoder) Folder(files []TreeEntry) (string, error) {
	var entries []TreeEntry
	below := map[string][]TreeEntry{}
	for _, f := range files {
		name, rest, deeper := strings.Cut(f.Name, "/")
		if !deeper {
			entries = append(entries, f)
			continue
		}
		below[name] = append(below[name], TreeEntry{f.Mode, rest, f.ID})
	}
	for name, files := range below {
		id, err := e.Folder(files)
		if err != nil {
			return "", err
		}
		entries = append(entries, TreeEntry{"40000", name, id})
	}
	data, err := encodeTree(entries)
	if err != nil {
		return "", err
	}
	return e.tree(data)
}

// encodeTree returns the content of a tree object. It sorts the entries as Git does: a folder as if its name ended in a
// slash.
func encodeTree(entries []TreeEntry) ([]byte, error) {
	key := func(e TreeEntry) string {
		if e.IsTree() {
			return e.Name + "/"
		}
		return e.Name
	}
	slices.SortFunc(entries, func(a, b TreeEntry) int { return strings.Compare(key(a), key(b)) })
	var data []byte
	for i, e := range entries {
		if e.Name == "" || strings.ContainsAny(e.Name, "/\x00") || i > 0 && e.Name == entries[i-1].Name {
			return nil, fmt.Errorf("changing a tree: %q is not a valid name", e.Name)
		}
		id, err := hex.DecodeString(e.ID)
		if err != nil {
			return nil, fmt.Errorf("changing a tree: %q is not an object id", e.ID)
		}
		data = append(append(append(data, strings.TrimLeft(e.Mode, "0")...), ' '), e.Name...)
		data = append(append(data, 0), id...)
	}
	return data, nil
}

// write stores a tree. Git sorts its entries.
func (t *Trees) write(entries []TreeEntry) (string, error) {
	if t.to != nil {
		data, err := encodeTree(entries)
		if err != nil {
			return "", err
		}
		id, err := t.to.tree(data)
		if err == nil {
			t.known[id] = entries
			err = t.to.Flush()
		}
		return id, err
	}
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
		id, err := t.make.make(entries)
		if err != nil {
			return "", err
		}
		if _, missing = t.Read(id); missing == nil {
			return id, nil
		}
	}
	return "", t.make.failed(missing)
}

// treeProcess is a treeMaker that keeps a process of Git running.
type treeProcess struct{ *coprocess }

func (p program) treeMaker(ctx context.Context) (treeMaker, error) {
	// Git need not check that the entries of a tree exist, because every id comes from Git itself.
	process, err := p.command().start(ctx, "mktree", "-z", "--batch", "--missing")
	if err != nil {
		return nil, err
	}
	return treeProcess{process}, nil
}

func (p treeProcess) make(entries []TreeEntry) (string, error) {
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
	if _, err := p.in.Write(b.Bytes()); err != nil {
		return "", p.failed(err)
	}
	line, err := p.out.ReadString('\n')
	if err != nil {
		return "", p.failed(err)
	}
	return strings.TrimSpace(line), nil
}

// writeTries is how often a tree is written if it cannot be read back.
const writeTries = 5

// Empty returns the id of the tree without entries.
func (t *Trees) Empty() (string, error) { return t.write(nil) }
