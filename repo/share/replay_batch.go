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

// settlement is what a commit becomes on the tip for the runs that either has in a batch.
type settlement struct {
	runs  map[string]bool            // decided, by the .runs folder followed by the id
	edits []git.Edit                 // changes of their files, and of batches
	leave map[string]map[string]bool // runs of new batches that stay as the tip has them, by the path of the batch
	drop  map[string]map[string]bool // runs that batches of the tip lose, likewise; the paths are from the root
}

// settle decides about the runs that the commit or the tip has in a batch. Of each, the tip gets one version: the one
// that the other leads to.
func (p *replayer) settle(ctx context.Context, c *runCommit) (*settlement, error) {
	s := &settlement{
		runs: map[string]bool{}, leave: map[string]map[string]bool{}, drop: map[string]map[string]bool{},
	}
	wanted := map[string]place{}
	for key, r := range c.placed.runs {
		wanted[key] = place{at: r.at, run: r.id}
	}
	for _, e := range c.edits {
		at := placeOf(e.Path)
		if at.kind != ofRun {
			continue
		}
		known, err := p.snapshot(at.at)
		if err != nil {
			return nil, err
		}
		if len(known.in[at.run]) > 0 && !isNote(at) {
			wanted[at.at+at.run] = place{at: at.at, run: at.run}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := p.settleRun(c, s, wanted[key]); err != nil {
			return nil, err
		}
		s.runs[key] = true
	}
	return s, p.settleBatches(ctx, c, s)
}

// isNote reports whether a file of a run is an annotation, which stays in the run's own folder.
func isNote(p place) bool { return path.Base(path.Dir(p.name)) == "notes" }

// settleRun decides about one run.
func (p *replayer) settleRun(c *runCommit, s *settlement, at place) error {
	known, err := p.snapshot(at.at)
	if err != nil {
		return err
	}
	ours, err := filesIn(p.trees, c.id, at.at, at.run)
	if err != nil {
		return err
	}
	theirs, err := known.run(at.run)
	if err != nil {
		return err
	}
	_, have := theirs[repo.RecordName]
	switch record, ok := ours[repo.RecordName]; {
	case !ok: // the commit removes it, with its marker
		return nil
	case known.removed[at.run] && !c.restores(at):
		return nil // the marker hides what a batch brings
	case !have:
		p.addSingle(s, at, ours)
		return nil
	case record.ID == theirs[repo.RecordName].ID:
		if record.batch != nil {
			p.removeSingle(s, at, known, theirs)
			if p.thin || len(c.redacted) > 0 { // a redaction writes the batch of its run anew, with all others
				s.leaveRepeated(c, known, at)
			}
		} else {
			p.addSingle(s, at, ours)
		}
		return nil
	}
	return p.settleVersions(c, s, at, ours, theirs)
}

// leaveRepeated leaves a run out of the new batches of a commit if a batch of the tip, which stays, has it too.
func (s *settlement) leaveRepeated(c *runCommit, known *snapshot, at place) {
	changed := c.placed.batches[at.at]
	stays := func(held *heldBatch) bool { return changed[held.path] == nil }
	if !slices.ContainsFunc(known.in[at.run], stays) {
		return
	}
	for name, b := range changed {
		if b[1] == nil {
			continue
		}
		if _, ok := b[1].runs[at.run]; ok {
			mark(s.leave, path.Join(at.at, name), at.run)
		}
	}
}

// settleVersions decides about a run that differs at the tip.
func (p *replayer) settleVersions(c *runCommit, s *settlement, at place, ours, theirs runFiles) error {
	known, err := p.snapshot(at.at)
	if err != nil {
		return err
	}
	then, err := readSnapshot(p.trees, c.Tree, at.at)
	if err != nil {
		return err
	}
	a := versionOf(p.trees, theirs, known.sharedBlob)
	b := versionOf(p.trees, ours, then.sharedBlob)
	if _, err := transition.Check(a, withNotesOf(a, b), false); err == nil {
		for _, held := range known.in[at.run] {
			mark(s.drop, path.Join(at.at, held.path), at.run)
		}
		p.removeSingle(s, at, known, theirs)
		p.addSingle(s, at, ours)
		return nil
	}
	_, err = transition.Check(b, withNotesOf(b, a), false)
	if err != nil && p.theirs == nil {
		return &ConflictError{at.run, repo.RecordName, c.redacted[at.at+at.run]}
	}
	if err != nil {
		p.theirs[at.run] = true
	}
	for _, held := range then.in[at.run] {
		mark(s.leave, path.Join(at.at, held.path), at.run)
	}
	return nil
}

// sharedBlob returns the blob of a shared file.
func (c *snapshot) sharedBlob(name string) (string, error) {
	if c.shared[name] == "" {
		return "", errors.New("is missing")
	}
	return c.shared[name], nil
}

func mark(runs map[string]map[string]bool, batch, id string) {
	if runs[batch] == nil {
		runs[batch] = map[string]bool{}
	}
	runs[batch][id] = true
}

// addSingle adds the files that a run has in its own folder in the commit.
func (p *replayer) addSingle(s *settlement, at place, files runFiles) {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if f := files[name]; f.batch == nil && f.at == "" {
			s.edits = append(s.edits, git.Edit{Path: path.Join(at.at, runPath(at.run), name), Mode: "100644", ID: f.ID})
		}
	}
}

