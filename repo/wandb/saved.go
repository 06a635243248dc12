package wandb

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/importer"
)

// clientFiles are files that the client itself writes. Their content is in the log too.
var clientFiles = []string{
	"config.yaml", "wandb-metadata.json", "wandb-summary.json", "requirements.txt", "output.log", "conda-environment.yaml",
	"wandb-history.jsonl", "wandb-events.jsonl",
}

// filesRecord collects the names of files that the program saved.
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
			r.skip("files with names that a run cannot hold", "")
			continue
		}
		if len(r.wanted) >= maxSaved {
			r.skip(fmt.Sprintf("saved files over the limit of %d", maxSaved), "")
			continue
		}
		r.wanted = append(r.wanted, p)
	}
	return f.Err
}

// saved stores the files that the program saved. A name may be a pattern for existing files.
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
			if err := r.keepFile(name, &format.ArtifactLine{Name: path.Join("files", name)}, r.last); err != nil {
				return err
			}
		}
	}
	return nil
}

// globSafe returns a path in which no character is special to filepath.Glob.
func globSafe(p string) string {
	if filepath.Separator == '\\' {
		return p
	}
	return strings.NewReplacer("\\", "\\\\", "*", "\\*", "?", "\\?", "[", "\\[").Replace(p)
}
