package native

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zlib"

	"github.com/gitruns/runs/repo/git/attributes"
)

// idOf returns the id of an object.
func idOf(kind Kind, data []byte) ID {
	sum := sha1.New()
	fmt.Fprintf(sum, "%s %d\x00", kind, len(data))
	sum.Write(data)
	var id ID
	sum.Sum(id[:0])
	return id
}

// has reports whether the repository has an object. It does not look for packs that others have just made: to store an
// object twice does no harm.
func (r *Repository) has(id ID) (bool, error) {
	packs, err := r.packList(false)
	if err != nil {
		return false, err
	}
	for _, p := range packs {
		if _, ok, err := p.find(id); ok || err != nil {
			return ok, err
		}
	}
	name := id.String()
	for _, dir := range r.folders {
		if _, err := os.Lstat(filepath.Join(dir, name[:2], name[2:])); err == nil {
			return true, nil
		}
	}
	return false, nil
}

// Write stores an object in a file of its own, unless the repository has it, and returns its id.
func (r *Repository) Write(kind Kind, data []byte, level int) (ID, error) {
	id := idOf(kind, data)
	if has, err := r.has(id); err != nil || has {
		return id, err
	}
	if err := r.writeLoose(id, kind, data, level); err != nil {
		return id, fmt.Errorf("writing object %s: %w", id, err)
	}
	return id, nil
}

func (r *Repository) writeLoose(id ID, kind Kind, data []byte, level int) (err error) {
	name := id.String()
	dir := filepath.Join(r.folders[0], name[:2])
	if err := os.Mkdir(dir, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	f, err := createTemporary(filepath.Join(dir, "tmp_obj_"), 0o444)
	if err != nil {
		return err
	}
	_, err = writeObject(f, kind, int64(len(data)), bytes.NewReader(data), level)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name[2:]))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// encodeTree returns the content of a tree object with these entries, which it sorts.
func encodeTree(entries []Entry) []byte {
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(sortKey(a), sortKey(b)) })
	var b bytes.Buffer
	for _, e := range entries {
		b.WriteString(strings.TrimLeft(e.Mode, "0"))
		b.WriteByte(' ')
		b.WriteString(e.Name)
		b.WriteByte(0)
		b.Write(e.ID[:])
	}
	return b.Bytes()
}

// Stage is an index that is being changed in memory. Its files are stored in the repository that it was made for.
type Stage struct {
	repository *Repository
	entries    []IndexEntry // sorted; those of added and removed paths do not count
	added      map[string]IndexEntry
	removed    map[string]bool
	parents    map[string]bool // the folders above added paths
	converter  *converter
	fileMode   bool
	folders    map[string]bool // as a watcher knows them
}

// NewStage returns a Stage with the entries of an index.
func (r *Repository) NewStage(index *Index) (*Stage, error) {
	s := &Stage{repository: r}
	s.Reset(index.Entries)
	var err error
	if s.fileMode, err = r.setting("core.filemode", true); err != nil {
		return nil, err
	}
	return s, err
}

// Reset replaces the entries.
func (s *Stage) Reset(entries []IndexEntry) {
	s.entries = entries
	s.added, s.removed, s.parents = map[string]IndexEntry{}, map[string]bool{}, map[string]bool{}
	s.converter = nil
}

// attributesOf returns the attributes of a folder: those on disk, or otherwise those of the index.
func (s *Stage) attributesOf(folder string) ([]byte, error) {
	if data, err := attributes.Reader(s.repository.Root)(folder); data != nil || err != nil {
		return data, err
	}
	return s.stagedAttributes(folder)
}

// find returns the entry of a path that is not in a conflict.
func (s *Stage) find(path string) (IndexEntry, bool) {
	if e, ok := s.added[path]; ok {
		return e, true
	}
	if s.removed[path] || s.parents[path] {
		return IndexEntry{}, false
	}
	i, ok := slices.BinarySearchFunc(s.entries, path, func(e IndexEntry, path string) int {
		return strings.Compare(e.Path, path)
	})
	if !ok || s.entries[i].Stage > 0 {
		return IndexEntry{}, false
	}
	return s.entries[i], true
}

// Staged returns the content of a file in the index, or nil if it has none.
func (s *Stage) Staged(path string) ([]byte, error) {
	e, ok := s.find(path)
	if !ok || e.Mode == 0o160000 || e.Mode == 0o120000 || e.IntentToAdd {
		return nil, nil
	}
	return s.repository.Read(e.ID, Blob, maxInMemory)
}

// Put puts an entry into the index.
func (s *Stage) Put(path string, mode uint32, id ID) {
	s.added[path] = IndexEntry{Path: path, Mode: mode, ID: id}
	delete(s.removed, path)
	for dir := path; ; {
		i := strings.LastIndexByte(dir, '/')
		if i < 0 {
			return
		}
		dir = dir[:i]
		s.parents[dir] = true
		delete(s.added, dir)
	}
}

// Remove removes paths from the index.
func (s *Stage) Remove(path string) {
	delete(s.added, path)
	s.removed[path] = true
}

