package gittest_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/git/gittest"
)

func TestMain(m *testing.M) { os.Exit(gittest.Main(m)) }

// open finds the folders of a repository as the program does.
func open(t *testing.T, r *gittest.Repository) git.Dirs {
	t.Helper()
	dirs, ok, err := git.Discover(r.Dir)
	if r.Bare {
		dirs, ok, err = git.OpenBare(t.Context(), r.Dir)
	}
	if err != nil || !ok {
		t.Fatalf("opening %s: %v, %v", r.Dir, ok, err)
	}
	return dirs
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// asked is one question about a repository. Both backends must give the same answer.
type asked struct {
	name   string
	answer func(ctx context.Context, dirs git.Dirs) (any, error)
}

// questions are what both backends are asked about every repository.
func questions(t *testing.T, r *gittest.Repository) []asked {
	t.Helper()
	var list []asked
	ask := func(name string, answer func(ctx context.Context, dirs git.Dirs) (any, error)) {
		list = append(list, asked{name, answer})
	}
	ask("tip", func(ctx context.Context, d git.Dirs) (any, error) { return git.ReadTip(ctx, d) })
	ask("branches", func(ctx context.Context, d git.Dirs) (any, error) { return git.Branches(ctx, d) })
	ask("newest branches", func(ctx context.Context, d git.Dirs) (any, error) {
		return git.NewestBranches(ctx, d, 5, true)
	})
	ask("default branch", func(ctx context.Context, d git.Dirs) (any, error) { return git.DefaultBranch(ctx, d), nil })
	ask("tracked head", func(ctx context.Context, d git.Dirs) (any, error) { return git.TrackedHead(ctx, d, "origin") })
	ask("tips", func(ctx context.Context, d git.Dirs) (any, error) { return git.Tips(ctx, d) })
	ask("kept bases", func(ctx context.Context, d git.Dirs) (any, error) { return git.KeptBases(ctx, d) })
	ask("remotes", func(ctx context.Context, d git.Dirs) (any, error) { return git.Remotes(ctx, d) })
	ask("partial", func(ctx context.Context, d git.Dirs) (any, error) { return git.Partial(ctx, d) })
	ask("settings", func(ctx context.Context, d git.Dirs) (any, error) {
		return git.ConfigOf(ctx, d, `^(user|remote|core)\.`)
	})
	ask("worktrees", func(ctx context.Context, d git.Dirs) (any, error) { return git.RunsFolders(ctx, d) })
	for _, branch := range []string{"main", "side", "work", "none", gittest.OddBranch, "mai"} {
		ask("upstream of "+branch, func(ctx context.Context, d git.Dirs) (any, error) {
			u, ok, err := git.UpstreamOf(ctx, d, branch)
			return fmt.Sprint(u, ok), err
		})
		ask("find branch "+branch, func(ctx context.Context, d git.Dirs) (any, error) {
			commit, here, err := git.FindBranch(ctx, d, branch)
			return fmt.Sprint(commit, here), err
		})
		if r.Name == "separate git folder" { // Git takes the Git folder for the working tree
			continue
		}
		ask("worktree of "+branch, func(ctx context.Context, d git.Dirs) (any, error) {
			return git.CheckedOut(ctx, d, branch)
		})
	}
	var commits []string
	if !r.Unborn {
		commits = strings.Fields(r.Git("rev-list", "--all", "HEAD"))
	}
	revisions := []string{
		"HEAD", "@", "HEAD~1", "HEAD^", "HEAD^2", "HEAD~1^0", "HEAD~99", "main", "origin/main", "origin", "v1", "v1^{}",
		"heads/main", "refs/heads/main", "none", "HEAD^{tree}", "HEAD:src", "", "main..HEAD", "-x", "HEAD~x", ".",
		"side", "work", "deadbeef", strings.Repeat("0", 40), strings.Repeat("a", 40), "HEAD:", "main^{commit}", "main~",
		gittest.OddBranch,
	}
	for _, commit := range commits {
		revisions = append(revisions, commit, commit[:12], commit[:7], strings.ToUpper(commit[:10]))
	}
	for _, rev := range revisions {
		ask("resolve "+rev, func(ctx context.Context, d git.Dirs) (any, error) { return git.Resolve(ctx, d, rev) })
		ask("commit "+rev, func(ctx context.Context, d git.Dirs) (any, error) {
			commit, err := git.Commit(ctx, d, rev)
			if errors.Is(err, git.ErrNoRevision) {
				return err.Error(), nil
			}
			return commit, err
		})
	}
	// What is asked of commits does not depend on the shape of a repository, so a few of them are enough.
	some := []string{"new", "odd names", "submodule"}
	if len(commits) > 0 && os.Getenv("RUNS_CI_FULL") == "" && !slices.Contains(some, r.Name) {
		commits = commits[:1]
	}
	for _, commit := range commits {
		list = append(list, aboutCommit(commit)...)
		for _, other := range commits {
			list = append(list, aboutPair(commit, other)...)
		}
	}
	if r.Bare {
		return list
	}
	for _, folder := range []string{"src", ".runs", "a", "README", ".", "none"} {
		ask("tracked in "+folder, func(ctx context.Context, d git.Dirs) (any, error) { return git.Tracked(ctx, d, folder) })
		ask("index of "+folder, func(ctx context.Context, d git.Dirs) (any, error) {
			return git.IndexVersions(ctx, d, folder)
		})
		ask("conflicts in "+folder, func(ctx context.Context, d git.Dirs) (any, error) {
			return git.Conflicts(ctx, d, folder)
		})
		ask("indexed "+folder, func(ctx context.Context, d git.Dirs) (any, error) { return git.Indexed(ctx, d, folder) })
	}
	r.Write(".gitignore", "*.log\n!keep.log\nbuild/\n")
	r.Write(".gitattributes", "*.py text eol=lf\n*.bin binary -text\n[attr]many filter=odd ident\n")
	for _, path := range []string{"a.log", "keep.log", "build/x", "src/b.log", "README", "none/none"} {
		for _, untracked := range []bool{true, false} {
			ask(fmt.Sprintf("ignore rule of %s, %v", path, untracked), func(ctx context.Context, d git.Dirs) (any, error) {
				rule, ok, err := git.FindIgnoreRule(ctx, d, path, untracked)
				if !ok {
					return "", err
				}
				return rule, err
			})
		}
	}
	r.Write("build/x", "x\n")
	r.Write("build/deep/y", "y\n")
	r.Write("new/a.log", "a\n")
	r.Write("new/b.txt", "b\n")
	r.Write("src/b.log", "b\n")
	ask("ignored paths", func(ctx context.Context, d git.Dirs) (any, error) {
		paths := []string{"a.log", "build", "build/x", "build/deep", "new", "new/a.log", "keep.log", "README"}
		return git.Ignored(ctx, d, paths)
	})
	for _, except := range []string{"", "src", "build/deep", "new"} {
		ask("ignored files but "+except, func(ctx context.Context, d git.Dirs) (any, error) {
			return git.IgnoredFiles(ctx, d, except)
		})
	}
	ask("attributes", func(ctx context.Context, d git.Dirs) (any, error) {
		return git.Attributes(ctx, d, []string{"text", "eol", "filter"}, []string{"a.py", "src/x.bin", "README"})
	})
	ask("tracked files", func(ctx context.Context, d git.Dirs) (any, error) { return git.TrackedFiles(ctx, d) })
	return list
}

func aboutCommit(commit string) []asked {
	var list []asked
	ask := func(name string, answer func(ctx context.Context, dirs git.Dirs) (any, error)) {
		list = append(list, asked{name + " of " + commit[:7], answer})
	}
	for _, folders := range [][]string{{"src"}, {".runs", "a"}, {"none"}, {"src", "src"}, {"README"}} {
		ask(fmt.Sprintf("files in %q", folders), func(ctx context.Context, d git.Dirs) (any, error) {
			return git.FilesIn(ctx, d, commit, folders...)
		})
		ask(fmt.Sprintf("names in %q", folders), func(ctx context.Context, d git.Dirs) (any, error) {
			return git.Names(ctx, d, commit, folders...)
		})
		ask(fmt.Sprintf("changes of %q", folders), func(ctx context.Context, d git.Dirs) (any, error) {
			return git.ChangesOf(ctx, d, commit, folders[0])
		})
		ask(fmt.Sprintf("last change of %q", folders), func(ctx context.Context, d git.Dirs) (any, error) {
			return git.LastChange(ctx, d, commit, folders[0])
		})
		ask(fmt.Sprintf("each change of %q", folders), func(ctx context.Context, d git.Dirs) (any, error) {
			var all []git.CommittedChange
			n, err := git.EachChange(ctx, d, []string{commit}, nil, folders, func(c git.CommittedChange) error {
				all = append(all, c)
				return nil
			})
			return fmt.Sprint(n, all), err
		})
		ask(fmt.Sprintf("deleted in %q", folders), func(ctx context.Context, d git.Dirs) (any, error) {
			return git.DeletedFiles(ctx, d, commit, nil, folders)
		})
	}
	ask("folders", func(ctx context.Context, d git.Dirs) (any, error) { return git.Folders(ctx, d, commit, ".runs") })
	ask("folders named .runs", func(ctx context.Context, d git.Dirs) (any, error) {
		return git.FoldersNamed(ctx, d, commit, ".runs")
	})
	ask("differences", func(ctx context.Context, d git.Dirs) (any, error) { return git.Differences(ctx, d, "", commit) })
	ask("on a branch", func(ctx context.Context, d git.Dirs) (any, error) { return git.OnBranch(ctx, d, commit) })
	ask("entries of a scratch", func(ctx context.Context, d git.Dirs) (any, error) { return inScratch(ctx, d, commit) })
	ask("blobs", func(ctx context.Context, d git.Dirs) (any, error) { return contents(ctx, d, commit) })
	return list
}

// inScratch reads the entries of a commit in a scratch, and the content of the small ones.
func inScratch(ctx context.Context, dirs git.Dirs, commit string) (any, error) {
	s, err := git.NewScratch(dirs)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if err := s.ReadTree(ctx, commit); err != nil {
		return nil, err
	}
	entries, err := s.Entries(ctx)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(entries))
	small := map[string]string{}
	for i, e := range entries {
		ids[i] = e.ID
	}
	err = s.ReadSmall(ctx, ids, 10, func(i int, data []byte) { small[entries[i].Path] = string(data) })
	return fmt.Sprint(entries, small), err
}

