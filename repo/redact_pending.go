package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/gitruns/runs/format"
)

// PendingRedaction is a redaction of a run that no commit has yet. Its result is kept below RedactedDir, because until
// it is committed, Git can bring back the former bytes of the run and can delete the batch that replaced its batch.
type PendingRedaction struct {
	ID       string
	Worktree *Worktree // the other worktree in which it was made; nil for this one
	repo     *Repository
	dir      string
}

// The entries of the folder of a pending redaction.
const (
	pendingFiles = "files" // the new files of the run, by their names in its folder
	pendingOld   = "old"   // empty files with the names of the shared files that were replaced
	pendingBase  = "base"  // the commit of the runs branch at the time of the redaction
	pendingBatch = "batch" // the batch that has the run since, relative to .runs
)

// PendingRedactions lists the redactions of this worktree that are kept, by the ids of their runs.
func (r *Repository) PendingRedactions() ([]PendingRedaction, error) {
	return r.pendingIn(r.redactions())
}

func (r *Repository) pendingIn(root string) ([]PendingRedaction, error) {
	done := filepath.Join(root, doneName)
	entries, err := os.ReadDir(done)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing redactions: %w", err)
	}
	var pending []PendingRedaction
	for _, e := range entries {
		if format.CheckID(e.Name()) == nil {
			pending = append(pending, PendingRedaction{ID: e.Name(), repo: r, dir: filepath.Join(done, e.Name())})
		}
	}
	return pending, nil
}

// keepPending keeps the result of a redaction until it is committed. from has the new files of the run, and old the
// names of the shared files that were replaced. What an earlier redaction of the run has changed stays.
func (r *Repository) keepPending(from, old, id string) error {
	if !r.InGit {
		return nil
	}
	dir := filepath.Join(r.RedactedDir(), id)
	if info, err := os.Lstat(dir); err == nil && !info.IsDir() { // an earlier version wrote an empty file
		if err := os.Remove(dir); err != nil {
			return err
		}
	}
	for _, part := range []struct{ from, to string }{{old, pendingOld}, {from, pendingFiles}} {
		to := filepath.Join(dir, part.to)
		if err := os.MkdirAll(to, 0o777); err != nil {
			return err
		}
		names, err := rewrittenNames(part.from)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			err = placeFiles(part.from, to, names)
		}
		if err != nil {
			return err
		}
	}
	return syncDir(dir)
}

// Replaced lists the shared files that the redaction has replaced, by their paths in .runs. The zero value has none.
func (p PendingRedaction) Replaced() []string {
	if p.dir == "" {
		return nil
	}
	names, _ := rewrittenNames(filepath.Join(p.dir, pendingOld))
	for i, name := range names {
		names[i] = filepath.ToSlash(name)
	}
	return slices.DeleteFunc(names, func(name string) bool { return !IsShared(name) })
}

// Record returns the bytes of the redacted record. They are nil if an earlier version of the program redacted the run,
// which kept nothing.
func (p PendingRedaction) Record() ([]byte, error) {
	data, err := readBounded(filepath.Join(p.dir, pendingFiles, RecordName), format.MaxRecordBytes)
	if err != nil {
		if info, statErr := os.Lstat(p.dir); statErr == nil && !info.IsDir() || errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
	}
	return data, err
}

// Files lists the files of the run that the redaction has changed, by their names in its folder.
func (p PendingRedaction) Files() []string {
	names, _ := rewrittenNames(filepath.Join(p.dir, pendingFiles))
	for i, name := range names {
		names[i] = filepath.ToSlash(name)
	}
	return names
}

// Read returns the new bytes of one of Files.
func (p PendingRedaction) Read(name string) ([]byte, error) {
	return readBounded(filepath.Join(p.dir, pendingFiles, filepath.FromSlash(name)), maxFileBytes)
}

// Base returns the commit that SetBase has noted, or an empty string.
func (p PendingRedaction) Base() string { return readLine(filepath.Join(p.dir, pendingBase)) }

// SetBase notes the commit of the runs branch that has the run as it was before.
func (p PendingRedaction) SetBase(commit string) error {
	return writeLine(p.dir, pendingBase, commit)
}

// writeLine replaces a file of one line in a folder.
func writeLine(dir, name, line string) error {
	return writeIntoRun(dir, name, func(tmp string) error { return writeFile(tmp, []byte(line+"\n")) })
}

