package git

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gitruns/runs/repo/git/gittest"
)

// reading are checks that change nothing, so that all of them can use one repository of a shape.
var reading = []struct {
	name  string
	check func(t *testing.T, r *gittest.Repository, dirs Dirs)
}{
	{"Discover", checkDiscover},
	{"kind of clone", checkKind},
	{"ReadTip and ReadHead", checkHead},
	{"branches", checkBranches},
	{"commits", checkCommits},
	{"listings", checkListings},
	{"blobs", checkBlobs},
	{"Trees", checkTrees},
	{"history", checkHistory},
	{"worktree", checkWorktree},
	{"base commit", checkBase},
}

// TestReading holds what is read of a repository of every shape against what Git itself prints.
func TestReading(t *testing.T) {
	gittest.Each(t, func(t *testing.T, r *gittest.Repository) {
		dirs := open(t, r)
		before := r.State()
		for _, c := range reading {
			t.Run(c.name, func(t *testing.T) { c.check(t, r.In(t), dirs) })
		}
		if after := r.State(); after != before {
			t.Errorf("reading changed the repository:\n%s\nwas:\n%s", after, before)
		}
	})
}

func checkDiscover(t *testing.T, r *gittest.Repository, dirs Dirs) {
	equal(t, "Git", dirs.Git, r.Git("rev-parse", "--absolute-git-dir"))
	equal(t, "Common", dirs.Common, absolute(r.Dir, r.Git("rev-parse", "--git-common-dir")))
	equal(t, "Linked", dirs.Linked(), r.Linked)
	if r.Bare {
		if _, ok, err := Discover(r.Base); ok || err != nil {
			t.Errorf("Discover beside a bare repository: %v, %v", ok, err)
		}
		return
	}
	equal(t, "Root", dirs.Root, r.Git("rev-parse", "--show-toplevel"))
	below := filepath.Join(r.Dir, "src")
	if got, ok, err := Discover(below); err != nil || !ok || got != dirs {
		t.Errorf("Discover in a folder: %+v, %v, %v, want %+v", got, ok, err, dirs)
	}
	if _, bare, err := OpenBare(t.Context(), r.Dir); bare || err != nil {
		t.Errorf("OpenBare: %v, %v", bare, err)
	}
}

func checkKind(t *testing.T, r *gittest.Repository, dirs Dirs) {
	equal(t, "Shallow", dirs.Shallow(), r.Shallow)
	partial, err := Partial(t.Context(), dirs)
	check(t, err)
	equal(t, "Partial", partial, r.Partial)
	name, _ := dirs.InProgress()
	equal(t, "InProgress", name, "")
	equal(t, "Merging", Merging(dirs), false)
	if !r.Bare {
		staged, err := Staged(t.Context(), dirs, treeOf(r))
		check(t, err)
		equal(t, "Staged", staged, false)
	}
}

// wrong are names that are no commits. What is said of them does not depend on the shape: one is enough.
func wrong(r *gittest.Repository, names ...string) []string {
	if r.Name != "plain" {
		return nil
	}
	return names
}

// treeOf is the commit of a repository, or the tree without entries before the first.
func treeOf(r *gittest.Repository) string {
	if r.Head == "" {
		return "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
	}
	return r.Head
}

func checkHead(t *testing.T, r *gittest.Repository, dirs Dirs) {
	tip, err := ReadTip(t.Context(), dirs)
	check(t, err)
	equal(t, "ReadTip", tip, Tip{Commit: r.Head, Branch: r.Branch})
	s := scratch(t, dirs)
	refs, err := s.ReadRefs(t.Context())
	check(t, err)
	equal(t, "ReadRefs", Tip{Commit: refs.Commit, Branch: refs.Branch}, tip)
	for _, ref := range []string{"HEAD", "refs/heads/" + r.Branch, r.Head} {
		if ref == "" || ref == "refs/heads/" {
			continue
		}
		commit, err := Resolve(t.Context(), dirs, ref)
		check(t, err)
		equal(t, "Resolve "+ref, commit, r.Head)
	}
	for _, ref := range wrong(r, "refs/heads/absent", "HEAD:README", "", "-x") {
		if commit, err := Resolve(t.Context(), dirs, ref); commit != "" || err != nil {
			t.Errorf("Resolve %q: %q, %v", ref, commit, err)
		}
	}
	if r.Bare {
		return
	}
	head, err := ReadHead(t.Context(), r.Dir)
	check(t, err)
	equal(t, "ReadHead", head, Head{Commit: r.Head, Branch: r.Branch})
}

