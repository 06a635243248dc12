package bucket

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gitruns/runs/repo/store"
)

const (
	rangeSize     = 8 << 20 // bytes to download with one request
	objectStreams = 4       // concurrent requests for one object
	attempts      = 5       // attempts per request, if it fails for a transient reason
)

// errWrong reports that all bytes of an object arrived but do not match its digest.
var errWrong = errors.New("wrong bytes")

// buffers avoids an allocation for each object, because there may be thousands of small ones.
var buffers = sync.Pool{New: func() any { b := make([]byte, chunk); return &b }}

// localError reports a problem with a file on this machine instead of the store.
type localError struct{ error }

func (e localError) Unwrap() error { return e.error }

// Get downloads an object into a file and returns how many bytes were received. The file gets its name after the digest
// is verified. If the bytes are wrong, Get deletes them and tries once more. It calls progress with the number of bytes
// transferred so far.
func (s *Store) Get(ctx context.Context, o store.Object, progress func(int64)) (moved int64, err error) {
	key := store.Key(o.Digest)
	release, err := s.lockKey(ctx, key)
	if err != nil {
		return 0, err
	}
	defer release()
	for range 2 {
		n, err := s.fetch(ctx, key, o, progress)
		moved += n
		if !errors.Is(err, errWrong) {
			return moved, s.explain(reading, err)
		}
	}
	return moved, &store.Error{
		Kind: store.Digest,
		Message: fmt.Sprintf(
			"%s: the content of the object %s does not match its name; the download was deleted", s.name, key,
		),
		Hint: "delete the object in the store, then push it again from a machine that has the file",
	}
}

// fetch downloads an object in ranges into a temporary file next to the final one. While the download is incomplete,
// one byte for each range follows the object's bytes. This byte is 1 if the range is complete, so that a later attempt
// can resume a download that was killed.
func (s *Store) fetch(ctx context.Context, key string, o store.Object, progress func(int64)) (int64, error) {
	f, err := openPart(o.Path)
	if err != nil {
		return 0, localError{err}
	}
	ranges := int((o.Size + rangeSize - 1) / rangeSize)
	marks := make([]byte, ranges)
	if info, err := f.Stat(); err == nil && info.Size() == o.Size+int64(ranges) {
		if _, err := f.ReadAt(marks, o.Size); err != nil && !errors.Is(err, io.EOF) {
			clear(marks)
		}
	} else if err := errors.Join(f.Truncate(0), f.Truncate(o.Size+int64(ranges))); err != nil {
		_ = f.Close()
		return 0, localError{err}
	}
	moved, err := s.fetchRanges(ctx, key, o, f, marks, progress)
	if errors.Is(err, errWrong) {
		dropPart(f)
		return moved, err
	}
	if err == nil {
		err = f.Truncate(o.Size)
	}
	if err != nil {
		_ = f.Close()
		if moved == 0 && !bytes.Contains(marks, []byte{1}) {
			_ = os.Remove(f.Name()) // the file has no complete range
		}
		return moved, err
	}
	if err := finishPart(f, o.Path, false); err != nil {
		return moved, localError{err}
	}
	return moved, nil
}

