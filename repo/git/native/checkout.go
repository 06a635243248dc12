package native

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/gitruns/runs/repo/git/attributes"
)

// Load replaces the entries with those of a tree.
func (s *Stage) Load(tree ID) error {
	var entries []IndexEntry
	var walk func(prefix string, id ID, depth int) error
	walk = func(prefix string, id ID, depth int) error {
		if depth > maxDepth {
			return &Damaged{"tree " + tree.String(), "its folders are nested too deep"}
		}
		list, err := s.repository.ReadTree(id)
		if err != nil {
			return err
		}
		for _, e := range list {
			if e.IsTree() {
				if err := walk(prefix+e.Name+"/", e.ID, depth+1); err != nil {
					return err
				}
				continue
			}
			mode, err := parseMode(longMode(e.Mode))
			if err != nil {
				return err
			}
			entries = append(entries, IndexEntry{Path: prefix + e.Name, Mode: mode, ID: e.ID})
		}
		return nil
	}
	if err := walk("", tree, 0); err != nil {
		return err
	}
	s.Reset(entries)
	return nil
}

// CheckOut writes the files of the entries to dir, which must exist and be empty. Pointers of Git LFS are written as
// they are. The error is an *Unsupported if a file is stored in a way that only git reverses; then nothing is written.
func (s *Stage) CheckOut(dir string) error {
	entries, err := s.Entries()
	if err != nil {
		return err
	}
	found, err := s.conversions(entries)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	last := ""
	for i, e := range entries {
		name := filepath.FromSlash(e.Path)
		if folder := filepath.Dir(name); folder != last {
			if err := root.MkdirAll(folder, 0o777); err != nil {
				return fmt.Errorf("writing %s: %w", e.Path, err)
			}
			last = folder
		}
		if err := s.writeFile(root, name, e, found[i]); err != nil {
			return fmt.Errorf("writing %s: %w", e.Path, err)
		}
	}
	return nil
}

// CheckConversions returns the error of CheckOut for a file that is stored in a way that only git reverses.
func (s *Stage) CheckConversions() error {
	entries, err := s.Entries()
	if err == nil {
		_, err = s.conversions(entries)
	}
	return err
}

func (s *Stage) conversions(entries []IndexEntry) ([]conversion, error) {
	conversions, err := s.repository.newConverter(s.stagedAttributes)
	if err != nil {
		return nil, err
	}
	found := make([]conversion, len(entries))
	for i, e := range entries {
		if !validPath(e.Path) {
			return nil, fmt.Errorf("the path %.100q leads out of the tree", e.Path)
		}
		if e.Mode&0o170000 == 0o100000 {
			if found[i], err = conversions.of(e.Path); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// stagedAttributes returns the attributes of a folder in the index.
func (s *Stage) stagedAttributes(folder string) ([]byte, error) {
	return s.Staged(path.Join(folder, attributes.FileName))
}

func (s *Stage) writeFile(root *os.Root, name string, e IndexEntry, conv conversion) (err error) {
	switch e.Mode {
	case 0o160000:
		if err := root.Mkdir(name, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return nil
	case 0o120000:
		target, err := s.repository.Read(e.ID, Blob, maxRefBytes)
		if err != nil {
			return err
		}
		return root.Symlink(string(target), name)
	}
	data, err := s.repository.Read(e.ID, Blob, maxInMemory)
	if err != nil {
		return err
	}
	perm := fs.FileMode(0o666)
	if e.Mode&0o100 != 0 {
		perm = 0o777
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	_, err = f.Write(conv.smudge(data))
	return errors.Join(err, f.Close())
}

// Pointers lists the files of the entries that the attributes in them give to Git LFS.
func (s *Stage) Pointers() ([]string, error) {
	entries, err := s.Entries()
	if err != nil {
		return nil, err
	}
	return s.repository.filtered(entries, "lfs", s.stagedAttributes)
}

// WithFilter lists the files of an index that the attributes in the working tree give to a filter.
func (r *Repository) WithFilter(index *Index, filter string) ([]string, error) {
	stage, err := r.NewStage(index)
	if err != nil {
		return nil, err
	}
	return r.filtered(index.Entries, filter, stage.attributesOf)
}

func (r *Repository) filtered(
	entries []IndexEntry, filter string, read func(folder string) ([]byte, error),
) ([]string, error) {
	matcher, err := r.newAttributes(read)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, e := range entries {
		a, err := attrsOf(matcher, e.Path)
		if err != nil {
			return nil, err
		}
		if isValue(a.filter, filter) {
			paths = append(paths, e.Path)
		}
	}
	return paths, nil
}

// Without returns a tree without the folders of a name, at any depth. It stores the new trees.
func (r *Repository) Without(tree ID, folder string) (ID, error) {
	id, err := r.without(tree, folder, 0)
	if err == nil && id.IsZero() {
		return r.Write(Tree, nil, 0)
	}
	return id, err
}

func (r *Repository) without(tree ID, folder string, depth int) (ID, error) {
	if depth > maxDepth {
		return ID{}, &Damaged{"tree " + tree.String(), "its folders are nested too deep"}
	}
	list, err := r.ReadTree(tree)
	if err != nil {
		return ID{}, err
	}
	kept := make([]Entry, 0, len(list))
	changed := false
	for _, e := range list {
		if e.IsTree() {
			if e.Name == folder {
				changed = true
				continue
			}
			below, err := r.without(e.ID, folder, depth+1)
			if err != nil {
				return ID{}, err
			}
			if below != e.ID {
				changed = true
				e.ID = below
			}
			if below.IsZero() { // Git has no empty folders
				continue
			}
		}
		kept = append(kept, e)
	}
	switch {
	case !changed:
		return tree, nil
	case len(kept) == 0:
		return ID{}, nil
	}
	return r.Write(Tree, encodeTree(kept), 0)
}
