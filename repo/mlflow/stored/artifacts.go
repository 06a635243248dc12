package stored

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/importer"
	"github.com/gitruns/runs/repo/mlflow"
)

// Bounds of the artifacts of a run.
const (
	maxArtifacts    = 100_000
	maxFolderDepth  = 64
	maxAddressParts = 64
)

// below returns the folder under dir that an address of another machine ends with, or "": the longest end wins. Only
// an end that has the id, which no other folder has, is looked for. No link is followed.
func below(dir, address, id string) string {
	at, _ := absolute(address)
	if _, rest, ok := strings.Cut(at, ":/"); ok { // mlflow-artifacts:/1/…, s3://bucket/1/…
		at = rest
	}
	parts := strings.Split(strings.ReplaceAll(at, `\`, "/"), "/")
	parts = slices.DeleteFunc(parts, func(p string) bool { return p == "" })
	if i := slices.Index(parts, id); i < 0 || len(parts) > maxAddressParts || slices.ContainsFunc(parts[i:], isOdd) {
		return ""
	}
	for from := range parts {
		rest := parts[from:]
		if !slices.Contains(rest, id) {
			break
		}
		if slices.ContainsFunc(rest, isOdd) {
			continue
		}
		for _, first := range []string{"", "mlruns", "mlartifacts", "artifacts"} {
			if found := filepath.Join(dir, first, filepath.Join(rest...)); isFolder(dir, found) {
				return found
			}
		}
	}
	return ""
}

func isOdd(part string) bool { return format.CheckPath(part) != nil }

// isFolder reports whether each part of a path under dir is a folder and no link.
func isFolder(dir, name string) bool {
	for at := name; len(at) > len(dir); at = filepath.Dir(at) {
		if info, err := os.Lstat(at); err != nil || !info.IsDir() {
			return false
		}
	}
	return true
}

// tree visits the files of a folder, sorted by name, with their paths relative to it.
func tree(ctx context.Context, dir string, visit func(rel, name string) error) error {
	var walk func(rel string, depth int) error
	walk = func(rel string, depth int) error {
		entries, err := os.ReadDir(filepath.Join(dir, filepath.FromSlash(rel)))
		if err != nil || depth > maxFolderDepth {
			return nil // removed or not readable: there is nothing to take
		}
		for _, e := range entries {
			if err := ctx.Err(); err != nil {
				return err
			}
			at := path.Join(rel, e.Name())
			if e.IsDir() {
				err = walk(at, depth+1)
			} else {
				err = visit(at, filepath.Join(dir, filepath.FromSlash(at)))
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	return walk("", 0)
}

// artifacts stores the files of a run and of the models that it logged.
func (r *reading) artifacts(ctx context.Context, d *details) error {
	r.names = map[string]bool{}
	folder := ""
	for _, at := range append(r.run.content.folders(), below(r.base, r.run.artifacts, r.run.id)) {
		if at != "" && isFolder(r.base, at) {
			folder = at
			break
		}
	}
	switch kinds := (modelFolders{}); {
	case folder != "":
		err := tree(ctx, folder, func(rel, name string) error {
			return r.artifact(rel, rel, name, kinds.kind(folder, rel))
		})
		if err != nil {
			return err
		}
	case d.tags[tagModels] != "":
		r.skip("models whose files are not below PATH", r.run.title())
	}
	for _, m := range d.models {
		at := m.folder
		if at == "" {
			at = below(r.base, m.uri, m.id)
		}
		if at == "" || !isFolder(r.base, at) {
			r.skip("models whose files are not below PATH", key(m.name))
			continue
		}
		root, before := r.modelName(m), r.files
		err := tree(ctx, at, func(rel, name string) error {
			return r.artifact(path.Join(root, rel), rel, name, modelKind)
		})
		if err == nil {
			if r.files > before {
				r.sought.models[m.id] = found{r.run.runID(), root}
			}
			err = r.describe(m, root)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// describe writes what MLflow knows of a model, which is in a folder of the artifacts.
func (r *reading) describe(m model, dir string) error {
	if format.CheckKey(m.id) != nil {
		return nil
	}
	r.models++
	name, text, err := mlflow.ImportedModel(
		r.run.runID(), r.models, m.id, oneLine(m.name), dir, oneLine(m.kind), m.created, m.updated,
	)
	if err != nil {
		return err
	}
	return r.out.Line(&format.Line{Time: r.ended, Tags: map[string]string{name: text}})
}

// The kinds of artifacts. A folder with the file MLmodel is a model.
const (
	fileKind  = "file"
	modelKind = "model"
	modelFile = "MLmodel"
)

// modelFolders remembers which folders below the artifacts of a run are models.
type modelFolders map[string]bool

// kind returns the kind of a file below a folder.
func (f modelFolders) kind(folder, rel string) string {
	for dir := path.Dir(rel); dir != "."; dir = path.Dir(dir) {
		is, known := f[dir]
		if !known {
			info, err := os.Lstat(filepath.Join(folder, filepath.FromSlash(dir), modelFile))
			is = err == nil && info.Mode().IsRegular()
			f[dir] = is
		}
		if is {
			return modelKind
		}
	}
	return fileKind
}

// modelName returns the folder of a model among the run's artifacts, below that of all models: its name, unless another
// model or a file of the run has it.
func (r *reading) modelName(m model) string {
	name := path.Join(mlflow.ModelsFolder, importer.MediaPath(m.name))
	if m.name == "" || r.roots[name] {
		name = path.Join(mlflow.ModelsFolder, importer.MediaPath(m.id))
	}
	r.roots[name] = true
	return name
}

// artifact stores one file.
func (r *reading) artifact(as, rel, name, kind string) error {
	if format.CheckPath(as) != nil {
		r.skip("files with names that a run cannot hold", rel)
		return nil
	}
	if len(r.names) >= maxArtifacts {
		r.skip(fmt.Sprintf("files over the limit of %d", maxArtifacts), "")
		return nil
	}
	f, err := importer.Open(name)
	if err != nil {
		var at *fs.PathError
		if errors.As(err, &at) {
			r.skip("files that cannot be read or are links", rel)
			return nil
		}
		return err
	}
	defer func() { _ = f.Close() }()
	if parts := strings.SplitN(as, "/", 3); len(parts) > 2 {
		r.roots[parts[0]+"/"+parts[1]] = true
	}
	r.names[as] = true
	r.sought.has(r.run.runID(), as)
	l := &format.ArtifactLine{Name: as, Kind: kind}
	if err := r.out.Media(l, r.ended, f); err != nil {
		return err
	}
	r.files++
	r.bytes += l.Bytes
	return nil
}
