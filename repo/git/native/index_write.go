package native

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Change puts entries into the index and removes paths from it. An entry replaces all stages of its path, and the files
// that its path makes impossible: a file in place of a folder above it, and what is in a folder in its place. If two
// entries have the same path, the later one is used.
func (x *Index) Change(put []IndexEntry, remove []string) error {
	added := make(map[string]IndexEntry, len(put))
	above := map[string]bool{}
	gone := make(map[string]bool, len(remove))
	for _, path := range remove {
		gone[path] = true
	}
	for _, e := range put {
		if err := checkIndexPath(e.Path); err != nil {
			return err
		}
		if !validFileMode(e.Mode) {
			return fmt.Errorf("changing the index: %q has the mode %o", e.Path, e.Mode)
		}
		added[e.Path] = e
		for dir := e.Path; ; above[dir] = true {
			i := strings.LastIndexByte(dir, '/')
			if i < 0 {
				break
			}
			dir = dir[:i]
		}
	}
	trees := parseCachedTrees(x.trees)
	kept := make([]IndexEntry, 0, len(x.Entries)+len(added))
	for i := range x.Entries {
		e := &x.Entries[i]
		_, replaced := added[e.Path]
		if replaced || gone[e.Path] || above[e.Path] || within(e.Path, added) {
			trees.invalidate(e.Path)
			continue
		}
		kept = append(kept, *e)
	}
	for path, e := range added {
		trees.invalidate(path)
		kept = append(kept, e)
	}
	slices.SortFunc(kept, compareEntries)
	x.Entries, x.trees = kept, trees.encode()
	return nil
}

// within reports whether a path is in a folder whose place an entry takes.
func within(path string, added map[string]IndexEntry) bool {
	for i := strings.LastIndexByte(path, '/'); i > 0; i = strings.LastIndexByte(path[:i], '/') {
		if _, ok := added[path[:i]]; ok {
			return true
		}
	}
	return false
}

// checkIndexPath refuses paths that Git does not put into an index.
func checkIndexPath(path string) error {
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part == "." || part == ".." || strings.EqualFold(part, ".git") || strings.Contains(part, "\x00") {
			return fmt.Errorf("changing the index: %q is not a valid path", path)
		}
	}
	return nil
}

// encode returns the content of an index file. Extensions that depend on the places of entries are left out.
func (x *Index) encode() []byte {
	version := x.Version
	if version < 4 {
		version = 2
		if slices.ContainsFunc(x.Entries, IndexEntry.extended) {
			version = 3
		}
	}
	var b bytes.Buffer
	b.Grow(len(x.Entries) * 100)
	b.WriteString("DIRC")
	writeWords(&b, version, uint32(len(x.Entries)))
	last := ""
	for i := range x.Entries {
		x.Entries[i].encode(&b, version, last)
		last = x.Entries[i].Path
	}
	for _, extension := range []struct {
		name string
		data []byte
	}{{"TREE", x.trees}, {"REUC", x.undo}, {"UNTR", emptyUntracked(x.untracked)}} {
		if len(extension.data) > 0 {
			b.WriteString(extension.name)
			writeWords(&b, uint32(len(extension.data)))
			b.Write(extension.data)
		}
	}
	sum := sha1.Sum(b.Bytes())
	b.Write(sum[:])
	return b.Bytes()
}

func writeWords(b *bytes.Buffer, words ...uint32) {
	for _, word := range words {
		b.Write(binary.BigEndian.AppendUint32(b.AvailableBuffer(), word))
	}
}

// extended reports whether an entry needs the second pair of flags.
func (e IndexEntry) extended() bool { return e.SkipWorktree || e.IntentToAdd }

func (e *IndexEntry) encode(b *bytes.Buffer, version uint32, last string) {
	start := b.Len()
	s := e.Stat
	writeWords(b, s.CTime, s.CTimeNS, s.MTime, s.MTimeNS, s.Device, s.Inode, e.Mode, s.UID, s.GID, s.Size)
	b.Write(e.ID[:])
	flags := uint16(min(len(e.Path), flagNameBytes)) | uint16(e.Stage)<<12
	if e.AssumeValid {
		flags |= flagAssumeValid
	}
	if e.extended() {
		flags |= flagExtended
	}
	b.Write(binary.BigEndian.AppendUint16(b.AvailableBuffer(), flags))
	if e.extended() {
		more := uint16(0)
		if e.SkipWorktree {
			more |= flagSkipWorktree
		}
		if e.IntentToAdd {
			more |= flagIntentToAdd
		}
		b.Write(binary.BigEndian.AppendUint16(b.AvailableBuffer(), more))
	}
	if version == 4 {
		same := 0
		for same < len(last) && same < len(e.Path) && last[same] == e.Path[same] {
			same++
		}
		b.Write(appendOffset(nil, uint64(len(last)-same)))
		b.WriteString(e.Path[same:])
		b.WriteByte(0)
		return
	}
	b.WriteString(e.Path)
	for n := 8 - (b.Len()-start)%8; n > 0; n-- {
		b.WriteByte(0)
	}
}

