package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gitruns/runs/cmd/runs-store/internal/bucket"
	"github.com/gitruns/runs/repo/store"
)

func TestRefusals(t *testing.T) {
	root := t.TempDir()
	address := gateway(t, root)
	refused := func(url string, kind store.Kind, words ...string) {
		t.Helper()
		_, err := connect(t, url, bucket.Open)
		wantKind(t, err, kind)
		for _, w := range words {
			if err != nil && !strings.Contains(err.Error(), w) {
				t.Errorf("%v does not say %q", err, w)
			}
		}
	}
	refused("s3://nobkt?use_path_style=true&endpoint=http://"+address, store.NoBucket, "s3://nobkt", "does not exist")
	refused("s3://bkt?use_path_style=true&endpoint=http://127.0.0.1:1", store.Network, "refused")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "wrong-secret-1234")
	refused(s3URL(address), store.Denied, "s3://bkt", "SignatureDoesNotMatch")
	t.Setenv("AWS_ACCESS_KEY_ID", "nobody")
	refused(s3URL(address), store.Denied, "refused the credentials")
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("HOME", t.TempDir())
	refused(s3URL(address), store.Denied, "no credentials")
}

func TestReadOnlyAndFullFolders(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("file systems cannot be mounted here")
	}
	src := t.TempDir()
	large := file(t, filepath.Join(src, "large"), 3_000_000, 1)
	small := file(t, filepath.Join(src, "small"), 1000, 2)

	dir := mount(t, "size=2m")
	c := mustConnect(t, fileURL(dir), bucket.Open)
	moved(t, c.Upload(t.Context(), []store.Object{small}, nil))
	wantKind(t, c.Upload(t.Context(), []store.Object{large}, nil)[0].Err, store.Space)
	remount(t, dir, "size=20m")
	if n := moved(t, c.Upload(t.Context(), []store.Object{large}, nil)); n == 0 || n > 1_500_000 {
		t.Errorf("%d bytes were written after there was space again, want the rest", n)
	}

	remount(t, dir, "ro")
	other := file(t, filepath.Join(src, "other"), 1000, 3)
	wantKind(t, c.Upload(t.Context(), []store.Object{other}, nil)[0].Err, store.ReadOnly)
	moved(t, c.Upload(t.Context(), []store.Object{small}, nil)) // is there
	small.Path += ".back"
	moved(t, c.Download(t.Context(), []store.Object{small}, nil))

	here := mount(t, "size=1m")
	large.Path = filepath.Join(here, "back")
	err := c.Download(t.Context(), []store.Object{large}, nil)[0].Err
	wantKind(t, err, store.Space)
	if err != nil && !strings.Contains(err.Error(), here) {
		t.Errorf("%v does not say where", err)
	}
}

func TestMissingFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not-mounted")
	_, err := connect(t, fileURL(dir), bucket.Open)
	wantKind(t, err, store.NoBucket)
	if _, err := os.Stat(dir); err == nil {
		t.Error("the folder was created")
	}
}

// A server without space is reported as such, not as unreachable.
func TestFullServer(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("a small file system cannot be mounted here")
	}
	root := mount(t, "size=6m")
	c := mustConnect(t, s3URL(gateway(t, root)), bucket.Open)
	for i, size := range []int64{8_000_000, 30_000_000} {
		wantKind(
			t, c.Upload(t.Context(), []store.Object{file(t, filepath.Join(t.TempDir(), "f"), size, byte(i))}, nil)[0].Err,
			store.Space,
		)
	}
}

// A lost connection is retried where it broke; a server that stays unreachable is an error.
func TestLostConnections(t *testing.T) {
	root := t.TempDir()
	address := gateway(t, root)
	p := newProxy(t, address)
	c := mustConnect(t, s3URL(p.address), bucket.Open)
	o := file(t, filepath.Join(t.TempDir(), "large"), 40_000_000, 1)

	p.limit.Store(5_000_000) // less than a part
	wantKind(t, c.Upload(t.Context(), []store.Object{o}, nil)[0].Err, store.Network)
	if found, err := c.Stat(t.Context(), []string{o.Digest}); err != nil || len(found) > 0 {
		t.Errorf("half an object is there: %v, %v", found, err)
	}
	p.limit.Store(10_000_000) // a part, then the connection is lost
	if r := c.Upload(t.Context(), []store.Object{o}, nil); r[0].Err != nil {
		t.Error(r[0].Err)
	}

	p.limit.Store(3_000_000)
	before := p.down.Load()
	back := o
	back.Path += ".back"
	moved(t, c.Download(t.Context(), []store.Object{back}, nil))
	if n := p.down.Load() - before; n > o.Size+o.Size/4 {
		t.Errorf("%d bytes came down for %d", n, o.Size)
	}
}

