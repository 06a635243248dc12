package index

import (
	"encoding/binary"
	"hash/fnv"
	"io/fs"
)

// Stamp says when a folder last changed. It is another one whenever an entry of the folder is added, removed or
// renamed, and when the folder itself is, as far as the file system reports it.
type Stamp struct {
	Modified, Changed int64 // nanoseconds since 1970; Changed is 0 if it is unknown
	Inode, Device     uint64
	single            bool // the folder has no folder in it
}

// StampOf returns the stamp of a folder or file.
func StampOf(info fs.FileInfo) Stamp {
	s := Stamp{Modified: info.ModTime().UnixNano()}
	s.system(info)
	return s
}

// newest returns the later of both times.
func (s Stamp) newest() int64 { return max(s.Modified, s.Changed) }

// same reports whether two stamps are equal.
func (s Stamp) same(o Stamp) bool {
	return s.Modified == o.Modified && s.Changed == o.Changed && s.Inode == o.Inode && s.Device == o.Device
}

// Digest returns a number that is another one for another stamp. It is at least 3.
func (s Stamp) Digest() uint64 { return max(3, digest(s)) }

// digest returns one number for several stamps. It is never 0, which stands for a stamp that nothing equals.
func digest(stamps ...Stamp) uint64 {
	h := fnv.New64a()
	for _, s := range stamps {
		var b [32]byte
		binary.LittleEndian.PutUint64(b[:], uint64(s.Modified))
		binary.LittleEndian.PutUint64(b[8:], uint64(s.Changed))
		binary.LittleEndian.PutUint64(b[16:], s.Inode)
		binary.LittleEndian.PutUint64(b[24:], s.Device)
		_, _ = h.Write(b[:])
	}
	return max(h.Sum64(), 1)
}
