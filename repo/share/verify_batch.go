package share

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
)

// batchedRows verifies the rows that a run has in a table of a batch: by their digest, and like those of a single file.
func (k *checker) batchedRows(ctx context.Context, run *format.Run, name string, f runFile) error {
	fail := func(err error) error {
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%s: %w", name, err)
	}
	want := f.batch.declared(run.ID, name, run.Files[name])
	if want == "" {
		return fail(errors.New("the batch has no digest of its rows"))
	}
	got, err := f.rowDigest(k.trees)
	switch {
	case err != nil:
		return fail(err)
	case got != want:
		return fail(errors.New("its rows are not those that were recorded: their digest differs"))
	}
	return fail(f.batch.agrees(ctx, k.trees, run, name))
}

// agrees compares the rows of a run in a table with its record.
func (b *heldBatch) agrees(ctx context.Context, trees *git.Trees, run *format.Run, name string) error {
	b.use()
	b.mu.Lock()
	defer b.mu.Unlock()
	data, err := b.table(trees, name)
	if err != nil {
		return err
	}
	want := run.Files[name].Rows
	if data == nil {
		if want != 0 {
			return fmt.Errorf("has no rows, %d in run.toml", want)
		}
		return nil
	}
	if name == format.ValuesName {
		all, err := format.OpenBatchValues(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return err
		}
		v, err := all.Run(run.ID)
		if err != nil {
			return err
		}
		if v.Rows() != want {
			return fmt.Errorf("has %d rows, %d in run.toml", v.Rows(), want)
		}
		return all.Layout()
	}
	all, err := format.OpenBatchMetrics(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	m, err := all.Run(run.ID)
	switch {
	case err != nil:
		return err
	case m.Rows() != want:
		return fmt.Errorf("has %d rows, %d in run.toml", m.Rows(), want)
	case want > format.MaxCheckedPoints:
		return nil
	}
	if err := all.Layout(); err != nil {
		return err
	}
	return m.Agrees(ctx, run.Metrics)
}
