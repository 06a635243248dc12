package bucket

import (
	"cmp"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
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

	"github.com/gitruns/runs/cmd/runs-store/internal/stall"
	"github.com/gitruns/runs/repo/store"
)

const (
	inParts      = 16 << 20 // objects of at least this many bytes are uploaded in parts
	partSize     = 8 << 20  // bytes of a part; larger if an object would have more than maxParts
	maxParts     = 10_000   // limit of S3
	lookFirst    = 1 << 20  // for objects of at least this many bytes, ask first whether they exist
	notModified  = "PreconditionFailed"
	lostUpload   = "NoSuchUpload"
	octets       = "application/octet-stream"
	unsignedBody = "UNSIGNED-PAYLOAD"
)

// castagnoli is the checksum table for parts. Processors have an instruction for this checksum.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// s3Bucket is a target in S3 or on a server that uses the S3 protocol.
type s3Bucket struct {
	s              *Store
	client         *s3.Client
	bucket, prefix string
	amazon         bool        // the server is Amazon's, which computes its checksums itself
	plain          atomic.Bool // the server lacks checksums or conditions: ask first, and send without them
}

func (s *Store) openS3(ctx context.Context, u *url.URL) error {
	query := u.Query()
	pathStyle := false
	if value := query.Get("use_path_style"); value != "" {
		var err error
		if pathStyle, err = strconv.ParseBool(value); err != nil {
			return &store.Error{Kind: store.Usage, Message: s.name + ": use_path_style must be true or false"}
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
	amazon := false
	client := s3.NewFromConfig(configuration, func(o *s3.Options) {
		o.UsePathStyle = pathStyle
		o.ContinueHeaderThresholdBytes = -1 // it would cost a round trip per part; rights are known by then
		if endpoint := query.Get("endpoint"); endpoint != "" {
			o.BaseEndpoint = &endpoint
		}
		amazon = o.BaseEndpoint == nil
		o.Region = cmp.Or(query.Get("region"), o.Region, "us-east-1")
		o.HTTPClient = answers{o.HTTPClient}
	})
	if s.blob, err = s3blob.OpenBucket(ctx, client, u.Host, nil); err != nil {
		return s.explain(reading, err)
	}
	b := &s3Bucket{s: s, client: client, bucket: u.Host, prefix: prefix(u), amazon: amazon}
	if b.prefix != "" {
		s.blob = blob.PrefixedBucket(s.blob, b.prefix)
	}
	s.to = b
	return nil
}

// unlimited lets every transfer use all its attempts. By default, all transfers share a budget of retries, which a
// single lost connection uses up.
type unlimited struct{}

func (unlimited) GetToken(context.Context, uint) (func() error, error) {
	return func() error { return nil }, nil
}
func (unlimited) AddTokens(uint) error { return nil }

// httpClient returns a client that keeps one connection open for each stream. It uses the library's type, which
// supports AWS_CA_BUNDLE.
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

func (b *s3Bucket) put(ctx context.Context, key string, from *source, progress func(int64)) (int64, error) {
	if from.Size < lookFirst && !b.plain.Load() && !from.replace {
		return b.putSmall(ctx, key, from)
	}
	if there, err := b.s.holds(ctx, key, from); err != nil || there {
		return 0, err
	}
	if from.Size < inParts {
		return from.Size, b.putWhole(ctx, key, from, nil)
	}
	return b.putParts(ctx, key, from, progress)
}

// putSmall uploads without asking first whether the object exists, which saves a request. If the object exists, the
// server keeps it.
func (b *s3Bucket) putSmall(ctx context.Context, key string, from *source) (int64, error) {
	err := b.putWhole(ctx, key, from, aws.String("*"))
	switch code(err) {
	case "":
		return from.Size, err
	case notModified, "ConditionalRequestConflict":
		if there, err := b.s.holds(ctx, key, from); err != nil || there {
			return 0, err
		}
	case "NotImplemented", "InvalidArgument", "InvalidRequest":
		b.plain.Store(true)
		if there, err := b.s.holds(ctx, key, from); err != nil || there {
			return 0, err
		}
	default:
		return 0, err
	}
	return from.Size, b.putWhole(ctx, key, from, nil)
}

// putWhole uploads an object in one request. The signature contains the digest as the hash of the body, so the server
// checks it too.
func (b *s3Bucket) putWhole(ctx context.Context, key string, from *source, ifNone *string) error {
	release, err := b.s.stream(ctx)
	if err != nil {
		return err
	}
	defer release()
	_, err = b.client.PutObject(v4.SetPayloadHash(ctx, from.Digest), &s3.PutObjectInput{
		Bucket: &b.bucket, Key: aws.String(b.prefix + key), Body: from.whole(), ContentLength: &from.Size,
		ContentType: aws.String(octets), IfNoneMatch: ifNone,
	})
	return err
}

// putParts uploads an object in parts, several at a time. It resumes an interrupted upload. The object appears only
// after the digest of the whole file is verified.
func (b *s3Bucket) putParts(ctx context.Context, key string, from *source, progress func(int64)) (int64, error) {
	u := &upload{b: b, key: aws.String(b.prefix + key), from: from, progress: progress, size: partSize}
	for u.size*maxParts < from.Size {
		u.size *= 2
	}
	var err error
	if u.id, err = u.find(ctx); err != nil {
		return 0, err
	}
	if u.id != nil {
		err = u.findParts(ctx)
	} else {
		err = u.create(ctx)
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
	case code(err) == lostUpload: // another process completed the upload, or the answer to this request was lost
		there, lookErr := b.s.holds(ctx, key, from)
		if there || lookErr != nil {
			return sent, lookErr
		}
	}
	return sent, err
}

// upload is a multipart upload of an object.
type upload struct {
	b        *s3Bucket
	key      *string
	from     *source
	progress func(int64)
	id       *string
	size     int64                // bytes of each part except the last
	present  map[int32]types.Part // parts on the server, by number
	parts    []types.CompletedPart
	over     atomic.Int64
	sent     atomic.Int64
}

// find returns the newest unfinished upload of the key. It returns nil if there is none or if the credentials do not
// allow listing uploads.
func (u *upload) find(ctx context.Context) (*string, error) {
	pages := s3.NewListMultipartUploadsPaginator(
		u.b.client, &s3.ListMultipartUploadsInput{Bucket: &u.b.bucket, Prefix: u.key},
	)
	var newest types.MultipartUpload
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		stall.Moved(ctx)
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

func (u *upload) create(ctx context.Context) error {
	in := &s3.CreateMultipartUploadInput{Bucket: &u.b.bucket, Key: u.key, ContentType: aws.String(octets)}
	if !u.b.plain.Load() {
		in.ChecksumAlgorithm = types.ChecksumAlgorithmCrc32c
		if u.b.amazon { // so that checksum can compare it; other servers may not know the type
			in.ChecksumType = types.ChecksumTypeFullObject
		}
	}
	out, err := u.b.client.CreateMultipartUpload(ctx, in)
	if slices.Contains([]string{"NotImplemented", "InvalidArgument", "InvalidRequest"}, code(err)) &&
		in.ChecksumAlgorithm != "" {
		u.b.plain.Store(true)
		in.ChecksumAlgorithm, in.ChecksumType = "", ""
		out, err = u.b.client.CreateMultipartUpload(ctx, in)
	}
	if err == nil {
		u.id = out.UploadId
	}
	return err
}

// findParts asks the server which parts it already has.
func (u *upload) findParts(ctx context.Context) error {
	u.present = map[int32]types.Part{}
	pages := s3.NewListPartsPaginator(u.b.client, &s3.ListPartsInput{Bucket: &u.b.bucket, Key: u.key, UploadId: u.id})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		stall.Moved(ctx)
		for _, p := range page.Parts {
			u.present[aws.ToInt32(p.PartNumber)] = p
		}
		if len(u.present) > maxParts {
			return errors.New("the server lists more parts than an upload can have")
		}
	}
	return nil
}

// run hashes the file in order and uploads each part once it is hashed. If the digest is right, run completes the
// upload. The checksum of each part ensures that the uploaded bytes are the hashed ones.
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
		group.Go(func() error {
			return Guard(func() error { return u.part(groupCtx, int32(i+1), length, sum.Sum(nil)) })
		})
		if groupCtx.Err() != nil {
			break
		}
	}
	if err := group.Wait(); failed != nil || err != nil {
		return cmp.Or(failed, err)
	}
	_, err := u.b.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &u.b.bucket, Key: u.key, UploadId: u.id, MultipartUpload: &types.CompletedMultipartUpload{Parts: u.parts},
	})
	return err
}

