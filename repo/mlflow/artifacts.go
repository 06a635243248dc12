package mlflow

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// artifactsOf returns the folder in which MLflow's client finds the artifacts of a run. It reads and writes files
// itself, without a call: for a finished run it gets a folder of links and copies, which placeArtifacts makes, so
// that it cannot change the run.
func (s *Service) artifactsOf(e *repo.Entry) string {
	if e.Active != nil {
		return e.Active.FilesDir()
	}
	return filepath.Join(s.repo.ArtifactLinks(s.nonce), e.ID)
}

// maxCopied is the size in bytes up to which an artifact is copied. Larger ones are links: a program that replaces one
// of those would replace the artifact itself, which 'runs verify' reports.
const maxCopied = 1 << 20

// placeArtifacts makes the folder in which MLflow's client finds the artifacts of a finished run. Artifacts that are
// not on this machine are left out: 'runs pull' fetches them.
func (s *Service) placeArtifacts(ctx context.Context, e *repo.Entry) error {
	if e.Active != nil {
		return nil
	}
	all, err := e.AllArtifacts()
	if err != nil {
		return err
	}
	dir := s.artifactsOf(e)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	s.mu.Lock()
	s.given[e.ID] = true
	s.mu.Unlock()
	for i := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		a := &all[i]
		target := filepath.Join(dir, filepath.FromSlash(a.Path))
		if info, err := os.Stat(target); err == nil && info.Mode().IsRegular() && info.Size() == a.Bytes {
			continue
		}
		if !e.HasArtifact(*a) {
			continue
		}
		if err := s.placeArtifact(e, a, dir, target); err != nil {
			return err
		}
	}
	return nil
}

// placeArtifact links a large artifact if its file stays, and otherwise copies it.
func (s *Service) placeArtifact(e *repo.Entry, a *format.Artifact, dir, target string) error {
	if err := repo.NoLinks(dir, path.Dir(a.Path)+"/x"); err != nil {
		return err
	}
	_ = os.Remove(target) // a link to a file that has moved
	at := e.ArtifactFile(*a)
	if a.Bytes > maxCopied && s.stays(at) {
		if os.MkdirAll(filepath.Dir(target), 0o777) == nil && os.Symlink(at, target) == nil {
			return nil
		}
	}
	return e.ExportArtifact(*a, target)
}

// stays reports whether a file is one of the repository, and not a temporary copy.
func (s *Service) stays(file string) bool {
	for _, dir := range []string{s.repo.Dir, filepath.Dir(s.repo.CacheDir())} {
		if rel, err := filepath.Rel(dir, file); err == nil && filepath.IsLocal(rel) {
			return true
		}
	}
	return false
}

type fileJSON struct {
	Path string `json:"path"`
	Dir  bool   `json:"is_dir"`
	Size int64  `json:"file_size,omitempty"`
}

// maxFiles is how many files an answer lists.
const maxFiles = 10_000

// listFolder lists a folder below a folder of artifacts.
func listFolder(root, below string) (any, error) {
	below = path.Clean("/" + below)[1:]
	dir := filepath.Join(root, filepath.FromSlash(below))
	if below != "" && (!filepath.IsLocal(filepath.FromSlash(below)) || strings.ContainsAny(below, "\\:")) {
		return nil, invalid("Invalid path: %s", oneLine(cut(below, maxName)))
	}
	files := []fileJSON{}
	entries, _ := os.ReadDir(dir) // a folder that is not there has no files
	for _, entry := range entries[:min(len(entries), maxFiles)] {
		info, err := os.Stat(filepath.Join(dir, entry.Name())) // of the file that a link stands for
		if err != nil {
			continue
		}
		f := fileJSON{Path: path.Join(below, entry.Name()), Dir: info.IsDir()}
		if !f.Dir {
			f.Size = info.Size()
		}
		files = append(files, f)
	}
	return map[string]any{"root_uri": fileURI(root), "files": files}, nil
}

// listArtifacts lists a folder of the artifacts of a run.
func (s *Service) listArtifacts(ctx context.Context, c *Call) (any, error) {
	var q struct {
		runName
		Path string `json:"path"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	if run, err := s.run(q.id()); err == nil {
		return listFolder(run.active.FilesDir(), q.Path)
	}
	e, err := s.entry(ctx, q.id())
	if err != nil {
		return nil, err
	}
	if err := s.placeArtifacts(ctx, e); err != nil {
		return nil, err
	}
	return listFolder(s.artifactsOf(e), q.Path)
}

// listModelArtifacts lists a folder of a logged model.
func (s *Service) listModelArtifacts(ctx context.Context, c *Call) (any, error) {
	below := c.Query.Get("artifact_directory_path")
	run, n, err := s.openModel(c.id)
	if err != nil {
		return nil, err
	}
	if run != nil {
		run.mu.Lock()
		defer run.mu.Unlock()
		m := run.models[n]
		if m == nil {
			return nil, notFound("Logged model with ID '%s' not found.", c.id)
		}
		return listFolder(filepath.Join(run.active.FilesDir(), filepath.FromSlash(m.Path)), below)
	}
	e, _, m, err := s.finishedModel(ctx, c.id)
	if err != nil {
		return nil, err
	}
	if err := s.placeArtifacts(ctx, e); err != nil {
		return nil, err
	}
	return listFolder(filepath.Join(s.artifactsOf(e), filepath.FromSlash(m.Path)), below)
}
