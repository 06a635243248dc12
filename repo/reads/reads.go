// Package reads decides which of the files that a program opened are data, and which datasets they make. The processes
// of a program write down what they open, see Reader. The package opens no other file, and does not know Git. Start
// reading at Reader.Next, then May and Group.
package reads

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gitruns/runs/repo/regular"
)

// Use is how a program used a file.
type Use uint8

// The uses of a file by a program, which are bits.
const (
	Read     Use = 1 << iota // a process read it before any process wrote to it, as far as that process knows
	Written                  // a process wrote to it
	Made                     // a process wrote to it without reading it before
	Database                 // a process opened it as a database, which it may read or write
	Removed                  // a process removed it
	Found                    // it existed when a process opened it for reading
	Older                    // it was then as it had been before the run began
	Listed                   // it is a folder that a process listed
)

// The bounds of what is taken in. A process writes down at most 500,000 files.
const (
	MaxPaths  = 2_000_000
	maxBytes  = 1 << 30 // of all files of the processes
	maxPath   = 32 << 10
	maxFolder = 2000 // files of processes; with more, no process begins one
	maxListed = 10_000

	maxImported = 1000
)

// Reader reads what the processes of a program write down about the files that they open. It may be used while they
// write.
type Reader struct {
	Dir string // the folder with a file for each process

	Uses      map[string]Use // by absolute path
	Order     []string       // the paths in Uses, in the order in which they came
	Listed    map[string]bool
	Unseen    map[string]bool // programs and modules that read files unseen
	Imported  map[string]bool // modules of installed packages that processes had at their end
	Processes int             // that were watched
	Partial   bool            // something that was read is missing
	All       bool            // the system calls of all processes were watched
	Missed    map[string]bool // what may have read files unseen by that
	Outlived  bool            // a process had not ended with the program
	Since     int64           // when the run began, in nanoseconds since 1970

	Stamps  map[string]Stamp // of files when they were opened for reading, as far as that is known
	Writers map[string]bool  // modules that write files unseen
	Lost    bool             // the program went on when nobody watched it

	last     map[string]string // the path of the last record, by process
	offsets  map[string]int64
	withheld map[string]int64 // by process
	left     map[string]int64 // by process
	taken    int64
	all      string // the file of the one who watched all
}

// Withheld returns how many files were read that must not be named.
func (r *Reader) Withheld() (n int64) {
	if r.All { // the others have counted the same files
		return r.withheld[r.all]
	}
	for _, more := range r.withheld {
		n += more
	}
	return n
}

// Left returns how many files were read in places that are never named.
func (r *Reader) Left() (n int64) {
	if r.All {
		return r.left[r.all]
	}
	for _, more := range r.left {
		n += more
	}
	return n
}

