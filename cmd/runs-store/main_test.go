package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gitruns/runs/cmd/runs-store/internal/bucket"
	"github.com/gitruns/runs/repo/store"
)

// TestMain runs runs-store itself if a test starts it as a process.
func TestMain(m *testing.M) {
	if os.Getenv("RUNS_TEST_ROLE") == "store" {
		main()
		return
	}
	os.Exit(m.Run())
}

type opener func(context.Context, string) (*bucket.Store, error)

// duplex is one end of a connection of two pipes.
type duplex struct {
	io.Reader
	io.WriteCloser
}

// testStall is the limit of inactivity where a test does not set its own: no test comes near it.
const testStall = 5 * time.Minute

// connect opens a store through a server in this process.
func connect(t *testing.T, url string, open opener) (*store.Client, error) {
	t.Helper()
	return connectLimit(t, url, open, testStall)
}

// connectLimit is connect with a limit of inactivity.
func connectLimit(t *testing.T, url string, open opener, limit time.Duration) (*store.Client, error) {
	t.Helper()
	requests, send := io.Pipe()
	receive, replies := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := serve(context.Background(), requests, replies, open)
		_ = requests.CloseWithError(io.ErrClosedPipe)
		_ = replies.Close()
		ended <- err
	}()
	c, err := store.Connect(t.Context(), duplex{receive, send}, url, limit)
	t.Cleanup(func() {
		if c != nil {
			_ = c.Close()
		}
		if err := <-ended; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	return c, err
}

func mustConnect(t *testing.T, url string, open opener) *store.Client {
	t.Helper()
	c, err := connect(t, url, open)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// file writes a file of random bytes, which are the same for each seed.
func file(t testing.TB, path string, size int64, seed byte) store.Object {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(f, hash), rand.NewChaCha8([32]byte{seed}), size); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return store.Object{Digest: hex.EncodeToString(hash.Sum(nil)), Size: size, Path: path}
}

func moved(t *testing.T, results []store.Result) (total int64) {
	t.Helper()
	for i, r := range results {
		if r.Err != nil {
			t.Errorf("object %d: %v", i, r.Err)
		}
		total += r.Moved
	}
	return total
}

func kindOf(err error) store.Kind {
	var e *store.Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}

func wantKind(t *testing.T, err error, kind store.Kind) {
	t.Helper()
	if kindOf(err) != kind {
		t.Errorf("got %q (%v), want %q", kindOf(err), err, kind)
	}
}

// gateway starts an S3 server over a folder with the bucket bkt.
func gateway(t *testing.T, root string) (address string) {
	t.Helper()
	program := os.Getenv("RUNS_TEST_VERSITYGW")
	if program == "" {
		var err error
		if program, err = exec.LookPath("versitygw"); err != nil {
			t.Skip("skipped: versitygw is neither on PATH nor named by RUNS_TEST_VERSITYGW; " +
				"run 'go install github.com/versity/versitygw/cmd/versitygw@v1.8.0'")
		}
	}
	if err := os.MkdirAll(filepath.Join(root, "bkt"), 0o777); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = l.Addr().String()
	_ = l.Close()
	cmd := exec.Command(program, "--quiet", "--port", address, "--region", "us-east-1", "posix", root)
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY=ci", "ROOT_SECRET_KEY=ci-secret-123")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for range 500 {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			t.Setenv("AWS_ACCESS_KEY_ID", "ci")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "ci-secret-123")
			return address
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("versitygw did not start within 10 s")
	return ""
}

func s3URL(address string) string {
	return "s3://bkt/team/project?endpoint=http://" + address + "&use_path_style=true&region=us-east-1"
}

// proxy connects a client to the gateway, counts the bytes both ways, and can cut connections.
type proxy struct {
	address string
	up      atomic.Int64
	down    atomic.Int64
	limit   atomic.Int64 // bytes after which a connection is cut; 0 means never
}

func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	p := &proxy{address: l.Addr().String()}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to)
			if err != nil {
				_ = client.Close()
				continue
			}
			var of atomic.Int64 // bytes of this connection
			pass := func(to, from net.Conn, count *atomic.Int64) {
				buf := make([]byte, 32<<10)
				for {
					n, err := from.Read(buf)
					count.Add(int64(n))
					if limit := p.limit.Load(); err != nil || limit > 0 && of.Add(int64(n)) > limit {
						break
					}
					if _, err := to.Write(buf[:n]); err != nil {
						break
					}
				}
				_ = to.Close()
				_ = from.Close()
			}
			go pass(server, client, &p.up)
			go pass(client, server, &p.down)
		}
	}()
	return p
}

// installed puts this test on PATH as runs-store.
func installed(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("skipped: a test cannot run under another name on Windows")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(self, filepath.Join(dir, store.Program)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("RUNS_TEST_ROLE", "store")
}
