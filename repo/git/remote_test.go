package git

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gitruns/runs/repo/git/gittest"
)

// cloned makes a clone and a commit that its origin lacks.
func cloned(t *testing.T) (r *gittest.Repository, dirs Dirs, next string) {
	t.Helper()
	r = gittest.Named(t, "clone").Make(t)
	return r, open(t, r), r.Commit("third", map[string]string{"third": "3\n"})
}

func TestFetchAndPush(t *testing.T) {
	r, dirs, next := cloned(t)
	ctx := t.Context()
	up := UpstreamNamed("origin", "main")
	tip, err := Fetch(ctx, dirs, up.Remote, up.Ref, up.Tracking)
	check(t, err)
	equal(t, "Fetch", tip, r.Head)
	if _, err := Fetch(ctx, dirs, "origin", "refs/heads/absent", "refs/runs/x"); !errors.Is(err, ErrNoRemoteBranch) {
		t.Errorf("Fetch of a branch that does not exist: %v", err)
	}
	var failed *Error
	if _, err := Fetch(ctx, dirs, "nowhere", "refs/heads/main", "refs/runs/x"); !errors.As(err, &failed) ||
		failed.Command != "fetch" {
		t.Errorf("Fetch from nowhere: %v", err)
	}
	_, err = Push(ctx, dirs, "origin", Refspec{next, "refs/heads/main"}, Refspec{r.Head, "refs/runs/base/" + r.Head})
	check(t, err)
	equal(t, "the remote's branch", gittest.Git(t, r.Origin, "rev-parse", "main"), next)
	equal(t, "the remote's ref", gittest.Git(t, r.Origin, "rev-parse", BaseRef(r.Head)), r.Head)

	var rejected *Rejected
	if _, err := Push(ctx, dirs, "origin", Refspec{r.First, "refs/heads/main"}); !errors.As(err, &rejected) ||
		!rejected.Stale || rejected.Ref != "refs/heads/main" {
		t.Errorf("Push of an older commit: %+v", err)
	}
	hook := filepath.Join(r.Origin, "hooks", "pre-receive")
	write(t, hook, "#!/bin/sh\necho 'no entry' >&2\nexit 1\n")
	makeExecutable(t, hook)
	fourth := r.Commit("fourth", nil)
	if _, err := Push(ctx, dirs, "origin", Refspec{fourth, "refs/heads/main"}); !errors.As(err, &rejected) ||
		rejected.Stale || !strings.Contains(rejected.Output, "remote: no entry") {
		t.Errorf("Push that a hook refuses: %+v", err)
	}
	write(t, hook, "#!/bin/sh\necho 'welcome' >&2\n")
	output, err := Push(ctx, dirs, "origin", Refspec{fourth, "refs/heads/main"})
	check(t, err)
	equal(t, "what the remote printed", strings.Contains(output, "remote: welcome"), true)
	name, err := RemoteHead(ctx, dirs, "origin")
	check(t, err)
	equal(t, "RemoteHead", name, "main")
}

