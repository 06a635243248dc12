package git

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// errUnusualIndex means that an index has a form that stripIndex does not handle, such as a split index. Git can still
// read it.
var errUnusualIndex = errors.New("the index has an unusual form")

// stripIndex writes the index in of size bytes to out, without the entries in folders named .runs. Git looks at each
// entry of an index for almost every command, so the time to record a run would grow with the number of committed runs.
//
// The entries, and what is known of the trees of other folders, stay as they are. What only makes Git faster is left
// out. It returns how many entries each .runs had, by the folder that contains it. The error is errUnusualIndex if the
// index has a form that only Git itself can read.
func stripIndex(in io.ReadSeeker, size int64, out indexFile) (runs map[string]int, err error) {
	// The index does not say how long its object ids are. A wrong length never leads to a valid end of the file.
	buffer := make([]byte, indexBuffer)
	for _, idBytes := range []int{20, 32} {
		_, err = in.Seek(0, io.SeekStart)
		if err == nil {
			_, err = out.Seek(0, io.SeekStart)
		}
		if err != nil {
			return nil, err
		}
		s := indexStripper{
			in: in, buffer: buffer, left: size - int64(idBytes), idBytes: idBytes,
			out: bufio.NewWriter(out), runs: map[string]int{}, changed: map[string]bool{},
		}
		if err = s.strip(); err == nil {
			return s.runs, s.finish(out)
		}
		if !errors.Is(err, errUnusualIndex) {
			return nil, err
		}
	}
	return nil, errUnusualIndex
}

// indexFile is a file to which an index is written.
type indexFile interface {
	io.WriteSeeker
	Truncate(size int64) error
}

// indexBuffer is the size of a read or write, in bytes. No entry is larger.
const indexBuffer = 64 << 10

// indexHead is the size of the header of an index: the signature, the version and the number of entries.
const indexHead = 12

// The flags of an entry, as gitformat-index names them.
const (
	indexExtended  = 0x4000 // the entry has two more bytes of flags
	indexNameBytes = 0x0fff // the length of the name; if all bits are set, the name may be longer
)

type indexStripper struct {
	in      io.Reader
	buffer  []byte // what was read; its part that is not used yet is buffer[at:end]
	at, end int
	left    int64 // bytes that are not used yet, without the checksum at the end
	idBytes int
	out     *bufio.Writer
	written int64
	version uint32
	kept    uint32
	runs    map[string]int
	changed map[string]bool // folders that contain a .runs, at any depth

	// The last entry that was dropped: the folder that contains its .runs, how many such entries have been dropped one
	// after the other, and how their names begin.
	parent  string
	dropped int
	prefix  []byte

	// Only of version 4: the current entry, its name, and the name of the last one that was kept.
	head, name, last []byte
}

func (s *indexStripper) strip() error {
	head, err := s.next(indexHead)
	if err != nil {
		return err
	}
	s.version = binary.BigEndian.Uint32(head[4:])
	count := binary.BigEndian.Uint32(head[8:])
	if string(head[:4]) != "DIRC" || s.version < 2 || s.version > 4 {
		return errUnusualIndex
	}
	if err := s.write(head); err != nil {
		return err
	}
	for range count {
		if s.version == 4 {
			err = s.compressedEntry()
		} else {
			err = s.entry()
		}
		if err != nil {
			return err
		}
	}
	s.count()
	for s.left > 0 {
		if err := s.extension(); err != nil {
			return err
		}
	}
	return nil
}

// next returns the next n bytes, which are valid until the next call.
func (s *indexStripper) next(n int) ([]byte, error) {
	data, err := s.peek(n)
	if err == nil {
		s.skip(n)
	}
	return data, err
}

// peek is like next, but the bytes are read again by the next call.
func (s *indexStripper) peek(n int) ([]byte, error) {
	if s.end-s.at < n {
		if err := s.fill(n); err != nil {
			return nil, err
		}
	}
	return s.buffer[s.at : s.at+n], nil
}

func (s *indexStripper) skip(n int) { s.at, s.left = s.at+n, s.left-int64(n) }

// fill reads until n bytes can be used. The checksum is never read.
func (s *indexStripper) fill(n int) error {
	if int64(n) > s.left || n > len(s.buffer) {
		return errUnusualIndex
	}
	s.end = copy(s.buffer, s.buffer[s.at:s.end])
	s.at = 0
	most := min(int64(len(s.buffer)), s.left)
	more, err := io.ReadAtLeast(s.in, s.buffer[s.end:most], n-s.end)
	s.end += more
	if err == io.EOF || err == io.ErrUnexpectedEOF { // another program has shortened the file
		return errUnusualIndex
	}
	return err
}

// until returns the bytes before the next byte last, and skips that byte.
func (s *indexStripper) until(last byte) ([]byte, error) {
	for {
		if n := bytes.IndexByte(s.buffer[s.at:s.end], last); n >= 0 {
			data := s.buffer[s.at : s.at+n]
			s.skip(n + 1)
			return data, nil
		}
		if err := s.fill(s.end - s.at + 1); err != nil {
			return nil, err
		}
	}
}

