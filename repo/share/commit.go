package share

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"path"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// Request describes a commit to make.
type Request struct {
	IDs           []string // the runs to commit; nil: every finished run that is not committed
	IncludeFailed bool     // without IDs: also runs that failed, crashed or were killed
	AllWorktrees  bool     // without IDs: also the runs of other worktrees, and of those that were removed
	Branch        string   // need not be checked out; empty: the branch that is checked out
	Message       string   // empty: a summary of the runs
	Models        []string // files of the registry of models that were written or removed, relative to .runs
	Doing         string   // what was done with models, for the summary: promote taxi@4 to production
}

// Committed describes a commit that was made.
type Committed struct {
	Commit       string
	Branch       string // empty if HEAD is detached
	Runs         []CommittedRun
	Resumed      int      // those of Runs that are there because another one resumes them
	Notes        int      // of runs that were already committed
	Experiments  int      // files with tags, titles and deletions of experiments
	Versions     []string // of models, that the commit adds: taxi@4
	Models       int      // other files of the registry of models
	Doing        string   // what was done with models, if the request says it
	Removed      []string // ids
	Redacted     []string // ids of runs that were already committed
	Batches      []string // that hold Runs, relative to .runs
	Files        int
	Bytes        int64
	Refused      []repo.Damage // runs that cannot be committed, and why
	Unsuccessful int           // runs left out because they failed, crashed or were killed
	Warnings     []string
	Mended       []string // shared files that the branch had lost although its runs name them; see lostShared
	Restored     []string // shared files that the working tree lacked; see restoreShared
	Allowed      int      // findings that the configuration allows
	Reasons      []string // the reasons that the configuration gives for them
}

// CommittedRun is a run that a commit adds. There may be many, so it has only what is said about the run afterwards.
type CommittedRun struct {
	ID, Name, Experiment string

	resumes string            // the run that it continues
	line    string            // what the message of the commit says after the id
	outside []format.Artifact // that are not in Git
	files   []git.TreeEntry   // by their names in the run's folder
	tree    string            // the id of the run's folder with these files; empty if they were not stored
	sizes   packSizes
	from    string // the batch of the working tree that has the run, relative to .runs
	alone   bool   // the run must keep a folder of its own
	batched bool   // a batch of the plan has the run
}

// Empty reports whether there was nothing to commit.
func (c *Committed) Empty() bool {
	return len(c.Runs)+c.Notes+c.Experiments+len(c.Versions)+c.Models+len(c.Removed)+len(c.Redacted)+len(c.Mended) == 0
}

// CompleteOrRollBack completes or rolls back a redaction, commit or push that was killed.
func CompleteOrRollBack(ctx context.Context, r *repo.Repository) error {
	if err := r.CompleteRedactions(ctx); err != nil {
		return err
	}
	if !r.InGit {
		return nil
	}
	if err := git.CompleteOrRollBack(ctx, r.Git); err != nil {
		return err
	}
	return completePacking(ctx, r)
}

// withGitStep adds the next step to an error that says that only the git program does something.
func withGitStep(err error, command string) error {
	if !errors.Is(err, git.ErrNoGit) {
		return err
	}
	return &repo.HintError{
		Err:  err,
		Hint: "run 'runs " + command + "' in this folder where git is installed, such as outside the container",
	}
}

// refSwitches is how often a commit starts again because a branch moved.
const refSwitches = 20

// Commit makes one commit of runs and the files they share, without touching the user's index or working tree: staged
// changes stay staged. If it is killed at any moment, it can be repeated. If secrets are found, the error is a
// *SecretsError and nothing is committed.
func Commit(ctx context.Context, r *repo.Repository, q Request) (*Committed, error) {
	if !r.InGit {
		return nil, &repo.HintError{
			Err:  errors.New("committing runs: this is not a Git repository"),
			Hint: "run 'git init' first",
		}
	}
	if err := git.CheckCommits(ctx, r.Git); err != nil {
		return nil, withGitStep(fmt.Errorf("committing runs: %w", err), "commit")
	}
	if err := r.Writable(); err != nil {
		return nil, fmt.Errorf("committing runs: %w", err)
	}
	if name, end := r.Git.InProgress(); name != "" {
		return nil, &repo.HintError{
			Err:  fmt.Errorf("committing runs: %s is in progress, and aborting it would remove them", name),
			Hint: "run " + end + " first",
		}
	}
	if err := refuseConflict(ctx, r); err != nil {
		return nil, fmt.Errorf("committing runs: %w", err)
	}
	end, err := git.LockCommits(ctx, r.Git)
	if err != nil {
		return nil, fmt.Errorf("committing runs: %w", err)
	}
	defer end()
	taken, err := takeOver(ctx, r, q)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("committing runs: %w", err), settleWorktrees(ctx, r, taken, nil))
	}
	done, err := commitLocked(ctx, r, q, &taken)
	if settleErr := settleWorktrees(ctx, r, taken, done); settleErr != nil && done != nil {
		done.Warnings = append(done.Warnings, settleErr.Error())
	}
	if err == nil && len(done.Redacted) > 0 { // a merge could follow, after which the branch has two versions
		if _, err := KeepRedactions(ctx, r); err != nil {
			done.Warnings = append(done.Warnings, err.Error())
		}
	}
	if err == nil && q.Branch == "" {
		if done.Restored, err = restoreAtHead(ctx, r); err != nil {
			done.Warnings, err = append(done.Warnings, err.Error()), nil
		}
		if done.Commit != "" {
			commitUndone(ctx, r, q, done)
			if err := r.TidyModels(ctx); err != nil {
				done.Warnings = append(done.Warnings, err.Error())
			}
		}
	}
	return done, err
}

