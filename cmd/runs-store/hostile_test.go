package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"gocloud.dev/blob/memblob"

	"github.com/gitruns/runs/cmd/runs-store/internal/bucket"
	"github.com/gitruns/runs/repo/store"
)

// A size that a record states reserves nothing: it is compared with the object first.
func TestStatedSizes(t *testing.T) {
	dir := t.TempDir()
	c := mustConnect(t, fileURL(dir), bucket.Open)
	o := file(t, filepath.Join(t.TempDir(), "f"), 3_000_000, 1)
	moved(t, c.Upload(t.Context(), []store.Object{o}, nil))
	absent := file(t, filepath.Join(t.TempDir(), "absent"), 10, 2)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, size := range []int64{1 << 40, 1 << 62, math.MaxInt64, o.Size + 1, o.Size - 1, 0} {
		stated, missing := o, absent
		stated.Size, missing.Size = size, size
		stated.Path += ".back"
		missing.Path += ".back"
		wantKind(t, c.Download(t.Context(), []store.Object{stated}, nil)[0].Err, store.Digest)
		wantKind(t, c.Verify(t.Context(), []store.Object{stated}, true, nil)[0].Err, store.Digest)
		wantKind(t, c.Download(t.Context(), []store.Object{missing}, nil)[0].Err, store.NotFound)
		wantKind(t, c.Verify(t.Context(), []store.Object{missing}, true, nil)[0].Err, store.NotFound)
		for _, path := range []string{stated.Path, missing.Path} {
			if left, _ := filepath.Glob(path + "*"); len(left) > 0 {
				t.Errorf("size %d leaves %v", size, left)
			}
		}
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
		t.Errorf("%d bytes were allocated for sizes that are only stated", n)
	}
}

// stated is a server whose objects are as large as asked, and have no bytes.
func TestServerThatStatesSizes(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(int64(1)<<62))
		if r.Method == http.MethodGet && !strings.Contains(r.URL.RawQuery, "list-type") {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-8388607/%d", int64(1)<<62))
			w.Header().Set("Content-Length", "8388608")
			w.WriteHeader(http.StatusPartialContent)
			return // the connection is closed: the body is short
		}
		if r.Method == http.MethodGet {
			w.Header().Set("Content-Length", "0")
		}
	}))
	defer server.Close()
	t.Setenv("AWS_ACCESS_KEY_ID", "ci")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "ci-secret-123")
	c, err := connect(t, s3URL(strings.TrimPrefix(server.URL, "http://")), bucket.Open)
	if err != nil {
		t.Fatal(err)
	}
	o := file(t, filepath.Join(t.TempDir(), "f"), 10, 1)
	o.Path, o.Size = o.Path+".back", 1<<62
	if err := c.Download(t.Context(), []store.Object{o}, nil)[0].Err; err == nil {
		t.Error("an object without bytes arrived")
	}
}

// A library that panics is one error, and the program goes on.
func TestPanic(t *testing.T) {
	empty := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer empty.Close()
	t.Setenv("AZURE_STORAGE_SAS_TOKEN", "sv=1")
	_, err := connect(t, "azblob://c/p?storage_account=acct&protocol=http&localemu=true&domain="+
		strings.TrimPrefix(empty.URL, "http://"), bucket.Open)
	wantKind(t, err, store.Failed)
	if err == nil || !strings.HasPrefix(err.Error(), "azblob://c/p: the store's library failed: ") {
		t.Errorf("got %v", err)
	}

	c := mustConnect(t, "gs://bkt", func(context.Context, string) (*bucket.Store, error) {
		return bucket.Of("mem", "mem://", nil), nil // each use of the library is one of a nil pointer
	})
	o := file(t, filepath.Join(t.TempDir(), "f"), 20_000_000, 1)
	for name, err := range map[string]error{
		"put":    c.Upload(t.Context(), []store.Object{o}, nil)[0].Err,
		"get":    c.Download(t.Context(), []store.Object{o}, nil)[0].Err,
		"verify": c.Verify(t.Context(), []store.Object{o}, true, nil)[0].Err,
		"stat":   func() error { _, err := c.Stat(t.Context(), []string{o.Digest}); return err }(),
		"list":   c.List(t.Context(), func(store.Stored) error { return nil }),
	} {
		if err == nil || !strings.Contains(err.Error(), "gs://bkt: the store's library failed: ") ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// silent accepts connections and passes on the first bytes of the server's answers, and then nothing.
func silent(t *testing.T, to string, after int) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = client.Close() })
			if to == "" {
				continue
			}
			server, err := net.Dial("tcp", to)
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = server.Close() })
			go func() { _, _ = io.CopyN(server, client, int64(after)) }()
			go func() { _, _ = io.CopyN(client, server, int64(after)) }()
		}
	}()
	return l.Addr().String()
}

