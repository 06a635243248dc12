package share

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// Redaction is the result of Redact, and reports where the secret still is.
type Redaction struct {
	*repo.Redacted
	Committed bool // one of the runs was committed in this clone, so Git's history has the secret
	Pending   bool // one of the redactions has to be committed; a branch may have none of the runs any more
	Pushed    bool // one of these runs is on the remote
}

// Redact replaces a secret in a finished run of the working tree, as repo.Redact does, and reports whether the secret
// is in Git's history and on the remote.
func Redact(ctx context.Context, r *repo.Repository, e *repo.Entry, ask repo.RedactRequest) (*Redaction, error) {
	switch {
	case e.Active != nil:
		return nil, &repo.HintError{
			Err:  fmt.Errorf("redacting run %s: it is still running", e.ID),
			Hint: fmt.Sprintf("run 'runs finish %s' first", e.ID),
		}
	case r.IsLeftOut(e.ID):
		return nil, fmt.Errorf("redacting run %s: %w", e.ID, repo.LeftOutError("it"))
	case e.Repository().Dir != r.Dir:
		return nil, fmt.Errorf("redacting run %s: %w", e.ID, notInTree(ctx, r))
	}
	if err := refuseConflict(ctx, r); err != nil {
		return nil, fmt.Errorf("redacting run %s: %w", e.ID, err)
	}
	committed, err := CommittedIDs(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("redacting run %s: %w", e.ID, err)
	}
	if committed[e.ID] && !ask.DryRun {
		if err := checkPointers(ctx, r, e, ask, committed); err != nil {
			return nil, fmt.Errorf("redacting run %s: %w", e.ID, err)
		}
	}
	done, err := r.Redact(ctx, e.ID, ask)
	if errors.Is(err, repo.ErrNothingToRedact) {
		return nil, nothingToRedact(err, ask)
	}
	if err != nil {
		return nil, err
	}
	out, err := conclude(ctx, r, done, ask, committed)
	if err != nil {
		return nil, fmt.Errorf("redacting run %s: %w", e.ID, err)
	}
	return out, nil
}

func nothingToRedact(err error, ask repo.RedactRequest) error {
	hint := "run 'git grep -l --no-index TEXT .runs' to list the files that hold a text"
	if ask.Pattern == nil {
		hint = "run 'runs redact RUN PATTERN' for a secret that no rule finds"
	}
	return &repo.HintError{Err: err, Hint: hint}
}

// RedactRuns is Redact for those of several runs that hold the secret, in one redaction. Without runs, it searches all
// finished runs, removed ones too, and the files of experiments. It leaves out runs that cannot be redacted, and says
// why.
func RedactRuns(ctx context.Context, r *repo.Repository, runs []*repo.Entry, ask repo.RedactRequest,
) (*Redaction, error) {
	out, err := redactRuns(ctx, r, runs, ask)
	if err != nil && !errors.Is(err, repo.ErrNothingToRedact) {
		return nil, fmt.Errorf("redacting runs: %w", err)
	}
	return out, err
}

func redactRuns(ctx context.Context, r *repo.Repository, runs []*repo.Entry, ask repo.RedactRequest,
) (*Redaction, error) {
	if err := refuseConflict(ctx, r); err != nil {
		return nil, err
	}
	committed, err := CommittedIDs(ctx, r)
	if err != nil {
		return nil, err
	}
	all := len(runs) == 0
	var ids []string
	var skipped []repo.Damage
	if all {
		ids, skipped, err = allInTree(ctx, r)
	} else {
		ids, skipped, err = inTree(ctx, r, runs)
	}
	if err != nil {
		return nil, err
	}
	if !ask.DryRun {
		config, err := r.Config()
		if err == nil && config.Artifacts.Store == format.StoreLFS {
			try := ask
			try.DryRun = true
			if planned, err := r.RedactEach(ctx, ids, all, try); err == nil { // otherwise the redaction reports it
				err := refusePointers(planned.Runs, committed)
				if err != nil {
					return nil, err
				}
			}
		}
	}
	done, err := r.RedactEach(ctx, ids, all, ask)
	if errors.Is(err, repo.ErrNothingToRedact) {
		if len(skipped) == 0 {
			return nil, nothingToRedact(errors.New("no run holds such text or secret"), ask)
		}
		done, err = &repo.Redacted{Searched: len(ids)}, nil
	}
	if err != nil {
		return nil, err
	}
	done.Skipped = append(skipped, done.Skipped...)
	return conclude(ctx, r, done, ask, committed)
}

