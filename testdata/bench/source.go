package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// source measures the start of a run in a large dirty repository, and checks what it leaves unchanged.
func (b *bench) source() error {
	dir, err := b.project()
	if err != nil {
		return err
	}
	for i := range 20_000 {
		path := filepath.Join(dir, fmt.Sprintf("pkg%03d", i/100), fmt.Sprintf("file%05d.py", i))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(
			path, fmt.Appendf(nil, "x = %d\n%s", i, strings.Repeat("# a line of text\n", i%40)), 0o666,
		); err != nil {
			return err
		}
	}
	if err := inDir(dir, "git", "add", "-A"); err != nil {
		return err
	}
	if err := inDir(
		dir, "git", "-c", "user.name=b", "-c", "user.email=b@example.org", "commit", "-q", "-m", "files",
	); err != nil {
		return err
	}
	// In a clone, the objects are in a pack. They are not packed here, because after the removal of many files ext4
	// creates new ones slowly for a minute.
	clone := dir + "-clone"
	if err := inDir(b.dir, "git", "clone", "-q", "--no-local", dir, clone); err != nil {
		return err
	}
	dir = clone
	for i := range 20 {
		if err := appendTo(
			filepath.Join(dir, fmt.Sprintf("pkg%03d", i), fmt.Sprintf("file%05d.py", i*100)), "changed = 1\n",
		); err != nil {
			return err
		}
		if err := os.WriteFile(
			filepath.Join(dir, fmt.Sprintf("new%02d.py", i)), []byte("new = 1\n"), 0o666,
		); err != nil {
			return err
		}
	}
	if err := inDir(dir, "git", "status"); err != nil { // refreshes the index
		return err
	}
	before, err := gitBytes(dir)
	if err != nil {
		return err
	}
	a, base, err := pairs(20, dir, nil, []string{b.runs, "start"}, []string{"git", "status", "--porcelain"})
	if err != nil {
		return err
	}
	after, err := gitBytes(dir)
	if err != nil {
		return err
	}
	fmt.Printf(
		"start, 20,000 files, 40 changed     %s, %s resident; %.2f x git status (%s); .git grew by %d bytes "+
			"beside .git/runs\n",
		ms(a.wall), mb(a.rss), float64(a.wall)/float64(base.wall), ms(base.wall), after-before,
	)
	if err := b.untracked(); err != nil {
		return err
	}
	return b.racy()
}

// untracked measures the start of a run with 100,000 untracked files and another one of 50 GB.
func (b *bench) untracked() error {
	dir, err := b.project()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, "scratch"), 0o777); err != nil {
		return err
	}
	for i := range 100_000 {
		if err := os.WriteFile(filepath.Join(dir, "scratch", strconv.Itoa(i)+".txt"), []byte("x"), 0o666); err != nil {
			return err
		}
	}
	f, err := os.Create(filepath.Join(dir, "huge.bin"))
	if err != nil {
		return err
	}
	if err := errors.Join(f.Truncate(50_000_000_000), f.Close()); err != nil {
		return err
	}
	a, base, err := pairs(5, dir, nil, []string{b.runs, "start"}, []string{"git", "status", "--porcelain"})
	if err != nil {
		return err
	}
	out, err := exec.Command(b.runs, "-C", dir, "show", "--toml").Output()
	if err != nil {
		return err
	}
	_, omitted, _ := bytes.Cut(out, []byte("[[source.omitted]]"))
	omitted, _, _ = bytes.Cut(omitted, []byte("[environment]"))
	fmt.Printf(
		"start, 100,000 untracked and 50 GB  %s, %s resident; %.2f x git status (%s)\n", ms(a.wall), mb(a.rss),
		float64(a.wall)/float64(base.wall), ms(base.wall),
	)
	fmt.Printf("  omitted: %s\n", strings.Join(strings.Fields(string(omitted)), " "))
	return nil
}

// racy edits a file in the same second as a git add, without changing its size, and checks whether the capture has the
// edit.
func (b *bench) racy() error {
	dir, err := b.project()
	if err != nil {
		return err
	}
	right := 0
	const tries = 100
	for i := range tries {
		path := filepath.Join(dir, "edited.py")
		if err := os.WriteFile(path, fmt.Appendf(nil, "old %04d\n", i), 0o666); err != nil {
			return err
		}
		if err := inDir(dir, "git", "add", "edited.py"); err != nil {
			return err
		}
		text := fmt.Appendf(nil, "new %04d\n", i)
		if err := os.WriteFile(path, text, 0o666); err != nil {
			return err
		}
		out, err := exec.Command(b.runs, "-C", dir, "start").Output()
		if err != nil {
			return err
		}
		to := filepath.Join(b.dir, "restored-"+strconv.Itoa(i))
		if err := inDir(dir, b.runs, "checkout", strings.TrimSpace(string(out)), to); err != nil {
			return err
		}
		if got, err := os.ReadFile(filepath.Join(to, "edited.py")); err == nil && bytes.Equal(got, text) {
			right++
		}
	}
	fmt.Printf("same-size edit right after git add  %d of %d captured correctly\n", right, tries)
	return nil
}

func inDir(dir string, args ...string) error {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", args, err, out)
	}
	return nil
}

func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// gitBytes returns the size of the files in .git, without those of runs.
func gitBytes(dir string) (int64, error) {
	total := int64(0)
	root := filepath.Join(dir, ".git")
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if path == filepath.Join(root, "runs") || path == filepath.Join(root, "refs", "runs") {
				return fs.SkipDir
			}
			return nil
		}
		info, err := entry.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}