// A transfer without progress ends with an error that says what to do, in every operation, and resumes later.
func TestStall(t *testing.T) {
	address := gateway(t, t.TempDir())
	o := file(t, filepath.Join(t.TempDir(), "large"), 30_000_000, 1)
	moved(t, mustConnect(t, s3URL(address), bucket.Open).Upload(t.Context(), []store.Object{o}, nil))
	back, other := o, file(t, filepath.Join(t.TempDir(), "other"), 30_000_000, 2)
	back.Path += ".back"
	stalled := func(name string, err error) {
		t.Helper()
		wantKind(t, err, store.Network)
		if err == nil || !strings.Contains(err.Error(), "no progress for 500ms") {
			t.Errorf("%s: %v", name, err)
		}
	}
	const limit = 500 * time.Millisecond
	open := func(address string) (*store.Client, error) {
		return connectLimit(t, s3URL(address), bucket.Open, limit)
	}
	if _, err := open(silent(t, "", 0)); err == nil {
		t.Error("a server that never answers was opened")
	} else {
		stalled("open", err)
	}
	c, err := open(silent(t, address, 3_000_000))
	if err != nil {
		t.Fatal(err)
	}
	stalled("get", c.Download(t.Context(), []store.Object{back}, nil)[0].Err)
	stalled("verify", c.Verify(t.Context(), []store.Object{o}, true, nil)[0].Err)
	stalled("put", c.Upload(t.Context(), []store.Object{other}, nil)[0].Err)
	moved(t, mustConnect(t, s3URL(address), bucket.Open).Download(t.Context(), []store.Object{back}, nil))
	if sent, err := os.ReadFile(o.Path); err != nil {
		t.Fatal(err)
	} else if came, err := os.ReadFile(back.Path); err != nil || !bytes.Equal(sent, came) {
		t.Errorf("the object came back otherwise, %v", err)
	}
}

// A call of a file system that never returns is abandoned.
func TestStuckCall(t *testing.T) {
	stuck := make(chan struct{})
	defer close(stuck)
	_, err := connectLimit(t, "mem://", func(context.Context, string) (*bucket.Store, error) {
		<-stuck
		return nil, io.EOF
	}, 10*time.Millisecond)
	wantKind(t, err, store.Network)
}

// A call that was abandoned tells nothing more: its request has got its last reply.
func TestAbandonedCall(t *testing.T) {
	var out bytes.Buffer
	s := &server{ctx: t.Context(), limit: time.Millisecond, out: &out, lost: func() {}}
	release, told := make(chan struct{}), make(chan struct{})
	_, err := s.watched(1, func(_ context.Context, tell func(store.Reply)) (store.Reply, error) {
		<-release
		tell(store.Reply{Reply: store.ReplyProgress, Bytes: 1})
		close(told)
		return store.Reply{}, nil
	})
	wantKind(t, err, store.Network)
	close(release)
	<-told
	if out.Len() > 0 {
		t.Errorf("said %s", out.String())
	}
}

// Bytes that changed in the store are found and replaced, and nothing wrong ever replaces an object.
func TestVerifyAndReplace(t *testing.T) {
	root := t.TempDir()
	memory := memblob.OpenBucket(nil)
	dir := t.TempDir()
	s3 := s3URL(gateway(t, root))
	for name, c := range map[string]struct {
		url   string
		open  opener
		write func(key string, bytes []byte) error
	}{
		"folder": {fileURL(dir), bucket.Open, func(key string, bytes []byte) error {
			return os.WriteFile(filepath.Join(dir, key), bytes, 0o666)
		}},
		"s3": {s3, bucket.Open, func(key string, bytes []byte) error {
			return os.WriteFile(filepath.Join(root, "bkt", "team", "project", key), bytes, 0o666)
		}},
		"stream": {"", func(context.Context, string) (*bucket.Store, error) {
			return bucket.Of("mem", "mem://", memory), nil
		}, func(key string, bytes []byte) error {
			return memory.WriteAll(context.Background(), key, bytes, nil)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			client := mustConnect(t, c.url, c.open)
			for i, size := range []int64{1, 500_000, 3_000_000, 20_000_003} {
				o := file(t, filepath.Join(t.TempDir(), "f"), size, byte(i))
				verified := func() store.Result { return client.Verify(t.Context(), []store.Object{o}, false, nil)[0] }
				wantKind(t, verified().Err, store.NotFound)
				moved(t, client.Upload(t.Context(), []store.Object{o}, nil))
				if r := verified(); r.Err != nil || r.Proof != store.ByReading {
					t.Errorf("%d bytes: %+v", size, r)
				}
				data, err := os.ReadFile(o.Path)
				if err != nil {
					t.Fatal(err)
				}
				data[size/2] ^= 1
				if err := c.write(store.Key(o.Digest), data); err != nil {
					t.Fatal(err)
				}
				wantKind(t, verified().Err, store.Digest)
				moved(t, client.Upload(t.Context(), []store.Object{o}, nil)) // by name and size it is there
				wantKind(t, verified().Err, store.Digest)

				bad := o
				bad.Path, bad.Replace = o.Path+".bad", true
				if err := os.WriteFile(bad.Path, bytes.Repeat([]byte{7}, int(size)), 0o666); err != nil {
					t.Fatal(err)
				}
				wantKind(t, client.Upload(t.Context(), []store.Object{bad}, nil)[0].Err, store.Changed)
				if found, err := client.Stat(t.Context(), []string{o.Digest}); err != nil || found[o.Digest] != size {
					t.Errorf("a file that is not the object changed the store: %v, %v", found, err)
				}
				o.Replace = true
				if n := moved(t, client.Upload(t.Context(), []store.Object{o}, nil)); n == 0 {
					t.Error("nothing was sent")
				}
				if r := verified(); r.Err != nil {
					t.Errorf("the replaced object: %v", r.Err)
				}
			}
		})
	}
}