// contents reads all of a commit in the ways that there are, except what a partial clone lacks.
func contents(ctx context.Context, dirs git.Dirs, commit string) (any, error) {
	trees, err := git.OpenObjects(ctx, dirs, nil)
	if err != nil {
		return nil, err
	}
	defer trees.Close()
	found := map[string]string{}
	var ids []string
	c, err := trees.Commit(commit)
	if err != nil {
		return nil, err
	}
	found["commit"] = fmt.Sprintf("%s %v %q %v", c.Tree, c.Parents, c.Message, *c.Author)
	err = trees.Walk(commit, "", func(path string, e git.TreeEntry) error {
		ids = append(ids, e.ID)
		found[path] = e.Mode + " " + e.ID
		if git.LacksObjects(dirs) || e.Mode == "160000" {
			return nil
		}
		data, err := trees.Blob(e.ID, 1<<20)
		if err != nil {
			return err
		}
		digest, size, _, err := trees.Sum(e.ID, 1<<20)
		if digest != fmt.Sprintf("%x", sha256.Sum256(data)) || size != int64(len(data)) {
			return fmt.Errorf("%s: the sum of %d bytes is %s: %w", path, size, digest, err)
		}
		var copied bytes.Buffer
		if err := trees.Copy(e.ID, 1<<20, &copied); err != nil || !bytes.Equal(copied.Bytes(), data) {
			return fmt.Errorf("%s: copied %q: %w", path, copied.Bytes(), err)
		}
		found[path] += string(data)
		_, err = trees.Blob(e.ID, 1)
		found[path] += fmt.Sprint(err)
		return nil
	})
	if err != nil || git.LacksObjects(dirs) {
		return found, err
	}
	ids = append(ids, c.Tree, strings.Repeat("1", 40))
	for _, limit := range []int64{3, 1 << 20} {
		err = git.ReadObjects(ctx, dirs, ids[:len(ids)-2], limit, func(i int, data []byte, err error) error {
			found[fmt.Sprint(limit, i)] = fmt.Sprintf("%q %v", data, err)
			return nil
		})
		if err != nil {
			return found, err
		}
	}
	for _, id := range ids[len(ids)-2:] {
		_, err = trees.Blob(id, 1<<20)
		found["error "+id] = fmt.Sprint(err)
	}
	return found, nil
}

