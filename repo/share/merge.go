package share

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/transition"
)

// MergeConflict is what Git could not merge in the .runs folder.
type MergeConflict struct {
	Paths []string // the files in a conflict that belong to runs, relative to .runs
	Runs  []string // ids of the runs that two versions exist of, as far as the paths tell
	Name  string   // of the operation, such as "a merge"
	End   string   // the commands that end it
	in    *git.Incoming
}

// SettleStep is what to do about a MergeConflict.
const SettleStep = "run 'runs pack' to settle it"

// FindConflict returns what Git could not merge in .runs, or nil. Without a Git operation that is in progress, it asks
// Git only if always is set: reading the index takes time.
func FindConflict(ctx context.Context, r *repo.Repository, always bool) (*MergeConflict, error) {
	if !r.InGit {
		return nil, nil
	}
	if name, _ := r.Git.InProgress(); name == "" && !git.Merging(r.Git) && !git.HasSquash(r.Git) && !git.HasStash(r.Git) &&
		!always {
		return nil, nil
	}
	at, err := r.TreePath()
	if err != nil {
		return nil, nil // .runs is outside the working tree
	}
	entries, err := git.Conflicts(ctx, r.Git, at)
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	c := &MergeConflict{Name: "a merge"}
	for _, e := range entries {
		p := placeOf(e.Path)
		if !ofRuns(p) || p.at != at {
			continue
		}
		if !slices.Contains(c.Paths, p.name) {
			c.Paths = append(c.Paths, p.name)
		}
		if p.kind == ofRun && !slices.Contains(c.Runs, p.run) {
			c.Runs = append(c.Runs, p.run)
		}
	}
	if len(c.Paths) == 0 {
		return nil, nil
	}
	if c.in, err = git.ReadIncoming(ctx, r.Git, entries); err != nil {
		return nil, err
	}
	if c.in != nil {
		c.Name, c.End = c.in.Name, c.in.End
	}
	return c, nil
}

// ofRuns reports whether a file belongs to what SettleMerge decides about. Settings and experiments are merged by the
// user.
func ofRuns(p place) bool {
	return p.kind == ofRun || p.kind == ofBatch || p.kind == ofMark || p.kind == ofShared
}

// refuseConflict returns an error if Git could not merge runs: a command that builds on the working tree would take one
// side of them.
func refuseConflict(ctx context.Context, r *repo.Repository) error {
	c, err := FindConflict(ctx, r, false)
	if err != nil || c == nil {
		return err
	}
	return &repo.HintError{Err: fmt.Errorf("%s left conflicts in .runs", c.Name), Hint: SettleStep}
}

// SettledMerge is the result of SettleMerge.
type SettledMerge struct {
	Files int // files of the index that were replaced
	// Joined lists the runs that both sides had redacted: both redactions are in the result.
	Joined []string
	End    string // the commands that end the operation
	Rest   int    // files in a conflict that do not belong to runs
}

// SettleMerge settles the conflicts that a merge, squash merge, rebase, cherry-pick, revert or stash has left in .runs.
// It makes the changes of the other side on HEAD, as a pull does: each run gets the version that the other one leads
// to, so what one side has redacted or removed stays so. The index and the working tree get the result, and the user
// makes the commit. What both sides have redacted differently is redacted again in HEAD's version; see joinRedactions.
func SettleMerge(ctx context.Context, r *repo.Repository, c *MergeConflict) (*SettledMerge, error) {
	fail := func(err error) (*SettledMerge, error) {
		return nil, fmt.Errorf("settling the conflicts of %s: %w", c.Name, err)
	}
	if c.in == nil {
		return fail(&repo.HintError{
			Err:  errors.New("the commit that brought them is not known"),
			Hint: "run 'git status' to see how to abort, and repeat with 'git merge' or 'git cherry-pick'",
		})
	}
	trees, err := git.OpenTrees(ctx, r.Git)
	if err != nil {
		return fail(err)
	}
	defer trees.Close()
	at, err := r.TreePath()
	if err != nil {
		return fail(err)
	}
	head, err := git.Resolve(ctx, r.Git, "HEAD")
	if err != nil {
		return fail(err)
	}
	in, ours, err := sidesOf(ctx, r, trees, c, head, at)
	if err != nil {
		return fail(err)
	}
	tree, both, err := mergedTree(ctx, r, trees, in, ours, at)
	if err != nil {
		return fail(err)
	}
	j, err := readJoining(r, trees, in, ours, at, both)
	if err != nil {
		return fail(withMergeStep(err, c))
	}
	edits, rest, err := indexEdits(ctx, r, tree, []string{head, c.in.Commit}, at)
	if err == nil {
		err = git.Settle(ctx, r.Git, edits, format.RandomLetters(8))
	}
	if err != nil {
		return fail(err)
	}
	if err := j.join(ctx, tree); err != nil {
		return fail(&repo.HintError{Err: err, Hint: "run " + abortOf(c) + ": what is staged lacks a redaction"})
	}
	done := &SettledMerge{Files: len(edits), Joined: j.ids, End: c.End, Rest: rest}
	if staged, err := git.Staged(ctx, r.Git, head); err == nil && !staged && rest == 0 {
		done.End = c.in.Skip
	}
	return done, nil
}