func checkBranches(t *testing.T, r *gittest.Repository, dirs Dirs) {
	names, err := Branches(t.Context(), dirs)
	check(t, err)
	want := strings.Fields(r.Git("for-each-ref", "--format=%(refname)", "refs/heads"))
	if !slices.Equal(names, want) {
		t.Errorf("Branches: %q, want %q", names, want)
	}
	equal(t, "unborn", len(names) == 0, r.Unborn)
	branches, err := NewestBranches(t.Context(), dirs, 10, false)
	check(t, err)
	equal(t, "NewestBranches", len(branches), len(names))
	for _, b := range branches {
		if b.Here != (b.Name == r.Branch) || b.Remote || b.Commit == "" || !slices.Contains(names, "refs/heads/"+b.Name) {
			t.Errorf("NewestBranches: %+v", b)
		}
	}
	all, err := NewestBranches(t.Context(), dirs, 10, true)
	check(t, err)
	equal(t, "branches of remotes", len(all) > len(branches), r.Origin != "")
	for range wrong(r, "too many") {
		r.Git("branch", "-q", "other")
		one, err := NewestBranches(t.Context(), dirs, 1, false)
		check(t, err)
		equal(t, "at most one", len(one), 1)
		r.Git("branch", "-q", "-D", "other")
	}
	if r.Branch != "" {
		commit, here, err := FindBranch(t.Context(), dirs, r.Branch)
		check(t, err)
		equal(t, "FindBranch", commit, r.Head)
		equal(t, "FindBranch: checked out", here, !r.Unborn)
		at, err := CheckedOut(t.Context(), dirs, r.Branch)
		check(t, err)
		switch {
		case r.Unborn:
			equal(t, "CheckedOut", at, "")
		case r.Name == "separate git folder": // where Git itself names its folder
			equal(t, "CheckedOut", at, dirs.Git)
		default:
			equal(t, "CheckedOut", at, r.Dir)
		}
	}
	for _, name := range wrong(r, "absent") {
		if commit, _, err := FindBranch(t.Context(), dirs, name); commit != "" || err != nil {
			t.Errorf("FindBranch: %q, %v", commit, err)
		}
	}
	tips, err := Tips(t.Context(), dirs)
	check(t, err)
	if r.Unborn != (len(tips) == 0) || !r.Unborn && !slices.Contains(tips, r.Head) || slices.Contains(tips, "") {
		t.Errorf("Tips: %q", tips)
	}
	remote, err := DefaultRemote(t.Context(), dirs)
	check(t, err)
	equal(t, "DefaultRemote", remote != "", r.Origin != "" || r.Name == "bare" ||
		r.Name == "worktree of a bare repository")
	if r.Origin == "" {
		return
	}
	name, err := TrackedHead(t.Context(), dirs, "origin")
	check(t, err)
	equal(t, "TrackedHead", name, "main")
	equal(t, "DefaultBranch", DefaultBranch(t.Context(), dirs), "origin/main")
	up, ok, err := UpstreamOf(t.Context(), dirs, "main")
	check(t, err)
	equal(t, "UpstreamOf", up, Upstream{"origin", "refs/heads/main", "refs/remotes/origin/main"})
	equal(t, "UpstreamOf: ok", ok, true)
}