func aboutPair(a, b string) []asked {
	var list []asked
	ask := func(name string, answer func(ctx context.Context, dirs git.Dirs) (any, error)) {
		list = append(list, asked{fmt.Sprintf("%s of %s and %s", name, a[:7], b[:7]), answer})
	}
	ask("merge base", func(ctx context.Context, d git.Dirs) (any, error) { return git.MergeBase(ctx, d, a, b) })
	ask("is ancestor", func(ctx context.Context, d git.Dirs) (any, error) { return git.IsAncestor(ctx, d, a, b) })
	ask("commits not in", func(ctx context.Context, d git.Dirs) (any, error) { return git.CommitsNotIn(ctx, d, a, b) })
	ask("differences", func(ctx context.Context, d git.Dirs) (any, error) { return git.Differences(ctx, d, a, b) })
	ask("added names", func(ctx context.Context, d git.Dirs) (any, error) {
		return git.AddedNames(ctx, d, []git.TreePair{{From: a, To: b}, {From: b, To: a}})
	})
	ask("reachable", func(ctx context.Context, d git.Dirs) (any, error) {
		return git.ReachableFrom(ctx, d, []string{a, b, strings.Repeat("1", 40)}, a)
	})
	ask("each change", func(ctx context.Context, d git.Dirs) (any, error) {
		var all []git.CommittedChange
		folders := []string{"src", "README"}
		n, err := git.EachChange(ctx, d, []string{a}, []string{b}, folders, func(c git.CommittedChange) error {
			all = append(all, c)
			return nil
		})
		return fmt.Sprint(n, all), err
	})
	ask("deleted", func(ctx context.Context, d git.Dirs) (any, error) {
		return git.DeletedFiles(ctx, d, a, []string{b}, []string{"src"})
	})
	return list
}

