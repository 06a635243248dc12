package share

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/regular"
)

// taking collects what a pull of runs alone takes from another branch. A run in a batch has no blobs of its own, so the
// branch gets the batch, or a batch of those of its runs that are taken.
type taking struct {
	*puller
	at           string // the path of the .runs folder
	ours, theirs *snapshot
	check        *checker
	runs         map[string]*takenRun
	batches      map[*heldBatch]map[string]*takenRun // of theirs: the runs to take, by id
	notes        []git.Edit
}

// takenRun is a verified run to take.
type takenRun struct {
	*format.Run
	own      []git.Edit // files in the folder of the run
	redacted bool       // it replaces the one that we have
}

func (t *taking) bad(id string, err error) {
	t.done.Bad = append(t.done.Bad, repo.Damage{ID: id, Err: fmt.Errorf("run %s: %w", id, err)})
}

func (t *taking) edit(name, blob string) git.Edit {
	return git.Edit{Path: path.Join(t.at, name), Mode: "100644", ID: blob}
}

// unreadableBatch returns the damage of a batch of the other branch.
func unreadableBatch(batch string, err error) repo.Damage {
	name := path.Base(batch)
	return repo.Damage{ID: name, Err: fmt.Errorf("%s cannot be read, so its runs are left out: %w", name, err)}
}

// run decides about a run of the other branch.
func (t *taking) run(ctx context.Context, id string, files runFiles) error {
	for batch := range t.ours.damaged {
		if path.Dir(batch) == format.IDDay(id) {
			return fmt.Errorf("%s of the branch here cannot be read, and may have it", path.Base(batch))
		}
	}
	_, both := t.ours.runs[id]
	if own := t.ours.folders[id]; both && len(t.ours.in[id]) == 0 && own != "" {
		here, err := t.ours.run(id)
		if err != nil {
			return err
		}
		_, both = here[repo.RecordName] // otherwise only its annotations are here
	}
	if !both {
		return t.take(ctx, id, files, false)
	}
	redacted, err := redactionBetween(t.ours, t.theirs, id)
	if err != nil {
		return err
	}
	if redacted {
		return t.take(ctx, id, files, true)
	}
	notes, err := t.newNotes(t.check, t.ours, id, files)
	for _, name := range notes {
		t.notes = append(t.notes, t.edit(path.Join(runPath(id), name), files[name].ID))
		t.done.Notes++
	}
	return err
}

// take verifies a run and adds it to those to take.
func (t *taking) take(ctx context.Context, id string, files runFiles, redacted bool) error {
	run, problems := t.check.run(ctx, id, files, t.theirs.shared)
	if len(problems) > 0 {
		return errors.Join(problems...)
	}
	taken := &takenRun{Run: run, redacted: redacted}
	batch := files[repo.RecordName].batch
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if f := files[name]; f.batch == nil && f.at == "" {
			if batch != nil && path.Dir(name) != "notes" { // the batch has it too, and nothing has verified that one
				return fmt.Errorf("%s is in its folder, but its run.toml is in %s", name, batch.path)
			}
			taken.own = append(taken.own, t.edit(path.Join(runPath(id), name), f.ID))
		}
	}
	t.runs[id] = taken
	if batch == nil {
		return nil
	}
	if t.batches[batch] == nil {
		t.batches[batch] = map[string]*takenRun{}
	}
	t.batches[batch][id] = taken
	return nil
}

// edits returns the changes. First come those that remove what a redaction replaces.
func (t *taking) edits(ctx context.Context) ([]git.Edit, error) {
	added, err := t.addBatches(ctx)
	if err != nil {
		return nil, err
	}
	edits, err := t.replaced(ctx)
	if err != nil {
		return nil, err
	}
	edits = append(edits, added...)
	edits = append(edits, t.notes...)
	for _, id := range slices.Sorted(maps.Keys(t.runs)) {
		run := t.runs[id]
		edits = append(edits, run.own...)
		for _, name := range repo.SharedNames(run.Run) {
			if t.ours.shared[name] == "" || run.redacted {
				t.ours.shared[name] = t.theirs.shared[name]
				edits = append(edits, t.edit(name, t.theirs.shared[name]))
			} else {
				t.known = append(t.known, t.edit(name, t.ours.shared[name]))
			}
		}
		if run.redacted {
			t.done.Redacted = append(t.done.Redacted, id)
			continue
		}
		if run.Source != nil && run.Source.Base != "" {
			t.bases[run.Source.Base] = true
		}
		t.done.Runs = append(t.done.Runs, id)
	}
	return edits, nil
}