func TestUpstreamOf(t *testing.T) {
	r, dirs, _ := cloned(t)
	for _, c := range []struct {
		name   string
		git    [][]string
		branch string
		want   Upstream
		ok     bool
	}{
		{"configured", nil, "main", Upstream{"origin", "refs/heads/main", "refs/remotes/origin/main"}, true},
		{"none", [][]string{{"branch", "-q", "--no-track", "own"}}, "own", Upstream{}, false},
		{
			"a local branch",
			[][]string{{"branch", "-q", "--track", "local", "main"}},
			"local",
			Upstream{Remote: ".", Ref: "refs/heads/main", Tracking: "refs/heads/main"},
			false,
		},
		{"detached", nil, "", Upstream{}, false},
		{
			"a folder of branches",
			[][]string{{"branch", "-q", "--track", "folder/x", "origin/main"}},
			"folder",
			Upstream{},
			false,
		},
		{
			"not fetched by the refspec",
			[][]string{{"config", "remote.origin.fetch", "+refs/heads/other:refs/remotes/origin/other"}},
			"main",
			Upstream{"origin", "refs/heads/main", "refs/runs/upstream/origin/main"},
			true,
		},
		{"a URL", [][]string{
			{"branch", "-q", "fork", "main"},
			{"config", "branch.fork.remote", "https://example.org/x"},
			{"config", "branch.fork.merge", "refs/heads/main"},
		}, "fork", Upstream{}, false},
		{
			"of a branch without a commit",
			[][]string{{"config", "branch.young.remote", "origin"}, {"config", "branch.young.merge", "refs/heads/young"}},
			"young",
			Upstream{"origin", "refs/heads/young", "refs/remotes/origin/young"},
			true,
		},
		{"of a branch without a commit, none", nil, "absent", Upstream{}, false},
	} {
		for _, args := range c.git {
			r.Git(args...)
		}
		got, ok, err := UpstreamOf(t.Context(), dirs, c.branch)
		if err != nil || ok != c.ok || ok && got != c.want {
			t.Errorf("%s: %+v, %v, %v, want %+v", c.name, got, ok, err, c.want)
		}
	}
	equal(t, "Name", UpstreamNamed("origin", "a/b").Name(), "origin/a/b")
}

func TestRemotes(t *testing.T) {
	r, dirs := plain(t)
	for _, step := range []struct{ add, want string }{
		{"", ""},
		{"zeta", "zeta"},
		{"alpha", "alpha"},
		{"origin", "origin"},
	} {
		if step.add != "" {
			r.Git("remote", "add", step.add, "https://example.org/x.git")
		}
		got, err := DefaultRemote(t.Context(), dirs)
		check(t, err)
		equal(t, "DefaultRemote with "+step.add, got, step.want)
	}
}

func TestRemoteWithoutCredentials(t *testing.T) {
	for url, want := range map[string]string{
		"/a/path":                              "/a/path",
		"host:path":                            "host:path",
		"git@host:path":                        "git@host:path",
		"https://host/a/b.git":                 "https://host/a/b.git",
		"https://ada@host/a":                   "https://host/a",
		"https://ada:secret@host:8443/a":       "https://host:8443/a",
		"https://ada:p@ss@host/a?token=secret": "https://host/a",
		"https://host":                         "https://host",
		"ssh://ada@host/a":                     "ssh://ada@host/a",
		"ssh://ada:secret@host:22/a":           "ssh://ada@host:22/a",
		"ssh://:secret@host/a":                 "ssh://host/a",
		"git+ssh://git@host/a?x=y":             "git+ssh://git@host/a",
		"git+https://token@host/a":             "git+https://host/a",
	} {
		equal(t, url, RemoteWithoutCredentials(url), want)
	}
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"ssh://git@host/a", "ssh://host/a", true},
		{"ssh://git@host/a", "ssh://git@host/b", false},
		{"git@host:a", "git@host:a", true},
		{"https://host/a@b", "https://host/b", false},
	} {
		equal(t, c.a+" and "+c.b, SameRemote(c.a, c.b), c.same)
	}
}

// TestStaleReasons: a push is repeated only if the branch of the remote has moved.
func TestStaleReasons(t *testing.T) {
	for reason, want := range map[string]bool{
		"[rejected] (fetch first)": true, "[rejected] (non-fast-forward)": true,
		"[remote rejected] (cannot lock ref 'x')":  true,
		"[remote rejected] (failed to update ref)": true, "[remote rejected] (incorrect old value provided)": true,
		"[remote rejected] (pre-receive hook declined)": false, "[remote rejected] (protected branch)": false, "": false,
	} {
		equal(t, reason, isStale(reason), want)
	}
	for output, want := range map[string]bool{
		"error: cannot lock ref 'refs/x': is at 1 but expected 2": true, "error: unable to update local ref": true,
		"fatal: no route": false,
	} {
		equal(t, output, refBusy(&Error{Output: output}), want)
	}
}

