package share

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// KeptRevision names the runs that were ever committed in this clone, for those who read revisions.
const KeptRevision = keptRef

// LostRequest says what to bring back.
type LostRequest struct {
	IDs    []string // these, also removed ones and those of other branches; nil is all that are lost
	DryRun bool
	Tell   func(done, total int)
}

// BroughtBack is what came back.
type BroughtBack struct {
	Runs      []*format.Run
	Refused   []repo.Damage
	Elsewhere int // runs that only other local branches have: they are not lost
}

// ErrNeverCommitted says that this clone never committed a run.
var ErrNeverCommitted = errors.New("this clone never committed it")

// OpenLost opens the repository of runs that dir lies in. Where a reset or a clean took its folder away, it is set up again,
// unless dry.
func OpenLost(ctx context.Context, dir string, dry bool) (*repo.Repository, error) {
	r, err := repo.Find(dir)
	if err != nil && !errors.Is(err, repo.ErrNoRepository) || dry || os.Getenv("RUNS_REPO") != "" {
		return r, err
	}
	project, folders, lostErr := lostProject(ctx, dir)
	switch {
	case lostErr != nil:
		return nil, lostErr
	case project == "" && err != nil && len(folders) > 0:
		return nil, &repo.HintError{Err: err, Hint: "this clone committed runs in " + strings.Join(folders, ", ") + ": -C says where to bring them back"}
	case project == "", err == nil && len(project) <= len(r.Root):
		return r, err
	}
	r, _, err = repo.Init(project)
	return r, err
}

// lostProject is the folder upwards of dir that held a .runs whose runs this clone has kept, empty without one; and all of
// these .runs.
func lostProject(ctx context.Context, dir string) (project string, folders []string, err error) {
	dirs, inGit, err := git.Discover(dir)
	if err != nil || !inGit {
		return "", nil, err
	}
	kept, err := git.Resolve(ctx, dirs, keptRef)
	if err != nil || kept == "" {
		return "", nil, err
	}
	if folders, err = git.FoldersNamed(ctx, dirs, kept, repo.DirName); err != nil {
		return "", nil, err
	}
	here, err := filepath.Rel(dirs.Root, dir)
	if err != nil {
		return "", nil, err
	}
	for at := filepath.ToSlash(here); ; at = path.Dir(at) {
		if slices.Contains(folders, path.Join(at, repo.DirName)) {
			return filepath.Join(dirs.Root, filepath.FromSlash(at)), folders, nil
		}
		if at == path.Dir(at) {
			return "", folders, nil
		}
	}
}

// BringBack brings back runs that were committed in this clone and that no local branch and no working tree has any more:
// as finished runs that are not committed. They are checked like those of a stranger before a file is written.
func BringBack(ctx context.Context, r *repo.Repository, q LostRequest) (*BroughtBack, error) {
	done := &BroughtBack{}
	if !r.InGit {
		return nil, errors.New("bringing back runs: this is no git repository")
	}
	f := &finder{repo: r, done: done, shared: map[string]string{}}
	if err := f.open(ctx); err != nil {
		return nil, fmt.Errorf("bringing back runs: %w", err)
	}
	defer f.trees.Close()
	lost, err := f.find(ctx, q.IDs)
	if err != nil {
		return nil, fmt.Errorf("bringing back runs: %w", err)
	}
	if len(lost) == 0 {
		return done, nil
	}
	if !q.DryRun && filepath.Base(r.Dir) == repo.DirName {
		// What keeps runs out of git's way may have gone with them.
		if _, _, err := repo.Init(r.Root); err != nil {
			return nil, err
		}
		r.ClearStale()
	}
	if err := f.bring(ctx, lost, q); err != nil {
		return nil, fmt.Errorf("bringing back runs: %w", err)
	}
	return done, nil
}

// lostRun is a run and the contents that still have it.
type lostRun struct {
	id   string
	from *contents
}

// finder finds runs that are lost.
type finder struct {
	repo   *repo.Repository
	done   *BroughtBack
	trees  *git.Trees
	at     string
	tip    string            // of keptRef
	kept   *contents         // of the tip
	shared map[string]string // what this clone has, of any commit that was looked at
}

