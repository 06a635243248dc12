package share

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// inputs returns the runs of a batch of a commit, without those in but, to build another batch of them.
func (b *heldBatch) inputs(trees *git.Trees, but map[string]bool) ([]repo.BatchInput, error) {
	tables := map[string][]byte{}
	for _, name := range []string{format.MetricsName, format.ValuesName} {
		b.mu.Lock()
		data, err := b.table(trees, name)
		b.mu.Unlock()
		if err != nil {
			return nil, err
		}
		tables[name] = data
	}
	rows, err := repo.OpenBatchTables(tables)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.path, err)
	}
	own := map[string][]format.BatchFile{}
	for _, name := range slices.Sorted(maps.Keys(b.files)) {
		rest, ok := strings.CutPrefix(name, format.BatchFilesName+"/")
		if !ok {
			continue
		}
		id, file, _ := strings.Cut(rest, "/")
		digest, _, _, err := trees.Sum(b.files[name].ID, maxBlobBytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path.Join(b.path, name), err)
		}
		own[id] = append(own[id], format.BatchFile{Path: file, SHA256: digest})
	}
	var inputs []repo.BatchInput
	for _, id := range b.ids {
		if but[id] {
			continue
		}
		record, err := b.record(trees, id)
		if err != nil {
			return nil, err
		}
		in := rows.Input(id, bytes.Clone(record))
		in.Files = own[id]
		in.Rows = map[string]string{format.MetricsName: b.runs[id].points, format.ValuesName: b.runs[id].values}
		inputs = append(inputs, in)
	}
	return inputs, nil
}

// rebuild stores a batch without some of its runs. It returns the files of the new batch, relative to .runs; if no run
// is left, there are none.
func (b *heldBatch) rebuild(ctx context.Context, dirs git.Dirs, trees *git.Trees, but map[string]bool,
) ([]git.Edit, error) {
	return b.rebuildWith(ctx, dirs, trees, but, nil, nil)
}

// rebuildWith stores a batch without some of its runs, and with the runs of another batch of the day, which may be nil,
// but for some of them. The batches must have no other run in common.
func (b *heldBatch) rebuildWith(ctx context.Context, dirs git.Dirs, trees *git.Trees, but map[string]bool,
	other *heldBatch, otherBut map[string]bool,
) ([]git.Edit, error) {
	inputs, err := b.inputs(trees, but)
	if err == nil && other != nil {
		var more []repo.BatchInput
		more, err = other.inputs(trees, otherBut)
		inputs = append(inputs, more...)
		slices.SortFunc(inputs, func(a, b repo.BatchInput) int { return strings.Compare(a.ID, b.ID) })
	}
	if err != nil {
		return nil, err
	}
	return b.store(ctx, dirs, inputs, func(name string) string {
		from := b
		rest, _ := strings.CutPrefix(name, format.BatchFilesName+"/")
		if id, _, _ := strings.Cut(rest, "/"); other != nil && !otherBut[id] {
			if _, has := other.runs[id]; has {
				from = other
			}
		}
		return from.files[name].ID
	})
}

// store builds a batch of the day and stores it. blob returns the blob of a file of a run, or an empty string. It
// returns the files of the batch, relative to .runs; without runs, there are none.
func (b *heldBatch) store(ctx context.Context, dirs git.Dirs, inputs []repo.BatchInput, blob func(name string) string,
) ([]git.Edit, error) {
	if len(inputs) == 0 {
		return nil, nil
	}
	built, err := repo.BuildBatch(ctx, inputs)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.path, err)
	}
	at := path.Join(path.Dir(b.path), built.Name)
	var edits []git.Edit
	for _, name := range slices.Sorted(maps.Keys(built.Tables)) {
		id, err := git.WriteBlob(ctx, dirs, built.Tables[name])
		if err != nil {
			return nil, err
		}
		edits = append(edits, git.Edit{Path: path.Join(at, name), Mode: "100644", ID: id})
	}
	for _, f := range built.Files {
		if !strings.HasPrefix(f.Path, format.BatchFilesName+"/") {
			continue
		}
		if id := blob(f.Path); id != "" {
			edits = append(edits, git.Edit{Path: path.Join(at, f.Path), Mode: "100644", ID: id})
		}
	}
	return edits, nil
}

// edits returns changes that add the batch, relative to .runs.
func (b *heldBatch) edits() []git.Edit {
	var edits []git.Edit
	for _, name := range slices.Sorted(maps.Keys(b.files)) {
		edits = append(edits, git.Edit{Path: path.Join(b.path, name), Mode: "100644", ID: b.files[name].ID})
	}
	return edits
}
