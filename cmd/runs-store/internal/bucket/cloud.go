package bucket

import (
	"context"
	"errors"
	"io"
	"net/url"
	"os"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/azureblob" // opens azblob:
	"gocloud.dev/blob/gcsblob"
	"gocloud.dev/gcp"
)

// cloudChunk is how many bytes of an object lie in memory on their way, more for objects of more than 40 GB: Azure
// takes 50,000 blocks. Their clients keep two at a time.
const (
	cloudChunk  = 1 << 20
	cloudBlocks = 40_000
)

// cloud is a store that takes an object as one stream: Google's, Azure's, and the one in memory of the tests.
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

// openGoogle fails without credentials, where opening by URL would go on with made-up ones.
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

// put sends the file in one stream, which is broken off when its bytes are not those of the digest.
func (c cloud) put(ctx context.Context, key string, from *source, on func(int64)) (int64, error) {
	if there, err := c.s.holds(ctx, key, from.Size); err != nil || there {
		return 0, err
	}
	done, err := c.s.stream(ctx)
	if err != nil {
		return 0, err
	}
	defer done()
	writing, abandon := context.WithCancel(ctx)
	defer abandon()
	size := int64(cloudChunk)
	for size*cloudBlocks < from.Size {
		size *= 2
	}
	w, err := c.s.blob.NewWriter(
		writing, key,
		&blob.WriterOptions{
			BufferSize: int(size), MaxConcurrency: 1, ContentType: octets, DisableContentTypeDetection: true,
		},
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
			on(over)
		}
	}
	if !errors.Is(err, io.EOF) {
		abandon() // nothing is stored by a writer whose context has ended
		_ = w.Close()
		return over, err
	}
	return over, w.Close()
}
