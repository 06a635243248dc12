package repo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/capture"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/lazyregexp"
)

// Restored says what could not be restored of a source.
type Restored struct {
	// Pointers says why pointers of Git LFS were written instead of files. It is nil if none were.
	Pointers error
	// PointerFiles are these, relative to the folder.
	PointerFiles []string
	// Submodules says for each submodule that is missing why. Its folder is empty.
	Submodules []SubmoduleError
}

// SubmoduleError says why a submodule is missing.
type SubmoduleError struct {
	Path string
	Err  error
}

func (e SubmoduleError) Error() string { return "submodule " + e.Path + ": " + e.Err.Error() }

func (e SubmoduleError) Unwrap() error { return e.Err }

// CheckOut writes the source of a run into dir, which must not exist. It verifies the tree hash of the source before
// it writes a file, and dir appears complete or not at all. It fetches submodules, and files in Git LFS.
func (r *Repository) CheckOut(ctx context.Context, run *format.Run, dir string) (done Restored, err error) {
	scratch, refused, err := r.restore(ctx, run, dir, true)
	if err != nil {
		return done, err
	}
	defer scratch.Close()
	if err := os.MkdirAll(filepath.Dir(dir), 0o777); err != nil {
		return done, fmt.Errorf("restoring run %s: %w", run.ID, err)
	}
	tmp := filepath.Join(filepath.Dir(dir), newPrefix+filepath.Base(dir)+"-"+format.RandomLetters(8))
	if err := os.Mkdir(tmp, 0o777); err != nil {
		return done, fmt.Errorf("restoring run %s: %w", run.ID, err)
	}
	done.PointerFiles, done.Pointers, err = checkOutFiles(ctx, scratch, refused, tmp)
	if err == nil {
		err = r.checkOutSubmodules(ctx, run, scratch, tmp, &done)
	}
	if err == nil {
		err = os.Rename(tmp, dir)
	}
	if err != nil {
		_ = os.RemoveAll(tmp)
		return Restored{}, fmt.Errorf("restoring run %s: %w", run.ID, err)
	}
	return done, nil
}

// checkOutFiles writes the files of a rebuilt source. refused says why Git LFS must not fetch files, if it must not.
// left are the files that are still pointers, and pointers says why.
func checkOutFiles(
	ctx context.Context, scratch *git.Scratch, refused error, dir string,
) (left []string, pointers, err error) {
	failed, err := scratch.CheckOut(ctx, dir)
	if err != nil {
		return nil, nil, err
	}
	left, err = leftPointers(ctx, scratch, dir)
	switch {
	case err != nil || len(left) == 0:
		return nil, nil, err
	case refused != nil:
		return left, refused, nil
	case failed:
		return left, withHint(errors.New("not all files could be fetched through Git LFS"),
			"run 'git lfs fetch --all' in the project, and repeat"), nil
	}
	what := left[0]
	if len(left) > 1 {
		what = fmt.Sprintf("%s and %d more", left[0], len(left)-1)
	}
	return left, withHint(fmt.Errorf("%s cannot be read without Git LFS", what), "install git-lfs, and repeat"), nil
}

// CheckOutWorktree makes a linked worktree at dir, which must not exist. It checks out the commit of the run, or the
// base commit if this clone no longer has the commit of the run. Files of the source that differ from that commit
// appear as uncommitted changes.
func (r *Repository) CheckOutWorktree(
	ctx context.Context, run *format.Run, dir string,
) (commit string, done Restored, err error) {
	scratch, refused, err := r.restore(ctx, run, dir, false)
	if err != nil {
		return "", done, err
	}
	defer scratch.Close()
	commit = run.Source.Commit
	has := false
	if commit != "" {
		if has, err = scratch.Has(ctx, commit); err != nil {
			return "", done, fmt.Errorf("restoring run %s: %w", run.ID, err)
		}
	}
	if !has {
		commit = run.Source.Base
	}
	if commit == "" {
		err := fmt.Errorf("restoring run %s: it was recorded before the first commit, but a worktree needs one", run.ID)
		return "", done, withHint(err, "run 'runs checkout %s DIR' to restore into a plain folder", format.IDRandom(run.ID))
	}
	if err := scratch.AddWorktree(ctx, dir, commit); err != nil {
		return "", done, fmt.Errorf("restoring run %s: %w", run.ID, err)
	}
	if done.Pointers = refused; refused == nil {
		done.Pointers, err = worktreePointers(ctx, scratch, dir)
	}
	if err == nil {
		err = r.checkOutSubmodules(ctx, run, scratch, dir, &done)
	}
	if err != nil {
		return "", done, fmt.Errorf("restoring run %s: %w", run.ID, err)
	}
	return commit, done, nil
}

