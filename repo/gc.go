package repo

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/lazyregexp"
	"github.com/gitruns/runs/repo/parallel"
	"github.com/gitruns/runs/repo/regular"
)

// SharedFile is a shared file on disk.
type SharedFile struct {
	Name  string // relative to .runs, with slashes
	Bytes int64
}

// SharedFiles lists the shared files of the .runs folder.
func (r *Repository) SharedFiles() ([]SharedFile, error) { return sharedFiles(r.Dir) }

// KeptFiles lists the shared files in the Git folder. They are kept there for all .runs folders of the clone until
// their runs are committed.
func (r *Repository) KeptFiles() ([]SharedFile, error) {
	if !r.InGit {
		return nil, nil
	}
	return sharedFiles(filepath.Join(r.Git.Common, "runs", "shared"))
}

func sharedFiles(dir string) ([]SharedFile, error) {
	var files []SharedFile
	for _, kind := range []sharedKind{sharedSources, sharedEnvironments, sharedDatasets} {
		folder := filepath.Join(dir, kind.folder)
		if realDir(folder) != nil {
			continue
		}
		entries, err := os.ReadDir(folder)
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			name := path.Join(kind.folder, entry.Name())
			info, err := entry.Info()
			if err == nil && info.Mode().IsRegular() && IsShared(name) {
				files = append(files, SharedFile{name, info.Size()})
			}
		}
	}
	return files, nil
}

// NeededSince reports whether a shared file was stored, or looked up, after a time. If it was, a run that is not
// written yet may need it.
func (r *Repository) NeededSince(name string, t time.Time) bool {
	kind, digest, ok := sharedName(name)
	if !ok {
		return true
	}
	info, err := os.Lstat(r.firstPlace(kind, digest))
	return err == nil && info.ModTime().After(t)
}

