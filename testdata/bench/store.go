package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gitruns/runs/repo/store"
)

const storeSize = 200_000_000

// store measures runs-store. The baseline is curl, with the same bytes and the same S3 server.
func (b *bench) store() error {
	program := os.Getenv("RUNS_TEST_VERSITYGW")
	if program == "" {
		program = "versitygw"
	}
	build := exec.Command(
		"go", "build", "-C", filepath.Join("cmd", store.Program), "-o", filepath.Join(b.dir, store.Program), ".",
	)
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building: %v\n%s", err, out)
	}
	if err := os.Setenv("PATH", b.dir+string(os.PathListSeparator)+os.Getenv("PATH")); err != nil {
		return err
	}
	g := &gateway{root: filepath.Join(b.dir, "s3")}
	if err := g.start(program); err != nil {
		return err
	}
	defer g.stop()
	large, err := storeFile(filepath.Join(b.dir, "large"), storeSize, 0)
	if err != nil {
		return err
	}
	if err := g.large(b.dir, large); err != nil {
		return err
	}
	if err := g.killed(b.dir, large); err != nil {
		return err
	}
	return g.small(b.dir)
}

// gateway is a running S3 server.
type gateway struct {
	root, address string
	cmd           *exec.Cmd
}

func (g *gateway) start(program string) error {
	if err := os.MkdirAll(filepath.Join(g.root, "bkt"), 0o777); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	g.address = l.Addr().String()
	_ = l.Close()
	g.cmd = exec.Command(program, "--quiet", "--port", g.address, "--region", "us-east-1", "posix", g.root)
	g.cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY=ci", "ROOT_SECRET_KEY=ci-secret-123")
	if err := g.cmd.Start(); err != nil {
		return fmt.Errorf("the server (RUNS_TEST_VERSITYGW, or versitygw on PATH): %w", err)
	}
	for range 500 {
		if conn, err := net.Dial("tcp", g.address); err == nil {
			_ = conn.Close()
			return errors.Join(
				os.Setenv("AWS_ACCESS_KEY_ID", "ci"), os.Setenv("AWS_SECRET_ACCESS_KEY", "ci-secret-123"),
			)
		}
		time.Sleep(20 * time.Millisecond)
	}
	g.stop()
	return errors.New("the server does not answer")
}

func (g *gateway) stop() {
	_ = g.cmd.Process.Kill()
	_ = g.cmd.Wait()
}

func (g *gateway) empty() error {
	return errors.Join(os.RemoveAll(filepath.Join(g.root, "bkt")), os.Mkdir(filepath.Join(g.root, "bkt"), 0o777))
}

// curl returns the part of the command line that all calls of curl share.
func (g *gateway) curl(args ...string) []string {
	return append(
		[]string{
			"curl", "-sS", "--fail", "--user", "ci:ci-secret-123", "--aws-sigv4", "aws:amz:us-east-1:s3", "-H",
			"x-amz-content-sha256: UNSIGNED-PAYLOAD",
		},
		args...,
	)
}

func (g *gateway) url(address string) string {
	return "s3://bkt?use_path_style=true&region=us-east-1&endpoint=http://" + address
}

func storeFile(path string, size int, seed byte) (store.Object, error) {
	f, err := os.Create(path)
	if err != nil {
		return store.Object{}, err
	}
	hash := sha256.New()
	n, err := io.CopyN(io.MultiWriter(f, hash), rand.NewChaCha8([32]byte{seed, byte(size)}), int64(size))
	return store.Object{Digest: hex.EncodeToString(hash.Sum(nil)), Size: n, Path: path}, errors.Join(err, f.Close())
}

// helper is a running runs-store.
type helper struct {
	io.Reader
	io.WriteCloser
	cmd *exec.Cmd
}