func checkCommits(t *testing.T, r *gittest.Repository, dirs Dirs) {
	ctx := t.Context()
	for _, rev := range wrong(r, "absent", "-x", "^HEAD", "HEAD:README") {
		if _, err := Commit(ctx, dirs, rev); !errors.Is(err, ErrNoRevision) {
			t.Errorf("Commit %q: %v", rev, err)
		}
	}
	if r.Unborn {
		if _, err := Commit(ctx, dirs, "HEAD"); !errors.Is(err, ErrNoRevision) {
			t.Errorf("Commit HEAD before the first: %v", err)
		}
		return
	}
	commit, err := Commit(ctx, dirs, "HEAD")
	check(t, err)
	equal(t, "Commit", commit, r.Head)
	s := scratch(t, dirs)
	for commit, want := range map[string]bool{r.Head: true, strings.Repeat("1", len(r.Head)): false} {
		has, err := s.Has(ctx, commit)
		equal(t, "Has", has, want)
		equal(t, "the error of Has", err, nil)
	}
	if r.First == "" {
		return
	}
	base, err := MergeBase(ctx, dirs, r.First, r.Head)
	check(t, err)
	equal(t, "MergeBase", base, r.First)
	for _, c := range []struct {
		commit, of string
		want       bool
	}{{r.First, r.Head, true}, {r.Head, r.First, false}} {
		is, err := IsAncestor(ctx, dirs, c.commit, c.of)
		check(t, err)
		equal(t, "IsAncestor", is, c.want)
	}
	for _, rev := range wrong(r, "absent") {
		if _, err := IsAncestor(ctx, dirs, rev, r.Head); err == nil {
			t.Error("IsAncestor of an unknown commit is no error")
		}
	}
	all, err := CommitsNotIn(ctx, dirs, r.Head)
	check(t, err)
	want := strings.Fields(r.Git("rev-list", "--reverse", "HEAD"))
	if !slices.Equal(all, want) {
		t.Errorf("CommitsNotIn: %q, want %q", all, want)
	}
	later, err := CommitsNotIn(ctx, dirs, r.Head, r.First)
	check(t, err)
	if !slices.Equal(later, want[1:]) {
		t.Errorf("CommitsNotIn the first: %q, want %q", later, want[1:])
	}
	unknown := strings.Repeat("1", len(r.Head))
	reached, err := ReachableFrom(ctx, dirs, []string{r.First, r.Head, unknown}, r.First)
	check(t, err)
	if !maps.Equal(reached, map[string]bool{r.First: true}) {
		t.Errorf("ReachableFrom: %v", reached)
	}
	changed, err := LastChange(ctx, dirs, r.Head, "README")
	check(t, err)
	equal(t, "LastChange", changed, r.Git("rev-list", "-1", "HEAD", "--", "README"))
	for _, name := range wrong(r, "absent*") {
		changed, err := LastChange(ctx, dirs, r.Head, name)
		check(t, err)
		equal(t, "LastChange of nothing", changed, "")
	}
}

// listed are the answers of lsTree, by commit.
var listed sync.Map

// lsTree is what `git ls-tree -r` prints, by path.
func lsTree(r *gittest.Repository, commit string) map[string]Entry {
	if known, ok := listed.Load(commit); ok {
		return maps.Clone(known.(map[string]Entry))
	}
	entries := map[string]Entry{}
	for line := range strings.SplitSeq(r.Git("ls-tree", "-r", "-z", "--full-tree", commit), "\x00") {
		if meta, name, ok := strings.Cut(line, "\t"); ok {
			fields := strings.Fields(meta)
			entries[name] = Entry{name, fields[2], fields[0]}
		}
	}
	listed.Store(commit, maps.Clone(entries))
	return entries
}

