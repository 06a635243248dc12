package share

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// item is something to verify: a run, or a shared file.
type item struct {
	in     *folderHistory
	id     string
	name   string
	blob   string
	files  runFiles // of the run; nil: those in commit
	commit string
}

// itemResult is the result for an item.
type itemResult struct {
	problems []Problem
	lacking  bool
	broken   bool
	run      *format.Run
}

// check verifies content: first each shared file, then the runs, on all processors.
func (v *verification) check(ctx context.Context) error {
	var shared, runs []item
	for _, at := range v.done.Folders {
		f := v.folders[at]
		f.ever = maps.Clone(f.old)
		maps.Copy(f.ever, f.kept)
		for _, name := range slices.Sorted(maps.Keys(f.shared)) {
			for _, blob := range slices.Sorted(maps.Keys(f.shared[name])) {
				shared = append(shared, item{in: f, name: name, blob: blob})
				f.ever[name] = blob
			}
		}
		for _, id := range slices.Sorted(maps.Keys(f.runs)) {
			if f.runs[id].touched || f.gone && f.tip[id] != nil {
				v.done.Runs++
				runs = append(runs, v.versions(f, id)...)
			}
		}
	}
	v.done.Shared = len(shared)
	progress := progressOf(v.ask.Progress, len(shared)+len(runs))
	var mu sync.Mutex
	results := map[string]sharedResult{}
	_, err := v.inParallel(ctx, shared, nil, progress, func(_ context.Context, k *checker, l item) itemResult {
		p := k.verifyShared(l.name, l.blob)
		mu.Lock()
		defer mu.Unlock()
		results[sharedKey(l.name, l.blob)] = p
		return v.sharedItem(l, p)
	})
	if err != nil {
		return err
	}
	found, err := v.inParallel(ctx, runs, results, progress, v.runItem)
	if err != nil {
		return err
	}
	v.references(runs, found)
	if err := v.batches(ctx); err != nil {
		return err
	}
	return v.configs(ctx)
}

// batches verifies what belongs to no run of each batch of the history.
func (v *verification) batches(ctx context.Context) error {
	objects, err := git.OpenObjects(ctx, v.dirs, v.absent)
	if err != nil {
		return err
	}
	defer func() { objects.Close() }()
	for _, at := range v.done.Folders {
		f := v.folders[at]
		for _, key := range slices.Sorted(maps.Keys(f.seen)) {
			if err := ctx.Err(); err != nil {
				return err
			}
			b := f.seen[key]
			err := b.check(objects)
			switch {
			case err == nil:
				continue
			case v.lacks(err):
				v.done.Unchecked++
				continue
			case isBroken(err):
				objects.Close()
				if objects, err = git.OpenObjects(ctx, v.dirs, v.absent); err != nil {
					return err
				}
				err = fmt.Errorf("%s cannot be read", b.path)
			}
			v.problem(Problem{Runs: at, Path: path.Join(at, b.path), Reason: strings.TrimPrefix(err.Error(), b.path+" ")})
		}
	}
	return nil
}

// configs verifies each config.toml at the end of the history, because every command reads it first.
func (v *verification) configs(ctx context.Context) error {
	objects, err := git.OpenObjects(ctx, v.dirs, v.absent)
	if err != nil {
		return err
	}
	defer objects.Close()
	for _, at := range v.done.Folders {
		blob := v.folders[at].config
		if blob == "" {
			continue
		}
		data, err := objects.Blob(blob, format.MaxConfigBytes)
		if err == nil {
			_, err = format.DecodeConfig(configName, data)
		}
		if err != nil && !v.lacks(err) {
			v.problem(Problem{Runs: at, Path: path.Join(at, configName), Reason: err.Error()})
		}
	}
	return nil
}

func progressOf(tell func(done, total int64), total int) func() {
	var done atomic.Int64
	return func() {
		if n := done.Add(1); tell != nil {
			tell(n, int64(total))
		}
	}
}

