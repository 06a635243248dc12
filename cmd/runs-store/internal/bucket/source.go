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

// errChanged reports a file whose content does not match its digest.
var errChanged = errors.New("the file changed during the upload")

// source is a file to upload.
type source struct {
	store.Object
	f       *os.File
	replace bool   // also if the store has an object of this size
	moved   func() // called whenever bytes are read
}

func openSource(o store.Object) (*source, error) {
	from := &source{Object: o}
	info, err := os.Stat(o.Path)
	switch {
	case err != nil:
		return nil, &store.Error{Kind: store.Usage, Message: "reading the file to upload: " + err.Error()}
	case !info.Mode().IsRegular():
		return nil, &store.Error{Kind: store.Usage, Message: o.Path + " is not a regular file"}
	case info.Size() != o.Size:
		return nil, from.changed()
	}
	if from.f, err = os.Open(o.Path); err != nil {
		return nil, &store.Error{Kind: store.Usage, Message: "reading the file to upload: " + err.Error()}
	}
	return from, nil
}

func (s *source) close() { _ = s.f.Close() }

func (s *source) changed() error {
	return &store.Error{
		Kind: store.Changed, Message: fmt.Sprintf("%s is no longer the file that was recorded; it was not uploaded", s.Path),
		Hint: "restore the recorded file, or record the new one",
	}
}

// sum returns the digest as bytes.
func (s *source) sum() []byte {
	raw, _ := hex.DecodeString(s.Digest) // the digest was checked with the request
	return raw
}

// whole returns a reader of the whole file. If the digest is wrong, the reader fails before it returns the last bytes.
func (s *source) whole() *checked {
	return &checked{f: s.f, size: s.Size, hash: sha256.New(), want: s.sum(), moved: s.moved}
}

// checked reads a section of a file. It returns the last bytes only if the checksum of the section is right. Otherwise
// the request fails while it sends its body, and the server stores nothing.
type checked struct {
	f         io.ReaderAt
	off, size int64
	hash      hash.Hash
	want      []byte
	at        int64 // position of the next read
	hashed    int64
	moved     func()
}

func (c *checked) Read(b []byte) (int, error) {
	if c.at >= c.size {
		if c.size == 0 && !bytes.Equal(c.hash.Sum(nil), c.want) {
			return 0, errChanged
		}
		return 0, io.EOF
	}
	if c.at != c.hashed {
		return 0, errors.New("the file to upload was not read in order")
	}
	n, err := c.f.ReadAt(b[:min(int64(len(b)), c.size-c.at)], c.off+c.at)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	if n == 0 && len(b) > 0 {
		return 0, errChanged // the file is now shorter
	}
	c.moved()
	_, _ = c.hash.Write(b[:n])
	c.at += int64(n)
	c.hashed = c.at
	if c.at == c.size && !bytes.Equal(c.hash.Sum(nil), c.want) {
		return 0, errChanged
	}
	return n, nil
}

// Seek lets clients repeat a request and determine its length.
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
