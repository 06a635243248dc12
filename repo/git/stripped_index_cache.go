package git

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gitruns/runs/repo/regular"
)

// cachedEntries is from how many entries in .runs on a copy of the index is kept for the next capture. To leave out
// fewer takes less time than to write a file.
const cachedEntries = 2000

// cachedIndexHead begins a kept copy. Its number changes with the form of what follows.
const cachedIndexHead = "runs: index without .runs 1\n"

// keepCached is how long a copy of the index of a working tree that is no longer used is kept.
const keepCached = 30 * 24 * time.Hour

// indexKey names the content of an index: its size and the end of the checksum that Git wrote to its end.
type indexKey [8 + 20]byte

// keyOf returns the key of an index. ok is false if Git wrote no checksum, as index.skipHash asks for.
func keyOf(index io.ReaderAt, size int64) (key indexKey, ok bool) {
	binary.BigEndian.PutUint64(key[:], uint64(size))
	sum := key[8:]
	if size < indexHead+int64(len(sum)) {
		return key, false
	}
	_, err := index.ReadAt(sum, size-int64(len(sum)))
	return key, err == nil && !bytes.Equal(sum, make([]byte, len(sum)))
}

// cachedIndexPath is where the copy of the index of a working tree is kept.
func (d Dirs) cachedIndexPath() string {
	sum := sha256.Sum256([]byte(d.indexPath()))
	return filepath.Join(d.Common, "runs", "cache", "source-"+hex.EncodeToString(sum[:8]))
}

// readCachedIndex writes the kept copy to out if it was made of the index with this key. A copy that is missing or
// damaged is not an error: the index itself is then read.
func (d Dirs) readCachedIndex(key indexKey, out io.Writer) (runs map[string]int, ok bool) {
	data, err := regular.ReadFile(d.cachedIndexPath())
	if err != nil || len(data) < 4 {
		return nil, false
	}
	data, sum := data[:len(data)-4], data[len(data)-4:]
	rest, ok := bytes.CutPrefix(data, append([]byte(cachedIndexHead), key[:]...))
	if !ok || crc32.ChecksumIEEE(data) != binary.BigEndian.Uint32(sum) {
		return nil, false
	}
	runs = map[string]int{}
	count, n := binary.Uvarint(rest)
	for ; n > 0 && count > 0; count-- {
		rest = rest[n:]
		length, m := binary.Uvarint(rest)
		if m <= 0 || length > uint64(len(rest)-m) {
			return nil, false
		}
		parent := string(rest[m : m+int(length)])
		rest = rest[m+int(length):]
		var entries uint64
		entries, n = binary.Uvarint(rest)
		runs[parent] = int(entries)
	}
	if n <= 0 {
		return nil, false
	}
	_, err = out.Write(rest[n:])
	return runs, err == nil
}

// keepIndexCopy keeps the copy of an index at path. Without it, the next capture only takes longer. So errors are
// ignored: the Git folder may be read-only, or the disk full.
func (d Dirs) keepIndexCopy(key indexKey, runs map[string]int, path string) {
	index, err := regular.ReadFile(path)
	if err != nil {
		return
	}
	data := append([]byte(cachedIndexHead), key[:]...)
	data = binary.AppendUvarint(data, uint64(len(runs)))
	for parent, entries := range runs {
		data = binary.AppendUvarint(data, uint64(len(parent)))
		data = binary.AppendUvarint(append(data, parent...), uint64(entries))
	}
	data = append(data, index...)
	data = binary.BigEndian.AppendUint32(data, crc32.ChecksumIEEE(data))
	if keepFile(d.cachedIndexPath(), data) {
		d.removeOldCopies()
	}
}

// keepFile writes a file of the cache at once, and reports whether it could.
func keepFile(path string, data []byte) bool {
	if os.MkdirAll(filepath.Dir(path), 0o777) != nil {
		return false
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), "source-new-")
	if err != nil {
		return false
	}
	_, err = temporary.Write(data)
	if closeErr := temporary.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		_ = os.Remove(temporary.Name())
	}
	return err == nil
}

// runsSeen remembers in which commits a folder named .runs is neither a file nor a submodule, so that Git is asked once
// about each commit. A commit does not change, so what is remembered is never wrong.
type runsSeen struct {
	path  string
	lines []string
}

// maxRunsSeen is how many commits and folders are remembered.
const maxRunsSeen = 64

func (d Dirs) readRunsSeen() *runsSeen {
	seen := &runsSeen{path: d.cachedIndexPath() + "-commits"}
	data, _ := regular.ReadFile(seen.path)
	if text, whole := strings.CutSuffix(string(data), "\n"); whole {
		seen.lines = strings.Split(text, "\n")
	}
	return seen
}

func runsSeenLine(commit, folder string) string { return commit + " " + strconv.Quote(folder) }

func (s *runsSeen) has(commit, folder string) bool {
	return slices.Contains(s.lines, runsSeenLine(commit, folder))
}

func (s *runsSeen) keep(commit string, folders []string) {
	for _, folder := range folders {
		s.lines = append(s.lines, runsSeenLine(commit, folder))
	}
	s.lines = s.lines[max(0, len(s.lines)-maxRunsSeen):]
	keepFile(s.path, []byte(strings.Join(s.lines, "\n")+"\n"))
}

// removeOldCopies removes the copies of working trees that no longer exist, and what killed commands left.
func (d Dirs) removeOldCopies() {
	found, _ := filepath.Glob(filepath.Join(filepath.Dir(d.cachedIndexPath()), "source-*"))
	for _, path := range found {
		if info, err := os.Lstat(path); err == nil && time.Since(info.ModTime()) > keepCached {
			_ = os.Remove(path)
		}
	}
}
