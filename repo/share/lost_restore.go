package share

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// restore restores runs, several at a time, because much of the time is spent waiting for the disk.
func (f *finder) restore(ctx context.Context, lost []lostRun, q LostRequest) error {
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
				records[i], errs[i] = w.restore(within, lost[i])
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
			if q.Progress != nil {
				q.Progress(int(finished.Load()), len(lost))
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

// restorer restores runs, one after the other.
type restorer struct {
	repo   *repo.Repository
	trees  *git.Trees
	check  *checker
	at     string
	shared map[string]string
	stored map[string]bool
	dry    bool
}

func (f *finder) worker(ctx context.Context, dry bool) (*restorer, error) {
	trees, err := git.OpenTrees(ctx, f.repo.Git)
	if err != nil {
		return nil, err
	}
	return &restorer{
		f.repo, trees, &checker{trees: trees, shared: map[string]sharedResult{}}, f.at, f.shared,
		map[string]bool{},
		dry,
	}, nil
}

func (w *restorer) restore(ctx context.Context, lost lostRun) (*format.Run, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	files := lost.files
	run, problems := w.check.run(ctx, lost.id, files, w.shared)
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	if a, err := w.repo.Open(lost.id); err == nil {
		return nil, fmt.Errorf("it is still running here, in %s: finish or remove it first",
			repo.Relative(w.repo.Root, a.Dir))
	}
	if w.dry {
		return run, nil
	}
	if err := w.storeShared(run); err != nil {
		return nil, err
	}
	return run, w.write(ctx, run, files)
}

// storeShared stores the shared files of a verified run.
func (w *restorer) storeShared(run *format.Run) error {
	for _, name := range repo.SharedNames(run) {
		if w.stored[name] {
			continue
		}
		_, err := w.repo.StoreShared(name, func(out io.Writer) error {
			return w.trees.Copy(w.shared[name], git.MaxPatchBytes, out)
		})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		w.stored[name] = true
	}
	return nil
}

// write writes the files of a verified run.
func (w *restorer) write(ctx context.Context, run *format.Run, files runFiles) error {
	in, err := w.receive(ctx, run, files)
	if err != nil {
		return err
	}
	defer in.Discard()
	err = in.Place()
	if err == nil { // every worktree sees it, and one that is removed does not take it along
		err = w.repo.KeepCopy(run.ID)
	}
	if err == nil || errors.Is(err, repo.ErrExists) { // the run is in place, but may have a removal marker
		err = w.repo.Unmark(run.ID)
	}
	return err
}

// receive writes the files of a verified run to a temporary folder. The caller ends it with Place or Discard.
func (w *restorer) receive(ctx context.Context, run *format.Run, files runFiles,
) (in *repo.Incoming, err error) {
	artifacts, err := w.check.artifacts(run, files)
	if err != nil {
		return nil, err
	}
	want := maps.Clone(run.Files)
	if want == nil {
		want = map[string]format.File{}
	}
	for _, a := range artifacts {
		want[path.Join("artifacts", a.Path)] = format.File{SHA256: a.SHA256, Bytes: a.Bytes}
	}
	incoming, err := w.repo.Receive(run.ID)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			incoming.Discard()
		}
	}()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		from := files[name]
		if from.rows() {
			err = addRows(incoming, w.trees, from, name, want[name])
		} else if file, ok := want[name]; ok {
			err = incoming.Add(name, file, func(out io.Writer) error { return from.copy(w.trees, maxBlobBytes, out) })
			if err != nil && strings.HasPrefix(name, "artifacts/") { // it may be a pointer of Git LFS
				err = incoming.Add(name, file, func(out io.Writer) error {
					if err := permitLFS(ctx, w.repo); err != nil {
						return err
					}
					return git.ReadFiltered(ctx, w.repo.Git, from.ID, path.Join(w.at, from.path(run.ID, name)), out)
				})
			}
		} else {
			var data []byte
			if data, err = from.read(w.trees, format.MaxRecordBytes); err == nil {
				err = incoming.AddBytes(name, data)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return incoming, nil
}

// addRows writes the rows of a run in a batch, which were verified, as a file of the run. If these are not the bytes
// that were recorded, the record must have the digest of the rows.
func addRows(in *repo.Incoming, trees *git.Trees, from runFile, name string, want format.File) error {
	data, err := from.read(trees, format.MaxBatchBytes)
	if err != nil {
		return err
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != want.SHA256 && want.Points == "" {
		return fmt.Errorf("%s in %s cannot be stored as the bytes that were recorded", name, from.batch.path)
	}
	return in.AddBytes(name, data)
}
