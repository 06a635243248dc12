package repo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"

	"github.com/gitruns/runs/format"
)

// BatchInput is a run to put into a batch.
type BatchInput struct {
	ID     string
	Record []byte // run.toml, byte for byte
	// Metrics and Values open the rows of the run; nil stands for no rows. They are called if the record names such a
	// file: Metrics twice, Values once.
	Metrics func() (*format.Metrics, error)
	Values  func() (*format.Values, error)
	// Rows holds the digests that the rows must have, by metrics.parquet and values.parquet, where they are known.
	Rows map[string]string
	// Files are its other files, under the names that they have in the folder of the run, with their digests as blobs:
	// those of pointers, for artifacts in Git LFS.
	Files []format.BatchFile
}

// BuiltBatch is a batch in memory, without the files under format.BatchFilesName.
type BuiltBatch struct {
	Name   string            // of its folder
	Tables map[string][]byte // runs.toml, metrics.parquet and values.parquet
	Files  []format.BatchFile
	IDs    []string
}

// BuildBatch makes a batch of runs of one day, sorted by id, and proves it: what is read back from its bytes has the
// same records, and the same rows by their digests. The same runs give the same batch. If a run must keep a folder of
// its own, the error is a *NotBatchableError. If the batch gets too large, it is format.ErrBatchTooLarge.
func BuildBatch(ctx context.Context, runs []BatchInput) (*BuiltBatch, error) {
	b := batchBuilder{digests: map[string]map[string]string{}}
	labeled := false
	for i := range runs {
		labeled = labeled || runs[i].labeled(ctx)
	}
	b.points, b.values = format.NewBatchPoints(&b.metrics, labeled), format.NewBatchValues(&b.texts)
	for i := range runs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := b.add(ctx, &runs[i]); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(b.points.Close(), b.values.Close()); err != nil {
		return nil, err
	}
	return b.finish(ctx, runs)
}

// labeled reports whether a point of the run has labels. If its rows cannot be read, none has: adding the run says why.
func (in *BatchInput) labeled(ctx context.Context) (some bool) {
	if in.Metrics == nil {
		return false
	}
	defer func() { some = recover() == nil && some }() // as in addRows
	m, err := in.Metrics()
	if err != nil || m == nil {
		return false
	}
	some, err = m.Labeled(ctx)
	return some && err == nil
}

// NotBatchableError says which run must keep a folder of its own, and why.
type NotBatchableError struct {
	ID  string
	Err error
}

func (e *NotBatchableError) Error() string { return fmt.Sprintf("run %s: %v", e.ID, e.Err) }

func (e *NotBatchableError) Unwrap() error { return e.Err }

type batchBuilder struct {
	runs           []format.BatchRun
	files          []format.BatchFile
	metrics, texts bytes.Buffer
	points         *format.BatchPoints
	values         *format.BatchValues
	digests        map[string]map[string]string // of the rows, by table and run
}

// add adds a run.
func (b *batchBuilder) add(ctx context.Context, in *BatchInput) error {
	run, err := format.DecodeRun(RecordName, in.Record)
	if err != nil {
		return fmt.Errorf("run %s: %w", in.ID, err)
	}
	digests := map[string]string{}
	for _, name := range []string{format.MetricsName, format.ValuesName} {
		file, ok := run.Files[name]
		if !ok {
			continue
		}
		digest, err := b.addRows(ctx, in, name)
		switch {
		case errors.Is(err, format.ErrBatchColumns):
			return &NotBatchableError{in.ID, err}
		case err != nil:
			return fmt.Errorf("run %s: %s: %w", in.ID, name, err)
		case file.Points != "" && file.Points != digest, in.Rows[name] != "" && in.Rows[name] != digest:
			return fmt.Errorf("run %s: %s: its rows are not those that were recorded: their digest differs", in.ID, name)
		}
		digests[name] = digest
		if b.digests[name] == nil {
			b.digests[name] = map[string]string{}
		}
		b.digests[name][in.ID] = digest
	}
	b.runs = append(b.runs, format.NewBatchRun(in.ID, in.Record, run.Files, digests[format.MetricsName],
		digests[format.ValuesName]))
	for _, f := range in.Files {
		b.files = append(b.files, format.BatchFile{
			Path: path.Join(format.BatchFilesName, in.ID, f.Path), SHA256: f.SHA256,
		})
	}
	return nil
}

