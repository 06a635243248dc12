package share

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pauseAfterOperation puts a git in front of the real one that waits the first time it is called after an operation of
// ours has ended, until meanwhile returns.
func (p *project) pauseAfterOperation(meanwhile func()) {
	p.t.Helper()
	real, err := exec.LookPath("git")
	check(p.t, err)
	bin := filepath.Join(p.Base, "bin")
	check(p.t, os.Mkdir(bin, 0o777))
	script := fmt.Sprintf("#!/bin/sh\nif [ -e %[1]s/runs/after ] && [ ! -e %[1]s/index.lock ] && "+
		"mkdir %[2]s/paused 2>/dev/null\n"+
		"then while [ ! -e %[2]s/ended ]; do sleep 0.01; done\nfi\nexec %[3]s \"$@\"\n", p.Path(".git"), bin, real)
	check(p.t, os.WriteFile(filepath.Join(bin, "git"), []byte(script), 0o777))
	p.t.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	go func() {
		for p.t.Context().Err() == nil {
			if _, err := os.Stat(filepath.Join(bin, "paused")); err == nil {
				meanwhile()
				_ = os.WriteFile(filepath.Join(bin, "ended"), nil, 0o666)
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
}

// TestCommitBesideSlowCommit: a commit of the user that had read the index before ours writes the old one back, and
// another one is made from it. Before it ends, our commit adds to the index, and to the branch, what they have lost.
func TestCommitBesideSlowCommit(t *testing.T) {
	for _, another := range []bool{false, true} {
		t.Run(fmt.Sprint("another commit ", another), func(t *testing.T) {
			p := newProject(t, "plain")
			p.ownWork()
			p.add(runB)
			slow := p.StartSlowCommit("the user's")
			var out string
			var userErr error
			p.pauseAfterOperation(func() {
				out, userErr = slow.Finish()
				if another {
					p.Git("commit", "-q", "-m", "another")
				}
			})
			done, err := Commit(t.Context(), p.runs, Request{})
			check(t, err)
			if userErr == nil || !strings.Contains(out, "cannot lock ref") {
				t.Fatalf("git commit: %v, %s", userErr, out)
			}
			run := in(runB, "run.toml")
			equal(t, "run in HEAD", p.Git("ls-tree", "-r", "--name-only", "HEAD", run), run)
			equal(t, "run in the index", p.Git("ls-files", run), run)
			equal(t, "status of .runs", p.Git("status", "--porcelain", "--untracked-files=all", "--", ".runs"), "")
			equal(t, "HEAD", p.Git("rev-parse", "HEAD"), done.Commit)
			equal(t, "warnings", strings.Contains(strings.Join(done.Warnings, "\n"), "repeats it"), another)
			p.Git("commit", "-q", "--allow-empty", "-m", "later")
			equal(t, "run after a later commit", p.Git("ls-tree", "-r", "--name-only", "HEAD", run), run)
		})
	}
}
