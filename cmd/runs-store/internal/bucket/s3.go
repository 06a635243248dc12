package bucket

import (
	"cmp"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"
	"golang.org/x/sync/errgroup"

	"github.com/gitruns/runs/repo/store"
)

const (
	inParts      = 16 << 20 // bytes from which an object goes in parts
	partSize     = 8 << 20  // bytes of a part, unless that makes more than maxParts
	maxParts     = 10_000   // the bound of S3
	lookFirst    = 1 << 20  // bytes from which it pays to ask first whether an object is there
	notModified  = "PreconditionFailed"
	lostUpload   = "NoSuchUpload"
	octets       = "application/octet-stream"
	unsignedBody = "UNSIGNED-PAYLOAD"
)

// castagnoli is the sum that proves a part; processors have an instruction for it.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// s3Bucket is a store in S3 or what speaks its protocol.
type s3Bucket struct {
	s              *Store
	client         *s3.Client
	bucket, prefix string
	plain          atomic.Bool // the server takes no checksums or conditions: ask first, send without
}

func (s *Store) openS3(ctx context.Context, u *url.URL) error {
	query := u.Query()
	pathStyle := false
	if value := query.Get("use_path_style"); value != "" {
		var err error
		if pathStyle, err = strconv.ParseBool(value); err != nil {
			return &store.Error{Kind: store.Usage, Message: s.name + ": use_path_style is true or false"}
		}
	}
	configuration, err := config.LoadDefaultConfig(ctx,
		config.WithHTTPClient(httpClient()),
		config.WithLogger(logging.Nop{}),
		config.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxAttempts = attempts
				o.MaxBackoff = 3 * time.Second
				o.RateLimiter = unlimited{}
			})
		}),
		config.WithRequestChecksumCalculation(aws.RequestChecksumCalculationWhenRequired),
		config.WithResponseChecksumValidation(aws.ResponseChecksumValidationWhenRequired))
	if err != nil {
		return s.explain(reading, err)
	}
	client := s3.NewFromConfig(configuration, func(o *s3.Options) {
		o.UsePathStyle = pathStyle
		o.ContinueHeaderThresholdBytes = -1 // a round trip for each part; what a request may do is known by then
		if endpoint := query.Get("endpoint"); endpoint != "" {
			o.BaseEndpoint = &endpoint
		}
		o.Region = cmp.Or(query.Get("region"), o.Region, "us-east-1")
	})
	if s.blob, err = s3blob.OpenBucket(ctx, client, u.Host, nil); err != nil {
		return s.explain(reading, err)
	}
	b := &s3Bucket{s: s, client: client, bucket: u.Host, prefix: prefix(u)}
	if b.prefix != "" {
		s.blob = blob.PrefixedBucket(s.blob, b.prefix)
	}
	s.to = b
	return nil
}

// unlimited lets every transfer try as often as any: by default they share a budget, which one lost connection uses up.
type unlimited struct{}

func (unlimited) GetToken(context.Context, uint) (func() error, error) {
	return func() error { return nil }, nil
}
func (unlimited) AddTokens(uint) error { return nil }

// httpClient keeps a connection for each stream. It is the library's own kind, which takes AWS_CA_BUNDLE into account.
func httpClient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConnsPerHost = 2 * store.Transfers
		t.WriteBufferSize = 32 << 10
		t.ReadBufferSize = 32 << 10
	})
}

func (b *s3Bucket) list(ctx context.Context, each func(key string, size int64) error) error {
	return b.s.pages(ctx, each)
}

func (b *s3Bucket) put(ctx context.Context, key string, from *source, on func(int64)) (int64, error) {
	if from.Size < lookFirst && !b.plain.Load() {
		return b.putSmall(ctx, key, from)
	}
	if there, err := b.s.holds(ctx, key, from.Size); err != nil || there {
		return 0, err
	}
	if from.Size < inParts {
		return from.Size, b.putWhole(ctx, key, from, nil)
	}
	return b.putParts(ctx, key, from, on)
}

