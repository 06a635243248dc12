package share

import (
	"context"
	"errors"
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

// look is a thing to prove: a run, or a file that runs share.
type look struct {
	in   *pastRuns
	id   string
	name string
	blob string
}

// verdict is what came out.
type verdict struct {
	problems []Problem
	lacking  bool
	broken   bool
	run      *format.Run
}

// check proves snapshot: first the shared files, each once, then the runs, on all processors.
func (v *verification) check(ctx context.Context) error {
	var shared, runs []look
	for _, at := range v.done.Folders {
		f := v.folders[at]
		f.ever = maps.Clone(f.kept)
		for _, name := range slices.Sorted(maps.Keys(f.shared)) {
			for _, blob := range slices.Sorted(maps.Keys(f.shared[name])) {
				shared = append(shared, look{in: f, name: name, blob: blob})
				f.ever[name] = blob
			}
		}
		for _, id := range slices.Sorted(maps.Keys(f.runs)) {
			if f.runs[id].touched || f.gone && f.tip[id] != nil {
				runs = append(runs, look{in: f, id: id})
			}
		}
	}
	v.done.Shared, v.done.Runs = len(shared), len(runs)
	progress := progressOf(v.ask.Progress, len(shared)+len(runs))
	var mu sync.Mutex
	proofs := map[string]proof{}
	_, err := v.inParallel(ctx, shared, nil, progress, func(_ context.Context, k *checker, l look) verdict {
		p := k.prove(l.name, l.blob)
		mu.Lock()
		defer mu.Unlock()
		proofs[proofKey(l.name, l.blob)] = p
		return v.sharedVerdict(l, p)
	})
	if err != nil {
		return err
	}
	verdicts, err := v.inParallel(ctx, runs, proofs, progress, v.runVerdict)
	if err != nil {
		return err
	}
	v.references(runs, verdicts)
	return v.configs(ctx)
}

// configs reads the settings that the end of the history has: every command reads them first.
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

// inParallel proves things, each worker with a process of git of its own. What was proved before is known to all of them.
func (v *verification) inParallel(ctx context.Context, looks []look, known map[string]proof, progress func(), prove func(context.Context, *checker, look) verdict) ([]verdict, error) {
	verdicts := make([]verdict, len(looks))
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range min(runtime.GOMAXPROCS(0), len(looks)) {
		group.Go(func() error {
			k := &checker{shared: maps.Clone(known)}
			if known == nil {
				k.shared = map[string]proof{}
			}
			var err error
			if k.trees, err = git.OpenObjects(ctx, v.dirs, v.absent); err != nil {
				return err
			}
			defer func() { k.trees.Close() }()
			for i := int(next.Add(1)) - 1; i < len(looks); i = int(next.Add(1)) - 1 {
				if err := ctx.Err(); err != nil {
					return err
				}
				verdicts[i] = prove(ctx, k, looks[i])
				progress()
				if verdicts[i].broken { // git ends at an object that is damaged
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
	for _, d := range verdicts {
		v.done.Problems = append(v.done.Problems, d.problems...)
		if d.lacking {
			v.done.Unchecked++
		}
	}
	return verdicts, nil
}

func (v *verification) sharedVerdict(l look, p proof) verdict {
	var d verdict
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

// lacks reports whether an object is only not fetched yet.
func (v *verification) lacks(err error) bool {
	return v.done.Partial && errors.Is(err, git.ErrNoObject)
}

// isBroken reports whether git itself has failed.
func isBroken(err error) bool {
	var failed *git.Error
	return errors.As(err, &failed)
}

func (v *verification) runVerdict(ctx context.Context, k *checker, l look) verdict {
	var d verdict
	r := l.in.runs[l.id]
	shared := l.in.kept
	if l.in.tip[l.id] == nil {
		shared = l.in.ever
	}
	run, problems := k.run(ctx, l.id, r.files, shared)
	d.run = run
	for _, other := range r.others {
		if run != nil {
			problems = append(problems, k.artifactAgain(run, r.files, other)...)
		}
	}
	for _, err := range problems {
		if v.lacks(err) {
			d.lacking = true
			continue
		}
		if isBroken(err) {
			if d.broken {
				continue // the answer to all that was asked after the first
			}
			d.broken = true
		}
		d.problems = append(d.problems, Problem{Runs: l.in.at, ID: l.id, Commit: r.came, Reason: err.Error()})
	}
	return d
}

// references names the runs that others name and that are nowhere.
func (v *verification) references(looks []look, verdicts []verdict) {
	for i, l := range looks {
		run := verdicts[i].run
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
