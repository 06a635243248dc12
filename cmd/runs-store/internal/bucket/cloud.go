package bucket

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"net/url"
	"os"

	"cloud.google.com/go/storage"
	"gocloud.dev/blob"
	_ "gocloud.dev/blob/azureblob" // registers azblob:
	"gocloud.dev/blob/gcsblob"
	"gocloud.dev/gcp"
)

// cloudChunk is the smallest size of a block in bytes. It is doubled until an object fits into cloudBlocks blocks;
// Azure accepts at most 50,000. The clients keep two blocks in memory.
const (
	cloudChunk  = 1 << 20
	cloudBlocks = 40_000
)

// cloud is a target that takes each object as one stream: Google Cloud Storage, Azure, or the in-memory store of the
// tests.
type cloud struct{ s *Store }

func openCloud(ctx context.Context, u *url.URL) (b *blob.Bucket, err error) {
	if u.Scheme == "gs" && os.Getenv("STORAGE_EMULATOR_HOST") == "" {
		b, err = openGoogle(ctx, u.Host)
	} else {
		bare := *u
		bare.Path = ""
		b, err = blob.OpenBucket(ctx, bare.String())
	}
	if p := prefix(u); err == nil && p != "" {
		b = blob.PrefixedBucket(b, p)
	}
	return b, err
}

// openGoogle opens a Google Cloud Storage bucket. It fails if there are no credentials. Opening the bucket by its URL
// would use fake ones instead.
func openGoogle(ctx context.Context, bucket string) (*blob.Bucket, error) {
	found, err := gcp.DefaultCredentials(ctx)
	if err != nil {
		return nil, err
	}
	client, err := gcp.NewHTTPClient(gcp.DefaultTransport(), gcp.CredentialsTokenSource(found))
	if err != nil {
		return nil, err
	}
	return gcsblob.OpenBucket(ctx, client, bucket, nil)
}

func (c cloud) list(ctx context.Context, each func(key string, size int64) error) error {
	return c.s.pages(ctx, each)
}

// put uploads the file as one stream. If the digest is wrong, put cancels the stream.
func (c cloud) put(ctx context.Context, key string, from *source, progress func(int64)) (int64, error) {
	if there, err := c.s.holds(ctx, key, from); err != nil || there {
		return 0, err
	}
	release, err := c.s.stream(ctx)
	if err != nil {
		return 0, err
	}
	defer release()
	writing, abandon := context.WithCancel(ctx)
	defer abandon()
	size := int64(cloudChunk)
	for size*cloudBlocks < from.Size {
		size *= 2
	}
	w, err := c.s.blob.NewWriter(
		writing, key,
		&blob.WriterOptions{BufferSize: int(size), MaxConcurrency: 1, ContentType: octets, DisableContentTypeDetection: true},
	)
	if err != nil {
		return 0, err
	}
	body := from.whole()
	buf := make([]byte, chunk)
	var over int64
	for err == nil {
		var n int
		if n, err = body.Read(buf); n > 0 {
			n, err = w.Write(buf[:n])
			over += int64(n)
			progress(over)
		}
	}
	if !errors.Is(err, io.EOF) {
		abandon() // after a cancel, the writer stores nothing
		_ = w.Close()
		return over, err
	}
	return over, w.Close()
}

// checksum returns the checksum that Google computes of every object. Azure computes none of an upload in blocks.
func (c cloud) checksum(ctx context.Context, key string) *checksum {
	if c.s.kind != "gs" || os.Getenv("STORAGE_EMULATOR_HOST") != "" {
		return nil
	}
	attributes, err := c.s.blob.Attributes(ctx, key)
	var of storage.ObjectAttrs
	if err != nil || !attributes.As(&of) {
		return nil
	}
	return &checksum{crc32.New(castagnoli), binary.BigEndian.AppendUint32(nil, of.CRC32C)}
}
