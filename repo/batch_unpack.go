package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/gitruns/runs/format"
)

// UnpackRows returns the rows of a run in a table of a batch as a file of their own. table may be nil: then no run has
// rows.
func UnpackRows(name string, table []byte, id string) (data []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s cannot be read: %v", name, p)
		}
	}()
	ctx := context.Background()
	var out bytes.Buffer
	if name == format.ValuesName {
		s := format.NewValueSorter("")
		defer func() { _ = s.Close() }()
		if table != nil {
			all, err := format.OpenBatchValues(bytes.NewReader(table), int64(len(table)))
			if err != nil {
				return nil, err
			}
			v, err := all.Run(id)
			if err != nil {
				return nil, err
			}
			if err := v.Each(ctx, s.Add); err != nil {
				return nil, err
			}
		}
		err = s.WriteParquet(&out)
		return out.Bytes(), err
	}
	s := format.NewPointSorter("")
	defer func() { _ = s.Close() }()
	if table == nil {
		err = s.WriteParquet(&out)
		return out.Bytes(), err
	}
	all, err := format.OpenBatchMetrics(bytes.NewReader(table), int64(len(table)))
	if err != nil {
		return nil, err
	}
	m, err := all.Run(id)
	if err != nil {
		return nil, err
	}
	err = m.Each(ctx, func(key string, points []format.Point) error {
		for _, p := range points {
			if err := s.Add(key, p); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = s.WriteParquet(&out)
	}
	return out.Bytes(), err
}

// unpack writes the files that a run in a batch would have in a folder of its own, but for its annotations and what is
// local, into a folder. Files that are there stay.
func (e *Entry) unpack(ctx context.Context, dir string) error {
	tables, err := e.batchTables()
	if err != nil {
		return err
	}
	return e.EachContent(ctx, nil, format.MaxBatchBytes, func(f File, data []byte, open *os.File) error {
		if path.Dir(f.Name) == notesName {
			return nil
		}
		switch {
		case data != nil:
		case open != nil:
			data, err = io.ReadAll(io.NewSectionReader(open, 0, format.MaxBatchBytes))
		default:
			data, err = UnpackRows(f.Name, tables[f.Name], e.ID)
		}
		if err != nil {
			return err
		}
		file := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			return err
		}
		if exists(file) {
			return nil
		}
		return writeFile(file, data)
	})
}

// batchTables reads the tables of the batch that the run is in, from the working tree or from a commit.
func (e *Entry) batchTables() (map[string][]byte, error) {
	if e.from == nil {
		return e.repo.ReadBatchFiles(path.Join(e.batch.Day, e.batch.Name))
	}
	tables := map[string][]byte{}
	for _, name := range []string{MetricsName, format.ValuesName} {
		file, err := e.from.batchedFile(e, name)
		if err != nil {
			return nil, err
		}
		data, err := readBounded(file, format.MaxBatchBytes)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		tables[name] = data
	}
	return tables, nil
}

// trashBatched moves what a run in a batch has in a folder of its own to the trash, and copies there what the batch has
// of it. The batch keeps the run until it is rewritten, and a marker hides it.
func (e *Entry) trashBatched(ctx context.Context, to string) error {
	err := os.Rename(e.Dir, to)
	if errors.Is(err, os.ErrNotExist) {
		err = os.Mkdir(to, 0o777)
	}
	if err != nil {
		return err
	}
	return e.unpack(ctx, to)
}

// filesIn lists the files of a run under format.BatchFilesName, by their names in the folder of the run.
func (b *Batch) filesIn(id string) ([]string, error) {
	root := filepath.Join(b.Dir, format.BatchFilesName, id)
	var names []string
	err := filepath.WalkDir(root, func(file string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, file)
		names = append(names, filepath.ToSlash(name))
		return err
	})
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return names, err
}

// ReadFile returns the bytes of a file of a finished run that is a file of its own, also in a batch.
func (e *Entry) ReadFile(name string, limit int64) ([]byte, error) {
	if err := e.onDisk(); err != nil {
		return nil, err
	}
	return readBounded(e.path(name), limit)
}