// restore rebuilds the source of a run that is to be written to dir. If Git LFS must not fetch its files, refused says
// why, and the scratch writes pointers. With others, a source of another repository is fetched from there, and the
// scratch is not one of this repository.
func (r *Repository) restore(
	ctx context.Context, run *format.Run, dir string, others bool,
) (scratch *git.Scratch, refused, err error) {
	if exists(dir) {
		err := fmt.Errorf("restoring run %s: %s already exists", run.ID, dir)
		return nil, nil, withHint(err, "name a folder that does not exist yet")
	}
	err = r.fetchBase(ctx, run)
	if err == nil {
		scratch, err = r.rebuild(ctx, run)
	}
	if missing := noBaseError(""); others && errors.As(err, &missing) {
		scratch, err = r.rebuildOther(ctx, run, err)
	}
	if err == nil {
		if refused, err = r.permitSourceLFS(ctx, scratch); err != nil {
			scratch.Close()
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("restoring run %s: %w", run.ID, err)
	}
	return scratch, refused, nil
}

// permitSourceLFS lets Git LFS write only pointers if the .lfsconfig of a source directs it to an address that neither
// the checked-out files use nor the user allows: a stranger may have recorded the run. refused says why.
func (r *Repository) permitSourceLFS(ctx context.Context, source *git.Scratch) (refused, err error) {
	urls, err := source.LFSEndpoints(ctx)
	if err != nil || len(urls) == 0 {
		return nil, err
	}
	used, err := git.LFSEndpoints(ctx, r.Git)
	if err != nil {
		return nil, err
	}
	urls = slices.DeleteFunc(urls, func(url string) bool { return slices.Contains(used, url) })
	if refused = r.PermitLFS(ctx, urls); refused != nil {
		source.SkipLFS()
	}
	return refused, ctx.Err()
}

// fetchBase asks the remote for the base commit of a run, if this clone does not have it. If the remote does not
// answer, rebuild reports that the commit is missing. The only error is that of the context.
func (r *Repository) fetchBase(ctx context.Context, run *format.Run) error {
	if !r.InGit || run.Source == nil || run.Source.Base == "" {
		return nil
	}
	if _, err := git.Commit(ctx, r.Git, run.Source.Base); err == nil {
		return nil
	}
	_ = git.FetchBase(ctx, r.Git, "", run.Source.Base)
	return ctx.Err()
}

// rebuild makes the recorded tree from its base commit and its patches, in a temporary index and object folder, and
// verifies it.
func (r *Repository) rebuild(ctx context.Context, run *format.Run) (*git.Scratch, error) {
	s := run.Source
	switch {
	case s == nil || s.Tree == "":
		return nil, withHint(errors.New("its source was not recorded"),
			"run 'runs show %s' to see what was recorded", format.IDRandom(run.ID))
	case !r.InGit:
		return nil, withHint(errors.New("this is not a Git repository"),
			"run this in a clone of %s", cmp.Or(s.Remote, "the project"))
	}
	scratch, err := git.NewScratch(r.Git)
	if err != nil {
		return nil, err
	}
	scratch.AllowNetwork()
	if err := r.rebuildIn(ctx, scratch, s); err != nil {
		scratch.Close()
		return nil, err
	}
	return scratch, nil
}

// rebuildOther is like rebuild for the source of another repository, as 'runs project' records it. It fetches the base
// commit from there as Git fetches submodules, because a stranger may have recorded the run: only by protocols that are
// allowed for such addresses. missing is the error of rebuild.
func (r *Repository) rebuildOther(ctx context.Context, run *format.Run, missing error) (*git.Scratch, error) {
	s := run.Source
	if !r.ofOther(ctx, s) {
		return nil, missing
	}
	scratch, err := git.FetchedScratch(ctx, r.Git, capture.LocalAddress(r.TreeRoot(), s.Remote), s.Base)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		hint := ""
		if step := new(HintError); errors.As(missing, &step) {
			hint = step.Hint
		}
		return nil, &HintError{fmt.Errorf("%w, and was not fetched from %s: %w", missing, s.Remote, err), hint}
	}
	scratch.AllowNetwork()
	if err := r.rebuildIn(ctx, scratch, s); err != nil {
		scratch.Close()
		return nil, err
	}
	return scratch, nil
}

