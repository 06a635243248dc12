package share

import (
	"context"
	"fmt"
	"iter"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/regular"
)

// plan describes the changes that a commit will make.
type plan struct {
	*Committed
	repo    *repo.Repository
	objects *git.ObjectWriter
	at      string            // the .runs folder in the tree
	paths   []string          // files to add besides those of Runs, relative to .runs
	blobs   map[string]string // the ids of paths
	before  map[string]string // the ids of the shared files of Runs that base has
	remove  []string          // relative to .runs: folders of runs, removal markers, shared files
	batch   int               // a commit of more new runs puts them into batches; 0 is never
	pack    bool              // batches will hold the runs that may share one
	known   *snapshot
	orphans []string // shared files that runs referred to before they were redacted
	lfs     struct { // whether Git LFS stores artifacts
		asked bool
		err   error
	}
	finds    []fileFinds         // in the files to add
	outside  []fileFinds         // in artifacts of Runs that are not in Git
	sharedBy map[string][]string // the ids of the runs that refer to a shared file among paths
}

// files iterates over the files to add, relative to .runs.
func (p *plan) files() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, run := range p.Runs {
			folder := runPath(run.ID)
			for _, f := range run.files {
				if run.batched && path.Dir(f.Name) != "notes" {
					continue
				}
				if !yield(path.Join(folder, f.Name)) {
					return
				}
			}
		}
		for _, name := range p.paths {
			if !yield(name) {
				return
			}
		}
	}
}

// plan decides what a commit on top of base will change. base may be empty. marks reports whether the removal markers
// in the working tree are those of base.
func (w *writer) plan(ctx context.Context, base string, marks bool) (*plan, error) {
	p := &plan{
		Committed: &Committed{}, repo: w.repo, before: map[string]string{}, sharedBy: map[string][]string{},
	}
	var err error
	if p.at, err = w.repo.TreePath(); err != nil {
		return p, err
	}
	known, err := readSnapshot(w.trees, base, p.at)
	if err != nil {
		return p, err
	}
	p.known = known
	if p.batch, err = w.batchLimit(); err != nil {
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
	asked := make(map[string]bool, len(w.request.IDs))
	for _, id := range w.request.IDs {
		asked[id] = true
	}
	var fresh []newRun
	var back []string // removed runs that a batch still has: only their marker goes
	for i, id := range ids {
		_, committed := known.runs[id]
		switch {
		case named && !asked[id], removed[id]:
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
		case known.removed[id] && p.stillBatched(known, id):
			back = append(back, id)
		default:
			fresh = append(fresh, newRun{id, w.request.IncludeFailed || named || known.removed[id]})
		}
		if ctx.Err() != nil {
			return p, ctx.Err()
		}
		if err != nil {
			p.Refused = append(p.Refused, repo.Damage{ID: id, Err: err})
		}
	}
	if p.objects, err = w.newObjects(ctx, len(fresh) > 0); err != nil {
		return p, err
	}
	dry := p.batch > 0 && len(fresh) > p.batch
	if err := p.gatherRuns(ctx, known, fresh, dry); err != nil {
		return p, err
	}
	for _, id := range back {
		if err := p.restore(id); err != nil {
			return p, err
		}
	}
	few := len(p.Runs) <= p.batch
	err = p.storeAlone(ctx, known, func(run *CommittedRun) bool {
		return run.from == "" && !run.batched && (few || run.alone || !run.sizes.fits())
	})
	if err != nil {
		return p, err
	}
	p.pack = slices.ContainsFunc(p.Runs, func(run CommittedRun) bool { return run.tree == "" && !run.batched })
	slices.SortStableFunc(p.Refused, func(a, b repo.Damage) int { return strings.Compare(a.ID, b.ID) })
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
	if p.Empty() {
		return p, nil
	}
	p.paths = append(p.paths, unsetFiles(p.repo, known)...)
	if p.objects, err = w.newObjects(ctx, true); err != nil {
		return p, err
	}
	if err := p.gatherPaths(ctx, known); err != nil {
		return p, err
	}
	return p, p.judge(ctx)
}

// batchLimit returns how many new runs a commit has by themselves at most. 0 stands for any number.
func (w *writer) batchLimit() (int, error) {
	config, err := w.repo.Config()
	if err != nil {
		return 0, err
	}
	return config.Commit.Batch, nil
}

// newObjects returns the writer's ObjectWriter. It makes one only if it is needed.
func (w *writer) newObjects(ctx context.Context, needed bool) (*git.ObjectWriter, error) {
	if w.objects != nil || !needed {
		return w.objects, nil
	}
	var err error
	w.objects, err = git.NewObjectWriter(ctx, w.repo.Git)
	return w.objects, err
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