// TestBackendsAgree asks both backends the same questions about a repository of every shape. Of what the second does
// not read, it says so.
func TestBackendsAgree(t *testing.T) {
	gittest.Each(t, func(t *testing.T, r *gittest.Repository) {
		agree(t, r.In(t), open(t, r))
	})
}

func agree(t *testing.T, r *gittest.Repository, dirs git.Dirs) { agreeOn(t, r, dirs, "") }

// agreeOn asks only the questions whose names contain about.
func agreeOn(t *testing.T, r *gittest.Repository, dirs git.Dirs, about string) {
	t.Helper()
	byFiles := dirs.WithoutProgram()
	for _, q := range questions(t, r) {
		if !strings.Contains(q.name, about) {
			continue
		}
		want, err := q.answer(t.Context(), dirs)
		got, fileErr := q.answer(t.Context(), byFiles)
		switch {
		case r.SHA256:
			if fileErr != nil && !errors.Is(fileErr, git.ErrNoGit) {
				t.Errorf("%s: %v, want a refusal", q.name, fileErr)
			}
		case (err == nil) != (fileErr == nil):
			t.Errorf("%s: Git: %v, %v; by files: %v, %v", q.name, want, err, got, fileErr)
		case err == nil:
			if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
				t.Errorf("%s: Git and what was read by files differ:\n%s", q.name, d)
			}
		}
	}
}

