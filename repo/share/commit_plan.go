package share

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/regular"
)

// plan describes the changes that a commit will make.
type plan struct {
	*Committed
	repo    *repo.Repository
	at      string   // the .runs folder in the tree
	paths   []string // files to add, relative to .runs
	remove  []string // relative to .runs: folders of runs, removal markers, shared files
	orphans []string // shared files that runs referred to before they were redacted
	lfs     struct { // whether Git LFS stores artifacts
		asked bool
		err   error
	}
}

// plan decides what a commit on top of base will change. base may be empty. marks reports whether the removal markers
// in the working tree are those of base.
func (w *writer) plan(ctx context.Context, base string, marks bool) (*plan, error) {
	p := &plan{Committed: &Committed{}, repo: w.repo}
	var err error
	if p.at, err = w.repo.TreePath(); err != nil {
		return p, err
	}
	known, err := readSnapshot(w.trees, base, p.at)
	if err != nil {
		return p, err
	}
	removed, err := w.repo.RemovedIDs()
	if err != nil {
		return p, err
	}
	ids, err := w.repo.FinishedIDs()
	if err != nil {
		return p, err
	}
	noted := w.repo.Noted(ids)
	redacted, err := pendingRedactions(p.repo)
	if err != nil {
		return p, err
	}
	named := w.request.IDs != nil
	for i, id := range ids {
		_, committed := known.runs[id]
		switch {
		case named && !slices.Contains(w.request.IDs, id), removed[id]:
			continue
		case committed && !known.removed[id]:
			added := false
			if redacted[id] || named {
				added, err = p.addRedacted(ctx, known, id)
			}
			if err == nil && !added && noted[i] {
				err = p.addNotes(known, id)
			}
		case known.removed[id] && !marks && !named:
			p.Refused = append(p.Refused,
				repo.Damage{ID: id, Err: fmt.Errorf("run %s: it was removed on that branch; name it to restore it", id)})
			continue
		default:
			before := len(p.Runs)
			err = p.addRun(ctx, known, id, w.request.IncludeFailed || named || known.removed[id])
			if len(p.Runs) > before && known.removed[id] {
				p.remove = append(p.remove, path.Join(repo.RemovedName, id))
			}
		}
		if ctx.Err() != nil {
			return p, ctx.Err()
		}
		if err != nil {
			p.Refused = append(p.Refused, repo.Damage{ID: id, Err: err})
		}
	}
	if !named {
		for id := range removed {
			if _, committed := known.runs[id]; committed || !known.removed[id] {
				p.removeRun(known, id)
			}
		}
		slices.Sort(p.Removed)
	}
	if err := p.removeOrphans(known); err != nil {
		return p, err
	}
	if !p.Empty() {
		if err := p.searchSecrets(ctx); err != nil {
			return p, err
		}
		p.paths = append(p.paths, unsetFiles(p.repo, known)...)
	}
	return p, nil
}

// addRun adds a new run and the shared files that it refers to.
func (p *plan) addRun(ctx context.Context, known *snapshot, id string, any bool) error {
	e, err := p.repo.ReadFinished(id)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	}
	if e.Status != format.Finished && !any {
		p.Unsuccessful++
		return nil
	}
	if err := p.checkLFS(ctx, e); err != nil {
		return err
	}
	files, err := e.Content(ctx)
	if err != nil {
		return err
	}
	var paths []string
	bytes := int64(0)
	for _, f := range files {
		paths = append(paths, path.Join(runPath(id), f.Name))
		bytes += f.Bytes
	}
	for _, name := range repo.SharedNames(e.Run) {
		if _, there := known.shared[name]; there {
			continue
		}
		size, err := p.repo.PlaceShared(ctx, name)
		if err != nil {
			return fmt.Errorf("run %s: %w", id, err)
		}
		known.shared[name] = "here"
		paths = append(paths, name)
		bytes += size
	}
	p.paths = append(p.paths, paths...)
	p.Files += len(paths)
	p.Bytes += bytes
	p.Runs = append(p.Runs, e)
	return nil
}

// addNotes adds the new notes of a committed run.
func (p *plan) addNotes(known *snapshot, id string) error {
	files, err := p.repo.LateNotes(id)
	if err != nil || len(files) == 0 {
		return err
	}
	there, err := known.run(id)
	if err != nil {
		return err
	}
	for _, f := range files {
		if _, ok := there[f.Name]; !ok {
			p.paths = append(p.paths, path.Join(runPath(id), f.Name))
			p.Notes++
			p.Files++
			p.Bytes += f.Bytes
		}
	}
	return nil
}

// removeRun removes a run and adds its removal marker.
func (p *plan) removeRun(known *snapshot, id string) {
	if _, there := known.runs[id]; there {
		p.remove = append(p.remove, runPath(id))
	}
	if !known.removed[id] {
		p.paths = append(p.paths, path.Join(repo.RemovedName, id))
	}
	p.Removed = append(p.Removed, id)
}

// unsetFiles returns the setup files that `init` wrote, that are unchanged since, and that a commit lacks. Without
// .gitattributes, a checkout could change the bytes of runs. A setup file that was edited is left for the user to
// commit.
func unsetFiles(r *repo.Repository, known *snapshot) []string {
	var names []string
	for name, text := range repo.SetupFiles() {
		if known.files[name] {
			continue
		}
		data, err := regular.ReadFile(filepath.Join(r.Dir, name))
		if err == nil && string(data) == text {
			names = append(names, name)
		}
	}
	return names
}

// gone lists the files that the plan removes from a commit, relative to the root.
func (p *plan) gone(trees *git.Trees, commit string) ([]string, error) {
	var gone []string
	for _, name := range p.remove {
		at := path.Join(p.at, name)
		e, ok, err := trees.Find(commit, at)
		switch {
		case err != nil:
			return nil, err
		case ok && e.IsTree():
			err = trees.Walk(e.ID, at, func(file string, _ git.TreeEntry) error {
				gone = append(gone, file)
				return nil
			})
		case ok:
			gone = append(gone, at)
		}
		if err != nil {
			return nil, err
		}
	}
	return gone, nil
}