func (f *finder) open(ctx context.Context) error {
	var err error
	if f.at, err = f.repo.TreePath(); err != nil {
		return err
	}
	if f.tip, err = git.Resolve(ctx, f.repo.Git, keptRef); err != nil {
		return err
	}
	if f.trees, err = git.OpenTrees(ctx, f.repo.Git); err != nil {
		return err
	}
	f.kept, err = f.read(f.tip)
	if err != nil {
		f.trees.Close()
	}
	return err
}

func (f *finder) read(commit string) (*contents, error) {
	c, err := readContents(f.trees, commit, f.at)
	if err != nil {
		return nil, err
	}
	for name, blob := range c.shared {
		if f.shared[name] == "" {
			f.shared[name] = blob
		}
	}
	return c, nil
}

func (f *finder) find(ctx context.Context, ids []string) ([]lostRun, error) {
	present, err := f.repo.FinishedIDs()
	if err != nil {
		return nil, err
	}
	here := map[string]bool{}
	for _, id := range present {
		// A switch of branches leaves the folder of a run with what git does not know.
		if _, err := os.Lstat(filepath.Join(f.repo.RunDir(id), repo.RecordName)); err == nil {
			here[id] = true
		}
	}
	removed, err := f.repo.RemovedIDs()
	if err != nil {
		return nil, err
	}
	gone := maps.Clone(removed)
	if gone == nil {
		gone = map[string]bool{}
	}
	head, others, err := f.branches(ctx, gone)
	if err != nil {
		return nil, err
	}
	if ids != nil {
		return f.named(ctx, ids, here)
	}
	var lost []lostRun
	for _, id := range slices.Sorted(maps.Keys(f.kept.runs)) {
		switch {
		case here[id], head[id], gone[id]:
		case others[id]:
			f.done.Elsewhere++
		default:
			lost = append(lost, lostRun{id, f.kept})
		}
	}
	return lost, nil
}

// branches are the runs of the commit that is checked out and of the branch of runs, and those of the other local branches.
// The marks of the first are added to gone.
func (f *finder) branches(ctx context.Context, gone map[string]bool) (head, others map[string]bool, err error) {
	local, err := theBranch(ctx, f.repo)
	if err != nil {
		return nil, nil, err
	}
	names, err := git.Branches(ctx, f.repo.Git)
	if err != nil {
		return nil, nil, err
	}
	head, others = map[string]bool{}, map[string]bool{}
	for _, ref := range append([]string{"HEAD"}, names...) {
		commit, err := git.Resolve(ctx, f.repo.Git, ref)
		if err != nil {
			return nil, nil, err
		}
		c, err := f.read(commit)
		if err != nil {
			return nil, nil, err
		}
		into := others
		if ref == "HEAD" || ref == "refs/heads/"+local.name {
			into = head
			maps.Copy(gone, c.removed)
		}
		for id := range c.runs {
			into[id] = true
		}
	}
	return head, others, nil
}

// named finds runs by their ids, in the history of what was kept too: it alone has removed ones.
func (f *finder) named(ctx context.Context, ids []string, here map[string]bool) ([]lostRun, error) {
	var lost []lostRun
	for _, id := range ids {
		if here[id] {
			return nil, fmt.Errorf("run %s is not lost: it is in the working tree", id)
		}
		if _, ok := f.kept.runs[id]; ok {
			lost = append(lost, lostRun{id, f.kept})
			continue
		}
		from, err := f.history(ctx, id)
		if err != nil {
			return nil, err
		}
		if from == nil {
			return nil, fmt.Errorf("run %s: %w", id, ErrNeverCommitted)
		}
		lost = append(lost, lostRun{id, from})
	}
	return lost, nil
}

// history finds what last had a run; nil where nothing did.
func (f *finder) history(ctx context.Context, id string) (*contents, error) {
	if f.tip == "" {
		return nil, nil
	}
	removal, err := git.LastChange(ctx, f.repo.Git, f.tip, path.Join(f.at, runPath(id)))
	if err != nil || removal == "" {
		return nil, err
	}
	c, err := f.trees.Commit(removal)
	if err != nil || len(c.Parents) == 0 {
		return nil, err
	}
	from, err := f.read(c.Parents[0])
	if err != nil || from.runs[id] == "" {
		return nil, err
	}
	return from, nil
}

