package native

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/gitruns/runs/repo/git/attributes"
)

// InTheWay means that changes of the user would be lost.
type InTheWay struct{ Why string }

func (e *InTheWay) Error() string { return e.Why }

// Move is a change of the working tree and the index from one tree to another, as `git switch` makes it: what differs
// between the trees is changed, and what the user has changed stays.
type Move struct {
	repository *Repository
	stage      *Stage // with the index as it will be
	put        []IndexEntry
	remove     []string
	adopted    map[string]bool // those of put that are on disk already
	unlink     map[string]bool // the files on disk that are removed or written anew
	found      map[string]conversion
}

// PlanMove finds out what a move changes, and changes nothing. The error is an *InTheWay if something of the user would
// be lost, and an *Unsupported if only git makes the move. With again, the move was begun and killed: a file that has
// only the beginning of its new content is written anew.
func (r *Repository) PlanMove(index *Index, from, to ID, again bool) (*Move, error) {
	if err := r.CheckWorktree(); err != nil {
		return nil, err
	}
	if sparse, _, err := r.config.Bool("core.sparsecheckout"); err != nil || sparse {
		return nil, errors.Join(err, &Unsupported{What: "the working tree is sparse"})
	}
	m := &Move{repository: r, adopted: map[string]bool{}, unlink: map[string]bool{}, found: map[string]conversion{}}
	entries := map[string]*IndexEntry{}
	for i := range index.Entries {
		e := &index.Entries[i]
		if e.Stage > 0 {
			return nil, &InTheWay{"some files have conflicts, which you must resolve first"}
		}
		entries[e.Path] = e
	}
	var changes []Change
	if err := r.Diff(from, to, nil, func(c Change) error {
		e := entries[c.Path]
		switch same, err := m.staged(c, e); {
		case err != nil:
			return err
		case !same:
			changes = append(changes, c)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	stage, err := r.NewStage(index)
	if err != nil {
		return nil, err
	}
	for _, c := range changes { // what goes first makes room for what comes
		if c.To.Mode == "" {
			if err := m.planRemoval(stage, c, entries[c.Path]); err != nil {
				return nil, err
			}
		}
	}
	for _, c := range changes {
		if c.To.Mode != "" {
			if err := m.planWrite(stage, c, entries[c.Path], again); err != nil {
				return nil, err
			}
		}
	}
	next := *index
	if err := next.Change(m.put, m.remove); err != nil {
		return nil, err
	}
	if m.stage, err = r.NewStage(&next); err != nil {
		return nil, err
	}
	return m, m.findConversions()
}

// staged checks an entry of the index against a change. same reports whether the index has the change already.
func (m *Move) staged(c Change, e *IndexEntry) (same bool, err error) {
	if strings.TrimLeft(c.From.Mode, "0") == "160000" || strings.TrimLeft(c.To.Mode, "0") == "160000" {
		return false, &Unsupported{What: fmt.Sprintf("the submodule %q changes", c.Path)}
	}
	if !validPath(c.Path) {
		return false, fmt.Errorf("the path %.100q leads out of the working tree", c.Path)
	}
	if e != nil && (e.AssumeValid || e.SkipWorktree || e.IntentToAdd) {
		return false, &Unsupported{What: fmt.Sprintf("%q has a flag such as skip-worktree", c.Path)}
	}
	isTo, err := isEntry(e, c.To)
	if err != nil || isTo {
		return isTo, err
	}
	isFrom, err := isEntry(e, c.From)
	if err == nil && !isFrom {
		err = &InTheWay{"Entry '" + c.Path + "' not uptodate. Cannot merge."}
	}
	return false, err
}

// isEntry reports whether the index has what a tree has. Both may be nothing.
func isEntry(e *IndexEntry, in Entry) (bool, error) {
	if e == nil || in.Mode == "" {
		return e == nil && in.Mode == "", nil
	}
	mode, err := parseMode(longMode(in.Mode))
	return err == nil && e.ID == in.ID && e.Mode == mode, err
}

// planRemoval plans that a file goes.
func (m *Move) planRemoval(stage *Stage, c Change, e *IndexEntry) error {
	m.remove = append(m.remove, c.Path)
	is, exists, err := m.onDisk(c.Path)
	if err != nil || !exists {
		return err
	}
	if clean, err := isOnDisk(stage, e, is); err != nil || !clean {
		return errors.Join(err, &InTheWay{"Entry '" + c.Path + "' not uptodate. Cannot merge."})
	}
	m.unlink[c.Path] = true
	return nil
}

// planWrite plans that a file comes or changes.
func (m *Move) planWrite(stage *Stage, c Change, e *IndexEntry, again bool) error {
	mode, err := parseMode(longMode(c.To.Mode))
	if err != nil {
		return err
	}
	next := IndexEntry{Path: c.Path, Mode: mode, ID: c.To.ID}
	defer func() { m.put = append(m.put, next) }()
	is, exists, err := m.onDisk(c.Path)
	if err != nil || !exists {
		return err
	}
	if is.kind == fs.ModeDir {
		return m.checkFolder(c.Path)
	}
	if there, err := isOnDisk(stage, &next, is); err != nil {
		return err
	} else if there {
		next.Stat = is.Stat
		m.adopted[c.Path] = true
		return nil
	}
	m.unlink[c.Path] = true
	if e != nil {
		if clean, err := isOnDisk(stage, e, is); err != nil || clean {
			return err
		}
	}
	if again {
		if part, err := m.isPart(&next, is); err != nil || part {
			return err
		}
	}
	if e == nil {
		return &InTheWay{"Untracked working tree file '" + c.Path + "' would be overwritten by merge."}
	}
	return &InTheWay{"Entry '" + c.Path + "' not uptodate. Cannot merge."}
}

// onDisk looks at a file. The folders above it must be folders, unless they are files that go.
func (m *Move) onDisk(file string) (is fileStat, exists bool, err error) {
	at := func(name string) string { return filepath.Join(m.repository.Root, filepath.FromSlash(name)) }
	for i := range len(file) {
		if file[i] != '/' {
			continue
		}
		above, err := lstat(at(file[:i]))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return is, false, nil
		case err != nil:
			return is, false, fmt.Errorf("looking at the working tree: %w", err)
		case above.kind == fs.ModeDir:
		case m.unlink[file[:i]]:
			return is, false, nil
		default:
			return is, false, &InTheWay{"'" + file[:i] + "' is in place of a folder."}
		}
	}
	is, err = lstat(at(file))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return is, false, nil
	}
	if err != nil {
		return is, false, fmt.Errorf("looking at the working tree: %w", err)
	}
	return is, true, nil
}

// isOnDisk reports whether a file on disk is that of an entry.
func isOnDisk(stage *Stage, e *IndexEntry, is fileStat) (bool, error) {
	if is.kind == fs.ModeDir || is.kind == fs.ModeIrregular {
		return false, nil
	}
	id, err := stage.idOnDisk(e, is)
	if other := (*FileError)(nil); errors.As(err, &other) {
		return false, nil
	}
	return err == nil && id == e.ID, err
}

// checkFolder checks that a folder, in whose place a file comes, has only files that go.
func (m *Move) checkFolder(name string) error {
	root := filepath.Join(m.repository.Root, filepath.FromSlash(name))
	return filepath.WalkDir(root, func(file string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() && e.Name() != ".git" {
			return err
		}
		rel, err := filepath.Rel(m.repository.Root, file)
		if err == nil && !m.unlink[filepath.ToSlash(rel)] {
			err = &InTheWay{"Updating '" + name + "' would lose untracked files in it"}
		}
		return err
	})
}

// isPart reports whether a file has the beginning of the content of an entry.
func (m *Move) isPart(e *IndexEntry, is fileStat) (bool, error) {
	if e.Mode == 0o120000 || is.kind != 0 || is.size > maxInMemory {
		return false, nil
	}
	have, err := readBounded(filepath.Join(m.repository.Root, filepath.FromSlash(e.Path)), maxInMemory)
	if err != nil {
		return false, err
	}
	want, err := m.repository.Read(e.ID, Blob, maxInMemory)
	// With other ends of lines, the user decides.
	return err == nil && len(have) < len(want) && bytes.HasPrefix(want, have), err
}

// findConversions finds how each file is written. As in Git, attributes are those of the new index, or otherwise of the
// files on disk.
func (m *Move) findConversions() error {
	read := attributes.Reader(m.repository.Root)
	conversions, err := m.repository.newConverter(func(folder string) ([]byte, error) {
		if _, ok := m.stage.find(path.Join(folder, attributes.FileName)); ok {
			return m.stage.stagedAttributes(folder)
		}
		return read(folder)
	})
	if err != nil {
		return err
	}
	for _, e := range m.put {
		if m.adopted[e.Path] || e.Mode == 0o120000 {
			continue
		}
		conv, err := conversions.of(e.Path)
		if err != nil {
			return err
		}
		if conv.lfs {
			data, err := m.repository.Read(e.ID, Blob, maxPointerBytes)
			if large := (*TooLarge)(nil); err != nil && !errors.As(err, &large) {
				return err
			}
			if err == nil && isPointer(data) {
				return &Unsupported{What: fmt.Sprintf("%q is in Git LFS", e.Path)}
			}
		}
		m.found[e.Path] = conv
	}
	return nil
}

// Make changes the files and the index, which is the one that the move was planned with.
func (m *Move) Make(index *Index) error {
	root, err := os.OpenRoot(m.repository.Root)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	written := map[string]bool{}
	for _, e := range m.put {
		written[e.Path] = true
	}
	for file := range m.unlink {
		if err := root.Remove(filepath.FromSlash(file)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing %s: %w", file, err)
		}
		if written[file] {
			continue
		}
		for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) { // folders that are empty now go too
			if root.Remove(filepath.FromSlash(dir)) != nil {
				break
			}
		}
	}
	for i := range m.put {
		if e := &m.put[i]; !m.adopted[e.Path] {
			if err := m.write(root, e); err != nil {
				return fmt.Errorf("writing %s: %w", e.Path, err)
			}
		}
	}
	return index.Change(slices.Clone(m.put), m.remove)
}

// write writes a file, or none of it.
func (m *Move) write(root *os.Root, e *IndexEntry) error {
	name := filepath.FromSlash(e.Path)
	if err := root.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	if info, err := root.Lstat(name); err == nil && info.IsDir() { // only folders are left in it
		if err := removeFolders(root, name); err != nil {
			return err
		}
	}
	if err := m.stage.writeFile(root, name, *e, m.found[e.Path]); err != nil {
		if !errors.Is(err, fs.ErrExist) {
			_ = root.Remove(name)
		}
		return err
	}
	is, err := lstat(filepath.Join(m.repository.Root, name))
	e.Stat = is.Stat
	return err
}

// removeFolders removes a folder that has nothing but folders.
func removeFolders(root *os.Root, name string) error {
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	entries, err := f.ReadDir(-1)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeFolders(root, filepath.Join(name, e.Name())); err != nil {
				return err
			}
		}
	}
	return root.Remove(name)
}
