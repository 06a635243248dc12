package bucket

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"os"

	"github.com/gitruns/runs/repo/store"
)

// checksum is what a provider has computed of all bytes of an object.
type checksum struct {
	hash hash.Hash // computes it; nil if it is the SHA-256
	sum  []byte
}

// Verify verifies that the store's object has its digest and returns how. Unless read is set, the provider's own
// checksum is enough if it can be compared: with the digest, or with the same checksum of the file at o.Path, once that
// file is verified. Otherwise Verify reads the whole object back. It calls progress with the number of bytes read.
func (s *Store) Verify(
	ctx context.Context, o store.Object, read bool, progress func(int64),
) (how store.Proof, err error) {
	key := store.Key(o.Digest)
	release, err := s.lockKey(ctx, key)
	if err != nil {
		return "", err
	}
	defer release()
	err = s.expect(ctx, key, o.Size)
	if err == nil && !read {
		if c := s.to.checksum(ctx, key); c != nil && c.agrees(ctx, o) {
			return store.ByChecksum, nil
		}
	}
	if err == nil {
		err = s.readBack(ctx, key, o, progress)
	}
	if errors.Is(err, errWrong) {
		return "", s.wrong(key, err, "run 'runs push' on a machine that has the file: it replaces the object")
	}
	return store.ByReading, s.explain(reading, err)
}

// agrees reports whether the checksum proves that the object has the digest.
func (c *checksum) agrees(ctx context.Context, o store.Object) bool {
	want := (&source{Object: o}).sum()
	if c.hash == nil {
		return bytes.Equal(c.sum, want)
	}
	if o.Path == "" {
		return false
	}
	f, err := os.Open(o.Path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	digest := sha256.New()
	lent := buffers.Get().(*[]byte)
	defer buffers.Put(lent)
	err = copyMoving(ctx, io.MultiWriter(digest, c.hash), io.LimitReader(f, o.Size), *lent)
	return err == nil && bytes.Equal(digest.Sum(nil), want) && bytes.Equal(c.hash.Sum(nil), c.sum)
}

// readBack reads the whole object and compares its digest.
func (s *Store) readBack(ctx context.Context, key string, o store.Object, progress func(int64)) error {
	digest := sha256.New()
	err := s.fetchRange(ctx, key, o, 0, o.Size, func(b []byte, at int64) error {
		_, _ = digest.Write(b)
		progress(at + int64(len(b)))
		return nil
	})
	if err == nil && !bytes.Equal(digest.Sum(nil), (&source{Object: o}).sum()) {
		err = errWrong
	}
	return err
}
