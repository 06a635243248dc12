package main

import (
	"bytes"
	"compress/gzip"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// size prints the bytes of the page, and of the program against one without the page.
func (b *bench) size() {
	raw, packed := 0, 0
	for _, name := range []string{"app.js", "app.css"} {
		data, err := os.ReadFile("../../cmd/internal/web/app/" + name)
		b.must(err)
		var out bytes.Buffer
		w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
		b.must(err)
		_, err = w.Write(data)
		b.must(err)
		b.must(w.Close())
		fmt.Printf("  %-8s %7d bytes, %6d gzipped\n", name, len(data), out.Len())
		raw, packed = raw+len(data), packed+out.Len()
	}
	row("app.js and app.css", "kB", float64(raw)/1000, 160)
	row("app.js and app.css, gzipped", "kB", float64(packed)/1000, 55)
	with, without := b.bytes(b.runs), b.bytes(b.without())
	row(fmt.Sprintf("growth of the program, from %.2f MB", without/1e6), "MB", (with-without)/1e6, 0.6)
	with, without = b.stripped(b.runs), b.stripped(b.without())
	row(fmt.Sprintf("the same without debug information, from %.2f MB", without/1e6), "MB", (with-without)/1e6, 0.6)
}

// stripped returns the bytes of a program that are loaded when it runs.
func (b *bench) stripped(program string) float64 {
	file, err := elf.Open(program)
	if err != nil { // not a system whose programs are ELF
		return 0
	}
	defer func() { _ = file.Close() }()
	loaded := 0.0
	for _, s := range file.Sections {
		if s.Flags&elf.SHF_ALLOC != 0 && s.Type != elf.SHT_NOBITS {
			loaded += float64(s.FileSize)
		}
	}
	return loaded
}

func (b *bench) bytes(file string) float64 {
	info, err := os.Stat(file)
	b.must(err)
	return float64(info.Size())
}

// without builds runs as it was before it had the page. Every change since then counts as growth.
func (b *bench) without() string {
	program := filepath.Join(b.projects, "runs-without-page")
	if _, err := os.Stat(program); err == nil {
		return program
	}
	git := func(args ...string) string {
		out, err := exec.Command("git", append([]string{"-C", "../.."}, args...)...).Output()
		b.must(err)
		return strings.TrimSpace(string(out))
	}
	added := git("log", "--diff-filter=A", "--format=%H", "--", "cmd/internal/web/web.go")
	tree := b.TempDir()
	archive := filepath.Join(tree, "source.tar")
	git("archive", "-o", archive, added+"^", "--", ".", ":!testdata", ":!**/testdata")
	for _, args := range [][]string{
		{"tar", "-xf", archive, "-C", tree},
		{"go", "build", "-C", tree, "-o", program, "./cmd/runs"},
	} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false")
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("building runs without the page: %v\n%s", err, out)
		}
	}
	return program
}

// start prints what the page adds to the start of every command.
func (b *bench) start() {
	without := b.without()
	var before, after []float64
	for range 200 {
		for _, side := range []struct {
			program string
			times   *[]float64
		}{{without, &before}, {b.runs, &after}} {
			began := time.Now()
			if err := exec.Command(side.program, "version").Run(); err != nil {
				b.Fatalf("%s version: %v", side.program, err)
			}
			*side.times = append(*side.times, milliseconds(time.Since(began)))
		}
	}
	row(fmt.Sprintf("runs version, more than %.2f ms", middle(before)), "ms", middle(after)-middle(before), 0.3)
}