// part uploads a part unless the server already has it.
func (u *upload) part(ctx context.Context, number int32, length int64, sum []byte) error {
	release, err := u.b.s.stream(ctx)
	if err != nil {
		return err
	}
	defer release()
	off := int64(number-1) * u.size
	checksum := aws.String(base64.StdEncoding.EncodeToString(sum))
	if there, ok := u.present[number]; ok {
		right, err := u.matches(there, off, length, *checksum)
		if err != nil {
			return err
		}
		if right {
			u.parts[number-1] = types.CompletedPart{PartNumber: &number, ETag: there.ETag, ChecksumCRC32C: there.ChecksumCRC32C}
			u.progress(u.over.Add(length))
			return nil
		}
	}
	in := &s3.UploadPartInput{
		Bucket: &u.b.bucket, Key: u.key, UploadId: u.id, PartNumber: &number, ContentLength: &length,
		Body: &checked{f: u.from.f, off: off, size: length, hash: crc32.New(castagnoli), want: sum, moved: u.from.moved},
	}
	if !u.b.plain.Load() {
		in.ChecksumCRC32C = checksum
	}
	out, err := u.b.client.UploadPart(v4.SetPayloadHash(ctx, unsignedBody), in)
	if err != nil {
		return err
	}
	u.sent.Add(length)
	u.progress(u.over.Add(length))
	u.parts[number-1] = types.CompletedPart{PartNumber: &number, ETag: out.ETag, ChecksumCRC32C: out.ChecksumCRC32C}
	return nil
}