// commitUndone repeats a commit that a commit of the user has undone, because it was made from the index as it was
// before.
func commitUndone(ctx context.Context, r *repo.Repository, q Request, done *Committed) {
	for range 3 {
		undone, err := git.LookAgain(ctx, r.Git)
		if err == nil && !undone {
			return
		}
		again := &Committed{}
		if err == nil {
			var taken []string
			again, err = commitLocked(ctx, r, q, &taken)
			err = errors.Join(err, settleWorktrees(ctx, r, taken, again))
		}
		switch {
		case err != nil:
			done.Warnings = append(done.Warnings, fmt.Sprintf("looking for a commit of Git that undid this one: %v", err))
			return
		case again.Commit == "":
			return
		}
		done.Warnings = append(done.Warnings, fmt.Sprintf(
			"a commit of Git at the same time undid commit %.10s; commit %.10s repeats it", done.Commit, again.Commit))
		done.Commit = again.Commit
	}
}

// commitLocked makes a commit while no other process of this program commits. It repeats what another program disturbs.
// It adds the runs of other worktrees that it needs to taken.
func commitLocked(ctx context.Context, r *repo.Repository, q Request, taken *[]string) (*Committed, error) {
	for moved, transient := 0, 0; ; {
		done, err := commitOnce(ctx, r, q, taken)
		switch {
		case errors.Is(err, git.ErrMoved) && moved < refSwitches:
			moved++
			continue
		case git.IsTransient(err) && transient < transientTries:
			transient++
			continue
		}
		if errors.Is(err, git.ErrLocked) {
			err = &repo.HintError{
				Err:  fmt.Errorf("committing runs: %w", err),
				Hint: "wait and repeat; if no Git process is running, remove that file",
			}
		} else if err != nil {
			err = fmt.Errorf("committing runs: %w", err)
		}
		return done, err
	}
}

func commitOnce(ctx context.Context, r *repo.Repository, q Request, taken *[]string) (*Committed, error) {
	tip, err := git.ReadTip(ctx, r.Git)
	if err != nil {
		return nil, err
	}
	trees, err := git.OpenTrees(ctx, r.Git)
	if err != nil {
		return nil, err
	}
	defer trees.Close()
	w := writer{repo: r, trees: trees, request: q}
	defer func() {
		w.close()
		*taken = append(*taken, w.taken...)
	}()
	if q.Branch != "" && q.Branch != tip.Branch {
		return w.commitElsewhere(ctx)
	}
	return w.commitHere(ctx, tip)
}

// closeOperation closes an operation at the end of a function that returns err, and says if Git's lock stays.
func closeOperation(o *git.Operation, err *error) {
	closeErr := o.Close()
	if left := new(git.LockLeftError); errors.As(closeErr, &left) {
		closeErr = &repo.HintError{
			Err:  closeErr,
			Hint: "run 'runs status' to remove it, or delete it yourself: until then, Git refuses to commit",
		}
	}
	if *err == nil && closeErr != nil {
		closeErr = fmt.Errorf("the commit is complete, but %w", closeErr)
	}
	*err = errors.Join(*err, closeErr)
}

// writer is the state of one attempt to make a commit.
type writer struct {
	repo     *repo.Repository
	trees    *git.Trees
	request  Request
	objects  *git.ObjectWriter // of the plan; nil if it adds nothing
	taken    []string          // runs of other worktrees that the plan has put into the working tree
	everyDay bool              // the plan does without what is remembered of days
}

// close removes what was not stored.
func (w *writer) close() {
	if w.objects != nil {
		w.objects.Close()
	}
	w.objects = nil
}