func openStore(url string) (*store.Client, *helper, error) {
	h := &helper{cmd: exec.Command(store.Program)}
	in, err := h.cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	h.Reader, h.WriteCloser = out, in
	if err := h.cmd.Start(); err != nil {
		return nil, nil, err
	}
	c, err := store.Connect(context.Background(), h, url, time.Minute)
	return c, h, err
}

// memory returns the maximum resident memory of the program, in bytes.
func (h *helper) memory() (int64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", h.cmd.Process.Pid))
	_, rest, _ := strings.Cut(string(data), "VmHWM:")
	var kb int64
	if _, scanErr := fmt.Sscan(rest, &kb); scanErr != nil {
		return 0, errors.Join(err, scanErr)
	}
	return kb << 10, nil
}

// transfer opens the store, transfers objects and closes the store. This is the cost of a push, including the start of
// the program.
func transfer(url string, move func(*store.Client) []store.Result) (s sample, moved int64, err error) {
	start := time.Now()
	c, h, err := openStore(url)
	if err != nil {
		return s, 0, err
	}
	for _, r := range move(c) {
		moved += r.Moved
		err = errors.Join(err, r.Err)
	}
	s.rss, _ = h.memory()
	err = errors.Join(err, c.Close(), h.cmd.Wait())
	s.wall = time.Since(start)
	return s, moved, err
}

// against runs a transfer and a curl command alternately, each after prepare, and prints the medians.
func against(name string, n int, prepare func() error, ours func() (sample, error), curl []string) error {
	var as, bs []sample
	for range n {
		if err := prepare(); err != nil {
			return err
		}
		a, err := ours()
		if err != nil {
			return err
		}
		if err := prepare(); err != nil {
			return err
		}
		b, err := measure("", nil, curl...)
		if err != nil {
			return err
		}
		as, bs = append(as, a), append(bs, b)
	}
	median := func(s []sample) sample {
		slices.SortFunc(s, func(x, y sample) int { return int(x.wall - y.wall) })
		return s[len(s)/2]
	}
	a, b := median(as), median(bs)
	fmt.Printf(
		"%-35s %s, %s resident; %.2f x curl (%s)\n", name, ms(a.wall), mb(a.rss), float64(a.wall)/float64(b.wall),
		ms(b.wall),
	)
	return nil
}

// large sends and fetches one object.
func (g *gateway) large(dir string, o store.Object) error {
	objects := []store.Object{o}
	address := "http://" + g.address + "/bkt/"
	err := against("200 MB to S3", 9, g.empty, func() (sample, error) {
		s, _, err := transfer(
			g.url(g.address),
			func(c *store.Client) []store.Result { return c.Upload(context.Background(), objects, nil) },
		)
		return s, err
	}, g.curl("-T", o.Path, address+"x"))
	if err != nil {
		return err
	}
	if _, _, err := transfer(
		g.url(g.address),
		func(c *store.Client) []store.Result { return c.Upload(context.Background(), objects, nil) },
	); err != nil {
		return err
	}
	objects[0].Path = filepath.Join(dir, "back")
	remove := func() error { return os.RemoveAll(objects[0].Path) }
	err = against("200 MB read back and verified", 9, remove, func() (sample, error) {
		s, _, err := transfer(
			g.url(g.address),
			func(c *store.Client) []store.Result { return c.Verify(context.Background(), objects, true, nil) },
		)
		return s, err
	}, g.curl("-o", objects[0].Path, address+store.Key(o.Digest)))
	if err != nil {
		return err
	}
	return against("200 MB from S3", 9, remove, func() (sample, error) {
		s, _, err := transfer(
			g.url(g.address),
			func(c *store.Client) []store.Result { return c.Download(context.Background(), objects, nil) },
		)
		return s, err
	}, g.curl("-o", objects[0].Path, address+store.Key(o.Digest)))
}

