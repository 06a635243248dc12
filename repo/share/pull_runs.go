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

// pullRuns adds the runs of a branch or fork, without its code, in a commit of their own. It leaves out and reports
// runs that do not match their records.
func (p *puller) pullRuns(ctx context.Context) error {
	if p.local.name == "" && p.local.tip == "" {
		return errors.New("no branch is checked out")
	}
	up, tip, err := p.source(ctx)
	if err != nil {
		return err
	}
	if p.trees, err = git.OpenTrees(ctx, p.repo.Git); err != nil {
		return err
	}
	defer p.trees.Close()
	p.done.Commit = p.local.tip
	p.prefetch(ctx, tip)
	ours, err := p.snapshot(p.local.tip)
	if err != nil {
		return err
	}
	theirs, err := p.snapshot(tip)
	if err != nil {
		return err
	}
	edits, err := p.newRuns(ctx, ours, theirs)
	if err != nil || len(edits) == 0 {
		return err
	}
	if err := p.keepBases(ctx, up); err != nil {
		return err
	}
	return p.commitRuns(ctx, ours, edits)
}

// keepBases keeps the base commits of the added runs, because those of a fork are on no branch here. If a base commit
// cannot be fetched, it does nothing: verify and checkout report that.
func (p *puller) keepBases(ctx context.Context, up git.Upstream) error {
	for _, base := range slices.Sorted(maps.Keys(p.bases)) {
		commit, err := git.Resolve(ctx, p.repo.Git, base)
		switch {
		case err != nil:
			return err
		case commit == "":
			if err := git.FetchBase(ctx, p.repo.Git, up.Remote, base); err != nil && ctx.Err() != nil {
				return ctx.Err()
			}
			continue
		case p.stays:
			continue
		}
		ours := false
		if p.local.tip != "" {
			if ours, err = git.IsAncestor(ctx, p.repo.Git, base, p.local.tip); err != nil {
				return err
			}
		}
		if !ours {
			if err := git.KeepBase(ctx, p.repo.Git, base); err != nil {
				return err
			}
		}
	}
	return nil
}

// newRuns returns the changes that add three things to ours: the runs that it lacks, their shared files, and new notes
// of runs that both sides have.
func (p *puller) newRuns(ctx context.Context, ours, theirs *snapshot) ([]git.Edit, error) {
	at, err := p.repo.TreePath()
	if err != nil {
		return nil, err
	}
	t := &taking{
		puller: p, at: at, ours: ours, theirs: theirs, check: &checker{trees: p.trees, shared: map[string]sharedResult{}},
		batches: map[*heldBatch]map[string]*takenRun{}, runs: map[string]*takenRun{},
	}
	for _, batch := range slices.Sorted(maps.Keys(theirs.damaged)) {
		p.done.Bad = append(p.done.Bad, unreadableBatch(batch, theirs.damaged[batch]))
	}
	for _, id := range slices.Sorted(maps.Keys(theirs.runs)) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if theirs.removed[id] || ours.removed[id] || theirs.runs[id] == ours.runs[id] {
			continue
		}
		files, err := theirs.run(id)
		if isBroken(err) {
			return nil, err
		}
		if err == nil {
			err = t.run(ctx, id, files)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			t.bad(id, err)
		}
	}
	return t.edits(ctx)
}

// redactionBetween reports whether the other side has redacted a run that both sides have. If neither side follows from
// the other, it returns an error.
func redactionBetween(ours, theirs *snapshot, id string) (bool, error) {
	here, err := ours.version(id)
	if err != nil {
		return false, err
	}
	there, err := theirs.version(id)
	if err != nil || here == nil || there == nil || here.Files[repo.RecordName] == there.Files[repo.RecordName] {
		return false, err
	}
	change, err := transition.Check(here, withNotesOf(here, there), false)
	if err == nil {
		return change.Kind == transition.Redacted, nil
	}
	if _, backErr := transition.Check(there, withNotesOf(there, here), false); backErr == nil {
		return false, nil // it was redacted here
	}
	return false, fmt.Errorf("it was finished twice, and the one here is kept: %w", err)
}

