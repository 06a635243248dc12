package repo

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/index"
)

// RedactedIDs lists the finished runs of the working tree whose records list a redaction, sorted. Removed runs that a
// batch still has are among them. The index answers.
func (r *Repository) RedactedIDs(ctx context.Context) ([]string, error) {
	var ids []string
	take := func(run *format.Run) {
		if len(run.Redacted) > 0 {
			ids = append(ids, run.ID)
		}
	}
	if os.Getenv(IndexVariable) == IndexOff {
		entries, _, err := r.List(ctx)
		for _, e := range entries {
			take(e.Run)
		}
		slices.Sort(ids)
		return ids, err
	}
	found, err := r.openIndex(ctx, r.indexOf(r.Homes()[0]))
	if err != nil {
		return nil, err
	}
	t := index.NewTable(found.Blocks, nil)
	for row, id := range t.IDs() {
		if t.Is(index.Redacted, row) && format.CheckID(id) == nil {
			ids = append(ids, id)
		}
	}
	for _, id := range found.Bad {
		if e, err := r.readFinished(id); format.CheckID(id) == nil && err == nil { // otherwise it is reported as damaged
			take(e.Run)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// FoundRedaction is a redaction that the working tree has and that nothing else tells of.
type FoundRedaction struct {
	ID       string
	Files    map[string][]byte // the new files of the run, by their names in its folder
	Replaced []string          // the shared files that were replaced, by their paths in .runs
	Base     string            // the commit that has the run as it was
	Batch    *Batch            // that has the run; nil for a run with a folder of its own
}

// KeepFound keeps a redaction that was found as Redact keeps those that it makes, until a commit has it.
func (r *Repository) KeepFound(ctx context.Context, f FoundRedaction) error {
	if _, err := r.worktree(); err != nil { // redactions are kept by the id of their worktree
		return err
	}
	unlock, err := r.LockRedactions(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	tmp := filepath.Join(r.redactDir(), newPrefix+format.RandomLetters(8))
	defer func() { _ = os.RemoveAll(tmp) }()
	files, old := filepath.Join(tmp, pendingFiles), filepath.Join(tmp, pendingOld)
	write := func(at, name string, data []byte) error {
		target := filepath.Join(at, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(target), 0o777); err != nil {
			return err
		}
		return writeFile(target, data)
	}
	for name, data := range f.Files {
		if err := write(files, name, data); err != nil {
			return err
		}
	}
	for _, name := range f.Replaced {
		if err := write(old, name, nil); err != nil {
			return err
		}
	}
	if err := r.keepPending(files, old, f.ID); err != nil {
		return err
	}
	p := PendingRedaction{ID: f.ID, repo: r, dir: filepath.Join(r.RedactedDir(), f.ID)}
	if err := p.SetBase(f.Base); err != nil || f.Batch == nil {
		return err
	}
	return r.keepBatch(f.Batch.Day+"/"+f.Batch.Name, f.Batch.ids)
}
