package share

import (
	"errors"

	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/transition"
)

// placements are the runs that a commit moves into batches, out of them or between them, and the new runs of batches.
type placements struct {
	runs    map[string]*placedRun              // by the .runs folder followed by the id
	batches map[string]map[string][]*heldBatch // by the .runs folder and the path of a batch: before and after, or nil
}

// placedRun is the change of a run that is in a batch before or after a commit.
type placedRun struct {
	at, id string
	transition.Change
	err error // it is not allowed
}

// placementsOf reads the batches that a commit changes. edits are the changes that lead from parent to the commit.
func placementsOf(trees *git.Trees, parent, commit string, edits []git.Edit) (*placements, error) {
	s := &placements{runs: map[string]*placedRun{}, batches: map[string]map[string][]*heldBatch{}}
	single := map[string]place{} // runs with a folder of their own of which files go
	for _, e := range edits {
		p := placeOf(e.Path)
		switch p.kind {
		case ofRun:
			if e.ID == "" {
				single[p.at+p.run] = p
			}
		case ofBatch:
			if s.batches[p.at] == nil {
				s.batches[p.at] = map[string][]*heldBatch{}
			}
			if _, known := s.batches[p.at][p.pack]; known {
				continue
			}
			before, err := readable(batchIn(trees, parent, p.at, p.pack))
			if err != nil {
				return nil, err
			}
			after, err := readable(batchIn(trees, commit, p.at, p.pack))
			if err != nil {
				return nil, err
			}
			s.batches[p.at][p.pack] = []*heldBatch{before, after}
		}
	}
	for at, batches := range s.batches {
		for _, b := range batches {
			for _, held := range b {
				if held == nil {
					continue
				}
				for _, id := range held.ids {
					if err := s.check(trees, parent, commit, at, id); err != nil {
						return nil, err
					}
				}
			}
		}
	}
	for _, p := range single {
		if len(s.batches[p.at]) > 0 {
			if err := s.check(trees, parent, commit, p.at, p.run); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

// readable returns a batch, or nil for one that cannot be read: verify reports it.
func readable(b *heldBatch, err error) (*heldBatch, error) {
	if isBroken(err) || errors.Is(err, git.ErrNoObject) {
		return nil, err
	}
	return b, nil
}

// check decides about the change of a run, once.
func (s *placements) check(trees *git.Trees, parent, commit, at, id string) error {
	key := at + id
	if s.runs[key] != nil {
		return nil
	}
	r := &placedRun{at: at, id: id}
	r.Change, r.err = changeBetween(trees, parent, commit, at, id)
	if isBroken(r.err) {
		return r.err
	}
	s.runs[key] = r
	return nil
}

// allows reports whether a change of a file belongs to a change of runs that is allowed. If it is a change of batches
// that is not, reason says why. For other files, it returns neither.
func (s *placements) allows(p place, e git.Edit, marked map[string]bool) (reason string, ok bool) {
	switch p.kind {
	case ofRun:
		r := s.runs[p.at+p.run]
		if r == nil || e.ID != "" && r.Kind == transition.Added || marked[p.at+p.run] {
			return "", false
		}
		if r.err != nil {
			return r.err.Error(), false
		}
		return "", true
	case ofBatch:
		b := s.batches[p.at][p.pack]
		if b[0] != nil && b[1] != nil || b[0] == nil && b[1] == nil {
			return "a batch was rewritten", false
		}
		for _, held := range b {
			if held == nil {
				continue
			}
			for _, id := range held.ids {
				if r := s.runs[p.at+id]; r.err != nil && !marked[p.at+id] {
					return "run " + id + ": " + r.err.Error(), false
				}
			}
		}
		return "", true
	}
	return "", false
}
