package githttp

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/git/gittest"
)

const (
	branch   = "refs/heads/main"
	tracking = "refs/remotes/origin/main"
)

// state is what a transfer may change: refs, and all that they refer to.
func state(t *testing.T, at string) string {
	t.Helper()
	gittest.Git(t, at, "fsck", "--strict")
	return gittest.Git(t, at, "for-each-ref", "--format=%(refname) %(objectname)") + "\n" +
		gittest.Git(t, at, "rev-list", "--objects", "--all", "--no-object-names")
}

// TestTransfersAsGit makes the same history twice, transfers it by Git and by the program, and compares both.
func TestTransfersAsGit(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(w *world, at string, rng *rand.Rand)
	}{
		{"one commit", func(w *world, at string, _ *rand.Rand) { w.commit(at, "next", "b/c.txt", "two\n") }},
		{"many commits", func(w *world, at string, rng *rand.Rand) {
			text := "line\n"
			for i := range 60 {
				text += fmt.Sprintln(rng.Uint64())
				w.commit(at, fmt.Sprint("commit ", i), fmt.Sprintf("d%d/f%d.txt", i%3, i%7), text)
			}
		}},
		{"a merge", func(w *world, at string, _ *rand.Rand) {
			gittest.Git(t, at, "switch", "-q", "-c", "side")
			w.commit(at, "side", "side.txt", "side\n")
			gittest.Git(t, at, "switch", "-q", "main")
			w.commit(at, "main", "main.txt", "main\n")
			gittest.Git(t, at, "merge", "-q", "--no-edit", "side")
			w.commit(at, "after", "d/side.txt", "side\n") // the same file at another path
		}},
		{"a large file", func(w *world, at string, rng *rand.Rand) {
			data := make([]byte, 3<<20)
			for i := range data {
				data[i] = byte(rng.Uint32())
			}
			w.commit(at, "large", "large.bin", string(data))
			data[1000]++
			w.commit(at, "changed", "large.bin", string(data))
		}},
		{"an empty tree and an empty file", func(w *world, at string, _ *rand.Rand) {
			w.commit(at, "empty file", "empty", "")
			gittest.Git(t, at, "rm", "-rq", ".")
			gittest.Git(t, at, "commit", "-qm", "nothing left")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var pushed, fetched [2]string
			for i := range pushed {
				w := newWorld(t)
				at, dirs := w.clone("a")
				other, otherDirs := w.clone("b")
				c.make(&world{t: t}, at, rand.New(rand.NewPCG(1, 2)))
				tip := gittest.Git(t, at, "rev-parse", "HEAD")
				if i == 0 {
					gittest.Git(t, at, "push", "-q", "origin", "main", tip+":refs/runs/base/"+tip)
					gittest.Git(t, other, "fetch", "-q", "origin")
				} else {
					_, err := git.Push(t.Context(), dirs, "origin", git.Refspec{From: tip, To: branch},
						git.Refspec{From: tip, To: "refs/runs/base/" + tip})
					check(t, err)
					got, err := git.Fetch(t.Context(), otherDirs, "origin", branch, tracking)
					check(t, err)
					equal(t, "the fetched commit", got, tip)
				}
				pushed[i] = state(t, w.origin) + state(t, at)
				gittest.Git(t, other, "remote", "set-head", "origin", "-d")
				fetched[i] = state(t, other)
			}
			if pushed[0] != pushed[1] {
				t.Errorf("the push by Git left\n%s\nand ours\n%s", pushed[0], pushed[1])
			}
			if fetched[0] != fetched[1] {
				t.Errorf("the fetch by Git left\n%s\nand ours\n%s", fetched[0], fetched[1])
			}
		})
	}
}

// TestShallow fetches to and pushes from a clone that lacks a part of the history.
func TestShallow(t *testing.T) {
	w := newWorld(t)
	at, _ := w.clone("a")
	for i := range 5 {
		w.commit(at, "more", "a.txt", fmt.Sprint(i, "\n"))
	}
	gittest.Git(t, at, "push", "-q", "origin", "main")
	shallow := filepath.Join(w.dir, "shallow")
	gittest.Git(t, w.dir, "clone", "-q", "--depth", "2", w.url+"/p.git", shallow)
	found, _, err := git.Discover(shallow)
	check(t, err)
	dirs := found.WithoutProgram()
	theirs := w.commit(at, "theirs", "b.txt", "b\n")
	gittest.Git(t, at, "push", "-q", "origin", "main")
	tip, err := git.Fetch(t.Context(), dirs, "origin", branch, tracking)
	check(t, err)
	equal(t, "the fetched commit", tip, theirs)
	gittest.Git(t, shallow, "merge", "-q", "--ff-only", "origin/main")
	ours := w.commit(shallow, "ours", "c.txt", "c\n")
	_, err = git.Push(t.Context(), dirs, "origin", git.Refspec{From: ours, To: branch})
	check(t, err)
	gittest.Git(t, shallow, "fsck", "--strict")
	gittest.Git(t, w.origin, "fsck", "--strict")
	equal(t, "the pushed commit", gittest.Git(t, w.origin, "rev-parse", "main"), ours)
	equal(t, "commits here", gittest.Git(t, shallow, "rev-list", "--count", "HEAD"), "4")
}

