package wandb

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/gitruns/runs/repo/importer"
)

// maxOutputBytes bounds the console output from records that is held in memory.
const maxOutputBytes = 64 << 20

// outputRaw collects console output, for logs without files/output.log.
func (r *reading) outputRaw(data []byte) error {
	f := importer.FieldsOf(data)
	for f.Next() {
		if f.Num == 3 && f.Sub != nil && len(r.output)+len(f.Sub) <= maxOutputBytes {
			r.output = append(r.output, f.Sub...)
		}
	}
	return f.Err
}

// console stores the console output of the program.
func (r *reading) console() error {
	f, err := r.openBelow(filepath.Join(r.dir, "files", "output.log"))
	if err == nil {
		defer func() { _ = f.Close() }()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		if info.Size() > 0 {
			r.files++
			r.bytes += info.Size()
			return r.out.Console(io.LimitReader(f, info.Size()))
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		r.warn("skipped its console output: %v", importer.Clean([]byte(err.Error())))
	}
	if len(r.output) == 0 {
		return nil
	}
	return r.out.Console(bytes.NewReader(r.output))
}
