package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
)

// Revision is the runs of a commit, read without a checkout: their records and notes lie in a temporary folder, what else
// belongs to a run comes when it is asked for. Close removes the folder.
type Revision struct {
	*Repository
	Commit string
	files  map[string][]git.Entry // by run: what is not yet there
}

// maxFetchedBytes bounds one file of a run that is read from git.
const maxFetchedBytes = 2 << 30

// At opens the runs of a revision. A commit without .runs has none.
func (r *Repository) At(ctx context.Context, rev string) (*Revision, error) {
	if !r.InGit {
		return nil, fmt.Errorf("reading the runs of %s: this is no git repository", rev)
	}
	commit, err := git.Commit(ctx, r.Git, rev)
	if err != nil {
		return nil, withHint(err, "'git fetch' brings what the remote has; 'git branch -a' lists the names")
	}
	tree, err := filepath.Rel(r.Git.Root, r.Dir)
	if err != nil {
		return nil, err
	}
	entries, err := git.Files(ctx, r.Git, commit, filepath.ToSlash(tree))
	if err != nil {
		return nil, fmt.Errorf("reading the runs of %s: %w", rev, err)
	}
	dir, err := os.MkdirTemp("", "runs-revision-")
	if err != nil {
		return nil, err
	}
	at := *r
	at.Dir, at.active = filepath.Join(dir, DirName), filepath.Join(dir, "active")
	at.commit, at.tree = commit, filepath.ToSlash(tree)
	v := &Revision{Repository: &at, Commit: commit, files: map[string][]git.Entry{}}
	if err := v.readRecords(ctx, entries); err != nil {
		v.Close()
		return nil, fmt.Errorf("reading the runs of %s: %w", rev, err)
	}
	return v, nil
}

// Close removes what was read.
func (v *Revision) Close() { _ = os.RemoveAll(filepath.Dir(v.Dir)) }

// readRecords writes the records and notes below the temporary folder. Only names that a repository of runs has are taken.
func (v *Revision) readRecords(ctx context.Context, entries []git.Entry) error {
	if err := os.MkdirAll(v.Dir, 0o777); err != nil {
		return err
	}
	var now []git.Entry
	for _, e := range entries {
		rel := strings.TrimPrefix(e.Path, v.tree+"/")
		parts := strings.SplitN(rel, "/", 3)
		if len(parts) != 3 || format.CheckDay(parts[0]) != nil || format.CheckID(parts[1]) != nil || format.IDDay(parts[1]) != parts[0] ||
			format.CheckPath(parts[2]) != nil || !strings.HasPrefix(e.Mode, "100") {
			continue
		}
		e.Path = rel
		if parts[2] == recordName || path.Dir(parts[2]) == notesName {
			now = append(now, e)
		} else {
			v.files[parts[1]] = append(v.files[parts[1]], e)
		}
	}
	return v.write(ctx, now, format.MaxRecordBytes)
}

func (v *Revision) write(ctx context.Context, entries []git.Entry, limit int64) error {
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = e.ID
	}
	made := map[string]bool{}
	return git.ReadObjects(ctx, v.Git, ids, limit, func(i int, data []byte, err error) error {
		if err != nil {
			return fmt.Errorf("%s: %w", entries[i].Path, err)
		}
		file := filepath.Join(v.Dir, filepath.FromSlash(entries[i].Path))
		if dir := filepath.Dir(file); !made[dir] {
			if err := os.MkdirAll(dir, 0o777); err != nil {
				return err
			}
			made[dir] = true
		}
		return os.WriteFile(file, data, 0o666)
	})
}

// Fetch brings the other files of a run, so that its points can be read.
func (v *Revision) Fetch(ctx context.Context, e *Entry) error {
	entries := v.files[e.ID]
	delete(v.files, e.ID)
	for _, entry := range entries {
		file := filepath.Join(v.Dir, filepath.FromSlash(entry.Path))
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			return err
		}
		f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if err != nil {
			return err
		}
		err = errors.Join(git.ReadBlob(ctx, v.Git, entry.ID, maxFetchedBytes, io.Writer(f)), f.Close())
		if err != nil {
			return fmt.Errorf("reading %s of commit %.12s: %w", entry.Path, v.Commit, err)
		}
	}
	return nil
}

// Branches are the local branches.
func (r *Repository) Branches(ctx context.Context) ([]string, error) {
	if !r.InGit {
		return nil, errors.New("listing branches: this is no git repository")
	}
	return git.Branches(ctx, r.Git)
}

// Fork is where the branch that is checked out left another one.
type Fork struct {
	Base      string // the other one, as it was named
	Commit    string // its tip
	MergeBase string
}

// Fork finds where HEAD left base; without one, the remote's default branch.
func (r *Repository) Fork(ctx context.Context, base string) (*Fork, error) {
	if !r.InGit {
		return nil, errors.New("finding the base of the branch: this is no git repository")
	}
	if base == "" {
		if base = git.DefaultBranch(ctx, r.Git); base == "" {
			return nil, withHint(errors.New("finding the base of the branch: no remote names a default branch"), "name it: runs review BASE")
		}
	}
	tip, err := git.Commit(ctx, r.Git, base)
	if err != nil {
		return nil, withHint(err, "'git fetch origin %s' brings it", strings.TrimPrefix(base, "origin/"))
	}
	head, err := git.Commit(ctx, r.Git, "HEAD")
	if err != nil {
		return nil, err
	}
	common, err := git.MergeBase(ctx, r.Git, head, tip)
	if err != nil {
		return nil, err
	}
	if common == "" {
		err := fmt.Errorf("HEAD and %s have no common commit", base)
		if r.Git.Shallow() {
			return nil, withHint(err, "the clone is shallow: set fetch-depth: 0 in the checkout, or run 'git fetch --unshallow'")
		}
		return nil, err
	}
	return &Fork{Base: base, Commit: tip, MergeBase: common}, nil
}
