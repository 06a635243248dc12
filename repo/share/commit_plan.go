package share

import (
	"context"
	"fmt"
	"iter"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/regular"
	"github.com/gitruns/runs/repo/transition"
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
	orphans []string                   // shared files that runs referred to before they were redacted
	beside  bool                       // the branch is not checked out
	within  map[string]map[string]bool // redacted runs that a batch of the commit has, by its path, if beside is set
	lfs     struct {                   // whether Git LFS stores artifacts
		asked bool
		err   error
	}
	finds    []fileFinds         // in the files to add
	outside  []fileFinds         // in artifacts of Runs that are not in Git
	sharedBy map[string][]string // the ids of the runs that refer to a shared file among paths
	settled  *settledDays        // nil if every day is read
	open     map[string]bool     // days with something to commit
	left     map[string]int      // unsuccessful runs that are not committed, by day
	batched  workingBatches
	unmarked map[string]bool // runs that the branch has lost without a marker; nil until it is needed
}

// leaveOpen says that there is something to commit of the day of a run.
func (p *plan) leaveOpen(id string) { p.open[format.IDDay(id)] = true }

// settle remembers the days of which nothing need be committed, and counts what was remembered of the others.
func (p *plan) settle(ids []string) {
	if p.settled == nil {
		return
	}
	for day := range p.settled.stamps {
		if p.settled.has(day, true) {
			p.Unsuccessful += p.settled.known[day].unsuccessful
		}
	}
	last := ""
	for _, id := range ids { // sorted
		if day := format.IDDay(id); day != last {
			if last = day; !p.open[day] {
				p.settled.settle(day, p.left[day], true)
			}
		}
	}
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
		open: map[string]bool{}, left: map[string]int{}, within: map[string]map[string]bool{}, beside: !marks,
	}
	var err error
	if p.at, err = w.repo.TreePath(); err != nil {
		return p, err
	}
	if p.batch, err = w.batchLimit(); err != nil {
		return p, err
	}
	if err := w.repo.CompleteSetup(); err != nil {
		return p, err
	}
	removed, err := w.repo.RemovedIDs()
	if err != nil {
		return p, err
	}
	redacted, err := pendingRedactions(p.repo)
	if err != nil {
		return p, err
	}
	named := w.request.IDs != nil
	if !named && !w.request.IncludeFailed && marks && len(redacted) == 0 && !w.everyDay {
		if p.settled, err = settledAt(w.repo, w.trees, base, p.at); err != nil {
			return p, err
		}
		defer p.settled.close()
	}
	if !named && !p.settled.all() {
		found, err := noticeAll(ctx, p.repo)
		if err != nil {
			return p, err
		}
		if found {
			p.settled = nil
			if redacted, err = pendingRedactions(p.repo); err != nil {
				return p, err
			}
		}
	}
	wanted := func(day string) bool { return p.settled == nil || !p.settled.has(day, true) }
	known, err := readSnapshotOf(w.trees, base, p.at, func(day git.TreeEntry) bool { return wanted(day.Name) })
	if err != nil {
		return p, err
	}
	p.known = known
	ids, err := w.repo.FinishedIDsOf(wanted)
	if err != nil {
		return p, err
	}
	if ids, err = w.gatherLate(ids, known, removed); err != nil {
		return p, err
	}
	noted := w.repo.Noted(ids)
	asked := make(map[string]bool, len(w.request.IDs))
	for _, id := range w.request.IDs {
		asked[id] = true
	}
	batched, err := p.repo.Batched(wanted)
	if err != nil {
		return p, err
	}
	var fresh []newRun
	var back []string // removed runs that a batch still has: only their marker goes
	for i, id := range ids {
		_, committed := known.runs[id]
		var err error
		notes := p.Notes
		if committed && batched[id] && !removed[id] && (!named || asked[id]) {
			if committed, err = known.hasRecord(id); err != nil {
				return p, err
			}
		}
		switch {
		case named && !asked[id], removed[id]:
			continue
		case committed && !known.removed[id]:
			added := false
			if pending, ok := redacted[id]; ok || named {
				added, err = p.addRedacted(ctx, known, id, pending.Replaced())
			}
			if err == nil && !added && noted[i] {
				err = p.addNotes(known, id)
			}
			if p.Notes > notes {
				p.leaveOpen(id)
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
			p.leaveOpen(id)
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
	if again, err := w.gatherResumed(ctx, p, base, removed, dry); err != nil {
		return p, err
	} else if again {
		w.close()
		w.everyDay = true
		return w.plan(ctx, base, marks)
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
			if removes, err := p.removes(ctx, known, id); err != nil {
				return p, err
			} else if removes {
				p.leaveOpen(id)
				p.removeRun(known, id)
			}
		}
		slices.Sort(p.Removed)
		if err := p.redactRemoved(ctx, known, redacted, removed); err != nil {
			return p, err
		}
	}
	p.settle(ids)
	if !named && marks {
		if err := p.mend(ctx, w.trees, base); err != nil {
			return p, err
		}
	}
	if err := p.removeOrphans(known); err != nil {
		return p, err
	}
	if err := p.addExperiments(ctx, w.trees, base, named); err != nil {
		return p, err
	}
	if err := p.addModels(ctx, w.trees, base, w.request); err != nil {
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
	if err := p.redactBatches(ctx, known); err != nil {
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
	files, err := p.repo.NotesHere(id)
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

// removes reports whether the commit removes a run that has a removal marker. A marker that only the common store has
// counts if the branch has the run, or if a commit of the user's own has removed it; it is put into the working tree.
func (p *plan) removes(ctx context.Context, known *snapshot, id string) (bool, error) {
	// A batch keeps a run that was removed, until 'runs pack'.
	committed := known.folders[id] != "" || len(known.in[id]) > 0 && !known.removed[id]
	if p.repo.MarkedHere(id) {
		return committed || !known.removed[id], nil
	}
	if !committed {
		if known.removed[id] || p.beside {
			return false, nil
		}
		if unmarked, err := p.isUnmarked(ctx, id); err != nil || !unmarked {
			return false, err
		}
	}
	return true, p.repo.GatherRemoval(id)
}

// isUnmarked reports whether a commit of the branch has removed a run without its marker.
func (p *plan) isUnmarked(ctx context.Context, id string) (bool, error) {
	if p.unmarked == nil {
		damage, err := BranchDamage(ctx, p.repo)
		if err != nil {
			return false, err
		}
		p.unmarked = map[string]bool{}
		for _, d := range damage {
			p.unmarked[d.ID] = p.unmarked[d.ID] || d.Reason == transition.Unmarked
		}
	}
	return p.unmarked[id], nil
}

// removeRun removes a run and adds its removal marker.
func (p *plan) removeRun(known *snapshot, id string) {
	if known.folders[id] != "" {
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
