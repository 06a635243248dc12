package repo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/regular"
)

// differsError means that a file of a run is not the one that was recorded.
type differsError struct{ name, why string }

func (e *differsError) Error() string { return e.name + " is not the file that was recorded: " + e.why }

// metrics opens a Parquet file of points of a finished run after its digest, or that of its points, was verified. It is
// nil if the record has no such file, or if the file is local and not on this machine.
func (e *Entry) metrics(name string) (*format.Metrics, func(), error) {
	want, ok := e.Files[name]
	if !ok {
		return nil, nil, nil
	}
	if e.batch != nil && name == MetricsName {
		return e.batchMetrics(want)
	}
	f, size, err := e.openRows(name, want)
	if err != nil || f == nil {
		return nil, nil, err
	}
	m, err := format.OpenMetrics(f, size)
	if err != nil {
		_ = f.Close()
		return nil, nil, fmt.Errorf("run %s: %w", e.ID, err)
	}
	return m, func() { _ = f.Close() }, nil
}

// batchMetrics opens the points of a run in a batch and verifies their digest.
func (e *Entry) batchMetrics(want format.File) (*format.Metrics, func(), error) {
	fail := func(err error) (*format.Metrics, func(), error) {
		return nil, nil, fmt.Errorf("run %s: %s: %w", e.ID, filepath.Join(e.batch.show, MetricsName), err)
	}
	f, size, err := e.openBatched(MetricsName)
	if err != nil {
		return nil, nil, fmt.Errorf("run %s: %w", e.ID, err)
	}
	all, err := format.OpenBatchMetrics(f, size)
	var m *format.Metrics
	if err == nil {
		m, err = all.Run(e.ID)
	}
	if err == nil {
		err = e.proveRows(MetricsName, want, m.Rows(), m.Digest)
	}
	if err != nil {
		_ = f.Close()
		return fail(err)
	}
	return m, func() { _ = f.Close() }, nil
}

// values opens the values of a finished run after their digest was verified. It is nil if the record has none, or if
// the file is local and not on this machine.
func (e *Entry) values() (*format.Values, func(), error) {
	want, ok := e.Files[format.ValuesName]
	if !ok {
		return nil, nil, nil
	}
	if e.batch != nil && (e.Dir == "" || !exists(filepath.Join(e.Dir, format.ValuesName))) {
		return e.batchValues(want)
	}
	f, size, err := e.openRows(format.ValuesName, want)
	if err != nil || f == nil {
		return nil, nil, err
	}
	v, err := format.OpenValues(f, size)
	if err != nil {
		_ = f.Close()
		return nil, nil, fmt.Errorf("run %s: %w", e.ID, err)
	}
	return v, func() { _ = f.Close() }, nil
}

// batchValues is like batchMetrics. A large file of values is not committed, so that the batch may lack it.
func (e *Entry) batchValues(want format.File) (*format.Values, func(), error) {
	f, size, err := e.openBatched(format.ValuesName)
	if errors.Is(err, os.ErrNotExist) && format.LocalFile(format.ValuesName, want.Bytes) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("run %s: %w", e.ID, err)
	}
	all, err := format.OpenBatchValues(f, size)
	var v *format.Values
	if err == nil {
		v, err = all.Run(e.ID)
	}
	if err == nil && v.Rows() == 0 && format.LocalFile(format.ValuesName, want.Bytes) {
		_ = f.Close()
		return nil, nil, nil
	}
	if err == nil {
		err = e.proveRows(format.ValuesName, want, v.Rows(), v.Digest)
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, fmt.Errorf("run %s: %s: %w", e.ID, filepath.Join(e.batch.show, format.ValuesName), err)
	}
	return v, func() { _ = f.Close() }, nil
}

// proveRows compares the rows of a run in a batch with the record.
func (e *Entry) proveRows(
	name string, want format.File, rows int64, digest func(context.Context) (string, error),
) error {
	points := e.batch.run.PointsOf(name, want)
	switch {
	case points == "":
		return errors.New("neither the record nor the batch has the digest of its rows")
	case rows != want.Rows:
		return fmt.Errorf("has %d rows of the run, %d in its record", rows, want.Rows)
	}
	got, err := digest(context.Background())
	if err == nil && got != points {
		err = errors.New("its rows are not those that were recorded: their digest differs")
	}
	return err
}