// matches reports whether a part on the server has the same bytes as this section of the file.
func (u *upload) matches(there types.Part, off, length int64, checksum string) (bool, error) {
	if aws.ToInt64(there.Size) != length {
		return false, nil
	}
	if there.ChecksumCRC32C != nil {
		return *there.ChecksumCRC32C == checksum, nil
	}
	sum := md5.New() // without checksums, the ETag of a part is its MD5
	if _, err := io.Copy(sum, io.NewSectionReader(u.from.f, off, length)); err != nil {
		return false, err
	}
	return strings.Trim(aws.ToString(there.ETag), `"`) == hex.EncodeToString(sum.Sum(nil)), nil
}

// code returns the error code of the S3 protocol, or "" if err has none.
func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}

// crc64Table is the table of the checksum that Amazon computes of an object which has no other.
var crc64Table = sync.OnceValue(func() *crc64.Table { return crc64.MakeTable(0x9a6c9329ac4bc9b5) })

// checksum asks for the checksum of a whole object. Servers other than Amazon's often repeat the checksum that was sent
// with the upload, although the bytes on their disk have changed since. That of an upload in parts is a checksum of
// checksums, unless it is marked as that of the object.
func (b *s3Bucket) checksum(ctx context.Context, key string) *checksum {
	if !b.amazon {
		return nil
	}
	head, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{
		Bucket: &b.bucket, Key: aws.String(b.prefix + key), ChecksumMode: types.ChecksumModeEnabled,
	})
	if err != nil || head.ChecksumType != types.ChecksumTypeFullObject {
		return nil
	}
	for _, c := range []struct {
		text *string
		hash func() hash.Hash
	}{
		{head.ChecksumSHA256, func() hash.Hash { return nil }},
		{head.ChecksumCRC64NVME, func() hash.Hash { return crc64.New(crc64Table()) }},
		{head.ChecksumCRC32C, func() hash.Hash { return crc32.New(castagnoli) }},
	} {
		if sum, err := base64.StdEncoding.DecodeString(aws.ToString(c.text)); err == nil && len(sum) > 0 {
			return &checksum{c.hash(), sum}
		}
	}
	return nil
}
