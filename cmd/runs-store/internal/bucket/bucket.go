// Package bucket stores objects under their SHA-256 in folders and buckets. It verifies the bytes of every upload and
// download.
//
// It knows neither the protocol nor runs. Start reading at Open, which chooses the target for a URL: folder.go, s3.go,
// or cloud.go for stores that take an object as one stream. get.go downloads from all of them, and explain.go turns
// errors into messages. To add a kind of store, add a target.
package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
	"golang.org/x/sync/errgroup"

	"github.com/gitruns/runs/cmd/runs-store/internal/stall"
	"github.com/gitruns/runs/repo/store"
)

// Store is an open store. Its methods may be called concurrently.
type Store struct {
	kind string // scheme of its URL
	name string // used in messages
	blob *blob.Bucket
	to   target

	streams chan struct{} // limits the requests that carry bytes of objects

	mu     sync.Mutex
	moving map[string]chan struct{} // by key: a channel that is closed when the transfer ends
}

// target is what differs between the kinds of stores.
type target interface {
	// put stores the source under the key, unless there is already an object of the same size and replace is false. It
	// returns how many bytes were sent. It calls progress with the number of bytes transferred so far.
	put(ctx context.Context, key string, from *source, progress func(int64)) (int64, error)
	// list calls each once for every object under the store's prefix, with its key and its size in bytes.
	list(ctx context.Context, each func(key string, size int64) error) error
	// checksum returns the checksum that the provider itself has computed of an object's bytes. It returns nil if
	// there is none, if the provider only repeats what the uploader said, or if it cannot be had.
	checksum(ctx context.Context, key string) *checksum
}

