package index

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/regular"
)

// A cache has two files. The base file has most days, and the recent file has those that changed since the base was
// written, so that one more run does not cost the bytes of all. Each day says by itself what it describes: it does not
// matter if the files do not belong together, as after a kill between their writing, or with two writers at once.
//
// A file begins with a header: magic, the digest of the home, the state that the days were verified in, the identities
// of these days, and the directory; then its checksum, then the days. Each entry of the directory has the name of a
// day, its place and its checksum.
const (
	magic    = "gitruns index 8\n"
	maxDays  = 1 << 17
	maxBytes = 1 << 30 // of a file that is read
	nameSize = 64      // of an entry of the directory, filled with zero bytes
	entry    = nameSize + 8 + 8 + 4

	smallFile = 256 << 10           // a recent file may have this size before the base is written again
	keepFor   = 60 * 24 * time.Hour // a cache that nobody uses goes after this time
)

// Cache holds the days of one home, as its files have them.
type Cache struct {
	folder, name string
	home         uint64
	days         map[string]*Day
	state        uint64          // in which verified holds
	verified     map[uint64]bool // identities of days
	baseBytes    int             // of the days in the base file
}

// OpenCache reads the cache of a home from the files name.base and name.recent in a folder. home tells apart the homes
// that could have the same name. What cannot be read is not in the cache. If folder is empty, the cache is empty and
// cannot be written.
func OpenCache(folder, name, home string) *Cache {
	h := fnv.New64a()
	_, _ = io.WriteString(h, home)
	c := &Cache{folder: folder, name: name, home: h.Sum64(), days: map[string]*Day{}, verified: map[uint64]bool{}}
	if folder == "" {
		return c
	}
	c.read(c.path("base"), true)
	c.read(c.path("recent"), false)
	return c
}

func (c *Cache) path(kind string) string { return filepath.Join(c.folder, c.name+"."+kind) }

func castagnoli(data []byte) uint32 { return crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)) }

// read adds the days of a file.
func (c *Cache) read(path string, base bool) {
	data := readFile(path)
	if len(data) == 0 {
		return
	}
	if old := time.Now().Add(-24 * time.Hour); base {
		if info, err := os.Lstat(path); err == nil && info.ModTime().Before(old) {
			_ = os.Chtimes(path, time.Time{}, time.Now()) // it is in use
		}
	}
	c.parse(data, base)
}

// readFile reads a regular file. It returns nil if it cannot.
func readFile(path string) []byte {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxBytes {
		return nil
	}
	f, err := regular.Open(path)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	data := make([]byte, info.Size())
	n, err := io.ReadFull(f, data)
	if err != nil {
		return data[:n]
	}
	return data
}

// parse adds the days of the bytes of a file, which may be hostile.
func (c *Cache) parse(data []byte, base bool) {
	p := parser{data: data}
	if string(p.take(len(magic))) != magic || p.uint64() != c.home {
		return
	}
	state := p.uint64()
	identities := p.take(8 * int(p.uint32()))
	directory := p.take(entry * int(min(p.uint32(), maxDays)))
	if sum := castagnoli(data[:p.at]); p.bad || p.uint32() != sum || p.bad {
		return
	}
	if !base {
		c.state = state
		for i := 0; i+8 <= len(identities); i += 8 {
			c.verified[binary.LittleEndian.Uint64(identities[i:])] = true
		}
	}
	for ; len(directory) > 0; directory = directory[entry:] {
		name := string(bytes.TrimRight(directory[:nameSize], "\x00"))
		from := binary.LittleEndian.Uint64(directory[nameSize:])
		size := binary.LittleEndian.Uint64(directory[nameSize+8:])
		if from > uint64(len(data)) || size > uint64(len(data))-from {
			continue // the file is cut
		}
		bytes := data[from : from+size : from+size]
		sum := castagnoli(bytes)
		if sum != binary.LittleEndian.Uint32(directory[nameSize+16:]) {
			continue
		}
		if base {
			c.baseBytes += len(bytes)
		}
		day, err := parseDay(name, bytes)
		if err != nil {
			continue
		}
		day.base, day.identity = base, identityOf(name, sum)
		if old := c.days[name]; old == nil || day.Read >= old.Read {
			c.days[name] = day
		}
	}
}

// identityOf returns a number for a day in a file, whose bytes have the checksum sum.
func identityOf(name string, sum uint32) uint64 {
	h := fnv.New32a()
	_, _ = io.WriteString(h, name)
	return max(1, uint64(sum)<<32|uint64(h.Sum32()))
}