// DropShared removes a shared file of the .runs folder.
func (r *Repository) DropShared(name string) error {
	err := os.Remove(filepath.Join(r.Dir, filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// DropKept removes a kept file unless it was needed after since. It renames the file before it looks at it: a process
// that needs the file meanwhile stores it again.
func (r *Repository) DropKept(name string, since time.Time) error {
	kind, digest, ok := sharedName(name)
	if !ok {
		return nil
	}
	file := r.keptPlace(kind, digest)
	away := filepath.Join(filepath.Dir(file), newPrefix+format.RandomLetters(8))
	err := os.Rename(file, away)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info, err := os.Lstat(away); err == nil && info.ModTime().After(since) {
		return os.Rename(away, file)
	}
	return os.Remove(away)
}

// digests matches the digests in the text of a damaged record.
var digests = lazyregexp.New(`[0-9a-f]{64}`)

// NamedIn lists the shared files that a record refers to. If the record is damaged or of a newer schema, every digest
// in its text counts.
func NamedIn(record []byte) []string {
	if run, err := format.DecodeRun(RecordName, record); err == nil {
		return SharedNames(run)
	}
	var names []string
	for _, digest := range digests().FindAll(record, -1) {
		for _, kind := range []sharedKind{sharedSources, sharedEnvironments, sharedDatasets} {
			names = append(names, path.Join(kind.folder, string(digest)+kind.extension))
		}
	}
	return names
}

// EachNamed calls visit for each run on disk with the shared files that the run refers to. It visits active runs,
// finished runs, and runs in the trash. The trash is read first and last, so that a run that moves meanwhile is seen
// at least once.
func (r *Repository) EachNamed(ctx context.Context, visit func(id string, names []string)) error {
	actives := map[string]bool{r.active: true, filepath.Join(r.Dir, "active"): true}
	if r.InGit {
		actives[filepath.Join(r.Git.Common, "runs", "active")] = true
	}
	trash := func() error { return eachRecord(ctx, r.trashedRuns(), visit) }
	if err := trash(); err != nil {
		return err
	}
	for dir := range actives {
		if err := eachRecord(ctx, subfolders(dir, 1, nil), visit); err != nil {
			return err
		}
		if err := r.eachLogged(ctx, dir, visit); err != nil {
			return err
		}
	}
	homes := r.Homes()
	if r.InGit { // of every project of the clone
		for _, dir := range subfolders(commonDirOf(r.Git.Common, ""), 1, nil) {
			homes = append(homes, Home{dir, true})
		}
	}
	for _, h := range homes {
		days := subfolders(h.Dir, 2, func(day string) bool { return format.CheckDay(day) == nil })
		if err := eachRecord(ctx, days, visit); err != nil {
			return err
		}
	}
	return trash()
}

// subfolders lists the folders that are depth levels below dir. only, which may be nil, selects folders of the first
// level by name.
func subfolders(dir string, depth int, only func(name string) bool) []string {
	if depth == 0 {
		return []string{dir}
	}
	entries, _ := os.ReadDir(dir)
	var all []string
	for _, entry := range entries {
		if entry.IsDir() && (only == nil || only(entry.Name())) {
			all = append(all, subfolders(filepath.Join(dir, entry.Name()), depth-1, nil)...)
		}
	}
	return all
}

// eachRecord reads the records of folders. It treats a link, or a record that is too large to read, as a record
// without shared files.
func eachRecord(ctx context.Context, dirs []string, visit func(id string, names []string)) error {
	names := make([][]string, len(dirs))
	errs := make([]error, len(dirs))
	parallel.Each(len(dirs), func(i int) {
		file := filepath.Join(dirs[i], RecordName)
		info, err := os.Lstat(file)
		if err != nil || !info.Mode().IsRegular() || info.Size() > format.MaxRecordBytes || ctx.Err() != nil {
			return
		}
		data, err := regular.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs[i] = err
			return
		}
		names[i] = NamedIn(data)
	})
	for i, dir := range dirs {
		if errs[i] != nil {
			return errs[i]
		}
		if len(names[i]) > 0 {
			visit(filepath.Base(dir), names[i])
		}
	}
	return ctx.Err()
}

// eachLogged finds the datasets in the journals of active runs, which no record lists yet.
func (r *Repository) eachLogged(ctx context.Context, active string, visit func(id string, names []string)) error {
	entries, err := os.ReadDir(active)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !entry.IsDir() || format.CheckID(entry.Name()) != nil {
			continue
		}
		a := &Active{ID: entry.Name(), Dir: filepath.Join(active, entry.Name()), repo: r}
		files, err := a.journals(journalPrefix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		f := newFold(&format.Run{}, nil)
		for _, file := range files {
			if err := f.journal(ctx, file, 0, file.size); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		var run format.Run
		for _, line := range f.datasets {
			if format.IsDigest(line.Manifest) {
				run.Datasets = append(run.Datasets, format.Dataset{Manifest: line.Manifest})
			}
		}
		visit(a.ID, SharedNames(&run))
	}
	return nil
}

// Siblings returns the .runs folders of all worktrees of the Git repository, this one first. The caller must only
// read them.
func (r *Repository) Siblings(ctx context.Context) ([]*Repository, error) {
	all := []*Repository{r}
	if !r.InGit {
		return all, nil
	}
	found, err := git.RunsFolders(ctx, r.Git)
	if err != nil {
		return nil, err
	}
	for _, f := range found {
		dir := filepath.Join(f[0], filepath.FromSlash(f[1]))
		if sameFile(dir, r.Dir) || realDir(dir) != nil {
			continue
		}
		s := &Repository{Dir: dir, Root: filepath.Dir(dir), InGit: true, active: filepath.Join(dir, "active")}
		s.Git = git.Dirs{Root: f[0], Git: r.Git.Git, Common: r.Git.Common}
		all = append(all, s)
	}
	return all, nil
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	y, err2 := os.Stat(b)
	return err == nil && err2 == nil && os.SameFile(x, y)
}