// openRows opens a file of rows that the run has in its folder. If the bytes differ from those that were recorded, the
// rows must have the digest in the record: a program that takes a run out of a batch may store the same rows otherwise.
func (e *Entry) openRows(name string, want format.File) (f *os.File, size int64, err error) {
	f, err = e.openVerified(name, want)
	var differs *differsError
	if err == nil || want.Points == "" || !errors.As(err, &differs) {
		return f, want.Bytes, err
	}
	at, openErr := e.locate(name)
	if openErr != nil {
		return nil, 0, err
	}
	again, openErr := regular.Open(at)
	if openErr != nil {
		return nil, 0, err
	}
	info, openErr := again.Stat()
	if openErr == nil && info.Size() <= maxFileBytes {
		openErr = SameRows(context.Background(), name, again, info.Size(), want)
	}
	if openErr != nil {
		_ = again.Close()
		return nil, 0, err
	}
	return again, info.Size(), nil
}

// otherBytes opens a file of rows whose bytes are not those that were recorded, but whose rows are: see openRows. The
// file is behind its last byte, and now has its own size and digest. cause is the error that its bytes made.
func (e *Entry) otherBytes(name string, want format.File, cause error) (f *os.File, now format.File, err error) {
	var differs *differsError
	if !errors.As(cause, &differs) {
		return nil, want, cause
	}
	f, size, err := e.openRows(name, want)
	if err != nil || f == nil {
		return nil, want, err
	}
	sum := sha256.New()
	_, err = f.Seek(0, io.SeekStart)
	if err == nil {
		_, err = io.Copy(sum, f)
	}
	if err != nil {
		_ = f.Close()
		return nil, want, err
	}
	want.Bytes, want.SHA256 = size, hex.EncodeToString(sum.Sum(nil))
	return f, want, nil
}

// proveBatched verifies the rows of a run in a batch. found is false if they are not on this machine.
func (e *Entry) proveBatched(name string) (found bool, err error) {
	var release func()
	if name == MetricsName {
		_, release, err = e.metrics(name)
	} else {
		_, release, err = e.values()
	}
	if release != nil {
		release()
	}
	return release != nil, err
}

// SameRows returns nil if a file of size bytes has the rows that a record lists under the name metrics.parquet or
// values.parquet, whatever its bytes. want must have the digest of the rows.
func SameRows(ctx context.Context, name string, r io.ReaderAt, size int64, want format.File) error {
	var rows int64
	var digest string
	switch name {
	case MetricsName:
		m, err := format.OpenMetrics(r, size)
		if err != nil {
			return err
		}
		rows = m.Rows()
		if rows == want.Rows { // otherwise it could be much longer than the one that was recorded
			digest, err = m.Digest(ctx)
		}
		if err != nil {
			return err
		}
	case format.ValuesName:
		v, err := format.OpenValues(r, size)
		if err != nil {
			return err
		}
		rows = v.Rows()
		if rows == want.Rows {
			digest, err = v.Digest(ctx)
		}
		if err != nil {
			return err
		}
	}
	if want.Points == "" || rows != want.Rows || digest != want.Points {
		return &differsError{name, "its rows differ"}
	}
	return nil
}

// path returns where a file of the run is, whether it exists or not: in the folder of the run, or else in its batch.
func (e *Entry) path(name string) string {
	root, rel := e.place(name)
	return filepath.Join(root, filepath.FromSlash(rel))
}

// place is like path, and returns the folder of the run or of the batch apart: only what is below it came with the run.
func (e *Entry) place(name string) (root, rel string) {
	if e.batch == nil || e.batch.Dir == "" || exists(filepath.Join(e.Dir, filepath.FromSlash(name))) {
		return e.Dir, name
	}
	return e.batch.Dir, format.BatchFilesName + "/" + e.ID + "/" + name
}
