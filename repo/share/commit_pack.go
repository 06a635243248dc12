package share

import (
	"bytes"
	"context"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// leastBatched is how many runs share a batch at least: a batch of one run says no more than its folder.
const leastBatched = 2

// packRuns puts the new runs of a plan into batches, if there are more than commit.batch. With place, it also writes
// the batches to the working tree. The caller ends the packing, which may be nil, with close.
func (w *writer) packRuns(ctx context.Context, p *plan, place bool) (k *packing, err error) {
	if !p.pack {
		return nil, nil
	}
	build := packer{encoder: p.objects.Encoder(), least: leastBatched}
	if place {
		if k, err = beginPacking(ctx, w.repo); err != nil {
			return nil, err
		}
		build.place = k
		held := k // an error returns no packing
		defer func() {
			if err != nil {
				held.close()
			}
		}()
	}
	byID, unpacked := map[string]*CommittedRun{}, &unpackedRows{}
	var runs []packRun
	for i := range p.Runs {
		if run := &p.Runs[i]; run.tree == "" && !run.batched {
			byID[run.ID] = run
			runs = append(runs, p.fromDisk(*run, unpacked))
			if k != nil && run.from != "" && !slices.Contains(k.names, run.from) {
				if err := k.note(run.from); err != nil {
					return nil, err
				}
			}
		}
	}
	if err := build.build(ctx, runs); err != nil {
		return nil, err
	}
	alone := map[string]bool{}
	for _, id := range build.alone {
		alone[id] = true
	}
	if err := p.storeAlone(ctx, p.known, func(run *CommittedRun) bool { return alone[run.ID] }); err != nil {
		return nil, err
	}
	if len(build.made) == 0 {
		return k, nil
	}
	for _, b := range build.made {
		p.addBatch(b, byID)
	}
	if err := p.requireBatches(ctx, w, place); err != nil {
		return nil, err
	}
	if place {
		return k, p.checkFilters(ctx)
	}
	return k, nil
}

// addBatch adds a batch to the plan in place of the folders of its runs.
func (p *plan) addBatch(b *madeBatch, runs map[string]*CommittedRun) {
	for _, id := range b.IDs {
		run := runs[id]
		run.batched = true
		for _, f := range run.files {
			if path.Dir(f.Name) != "notes" {
				p.Files--
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.blobs)) {
		p.paths = append(p.paths, path.Join(b.path, name))
		p.blobs[path.Join(b.path, name)] = b.blobs[name]
	}
	p.Batches = append(p.Batches, b.path)
	p.Files += len(b.blobs)
	p.Bytes += b.bytes - b.was(runs)
}

// was returns how many bytes the runs would have by themselves.
func (b *madeBatch) was(runs map[string]*CommittedRun) (total int64) {
	for _, id := range b.IDs {
		total += runs[id].sizes.total
	}
	return total
}

// stillBatched reports whether a batch of the commit has a removed run as the working tree has it.
func (p *plan) stillBatched(known *snapshot, id string) bool {
	e, record, err := p.repo.ReadRecord(id)
	if err != nil || e.Batch() == nil || len(known.in[id]) == 0 {
		return false
	}
	want := known.in[id][0].runs[id].record
	got, err := git.BlobID(want, int64(len(record)), bytes.NewReader(record))
	return err == nil && got == want
}

// restore removes the marker of a run that a batch of the commit still has.
func (p *plan) restore(id string) error {
	e, _, err := p.repo.ReadRecord(id)
	if err != nil {
		return err
	}
	config, err := p.repo.Config()
	if err != nil {
		return err
	}
	p.Runs = append(p.Runs, CommittedRun{
		ID: id, Name: e.Name, Experiment: e.Experiment, line: runWords(e.Run, config), batched: true,
	})
	slices.SortFunc(p.Runs, func(a, b CommittedRun) int { return strings.Compare(a.ID, b.ID) })
	p.remove = append(p.remove, path.Join(repo.RemovedName, id))
	return nil
}

// storeAlone hands the files of runs that were only read to the ObjectWriter, because no batch will hold them.
func (p *plan) storeAlone(ctx context.Context, known *snapshot, which func(*CommittedRun) bool) error {
	g, err := p.newGathering(known)
	if err != nil {
		return err
	}
	var at []int
	for i := range p.Runs {
		if p.Runs[i].tree == "" && which(&p.Runs[i]) {
			at = append(at, i)
		}
	}
	return g.onWorkers(ctx, len(at), func(ctx context.Context, w *gatherWorker, i int) error {
		run := &p.Runs[at[i]]
		again, err := w.run(ctx, newRun{run.ID, true})
		switch {
		case err != nil:
			return err
		case again.refused != nil:
			return again.refused
		case again.run != nil:
			*run = *again.run
		}
		return nil
	})
}

// checkFilters verifies that Git's filters leave the files of batches alone.
func (p *plan) checkFilters(ctx context.Context) error {
	ids, err := git.OpenFileIDs(ctx, p.repo.Git, false)
	if err != nil {
		return err
	}
	defer ids.Close()
	var asked []string
	for _, name := range p.paths {
		if placeOf(path.Join(repo.DirName, name)).kind == ofBatch {
			asked = append(asked, name)
			if err := ids.Ask(path.Join(p.at, name)); err != nil {
				return err
			}
		}
	}
	for _, name := range asked {
		id, err := ids.Next()
		if err != nil {
			return err
		}
		if id != p.blobs[name] {
			return changedByFilter(path.Join(p.at, name))
		}
	}
	return nil
}
