package bucket

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/gitruns/runs/repo/store"
)

// errChanged is found while a file is read: it is not what its digest says.
var errChanged = errors.New("the file changed while it was sent")

// source is a file to send.
type source struct {
	store.Object
	f *os.File
}

func openSource(o store.Object) (*source, error) {
	from := &source{Object: o}
	info, err := os.Stat(o.Path)
	switch {
	case err != nil:
		return nil, &store.Error{Kind: store.Usage, Message: "reading the file to send: " + err.Error()}
	case !info.Mode().IsRegular():
		return nil, &store.Error{Kind: store.Usage, Message: o.Path + " is no file"}
	case info.Size() != o.Size:
		return nil, from.changed()
	}
	if from.f, err = os.Open(o.Path); err != nil {
		return nil, &store.Error{Kind: store.Usage, Message: "reading the file to send: " + err.Error()}
	}
	return from, nil
}

func (s *source) close() { _ = s.f.Close() }

func (s *source) changed() error {
	return &store.Error{
		Kind:    store.Changed,
		Message: fmt.Sprintf("%s is no longer the file that was recorded; nothing is stored for it", s.Path),
		Hint:    "put the recorded file back, or record the new one",
	}
}

// sum is the digest in bytes.
func (s *source) sum() []byte {
	raw, _ := hex.DecodeString(s.Digest) // was checked with the request
	return raw
}

// whole reads the file once and fails in place of its last bytes when they are not those of the digest.
func (s *source) whole() *checked {
	return &checked{f: s.f, size: s.Size, hash: sha256.New(), want: s.sum()}
}

// checked reads a section of a file, whose last bytes it gives away only when the sum of the section is right: a
// request whose body fails stores nothing.
type checked struct {
	f         io.ReaderAt
	off, size int64
	hash      hash.Hash
	want      []byte
	at        int64 // where the next read begins
	hashed    int64
}

func (c *checked) Read(b []byte) (int, error) {
	if c.at >= c.size {
		if c.size == 0 && !bytes.Equal(c.hash.Sum(nil), c.want) {
			return 0, errChanged
		}
		return 0, io.EOF
	}
	if c.at != c.hashed {
		return 0, errors.New("a file to send was not read in order")
	}
	n, err := c.f.ReadAt(b[:min(int64(len(b)), c.size-c.at)], c.off+c.at)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	if n == 0 && len(b) > 0 {
		return 0, errChanged // shorter than it was
	}
	_, _ = c.hash.Write(b[:n])
	c.at += int64(n)
	c.hashed = c.at
	if c.at == c.size && !bytes.Equal(c.hash.Sum(nil), c.want) {
		return 0, errChanged
	}
	return n, nil
}

// Seek lets a request be tried again, and its length be asked.
func (c *checked) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += c.at
	case io.SeekEnd:
		offset += c.size
	}
	if offset < 0 {
		return 0, errors.New("seeking before the start")
	}
	if c.at = offset; offset == 0 {
		c.hash.Reset()
		c.hashed = 0
	}
	return offset, nil
}