// TestBackendsAgreeOnMerges asks about a history with merges, moved and changed files, packed in different ways.
func TestBackendsAgreeOnMerges(t *testing.T) {
	r := gittest.New(t)
	write := func(message string, files map[string]string) { r.Commit(message, files) }
	lines := strings.Repeat("a line of a file that is long enough for a difference\n", 40)
	write("one", map[string]string{"README": "1\n", "src/a": lines, "src/b": "b\n", "src/deep/c": "c\n"})
	r.Git("checkout", "-q", "-b", "side")
	write("two", map[string]string{"src/a": lines + "side\n", "src/side": "side\n"})
	r.Git("rm", "-q", "src/b")
	write("three", map[string]string{"README": "side\n"})
	r.Git("checkout", "-q", "main")
	write("four", map[string]string{"src/main": "main\n", "other": "x\n"})
	r.Git("merge", "-q", "--no-edit", "side")
	r.Git("tag", "-a", "-m", "tag", "v1")
	r.Git("repack", "-q", "-a", "-d", "-f")
	r.Git("checkout", "-q", "-b", "work", "HEAD~1")
	write("five", map[string]string{"src/a": "main\n" + lines, "src/x": "x\n"})
	merge := exec.Command("git", "merge", "-q", "--no-commit", "side")
	merge.Dir = r.Dir
	_ = merge.Run() // it has conflicts
	write("six", map[string]string{"src/a": "both\n" + lines, "README": "both\n"})
	r.Git("checkout", "-q", "--orphan", "alone")
	write("seven", map[string]string{"src/a": lines + lines})
	r.Git("checkout", "-q", "work")
	r.Git("branch", "-q", "folder/branch")
	r.Git("pack-refs", "--all")
	r.Git("rm", "-q", "-r", "src/deep")
	write("eight", map[string]string{"src/deep": "a file\n"})
	dirs := open(t, r)
	for _, pack := range [][]string{
		{"repack", "-q", "-a", "-d", "-f", "--depth=50"},
		{"-c", "pack.indexVersion=1", "repack", "-q", "-a", "-d", "-f"},
		{"-c", "repack.useDeltaBaseOffset=false", "repack", "-q", "-a", "-d", "-f"},
		{"multi-pack-index", "write"},
		{"update-index", "--index-version=4"},
	} {
		r.Git(pack...)
		byFiles := dirs.WithoutProgram()
		for _, commit := range strings.Fields(r.Git("rev-list", "--all")) {
			want, err := contents(t.Context(), dirs, commit)
			check(t, err)
			got, err := contents(t.Context(), byFiles, commit)
			check(t, err)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("after git %q: %s", pack, d)
			}
		}
	}
	linked := filepath.Join(r.Base, "linked")
	r.Git("worktree", "add", "-q", "--detach", linked)
	agree(t, r, dirs)
	// An index may be split or have folders in place of their files.
	linkedDirs, ok, err := git.Discover(linked)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	for _, dirs := range []git.Dirs{dirs, linkedDirs} {
		at := r.In(t)
		at.Dir = dirs.Root
		at.Git("update-index", "--split-index")
		agreeOn(t, at, dirs, "index")
		split(at)
		agreeOn(t, at, dirs, "index")
		agreeOn(t, at, dirs, "tracked")
		at.Git("reset", "-q", "--hard")
		at.Git("update-index", "--no-split-index")
		at.Git("sparse-checkout", "set", "--cone", "--sparse-index", "src")
		agreeOn(t, at, dirs, "index")
		agreeOn(t, at, dirs, "tracked")
	}
}