// inTree returns those of some runs that the working tree or the common store has, sorted, and why not the others.
func inTree(ctx context.Context, r *repo.Repository, runs []*repo.Entry) (ids []string, skipped []repo.Damage,
	err error,
) {
	for _, e := range runs {
		switch {
		case e.Active != nil:
			err := &repo.HintError{Err: errors.New("it is still running"), Hint: "repeat when it has ended"}
			skipped = append(skipped, repo.Damage{ID: e.ID, Err: err})
		case r.IsLeftOut(e.ID):
			skipped = append(skipped, repo.Damage{ID: e.ID, Err: repo.LeftOutError("it")})
		case e.Repository().Dir != r.Dir:
			err := notInTree(ctx, r)
			skipped = append(skipped, repo.Damage{ID: e.ID, Err: err})
		default:
			ids = append(ids, e.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), skipped, nil
}

// allInTree is inTree for all finished runs, and for those of the runs branch.
func allInTree(ctx context.Context, r *repo.Repository) (ids []string, skipped []repo.Damage, err error) {
	all, err := r.AllFinishedIDs()
	if err != nil {
		return nil, nil, err
	}
	seen := make(map[string]bool, len(all))
	for _, id := range all {
		seen[id] = true
		if r.IsLeftOut(id) {
			skipped = append(skipped, repo.Damage{ID: id, Err: repo.LeftOutError("it")})
			continue
		}
		ids = append(ids, id)
	}
	if !r.InGit {
		return ids, skipped, nil
	}
	known, err := branchRuns(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	here, err := r.RemovedIDs()
	if err != nil {
		return nil, nil, err
	}
	var missing error
	for _, id := range slices.Sorted(maps.Keys(known.runs)) {
		if seen[id] || known.removed[id] || here[id] {
			continue
		}
		if missing == nil {
			missing = notInTree(ctx, r)
		}
		skipped = append(skipped, repo.Damage{ID: id, Err: missing})
	}
	return ids, skipped, nil
}

// branchRuns returns the runs of the runs branch.
func branchRuns(ctx context.Context, r *repo.Repository) (*snapshot, error) {
	k, err := openKeeping(ctx, r)
	if err != nil {
		return nil, err
	}
	defer k.trees.Close()
	return readSnapshot(k.trees, k.local.seen, k.at)
}

// conclude reports where the secret of a redaction still is. committed has the runs that a commit of this clone has.
func conclude(ctx context.Context, r *repo.Repository, done *repo.Redacted, ask repo.RedactRequest,
	committed map[string]bool,
) (*Redaction, error) {
	if !ask.DryRun {
		if _, err := KeepRedactions(ctx, r); err != nil {
			return nil, err
		}
	}
	out := &Redaction{Redacted: done}
	pending, err := pendingRedactions(r)
	if err != nil {
		return nil, err
	}
	removed, err := everRemoved(ctx, r)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, run := range done.Runs {
		_, waits := pending[run.ID]
		out.Pending = out.Pending || waits
		if committed[run.ID] || removed[run.ID] {
			ids = append(ids, run.ID)
		}
	}
	out.Committed = len(ids) > 0
	out.Pushed, err = OnRemote(ctx, r, ids...)
	return out, err
}

// notInTree returns the error for a run that is not in the working tree: the runs branch has it, or another worktree.
func notInTree(ctx context.Context, r *repo.Repository) error {
	local, err := runsBranch(ctx, r)
	if err != nil {
		return err
	}
	err = errors.New("it is not in the working tree")
	if local.checkedOut {
		return &repo.HintError{Err: err, Hint: "run 'runs redact' in the worktree of the run, or commit the run first"}
	}
	return &repo.HintError{
		Err:  err,
		Hint: fmt.Sprintf("run 'git checkout %s', which has it, and 'runs redact' there", local.name),
	}
}

// everRemoved returns the runs that a removal marker names: only a committed run has one.
func everRemoved(ctx context.Context, r *repo.Repository) (map[string]bool, error) {
	removed, err := r.RemovedIDs()
	if err != nil || !r.InGit {
		return removed, err
	}
	local, err := runsBranch(ctx, r)
	if err != nil {
		return nil, err
	}
	d, err := openDays(ctx, r)
	if err != nil {
		return nil, err
	}
	defer d.close()
	head, err := git.Resolve(ctx, r.Git, "HEAD")
	if err != nil {
		return nil, err
	}
	return removed, errors.Join(d.addRemoved(local.seen, removed), d.addRemoved(head, removed))
}

// checkPointers returns an error if the redaction would change an artifact that Git LFS stores: nobody could compare
// the pointers, and LFS keeps the artifact.
func checkPointers(ctx context.Context, r *repo.Repository, e *repo.Entry, ask repo.RedactRequest,
	committed map[string]bool,
) error {
	config, err := r.Config()
	if err != nil || config.Artifacts.Store != format.StoreLFS {
		return err
	}
	ask.DryRun = true
	planned, err := r.Redact(ctx, e.ID, ask)
	if err != nil {
		return nil // Redact reports it
	}
	return refusePointers(planned.Runs, committed)
}

// refusePointers returns an error if a redaction would change an artifact of a committed run.
func refusePointers(runs []repo.RedactedRun, committed map[string]bool) error {
	for _, run := range runs {
		for _, name := range run.Files {
			if committed[run.ID] && isArtifact(name) {
				return &repo.HintError{
					Err: fmt.Errorf("%s holds the secret in Git LFS, where it cannot be redacted; nothing was changed", name),
					Hint: fmt.Sprintf("run 'runs rm %s', remove that object from the LFS server, and rotate the secret",
						format.IDRandom(run.ID)),
				}
			}
		}
	}
	return nil
}
