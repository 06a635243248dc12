package share

import (
	"context"
	"errors"
	"maps"
	"path"
	"slices"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/transition"
)

// transitions decides about each commit that changes files of a run, and records redactions and problems.
func (v *verification) transitions(ctx context.Context) error {
	objects, err := git.OpenObjects(ctx, v.dirs, v.absent)
	if err != nil {
		return err
	}
	defer func() { objects.Close() }()
	for _, at := range v.done.Folders {
		f := v.folders[at]
		for _, id := range slices.Sorted(maps.Keys(f.runs)) {
			for _, w := range f.runs[id].rewrites {
				if err := ctx.Err(); err != nil {
					return err
				}
				err := v.transition(ctx, objects, f, id, w)
				if isBroken(err) { // Git exits when it reads a damaged object
					objects.Close()
					if objects, err = git.OpenObjects(ctx, v.dirs, v.absent); err != nil {
						return err
					}
				}
			}
			if len(f.runs[id].rewrites) == 0 {
				continue
			}
			if err := v.takenBack(ctx, objects, f, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// transition decides about one commit that changes files of a run. The error is that of reading it, which is also
// recorded.
func (v *verification) transition(ctx context.Context, objects *git.Trees, f *folderHistory, id string, w rewrite,
) error {
	change, err := v.changeIn(ctx, objects, f, id, w)
	switch {
	case err == nil && change.Kind == transition.Redacted:
		v.done.Redacted = append(v.done.Redacted, RedactedRun{f.at, id, w.commit, change.Files})
	case err != nil && v.lacks(err):
		v.done.Unchecked++
	case err != nil:
		p := Problem{Runs: f.at, ID: id, Commit: w.commit, Reason: err.Error()}
		if commit, err := objects.Commit(w.commit); err == nil {
			p.parents = commit.Parents
		}
		v.problem(p)
	}
	return err
}

// changeIn returns the change of a run in a commit. In a merge, it is enough that the run may change so from one of the
// parents.
func (v *verification) changeIn(ctx context.Context, objects *git.Trees, f *folderHistory, id string, w rewrite,
) (transition.Change, error) {
	var none transition.Change
	commit, err := objects.Commit(w.commit)
	if err != nil {
		return none, err
	}
	now, err := versionIn(objects, w.commit, f.at, id)
	if errors.Is(err, errTwoVersions) && len(commit.Parents) > 1 {
		return none, nil // each parent has one of them: it is reported if a tip still has both
	}
	if err != nil {
		return none, err
	}
	if now != nil {
		f.addLater(objects, now)
	}
	_, marked, err := objects.Find(w.commit, path.Join(f.at, repo.RemovedName, id))
	if err != nil {
		return none, err
	}
	var first error
	for _, parent := range commit.Parents {
		before, err := versionIn(objects, parent, f.at, id)
		if v.done.Shallow && errors.Is(err, git.ErrNoObject) {
			return none, nil // the history ends here
		}
		if errors.Is(err, errTwoVersions) {
			if settled, err := settles(objects, parent, f.at, id, now); err == nil && settled {
				return none, nil
			}
		}
		if err != nil {
			return none, err
		}
		if before == nil {
			continue
		}
		if marked && now != nil {
			keepNotes(before, now)
		}
		change, err := transition.Check(before, now, false)
		if err == nil {
			return change, nil
		}
		repaired, readErr := repaired(ctx, v.dirs, objects, f.at, id, parent, now)
		if readErr != nil || repaired {
			return none, readErr
		}
		if first == nil {
			first = err
		}
	}
	if first == nil { // the run was removed, and comes back
		return transition.Check(versionOf(objects, w.was, f.blob), now, false)
	}
	return none, first
}

// keepNotes gives a version of a removed run, which its batch still has, the annotations that went with its folder.
func keepNotes(before, now *transition.Version) {
	for name, file := range before.Files {
		if path.Dir(name) == "notes" && now.Files[name] == "" {
			now.Files[name] = file
		}
	}
}

// addLater lets a version have shared files that only other commits of the history have: one that publishes a redacted
// record alone leaves them to the next.
func (f *folderHistory) addLater(objects *git.Trees, v *transition.Version) {
	own := v.Shared
	v.Shared = func(name string) ([]byte, error) {
		data, err := own(name)
		if err == nil || isBroken(err) {
			return data, err
		}
		blob, missing := f.blob(name)
		if missing != nil {
			return nil, err
		}
		if data, err = objects.Blob(blob, transition.MaxBytes); err == nil {
			err = checkName(name, data)
		}
		return data, err
	}
}

// blob returns the blob of a shared file anywhere in the history.
func (f *folderHistory) blob(name string) (string, error) {
	for _, blobs := range []map[string]string{f.kept, f.old} {
		if blobs[name] != "" {
			return blobs[name], nil
		}
	}
	for blob := range f.shared[name] {
		return blob, nil
	}
	return "", errors.New("is missing")
}

// takenBack reports redactions of a run that a tip has taken back, which a merge can do without a change of its own.
func (v *verification) takenBack(ctx context.Context, objects *git.Trees, f *folderHistory, id string) error {
	named := func(p Problem) bool { return p.Runs == f.at && p.ID == id }
	if slices.ContainsFunc(v.done.Problems, named) {
		return nil
	}
	for _, done := range v.done.Redacted {
		if done.Runs != f.at || done.ID != id {
			continue
		}
		parents, err := objects.Commit(done.Commit)
		if err != nil {
			return err
		}
		made, err := filesIn(objects, done.Commit, f.at, id)
		if err != nil {
			continue
		}
		for _, tip := range v.done.Tips {
			now, err := filesIn(objects, tip, f.at, id)
			if err != nil || now == nil {
				continue // it is reported when the run is verified
			}
			if now[repo.RecordName].ID == made[repo.RecordName].ID { // a parent of a merge may have it too
				continue
			}
			for _, parent := range parents.Parents {
				was, err := filesIn(objects, parent, f.at, id)
				if err != nil || was[repo.RecordName].ID != now[repo.RecordName].ID {
					continue
				}
				if has, err := git.IsAncestor(ctx, v.dirs, done.Commit, tip); err != nil {
					return err
				} else if has {
					v.problem(Problem{
						Runs: f.at, ID: id, Commit: done.Commit, Reason: "its redaction in this commit was taken back",
					})
				}
			}
		}
	}
	return nil
}