func (s *indexStripper) write(data []byte) error {
	s.written += int64(len(data))
	_, err := s.out.Write(data)
	return err
}

// fixed returns the part of an entry that precedes the name, and the length of the name, which is indexNameBytes if it
// may be longer.
func (s *indexStripper) fixed() (data []byte, name int, err error) {
	const stat = 40 // times, device, inode, mode, owner and size
	n := stat + s.idBytes + 2
	if data, err = s.peek(n + 2); err != nil {
		return nil, 0, err
	}
	flags := binary.BigEndian.Uint16(data[n-2:])
	if !validIndexMode(binary.BigEndian.Uint32(data[24:])) {
		return nil, 0, errUnusualIndex
	}
	if flags&indexExtended != 0 {
		n += 2
	}
	return data[:n], int(flags & indexNameBytes), nil
}

func validIndexMode(mode uint32) bool {
	switch mode {
	case 0o100644, 0o100755, 0o120000, 0o160000, 0o040000:
		return true
	}
	return mode == 0o100664 // of old versions of Git
}

// entry copies an entry of version 2 or 3, whose name ends in one to eight zero bytes, unless it is in a .runs.
func (s *indexStripper) entry() error {
	head, length, err := s.fixed()
	if err != nil {
		return err
	}
	from := len(head)
	if length == indexNameBytes {
		if length, err = s.longName(from); err != nil {
			return err
		}
	}
	data, err := s.next((from + length + 8) &^ 7)
	if err != nil {
		return err
	}
	if length == 0 || data[from+length] != 0 {
		return errUnusualIndex
	}
	if s.drop(data[from : from+length]) {
		return nil
	}
	s.kept++
	return s.write(data)
}

// longName returns the length of the name that begins at the offset from of an entry and ends in a zero byte.
func (s *indexStripper) longName(from int) (int, error) {
	for {
		if n := bytes.IndexByte(s.buffer[s.at+from:s.end], 0); n >= 0 {
			return n, nil
		}
		if err := s.fill(s.end - s.at + 1); err != nil {
			return 0, err
		}
	}
}

// compressedEntry copies an entry of version 4 unless it is in a .runs. Its name is that of the entry before it without
// some bytes at the end, and with others in their place.
func (s *indexStripper) compressedEntry() error {
	head, _, err := s.fixed()
	if err != nil {
		return err
	}
	s.skip(len(head))
	s.head = append(s.head[:0], head...)
	cut, err := s.offset()
	if err != nil {
		return err
	}
	end, err := s.until(0)
	if err != nil {
		return err
	}
	if cut > uint64(len(s.name)) || len(s.name)-int(cut)+len(end) == 0 {
		return errUnusualIndex
	}
	s.name = append(s.name[:len(s.name)-int(cut)], end...)
	if s.drop(s.name) {
		return nil
	}
	same := commonPrefix(s.last, s.name)
	s.head = appendOffset(s.head, uint64(len(s.last)-same))
	s.head = append(append(s.head, s.name[same:]...), 0)
	s.last = append(s.last[:same], s.name[same:]...)
	s.kept++
	return s.write(s.head)
}