// Next takes in what was written since the last call. A folder that does not exist is empty.
func (r *Reader) Next() error {
	if r.Uses == nil {
		r.Uses, r.Listed, r.offsets = map[string]Use{}, map[string]bool{}, map[string]int64{}
		r.withheld, r.left, r.Unseen = map[string]int64{}, map[string]int64{}, map[string]bool{}
		r.Missed = map[string]bool{}
		r.last = map[string]string{}
		r.Imported, r.Writers, r.Stamps = map[string]bool{}, map[string]bool{}, map[string]Stamp{}
	}
	entries, err := os.ReadDir(r.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	r.Partial = r.Partial || len(entries) > maxFolder
	for _, entry := range entries {
		if !entry.Type().IsRegular() {
			continue
		}
		if err := r.file(entry.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// file takes in the new records of one file.
func (r *Reader) file(name string) error {
	f, err := regular.Open(filepath.Join(r.Dir, name))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	var head [1]byte
	if n, err := f.ReadAt(head[:], 0); n == 0 {
		if errors.Is(err, io.EOF) {
			return nil // just created, or the disk is full
		}
		return err
	}
	r.Partial = r.Partial || head[0] == 'X'
	from, known := r.offsets[name]
	if !known {
		r.Processes++
	}
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return err
	}
	in := bufio.NewReaderSize(f, maxPath)
	for {
		record, err := in.ReadSlice(0)
		if err != nil { // the last record is torn, or being written
			r.Partial = r.Partial || errors.Is(err, bufio.ErrBufferFull)
			break
		}
		from += int64(len(record))
		if r.taken += int64(len(record)); r.taken > maxBytes {
			r.Partial = true
			break
		}
		if len(record) > 1 {
			r.record(name, record[0], string(record[1:len(record)-1]))
		}
	}
	r.offsets[name] = from
	return nil
}

func (r *Reader) record(process string, kind byte, path string) {
	var use Use
	switch kind {
	case 'R':
		if use = Read; process == r.all {
			use |= Found
		}
	case 'W':
		use = Written
		if r.Uses[path]&(Read|Database) == 0 {
			use |= Made
		}
	case 'C':
		use = Written | Made
	case 'S':
		use = Database
	case 'D':
		use = Removed
	case 'A':
		r.All, r.all = true, process
		return
	case 'U':
		if len(r.Missed) < 50 && len(path) < 100 {
			r.Missed[path] = true
		}
		return
	case 'V':
		r.Lost = true
		return
	case 'Q':
		r.Outlived = true
		return
	case 'L':
		if filepath.IsAbs(path) && len(r.Listed) < maxListed {
			r.Listed[filepath.Clean(path)] = true
		}
		return
	case 'F':
		r.stamp(r.last[process], path)
		return
	case 'M':
		if len(r.Writers) < 50 && len(path) < 100 {
			r.Writers[path] = true
		}
		return
	case 'P':
		if len(r.Unseen) < 50 && len(path) < 100 {
			r.Unseen[path] = true
		}
		return
	case 'I':
		if len(r.Imported) < maxImported && len(path) < 100 {
			r.Imported[path] = true
		}
		return
	case 'O':
		if n, err := strconv.ParseInt(path, 10, 64); err == nil && n > 0 && n < MaxPaths {
			r.left[process] = max(r.left[process], n)
		}
		return
	case 'N':
		if n, err := strconv.ParseInt(path, 10, 64); err == nil && n > 0 && n < MaxPaths {
			r.withheld[process] = max(r.withheld[process], n)
		}
		return
	default:
		return
	}
	if !filepath.IsAbs(path) {
		return
	}
	path = filepath.Clean(path)
	r.last[process] = path
	old, known := r.Uses[path]
	if !known {
		if len(r.Uses) >= MaxPaths {
			r.Partial = true
			return
		}
		r.Order = append(r.Order, path)
	}
	r.Uses[path] = old | use
}

// Stamp is the state of a file, by which it can be told from another one that has taken its place.
type Stamp struct {
	Inode    uint64
	Modified int64 // nanoseconds since 1970
	Size     int64
}

// stamp takes in the record of the state of a file, which follows that of its reading. The first one counts.
func (r *Reader) stamp(path, record string) {
	parts := strings.Split(record, " ")
	if len(parts) != 3 {
		return
	}
	inode, errInode := strconv.ParseUint(parts[0], 10, 64)
	modified, errModified := strconv.ParseInt(parts[1], 10, 64)
	size, errSize := strconv.ParseInt(parts[2], 10, 64)
	_, stamped := r.Stamps[path]
	if use, known := r.Uses[path]; !known || stamped || use&Written != 0 || errInode != nil || errModified != nil ||
		errSize != nil {
		return
	}
	r.Stamps[path] = Stamp{inode, modified, size}
	if modified < r.Since {
		r.Uses[path] |= Older
	}
}

// record returns the record of the state of a file.
func (s Stamp) record() string { return fmt.Sprintf("F%d %d %d\x00", s.Inode, s.Modified, s.Size) }

// compactFrom is the number of files of processes from which on they are joined.
const compactFrom = 100

// Compact joins the files of processes that have ended on this machine, if there are many: a program may start workers
// again and again, each of which reads the same files. gone reports whether a process has ended. Next must have been
// called before, and the caller must be the only one who calls Compact.
func (r *Reader) Compact(host string, gone func(pid int) bool) error {
	if len(r.offsets) < compactFrom || host == "" {
		return nil
	}
	var ended []string
	for name, read := range r.offsets {
		pid, rest, _ := strings.Cut(name, "-")
		_, of, _ := strings.Cut(rest, "-")
		n, err := strconv.Atoi(pid)
		info, statErr := os.Lstat(filepath.Join(r.Dir, name))
		if err == nil && statErr == nil && name != r.all && of == host && info.Size() == read && (n == 0 || gone(n)) {
			ended = append(ended, name)
		}
	}
	if len(ended) < compactFrom/2 {
		return nil
	}
	joined := fmt.Sprintf("0-%d-%s", time.Now().UnixNano(), host)
	var b bytes.Buffer
	b.WriteString("H\x00")
	if r.Partial {
		b.Reset()
		b.WriteString("X\x00")
	}
	withheld, left := int64(0), int64(0)
	for _, name := range ended {
		withheld += r.withheld[name]
		left += r.left[name]
	}
	if left > 0 {
		fmt.Fprintf(&b, "O%d\x00", left)
	}
	for dir := range r.Listed {
		b.WriteString("L" + dir + "\x00")
	}
	for name := range r.Unseen {
		b.WriteString("P" + name + "\x00")
	}
	for name := range r.Imported {
		b.WriteString("I" + name + "\x00")
	}
	for name := range r.Writers {
		b.WriteString("M" + name + "\x00")
	}
	if withheld > 0 {
		fmt.Fprintf(&b, "N%d\x00", withheld)
	}
	for _, path := range r.Order {
		for _, kind := range kindsOf(r.Uses[path]) {
			b.WriteByte(byte(kind))
			b.WriteString(path + "\x00")
			if s, ok := r.Stamps[path]; ok && kind == 'R' {
				b.WriteString(s.record())
			}
		}
	}
	tmp := filepath.Join(filepath.Dir(r.Dir), ".reads-new")
	if err := os.WriteFile(tmp, b.Bytes(), 0o600); err != nil {
		return err
	}
	if err := os.Rename(tmp, filepath.Join(r.Dir, joined)); err != nil {
		return err
	}
	r.offsets[joined], r.withheld[joined], r.left[joined] = int64(b.Len()), withheld, left
	for _, name := range ended {
		if err := os.Remove(filepath.Join(r.Dir, name)); err != nil {
			return err
		}
		delete(r.offsets, name)
		delete(r.withheld, name)
		delete(r.left, name)
	}
	return nil
}

// kindsOf returns the records that give a use of a file.
func kindsOf(use Use) (kinds string) {
	if use&Made != 0 {
		kinds = "C"
	}
	for _, k := range []struct {
		use  Use
		kind string
	}{{Read, "R"}, {Database, "S"}, {Written, "W"}, {Removed, "D"}} {
		if use&k.use != 0 && (k.use != Written || use&Made == 0) {
			kinds += k.kind
		}
	}
	return kinds
}

// Inputs returns the files that the program may have read before it wrote to them, in the order in which they came.
func (r *Reader) Inputs() []string {
	var inputs []string
	for _, path := range r.Order {
		if use := r.Uses[path]; use&Made == 0 && use&(Read|Database) != 0 {
			inputs = append(inputs, path)
		}
	}
	return inputs
}

// Outputs returns the files that the program has written, in the order in which they came.
func (r *Reader) Outputs() []string {
	var outputs []string
	for _, path := range r.Order {
		if r.Uses[path]&Written != 0 {
			outputs = append(outputs, path)
		}
	}
	return outputs
}
