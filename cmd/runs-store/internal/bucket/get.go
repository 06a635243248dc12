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

	"github.com/gitruns/runs/cmd/runs-store/internal/stall"
	"github.com/gitruns/runs/repo/store"
)

const (
	rangeSize     = 8 << 20 // bytes to download with one request; more if an object had more than maxRanges
	maxRanges     = 1 << 16 // bounds what is kept in memory for one object
	objectStreams = 4       // concurrent requests for one object
	attempts      = 5       // attempts per request, if it fails for a transient reason
)

// errWrong reports that all bytes of an object arrived but do not match its digest.
var errWrong = errors.New("wrong bytes")

// sizeError reports an object of another size. It is a kind of errWrong.
type sizeError struct{ stored, want int64 }

func (e *sizeError) Error() string {
	return fmt.Sprintf("has %d bytes, not the %d that were recorded", e.stored, e.want)
}

func (e *sizeError) Is(other error) bool { return other == errWrong }

// wrong returns the message for an object whose bytes do not match its digest. hint is the next step.
func (s *Store) wrong(key string, err error, hint string) error {
	what := "the content of the object " + key + " does not match its name"
	var size *sizeError
	if errors.As(err, &size) {
		what = "the object " + key + " " + size.Error()
	}
	return &store.Error{Kind: store.Digest, Message: s.name + ": " + what, Hint: hint}
}

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
		var n int64
		n, err = s.fetch(ctx, key, o, progress)
		moved += n
		if !errors.Is(err, errWrong) {
			return moved, s.explain(reading, err)
		}
	}
	return moved, s.wrong(key, err, "delete the object in the store, then push it again from a machine that has the file")
}

// rangesOf returns how an object of this size is divided: into count ranges of length bytes, the last of which may be
// shorter.
func rangesOf(size int64) (count int, length int64) {
	length = rangeSize
	for size/length >= maxRanges {
		length *= 2
	}
	return int(size/length + min(size%length, 1)), length
}

// expect returns an error unless the store has an object of this size. The size comes from a record, so nothing may be
// reserved before.
func (s *Store) expect(ctx context.Context, key string, size int64) error {
	stored, ok, err := s.size(ctx, key)
	switch {
	case err != nil:
		return err
	case !ok:
		return s.notFound(key)
	case stored != size:
		return &sizeError{stored, size}
	}
	return nil
}

// fetch downloads an object in ranges into a temporary file next to the final one. While the download is incomplete,
// one byte for each range follows the object's bytes. This byte is 1 if the range is complete, so that a later attempt
// can resume a download that was killed.
func (s *Store) fetch(ctx context.Context, key string, o store.Object, progress func(int64)) (int64, error) {
	ranges, length := rangesOf(o.Size)
	if ranges != 1 { // a single range is checked by its only request
		if err := s.expect(ctx, key, o.Size); err != nil {
			return 0, err
		}
	}
	f, err := openPart(o.Path)
	if err != nil {
		return 0, localError{err}
	}
	marks := make([]byte, ranges)
	if info, err := f.Stat(); err == nil && info.Size() == o.Size+int64(ranges) {
		if _, err := f.ReadAt(marks, o.Size); err != nil && !errors.Is(err, io.EOF) {
			clear(marks)
		}
	} else if err := errors.Join(f.Truncate(0), f.Truncate(o.Size+int64(ranges))); err != nil {
		_ = f.Close()
		return 0, localError{err}
	}
	moved, err := s.fetchRanges(ctx, key, o, f, marks, length, progress)
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
	ctx context.Context, key string, o store.Object, f *os.File, marks []byte, each int64, progress func(int64),
) (int64, error) {
	whole := make([]chan struct{}, len(marks))
	var over, moved atomic.Int64
	for i := range marks {
		whole[i] = make(chan struct{})
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return hashRanges(ctx, o, f, each, whole) })
	fetching, fetchCtx := errgroup.WithContext(ctx)
	fetching.SetLimit(objectStreams)
	group.Go(func() error {
		for i := range marks {
			off := int64(i) * each
			length := min(each, o.Size-off)
			if marks[i] == 1 {
				progress(over.Add(length))
				close(whole[i])
				continue
			}
			fetching.Go(func() error {
				write := func(b []byte, at int64) error {
					if _, err := f.WriteAt(b, at); err != nil {
						return localError{err}
					}
					moved.Add(int64(len(b)))
					progress(over.Add(int64(len(b))))
					return nil
				}
				if err := Guard(func() error { return s.fetchRange(fetchCtx, key, o, off, length, write) }); err != nil {
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

func hashRanges(ctx context.Context, o store.Object, f *os.File, each int64, whole []chan struct{}) error {
	hash := sha256.New()
	lent := buffers.Get().(*[]byte)
	defer buffers.Put(lent)
	for i := range whole {
		select {
		case <-whole[i]:
		case <-ctx.Done():
			return ctx.Err()
		}
		off := int64(i) * each
		section := io.NewSectionReader(f, off, min(each, o.Size-off))
		if err := copyMoving(ctx, hash, section, *lent); err != nil {
			return localError{err}
		}
	}
	if !bytes.Equal(hash.Sum(nil), (&source{Object: o}).sum()) {
		return errWrong
	}
	return nil
}

// copyMoving copies bytes of this machine, which counts as progress.
func copyMoving(ctx context.Context, to io.Writer, from io.Reader, buf []byte) error {
	for {
		n, err := from.Read(buf)
		if n > 0 {
			stall.Moved(ctx)
			if _, err := to.Write(buf[:n]); err != nil {
				return err
			}
		}
		if err == nil {
			err = ctx.Err()
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// fetchRange downloads one range and passes its bytes to write, in order, with their position. If the connection
// breaks, it continues where it stopped.
func (s *Store) fetchRange(
	ctx context.Context, key string, o store.Object, off, length int64, write func([]byte, int64) error,
) error {
	release, err := s.stream(ctx)
	if err != nil {
		return err
	}
	defer release()
	for failed := 0; length > 0; {
		n, err := s.read(ctx, key, o, off, length, write)
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

// read downloads bytes with one request, starting at off. It returns how many bytes it passed to write.
func (s *Store) read(
	ctx context.Context, key string, o store.Object, off, length int64, write func([]byte, int64) error,
) (n int64, err error) {
	r, err := s.blob.NewRangeReader(ctx, key, off, length, nil)
	if err != nil {
		return 0, s.explain(reading, err)
	}
	defer func() { _ = r.Close() }()
	if r.Size() != o.Size {
		return 0, &sizeError{r.Size(), o.Size}
	}
	lent := buffers.Get().(*[]byte)
	defer buffers.Put(lent)
	buf := *lent
	for n < length {
		m, err := r.Read(buf[:min(int64(len(buf)), length-n)])
		if m > 0 {
			stall.Moved(ctx)
			if err := write(buf[:m], off+n); err != nil {
				return n, err
			}
			n += int64(m)
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