func commonPrefix(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// offset reads a number as Git encodes offsets in packs: seven bits in a byte, the highest first, and one is added for
// each byte but the last.
func (s *indexStripper) offset() (uint64, error) {
	var n uint64
	for i := range 5 {
		data, err := s.next(1)
		if err != nil {
			return 0, err
		}
		n |= uint64(data[0] & 0x7f)
		if data[0] < 0x80 {
			return n, nil
		}
		if i < 4 {
			n = (n + 1) << 7
		}
	}
	return 0, errUnusualIndex
}

func appendOffset(to []byte, n uint64) []byte {
	var digits [10]byte
	at := len(digits) - 1
	digits[at] = byte(n & 0x7f)
	for n >>= 7; n > 0; n >>= 7 {
		n--
		at--
		digits[at] = 0x80 | byte(n&0x7f)
	}
	return append(to, digits[at:]...)
}

// drop reports whether an entry is in a .runs.
func (s *indexStripper) drop(name []byte) bool {
	if len(s.prefix) > 0 && bytes.HasPrefix(name, s.prefix) {
		s.dropped++
		return true
	}
	if !bytes.Contains(name, []byte(runsFolder+"/")) {
		return false
	}
	parent, ok := runsParent(string(name))
	if !ok {
		return false
	}
	s.count()
	s.parent, s.dropped = parent, 1
	s.prefix = append(s.prefix[:0], path.Join(parent, runsFolder)+"/"...)
	for ; parent != "" && !s.changed[parent]; parent = parentFolder(parent) {
		s.changed[parent] = true
	}
	s.changed[""] = true
	return true
}

// count counts the dropped entries that have the same parent.
func (s *indexStripper) count() {
	if s.dropped > 0 {
		s.runs[s.parent] += s.dropped
	}
}

// parentFolder returns the folder that contains a path with slashes; "" is the root.
func parentFolder(path string) string { return path[:max(0, strings.LastIndexByte(path, '/'))] }

// extension copies what follows the entries if it belongs to the state of the index.
func (s *indexStripper) extension() error {
	head, err := s.next(8)
	if err != nil {
		return err
	}
	name, size := string(head[:4]), int64(binary.BigEndian.Uint32(head[4:]))
	if size > s.left {
		return errUnusualIndex
	}
	switch {
	case name == "TREE":
		return s.trees(size)
	case name == "sdir": // entries may stand for whole folders; the extension is empty
		if size != 0 {
			return errUnusualIndex
		}
		return s.write([]byte("sdir\x00\x00\x00\x00"))
	case name[0] < 'A' || name[0] > 'Z': // needed to read the index: "link" of a split index, or a later one
		return errUnusualIndex
	}
	return s.discard(size)
}

func (s *indexStripper) discard(size int64) error {
	for size > 0 {
		n := min(size, int64(len(s.buffer)))
		if _, err := s.next(int(n)); err != nil {
			return err
		}
		size -= n
	}
	return nil
}

// cachedTree is what the index knows of the tree of a folder.
type cachedTree struct {
	name, id string
	entries  int // files at any depth; -1 if the tree has to be computed again
	below    []*cachedTree
}

// trees copies the extension that holds the ids of the trees. Folders that contained a .runs lose theirs.
func (s *indexStripper) trees(size int64) error {
	rest := s.left - size
	if size == 0 {
		return nil
	}
	root, err := s.tree("", 0)
	if err != nil {
		return err
	}
	if s.left != rest || root.name != "" {
		return errUnusualIndex
	}
	var b bytes.Buffer
	root.append(&b)
	var head [8]byte
	copy(head[:], "TREE")
	binary.BigEndian.PutUint32(head[4:], uint32(b.Len()))
	if err := s.write(head[:]); err != nil {
		return err
	}
	return s.write(b.Bytes())
}

// maxIndexDepth bounds how deep the folders of an index are nested.
const maxIndexDepth = 2048

// tree reads a folder and those in it. It returns nil for a folder named .runs.
func (s *indexStripper) tree(parent string, depth int) (*cachedTree, error) {
	if depth > maxIndexDepth {
		return nil, errUnusualIndex
	}
	name, err := s.until(0)
	if err != nil {
		return nil, err
	}
	if depth > 0 && string(name) == runsFolder {
		return nil, s.skipTree()
	}
	t := &cachedTree{name: string(name)}
	entries, count, id, err := s.treeRest()
	if err != nil {
		return nil, err
	}
	t.entries, t.id = entries, string(id)
	at := path.Join(parent, t.name)
	for range count {
		below, err := s.tree(at, depth+1)
		if err != nil {
			return nil, err
		}
		if below != nil {
			t.below = append(t.below, below)
		}
	}
	if s.changed[at] {
		t.entries, t.id = -1, ""
	}
	return t, nil
}

// treeRest reads what follows the name of a folder: how many files it has, how many folders in it are described after
// it, and the id of its tree, which is empty if the number of files is negative.
func (s *indexStripper) treeRest() (entries, count int, id []byte, err error) {
	if entries, err = s.number(' '); err != nil {
		return 0, 0, nil, err
	}
	if count, err = s.number('\n'); err == nil && count < 0 {
		err = errUnusualIndex
	}
	if err != nil {
		return 0, 0, nil, err
	}
	if entries >= 0 {
		id, err = s.next(s.idBytes)
	}
	return entries, count, id, err
}

// number reads a decimal number and the byte after it.
func (s *indexStripper) number(end byte) (int, error) {
	digits, err := s.until(end)
	switch {
	case err != nil:
		return 0, err
	case len(digits) == 0 || len(digits) > 10:
		return 0, errUnusualIndex
	case string(digits) == "-1":
		return -1, nil
	}
	n := 0
	for _, digit := range digits {
		if digit < '0' || digit > '9' {
			return 0, errUnusualIndex
		}
		n = 10*n + int(digit-'0')
	}
	return n, nil
}

// skipTree skips a folder whose name has been read, and all folders in it.
func (s *indexStripper) skipTree() error {
	_, left, _, err := s.treeRest()
	for ; err == nil && left > 0; left-- {
		if _, err = s.until(0); err != nil {
			break
		}
		var more int
		_, more, _, err = s.treeRest()
		left += more
	}
	return err
}

func (t *cachedTree) append(b *bytes.Buffer) {
	fmt.Fprintf(b, "%s\x00%d %d\n%s", t.name, t.entries, len(t.below), t.id)
	for _, below := range t.below {
		below.append(b)
	}
}

// finish writes the number of entries, and a checksum of zeros, which stands for none.
func (s *indexStripper) finish(out indexFile) error {
	if err := s.write(make([]byte, s.idBytes)); err != nil {
		return err
	}
	if err := s.out.Flush(); err != nil {
		return err
	}
	if err := out.Truncate(s.written); err != nil { // an attempt with another length of ids may have written more
		return err
	}
	if _, err := out.Seek(indexHead-4, io.SeekStart); err != nil {
		return err
	}
	return binary.Write(out, binary.BigEndian, s.kept)
}