// Day returns a day, or nil if the cache does not have it.
func (c *Cache) Day(name string) *Day { return c.days[name] }

// isVerified reports whether a day was read, or found unchanged, in a state.
func (c *Cache) isVerified(d *Day, state uint64) bool {
	return d.State == state || c.state == state && d.identity != 0 && c.verified[d.identity]
}

// save writes the days that a home has now, all of which were read or verified in a state. tmp is an open file in the
// folder of the cache, which it closes and which becomes the recent file. A loser's work is not an error: nothing
// depends on it. If anew is true, nothing stays of the files as they were.
func (c *Cache) save(tmp *os.File, days []*Day, state uint64, anew bool) error {
	recent, recentBytes, baseBytes := []*Day{}, 0, 0
	for _, d := range days {
		if d.data == nil {
			d.data = d.encode()
			d.identity, d.base = identityOf(d.Name, castagnoli(d.data)), false
		}
		if d.base {
			baseBytes += len(d.data)
		} else {
			recent = append(recent, d)
			recentBytes += len(d.data)
		}
	}
	if anew || recentBytes > max(smallFile, baseBytes/4) || c.baseBytes > smallFile+2*(baseBytes+recentBytes) {
		if err := c.saveBase(days); err != nil {
			return err
		}
		recent = nil
	}
	identities := make([]uint64, len(days))
	for i, d := range days {
		identities[i] = d.identity
	}
	if err := c.write(tmp, recent, identities, state); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil { // Windows renames no file that is open
		return err
	}
	return os.Rename(tmp.Name(), c.path("recent"))
}

func (c *Cache) saveBase(days []*Day) error {
	c.sweep()
	tmp, err := c.temporary()
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	err = c.write(tmp, days, nil, 0)
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), c.path("base"))
}

const temporaryPrefix = ".new-"

// temporary creates a file in the folder of the cache.
func (c *Cache) temporary() (*os.File, error) {
	if c.folder == "" {
		return nil, os.ErrNotExist
	}
	if err := os.MkdirAll(c.folder, 0o777); err != nil {
		return nil, err
	}
	name := filepath.Join(c.folder, temporaryPrefix+format.RandomLetters(8))
	return os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
}

// probeBytes is how much a cache must be able to write: a full disk still makes empty files.
const probeBytes = 64 << 10

// writable reports whether a file can be written in the folder of the cache.
func (c *Cache) writable() bool {
	f, err := c.temporary()
	if err != nil {
		return false
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(make([]byte, probeBytes))
	return errors.Join(err, f.Close()) == nil
}

// remember keeps days in memory.
func (c *Cache) remember(days []*Day) {
	for _, d := range days {
		c.days[d.Name] = d
	}
}

// sweep removes what killed writers left, and caches that nobody uses.
func (c *Cache) sweep() {
	names, err := os.ReadDir(c.folder)
	if err != nil {
		return
	}
	for _, name := range names {
		info, err := name.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		age := time.Since(info.ModTime())
		if strings.HasPrefix(name.Name(), temporaryPrefix) && age > time.Hour || age > keepFor {
			_ = os.Remove(filepath.Join(c.folder, name.Name()))
		}
	}
}

// write writes days into a file.
func (c *Cache) write(f *os.File, days []*Day, identities []uint64, state uint64) error {
	days = slices.Clone(days)
	slices.SortFunc(days, func(a, b *Day) int { return strings.Compare(a.Name, b.Name) })
	b := binary.LittleEndian.AppendUint64([]byte(magic), c.home)
	b = binary.LittleEndian.AppendUint64(b, state)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(identities)))
	for _, identity := range identities {
		b = binary.LittleEndian.AppendUint64(b, identity)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(days)))
	at := uint64(len(b) + entry*len(days) + 4)
	for _, d := range days {
		var name [nameSize]byte
		copy(name[:], d.Name)
		b = append(b, name[:]...)
		b = binary.LittleEndian.AppendUint64(b, at)
		b = binary.LittleEndian.AppendUint64(b, uint64(len(d.data)))
		b = binary.LittleEndian.AppendUint32(b, castagnoli(d.data))
		at += uint64(len(d.data))
	}
	b = binary.LittleEndian.AppendUint32(b, castagnoli(b))
	for _, d := range days {
		if len(b)+len(d.data) > 1<<20 {
			if _, err := f.Write(b); err != nil {
				return err
			}
			b = b[:0]
		}
		b = append(b, d.data...)
	}
	_, err := f.Write(b)
	return err
}
