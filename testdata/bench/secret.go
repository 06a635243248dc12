package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gitruns/runs/repo/secret"
)

// popular are packages whose sources are searched for false positives.
var popular = []string{
	"numpy", "pandas", "requests", "flask", "django", "scikit-learn", "matplotlib", "sqlalchemy", "boto3", "botocore",
	"aiohttp", "pytest", "click", "rich", "transformers", "fastapi",
	"jinja2", "scipy", "pillow", "httpx",
}

// secret measures how fast patches and logs are searched. It also counts the false positives in packages that pip
// fetches, or that are in the folder that RUNS_BENCH_PACKAGES names.
func (b *bench) secret() error {
	folder := os.Getenv("RUNS_BENCH_PACKAGES")
	if folder == "" {
		folder = filepath.Join(b.dir, "packages")
		args := append([]string{"-m", "pip", "download", "-q", "--no-deps", "--dest", folder}, popular...)
		if out, err := exec.Command("python3", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("pip download: %v\n%s", err, out)
		}
	}
	archives, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		return err
	}
	var sample []byte // of patches and logs
	packages, alarms, total := 0, 0, int64(0)
	for _, archive := range archives {
		patch, err := b.packagePatch(archive)
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(archive), err)
		}
		if patch == nil {
			continue
		}
		packages++
		total += int64(len(patch))
		finds, err := secret.Search(context.Background(), bytes.NewReader(patch), int64(len(patch)), secret.Patch)
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(archive), err)
		}
		alarms += len(finds)
		for _, f := range finds {
			fmt.Printf(
				"    %s: %s:%d: %s [%s]\n", filepath.Base(archive), f.Source, f.SourceLine, f.Rule, f.Fingerprint,
			)
		}
		if len(sample) < 80_000_000 {
			sample = append(sample, patch[:min(len(patch), 8_000_000)]...)
		}
	}
	fmt.Printf("secret: %d findings in %d packages, patches of %d MB\n", alarms, packages, total/1_000_000)
	for i := 0; len(sample) < 100_000_000; i++ {
		sample = fmt.Appendf(
			sample, "2026-11-25 12:00:%02d,%03d INFO trainer epoch %d/100 step %d loss=%.6f lr=%.2e tokens/s=%d\r\n",
			i/1000%60, i%1000, i/5000, i, 1/float64(i+1), 3e-4, 51234+i%100,
		)
	}
	sample = sample[:100_000_000]
	best := time.Hour
	for range 5 {
		start := processorTime()
		if _, err := secret.Search(
			context.Background(), bytes.NewReader(sample), int64(len(sample)), secret.Plain,
		); err != nil {
			return err
		}
		best = min(best, processorTime()-start)
	}
	fmt.Printf("secret: 100 MB of patches and logs: %.0f MB/s on one processor\n", 100/best.Seconds())
	return nil
}

// processorTime returns the processor time of this process. Other processes do not change it.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// packagePatch returns the patch that adds the files of a wheel or a source archive, as a run records it. It returns
// nil for any other file.
func (b *bench) packagePatch(archive string) ([]byte, error) {
	dir, err := os.MkdirTemp(b.dir, "package-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	switch {
	case strings.HasSuffix(archive, ".whl"):
		err = unzip(archive, dir)
	case strings.HasSuffix(archive, ".tar.gz"):
		err = untar(archive, dir)
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, args := range [][]string{{"git", "init", "-q"}, {"git", "add", "-A", "-f"}} {
		if err := inDir(dir, args...); err != nil {
			return nil, err
		}
	}
	cmd := exec.Command(
		"git", "diff", "--cached", "--binary", "--full-index", "--no-renames", "--src-prefix=a/", "--dst-prefix=b/",
	)
	cmd.Dir = dir
	return cmd.Output()
}

func unzip(archive, dir string) error {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return err
	}
	defer func() { _ = z.Close() }()
	for _, f := range z.File {
		if f.FileInfo().IsDir() {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return err
		}
		err = writeUnder(dir, f.Name, r)
		_ = r.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func untar(archive, dir string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	g, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	for t := tar.NewReader(g); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag == tar.TypeReg {
			if err := writeUnder(dir, h.Name, t); err != nil {
				return err
			}
		}
	}
}

func writeUnder(dir, name string, r io.Reader) error {
	if !filepath.IsLocal(name) {
		return fmt.Errorf("%s is no local name", name)
	}
	file := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		return err
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}