// A transfer that was killed half-way is resumed without repeating the finished part.
func TestKilled(t *testing.T) {
	installed(t)
	root := t.TempDir()
	p := newProxy(t, gateway(t, root))
	const size, inFlight = 100_000_000, 4 * 8 << 20 // four parts are on their way at a time
	o := file(t, filepath.Join(t.TempDir(), "large"), size, 1)
	back := o
	back.Path += ".back"

	killed := func(count func() int64, transfer func(*store.Client) []store.Result) {
		t.Helper()
		cmd := exec.Command(store.Program)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		c, err := store.Connect(t.Context(), duplex{out, in}, s3URL(p.address), testStall)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for count() < size/2 {
				time.Sleep(time.Millisecond)
			}
			_ = cmd.Process.Kill()
		}()
		if r := transfer(c); r[0].Err == nil {
			t.Error("the transfer went on")
		}
		_ = c.Close()
		_ = cmd.Wait()
	}
	again := func(count func() int64, transfer func(*store.Client) []store.Result) {
		t.Helper()
		c, err := store.Open(t.Context(), s3URL(p.address), testStall)
		if err != nil {
			t.Fatal(err)
		}
		n := moved(t, transfer(c))
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if n == 0 || n > size/2+inFlight {
			t.Errorf("%d bytes were moved again of %d, half of which were over", n, size)
		}
		if all := count(); all > size+inFlight+2_000_000 {
			t.Errorf("%d bytes went over the wire for %d", all, size)
		}
	}
	up := func(c *store.Client) []store.Result { return c.Upload(t.Context(), []store.Object{o}, nil) }
	down := func(c *store.Client) []store.Result { return c.Download(t.Context(), []store.Object{back}, nil) }
	killed(p.up.Load, up)
	again(p.up.Load, up)
	killed(p.down.Load, down)
	if _, err := os.Stat(back.Path); err == nil {
		t.Error("half an object has its name")
	}
	again(p.down.Load, down)
	sent, err := os.ReadFile(o.Path)
	if err != nil {
		t.Fatal(err)
	}
	if came, err := os.ReadFile(back.Path); err != nil || !bytes.Equal(sent, came) {
		t.Errorf("the object came back otherwise, %v", err)
	}
}

// An upload to a folder resumes a half-written file, and replaces its wrong bytes.
func TestFolderGoesOn(t *testing.T) {
	dir := t.TempDir()
	o := file(t, filepath.Join(t.TempDir(), "large"), 3_000_000, 1)
	bytes, err := os.ReadFile(o.Path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		part []byte
		most int64
	}{{bytes[:2_000_000], 1_250_000}, {append(bytes[:1_000_000:1_000_000], make([]byte, 3_000_000)...), 2_250_000}} {
		path := filepath.Join(dir, store.Key(o.Digest))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		_ = os.Remove(path)
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), "."+o.Digest+".part"), c.part, 0o666); err != nil {
			t.Fatal(err)
		}
		client := mustConnect(t, fileURL(dir), bucket.Open)
		if n := moved(t, client.Upload(t.Context(), []store.Object{o}, nil)); n == 0 || n > c.most {
			t.Errorf("%d bytes were written, want at most %d", n, c.most)
		}
		if now, err := os.ReadFile(path); err != nil || string(now) != string(bytes) {
			t.Errorf("the object is not the file, %v", err)
		}
	}
}

// The end of the context ends the program.
func TestCancel(t *testing.T) {
	installed(t)
	p := newProxy(t, gateway(t, t.TempDir()))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c, err := store.Open(ctx, s3URL(p.address), testStall)
	if err != nil {
		t.Fatal(err)
	}
	o := file(t, filepath.Join(t.TempDir(), "large"), 100_000_000, 1)
	go func() {
		for p.up.Load() < 20_000_000 {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	if r := c.Upload(t.Context(), []store.Object{o}, nil); r[0].Err != context.Canceled {
		t.Errorf("a cancelled upload says %v", r[0].Err)
	}
	_ = c.Close()
	if n := children(t); n > 1 { // the gateway
		t.Errorf("%d processes are left", n)
	}
}

// children counts the child processes of this test.
func children(t *testing.T) (n int) {
	t.Helper()
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		data, _ := os.ReadFile(name)
		_, rest, _ := strings.Cut(string(data), ") ")
		if fields := strings.Fields(rest); len(fields) > 1 && fields[1] == strconv.Itoa(os.Getpid()) {
			n++
		}
	}
	return n
}

// The program ends when its input does.
func TestEndsWithItsInput(t *testing.T) {
	installed(t)
	cmd := exec.Command(store.Program)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(in, `{"id":1,"op":"hello","version":1}`+"\n")
	_ = in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	cmd = exec.Command(store.Program, "--help")
	if err := cmd.Run(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 2 {
		t.Errorf("arguments: %v", err)
	}
}