func checkListings(t *testing.T, r *gittest.Repository, dirs Dirs) {
	if r.Unborn {
		return
	}
	ctx := t.Context()
	files, err := FilesIn(ctx, dirs, r.Head, "src", ".runs", "absent")
	check(t, err)
	all := lsTree(r, r.Head)
	var want []Entry
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if strings.HasPrefix(name, "src/") || strings.HasPrefix(name, ".runs/") {
			want = append(want, all[name])
		}
	}
	slices.SortFunc(files, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	if !slices.Equal(files, want) {
		t.Errorf("FilesIn: %+v, want %+v", files, want)
	}
	names, err := Names(ctx, dirs, r.Head, ".runs", "absent")
	check(t, err)
	if !slices.Equal(names, []Name{{".runs/2026-01-02", true}, {".runs/config.toml", false}}) {
		t.Errorf("Names: %+v", names)
	}
	folders, err := FoldersNamed(ctx, dirs, r.Head, ".runs")
	check(t, err)
	slices.Sort(folders)
	if !slices.Equal(folders, []string{".runs", "a/.runs"}) {
		t.Errorf("FoldersNamed: %q", folders)
	}
	edits, err := Differences(ctx, dirs, "", r.Head)
	check(t, err)
	if !r.Shallow && r.Name != "odd names" && r.Name != "submodule" {
		if len(edits) == len(all) {
			t.Errorf("Differences of a commit to nothing are those to its parent: %d", len(edits))
		}
	}
	if r.First == "" {
		return
	}
	edits, err = Differences(ctx, dirs, r.First, r.Head)
	check(t, err)
	before := lsTree(r, r.First)
	changed := map[string]Edit{}
	for name, e := range all {
		if before[name] != e {
			changed[name] = Edit{name, e.Mode, e.ID}
		}
	}
	for name := range before {
		if _, there := all[name]; !there {
			changed[name] = Edit{Path: name}
		}
	}
	got := map[string]Edit{}
	for _, e := range edits {
		got[e.Path] = e
	}
	if !maps.Equal(got, changed) {
		t.Errorf("Differences: %+v, want %+v", got, changed)
	}
	trees := openTrees(t, dirs)
	then, _, err := trees.Find(r.First, "src")
	check(t, err)
	now, _, err := trees.Find(r.Head, "src")
	check(t, err)
	added, err := AddedNames(ctx, dirs, []TreePair{{then.ID, now.ID}, {now.ID, then.ID}})
	check(t, err)
	if !slices.Equal(added, []string{"new.py", "old.py"}) {
		t.Errorf("AddedNames: %q", added)
	}
	if none, err := AddedNames(ctx, dirs, nil); err != nil || none != nil {
		t.Errorf("AddedNames of no pair: %q, %v", none, err)
	}
	if !r.Bare {
		tracked, err := Tracked(ctx, dirs, ".runs")
		check(t, err)
		if want := []Entry{all[gittest.RunFile], all[".runs/config.toml"]}; !slices.Equal(tracked, want) {
			t.Errorf("Tracked: %+v, want %+v", tracked, want)
		}
	}
}

func checkBlobs(t *testing.T, r *gittest.Repository, dirs Dirs) {
	if r.Unborn {
		return
	}
	ctx := t.Context()
	var text bytes.Buffer
	check(t, ReadBlob(ctx, dirs, r.Head+":README", 4, &text))
	equal(t, "ReadBlob", text.String(), "two\n")
	for _, name := range wrong(r, ":README", ":absent") {
		if err := ReadBlob(ctx, dirs, r.Head+name, 3, &text); err == nil {
			t.Errorf("ReadBlob of what does not exist or is larger than its limit is no error: %s", name)
		}
	}
	entries := slices.Collect(maps.Values(lsTree(r, r.Head)))
	entries = slices.DeleteFunc(entries, func(e Entry) bool { return e.Mode == "160000" })
	ids := []string{strings.Repeat("1", len(r.Head))}
	for _, e := range entries {
		ids = append(ids, e.ID)
	}
	seen := 0
	err := ReadObjects(ctx, dirs, ids, 1000, func(i int, data []byte, err error) error {
		equal(t, "order", i, seen)
		seen++
		if i == 0 {
			if err == nil || data != nil {
				t.Errorf("an unknown object: %q, %v", data, err)
			}
			return nil
		}
		check(t, err)
		id, err := BlobID(ids[i], int64(len(data)), bytes.NewReader(data))
		check(t, err)
		equal(t, "BlobID of "+entries[i-1].Path, id, ids[i])
		return nil
	})
	check(t, err)
	equal(t, "objects", seen, len(ids))
	for range wrong(r, "stop") {
		stop := errors.New("stop")
		if err := ReadObjects(ctx, dirs, ids[1:], 1, func(int, []byte, error) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("ReadObjects does not stop: %v", err)
		}
	}
	for range wrong(r, "too large") {
		read := 0
		check(t, ReadObjects(ctx, dirs, ids[1:], 3, func(_ int, data []byte, err error) error {
			if read++; (err == nil) != (len(data) <= 3 && data != nil) {
				t.Errorf("%q, %v", data, err)
			}
			return nil
		}))
		equal(t, "objects past their limit go on", read, len(ids)-1)
	}
}