// putSmall sends without asking first: one request in place of two, and the server keeps what it has.
func (b *s3Bucket) putSmall(ctx context.Context, key string, from *source) (int64, error) {
	err := b.putWhole(ctx, key, from, aws.String("*"))
	switch code(err) {
	case "":
		return from.Size, err
	case notModified, "ConditionalRequestConflict":
		if there, err := b.s.holds(ctx, key, from.Size); err != nil || there {
			return 0, err
		}
	case "NotImplemented", "InvalidArgument", "InvalidRequest":
		b.plain.Store(true)
		if there, err := b.s.holds(ctx, key, from.Size); err != nil || there {
			return 0, err
		}
	default:
		return 0, err
	}
	return from.Size, b.putWhole(ctx, key, from, nil)
}

// putWhole sends an object in one request. Its digest is the hash of the body that the signature covers, so the server
// checks it too.
func (b *s3Bucket) putWhole(ctx context.Context, key string, from *source, ifNone *string) error {
	done, err := b.s.stream(ctx)
	if err != nil {
		return err
	}
	defer done()
	_, err = b.client.PutObject(v4.SetPayloadHash(ctx, from.Digest), &s3.PutObjectInput{
		Bucket: &b.bucket, Key: aws.String(b.prefix + key), Body: from.whole(), ContentLength: &from.Size,
		ContentType: aws.String(octets), IfNoneMatch: ifNone,
	})
	return err
}

// putParts sends an object in parts, several at a time. What an upload that was broken off has brought there is not
// sent again, and the object appears when every byte of the file has been proved by its digest.
func (b *s3Bucket) putParts(ctx context.Context, key string, from *source, on func(int64)) (int64, error) {
	u := &upload{b: b, key: aws.String(b.prefix + key), from: from, on: on, size: partSize}
	for u.size*maxParts < from.Size {
		u.size *= 2
	}
	var err error
	if u.id, err = u.open(ctx); err != nil {
		return 0, err
	}
	if u.id != nil {
		err = u.known(ctx)
	} else {
		err = u.begin(ctx)
	}
	if err == nil {
		err = u.run(ctx)
	}
	sent := u.sent.Load()
	switch {
	case errors.Is(err, errChanged):
		_, abortErr := b.client.AbortMultipartUpload(
			ctx, &s3.AbortMultipartUploadInput{Bucket: &b.bucket, Key: u.key, UploadId: u.id},
		)
		if code(abortErr) == lostUpload {
			abortErr = nil
		}
		return sent, cmp.Or(abortErr, err)
	case code(err) == lostUpload: // another process has finished it, or our own word of that was lost
		there, lookErr := b.s.holds(ctx, key, from.Size)
		if there || lookErr != nil {
			return sent, lookErr
		}
	}
	return sent, err
}

// upload is an object on its way in parts.
type upload struct {
	b     *s3Bucket
	key   *string
	from  *source
	on    func(int64)
	id    *string
	size  int64                // bytes of each part but the last
	there map[int32]types.Part // parts that the server has, by number
	parts []types.CompletedPart
	over  atomic.Int64
	sent  atomic.Int64
}

// open finds the newest unfinished upload of the key. Without the right to look for one there is none.
func (u *upload) open(ctx context.Context) (*string, error) {
	pages := s3.NewListMultipartUploadsPaginator(
		u.b.client, &s3.ListMultipartUploadsInput{Bucket: &u.b.bucket, Prefix: u.key},
	)
	var newest types.MultipartUpload
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			if explained := u.b.s.explain(writing, err); lacksRight(explained) || code(err) == "NotImplemented" {
				return nil, nil
			}
			return nil, err
		}
		for _, other := range page.Uploads {
			if aws.ToString(other.Key) == *u.key &&
				(newest.UploadId == nil || aws.ToTime(other.Initiated).After(aws.ToTime(newest.Initiated))) {
				newest = other
			}
		}
	}
	return newest.UploadId, nil
}

func (u *upload) begin(ctx context.Context) error {
	in := &s3.CreateMultipartUploadInput{Bucket: &u.b.bucket, Key: u.key, ContentType: aws.String(octets)}
	if !u.b.plain.Load() {
		in.ChecksumAlgorithm = types.ChecksumAlgorithmCrc32c
	}
	out, err := u.b.client.CreateMultipartUpload(ctx, in)
	if slices.Contains([]string{"NotImplemented", "InvalidArgument", "InvalidRequest"}, code(err)) &&
		in.ChecksumAlgorithm != "" {
		u.b.plain.Store(true)
		in.ChecksumAlgorithm = ""
		out, err = u.b.client.CreateMultipartUpload(ctx, in)
	}
	if err == nil {
		u.id = out.UploadId
	}
	return err
}