// isPlainAddress matches an address that a shell reads as one word: it may be in a record of a stranger.
var isPlainAddress = lazyregexp.New(`^[A-Za-z0-9~/{][A-Za-z0-9@%+=:,./_~{}-]*$`)

// ofOther reports whether a source is of a repository that is not the remote of this one.
func (r *Repository) ofOther(ctx context.Context, s *format.Source) bool {
	if s.Remote == "" {
		return false
	}
	_, own, err := capture.Author(ctx, r.TreeRoot())
	return err == nil && !git.SameRemote(own, s.Remote)
}

// fetchedFromOther is like ofOther, for an address that may be shown in a command.
func (r *Repository) fetchedFromOther(ctx context.Context, s *format.Source) bool {
	return isPlainAddress().MatchString(s.Remote) && r.ofOther(ctx, s)
}

// absentOtherError says that this clone lacks the source of a run in another repository. Its text is the address.
type absentOtherError string

func (e absentOtherError) Error() string {
	return fmt.Sprintf("source was not verified: it is in %s, and 'runs checkout' fetches it", string(e))
}

var errRedacted = errors.New("a secret was redacted from its patches, which no longer apply")

// rebuildIn is like rebuild, in a scratch that the caller owns.
func (r *Repository) rebuildIn(ctx context.Context, scratch *git.Scratch, s *format.Source) error {
	if s.Proof() == "" {
		return errRedacted
	}
	tree, err := r.applyPatches(ctx, scratch, s)
	if err != nil {
		return err
	}
	if want := s.Proof(); tree != want {
		return fmt.Errorf("the source was rebuilt as tree %s, but the run recorded %s: the run or its patches were modified",
			tree, want)
	}
	return nil
}

// applyPatches applies the patches to the base commit and returns the resulting tree, without comparing it with the
// recorded one.
func (r *Repository) applyPatches(ctx context.Context, scratch *git.Scratch, s *format.Source) (string, error) {
	start, err := r.baseTree(ctx, scratch, s)
	if err != nil {
		return "", err
	}
	if err := scratch.ReadTree(ctx, start); err != nil {
		return "", err
	}
	for _, digest := range s.Patches {
		file, remove, err := r.shared(ctx, sharedSources, digest)
		if err != nil {
			return "", err
		}
		err = git.CheckPatch(file)
		if err == nil {
			err = scratch.Apply(ctx, file)
		}
		remove()
		if err != nil {
			return "", fmt.Errorf("patch %s: %w", digest[:12], err)
		}
	}
	return scratch.WriteTree(ctx)
}

// noBaseError says that this clone lacks the base commit of a run. Its text is the commit.
type noBaseError string

func (e noBaseError) Error() string {
	return fmt.Sprintf("base commit %s is not in this clone", string(e))
}

// baseTree returns the tree that the first patch applies to.
func (r *Repository) baseTree(ctx context.Context, scratch *git.Scratch, s *format.Source) (string, error) {
	if s.Base == "" {
		return scratch.EmptyTree(ctx)
	}
	has, err := scratch.Has(ctx, s.Base)
	if err != nil {
		return "", err
	}
	if !has {
		hint := "git fetch origin " + s.Base
		if r.Git.Shallow() {
			hint = "git fetch --unshallow"
		}
		if r.fetchedFromOther(ctx, s) {
			hint = "git fetch " + capture.LocalAddress(r.TreeRoot(), s.Remote) + " " + s.Base
		}
		return "", withHint(noBaseError(s.Base), "run '%s', if the remote still has it", hint)
	}
	return scratch.Strip(ctx, s.Base)
}
