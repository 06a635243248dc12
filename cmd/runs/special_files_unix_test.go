//go:build unix

package main

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// specialProject makes a project with a committed run, a removed run, an active run, a dataset and a dirty source.
func specialProject(t *testing.T) *recorder {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	r := newRecorder(t)
	for _, script := range []string{
		`git init -q . && git config user.name Ada && git config user.email ada@example.org && git config gc.auto 0`,
		`mkdir data && echo 1 >data/a && echo 2 >data/b && echo 'print(1)' >train.py && git add -A && git commit -qm x`,
		`echo 'print(2)' >train.py && runs log loss=1 -d data -a train.py --name first && runs log loss=2 && runs commit`,
		`runs rm last >out && runs note first more && runs tag first a=b && runs start active >id`,
		`runs log --run active loss=1 -a train.py && echo 'print(3)' >train.py`,
	} {
		cmd := exec.Command("sh", "-c", script)
		cmd.Dir, cmd.Env = r.dir, r.env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", script, err, out)
		}
	}
	return r
}

// TestSpecialFiles: with a named pipe in the place of any file of .runs, or of the Git folder's part of it, no command
// waits for it.
func TestSpecialFiles(t *testing.T) {
	r := specialProject(t)
	var files []string
	for _, top := range []string{filepath.Join(r.dir, ".runs"), filepath.Join(r.dir, ".git", "runs")} {
		err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(files) < 20 {
		t.Fatalf("only %d files: %q", len(files), files)
	}
	commands := [][]string{ // each second one is run, see below
		{"ls"},
		{"show", "first"},
		{"metrics", "first"},
		{"status"},
		{"commit", "--dry-run"},
		{"commit"},
		{"verify"},
		{"gc"},
		{"log", "loss=3"},
		{"log", "--run", "active", "loss=4"},
		{"diff", "first", "active"},
		{"finish", "active"},
	}
	for i, file := range files {
		name, _ := filepath.Rel(r.dir, file)
		t.Run(name, func(t *testing.T) {
			copied := *r
			copied.t, copied.dir = t, filepath.Join(t.TempDir(), "p")
			if out, err := exec.Command("cp", "-a", r.dir, copied.dir).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			at := filepath.Join(copied.dir, name)
			if err := os.Remove(at); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mkfifo(at, 0o666); err != nil {
				t.Skip(err)
			}
			for j, args := range commands {
				if j%2 != i%2 && asked("RUNS_SPECIAL_FILES", 0) == 0 { // half of them, to be quick
					continue
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				cmd := exec.CommandContext(ctx, "runs", args...)
				cmd.Dir, cmd.Env = copied.dir, copied.env
				var out bytes.Buffer
				cmd.Stdout, cmd.Stderr = &out, &out
				err := cmd.Run()
				cancel()
				if ctx.Err() == context.DeadlineExceeded {
					t.Errorf("runs %s waits for the pipe", strings.Join(args, " "))
				}
				if err != nil && out.Len() == 0 {
					t.Errorf("runs %s: %v: %s", strings.Join(args, " "), err, out.String())
				}
			}
		})
	}
}