// ForgetRedactions removes what is kept of redactions: a commit has them.
func ForgetRedactions(pending ...PendingRedaction) error {
	for _, p := range pending {
		if err := removePlanned(filepath.Join(p.root(), plannedName), p.dir); err != nil {
			return fmt.Errorf("forgetting the redaction of run %s: %w", p.ID, err)
		}
	}
	return DropBatches(pending...)
}

// DropBatches removes the batches that no redaction needs, in the worktrees of these redactions. Some of these may have
// been forgotten or adopted.
func DropBatches(pending ...PendingRedaction) error {
	done := map[string]bool{}
	for _, p := range pending {
		if root := p.root(); !done[root] {
			done[root] = true
			if err := p.repo.dropKeptBatches(root); err != nil {
				return err
			}
		}
	}
	return nil
}

// Precedes reports whether a record is the run as it was before one of its redactions.
func Precedes(record []byte, run *format.Run) bool {
	was := sumOf(record)
	return slices.ContainsFunc(run.Redacted, func(m format.Redaction) bool { return m.Was == was })
}

// ApplyRedactions applies redactions again if Git has brought back former bytes of a run or a shared file that was
// replaced. It also brings back the batch of a run for which missing returns true, if the working tree does not have
// the run any more. A run that has changed in another way is left alone. The caller holds LockRedactions. It returns
// the runs that it redacted again, and those that it brought back.
func (r *Repository) ApplyRedactions(ctx context.Context, pending []PendingRedaction, missing func(id string) bool,
) (again, back []string, err error) {
	fail := func(err error) ([]string, []string, error) {
		return again, back, fmt.Errorf("applying redactions again: %w", err)
	}
	batched := map[string]bool{} // runs of batches that have former bytes
	files := map[string]string{}
	for _, p := range pending {
		files[p.ID] = filepath.Join(p.dir, pendingFiles)
		if !missing(p.ID) {
			continue
		}
		did, err := p.restoreBatch()
		if err != nil {
			return fail(fmt.Errorf("run %s: %w", p.ID, err))
		}
		if did {
			back = append(back, p.ID)
		}
	}
	for _, p := range pending {
		changed, inBatch, err := p.check()
		if err != nil {
			return fail(fmt.Errorf("run %s: %w", p.ID, err))
		}
		batched[p.ID] = inBatch
		if changed || inBatch {
			again = append(again, p.ID)
		}
	}
	ids := slices.DeleteFunc(slices.Clone(again), func(id string) bool { return !batched[id] })
	if _, err := r.placeBatched(ctx, func(id string) string { return files[id] }, ids); err != nil {
		return fail(err)
	}
	var kept []string
	for _, p := range pending {
		if p.Batch() != "" {
			kept = append(kept, p.ID)
		}
	}
	if err := r.dropSuperseded(ctx, kept); err != nil {
		return fail(err)
	}
	for _, id := range again {
		if exists(filepath.Join(r.RunDir(id), RecordName)) {
			names, err := rewrittenNames(files[id])
			if err == nil {
				err = placeFiles(files[id], r.RunDir(id), names)
			}
			if err != nil {
				return fail(fmt.Errorf("run %s: %w", id, err))
			}
		}
	}
	for _, p := range pending {
		if !slices.Contains(again, p.ID) && !p.oldCameBack() {
			continue
		}
		_, removed, err := r.removeReplaced(ctx, filepath.Join(p.dir, pendingOld))
		if err != nil {
			return fail(err)
		}
		if removed {
			add(&again, p.ID)
		}
	}
	if len(again) > 0 {
		if err := r.cleanIndex(ctx); err != nil {
			return fail(err)
		}
	}
	return again, back, nil
}

// check reports whether the folder of the run, or a batch, has the run as it was before the redaction.
func (p PendingRedaction) check() (alone, batched bool, err error) {
	record, err := p.Record()
	if err != nil || record == nil {
		return false, false, err
	}
	run, err := decodeFinished(RecordName, p.ID, record)
	if err != nil {
		return false, false, err
	}
	r := p.repo
	for _, b := range r.batchesOf(Home{Dir: r.Dir}, p.ID) {
		entry, err := r.batchRun(b, p.ID)
		if err != nil {
			return false, false, nil // it is damaged, which is reported
		}
		batched = batched || Precedes(entry.Record, run)
	}
	single, err := readBounded(filepath.Join(r.RunDir(p.ID), RecordName), format.MaxRecordBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return false, batched, nil
	}
	if err == nil && (string(single) == string(record) || Precedes(single, run)) {
		alone, err = r.differs(filepath.Join(p.dir, pendingFiles), p.ID)
	}
	return alone, batched, err
}