// killed counts the bytes on the wire if the program is killed halfway and the transfer is repeated.
func (g *gateway) killed(dir string, o store.Object) error {
	back := o
	back.Path = filepath.Join(dir, "back-after-kill")
	for _, part := range []struct {
		name string
		move func(*store.Client) []store.Result
	}{
		{"killed half-way up, repeated", func(c *store.Client) []store.Result {
			return c.Upload(context.Background(), []store.Object{o}, nil)
		}},
		{"killed half-way down, repeated", func(c *store.Client) []store.Result {
			return c.Download(context.Background(), []store.Object{back}, nil)
		}},
	} {
		if strings.Contains(part.name, "up") {
			if err := g.empty(); err != nil {
				return err
			}
		}
		count, address, end, err := countingProxy(g.address)
		if err != nil {
			return err
		}
		c, h, err := openStore(g.url(address))
		if err != nil {
			return err
		}
		go func() {
			for count.Load() < storeSize/2 {
				time.Sleep(time.Millisecond)
			}
			_ = h.cmd.Process.Kill()
		}()
		_ = part.move(c)
		_, _ = c.Close(), h.cmd.Wait()
		_, moved, err := transfer(g.url(address), part.move)
		end()
		if err != nil {
			return err
		}
		fmt.Printf(
			"%-35s %s moved the second time; twice over the wire: %s\n", part.name, mb(moved),
			mb(count.Load()-storeSize),
		)
	}
	return nil
}

// countingProxy forwards connections and counts all bytes.
func countingProxy(to string) (count *atomic.Int64, address string, end func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", nil, err
	}
	count = &atomic.Int64{}
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
			pass := func(to, from net.Conn) {
				defer func() { _, _ = to.Close(), from.Close() }()
				buf := make([]byte, 64<<10)
				for {
					n, err := from.Read(buf)
					count.Add(int64(n))
					if err != nil {
						return
					}
					if _, err := to.Write(buf[:n]); err != nil {
						return
					}
				}
			}
			go pass(server, client)
			go pass(client, server)
		}
	}()
	return count, l.Addr().String(), func() { _ = l.Close() }, nil
}

// small sends and fetches many small objects.
func (g *gateway) small(dir string) error {
	const n = 2000
	folder := filepath.Join(dir, "many")
	if err := os.Mkdir(folder, 0o777); err != nil {
		return err
	}
	objects := make([]store.Object, n)
	var up, down strings.Builder
	for i := range objects {
		var err error
		path := filepath.Join(folder, strconv.Itoa(i))
		if objects[i], err = storeFile(path, 50_000+i, byte(i>>8)); err != nil {
			return err
		}
		address := "http://" + g.address + "/bkt/" + store.Key(objects[i].Digest)
		fmt.Fprintf(&up, "upload-file = %q\nurl = %q\n", path, address)
		fmt.Fprintf(&down, "output = %q\nurl = %q\n", path+".back", address)
	}
	for name, text := range map[string]string{"up": up.String(), "down": down.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			return err
		}
	}
	err := against("2,000 objects of 50 KB to S3", 5, g.empty, func() (sample, error) {
		s, _, err := transfer(
			g.url(g.address),
			func(c *store.Client) []store.Result { return c.Upload(context.Background(), objects, nil) },
		)
		return s, err
	}, g.curl("--parallel", "--parallel-max", "8", "-K", filepath.Join(dir, "up")))
	if err != nil {
		return err
	}
	for i := range objects {
		objects[i].Path += ".back"
	}
	remove := func() error {
		for _, o := range objects {
			if err := os.RemoveAll(o.Path); err != nil {
				return err
			}
		}
		return nil
	}
	return against("2,000 objects of 50 KB from S3", 5, remove, func() (sample, error) {
		s, _, err := transfer(
			g.url(g.address),
			func(c *store.Client) []store.Result { return c.Download(context.Background(), objects, nil) },
		)
		return s, err
	}, g.curl("--parallel", "--parallel-max", "8", "-K", filepath.Join(dir, "down")))
}
