package repo

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"slices"

	"github.com/gitruns/runs/format"
)

// placeBatched puts the new files of redacted runs into the batches that have the runs: each such batch is written
// under a new name, with the other runs as they are, before the old one goes. from returns the folder with the new
// files of a run. It returns the runs that are in batches. A record that the new one does not follow stays. If it is
// killed, it can be repeated.
func (r *Repository) placeBatched(ctx context.Context, from func(id string) string, ids []string) (map[string]bool,
	error,
) {
	batches, _, err := r.Batches()
	if err != nil {
		return nil, err
	}
	placed := map[string]bool{}
	written := false
	for _, b := range batches {
		changed := map[string]string{}
		for _, id := range ids {
			if !b.has(id) {
				continue
			}
			placed[id] = true
			record, err := readBounded(filepath.Join(from(id), RecordName), format.MaxRecordBytes)
			if err != nil {
				return nil, err
			}
			run, err := r.batchRun(b, id)
			if err != nil {
				return nil, err
			}
			redacted, err := decodeFinished(RecordName, id, record)
			if err != nil {
				return nil, err
			}
			if Precedes(run.Record, redacted) {
				changed[id] = from(id)
			}
		}
		if len(changed) > 0 {
			if err := r.rewriteBatch(ctx, b, changed); err != nil {
				return nil, fmt.Errorf("%s: %w", b.show, err)
			}
			written = true
		}
	}
	if written {
		if err := r.dropKeptBatches(r.redactions()); err != nil {
			return nil, err
		}
	}
	for id := range placed {
		if err := r.placeBeside(from(id), id); err != nil {
			return nil, err
		}
	}
	return placed, nil
}

// rewriteBatch writes a batch anew, with the new files of runs, and removes the old one. changed has the folder of the
// new files of a run.
func (r *Repository) rewriteBatch(ctx context.Context, b *Batch, changed map[string]string) error {
	at := path.Join(b.Day, b.Name)
	tables, err := r.ReadBatchFiles(at)
	if err != nil {
		return err
	}
	runs, err := format.DecodeBatch(filepath.Join(b.show, format.BatchRunsName), tables[format.BatchRunsName])
	if err != nil {
		return err
	}
	rows, err := OpenBatchTables(tables)
	if err != nil {
		return err
	}
	in, err := r.ReceiveBatch(b.Day)
	if err != nil {
		return err
	}
	defer in.Discard()
	var inputs []BatchInput
	for _, run := range runs {
		record := run.Record
		if from := changed[run.ID]; from != "" {
			if record, err = readBounded(filepath.Join(from, RecordName), format.MaxRecordBytes); err != nil {
				return err
			}
		}
		input := rows.Input(run.ID, record)
		input.Rows = map[string]string{format.MetricsName: run.Points, format.ValuesName: run.Values}
		names, err := b.filesIn(run.ID)
		if err != nil {
			return err
		}
		for _, name := range names {
			data, err := b.readFile(run.ID, name, changed[run.ID])
			if err != nil {
				return err
			}
			if err := in.Add(path.Join(format.BatchFilesName, run.ID, name), data); err != nil {
				return err
			}
			input.Files = append(input.Files, format.BatchFile{Path: name, SHA256: sumOf(data)})
		}
		inputs = append(inputs, input)
	}
	built, err := BuildBatch(ctx, inputs)
	if err != nil {
		return err
	}
	if err := in.Place(built); err != nil {
		return err
	}
	if err := r.keepBatch(path.Join(b.Day, built.Name), b.ids); err != nil {
		return err
	}
	return r.RemoveBatch(at)
}

// readFile reads a file of a run from the folder of its new files, which may be empty, or from the batch.
func (b *Batch) readFile(id, name, changed string) ([]byte, error) {
	if changed != "" {
		file := filepath.Join(changed, filepath.FromSlash(name))
		if exists(file) {
			return readBounded(file, maxFileBytes)
		}
	}
	return readBounded(filepath.Join(b.Dir, format.BatchFilesName, id, filepath.FromSlash(name)), maxFileBytes)
}

// placeBeside copies the new files of a run that are not in its batch, such as annotations, into its own folder.
func (r *Repository) placeBeside(from, id string) error {
	names, err := rewrittenNames(from)
	if err != nil {
		return err
	}
	own := r.RunDir(id)
	names = slices.DeleteFunc(names, func(name string) bool {
		return name == RecordName || !exists(filepath.Join(own, filepath.FromSlash(name)))
	})
	return placeFiles(from, own, names)
}

// isBatchTable reports whether a batch stores a file of a run by its rows.
func isBatchTable(name string) bool { return name == format.MetricsName || name == format.ValuesName }