// appendOffset appends a number as gitformat-pack encodes offsets.
func appendOffset(dst []byte, n uint64) []byte {
	digits := [10]byte{9: byte(n & 0x7f)}
	i := 9
	for n >>= 7; n > 0; n >>= 7 {
		n--
		i--
		digits[i] = 0x80 | byte(n&0x7f)
	}
	return append(dst, digits[i:]...)
}

// emptyUntracked returns what an index keeps of untracked files without the files. Git then looks for them again, and
// goes on to remember them. It is nil if the extension is not valid.
func emptyUntracked(data []byte) []byte {
	size, used := offset(data)
	if used == 0 || size > uint64(len(data)-used) {
		return nil
	}
	const fixed = 2*36 + 4 + 2*sha1.Size // of two files of rules, and flags
	at := used + int(size) + fixed
	if at > len(data) {
		return nil
	}
	end := bytes.IndexByte(data[at:], 0) // after the name of the files of rules in folders
	if end < 0 {
		return nil
	}
	return append(bytes.Clone(data[:at+end+1]), 0) // no folders follow
}

// SmudgeRacy marks the entries whose files may have been changed right after they were read, so that Git compares their
// content. The times in an index tell that only as long as its file is not written again.
func (r *Repository) SmudgeRacy(index *Index) error {
	if index.Info == nil {
		return nil
	}
	written := uint32(index.Info.ModTime().Unix())
	var stage *Stage
	for i := range index.Entries {
		e := &index.Entries[i]
		// Git compares whole seconds, unless it was built otherwise.
		if e.Mode == 0o160000 || e.Stage > 0 || e.Stat.Size == 0 || e.Stat.MTime < written {
			continue
		}
		is, err := lstat(filepath.Join(r.Root, filepath.FromSlash(e.Path)))
		if err != nil || is.MTime != e.Stat.MTime || is.Size != e.Stat.Size {
			continue
		}
		if stage == nil {
			if stage, err = r.NewStage(index); err != nil {
				return err
			}
		}
		if id, err := stage.idOnDisk(e, is); err != nil || id != e.ID {
			e.Stat.Size = 0
		}
	}
	return nil
}

// Refresh takes the times of files into the index again, where their content is that of the index. which selects paths.
func (r *Repository) Refresh(index *Index, which func(path string) bool) error {
	stage, err := r.NewStage(index)
	if err != nil {
		return err
	}
	for i := range index.Entries {
		e := &index.Entries[i]
		if e.Mode == 0o160000 || e.Stage > 0 || e.AssumeValid || e.SkipWorktree || e.IntentToAdd || !which(e.Path) {
			continue
		}
		is, err := lstat(filepath.Join(r.Root, filepath.FromSlash(e.Path)))
		if err != nil || e.Stat.same(is.Stat) {
			continue
		}
		if id, err := stage.idOnDisk(e, is); err == nil && id == e.ID {
			e.Stat = is.Stat
		}
	}
	return nil
}

// NewIndexVersion returns the version of an index that does not exist yet.
func (r *Repository) NewIndexVersion() (uint32, error) {
	many, _, err := r.config.Bool("feature.manyfiles")
	if err != nil {
		return 0, err
	}
	version, set, err := r.config.Int("index.version")
	switch {
	case err != nil:
		return 0, err
	case set && version >= 2 && version <= 4:
		return uint32(version), nil
	case many && !set:
		return 4, nil
	}
	return 2, nil
}

// WriteIndex replaces an index file by one rename. The file is written under the name of the lock, which must not
// exist.
func (r *Repository) WriteIndex(index *Index, lock, file string) error {
	err := r.createFile(lock, index.encode(), 0o666, false)
	if err == nil {
		err = os.Rename(lock, file)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		_ = os.Remove(lock)
	}
	if err != nil {
		return fmt.Errorf("writing the index: %w", err)
	}
	return nil
}
