package git

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"
)

// BlobID returns the id that Git gives to a blob of size bytes, read from r. like is the id of any object of the
// repository: it determines the hash. If r does not have exactly size bytes, the result is not the id of a blob.
func BlobID(like string, size int64, r io.Reader) (string, error) {
	var sum hash.Hash = sha1.New()
	if len(like) == hex.EncodedLen(sha256.Size) {
		sum = sha256.New()
	}
	fmt.Fprintf(sum, "blob %d\x00", size)
	if _, err := io.Copy(sum, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// ReadBlob writes the content of a blob to w. object is an id or REV:PATH. If the blob has more than limit bytes,
// ReadBlob returns an error. A partial clone fetches it first if it must.
func ReadBlob(ctx context.Context, dirs Dirs, object string, limit int64, w io.Writer) error {
	return dirs.objects().readBlob(ctx, object, limit, w)
}

func (p program) readBlob(ctx context.Context, object string, limit int64, w io.Writer) error {
	if err := p.prefetchOne(ctx, object); err != nil {
		return err
	}
	return p.command().blob(ctx, object, limit, w)
}

func (c command) blob(ctx context.Context, object string, limit int64, w io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l := &limitedWriter{w: w, left: limit, full: cancel}
	err := c.stream(ctx, l, "cat-file", "blob", object)
	if l.left < 0 {
		return fmt.Errorf("%s has more than %d bytes", object, limit)
	}
	return err
}

// ReadFiltered writes a blob to w as a checkout to path would, through Git's filters. For a pointer of Git LFS it
// writes the content.
func ReadFiltered(ctx context.Context, dirs Dirs, blob, path string, w io.Writer) error {
	return dirs.command().stream(ctx, w, "cat-file", "--filters", "--path="+path, blob)
}

// ReadObjects reads blobs with one process and calls read in the order of their ids. For a blob that is missing or has
// more than limit bytes, read gets nil and an error, and the others follow. If read fails, its error is returned. A
// partial clone fetches those that it lacks first, with one request.
func ReadObjects(ctx context.Context, dirs Dirs, ids []string, limit int64,
	read func(i int, data []byte, err error) error,
) error {
	return dirs.objects().readObjects(ctx, ids, limit, read)
}

func (p program) readObjects(ctx context.Context, ids []string, limit int64,
	read func(i int, data []byte, err error) error,
) error {
	if len(ids) == 0 {
		return nil
	}
	if err := Prefetch(ctx, p.Dirs, ids); err != nil {
		return err
	}
	in, out := io.Pipe()
	ctx, cancel := context.WithCancel(ctx)
	failed := make(chan error, 1)
	go func() { // returns when the Git process has ended
		batch := p.command()
		batch.stdin = strings.NewReader(strings.Join(ids, "\n") + "\n")
		err := batch.stream(ctx, out, "cat-file", "--batch")
		_ = out.CloseWithError(err)
		failed <- err
	}()
	err := readBatch(bufio.NewReaderSize(in, 256<<10), ids, limit, read)
	cancel()
	_ = in.Close()
	if gitErr := <-failed; err == nil && gitErr != nil && !errors.Is(gitErr, context.Canceled) {
		err = gitErr
	}
	return err
}

func readBatch(r *bufio.Reader, ids []string, limit int64, read func(i int, data []byte, err error) error) error {
	for i := range ids {
		head, err := r.ReadString('\n')
		if err != nil {
			return fmt.Errorf("reading Git objects: %w", err)
		}
		fields := strings.Fields(head)
		if len(fields) != 3 {
			if err := read(i, nil, fmt.Errorf("object %s is not in this clone", ids[i])); err != nil {
				return err
			}
			continue
		}
		size, err := strconv.ParseInt(fields[2], 10, 64)
		if err != nil || size < 0 {
			return fmt.Errorf("reading Git objects: unexpected line %q", head)
		}
		if size > limit {
			if _, err := io.CopyN(io.Discard, r, size+1); err != nil {
				return fmt.Errorf("reading Git objects: %w", err)
			}
			if err := read(i, nil, fmt.Errorf("it has %d bytes, the limit is %d", size, limit)); err != nil {
				return err
			}
			continue
		}
		data := make([]byte, size+1)
		if _, err := io.ReadFull(r, data); err != nil {
			return fmt.Errorf("reading Git objects: %w", err)
		}
		if err := read(i, data[:size], nil); err != nil {
			return err
		}
	}
	return nil
}

type limitedWriter struct {
	w    io.Writer
	left int64
	full func()
}

func (l *limitedWriter) Write(p []byte) (int, error) {
	if l.left -= int64(len(p)); l.left < 0 {
		l.full()
		return 0, ErrTooLarge
	}
	return l.w.Write(p)
}

// WriteBlob stores a blob as it is, without filters, and returns its id.
func WriteBlob(ctx context.Context, dirs Dirs, data []byte) (string, error) {
	return dirs.objects().writeBlob(ctx, data)
}

func (p program) writeBlob(ctx context.Context, data []byte) (string, error) {
	c := p.command()
	c.stdin = bytes.NewReader(data)
	out, err := c.run(ctx, "hash-object", "-w", "--no-filters", "--stdin")
	return strings.TrimSpace(string(out)), err
}
