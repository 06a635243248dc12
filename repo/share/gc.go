package share

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// keepRecent is how long a shared file stays after it was last needed, even if no run refers to it. A shared file is
// stored before the run that refers to it appears.
const keepRecent = 24 * time.Hour

// GCRequest holds the options of GC.
type GCRequest struct {
	DryRun bool
}

// Collected lists what GC removed or would remove.
type Collected struct {
	Commit    string   // the commit that removes them; empty if none was made
	Branch    string   // empty outside Git
	Files     []string // relative to .runs
	Bytes     int64
	Copies    int // second copies in the Git folder, for runs that are now committed
	CopyBytes int64
	Recent    int // files that stay because they were needed in the last day
}

// GC removes the shared files that no run refers to: from the branch in a commit of its own, from the working tree, and
// from the second copies in the Git folder. All runs of this clone count: those on any branch, active runs, and those
// in the trash.
func GC(ctx context.Context, r *repo.Repository, q GCRequest) (*Collected, error) {
	fail := func(err error) (*Collected, error) { return nil, fmt.Errorf("collecting shared files: %w", err) }
	if err := r.Writable(); err != nil {
		return fail(err)
	}
	if !r.InGit {
		c := &collector{repo: r, done: &Collected{}, since: time.Now().Add(-keepRecent)}
		if err := c.collect(ctx); err != nil {
			return fail(err)
		}
		if !q.DryRun {
			if err := c.drop(); err != nil {
				return fail(err)
			}
		}
		return c.done, nil
	}
	if name, end := r.Git.InProgress(); name != "" {
		return nil, &repo.HintError{
			Err:  fmt.Errorf("collecting shared files: %s is in progress", name),
			Hint: "run " + end + " first",
		}
	}
	for try := 0; ; try++ {
		done, err := gcOnce(ctx, r, q)
		switch {
		case errors.Is(err, git.ErrMoved) && try < refSwitches:
			continue
		case errors.Is(err, git.ErrLocked):
			return nil, &repo.HintError{
				Err:  fmt.Errorf("collecting shared files: %w", err),
				Hint: "wait and repeat; if no Git process is running, remove that file",
			}
		case err != nil:
			return fail(err)
		}
		return done, nil
	}
}

func gcOnce(ctx context.Context, r *repo.Repository, q GCRequest) (*Collected, error) {
	local, err := runsBranch(ctx, r)
	if err != nil {
		return nil, err
	}
	if err := local.needLocal(); err != nil {
		return nil, err
	}
	if err := checkGCBranch(ctx, r, local); err != nil {
		return nil, err
	}
	trees, err := git.OpenTrees(ctx, r.Git)
	if err != nil {
		return nil, err
	}
	defer trees.Close()
	c := &collector{
		repo: r, trees: trees, local: local, done: &Collected{Branch: local.name},
		since: time.Now().Add(-keepRecent),
	}
	if c.at, err = r.TreePath(); err != nil {
		return nil, err
	}
	if err := c.collect(ctx); err != nil || q.DryRun {
		return c.done, err
	}
	if err := c.commit(ctx); err != nil {
		return nil, err
	}
	return c.done, c.drop()
}

// checkGCBranch returns an error unless the branch is that of commit.branch or, if that is not set, the default branch.
// On any other branch, a file that no run there refers to may still be needed by runs of other people.
func checkGCBranch(ctx context.Context, r *repo.Repository, local localBranch) error {
	if !local.checkedOut {
		at, err := git.CheckedOut(ctx, r.Git, local.name)
		if err == nil && at != "" {
			err = fmt.Errorf("branch %s is checked out in %s: run 'runs gc' there", local.name, at)
		}
		return err
	}
	config, err := r.Config()
	if err != nil || config.Commit.Branch != "" {
		return err
	}
	name, err := defaultBranch(ctx, r.Git)
	switch {
	case err != nil:
		return err
	case name == "":
		return errors.New("the default branch is unknown, and shared files are removed only there")
	case local.name != name:
		return &repo.HintError{
			Err: fmt.Errorf("shared files are removed only on the default branch %s, not on %s", name,
				cmp.Or(local.name, "a detached HEAD")),
			Hint: fmt.Sprintf("run 'git switch %s' first", name),
		}
	}
	return nil
}