func checkTrees(t *testing.T, r *gittest.Repository, dirs Dirs) {
	trees := openTrees(t, dirs)
	if _, err := trees.Blob(strings.Repeat("1", 40), 10); !errors.Is(err, ErrNoObject) {
		t.Errorf("Blob of nothing: %v", err)
	}
	if _, err := trees.Blob("a\nb", 10); err == nil {
		t.Error("Blob of two lines is no error")
	}
	if entries, err := trees.Read(""); entries != nil || err != nil {
		t.Errorf("Read of the tree without entries: %v, %v", entries, err)
	}
	if r.Unborn {
		return
	}
	walked := map[string]Entry{}
	c, err := trees.Commit(r.Head)
	check(t, err)
	tree, ok, err := trees.Find(c.Tree, "")
	check(t, err)
	equal(t, "Find the root", ok, true)
	check(t, trees.Walk(tree.ID, "", func(path string, e TreeEntry) error {
		walked[path] = Entry{path, e.ID, e.Mode}
		return nil
	}))
	if want := lsTree(r, r.Head); !maps.Equal(walked, want) {
		t.Errorf("Walk: %+v, want %+v", walked, want)
	}
	e, ok, err := trees.Find(r.Head, gittest.RunFile)
	check(t, err)
	if !ok || e.IsTree() || e.ID != walked[gittest.RunFile].ID {
		t.Errorf("Find: %+v, %v", e, ok)
	}
	for _, path := range []string{"absent", "README/x", "src/absent"} {
		if _, ok, err := trees.Find(r.Head, path); ok || err != nil {
			t.Errorf("Find %s: %v, %v", path, ok, err)
		}
	}
	id := walked["README"].ID
	data, err := trees.Blob(id, 4)
	check(t, err)
	equal(t, "Blob", string(data), "two\n")
	for _, call := range []func() error{
		func() error { _, err := trees.Blob(id, 3); return err },
		func() error { _, err := trees.Blob(tree.ID, 1000); return err },
		func() error { _, _, _, err := trees.Sum(id, 3); return err },
		func() error { return trees.Copy(id, 3, &bytes.Buffer{}) },
	} {
		if err := call(); err == nil {
			t.Error("an object that is too large or of another kind is no error")
		}
	}
	sum, size, head, err := trees.Sum(id, 100)
	check(t, err)
	equal(t, "Sum", sum, "27dd8ed44a83ff94d557f9fd0412ed5a8cbca69ea04922d88c01184a07300a5a")
	equal(t, "Sum: size", size, 4)
	equal(t, "Sum: head", string(head), "two\n")
	var text bytes.Buffer
	check(t, trees.Copy(id, 100, &text))
	equal(t, "Copy", text.String(), "two\n")
	full := errors.New("no space")
	if err := trees.Copy(id, 100, writerFunc(func([]byte) (int, error) { return 0, full })); !errors.Is(err, full) {
		t.Errorf("Copy to a writer that fails: %v", err)
	}
	data, err = trees.Blob(id, 100) // the process answers all the same
	check(t, err)
	equal(t, "Blob after a failed copy", string(data), "two\n")
	equal(t, "Commit: tree", c.Tree, r.Git("rev-parse", "HEAD^{tree}"))
	equal(t, "Commit: author", *c.Author, Signature{gittest.Name, gittest.Email, gittest.Date})
	equal(t, "Commit: parents", len(c.Parents), strings.Count(r.Git("cat-file", "commit", "HEAD"), "\nparent "))
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func checkHistory(t *testing.T, r *gittest.Repository, dirs Dirs) {
	if r.Unborn {
		return
	}
	ctx := t.Context()
	var got []CommittedChange
	n, err := EachChange(ctx, dirs, []string{r.Head}, nil, []string{".runs", "src"}, func(c CommittedChange) error {
		got = append(got, c)
		return nil
	})
	check(t, err)
	want := strings.Fields(r.Git("rev-list", "--full-history", "HEAD", "--", ".runs", "src"))
	equal(t, "commits", n, len(want))
	at := lsTree(r, r.Head)
	run := slices.IndexFunc(got, func(c CommittedChange) bool { return c.Path == gittest.RunFile })
	if run < 0 || got[run].ID != at[gittest.RunFile].ID || got[run].Mode != "100644" {
		t.Errorf("EachChange: %+v", got)
	}
	if !r.Shallow {
		removed := slices.IndexFunc(got, func(c CommittedChange) bool {
			return c.Path == "src/old.py" && c.ID == "" &&
				c.Mode == ""
		})
		added := slices.IndexFunc(got, func(c CommittedChange) bool { return c.Path == "src/old.py" && c.ID != "" })
		if added < 0 || removed < added {
			t.Errorf("a file was added at %d and removed at %d: %+v", added, removed, got)
		}
	}
	if none, err := EachChange(ctx, dirs, []string{r.Head}, []string{r.Head}, []string{"src"}, nil); none != 0 ||
		err != nil {
		t.Errorf("EachChange of nothing: %d, %v", none, err)
	}
	for range wrong(r, "stop") {
		stop := errors.New("stop")
		if _, err := EachChange(ctx, dirs, []string{r.Head}, nil, []string{"src"},
			func(CommittedChange) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("EachChange does not stop: %v", err)
		}
	}
	missing, err := MissingObjects(ctx, dirs, []string{r.Head}, nil, []string{"src"})
	check(t, err)
	equal(t, "MissingObjects", len(missing) > 0, r.Partial)
	if r.Partial {
		trees, err := OpenObjects(ctx, dirs, missing)
		check(t, err)
		defer trees.Close()
		for id := range missing {
			if _, err := trees.Blob(id, 1000); !errors.Is(err, ErrNoObject) {
				t.Errorf("a missing object: %v", err)
			}
		}
	}
}

func checkWorktree(t *testing.T, r *gittest.Repository, dirs Dirs) {
	if r.Bare {
		return
	}
	s := scratch(t, dirs)
	check(t, s.CopyIndex())
	w, err := s.ReadWorktree(t.Context())
	check(t, err)
	if len(w.Modified)+len(w.Deleted)+len(w.Untracked)+len(w.Nested) > 0 {
		t.Errorf("ReadWorktree: %+v", w)
	}
	equal(t, "Submodules", len(w.Submodules) == 1, r.Name == "submodule")
	tree, err := s.Tree(t.Context(), w)
	check(t, err)
	if r.Unborn {
		empty, err := s.EmptyTree(t.Context())
		check(t, err)
		equal(t, "Tree", tree, empty)
		return
	}
	stripped, err := s.Strip(t.Context(), r.Head)
	check(t, err)
	equal(t, "Tree and Strip", tree, stripped)
	if strings.Contains(s.text(t, "ls-tree", "-r", "--name-only", tree), ".runs") {
		t.Errorf("the tree has a folder .runs")
	}
	want := lsTree(r, r.Head)
	maps.DeleteFunc(want, func(name string, _ Entry) bool { return inRuns(name) })
	equal(t, "entries", strings.Count(s.text(t, "ls-tree", "-r", "-z", tree), "\x00"), len(want))
	folders, err := RunsFolders(t.Context(), dirs)
	check(t, err)
	if !slices.Contains(folders, [2]string{dirs.Root, ".runs"}) {
		t.Errorf("RunsFolders: %q", folders)
	}
}

// text runs Git on the scratch.
func (s *Scratch) text(t *testing.T, args ...string) string {
	t.Helper()
	out, err := s.run(context.Background(), nil, args...)
	check(t, err)
	return string(out)
}

func checkBase(t *testing.T, r *gittest.Repository, dirs Dirs) {
	if r.Unborn || r.Bare {
		return
	}
	s := scratch(t, dirs)
	refs, err := s.ReadRefs(t.Context())
	check(t, err)
	base, err := s.DurableBase(t.Context(), refs, "", 1<<20)
	check(t, err)
	equal(t, "DurableBase", base, Base{Commit: r.Head, OnRemote: r.Origin != "", Durable: true})
	if r.Shallow { // without a remote-tracking branch, as in CI
		refs.remote = nil
		base, err := s.DurableBase(t.Context(), refs, "", 1<<20)
		check(t, err)
		equal(t, "DurableBase in a shallow clone", base, Base{Durable: true})
		base, err = s.DurableBase(t.Context(), refs, "", 1)
		check(t, err)
		equal(t, "DurableBase of a large tree", base, Base{Commit: r.Head})
	}
	for _, rev := range wrong(r, "absent") {
		if _, err := s.DurableBase(t.Context(), refs, rev, 1); err == nil || !strings.Contains(err.Error(), "source.base") {
			t.Errorf("DurableBase of an unknown ref: %v", err)
		}
	}
	if r.First != "" {
		base, err := s.DurableBase(t.Context(), refs, r.First, 1)
		check(t, err)
		equal(t, "DurableBase of a wanted commit", base.Commit, r.First)
	}
}

// TestDiscoverNothing finds no repository, or says what is wrong with it.
func TestDiscoverNothing(t *testing.T) {
	for _, c := range []struct {
		name  string
		make  func(t *testing.T, dir string)
		fails string
	}{
		{"nothing", func(*testing.T, string) {}, ""},
		{
			"an empty .git folder", func(t *testing.T, dir string) { check(t, os.Mkdir(filepath.Join(dir, ".git"), 0o777)) },
			"",
		},
		{"a .git file of other text", func(t *testing.T, dir string) { write(t, filepath.Join(dir, ".git"), "text\n") }, ""},
		{"a .git file to nowhere", func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, ".git"),
				"gitdir: ../gone\n")
		}, "git worktree repair"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			c.make(t, dir)
			_, ok, err := Discover(dir)
			if ok || (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("Discover: %v, %v", ok, err)
			}
		})
	}
}

