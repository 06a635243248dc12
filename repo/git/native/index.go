package native

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/gitruns/runs/repo/regular"
)

// Stat is what the index keeps of a file on disk, to see later whether it has changed.
type Stat struct {
	CTime, CTimeNS, MTime, MTimeNS uint32
	Device, Inode, UID, GID, Size  uint32
}

// IndexEntry is an entry of the index.
type IndexEntry struct {
	Path  string
	ID    ID
	Mode  uint32
	Stage int // 0, or of a path in a conflict 1 to 3
	Stat  Stat

	AssumeValid, SkipWorktree, IntentToAdd bool
}

// Index is what an index file contains.
type Index struct {
	Version uint32
	Entries []IndexEntry // sorted by path, then by stage
	Info    fs.FileInfo  // of the file; nil if there is none

	// Extensions as they stand in the file; may be nil.
	trees     []byte // the ids of folders
	undo      []byte // what was in a conflict before the user resolved it
	untracked []byte // what is known of untracked files

	sum    ID     // the checksum in the file
	link   []byte // of a split index, the file that it shares, and what it changes; otherwise nil
	sparse bool   // entries may be folders
}

// The flags of an entry, as gitformat-index names them.
const (
	flagAssumeValid  = 0x8000
	flagExtended     = 0x4000
	flagNameBytes    = 0x0fff
	flagSkipWorktree = 0x4000 // of the second pair of flags
	flagIntentToAdd  = 0x2000
)

// The sizes of the parts of an index.
const (
	indexHeadBytes = 12
	statBytes      = 40
)

// maxIndexBytes is the largest size of an index.
const maxIndexBytes = 1 << 30

// readIndexFile reads an index file as it is. If there is none, the index has no entries.
func readIndexFile(file string) (*Index, error) {
	f, err := regular.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return &Index{Version: 2}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the index: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading the index: %w", err)
	}
	if info.Size() > maxIndexBytes {
		return nil, fmt.Errorf("reading the index: it has %d bytes, the limit is %d", info.Size(), maxIndexBytes)
	}
	data := make([]byte, info.Size())
	if _, err := readFull(f, data); err != nil {
		return nil, fmt.Errorf("reading the index: %w", err)
	}
	index, err := parseIndex(data)
	if err != nil {
		if bad := (*Damaged)(nil); errors.As(err, &bad) {
			bad.What = file
		}
		return nil, fmt.Errorf("reading the index: %w", err)
	}
	index.Info = info
	return index, nil
}

func readFull(f *os.File, data []byte) (int, error) {
	n := 0
	for n < len(data) {
		k, err := f.Read(data[n:])
		if n += k; err != nil {
			return n, err
		}
	}
	return n, nil
}