// sidesOf returns both sides of a merge, and its base, with each run in one version: a side has two of a run if it was
// itself merged before 'runs pack' could settle them.
func sidesOf(ctx context.Context, r *repo.Repository, trees *git.Trees, c *MergeConflict, head, at string,
) (in *git.Incoming, ours string, err error) {
	sides := *c.in
	ours = head
	for _, commit := range []*string{&sides.Base, &sides.Commit, &ours} {
		was := *commit
		if was == "" {
			continue
		}
		if *commit, err = inOneVersion(ctx, r, trees, was, at); err != nil {
			return nil, "", &repo.HintError{
				Err:  fmt.Errorf("commit %.10s: %w", was, err),
				Hint: fmt.Sprintf("run %s, and 'runs rm' for that run on the branch that has this commit", abortOf(c)),
			}
		}
	}
	return &sides, ours, nil
}

// withMergeStep adds the next step to the error about a run of which neither version leads to the other.
func withMergeStep(err error, c *MergeConflict) error {
	var conflict *ConflictError
	if !errors.As(err, &conflict) {
		return err
	}
	return &repo.HintError{
		Err: fmt.Errorf("run %s has a different %s on both sides; nothing was changed", conflict.ID, conflict.File),
		Hint: fmt.Sprintf("run %s, and remove run %s on one of the branches with 'runs rm'", abortOf(c),
			format.IDRandom(conflict.ID)),
	}
}

// abortOf returns the command that takes an operation back.
func abortOf(c *MergeConflict) string { return c.End[strings.LastIndex(c.End, "'git"):] }

// mergedTree returns the tree head with the changes that an incoming one makes to runs, and the runs that both sides
// have changed, of which the result has head's version. The sides are trees, as sidesOf returns them.
func mergedTree(ctx context.Context, r *repo.Repository, trees *git.Trees, in *git.Incoming, head, at string,
) (tree string, both []string, err error) {
	own, from := git.CommitObject{Tree: in.Commit}, in.Base
	if from != "" {
		own.Parents = []string{from}
	} else if from, err = trees.Empty(); err != nil {
		return "", nil, err
	}
	all, err := git.Differences(ctx, r.Git, from, in.Commit)
	if err != nil {
		return "", nil, err
	}
	c := &runCommit{CommitObject: &own, id: in.Commit}
	for _, e := range all {
		if p := placeOf(e.Path); p.at == at && ofRuns(p) && (e.ID != "" || !in.Partial) {
			c.edits = append(c.edits, e)
		}
	}
	if c.redacted, _, err = redactedBy(trees, in.Base, in.Commit, c.edits); err != nil {
		return "", nil, err
	}
	if c.placed, err = placementsOf(trees, in.Base, in.Commit, c.edits); err != nil {
		return "", nil, err
	}
	for key, change := range c.placed.runs {
		if change.err == nil && change.Kind == transition.Redacted {
			c.redacted[key] = true
		}
	}
	replay, err := newReplayer(ctx, r.Git, trees, "")
	if err != nil {
		return "", nil, err
	}
	replay.tree, replay.theirs, replay.thin = head, map[string]bool{}, true
	if tree, err = replay.merge(ctx, c); err == nil {
		tree, err = withoutRemoved(ctx, r, trees, tree, at)
	}
	if err == nil {
		tree, err = withoutUnnamed(ctx, trees, head, tree, at)
	}
	return tree, slices.Sorted(maps.Keys(replay.theirs)), err
}