// addBatches returns the changes that add the batches with the taken runs: each as it is, if all its runs are taken,
// or else a batch of those that are. Runs whose batch cannot be built are left out and reported.
func (t *taking) addBatches(ctx context.Context) ([]git.Edit, error) {
	var edits []git.Edit
	byPath := func(a, b *heldBatch) int { return cmp.Compare(a.path, b.path) }
	for _, b := range slices.SortedFunc(maps.Keys(t.batches), byPath) {
		but := map[string]bool{}
		for _, id := range b.ids {
			if t.batches[b][id] == nil {
				but[id] = true
			}
		}
		add := b.edits()
		if len(but) > 0 {
			var err error
			add, err = b.rebuild(ctx, t.repo.Git, t.trees, but)
			if isBroken(err) || ctx.Err() != nil {
				return nil, err
			}
			if err != nil {
				for _, id := range slices.Sorted(maps.Keys(t.batches[b])) {
					delete(t.runs, id)
					t.bad(id, err)
				}
				continue
			}
		}
		for _, e := range add {
			edits = append(edits, t.edit(e.Path, e.ID))
		}
		t.batched = true
	}
	return edits, nil
}

// replaced returns the changes that take the runs that were redacted at the other side out of the branch.
func (t *taking) replaced(ctx context.Context) ([]git.Edit, error) {
	var removed, added []git.Edit
	drop := map[*heldBatch]map[string]bool{}
	for _, id := range slices.Sorted(maps.Keys(t.runs)) {
		if !t.runs[id].redacted {
			continue
		}
		for _, b := range t.ours.in[id] {
			if drop[b] == nil {
				drop[b] = map[string]bool{}
			}
			drop[b][id] = true
		}
		own, err := filesOf(t.trees, id, t.ours.folders[id], nil)
		if err != nil {
			return nil, err
		}
		for _, name := range slices.Sorted(maps.Keys(own)) {
			if path.Dir(name) != "notes" {
				removed = append(removed, git.Edit{Path: path.Join(t.at, runPath(id), name)})
			}
		}
	}
	for b, but := range drop {
		rest, err := b.rebuild(ctx, t.repo.Git, t.trees, but)
		if err != nil {
			return nil, err
		}
		removed = append(removed, git.Edit{Path: path.Join(t.at, b.path)})
		for _, e := range rest {
			added = append(added, t.edit(e.Path, e.ID))
		}
	}
	return append(removed, added...), nil
}

// requireBatches returns the change of config.toml that makes an older program say that it must be upgraded. A file
// that the branch does not have yet is changed on disk, and added if it is as init has made it.
func (p *puller) requireBatches(ctx context.Context, ours *snapshot, at string) ([]git.Edit, error) {
	fail := func(err error) ([]git.Edit, error) {
		return nil, fmt.Errorf("adding %q to requires in %s: %w", format.BatchRequires, configName, err)
	}
	var data []byte
	e, tracked, err := p.trees.Find(ours.tree, configName)
	if err == nil && tracked {
		data, err = p.trees.Blob(e.ID, format.MaxConfigBytes)
	}
	if err != nil {
		return fail(err)
	}
	initial := false
	if !tracked {
		if data, err = regular.ReadFile(filepath.Join(p.repo.Dir, configName)); err != nil {
			return nil, nil // without settings, there is nothing to add to
		}
		initial = string(data) == repo.SetupFiles()[configName]
	}
	next, changed, err := withBatches(data)
	if err != nil {
		return fail(err)
	}
	if !tracked && changed && p.local.checkedOut {
		if err := p.repo.WriteConfig(next); err != nil {
			return fail(err)
		}
	}
	if tracked && !changed || !tracked && !initial {
		return nil, nil
	}
	id, err := git.WriteBlob(ctx, p.repo.Git, next)
	return []git.Edit{{Path: path.Join(at, configName), Mode: "100644", ID: id}}, err
}