// addRows adds the rows of a run to a table and returns their digest.
func (b *batchBuilder) addRows(ctx context.Context, in *BatchInput, name string) (digest string, err error) {
	defer func() { // a parser that fails on one run must not stop the program
		if p := recover(); p != nil {
			err = fmt.Errorf("it cannot be read: %v", p)
		}
	}()
	if name == format.ValuesName {
		v, err := in.Values()
		if err != nil || v == nil {
			return new(format.RowDigest).Sum(), err
		}
		return b.values.Add(ctx, in.ID, v)
	}
	m, err := in.Metrics()
	if err != nil || m == nil {
		return new(format.RowDigest).Sum(), err
	}
	return b.points.Add(ctx, in.ID, m)
}

// finish encodes the batch, and proves it.
func (b *batchBuilder) finish(ctx context.Context, runs []BatchInput) (*BuiltBatch, error) {
	records, err := format.EncodeBatch(b.runs)
	if err != nil {
		return nil, err
	}
	out := &BuiltBatch{Tables: map[string][]byte{format.BatchRunsName: records}}
	if b.points.Rows() > 0 {
		out.Tables[format.MetricsName] = b.metrics.Bytes()
	}
	if b.values.Rows() > 0 {
		out.Tables[format.ValuesName] = b.texts.Bytes()
	}
	out.Files = b.files
	for name, data := range out.Tables {
		if len(data) > format.MaxBatchBytes {
			return nil, format.ErrBatchTooLarge
		}
		out.Files = append(out.Files, format.BatchFile{Path: name, SHA256: sumOf(data)})
	}
	out.Name = format.BatchName(out.Files)
	for i := range runs {
		out.IDs = append(out.IDs, runs[i].ID)
	}
	return out, b.prove(ctx, out, runs)
}

// prove reads the batch back.
func (b *batchBuilder) prove(ctx context.Context, out *BuiltBatch, runs []BatchInput) error {
	back, err := format.DecodeBatch(format.BatchRunsName, out.Tables[format.BatchRunsName])
	if err != nil {
		return err
	}
	for i := range runs {
		if back[i].ID != runs[i].ID || !bytes.Equal(back[i].Record, runs[i].Record) {
			return fmt.Errorf("run %s: its record cannot be read back from the batch", runs[i].ID)
		}
	}
	for name, want := range b.digests {
		digest, err := rowsOfBatch(ctx, name, out.Tables[name])
		if err != nil {
			return err
		}
		for id, sum := range want {
			if got, err := digest(id); err != nil || got != sum {
				return fmt.Errorf("run %s: its rows in %s cannot be read back from the batch: %w", id, name,
					errors.Join(err, ErrDigest))
			}
		}
	}
	return nil
}

// rowsOfBatch returns a function that computes the digest of the rows of a run in a table of a batch. Without the
// table, no run has rows.
func rowsOfBatch(ctx context.Context, name string, table []byte) (func(id string) (string, error), error) {
	if table == nil {
		return func(string) (string, error) { return new(format.RowDigest).Sum(), nil }, nil
	}
	r, size := bytes.NewReader(table), int64(len(table))
	if name == format.ValuesName {
		all, err := format.OpenBatchValues(r, size)
		if err != nil {
			return nil, err
		}
		return func(id string) (string, error) {
			v, err := all.Run(id)
			if err != nil {
				return "", err
			}
			return v.Digest(ctx)
		}, nil
	}
	all, err := format.OpenBatchMetrics(r, size)
	if err != nil {
		return nil, err
	}
	return func(id string) (string, error) {
		m, err := all.Run(id)
		if err != nil {
			return "", err
		}
		return m.Digest(ctx)
	}, nil
}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// BatchTables are the open tables of a batch.
type BatchTables struct {
	metrics *format.BatchMetrics
	values  *format.BatchValuesFile
}

// OpenBatchTables opens metrics.parquet and values.parquet of a batch, each of which may be nil. It is not safe for
// concurrent use.
func OpenBatchTables(tables map[string][]byte) (*BatchTables, error) {
	t := &BatchTables{}
	var err error
	if data := tables[format.MetricsName]; data != nil {
		if t.metrics, err = format.OpenBatchMetrics(bytes.NewReader(data), int64(len(data))); err != nil {
			return nil, err
		}
	}
	if data := tables[format.ValuesName]; data != nil {
		t.values, err = format.OpenBatchValues(bytes.NewReader(data), int64(len(data)))
	}
	return t, err
}

// Input returns a run of the batch for another batch, without its files.
func (t *BatchTables) Input(id string, record []byte) BatchInput {
	return BatchInput{
		ID: id, Record: record,
		Metrics: func() (*format.Metrics, error) {
			if t.metrics == nil {
				return nil, nil
			}
			return t.metrics.Run(id)
		},
		Values: func() (*format.Values, error) {
			if t.values == nil {
				return nil, nil
			}
			return t.values.Run(id)
		},
	}
}