func TestKeepBase(t *testing.T) {
	r, dirs := plain(t)
	ctx := t.Context()
	for range 2 { // repeated, it costs a look at a file
		check(t, KeepBase(ctx, dirs, r.First))
	}
	r.Git("pack-refs", "--all")
	check(t, KeepBase(ctx, dirs, r.First))
	bases, err := KeptBases(ctx, dirs)
	check(t, err)
	equal(t, "KeptBases", len(bases), 1)
	equal(t, "KeptBases", bases[r.First], true)
	equal(t, "BaseRef", r.Git("rev-parse", BaseRef(r.First)), r.First)
	if err := KeepBase(ctx, dirs, strings.Repeat("1", 40)); err == nil {
		t.Error("KeepBase of an unknown commit is no error")
	}
}

// TestFetchBase brings a commit that only its ref holds.
func TestFetchBase(t *testing.T) {
	r, dirs, next := cloned(t)
	check(t, KeepBase(t.Context(), dirs, next))
	_, err := Push(t.Context(), dirs, "origin", Refspec{BaseRef(next), BaseRef(next)})
	check(t, err)
	other := filepath.Join(r.Base, "other")
	gittest.Git(t, r.Base, "clone", "-q", "file://"+filepath.ToSlash(r.Origin), other)
	there, ok, err := Discover(other)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	s := scratch(t, there)
	has, err := s.Has(t.Context(), next)
	check(t, err)
	equal(t, "Has before the fetch", has, false)
	check(t, FetchBase(t.Context(), there, "", next))
	has, err = s.Has(t.Context(), next)
	check(t, err)
	equal(t, "Has after the fetch", has, true)
	if err := FetchBase(t.Context(), there, "origin", r.First); err == nil {
		t.Error("FetchBase of a commit without its ref is no error")
	}
	_, alone := plain(t)
	if err := FetchBase(t.Context(), alone, "", next); err == nil || err.Error() != "no remote is configured" {
		t.Errorf("FetchBase without a remote: %v", err)
	}
}

// TestDurableBase: where work left the ref that the project names, else a remote's default branch, else any of its
// branches.
func TestDurableBase(t *testing.T) {
	for _, c := range []struct {
		name   string
		git    [][]string
		wanted string
		want   string // the revision
		base   Base
	}{
		{"default branch", nil, "", "origin/main", Base{OnRemote: true, Durable: true}},
		{"named", nil, "refs/heads/main", "HEAD", Base{OnRemote: true, Durable: true}},
		{"another branch of the remote", [][]string{
			{"update-ref", "-d", "refs/remotes/origin/main"}, {"symbolic-ref", "-d", "refs/remotes/origin/HEAD"}, {
				"update-ref",
				"refs/remotes/origin/x", "HEAD~1",
			},
		}, "", "HEAD~1", Base{OnRemote: true, Durable: true}},
		{"a pull request that CI fetched", [][]string{
			{"update-ref", "-d", "refs/remotes/origin/main"}, {"symbolic-ref", "-d", "refs/remotes/origin/HEAD"}, {
				"update-ref",
				"refs/remotes/pull/1/merge", "HEAD~1",
			},
		}, "", "HEAD", Base{Durable: true}},
		{"the branch's own remote first", [][]string{
			{"symbolic-ref", "-d", "refs/remotes/origin/HEAD"}, {"update-ref", "refs/remotes/fork/main", "HEAD"}, {
				"config",
				"branch.main.remote", "fork",
			},
		}, "", "HEAD", Base{OnRemote: true, Durable: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, dirs, _ := cloned(t)
			for _, args := range c.git {
				r.Git(args...)
			}
			s := scratch(t, dirs)
			refs, err := s.ReadRefs(t.Context())
			check(t, err)
			c.base.Commit = r.Git("rev-parse", c.want)
			got, err := s.DurableBase(t.Context(), refs, c.wanted, 1<<20)
			check(t, err)
			equal(t, "DurableBase", got, c.base)
		})
	}
	equal(t, "String", Base{}.String(), "the first commit")
	equal(t, "String", Base{Commit: strings.Repeat("1", 40)}.String(), strings.Repeat("1", 12))
}