func TestRefusedPushes(t *testing.T) {
	w := newWorld(t)
	at, dirs := w.clone("a")
	other, _ := w.clone("b")
	first := gittest.Git(t, at, "rev-parse", "HEAD")
	theirs := w.commit(other, "theirs", "b.txt", "b\n")
	gittest.Git(t, other, "push", "-q", "origin", "main")
	ours := w.commit(at, "ours", "a.txt", "a\n")
	push := func(from, to string) error {
		_, err := git.Push(t.Context(), dirs, "origin", git.Refspec{From: from, To: to})
		return err
	}
	refused := func(from, to, reason string, stale bool) {
		t.Helper()
		var rejected *git.Rejected
		err := push(from, to)
		if !errors.As(err, &rejected) || rejected.Reason != reason || rejected.Stale != stale || rejected.Ref != to {
			t.Errorf("pushing %.10s to %s: %+v, want %q", from, to, err, reason)
		}
	}
	refused(ours, branch, "[rejected] (fetch first)", true)
	_, err := git.Fetch(t.Context(), dirs, "origin", branch, tracking)
	check(t, err)
	refused(ours, branch, "[rejected] (non-fast-forward)", true)
	refused(first, branch, "[rejected] (non-fast-forward)", true)
	check(t, push(theirs, branch)) // it is there already
	hook := filepath.Join(w.origin, "hooks", "update")
	check(t, writeExecutable(hook, "#!/bin/sh\necho 'no entry' >&2\nexit 1\n"))
	refused(ours, "refs/heads/mine", "[remote rejected] (hook declined)", false)
	var rejected *git.Rejected
	if err := push(ours, "refs/heads/mine"); !errors.As(err, &rejected) || !strings.Contains(rejected.Output,
		"remote: no entry") {
		t.Errorf("what the hook said: %+v", err)
	}
	if _, err := gittest.Try(w.origin, "rev-parse", "-q", "--verify", "refs/heads/mine"); err == nil {
		t.Error("the refused branch exists")
	}
	name, err := git.RemoteHead(t.Context(), dirs, "origin")
	check(t, err)
	equal(t, "RemoteHead", name, "main")
	tip, err := git.RemoteTip(t.Context(), dirs, "origin", branch)
	check(t, err)
	equal(t, "RemoteTip", tip, theirs)
	if _, err := git.Fetch(t.Context(), dirs, "origin", "refs/heads/none", "refs/runs/x"); !errors.Is(err,
		git.ErrNoRemoteBranch) {
		t.Errorf("a branch that does not exist: %v", err)
	}
}

// TestOnlyGit checks that a transfer in which the git program does more is refused, and nothing is changed.
func TestOnlyGit(t *testing.T) {
	w := newWorld(t)
	at, dirs := w.clone("a")
	other, _ := w.clone("b")
	w.commit(other, "theirs", "b.txt", "b\n")
	gittest.Git(t, other, "push", "-q", "origin", "main:side")
	tip := w.commit(at, "next", "a.txt", "a\n")
	for _, c := range []struct{ name, set, value, want string }{
		{"a signed push", "push.gpgSign", "true", "git push: push.gpgsign is set, which needs the git program"},
		{"push options", "push.pushOption", "ci.skip", "git push: push.pushoption is set"},
		{"ssh", "remote.origin.url", "git@example.org:p.git", "not over ssh"},
		{"ssh as a URL", "remote.origin.url", "ssh://git@example.org/p.git", "not over ssh"},
		{"git", "remote.origin.url", "git://example.org/p.git", "not over git"},
		{"a path", "remote.origin.url", "/srv/p.git", "not over a path"},
		{"a command", "remote.origin.url", "ext::sh -c x", "not over ext"},
		{"a setting of TLS", "http.sslCipherList", "x", "does not support http.sslcipherlist"},
		{"cookies", "http.cookieFile", "x", "does not support http.cookieFile"},
		{"a protocol", "protocol.http.allow", "never", "protocol.http.allow does not allow the protocol http"},
		{"checked objects", "fetch.fsckObjects", "true", "fetch.fsckobjects is set"},
	} {
		gittest.Git(t, at, "config", c.set, c.value)
		was := state(t, at)
		var err error
		if c.set != "fetch.fsckObjects" {
			_, err = git.Push(t.Context(), dirs, "origin", git.Refspec{From: tip, To: branch})
		} else {
			_, err = git.Fetch(t.Context(), dirs, "origin", "refs/heads/side", "refs/remotes/origin/side")
		}
		if text := failure(t, err); !strings.Contains(text, c.want) || !strings.Contains(text, "\n") {
			t.Errorf("%s: got %q, want %q", c.name, text, c.want)
		}
		equal(t, c.name, state(t, at), was)
		gittest.Git(t, at, "config", "--unset-all", c.set)
		gittest.Git(t, at, "config", "remote.origin.url", w.url+"/p.git")
	}
	check(t, writeExecutable(filepath.Join(at, ".git", "hooks", "pre-push"), "#!/bin/sh\n"))
	_, err := git.Push(t.Context(), dirs, "origin", git.Refspec{From: tip, To: branch})
	if text := failure(t, err); !strings.Contains(text, "pre-push exists, which needs the git program") {
		t.Errorf("a hook: %s", text)
	}
	check(t, writeExecutable(filepath.Join(at, ".git", "hooks", "pre-push"), ""))
	gittest.Git(t, at, "config", "core.hooksPath", ".none")
	pointer := "version https://git-lfs.github.com/spec/v1\noid sha256:" + strings.Repeat("0", 64) + "\nsize 3\n"
	large := w.commit(at, "pointer", "model.bin", pointer)
	_, err = git.Push(t.Context(), dirs, "origin", git.Refspec{From: large, To: branch})
	if text := failure(t, err); !strings.Contains(text, "is a pointer of Git LFS, which needs the git program") {
		t.Errorf("a pointer: %s", text)
	}
	_, err = git.Push(t.Context(), dirs, "origin", git.Refspec{From: tip, To: branch})
	check(t, err)
}