// Content stores data as the content of a file, after the conversions that the attributes ask for.
func (s *Stage) Content(path string, executable bool, data []byte) error {
	conv, err := s.conversionOf(path)
	if err != nil {
		return err
	}
	if data, err = conv.clean(data, func() ([]byte, error) { return s.Staged(path) }); err != nil {
		return err
	}
	id, err := s.repository.Write(Blob, data, zlib.NoCompression)
	if err != nil {
		return err
	}
	mode := uint32(0o100644)
	if executable {
		mode = 0o100755
	}
	s.Put(path, mode, id)
	return nil
}

// FileError means that a file of the working tree cannot be stored.
type FileError struct{ Why string }

func (e *FileError) Error() string { return e.Why }

// Add stores a file of the working tree. If it does not exist, it removes the path. The error is a *FileError if this
// file cannot be read, and others can.
func (s *Stage) Add(path string, head func(path string) (ID, bool)) error {
	file := filepath.Join(s.repository.Root, filepath.FromSlash(path))
	info, err := lstat(file)
	if errors.Is(err, fs.ErrNotExist) {
		s.Remove(path)
		return nil
	}
	if err != nil {
		return &FileError{withoutPath(err)}
	}
	switch info.kind {
	case fs.ModeDir:
		id, ok := head(path)
		if !ok {
			return &FileError{"it is a folder"}
		}
		s.Put(path, 0o160000, id)
		return nil
	case fs.ModeSymlink:
		target, err := os.Readlink(file)
		if err != nil {
			return &FileError{withoutPath(err)}
		}
		id, err := s.repository.Write(Blob, []byte(target), zlib.NoCompression)
		if err == nil {
			s.Put(path, 0o120000, id)
		}
		return err
	case 0:
	default:
		return &FileError{"it is not a regular file"}
	}
	if info.size > maxInMemory {
		return &Unsupported{What: fmt.Sprintf("%q has %d bytes", path, info.size)}
	}
	data, err := readBounded(file, maxInMemory)
	if err != nil {
		return &FileError{withoutPath(err)}
	}
	executable := info.exec
	if !s.fileMode {
		was, ok := s.find(path)
		executable = ok && was.Mode&0o100 != 0
	}
	return s.Content(path, executable, data)
}

func withoutPath(err error) string {
	if at := (*fs.PathError)(nil); errors.As(err, &at) {
		return at.Err.Error()
	}
	return err.Error()
}

// Entries returns the entries, sorted. The error says so if a path is in a conflict.
func (s *Stage) Entries() ([]IndexEntry, error) {
	kept := make([]IndexEntry, 0, len(s.entries)+len(s.added))
	for i := range s.entries {
		e := &s.entries[i]
		if s.replaced(e.Path) {
			continue
		}
		if e.Stage > 0 {
			return nil, fmt.Errorf("the index has a conflict in %q", e.Path)
		}
		if !e.IntentToAdd {
			kept = append(kept, *e)
		}
	}
	for _, e := range s.added {
		kept = append(kept, e)
	}
	if len(s.added) > 0 {
		slices.SortFunc(kept, func(a, b IndexEntry) int { return strings.Compare(a.Path, b.Path) })
	}
	return kept, nil
}

// replaced reports whether an entry of the index is removed, or is in the way of one that was added.
func (s *Stage) replaced(path string) bool {
	if len(s.removed)+len(s.added) == 0 {
		return false
	}
	if _, ok := s.added[path]; ok || s.removed[path] || s.parents[path] {
		return true
	}
	for dir := path; ; {
		i := strings.LastIndexByte(dir, '/')
		if i < 0 {
			return false
		}
		dir = dir[:i]
		if _, ok := s.added[dir]; ok {
			return true
		}
	}
}

// Tree stores the entries as trees and returns the id of the root.
func (s *Stage) Tree() (ID, error) {
	entries, err := s.Entries()
	if err != nil {
		return ID{}, err
	}
	id, _, err := s.repository.writeTree(entries, "", zlib.NoCompression)
	return id, err
}

// writeTree stores the entries whose paths begin with prefix as a tree. It returns how many they are.
func (r *Repository) writeTree(entries []IndexEntry, prefix string, level int) (id ID, n int, err error) {
	var list []Entry
	for n < len(entries) && strings.HasPrefix(entries[n].Path, prefix) {
		name := entries[n].Path[len(prefix):]
		if i := strings.IndexByte(name, '/'); i >= 0 {
			below, count, err := r.writeTree(entries[n:], prefix+name[:i+1], level)
			if err != nil {
				return ID{}, 0, err
			}
			list = append(list, Entry{"40000", name[:i], below})
			n += count
			continue
		}
		mode := entries[n].Mode
		if mode == 0o100664 { // of old versions of Git
			mode = 0o100644
		}
		list = append(list, Entry{strconv.FormatUint(uint64(mode), 8), name, entries[n].ID})
		n++
	}
	id, err = r.Write(Tree, encodeTree(list), level)
	return id, n, err
}