// defaultBranch returns the remote's default branch. Without a remote, it is the only local branch, main or master. It
// is empty if there is none.
func defaultBranch(ctx context.Context, dirs git.Dirs) (string, error) {
	remote, err := git.DefaultRemote(ctx, dirs)
	if err != nil {
		return "", err
	}
	if remote != "" {
		if name, err := git.TrackedHead(ctx, dirs, remote); err != nil || name != "" {
			return name, err
		}
	}
	refs, err := git.Branches(ctx, dirs)
	if err != nil {
		return "", err
	}
	if len(refs) == 1 {
		return strings.TrimPrefix(refs[0], "refs/heads/"), nil
	}
	for _, name := range []string{"main", "master"} {
		if slices.Contains(refs, "refs/heads/"+name) {
			return name, nil
		}
	}
	return "", nil
}

// collector is the state of one call of GC.
type collector struct {
	repo  *repo.Repository
	trees *git.Trees // nil outside Git
	local localBranch
	at    string
	since time.Time // files needed later than this stay
	done  *Collected

	committed []string // files to remove from the branch, relative to .runs
	onDisk    []string // files to remove from the working tree
	copies    []string // second copies to remove
}

// commit removes the files from the branch, without touching the user's index.
func (c *collector) commit(ctx context.Context) error {
	if len(c.committed) == 0 {
		return nil
	}
	paths := slices.Collect(below(c.at, slices.Values(c.committed)))
	edits := make([]git.Edit, len(paths))
	for i, file := range paths {
		edits[i] = git.Edit{Path: file}
	}
	w := writer{repo: c.repo, trees: c.trees}
	commit, err := w.commit(ctx, c.local.tip, edits, c.message())
	if err == nil && c.local.checkedOut {
		err = c.commitHere(ctx, paths, commit)
	}
	if err != nil {
		return err
	}
	c.done.Commit = commit
	if c.local.checkedOut {
		return nil
	}
	return git.UpdateRefs(ctx, c.repo.Git, "runs gc", git.RefUpdate{
		Ref: "refs/heads/" + c.local.name, Old: c.local.tip,
		New: commit,
	})
}

func (c *collector) commitHere(ctx context.Context, paths []string, commit string) (err error) {
	o, err := git.Begin(ctx, c.repo.Git, "commit", format.RandomLetters(8))
	if err != nil {
		return err
	}
	defer closeOperation(o, &err)
	tip, err := git.ReadTip(ctx, c.repo.Git)
	if err != nil || tip != (git.Tip{Commit: c.local.tip, Branch: c.local.name}) {
		return cmp.Or(err, git.ErrMoved)
	}
	if name, _ := c.repo.Git.InProgress(); name != "" {
		return fmt.Errorf("%s has begun in the meantime", name)
	}
	if err := o.Stage(ctx, slices.Values[[]string](nil), paths); err != nil {
		return err
	}
	return o.Finish(ctx, "runs gc", git.RefUpdate{Ref: "HEAD", Old: c.local.tip, New: commit})
}

func (c *collector) message() string {
	text := "runs: remove " + count(len(c.committed), "shared file") + " that no run names\n\n"
	for i, name := range c.committed {
		if i == maxMessageRuns {
			return text + fmt.Sprintf("and %d more\n", len(c.committed)-i)
		}
		text += path.Clean(name) + "\n"
	}
	return text
}

// drop removes files from disk. If it is killed, the next collection repeats it.
func (c *collector) drop() error {
	for _, name := range c.onDisk {
		if err := c.repo.DropShared(name); err != nil {
			return err
		}
	}
	for _, name := range c.copies {
		if err := c.repo.DropKept(name, c.since); err != nil {
			return err
		}
	}
	return nil
}
