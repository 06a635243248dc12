package wandb

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/importer"
)

// clientFiles are the files that the client itself writes. What they say stands in the record.
var clientFiles = []string{"config.yaml", "wandb-metadata.json", "wandb-summary.json", "requirements.txt", "output.log", "conda-environment.yaml", "wandb-history.jsonl", "wandb-events.jsonl"}

// filesRecord notes which files the program asked to keep.
func (r *reading) filesRecord(data []byte) error {
	f := importer.FieldsOf(data)
	for f.Next() {
		if f.Num != 1 || f.Sub == nil {
			continue
		}
		m, err := texts(f.Sub)
		if err != nil {
			return err
		}
		p := strings.ReplaceAll(m[1], "\\", "/")
		if p == "" || strings.HasPrefix(p, "media/") || p == diffName || slices.Contains(clientFiles, p) {
			continue
		}
		if path.Clean("/"+p) != "/"+p {
			r.leave("files whose names no run can hold", "")
			continue
		}
		if len(r.wanted) >= maxSaved {
			r.leave("names of saved files", "")
			continue
		}
		r.wanted = append(r.wanted, p)
	}
	return f.Err
}

// saved keeps the files that the program saved. A name may be a pattern: it stands for what is there.
func (r *reading) saved(ctx context.Context) error {
	root := filepath.Join(r.dir, "files")
	if _, err := os.Lstat(filepath.Join(root, diffName)); err == nil {
		r.wanted = append(r.wanted, diffName)
	}
	for _, w := range r.wanted {
		if err := ctx.Err(); err != nil {
			return err
		}
		names := []string{w}
		if strings.ContainsAny(w, "*?[") {
			found, err := filepath.Glob(filepath.Join(globSafe(root), filepath.FromSlash(w)))
			if err != nil {
				continue
			}
			names = nil
			for _, at := range found {
				if rel, err := filepath.Rel(root, at); err == nil {
					names = append(names, filepath.ToSlash(rel))
				}
			}
		}
		for _, name := range names {
			if err := r.keep(name, &format.ArtifactLine{Name: path.Join("files", name)}, r.last); err != nil {
				return err
			}
		}
	}
	return nil
}

// globSafe is a path in which no character has a meaning for Glob.
func globSafe(p string) string {
	if filepath.Separator == '\\' {
		return p
	}
	return strings.NewReplacer("\\", "\\\\", "*", "\\*", "?", "\\?", "[", "\\[").Replace(p)
}

// maxOutputBytes bounds what is held of the console output that records have.
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

// console keeps what the program printed.
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
		r.warn("its console output is left out: %v", importer.Clean([]byte(err.Error())))
	}
	if len(r.output) == 0 {
		return nil
	}
	return r.out.Console(bytes.NewReader(r.output))
}
