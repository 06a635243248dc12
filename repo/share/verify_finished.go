package share

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/git"
)

// Verification is the result of VerifyFinished.
type Verification struct {
	Verdicts []repo.Verdict     // on finished runs, in the order of the selectors or of the catalog
	Damaged  []repo.Damage      // runs whose record cannot be read; only without selectors
	Strays   []Problem          // files in .runs that must not be in Git; only without selectors
	Missing  []string           // runs of HEAD that were deleted from the working tree; only without selectors
	Files    []string           // other files of HEAD that were deleted from it, in .runs; only without selectors
	History  error              // why the history could not be read; nil if it could
	Waiting  []WaitingRedaction // redactions that are not committed, of the runs that were verified
}

// Bad returns the number of runs and files that have problems.
func (v *Verification) Bad() int {
	bad := len(v.Damaged) + len(v.Strays) + len(v.Missing) + len(v.Files)
	if v.History != nil {
		bad++
	}
	for _, verdict := range v.Verdicts {
		if len(verdict.Problems) > 0 {
			bad++
		}
	}
	return bad
}

// FinishedRuns returns the finished runs that match selectors, in the order of the selectors. Without selectors, it
// returns all finished runs of the catalog.
func FinishedRuns(ctx context.Context, c *catalog.Catalog, selectors []string) ([]*repo.Entry, error) {
	entries := slices.Clone(c.Entries())
	if len(selectors) > 0 {
		entries = nil
		for _, selector := range selectors {
			more, _, err := c.Select(ctx, selector)
			if err != nil {
				return nil, err
			}
			entries = append(entries, more...)
		}
	}
	return slices.DeleteFunc(entries, func(e *repo.Entry) bool { return e.Active != nil }), nil
}

// VerifyFinished verifies the finished runs that match selectors. Without selectors, it verifies all, lists those that
// cannot be read, and looks for files that must not be in Git. progress may be nil. It is called with the number of
// runs verified so far and their total number.
func VerifyFinished(
	ctx context.Context, c *catalog.Catalog, selectors []string, progress func(done, total int64),
) (*Verification, error) {
	entries, err := FinishedRuns(ctx, c, selectors)
	if err != nil {
		return nil, err
	}
	known := c.IDs()
	for _, d := range c.Damage() {
		known[d.ID] = true
	}
	v := &Verification{Verdicts: make([]repo.Verdict, len(entries))}
	FetchShared(ctx, c.Repository(), entries)
	verifier := repo.NewVerifier()
	for i, e := range entries {
		if v.Verdicts[i], err = verifier.Verify(ctx, e); err != nil {
			return nil, err
		}
		isKnown := func(ref repo.Reference) bool { return known[ref.ID] }
		v.Verdicts[i].Unknown = slices.DeleteFunc(repo.References(e.Run), isKnown)
		if progress != nil {
			progress(int64(i+1), int64(len(entries)))
		}
	}
	if v.History = v.addBranchDamage(ctx, c, entries, len(selectors) == 0); ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if v.Waiting, err = Waiting(ctx, c.Repository()); err != nil && !errors.Is(err, git.ErrNoGit) {
		return nil, err
	}
	if len(selectors) > 0 {
		v.Waiting = slices.DeleteFunc(v.Waiting, func(w WaitingRedaction) bool {
			return !slices.ContainsFunc(entries, func(e *repo.Entry) bool { return e.ID == w.ID })
		})
		return v, nil
	}
	v.Damaged = c.Damage()
	v.dropRepeated()
	if err := v.addMisnamed(ctx, c.Repository()); err != nil {
		return nil, err
	}
	if v.Strays, err = Strays(ctx, c.Repository()); err != nil {
		return nil, err
	}
	if v.Missing, err = Missing(ctx, c); errors.Is(err, git.ErrNoGit) || v.History != nil {
		err = nil // the same objects are missing
	}
	if err != nil || v.History != nil {
		return v, err
	}
	if v.Files, err = MissingFiles(ctx, c.Repository()); errors.Is(err, git.ErrNoGit) {
		err = nil
	}
	return v, err
}

// FetchShared fetches the shared files of runs that the working tree of a partial clone lacks, with one request: each
// would come with one of its own. What fails is reported when the file is read.
func FetchShared(ctx context.Context, r *repo.Repository, entries []*repo.Entry) {
	at, err := r.TreePath()
	if err != nil || !r.InGit || !git.LacksObjects(r.Git) {
		return
	}
	wanted := map[string]bool{}
	for _, e := range entries {
		for _, name := range repo.SharedNames(e.Run) {
			if _, known := wanted[name]; !known {
				_, err := os.Lstat(filepath.Join(r.Dir, filepath.FromSlash(name)))
				wanted[name] = err != nil
			}
		}
	}
	maps.DeleteFunc(wanted, func(_ string, wanted bool) bool { return !wanted })
	if len(wanted) < 2 {
		return
	}
	trees, err := git.OpenTrees(ctx, r.Git)
	if err != nil {
		return
	}
	defer trees.Close()
	var ids []string
	for name := range wanted {
		if e, ok, err := trees.Find("HEAD", path.Join(at, name)); err == nil && ok {
			ids = append(ids, e.ID)
		}
	}
	_ = git.Prefetch(ctx, r.Git, ids)
}

// addMisnamed adds the batches of the working tree that are not those which were written, although each run is sound.
func (v *Verification) addMisnamed(ctx context.Context, r *repo.Repository) error {
	damaged := map[string]bool{}
	for _, verdict := range v.Verdicts {
		damaged[verdict.ID] = len(verdict.Problems) > 0
	}
	for _, d := range v.Damaged {
		damaged[d.ID] = true
	}
	misnamed, err := r.MisnamedBatches(ctx, func(id string) bool { return damaged[id] })
	v.Damaged = append(v.Damaged[:len(v.Damaged):len(v.Damaged)], misnamed...)
	return err
}

// dropRepeated leaves out the verdicts of the history on runs that Damaged names too: a merge that brought two versions
// is found by both.
func (v *Verification) dropRepeated() {
	v.Verdicts = slices.DeleteFunc(v.Verdicts, func(verdict repo.Verdict) bool {
		return verdict.Name == "" && slices.ContainsFunc(v.Damaged, func(d repo.Damage) bool { return d.ID == verdict.ID })
	})
}

// addBranchDamage adds what is wrong with the runs on the branch to the verdicts on entries, except on those of another
// revision. With all, it also adds verdicts on runs that are gone.
func (v *Verification) addBranchDamage(
	ctx context.Context, c *catalog.Catalog, entries []*repo.Entry, all bool,
) error {
	problems, err := BranchDamage(ctx, c.Repository())
	if err != nil && !errors.Is(err, git.ErrNoGit) {
		return err
	}
	for _, p := range problems {
		reason := p.Reason
		if p.Commit != "" {
			reason += fmt.Sprintf(", in commit %.10s", p.Commit)
		}
		i := slices.IndexFunc(entries, func(e *repo.Entry) bool {
			return e.ID == p.ID && e.Repository() == c.Repository()
		})
		switch {
		case i >= 0:
			v.Verdicts[i].Problems = append(v.Verdicts[i].Problems, reason)
		case all && !c.IDs()[p.ID]:
			v.Verdicts = append(v.Verdicts, repo.Verdict{ID: p.ID, Problems: []string{reason}, Why: reason})
		}
	}
	return nil
}
