package mlflow

import (
	"context"
	"errors"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// artifactsOf returns the folder in which MLflow's client finds the artifacts of a run. It reads and writes files
// itself, without a call: for a finished run it gets a folder of links and copies, which placeArtifacts makes, so
// that it cannot change the run.
func (s *Service) artifactsOf(e *stored) string {
	if e.Active != nil {
		return e.Active.FilesDir()
	}
	if len(e.earlier) > 0 { // its newest part alone has another folder
		return filepath.Join(s.repo.ArtifactLinks(s.nonce), e.ID+"-whole")
	}
	return filepath.Join(s.repo.ArtifactLinks(s.nonce), e.ID)
}

// maxCopied is the size in bytes up to which an artifact is copied. Larger ones are links: a program that replaces one
// of those would replace the artifact itself, which 'runs verify' reports.
const maxCopied = 1 << 20

// placeArtifacts makes the folder in which MLflow's client finds the artifacts of a finished run. Artifacts that are
// not on this machine are left out: 'runs pull' fetches them.
func (s *Service) placeArtifacts(ctx context.Context, e *stored) error {
	if e.Active != nil {
		return nil
	}
	all, err := e.artifacts()
	if err != nil {
		return err
	}
	dir, err := s.placeAll(ctx, e, all)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.given[dir] = e.id
	s.mu.Unlock()
	return nil
}

// placeAll makes the folder of a finished run with some artifacts, and returns it.
func (s *Service) placeAll(ctx context.Context, e *stored, all map[string]partArtifact) (dir string, err error) {
	dir = s.artifactsOf(e)
	if info, err := os.Lstat(dir); err == nil && !info.IsDir() { // it led to a run in progress
		_ = os.Remove(dir)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", err
	}
	if len(e.earlier) > 0 {
		for _, part := range e.parts() {
			if err := repo.NoteArtifactLinks(dir, part.ID); err != nil {
				return "", err
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		a := all[name]
		target := filepath.Join(dir, filepath.FromSlash(name))
		if info, err := os.Stat(target); err == nil && info.Mode().IsRegular() && info.Size() == a.Bytes {
			continue
		}
		if !a.of.HasArtifact(a.Artifact) {
			continue
		}
		if err := s.placeArtifact(a.of, &a.Artifact, dir, target); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// placeEarlier puts the artifacts of the runs that a run resumes into its folder for files, where MLflow's client reads
// and lists them. Only what the program changes there becomes an artifact of the run that resumes.
func (s *Service) placeEarlier(ctx context.Context, active *repo.Active, earlier *stored) error {
	all, err := earlier.artifacts()
	if err != nil {
		return nil // 'runs verify' names a damaged list of artifacts
	}
	wanted := map[string]format.Artifact{}
	for name, a := range all {
		if a.of.HasArtifact(a.Artifact) {
			wanted[name] = a.Artifact
		}
	}
	file := func(name string) string { return all[name].of.ArtifactFile(wanted[name]) }
	err = active.PlaceEarlier(wanted, file, func(name, target string) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		a := all[name]
		return s.placeArtifact(a.of, &a.Artifact, active.FilesDir(), target)
	})
	if err != nil {
		return err
	}
	return s.leadOn(s.artifactsOf(earlier), earlier, active)
}

// leadOn replaces a folder of artifacts of a finished run, which the program was given and may still write to, by a
// link to the folder for files of the run that resumes it. What the program has written goes there. The caller holds
// the lock.
func (s *Service) leadOn(dir string, e *stored, active *repo.Active) error {
	if s.given[dir] == "" {
		return nil
	}
	link := dir + ".new"
	if os.Symlink(active.FilesDir(), link) != nil {
		return nil // what the program writes into the folder is recorded at the end
	}
	names, err := writtenFiles(dir, e)
	for _, name := range names {
		target := filepath.Join(active.FilesDir(), filepath.FromSlash(name))
		if err == nil {
			err = os.MkdirAll(filepath.Dir(target), 0o777)
		}
		if err == nil {
			err = os.Rename(filepath.Join(dir, filepath.FromSlash(name)), target)
		}
	}
	if err == nil {
		err = os.RemoveAll(dir)
	}
	if err == nil {
		s.given[dir] = ""
		return os.Rename(link, dir)
	}
	return errors.Join(err, os.Remove(link))
}

// partArtifact is an artifact of a part of a run.
type partArtifact struct {
	format.Artifact
	of *repo.Entry
}

// artifacts returns the artifacts of all parts, by path. Of one path, that of the newest part counts.
func (e *stored) artifacts() (map[string]partArtifact, error) {
	all := map[string]partArtifact{}
	for _, part := range slices.Backward(e.parts()) {
		list, err := part.AllArtifacts()
		if err != nil {
			return nil, err
		}
		for _, a := range list {
			all[a.Path] = partArtifact{a, part}
		}
	}
	return all, nil
}

// placeArtifact makes a hard link of a large artifact if its file stays, and otherwise a copy: MLflow 3 refuses files
// that symbolic links lead to.
func (s *Service) placeArtifact(e *repo.Entry, a *format.Artifact, dir, target string) error {
	if err := repo.NoLinks(dir, path.Dir(a.Path)+"/x"); err != nil {
		return err
	}
	_ = os.Remove(target) // a link to a file that has moved
	at := e.ArtifactFile(*a)
	if a.Bytes > maxCopied && s.stays(at) {
		if os.MkdirAll(filepath.Dir(target), 0o777) == nil && os.Link(at, target) == nil {
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

// listFolder lists a folder below a folder of artifacts, without the folders that are hidden.
func listFolder(root, below string, hidden ...string) (any, error) {
	below = path.Clean("/" + below)[1:]
	dir := filepath.Join(root, filepath.FromSlash(below))
	if below != "" && (!filepath.IsLocal(filepath.FromSlash(below)) || strings.ContainsAny(below, "\\:")) {
		return nil, invalid("Invalid path: %s", oneLine(cut(below, maxName)))
	}
	files := []fileJSON{}
	entries, _ := os.ReadDir(dir) // a folder that is not there has no files
	for _, entry := range entries[:min(len(entries), maxFiles)] {
		if isHidden(root, path.Join(below, entry.Name()), hidden) {
			continue
		}
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

// isHidden reports whether a file or folder is in a folder that is hidden, or has nothing else than such folders.
func isHidden(root, name string, hidden []string) bool {
	above := false
	for _, folder := range hidden {
		if name == folder || strings.HasPrefix(name, folder+"/") {
			return true
		}
		above = above || strings.HasPrefix(folder, name+"/")
	}
	if !above {
		return false
	}
	entries, err := os.ReadDir(filepath.Join(root, filepath.FromSlash(name)))
	return err == nil && !slices.ContainsFunc(entries, func(entry os.DirEntry) bool {
		return !isHidden(root, path.Join(name, entry.Name()), hidden)
	})
}

// foldersOf returns the folders of logged models, which MLflow's own store has beside the artifacts of a run.
func foldersOf(models []*model) (folders []string) {
	for _, m := range models {
		folders = append(folders, m.Path)
	}
	return folders
}

// listArtifacts lists a folder of the artifacts of a run, without those of its logged models.
func (s *Service) listArtifacts(ctx context.Context, c *Call) (any, error) {
	var q struct {
		runName
		Path string `json:"path"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	if run, err := s.run(q.id()); err == nil {
		run.mu.Lock()
		defer run.mu.Unlock()
		return listFolder(run.active.FilesDir(), q.Path, foldersOf(run.allModels())...)
	}
	e, err := s.entry(ctx, q.id())
	if err != nil {
		return nil, err
	}
	if err := s.placeArtifacts(ctx, e); err != nil {
		return nil, err
	}
	var models []*model
	for _, part := range e.parts() {
		models = append(models, modelsIn(part)...)
	}
	return listFolder(s.artifactsOf(e), q.Path, foldersOf(models)...)
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
	if err := s.placeArtifacts(ctx, alone(e)); err != nil {
		return nil, err
	}
	return listFolder(filepath.Join(s.artifactsOf(alone(e)), filepath.FromSlash(m.Path)), below)
}
