package share

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/transition"
)

// notice finds redactions of committed runs that the working tree has and that no branch has, although nothing tells of
// them: somebody has deleted what the common Git folder keeps, or has copied the working tree. It keeps them as if they
// had just been made. pending are the redactions that are kept. It returns the ids of those that it found, also if it
// cannot keep one.
func (k *keeping) notice(ctx context.Context, pending []repo.PendingRedaction) (found []string, err error) {
	if k.local.tip == "" || git.Merging(k.repo.Git) {
		return nil, nil
	}
	if name, _ := k.repo.Git.InProgress(); name != "" { // the redactions of others are on their way
		return nil, nil
	}
	ids, err := k.repo.RedactedIDs(ctx)
	if err != nil {
		return nil, err
	}
	var failed []error
	for _, id := range ids {
		kept := func(p repo.PendingRedaction) bool { return p.ID == id && p.Worktree == nil }
		if slices.ContainsFunc(pending, kept) {
			continue
		}
		if ctx.Err() != nil {
			return found, ctx.Err()
		}
		f, err := k.find(ctx, id)
		if isBroken(err) {
			return found, err
		}
		if err != nil || f == nil { // verify reports what cannot be read
			continue
		}
		found = append(found, id)
		if err := k.repo.KeepFound(ctx, *f); err != nil {
			failed = append(failed, fmt.Errorf("keeping the redaction of run %s: %w", id, err))
		}
	}
	return found, errors.Join(failed...)
}

// noticeAll looks for redactions that nothing tells of, keeps them and reports whether there are any.
func noticeAll(ctx context.Context, r *repo.Repository) (bool, error) {
	pending, err := r.PendingRedactions()
	if err != nil {
		return false, err
	}
	k, err := openKeeping(ctx, r)
	if err != nil {
		return false, err
	}
	defer k.trees.Close()
	found, err := k.notice(ctx, pending)
	return len(found) > 0, err
}

// find returns the redaction of a run of the working tree that the runs branch has as it was before. It is nil if the
// run is no such run, or if another branch has the redaction.
func (k *keeping) find(ctx context.Context, id string) (*repo.FoundRedaction, error) {
	e, record, err := k.repo.ReadRecord(id)
	if err != nil {
		return nil, err
	}
	place := path.Join(k.at, runPath(id), repo.RecordName)
	if b := e.Batch(); b != nil { // the name of a batch is the digest of its files
		place = path.Join(k.at, b.Day, b.Name, format.BatchRunsName)
	}
	blob, there, err := k.trees.Find(k.local.tip, place)
	if err != nil || there && e.Batch() != nil {
		return nil, err
	}
	if there {
		if own, err := git.BlobID(blob.ID, int64(len(record)), bytes.NewReader(record)); err != nil || own == blob.ID {
			return nil, err
		}
	}
	files, err := filesIn(k.trees, k.local.tip, k.at, id)
	if err != nil || onlyNotes(files) {
		return nil, err
	}
	former, err := files[repo.RecordName].read(k.trees, format.MaxRecordBytes)
	if err != nil || !repo.Precedes(former, e.Run) {
		return nil, err
	}
	if elsewhere, err := k.elsewhere(ctx, id, record); err != nil || elsewhere {
		return nil, err
	}
	was, err := format.DecodeRun(repo.RecordName, former)
	if err != nil {
		return nil, err
	}
	f := &repo.FoundRedaction{ID: id, Base: k.local.tip, Batch: e.Batch()}
	if f.Files, err = k.changedFiles(ctx, e, record, files); err != nil {
		return nil, err
	}
	for _, name := range repo.SharedNames(was) {
		if !slices.Contains(repo.SharedNames(e.Run), name) {
			f.Replaced = append(f.Replaced, name)
		}
	}
	return f, nil
}

// changedFiles returns the files of a redacted run that a redaction can have changed and that differ from those of the
// commit.
func (k *keeping) changedFiles(ctx context.Context, e *repo.Entry, record []byte, there runFiles,
) (map[string][]byte, error) {
	files, err := e.Content(ctx)
	if err != nil {
		return nil, err
	}
	config, err := k.repo.Config()
	if err != nil {
		return nil, err
	}
	changed := map[string][]byte{repo.RecordName: record}
	for _, f := range files {
		if f.Name == repo.RecordName || isRows(f.Name) || there[f.Name].ID == "" || f.Bytes > transition.MaxBytes ||
			isArtifact(f.Name) && config.Artifacts.Store == format.StoreLFS {
			continue
		}
		data, err := e.ReadFile(f.Name, f.Bytes)
		if err != nil {
			return nil, err
		}
		id, err := git.BlobID(there[f.Name].ID, int64(len(data)), bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		if id != there[f.Name].ID {
			changed[f.Name] = data
		}
	}
	return changed, nil
}

// isRows reports whether a file of a run has points or values, which no redaction changes.
func isRows(name string) bool { return name == repo.MetricsName || name == format.ValuesName }