// Open opens the store at a URL. It fails if the folder or bucket does not exist or cannot be reached.
func Open(ctx context.Context, raw string) (*Store, error) {
	u, err := store.ParseURL(raw)
	if err != nil {
		return nil, err
	}
	s := newStore(u.Scheme, store.Name(u))
	switch u.Scheme {
	case "file":
		return s, s.openFolder(store.Folder(u))
	case "s3":
		err = s.openS3(ctx, u)
	default:
		var b *blob.Bucket
		if b, err = openCloud(ctx, u); err == nil {
			s = Of(u.Scheme, store.Name(u), b)
		}
		err = s.explain(reading, err)
	}
	if err == nil {
		err = s.reach(ctx)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

func newStore(kind, name string) *Store {
	return &Store{
		kind: kind, name: name, streams: make(chan struct{}, store.Transfers), moving: map[string]chan struct{}{},
	}
}

// Of returns a store for a bucket that takes each object as one stream.
func Of(kind, name string, b *blob.Bucket) *Store {
	s := newStore(kind, name)
	s.blob, s.to = b, cloud{s}
	return s
}

// prefix returns the path of a bucket URL in the form of a key prefix.
func prefix(u *url.URL) string {
	if p := strings.Trim(u.Path, "/"); p != "" {
		return p + "/"
	}
	return ""
}

// reach returns an error if the bucket does not exist or the server does not answer. It accepts credentials without the
// right to list, because they may still allow uploads and downloads.
func (s *Store) reach(ctx context.Context) error {
	_, _, err := s.blob.ListPage(ctx, blob.FirstPageToken, 1, nil)
	if err == nil {
		return nil
	}
	err = s.explain(listing, err)
	var e *store.Error
	if errors.As(err, &e) && e.Kind == store.NotFound {
		return s.noBucket()
	}
	if errors.As(err, &e) && e.Kind == store.Denied && lacksRight(err) {
		return nil
	}
	_ = s.blob.Close()
	return err
}

// Close closes the store.
func (s *Store) Close() error { return s.blob.Close() }

// Stat returns the objects that the store has among those with the given digests.
func (s *Store) Stat(ctx context.Context, digests []string) ([]store.Stored, error) {
	found := make([]store.Stored, len(digests))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(store.Transfers)
	for i, digest := range digests {
		group.Go(func() error {
			return Guard(func() error {
				size, ok, err := s.size(ctx, store.Key(digest))
				if ok {
					found[i] = store.Stored{Digest: digest, Size: size}
				}
				return err
			})
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	there := found[:0]
	for _, o := range found {
		if o.Digest != "" {
			there = append(there, o)
		}
	}
	return there, nil
}

func (s *Store) size(ctx context.Context, key string) (int64, bool, error) {
	attributes, err := s.blob.Attributes(ctx, key)
	stall.Moved(ctx)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, s.explain(reading, err)
	}
	return attributes.Size, true, nil
}

// holds reports whether there is no need to upload the source, because an object of its size exists. If the credentials
// do not allow reading, it returns false.
func (s *Store) holds(ctx context.Context, key string, from *source) (bool, error) {
	if from.replace {
		return false, nil
	}
	stored, ok, err := s.size(ctx, key)
	if lacksRight(err) {
		return false, nil
	}
	return ok && stored == from.Size, err
}

// List passes the store's objects to each, in batches. It skips keys that are not names of objects.
func (s *Store) List(ctx context.Context, each func([]store.Stored) error) error {
	var batch []store.Stored
	err := s.to.list(ctx, func(key string, size int64) error {
		stall.Moved(ctx)
		_, digest, _ := strings.Cut(key, "/")
		if store.CheckDigest(digest) != nil || store.Key(digest) != key {
			return nil
		}
		if batch = append(batch, store.Stored{Digest: digest, Size: size}); len(batch) < store.MaxBatch {
			return nil
		}
		full := batch
		batch = nil
		return each(full)
	})
	if err != nil {
		return s.explain(listing, err)
	}
	return each(batch)
}

// pages calls each once for every object in the bucket.
func (s *Store) pages(ctx context.Context, each func(key string, size int64) error) error {
	objects := s.blob.List(nil)
	for {
		o, err := objects.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = each(o.Key, o.Size)
		}
		if err != nil {
			return err
		}
	}
}

// Put uploads a file unless the store has an object of the same name and size. With replace, it uploads the file
// anyway. What the store has is replaced only after the digest of the file is verified. It returns how many bytes were
// sent. It calls progress with the number of bytes that are done.
func (s *Store) Put(ctx context.Context, o store.Object, replace bool, progress func(int64)) (int64, error) {
	key := store.Key(o.Digest)
	release, err := s.lockKey(ctx, key)
	if err != nil {
		return 0, err
	}
	defer release()
	from, err := openSource(o)
	if err != nil {
		return 0, err
	}
	defer from.close()
	from.replace = replace
	from.moved = func() { stall.Moved(ctx) }
	moved, err := s.to.put(ctx, key, from, progress)
	if errors.Is(err, errChanged) {
		return moved, from.changed()
	}
	return moved, s.explain(writing, err)
}

// lockKey waits until no other transfer of the key is running. The caller must call release when its transfer ends.
func (s *Store) lockKey(ctx context.Context, key string) (release func(), err error) {
	defer stall.Waiting(ctx)()
	for {
		s.mu.Lock()
		other := s.moving[key]
		if other == nil {
			mine := make(chan struct{})
			s.moving[key] = mine
			s.mu.Unlock()
			return func() {
				s.mu.Lock()
				delete(s.moving, key)
				s.mu.Unlock()
				close(mine)
			}, nil
		}
		s.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// stream waits until another request may carry bytes. The caller must call release when the request ends.
func (s *Store) stream(ctx context.Context) (release func(), err error) {
	defer stall.Waiting(ctx)()
	select {
	case s.streams <- struct{}{}:
		end := stall.Streaming(ctx)
		return func() { <-s.streams; end() }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *Store) noBucket() error {
	if s.kind == "file" {
		return &store.Error{
			Kind: store.NoBucket, Message: s.name + ": the folder does not exist", Hint: "mount it, or create it with mkdir",
		}
	}
	return &store.Error{
		Kind: store.NoBucket, Message: s.name + ": the bucket does not exist",
		Hint: fmt.Sprintf("create it, or correct the URL of the store (%s)", s.kind),
	}
}
