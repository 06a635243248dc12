package gittest_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/git/gittest"
)

// times are those of authors and committers.
var times = regexp.MustCompile(`> \d+ [+-]\d{4}`)

// written is what a commit leaves in a repository, but for times.
func written(r *gittest.Repository) map[string]string {
	return map[string]string{
		"commit":  times.ReplaceAllString(r.Git("cat-file", "-p", "HEAD"), ">"),
		"tree":    r.Git("ls-tree", "-r", "-t", "HEAD"),
		"index":   r.Git("ls-files", "-s", "-z"),
		"flags":   r.Git("ls-files", "-v", "-t", "-z"),
		"version": version(r),
		"refs":    r.Git("for-each-ref", "--format=%(refname) %(tree)"),
		"reflog":  r.Git("reflog", "--format=%gs %T"),
		"status":  r.Git("status", "--porcelain", "--untracked-files=all"),
		"next":    r.Git("write-tree"), // which takes valid trees from the index
		"blobs":   r.Git("rev-parse", "HEAD:"+newRun),
	}
}

// version returns the first bytes of the index, which have its version.
func version(r *gittest.Repository) string {
	index := r.Git("rev-parse", "--git-path", "index")
	if !filepath.IsAbs(index) {
		index = r.Path(index)
	}
	data, err := os.ReadFile(index)
	return fmt.Sprintf("%q %v", data[:min(len(data), 8)], err)
}

const newRun = ".runs/2026-01-03/20260103-000000-bbbbbbbb/run.toml"

// commitRun commits a new run, removes another one, and puts an entry into the index that is not on disk.
func commitRun(ctx context.Context, r *gittest.Repository, dirs git.Dirs) error {
	tip, err := git.ReadTip(ctx, dirs)
	if err != nil {
		return err
	}
	r.Write(newRun, "id = \"b\"\r\n")
	o, err := git.Begin(ctx, dirs, "commit", "aaaa1111")
	if err != nil {
		return err
	}
	defer func() { _ = o.Close() }()
	w, err := git.NewObjectWriter(ctx, dirs)
	if err != nil {
		return err
	}
	defer w.Close()
	e := w.Encoder()
	id, err := e.Blob([]byte("id = \"b\"\r\n"), "run.toml")
	if err == nil {
		err = e.Flush()
	}
	if err != nil {
		return err
	}
	trees, err := git.OpenTrees(ctx, dirs)
	if err != nil {
		return err
	}
	defer trees.Close()
	trees.WriteTo(w)
	edits := []git.Edit{{Path: newRun, Mode: "100644", ID: id}}
	var gone []string
	if tip.Commit != "" {
		gone = append(gone, gittest.RunFile)
		edits = append(edits, git.Edit{Path: gittest.RunFile})
	}
	tree, err := trees.Edit(tip.Commit, edits)
	if err == nil {
		err = w.Store(ctx)
	}
	if err == nil {
		err = o.Stage(ctx, slices.Values([]string{newRun}), gone)
	}
	if err == nil {
		err = o.StageEntries(ctx, []git.Edit{
			{Path: "src/train.py/x", Mode: "100755", ID: id}, {Path: "docs/deep/more", Mode: "100644", ID: id},
		})
	}
	if err != nil {
		return err
	}
	c := git.CommitObject{Tree: tree, Message: "a run\n\nünï\n"}
	if tip.Commit != "" {
		c.Parents = []string{tip.Commit}
	}
	next, err := git.WriteCommit(ctx, dirs, c)
	if err != nil {
		return err
	}
	return o.Finish(ctx, "a run", git.RefUpdate{Ref: "HEAD", Old: tip.Commit, New: next},
		git.RefUpdate{Ref: "refs/runs/kept", New: next})
}

// split changes, adds and removes entries of a split index, so that they differ from those of the file that it shares.
func split(r *gittest.Repository) {
	r.Write("README", "staged\n")
	r.Write("src/added", "added\n")
	r.Git("add", "--sparse", "README", "src/added")
	r.Git("rm", "-q", "--sparse", "--cached", "--ignore-unmatch", "src/new.py", "src/x")
}

// indexes are the kinds of index that a user may have.
var indexes = map[string]func(r *gittest.Repository){
	"as Git makes it": func(*gittest.Repository) {},
	"of version 4":    func(r *gittest.Repository) { r.Git("update-index", "--index-version=4") },
	"with files to be added": func(r *gittest.Repository) {
		r.Write("intended", "x\n")
		r.Git("add", "--sparse", "-N", "intended")
	},
	"with files that do not change": func(r *gittest.Repository) {
		r.Git("update-index", "--assume-unchanged", "README")
		r.Git("update-index", "--skip-worktree", "src/new.py")
	},
	"that remembers untracked files": func(r *gittest.Repository) {
		r.Git("config", "core.untrackedCache", "true")
		r.Write("untracked/file", "x\n")
		r.Git("status")
	},
	"with what was in a conflict": func(r *gittest.Repository) {
		r.Git("checkout", "-q", "-b", "theirs")
		r.Commit("theirs", map[string]string{"README": "theirs\n"})
		r.Git("checkout", "-q", "-")
		r.Commit("ours", map[string]string{"README": "ours\n"})
		_, _ = gittest.Try(r.Dir, "merge", "-q", "theirs") // it has a conflict
		r.Write("README", "both\n")
		r.Git("add", "README")
	},
	"with trees": func(r *gittest.Repository) { r.Git("write-tree") },
	"that is split": func(r *gittest.Repository) {
		r.Git("update-index", "--split-index")
		split(r)
	},
	"that is split and of version 4": func(r *gittest.Repository) {
		r.Git("update-index", "--index-version=4", "--split-index")
		split(r)
	},
	"that is sparse": func(r *gittest.Repository) {
		r.Git("sparse-checkout", "set", "--cone", "--sparse-index", "src")
	},
}

// TestBackendsCommitTheSame commits a run by both backends in repositories that are equal, in every shape and with
// every kind of index. All that they leave is equal.
func TestBackendsCommitTheSame(t *testing.T) {
	gittest.Each(t, func(t *testing.T, r *gittest.Repository) {
		if r.Bare {
			t.Skip("nothing is checked out")
		}
		for name, prepare := range indexes {
			if name != "as Git makes it" && (r.Unborn || r.Name != "plain" && r.Name != "odd names") {
				continue
			}
			var found []map[string]string
			for _, without := range []bool{false, true} {
				r := r.Make(t)
				prepare(r)
				dirs := open(t, r)
				if without {
					dirs = dirs.WithoutProgram()
				}
				err := commitRun(t.Context(), r, dirs)
				if r.SHA256 && without {
					if err == nil || !strings.Contains(err.Error(), "object ids of sha256") {
						t.Errorf("a commit with SHA-256: %v", err)
					}
					return
				}
				check(t, err)
				r.Git("fsck", "--strict", "--no-dangling", "--connectivity-only")
				found = append(found, written(r))
			}
			if d := cmp.Diff(found[0], found[1]); d != "" {
				t.Errorf("with an index %s, Git's commit and the other differ:\n%s", name, d)
			}
		}
	})
}