// fetchRanges downloads the incomplete ranges, several at a time. Meanwhile it hashes all ranges in order.
func (s *Store) fetchRanges(
	ctx context.Context, key string, o store.Object, f *os.File, marks []byte, progress func(int64),
) (int64, error) {
	if o.Size == 0 {
		size, ok, err := s.size(ctx, key)
		switch {
		case err != nil:
			return 0, err
		case !ok:
			return 0, s.notFound(key)
		case size != 0 || sha256.Sum256(nil) != [32]byte((&source{Object: o}).sum()):
			return 0, errWrong
		}
		return 0, nil
	}
	whole := make([]chan struct{}, len(marks))
	var over, moved atomic.Int64
	for i := range marks {
		whole[i] = make(chan struct{})
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return hashRanges(ctx, o, f, whole) })
	fetching, fetchCtx := errgroup.WithContext(ctx)
	fetching.SetLimit(objectStreams)
	group.Go(func() error {
		for i := range marks {
			off := int64(i) * rangeSize
			length := min(rangeSize, o.Size-off)
			if marks[i] == 1 {
				progress(over.Add(length))
				close(whole[i])
				continue
			}
			fetching.Go(func() error {
				err := s.fetchRange(fetchCtx, key, o, f, off, length, func(n int64) {
					moved.Add(n)
					progress(over.Add(n))
				})
				if err != nil {
					return err
				}
				if _, err := f.WriteAt([]byte{1}, o.Size+int64(i)); err != nil {
					return localError{err}
				}
				close(whole[i])
				return nil
			})
			if fetchCtx.Err() != nil {
				break
			}
		}
		return fetching.Wait()
	})
	err := group.Wait()
	return moved.Load(), err
}

func hashRanges(ctx context.Context, o store.Object, f *os.File, whole []chan struct{}) error {
	hash := sha256.New()
	lent := buffers.Get().(*[]byte)
	defer buffers.Put(lent)
	for i := range whole {
		select {
		case <-whole[i]:
		case <-ctx.Done():
			return ctx.Err()
		}
		off := int64(i) * rangeSize
		section := io.NewSectionReader(f, off, min(rangeSize, o.Size-off))
		if _, err := io.CopyBuffer(struct{ io.Writer }{hash}, struct{ io.Reader }{section}, *lent); err != nil {
			return localError{err}
		}
	}
	if !bytes.Equal(hash.Sum(nil), (&source{Object: o}).sum()) {
		return errWrong
	}
	return nil
}

// fetchRange downloads one range. If the connection breaks, it continues where it stopped.
func (s *Store) fetchRange(
	ctx context.Context, key string, o store.Object, f *os.File, off, length int64, progress func(int64),
) error {
	release, err := s.stream(ctx)
	if err != nil {
		return err
	}
	defer release()
	for failed := 0; length > 0; {
		n, err := s.read(ctx, key, o, f, off, length, progress)
		off += n
		length -= n
		if err == nil {
			continue
		}
		if n > 0 {
			failed = 0
		}
		if failed++; failed == attempts || !s.isTransient(err) {
			return err
		}
		select {
		case <-time.After(backoff(failed)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// backoff returns how long to wait after the given number of failures: 0.1 s, 0.4 s, 1.6 s, 6.4 s.
func backoff(failed int) time.Duration { return 25 * time.Millisecond << (2 * failed) }

// read downloads bytes with one request, starting at off. It returns how many bytes it wrote to the file.
func (s *Store) read(
	ctx context.Context, key string, o store.Object, f *os.File, off, length int64, progress func(int64),
) (n int64, err error) {
	r, err := s.blob.NewRangeReader(ctx, key, off, length, nil)
	if err != nil {
		return 0, s.explain(reading, err)
	}
	defer func() { _ = r.Close() }()
	if r.Size() != o.Size {
		return 0, errWrong
	}
	lent := buffers.Get().(*[]byte)
	defer buffers.Put(lent)
	buf := *lent
	for n < length {
		m, err := r.Read(buf[:min(int64(len(buf)), length-n)])
		if m > 0 {
			if _, err := f.WriteAt(buf[:m], off+n); err != nil {
				return n, localError{err}
			}
			n += int64(m)
			progress(int64(m))
		}
		if errors.Is(err, io.EOF) && n < length {
			err = io.ErrUnexpectedEOF
		}
		if err != nil && n < length {
			return n, s.explain(reading, err)
		}
	}
	return n, nil
}

func (s *Store) notFound(key string) error {
	return &store.Error{
		Kind: store.NotFound, Message: fmt.Sprintf("%s: the object %s does not exist", s.name, key),
		Hint: "push it from a machine that has the file",
	}
}