// known asks which parts are there.
func (u *upload) known(ctx context.Context) error {
	u.there = map[int32]types.Part{}
	pages := s3.NewListPartsPaginator(u.b.client, &s3.ListPartsInput{Bucket: &u.b.bucket, Key: u.key, UploadId: u.id})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, p := range page.Parts {
			u.there[aws.ToInt32(p.PartNumber)] = p
		}
	}
	return nil
}

// run hashes the file in order, part by part, lets each part that was hashed be sent, and finishes the upload when the
// digest is right. The sum of a part ties the bytes that are sent to those that were hashed.
func (u *upload) run(ctx context.Context) error {
	count := int((u.from.Size + u.size - 1) / u.size)
	u.parts = make([]types.CompletedPart, count)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(objectStreams)
	whole := u.from.whole()
	buf := make([]byte, chunk)
	var failed error
	for i := range count {
		length := min(u.size, u.from.Size-int64(i)*u.size)
		sum := crc32.New(castagnoli)
		if _, failed = io.CopyBuffer(sum, io.LimitReader(whole, length), buf); failed != nil {
			break
		}
		group.Go(func() error { return u.part(groupCtx, int32(i+1), length, sum.Sum(nil)) })
		if groupCtx.Err() != nil {
			break
		}
	}
	if err := group.Wait(); failed != nil || err != nil {
		return cmp.Or(failed, err)
	}
	_, err := u.b.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &u.b.bucket, Key: u.key, UploadId: u.id,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: u.parts},
	})
	return err
}

// part sends a part, unless it is there.
func (u *upload) part(ctx context.Context, number int32, length int64, sum []byte) error {
	done, err := u.b.s.stream(ctx)
	if err != nil {
		return err
	}
	defer done()
	off := int64(number-1) * u.size
	checksum := aws.String(base64.StdEncoding.EncodeToString(sum))
	if there, ok := u.there[number]; ok {
		right, err := u.matches(there, off, length, *checksum)
		if err != nil {
			return err
		}
		if right {
			u.parts[number-1] = types.CompletedPart{
				PartNumber: &number, ETag: there.ETag, ChecksumCRC32C: there.ChecksumCRC32C,
			}
			u.on(u.over.Add(length))
			return nil
		}
	}
	in := &s3.UploadPartInput{
		Bucket: &u.b.bucket, Key: u.key, UploadId: u.id, PartNumber: &number, ContentLength: &length,
		Body: &checked{f: u.from.f, off: off, size: length, hash: crc32.New(castagnoli), want: sum},
	}
	if !u.b.plain.Load() {
		in.ChecksumCRC32C = checksum
	}
	out, err := u.b.client.UploadPart(v4.SetPayloadHash(ctx, unsignedBody), in)
	if err != nil {
		return err
	}
	u.sent.Add(length)
	u.on(u.over.Add(length))
	u.parts[number-1] = types.CompletedPart{PartNumber: &number, ETag: out.ETag, ChecksumCRC32C: out.ChecksumCRC32C}
	return nil
}

// matches reports whether a part that the server has holds these bytes of the file.
func (u *upload) matches(there types.Part, off, length int64, checksum string) (bool, error) {
	if aws.ToInt64(there.Size) != length {
		return false, nil
	}
	if there.ChecksumCRC32C != nil {
		return *there.ChecksumCRC32C == checksum, nil
	}
	sum := md5.New() // what a server without checksums has: the part's MD5 as its ETag
	if _, err := io.Copy(sum, io.NewSectionReader(u.from.f, off, length)); err != nil {
		return false, err
	}
	return strings.Trim(aws.ToString(there.ETag), `"`) == hex.EncodeToString(sum.Sum(nil)), nil
}

// code is what a server of S3's protocol calls an error; empty without one.
func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}