// withNotesOf returns a version with the annotations of another one: those of one side alone do not count as a change.
func withNotesOf(from, to *transition.Version) *transition.Version {
	with := *to
	with.Files = maps.Clone(to.Files)
	for name, id := range from.Files {
		if path.Dir(name) == "notes" && with.Files[name] == "" {
			with.Files[name] = id
		}
	}
	return &with
}

// newNotes returns the names of new notes of a run that both sides have.
func (p *puller) newNotes(check *checker, ours *snapshot, id string, theirs runFiles) ([]string,
	error,
) {
	here, err := ours.run(id)
	if err != nil {
		return nil, err
	}
	if err := checkNames(theirs); err != nil {
		return nil, err
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(theirs)) {
		if _, there := here[name]; there || path.Dir(name) != "notes" {
			continue
		}
		if err := check.note(name, theirs[name]); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

// commitRuns makes the commit and moves the branch to it.
func (p *puller) commitRuns(ctx context.Context, ours *snapshot, edits []git.Edit) error {
	at, err := p.repo.TreePath()
	if err != nil {
		return err
	}
	blobs, err := git.NewBlobWriter(p.repo.Git)
	if err != nil {
		return err
	}
	defer blobs.Close()
	unset := unsetFiles(p.repo, ours)
	if p.batched { // requireBatches adds it
		unset = slices.DeleteFunc(unset, func(name string) bool { return name == configName })
	}
	setup, err := blobs.Add(ctx, slices.Collect(below(at, slices.Values(unset))))
	if err != nil {
		return err
	}
	kept := append(slices.Clone(edits), p.known...)
	if p.batched {
		required, err := p.requireBatches(ctx, ours, at)
		if err != nil {
			return err
		}
		edits = append(edits, required...)
	}
	for _, e := range setup {
		edits = append(edits, git.Edit{Path: e.Path, Mode: "100644", ID: e.ID})
	}
	w := writer{repo: p.repo, trees: p.trees}
	defer w.close()
	if w.objects, err = git.NewObjectWriter(ctx, p.repo.Git); err != nil {
		return err
	}
	p.trees.WriteTo(w.objects)
	tree, err := p.trees.Edit(p.local.tip, edits)
	if err != nil {
		return err
	}
	keeping, err := w.keep(ctx, &plan{Committed: &Committed{}, at: at}, kept, slices.Clone(p.done.Runs)...)
	if err != nil {
		return err
	}
	if err := w.objects.Store(ctx); err != nil {
		return err
	}
	commit, err := w.commitTree(ctx, p.local.tip, tree, p.runsMessage())
	if err != nil {
		return err
	}
	keep, err := keeping.commit(ctx, p.repo.Git)
	if err != nil {
		return err
	}
	stayed, inTheWay, err := moveLocal(ctx, p.repo, p.local, commit, "runs pull --runs-only")
	if err != nil {
		return err
	}
	if p.done.Stayed, p.done.InTheWay = stayed, inTheWay; stayed != "" {
		p.done.Runs, p.done.Redacted, p.done.Notes = nil, nil, 0
		return nil
	}
	p.done.Commit, p.done.Moved = commit, true
	if keep.New == keep.Old {
		return nil
	}
	return git.UpdateRefs(ctx, p.repo.Git, "runs pull --runs-only", keep)
}

func (p *puller) runsMessage() string {
	what := count(len(p.done.Runs), "run")
	if p.done.Notes > 0 {
		what += " and " + count(p.done.Notes, "note")
	}
	if n := len(p.done.Redacted); n > 0 {
		what += " and " + count(n, "redaction")
	}
	text := oneLine("runs: import "+what+" from "+p.done.From) + "\n"
	for i, id := range p.done.Runs {
		switch {
		case i == maxMessageRuns:
			return text + fmt.Sprintf("and %d more\n", len(p.done.Runs)-i)
		case i == 0:
			text += "\n"
		}
		text += id + "\n"
	}
	return text
}
