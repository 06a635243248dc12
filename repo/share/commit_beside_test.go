package share

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/gitruns/runs/repo/git/gittest"
)

// TestCommitsBesideGit makes commits of runs without git while a user makes commits with it in the same repository.
// None is lost, and at the end index and objects are sound. RUNS_SHARE_BESIDE is how many commits of each are made.
func TestCommitsBesideGit(t *testing.T) {
	p := newProject(t, "plain")
	p.hideGit()
	p.Git("config", "gc.auto", "0")
	n := gittest.Count(t, "RUNS_SHARE_BESIDE", 12)
	var ours []string
	var users int
	var both sync.WaitGroup
	both.Go(func() {
		for i := range n {
			id := fmt.Sprintf("20260103-000000-%08d", i)
			p.add(id)
			done, err := Commit(t.Context(), p.runs, Request{})
			if err != nil {
				t.Errorf("commit %d: %v", i, err)
				return
			}
			ours = append(ours, id)
			if len(done.Runs) != 1 || done.Runs[0].ID != id {
				t.Errorf("commit %d has %d runs", i, len(done.Runs))
			}
		}
	})
	both.Go(func() {
		for tries := 0; users < n && tries < 200*n; tries++ {
			file := fmt.Sprintf("user/%d", users)
			p.Write(file, "x")
			if _, err := gittest.Try(p.Dir, "add", file); err != nil { // the index is locked
				continue
			}
			if _, err := gittest.Try(p.Dir, "commit", "-q", "-m", "user", "--", file); err == nil {
				users++
			}
		}
	})
	both.Wait()
	equal(t, "commits of the user", users, n)
	tree := strings.Split(p.Git("ls-tree", "-r", "--name-only", "HEAD"), "\n")
	for _, id := range ours {
		if !isIn(tree, in(id, "run.toml")) {
			t.Errorf("run %s is lost", id)
		}
	}
	for i := range users {
		if !isIn(tree, fmt.Sprintf("user/%d", i)) {
			t.Errorf("commit %d of the user is lost", i)
		}
	}
	equal(t, "commits of the user in the history", strings.Count(p.Git("log", "--format=%s")+"\n", "user\n"), n)
	equal(t, "status", p.Git("status", "--porcelain"), "")
	p.Git("fsck", "--strict", "--no-dangling")
}
