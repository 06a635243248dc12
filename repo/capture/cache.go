package capture

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/regular"
)

// A cache file remembers the hashes of one dataset. It has a header line, a line with the digest of the manifest, and
// one line per file: size, times in nanoseconds, inode, rows, hash and quoted path. The cache may be deleted at any
// time. A line that cannot be parsed is ignored.
const cacheHead = "runs hashes 1"

// maxCacheBytes is the largest cache file that is read.
const maxCacheBytes = 4 << 30

// granularity is the coarsest tick of a file system's clock. If a file was modified less than this time before it was
// hashed, it may have been modified again within the same tick. The cache does not remember its hash.
const granularity = 2 * time.Second

// stamp changes when the file changes, as far as the file system reports it.
type stamp struct {
	modified, changed int64 // nanoseconds since 1970; changed is 0 if it is unknown
	inode             uint64
}

type cache struct {
	path             string
	files            map[string]*hashed
	digest, manifest string // of the folder when it was last read
	began            time.Time
	used             int
}

// openCache reads a cache file. If the file is missing or damaged, the cache is empty.
func openCache(path string) *cache {
	c := &cache{path: path, files: map[string]*hashed{}, began: time.Now()}
	if path == "" {
		return c
	}
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxCacheBytes {
		return c
	}
	data, err := regular.ReadFile(path)
	if err != nil {
		return c
	}
	text := string(data)
	first, text, _ := strings.Cut(text, "\n")
	second, text, ok := strings.Cut(text, "\n")
	if first != cacheHead || !ok {
		return c
	}
	c.digest, c.manifest, _ = strings.Cut(second, " ")
	for text != "" {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		f, ok := parseCacheLine(line)
		if !ok {
			c.files, c.digest = map[string]*hashed{}, ""
			return c
		}
		c.files[f.path] = f
	}
	return c
}

func parseCacheLine(line string) (*hashed, bool) {
	var n [5]int64
	for i := range n {
		word, rest, ok := strings.Cut(line, " ")
		if !ok {
			return nil, false
		}
		var err error
		if n[i], err = strconv.ParseInt(word, 10, 64); err != nil {
			return nil, false
		}
		line = rest
	}
	sum, path, ok := strings.Cut(line, " ")
	if !ok || !format.IsDigest(sum) {
		return nil, false
	}
	if strings.HasPrefix(path, `"`) {
		var err error
		if path, err = strconv.Unquote(path); err != nil {
			return nil, false
		}
	}
	return &hashed{path: path, size: n[0], stamp: stamp{n[1], n[2], uint64(n[3])}, rows: n[4], sum: sum}, true
}

// knows reports whether the cache has the hash of a file that has not changed since. If so, it fills in the hash.
func (c *cache) knows(f *hashed) bool {
	old := c.files[f.path]
	if old == nil || old.size != f.size || old.stamp != f.stamp {
		return false
	}
	f.sum, f.rows = old.sum, old.rows
	c.used++
	return true
}

// write stores the hashes of files, except those of files that may have changed unnoticed since they were read.
func (c *cache) write(files []*hashed, digest, manifest string) error {
	if c.path == "" || c.used == len(files) && len(files) == len(c.files) && c.digest == digest &&
		c.manifest == manifest {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(c.path), 0o777); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(c.path), ".new-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	w := bufio.NewWriterSize(tmp, 1<<20)
	_, _ = io.WriteString(w, cacheHead+"\n"+digest+" "+manifest+"\n")
	limit := c.began.Add(-granularity).UnixNano()
	var line []byte
	for _, f := range files {
		if f.stamp.modified >= limit || f.stamp.changed >= limit {
			continue
		}
		line = line[:0]
		for _, n := range []int64{f.size, f.stamp.modified, f.stamp.changed, int64(f.stamp.inode), f.rows} {
			line = append(strconv.AppendInt(line, n, 10), ' ')
		}
		line = append(append(line, f.sum...), ' ')
		if bytes.ContainsAny([]byte(f.path), "\n\"") {
			line = strconv.AppendQuote(line, f.path)
		} else {
			line = append(line, f.path...)
		}
		_, _ = w.Write(append(line, '\n'))
	}
	err = w.Flush()
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), c.path)
}

// CacheName is the file name of the cache of a dataset.
func CacheName(path string) string {
	return sha256Hex([]byte(path))[:32]
}