// bring brings the runs back, some at a time: much of the time is waiting for the disk.
func (f *finder) bring(ctx context.Context, lost []lostRun, q LostRequest) error {
	const runsAWorker = 16
	workers := min(4, (len(lost)+runsAWorker-1)/runsAWorker)
	records := make([]*format.Run, len(lost))
	errs := make([]error, len(lost))
	next := make(chan int)
	var finished atomic.Int64
	group, within := errgroup.WithContext(ctx)
	for range workers {
		group.Go(func() error {
			w, err := f.worker(within, q.DryRun)
			if err != nil {
				return err
			}
			defer w.trees.Close()
			for i := range next {
				records[i], errs[i] = w.bring(within, lost[i])
				finished.Add(1)
			}
			return nil
		})
	}
	group.Go(func() error {
		defer close(next)
		for i := range lost {
			select {
			case next <- i:
			case <-within.Done():
				return within.Err()
			}
			if q.Tell != nil {
				q.Tell(int(finished.Load()), len(lost))
			}
		}
		return nil
	})
	if err := errors.Join(group.Wait(), ctx.Err()); err != nil {
		return err
	}
	for i, run := range lost {
		if err := errs[i]; err != nil {
			f.done.Refused = append(f.done.Refused, repo.Damage{ID: run.id, Err: fmt.Errorf("run %s: %w", run.id, err)})
			continue
		}
		f.done.Runs = append(f.done.Runs, records[i])
	}
	return nil
}

// bringer brings runs back, one after the other.
type bringer struct {
	repo   *repo.Repository
	trees  *git.Trees
	check  *checker
	at     string
	shared map[string]string
	stored map[string]bool
	dry    bool
}

func (f *finder) worker(ctx context.Context, dry bool) (*bringer, error) {
	trees, err := git.OpenTrees(ctx, f.repo.Git)
	if err != nil {
		return nil, err
	}
	return &bringer{f.repo, trees, &checker{trees: trees, shared: map[string]proof{}}, f.at, f.shared, map[string]bool{}, dry}, nil
}

func (w *bringer) bring(ctx context.Context, lost lostRun) (*format.Run, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	from := *lost.from
	from.trees = w.trees
	files, err := from.run(lost.id)
	if err != nil {
		return nil, err
	}
	run, problems := w.check.run(ctx, lost.id, files, w.shared)
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	if a, err := w.repo.Open(lost.id); err == nil {
		return nil, fmt.Errorf("is in progress here, in %s: finish or remove that first", repo.Relative(w.repo.Root, a.Dir))
	}
	if w.dry {
		return run, nil
	}
	for _, name := range repo.SharedNames(run) {
		if w.stored[name] {
			continue
		}
		_, err := w.repo.StoreShared(name, func(out io.Writer) error { return w.trees.Copy(w.shared[name], git.MaxPatchBytes, out) })
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		w.stored[name] = true
	}
	return run, w.write(ctx, run, files)
}

// write makes the files of a run that was checked.
func (w *bringer) write(ctx context.Context, run *format.Run, files map[string]git.TreeEntry) error {
	artifacts, err := w.check.artifacts(run, files)
	if err != nil {
		return err
	}
	want := maps.Clone(run.Files)
	if want == nil {
		want = map[string]format.File{}
	}
	for _, a := range artifacts {
		want[path.Join("artifacts", a.Path)] = format.File{SHA256: a.SHA256, Bytes: a.Bytes}
	}
	in, err := w.repo.Receive(run.ID)
	if err != nil {
		return err
	}
	defer in.Discard()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		blob := files[name].ID
		if file, ok := want[name]; ok {
			err = in.Add(name, file, func(out io.Writer) error { return w.trees.Copy(blob, maxBlobBytes, out) })
			if err != nil && strings.HasPrefix(name, "artifacts/") { // a pointer of git LFS
				err = in.Add(name, file, func(out io.Writer) error {
					return git.ReadFiltered(ctx, w.repo.Git, blob, path.Join(w.at, runPath(run.ID), name), out)
				})
			}
		} else {
			var data []byte
			if data, err = w.trees.Blob(blob, format.MaxRecordBytes); err == nil {
				err = in.AddBytes(name, data)
			}
		}
		if err != nil {
			return err
		}
	}
	err = in.Place()
	if err == nil || errors.Is(err, repo.ErrHere) { // with a mark
		err = w.repo.Unmark(run.ID)
	}
	return err
}