// TestDiscoverEnvironment: GIT_DIR and GIT_WORK_TREE win over what lies on the way, and every command works with them.
func TestDiscoverEnvironment(t *testing.T) {
	r, want := plain(t)
	outside := t.TempDir()
	t.Setenv("GIT_DIR", want.Git)
	t.Setenv("GIT_WORK_TREE", r.Dir)
	dirs, ok, err := Discover(outside)
	if err != nil || !ok || dirs != want {
		t.Fatalf("Discover: %+v, %v, %v, want %+v", dirs, ok, err, want)
	}
	tip, err := ReadTip(t.Context(), dirs)
	check(t, err)
	equal(t, "ReadTip", tip, Tip{r.Head, "main"})
	t.Setenv("GIT_DIR", filepath.Join(r.Dir, "src"))
	if _, _, err := Discover(outside); err == nil || !strings.Contains(err.Error(), "GIT_DIR is") {
		t.Errorf("Discover with a wrong GIT_DIR: %v", err)
	}
	t.Setenv("GIT_DIR", ".git")
	t.Setenv("GIT_WORK_TREE", "")
	dirs, ok, err = Discover(r.Dir)
	if err != nil || !ok || dirs != want {
		t.Errorf("Discover with a relative GIT_DIR: %+v, %v, %v", dirs, ok, err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	check(t, os.MkdirAll(filepath.Dir(path), 0o777))
	check(t, os.WriteFile(path, []byte(text), 0o666))
}