// withoutRemoved returns a tree whose batches have no run that one of the sides has removed: that side may have
// redacted the run before, and the batch of the other one has it as it was.
func withoutRemoved(ctx context.Context, r *repo.Repository, trees *git.Trees, tree, at string) (string, error) {
	now, err := readSnapshot(trees, tree, at)
	if err != nil {
		return "", err
	}
	var edits, added []git.Edit
	for _, name := range slices.Sorted(maps.Keys(now.batches)) {
		b, but := now.batches[name], map[string]bool{}
		for _, id := range b.ids {
			if now.removed[id] {
				but[id] = true
			}
		}
		if len(but) == 0 {
			continue
		}
		rest, err := b.rebuild(ctx, r.Git, trees, but)
		if err != nil {
			return "", err
		}
		edits = append(edits, git.Edit{Path: path.Join(at, name)})
		for _, e := range rest {
			e.Path = path.Join(at, e.Path)
			added = append(added, e)
		}
	}
	return trees.Edit(tree, append(edits, added...))
}

// withoutUnnamed returns a tree without the shared files that HEAD lacks and no run of the tree names: they would come
// back with a revert, or with a version of a run that the redaction on the other side has replaced.
func withoutUnnamed(ctx context.Context, trees *git.Trees, head, tree, at string) (string, error) {
	was, err := readSnapshotOf(trees, head, at, func(git.TreeEntry) bool { return false })
	if err != nil {
		return "", err
	}
	now, err := readSnapshot(trees, tree, at)
	if err != nil {
		return "", err
	}
	added := maps.Clone(now.shared)
	maps.DeleteFunc(added, func(name, _ string) bool { return was.shared[name] != "" })
	for id := range now.runs {
		if len(added) == 0 {
			return tree, nil
		}
		if err := ctx.Err(); err != nil {
			return "", err
		}
		if now.removed[id] {
			continue
		}
		files, err := now.run(id)
		if err != nil {
			return "", fmt.Errorf("run %s: %w", id, err)
		}
		if _, ok := files[repo.RecordName]; !ok {
			continue
		}
		data, err := files[repo.RecordName].read(trees, format.MaxRecordBytes)
		if err != nil {
			return "", fmt.Errorf("run %s: %w", id, err)
		}
		for _, name := range repo.NamedIn(data) {
			delete(added, name)
		}
	}
	var edits []git.Edit
	for name := range added {
		edits = append(edits, git.Edit{Path: path.Join(at, name)})
	}
	return trees.Edit(tree, edits)
}

// indexEdits returns the changes that give the index, and the working tree, the runs of a tree. commits are those that
// were merged: files of runs that none of them has stay. rest counts the other files in a conflict.
func indexEdits(ctx context.Context, r *repo.Repository, tree string, commits []string, at string) (edits []git.Edit,
	rest int, err error,
) {
	known := map[string]bool{}
	for _, commit := range commits {
		files, err := git.FilesIn(ctx, r.Git, commit, at)
		if err != nil {
			return nil, 0, err
		}
		for _, f := range files {
			known[f.Path] = true
		}
	}
	want := map[string]git.Entry{}
	files, err := git.FilesIn(ctx, r.Git, tree, at)
	if err != nil {
		return nil, 0, err
	}
	for _, f := range files {
		if ofRuns(placeOf(f.Path)) {
			want[f.Path] = f
		}
	}
	have, err := git.IndexVersions(ctx, r.Git, at)
	if err != nil {
		return nil, 0, err
	}
	gone := map[string]bool{}
	for _, e := range have {
		w, wanted := want[e.Path]
		switch {
		case !ofRuns(placeOf(e.Path)):
		case wanted && e.Stage == "0" && w.ID == e.ID && w.Mode == e.Mode:
			delete(want, e.Path)
		case !wanted && (e.Stage != "0" || known[e.Path]):
			gone[e.Path] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(gone)) {
		edits = append(edits, git.Edit{Path: name})
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		edits = append(edits, git.Edit{Path: name, Mode: want[name].Mode, ID: want[name].ID})
	}
	others, err := git.Conflicts(ctx, r.Git, ".")
	seen := map[string]bool{}
	for _, e := range others {
		if p := placeOf(e.Path); !seen[e.Path] && (p.at != at || !ofRuns(p)) {
			seen[e.Path] = true
			rest++
		}
	}
	return edits, rest, err
}