// removeSingle removes the files that a run has in its own folder at the tip, without its annotations.
func (p *replayer) removeSingle(s *settlement, at place, known *snapshot, _ runFiles) {
	own, err := filesOf(p.trees, at.run, known.folders[at.run], nil)
	if err != nil {
		return // filesOf has read it before
	}
	for _, name := range slices.Sorted(maps.Keys(own)) {
		if path.Dir(name) != "notes" {
			s.edits = append(s.edits, git.Edit{Path: path.Join(at.at, runPath(at.run), name)})
		}
	}
}

// settleBatches adds and removes batches.
//
// If the commit has redacted a run of a batch that others have rewritten, the redacted version takes the place of the
// run in their batch: the batch of the commit has nothing else that the tip lacks.
func (p *replayer) settleBatches(ctx context.Context, c *runCommit, s *settlement) error {
	gone := map[string]bool{}
	joined := p.joinBatches(c, s)
	into := map[string]*heldBatch{} // by the path of the batch of the tip
	for name, j := range joined {
		into[j.path] = c.placed.batches[j.at][name[len(j.at)+1:]][1]
	}
	for _, at := range slices.Sorted(maps.Keys(c.placed.batches)) {
		for _, name := range slices.Sorted(maps.Keys(c.placed.batches[at])) {
			full := path.Join(at, name)
			b := c.placed.batches[at][name]
			if b[1] == nil {
				gone[full] = true
				s.edits = append(s.edits, git.Edit{Path: full})
				continue
			}
			if _, ok := joined[full]; ok {
				continue
			}
			edits := b[1].edits()
			if but := s.leave[full]; but != nil {
				var err error
				if edits, err = b[1].rebuild(ctx, p.dirs, p.trees, but); err != nil {
					return err
				}
			}
			s.add(at, edits)
		}
	}
	for _, at := range slices.Sorted(maps.Keys(p.known)) {
		for name, b := range p.known[at].batches {
			full := path.Join(at, name)
			if s.drop[full] == nil || gone[full] {
				continue
			}
			var leave map[string]bool
			if into[full] != nil {
				leave = s.leave[path.Join(at, into[full].path)]
			}
			edits, err := b.rebuildWith(ctx, p.dirs, p.trees, s.drop[full], into[full], leave)
			if err != nil {
				return err
			}
			s.edits = append(s.edits, git.Edit{Path: full})
			s.add(at, edits)
		}
	}
	return nil
}

// batchAt is a batch of the tip.
type batchAt struct{ at, path string } // the .runs folder, and the path from the root

// joinBatches returns the new batches of a commit whose runs, but for those that stay as the tip has them, go into a
// batch of the tip that loses just these runs. Each batch of the tip takes one.
func (p *replayer) joinBatches(c *runCommit, s *settlement) map[string]batchAt {
	joined, taken := map[string]batchAt{}, map[string]bool{}
	for _, at := range slices.Sorted(maps.Keys(c.placed.batches)) {
		for _, name := range slices.Sorted(maps.Keys(c.placed.batches[at])) {
			b := c.placed.batches[at][name][1]
			full := path.Join(at, name)
			if b == nil || s.leave[full] == nil || p.known[at] == nil {
				continue
			}
			for _, held := range slices.Sorted(maps.Keys(p.known[at].batches)) {
				there := path.Join(at, held)
				changed := c.placed.batches[at][held] != nil
				lost := func(id string) bool { return s.leave[full][id] || s.drop[there][id] }
				notLost := func(id string) bool { return !lost(id) }
				if s.drop[there] == nil || changed || taken[there] || path.Dir(held) != path.Dir(name) ||
					slices.ContainsFunc(b.ids, notLost) {
					continue
				}
				joined[full], taken[there] = batchAt{at, there}, true
				break
			}
		}
	}
	return joined
}

func (s *settlement) add(at string, edits []git.Edit) {
	for _, e := range edits {
		e.Path = path.Join(at, e.Path)
		s.edits = append(s.edits, e)
	}
}

// checkSettled returns an error if a run got lost on the way, or has two versions.
func (p *replayer) checkSettled(tree string, c *runCommit, s *settlement) error {
	for _, r := range c.placed.runs {
		if !s.runs[r.at+r.id] {
			continue
		}
		_, marked, err := p.trees.Find(tree, path.Join(r.at, repo.RemovedName, r.id))
		if err != nil {
			return err
		}
		if marked {
			continue // batches of both sides may have it, in several versions
		}
		files, err := filesIn(p.trees, tree, r.at, r.id)
		if err != nil {
			return fmt.Errorf("run %s: %w", r.id, err)
		}
		if _, ok := files[repo.RecordName]; !ok {
			return fmt.Errorf("run %s %s", r.id, transition.Unmarked)
		}
	}
	return nil
}