// commitHere commits to the branch that is checked out.
func (w *writer) commitHere(ctx context.Context, tip git.Tip) (done *Committed, err error) {
	p, err := w.plan(ctx, tip.Commit, true)
	if err != nil || p.Empty() {
		return p.Committed, err
	}
	o, err := git.Begin(ctx, w.repo.Git, "commit", format.RandomLetters(8))
	if err != nil {
		return nil, err
	}
	defer closeOperation(o, &err)
	again, err := git.ReadTip(ctx, w.repo.Git)
	if err != nil || again.Branch != tip.Branch {
		return nil, cmp.Or(err, git.ErrMoved)
	}
	// Plan again under the lock. If commits follow one another closely, ours would never succeed without the lock.
	if again != tip {
		tip = again
		w.close()
		if p, err = w.plan(ctx, tip.Commit, true); err != nil || p.Empty() {
			return p.Committed, err
		}
	}
	p.Branch = tip.Branch
	if name, _ := w.repo.Git.InProgress(); name != "" {
		return nil, fmt.Errorf("%s has begun in the meantime", name)
	}
	gone, err := p.gone(w.trees, tip.Commit)
	if err != nil {
		return nil, err
	}
	k, err := w.packRuns(ctx, p, true)
	if err != nil {
		return nil, err
	}
	if k != nil {
		defer k.close()
	}
	updates, err := w.write(ctx, p, tip.Commit, func() error { return o.Stage(ctx, below(p.at, p.files()), gone) })
	if err != nil {
		return nil, err
	}
	updates[0].Ref = "HEAD"
	if err := o.Finish(ctx, "runs: "+p.Summary(), updates...); err != nil {
		return nil, err
	}
	if len(p.Removed)+len(p.Redacted) == 0 {
		remainSound(w.repo, tip.Commit, p.Commit)
	}
	if k != nil {
		if err := k.complete(context.WithoutCancel(ctx)); err != nil {
			p.Warnings = append(p.Warnings, fmt.Sprintf("the runs are committed, but their own folders stay: %v", err))
		}
	}
	return p.Committed, nil
}

// commitElsewhere commits to a branch that is not checked out, without the user's index or files.
func (w *writer) commitElsewhere(ctx context.Context) (*Committed, error) {
	branch := git.BranchName(w.request.Branch)
	if err := git.CheckBranch(ctx, w.repo.Git, branch); err != nil {
		return nil, err
	}
	if at, err := git.CheckedOut(ctx, w.repo.Git, branch); err != nil {
		return nil, err
	} else if at != "" {
		return nil, &repo.HintError{
			Err:  fmt.Errorf("branch %s is checked out in %s", branch, at),
			Hint: "run 'runs commit' there, or name another branch",
		}
	}
	old, base, err := w.branchTip(ctx, branch)
	if err != nil {
		return nil, err
	}
	p, err := w.plan(ctx, base, false)
	if err != nil || p.Empty() {
		return p.Committed, err
	}
	p.Branch = branch
	if _, err := w.packRuns(ctx, p, false); err != nil {
		return nil, err
	}
	updates, err := w.write(ctx, p, base, nil)
	if err != nil {
		return nil, err
	}
	updates[0].Ref, updates[0].Old = "refs/heads/"+branch, old
	return p.Committed, git.UpdateRefs(ctx, w.repo.Git, "runs: "+p.Summary(), updates...)
}

// branchTip returns old, the commit of a branch, and base, the parent of the next commit. If the branch does not exist,
// base is the commit of the remote's branch of that name.
func (w *writer) branchTip(ctx context.Context, branch string) (old, base string, err error) {
	old, err = git.Resolve(ctx, w.repo.Git, "refs/heads/"+branch)
	if err != nil || old != "" {
		return old, old, err
	}
	if err := w.hasPlace(ctx, branch); err != nil {
		return "", "", err
	}
	remote, err := git.DefaultRemote(ctx, w.repo.Git)
	if err != nil || remote == "" {
		return "", "", err
	}
	base, err = git.Resolve(ctx, w.repo.Git, "refs/remotes/"+remote+"/"+branch)
	return "", base, err
}

// hasPlace returns an error if a new branch cannot stand beside another: Git keeps them as files and folders.
func (w *writer) hasPlace(ctx context.Context, branch string) error {
	branches, err := git.Branches(ctx, w.repo.Git)
	if err != nil {
		return err
	}
	taken := ""
	for _, name := range branches {
		short := git.BranchName(name)
		if strings.HasPrefix(short, branch+"/") || strings.HasPrefix(branch, short+"/") {
			taken = short
		}
	}
	if taken == "" {
		return nil
	}
	return &repo.HintError{
		Err:  fmt.Errorf("branch %s cannot be made while there is a branch %s", branch, taken),
		Hint: "name another branch",
	}
}

// below puts a folder in front of names.
func below(at string, names iter.Seq[string]) iter.Seq[string] {
	return func(yield func(string) bool) {
		for name := range names {
			if !yield(path.Join(at, name)) {
				return
			}
		}
	}
}