// differs reports whether one of the files of a folder differs in the folder of a run, or is not there.
func (r *Repository) differs(from, id string) (bool, error) {
	names, err := rewrittenNames(from)
	if err != nil {
		return false, err
	}
	for _, name := range names {
		same, err := sameFiles(filepath.Join(from, name), filepath.Join(r.RunDir(id), name))
		if errors.Is(err, fs.ErrNotExist) { // 'git clean' has deleted a note
			return true, nil
		}
		if err != nil || !same {
			return err == nil, err
		}
	}
	return false, nil
}

// oldCameBack reports whether the working tree has a shared file that the redaction had removed from it.
func (p PendingRedaction) oldCameBack() bool {
	return slices.ContainsFunc(p.Replaced(), func(name string) bool { return exists(filepath.Join(p.repo.Dir, name)) })
}

// root returns the folder with the redactions of the worktree.
func (p PendingRedaction) root() string { return filepath.Dir(filepath.Dir(p.dir)) }

// keptBatches is the folder of the batches that redactions have written, by day and name.
func (p PendingRedaction) keptBatches() string { return filepath.Join(p.root(), batchesName) }

// keepBatch keeps a batch that a redaction has written, and notes that it has these runs. Git ignores the batch in the
// working tree: a plain 'git clean -fdx' deletes it.
func (r *Repository) keepBatch(name string, ids []string) error {
	to := filepath.Join(r.redactions(), batchesName, filepath.FromSlash(name))
	if err := r.linkFolder(filepath.Join(r.Dir, filepath.FromSlash(name)), to); err != nil {
		return err
	}
	for _, id := range ids {
		dir := filepath.Join(r.RedactedDir(), id)
		if info, err := os.Lstat(dir); err != nil || !info.IsDir() {
			continue // it has no pending redaction
		}
		if err := writeLine(dir, pendingBatch, name); err != nil {
			return err
		}
	}
	return nil
}

// dropKeptBatches removes the batches that no pending redaction of a worktree needs.
func (r *Repository) dropKeptBatches(root string) error {
	kept := filepath.Join(root, batchesName)
	if !exists(kept) {
		return nil
	}
	pending, err := r.pendingIn(root)
	if err != nil {
		return err
	}
	needed := map[string]bool{}
	for _, p := range pending {
		needed[p.batch()] = true
	}
	if len(pending) == 0 {
		return os.RemoveAll(kept)
	}
	for _, dir := range subfolders(kept, 2, nil) {
		if name := Relative(kept, dir); !needed[name] {
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// batch returns the batch that has the run since its redaction, relative to .runs, or an empty string.
func (p PendingRedaction) batch() string {
	name := readLine(filepath.Join(p.dir, pendingBatch))
	if format.CheckDay(path.Dir(name)) != nil || !format.IsBatchName(path.Base(name)) {
		return ""
	}
	return name
}

// restoreBatch links the batch that was kept into the working tree, if that does not have the run.
func (p PendingRedaction) restoreBatch() (bool, error) {
	if exists(filepath.Join(p.repo.RunDir(p.ID), RecordName)) ||
		len(p.repo.batchesOf(Home{Dir: p.repo.Dir}, p.ID)) > 0 {
		return false, nil
	}
	name := p.batch()
	from := filepath.Join(p.keptBatches(), filepath.FromSlash(name))
	if name == "" || !exists(from) {
		return false, nil
	}
	tmp, err := newInDay(filepath.Join(p.repo.Dir, path.Dir(name)))
	if err != nil {
		return false, err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	if err := os.Remove(tmp); err != nil {
		return false, err
	}
	if err := p.repo.linkTree(from, tmp); err != nil {
		return false, err
	}
	defer p.repo.batches.relist()
	return true, os.Rename(tmp, filepath.Join(p.repo.Dir, filepath.FromSlash(name)))
}

// SetAside removes from the working tree the batch that the redaction has written, because it belongs to a branch that
// is not checked out. It is kept until that branch is checked out again.
func (p PendingRedaction) SetAside() error {
	name := p.batch()
	if name == "" || !exists(filepath.Join(p.keptBatches(), filepath.FromSlash(name))) ||
		!exists(filepath.Join(p.repo.Dir, filepath.FromSlash(name))) {
		return nil
	}
	return p.repo.RemoveBatch(name)
}

// Batch returns the path in .runs of the batch that the redaction has written, if the working tree has it.
func (p PendingRedaction) Batch() string {
	if name := p.batch(); name != "" && exists(filepath.Join(p.repo.Dir, filepath.FromSlash(name))) {
		return name
	}
	return ""
}