func parseIndex(data []byte) (*Index, error) {
	damaged := func(why string) error { return &Damaged{"the index", why} }
	const sumBytes = sha1.Size
	if len(data) < indexHeadBytes+sumBytes || string(data[:4]) != "DIRC" {
		return nil, damaged("it has no header")
	}
	body, sum := data[:len(data)-sumBytes], data[len(data)-sumBytes:]
	if !bytes.Equal(sum, make([]byte, sumBytes)) { // zeros stand for none
		if got := sha1.Sum(body); !bytes.Equal(got[:], sum) {
			return nil, damaged("its checksum is wrong")
		}
	}
	index := &Index{Version: binary.BigEndian.Uint32(data[4:])}
	if index.Version < 2 || index.Version > 4 {
		return nil, &Unsupported{What: fmt.Sprintf("the index has the version %d", index.Version)}
	}
	count := binary.BigEndian.Uint32(data[8:])
	rest := body[indexHeadBytes:]
	const least = statBytes + sumBytes + 2 + 1
	if int64(count) > int64(len(rest)/least) {
		return nil, damaged("it is shorter than its number of entries")
	}
	index.Entries = make([]IndexEntry, 0, count)
	// The names share one text, so that an index of many files is not as many small objects.
	names := new(strings.Builder)
	names.Grow(len(rest) / 2)
	last := ""
	for range count {
		e, n, name, ok := parseEntry(rest, index.Version, last)
		if !ok {
			return nil, damaged(fmt.Sprintf("the entry after %.200q is not valid", last))
		}
		start := names.Len()
		names.WriteString(name)
		e.Path = names.String()[start:]
		if before := len(index.Entries) - 1; before >= 0 {
			b := index.Entries[before]
			if order := strings.Compare(b.Path, e.Path); order > 0 || order == 0 && b.Stage >= e.Stage && e.Path != "" {
				return nil, damaged(fmt.Sprintf("its entries are not sorted at %.200q", e.Path))
			}
		}
		last, rest = e.Path, rest[n:]
		index.Entries = append(index.Entries, e)
	}
	unnamed := len(index.Entries) > 0 && index.Entries[0].Path == "" // a split index replaces entries of another file
	for len(rest) > 0 {
		if len(rest) < 8 {
			return nil, damaged("it ends within an extension")
		}
		name, size := string(rest[:4]), int64(binary.BigEndian.Uint32(rest[4:]))
		if size > int64(len(rest)-8) {
			return nil, damaged("an extension is longer than the file")
		}
		switch {
		case name == "link":
			index.link = rest[8 : 8+size]
		case name == "sdir":
			index.sparse = true
		case name == "TREE":
			index.trees = rest[8 : 8+size]
		case name == "REUC":
			index.undo = rest[8 : 8+size]
		case name == "UNTR":
			index.untracked = rest[8 : 8+size]
		case name[0] < 'A' || name[0] > 'Z':
			return nil, &Unsupported{What: fmt.Sprintf("the index has the extension %q", name)}
		}
		rest = rest[8+size:]
	}
	copy(index.sum[:], sum)
	folder := func(e IndexEntry) bool { return !index.sparse && e.Mode == folderMode }
	if unnamed && index.link == nil || slices.ContainsFunc(index.Entries, folder) {
		return nil, damaged("an entry is not that of a file")
	}
	return index, nil
}

// parseEntry reads the entry at the beginning of data and returns how many bytes it has.
func parseEntry(data []byte, version uint32, last string) (e IndexEntry, n int, name string, ok bool) {
	n = statBytes + len(e.ID) + 2
	if len(data) < n+2 {
		return e, 0, "", false
	}
	word := func(i int) uint32 { return binary.BigEndian.Uint32(data[4*i:]) }
	e.Stat = Stat{word(0), word(1), word(2), word(3), word(4), word(5), word(7), word(8), word(9)}
	e.Mode = word(6)
	copy(e.ID[:], data[statBytes:])
	flags := binary.BigEndian.Uint16(data[n-2:])
	e.AssumeValid, e.Stage = flags&flagAssumeValid != 0, int(flags>>12&3)
	if flags&flagExtended != 0 {
		more := binary.BigEndian.Uint16(data[n:])
		e.SkipWorktree, e.IntentToAdd = more&flagSkipWorktree != 0, more&flagIntentToAdd != 0
		if n += 2; version == 2 || more&^(flagSkipWorktree|flagIntentToAdd) != 0 {
			return e, 0, "", false
		}
	}
	if version == 4 {
		cut, used := offset(data[n:])
		if used == 0 || cut > uint64(len(last)) {
			return e, 0, "", false
		}
		n += used
		end := bytes.IndexByte(data[n:], 0)
		if end < 0 {
			return e, 0, "", false
		}
		name = last[:len(last)-int(cut)] + string(data[n:n+end])
		return e, n + end + 1, name, validFileMode(e.Mode) || e.Mode == folderMode
	}
	length := int(flags & flagNameBytes)
	if length == flagNameBytes {
		if length = bytes.IndexByte(data[n:], 0); length < 0 {
			return e, 0, "", false
		}
	}
	size := (n + length + 8) &^ 7
	if size > len(data) || data[n+length] != 0 {
		return e, 0, "", false
	}
	return e, size, string(data[n : n+length]), validFileMode(e.Mode) || e.Mode == folderMode
}

// folderMode is the mode of an entry of a sparse index that stands for a folder.
const folderMode = 0o040000

func validFileMode(mode uint32) bool {
	switch mode {
	case 0o100644, 0o100755, 0o120000, 0o160000, 0o100664:
		return true
	}
	return false
}

// offset reads a number as gitformat-pack encodes offsets. used is 0 if there is none.
func offset(data []byte) (n uint64, used int) {
	for i, c := range data {
		if i == 5 {
			break
		}
		if i > 0 {
			n = (n + 1) << 7
		}
		if n |= uint64(c & 0x7f); c < 0x80 {
			return n, i + 1
		}
	}
	return 0, 0
}
