package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// data measures hashing one large file and many small ones, both new and remembered. For both sides, the files are in
// the page cache.
func (b *bench) data() error {
	dir, err := b.project()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, ".gitignore"), []byte("big.bin\nsmall/\n"), 0o666); err != nil {
		return err
	}
	if err := writeRandom(filepath.Join(dir, "big.bin"), 1_000_000_000); err != nil {
		return err
	}
	for i := range 100_000 {
		path := filepath.Join(dir, "small", strconv.Itoa(i/1000), strconv.Itoa(i)+".bin")
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(path, bytes.Repeat([]byte(strconv.Itoa(i)+"\n"), 1000)[:1000], 0o666); err != nil {
			return err
		}
	}
	time.Sleep(3 * time.Second) // the hashes of younger files are not remembered
	cache := filepath.Join(dir, ".git", "runs", "cache")
	fresh := func(path string) []string {
		return []string{"sh", "-c", "rm -rf '" + cache + "' && exec '" + b.runs + "' start -d " + path}
	}
	for _, part := range []struct {
		name, path string
		n          int
		baseline   []string
	}{
		{"1 GB in one file", "big.bin", 7, []string{"openssl", "dgst", "-sha256", "big.bin"}},
		{
			"100,000 files of 1 KB", "small", 5,
			[]string{"sh", "-c", "find small -type f -print0 | xargs -0 cat >/dev/null"},
		},
	} {
		a, base, err := pairs(part.n, dir, nil, fresh(part.path), part.baseline)
		if err != nil {
			return err
		}
		again, _, err := pairs(part.n, dir, nil, []string{b.runs, "start", "-d", part.path}, []string{"true"})
		if err != nil {
			return err
		}
		fmt.Printf(
			"%-35s %s, %s resident; %.2f x %s (%s); remembered %s\n", "hash of "+part.name, ms(a.wall), mb(a.rss),
			float64(a.wall)/float64(base.wall), part.baseline[0], ms(base.wall), ms(again.wall),
		)
	}
	return nil
}

func writeRandom(path string, size int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	random := rand.NewChaCha8([32]byte{7})
	buf := make([]byte, 1<<20)
	for written := 0; written < size && err == nil; written += len(buf) {
		_, _ = random.Read(buf)
		_, err = f.Write(buf[:min(len(buf), size-written)])
	}
	return errors.Join(err, f.Close())
}