// inParallel verifies items on all processors. Each worker has its own Git process. known holds the results of the
// shared files that were verified before.
func (v *verification) inParallel(ctx context.Context, items []item, known map[string]sharedResult, progress func(),
	prove func(context.Context, *checker, item) itemResult,
) ([]itemResult, error) {
	found := make([]itemResult, len(items))
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range min(runtime.GOMAXPROCS(0), len(items)) {
		group.Go(func() error {
			k := &checker{shared: maps.Clone(known), batches: true}
			if known == nil {
				k.shared = map[string]sharedResult{}
			}
			var err error
			if k.trees, err = git.OpenObjects(ctx, v.dirs, v.absent); err != nil {
				return err
			}
			defer func() { k.trees.Close() }()
			for i := int(next.Add(1)) - 1; i < len(items); i = int(next.Add(1)) - 1 {
				if err := ctx.Err(); err != nil {
					return err
				}
				found[i] = prove(ctx, k, items[i])
				progress()
				if found[i].broken { // Git exits when it reads a damaged object
					k.trees.Close()
					if k.trees, err = git.OpenObjects(ctx, v.dirs, v.absent); err != nil {
						return err
					}
				}
			}
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for _, d := range found {
		v.done.Problems = append(v.done.Problems, d.problems...)
		if d.lacking {
			v.done.Unchecked++
		}
	}
	return found, nil
}

func (v *verification) sharedItem(l item, p sharedResult) itemResult {
	var d itemResult
	switch {
	case p.err == nil:
	case v.lacks(p.err):
		d.lacking = true
	default:
		d.broken = isBroken(p.err)
		reason := strings.TrimPrefix(p.err.Error(), l.name+": ")
		d.problems = []Problem{{Runs: l.in.at, Path: path.Join(l.in.at, l.name), Reason: reason}}
	}
	return d
}

// lacks reports whether an error means that a partial clone has not fetched an object.
func (v *verification) lacks(err error) bool {
	return v.done.Partial && errors.Is(err, git.ErrNoObject)
}

// isBroken reports whether an error means that the Git process has failed.
func isBroken(err error) bool {
	var failed *git.Error
	return errors.As(err, &failed)
}

// versions returns the versions of a run to verify: the run as it was added and annotated. If commits have rewritten
// the run, these are also the run as each of them left it, and as it is at the end.
func (v *verification) versions(f *folderHistory, id string) []item {
	r := f.runs[id]
	if len(r.rewrites) == 0 {
		return []item{{in: f, id: id, files: r.files, commit: r.came}}
	}
	var items []item
	if first := r.rewrites[0]; first.touched {
		items = append(items, item{in: f, id: id, files: first.was, commit: r.came})
	}
	for _, w := range r.rewrites {
		items = append(items, item{in: f, id: id, commit: w.commit})
	}
	if f.tip[id] != nil {
		for _, commit := range v.done.Tips {
			items = append(items, item{in: f, id: id, commit: commit})
		}
	}
	return items
}

func (v *verification) runItem(ctx context.Context, k *checker, l item) itemResult {
	var d itemResult
	shared := l.in.kept
	if l.in.tip[l.id] == nil || len(l.in.runs[l.id].rewrites) > 0 && !slices.Contains(v.done.Tips, l.commit) {
		shared = l.in.ever
	}
	files := l.files
	if files == nil {
		var err error
		if files, err = filesIn(k.trees, l.commit, l.in.at, l.id); err == nil && files == nil {
			return d // another tip has it
		}
		if err != nil {
			return v.failed(d, l, err)
		}
	}
	run, problems := k.run(ctx, l.id, files, shared)
	d.run = run
	for _, err := range problems {
		d = v.failed(d, l, err)
	}
	return d
}

// failed adds a problem of a run to a result.
func (v *verification) failed(d itemResult, l item, err error) itemResult {
	if v.lacks(err) {
		d.lacking = true
		return d
	}
	if isBroken(err) {
		if d.broken {
			return d // every later request gets the same error
		}
		d.broken = true
	}
	d.problems = append(d.problems, Problem{Runs: l.in.at, ID: l.id, Commit: l.commit, Reason: err.Error()})
	return d
}

// references records the references to runs that do not exist.
func (v *verification) references(items []item, found []itemResult) {
	for i, l := range items {
		run := found[i].run
		if run == nil {
			continue
		}
		for _, ref := range repo.References(run) {
			if l.in.runs[ref.ID] == nil && !l.in.marks[ref.ID] {
				v.done.Unknown = append(v.done.Unknown, Reference{l.id, ref.Key, ref.ID})
			}
		}
	}
}
