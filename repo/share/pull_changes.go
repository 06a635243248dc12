package share

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/transition"
)

// checkChanges decides about the runs that this clone had before a pull, and that are another or gone at next. Of a run
// that others rewrote, the working tree gets back the files that this clone had.
func (p *puller) checkChanges(ctx context.Context, before, after *snapshot, next string) error {
	for _, id := range slices.Sorted(maps.Keys(before.runs)) {
		now, there := after.runs[id]
		if there && now == before.runs[id] {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if !there && !before.removed[id] { // otherwise only the batch that still had it lost it
			p.done.Removed = append(p.done.Removed, id)
		}
		notes, err := p.newNotesAt(before, after, id)
		if err != nil {
			return err
		}
		p.done.Notes += notes
		change, err := changeBetween(p.trees, p.local.tip, next, after.at, id)
		if err != nil && there {
			if taken, readErr := p.takesBack(ctx, after, id); readErr == nil && taken {
				continue
			}
		}
		switch {
		case err == nil && change.Kind == transition.Redacted:
			p.done.Redacted = append(p.done.Redacted, id)
		case err == nil:
		case !there:
			p.done.Lost = append(p.done.Lost, id)
			p.bad(ctx, id, next, err)
		case slices.Contains(p.done.Replaced, id):
			// Both sides have changed the run. Theirs is in place unless it is one that no command makes.
			base := p.base[id]
			if base != nil && p.follows(base, after, id) {
				p.done.Redacted = append(p.done.Redacted, id)
			}
			if base == nil || slices.Contains(p.done.Redacted, id) {
				continue
			}
			fallthrough
		default:
			p.bad(ctx, id, next, err)
			if err := p.keepKnown(ctx, before, after, id); err != nil {
				return err
			}
		}
	}
	if err := p.countMarked(before, after); err != nil {
		return err
	}
	return p.checkCommits(ctx, after.at, next)
}

// newNotesAt counts the annotations of a run that only the later snapshot has.
func (p *puller) newNotesAt(before, after *snapshot, id string) (int, error) {
	if after.folders[id] == "" || after.folders[id] == before.folders[id] || after.removed[id] {
		return 0, nil
	}
	now, err := filesOf(p.trees, id, after.folders[id], nil)
	if err != nil {
		return 0, err
	}
	was, err := filesOf(p.trees, id, before.folders[id], nil)
	n := 0
	for name := range now {
		if _, had := was[name]; !had && path.Dir(name) == "notes" {
			n++
		}
	}
	return n, err
}

// countMarked counts the runs that the later snapshot has marked as removed although a batch still has them.
func (p *puller) countMarked(before, after *snapshot) error {
	for _, id := range slices.Sorted(maps.Keys(after.removed)) {
		if before.removed[id] || slices.Contains(p.done.Removed, id) {
			continue
		}
		had := before.runs[id] != ""
		if !had { // its day may be the same in both
			files, err := filesIn(p.trees, p.local.tip, after.at, id)
			if err != nil && !errors.Is(err, errTwoVersions) {
				return err
			}
			had = len(files) > 0
		}
		if had {
			p.done.Removed = append(p.done.Removed, id)
		}
	}
	slices.Sort(p.done.Removed)
	return nil
}

// checkCommits adds what single commits did to runs, although the runs are as they were, or came with them: a
// redaction that was taken back, an annotation that was edited.
func (p *puller) checkCommits(ctx context.Context, at, next string) error {
	if p.local.tip == "" {
		return nil
	}
	base, err := git.MergeBase(ctx, p.repo.Git, p.local.tip, next)
	if err != nil || base == "" {
		return err
	}
	problems, err := damageBetween(ctx, p.repo.Git, at, []string{base}, []string{next})
	for _, found := range problems {
		named := func(d repo.Damage) bool { return d.ID == found.ID }
		if !slices.ContainsFunc(p.done.Bad, named) {
			text := fmt.Errorf("run %s: %s, in %.10s", found.ID, found.Reason, found.Commit)
			p.done.Bad = append(p.done.Bad, repo.Damage{ID: found.ID, Err: text})
		}
	}
	return err
}

// takesBack reports whether a snapshot gives a run back the bytes that it had before damage in this clone.
func (p *puller) takesBack(ctx context.Context, after *snapshot, id string) (bool, error) {
	now, err := after.version(id)
	if err != nil {
		return false, err
	}
	return repaired(ctx, p.repo.Git, p.trees, after.at, id, p.local.tip, now)
}

// bad adds a change that is not allowed to the result, with the commit that made it.
func (p *puller) bad(ctx context.Context, id, next string, err error) {
	at, pathErr := p.repo.TreePath()
	text := fmt.Errorf("run %s %w", id, err)
	if refused := (*transition.Refused)(nil); errors.As(err, &refused) && refused.File != "" {
		text = fmt.Errorf("run %s: %w", id, err)
	}
	if pathErr == nil {
		commits, err := git.ChangesOf(ctx, p.repo.Git, next, path.Join(at, runPath(id)))
		if err == nil && len(commits) > 0 {
			text = fmt.Errorf("%w, in %.10s", text, commits[0])
		}
	}
	p.done.Bad = append(p.done.Bad, repo.Damage{ID: id, Err: text})
}

// follows reports whether the run at a snapshot may follow a former version of it.
func (p *puller) follows(base *snapshot, after *snapshot, id string) bool {
	was, err := base.version(id)
	if err != nil {
		return false
	}
	now, err := after.version(id)
	if err != nil {
		return false
	}
	_, err = transition.Check(was, now, false)
	return err == nil
}

// version returns a run of the snapshot.
func (c *snapshot) version(id string) (*transition.Version, error) {
	files, err := c.run(id)
	if err != nil || len(files) == 0 {
		return nil, err
	}
	return versionOf(c.trees, files, func(name string) (string, error) {
		if c.shared[name] == "" {
			return "", errors.New("is missing")
		}
		return c.shared[name], nil
	}), nil
}

// keepKnown gives the working tree the files of a run as they were before the pull. Git then shows them as changed.
func (p *puller) keepKnown(ctx context.Context, before, after *snapshot, id string) error {
	w := &restorer{
		repo: p.repo, trees: p.trees, check: &checker{trees: p.trees, shared: map[string]sharedResult{}}, at: before.at,
		shared: before.shared, stored: map[string]bool{},
	}
	files, err := before.run(id)
	if err != nil {
		return err
	}
	run, problems := w.check.run(ctx, id, files, before.shared)
	if len(problems) > 0 {
		return nil // what was here is damaged too
	}
	theirs, err := after.run(id)
	if err != nil {
		return err
	}
	if err := w.storeShared(run); err != nil {
		return fmt.Errorf("run %s: %w", id, err)
	}
	in, err := w.receive(ctx, run, files)
	if err != nil {
		return fmt.Errorf("run %s: %w", id, err)
	}
	defer in.Discard()
	// The record goes first: without it, the folder is not a run.
	names := append([]string{repo.RecordName}, slices.Sorted(maps.Keys(theirs))...)
	for _, name := range names {
		if err := repo.RemoveFromRun(p.repo.RunDir(id), name); err != nil {
			return fmt.Errorf("run %s: %w", id, err)
		}
	}
	if err := in.Place(); err != nil {
		return fmt.Errorf("run %s: %w", id, err)
	}
	p.done.Kept = append(p.done.Kept, id)
	return nil
}
