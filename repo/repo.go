// Package repo implements a repository of runs. It opens repositories, records, finishes, recovers and lists runs,
// and keeps removed ones in the trash. Everything that a command does to a repository can be called from here.
package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/regular"
)

// DirName is the folder that makes a project a repository of runs.
const DirName = ".runs"

// Repository is one .runs folder.
type Repository struct {
	Dir    string // the .runs folder, absolute
	Root   string // the folder that holds Dir
	Git    git.Dirs
	InGit  bool
	active string    // the folder of active runs
	gone   *Worktree // the worktree was removed: finished runs go to the common store
	goneTo string    // with gone: the common store
	trees  *worktreeCache
	commit string // commit whose shared files are read; empty means the one that is checked out
	tree   string // with commit: the path of .runs in it

	// Gate is how the user allows artifact stores. The zero value allows those that this clone has used.
	Gate StoreGate

	// Reading is called, if it is set, while Table reads many runs that the index does not have.
	Reading func(done, total int)

	config  func() (*format.Config, error)
	absent  bool     // there is no .runs folder: it was deleted, or only other worktrees have it
	left    *leftOut // what a sparse checkout leaves out; nil for a revision
	batches *batchStore
}

// Find opens the repository for dir: the one in RUNS_REPO, or otherwise the nearest .runs in dir or a folder above
// it, up to the root of the Git project. If there is none, it returns ErrNoRepository.
func Find(dir string) (*Repository, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("finding the current folder: %w", err)
	}
	if env := os.Getenv("RUNS_REPO"); env != "" {
		if !filepath.IsAbs(env) {
			env = filepath.Join(dir, env)
		}
		env = filepath.Clean(env)
		switch {
		case !isDir(env):
			return nil, fmt.Errorf("RUNS_REPO is %s: not a folder", env)
		case isRunsFolder(env):
			return open(env)
		case isDir(filepath.Join(env, DirName)):
			return nil, withHint(
				fmt.Errorf("RUNS_REPO is %s: it is not a .runs folder", env),
				"name the folder .runs in it: RUNS_REPO=%s", filepath.Join(env, DirName),
			)
		}
		return nil, withHint(
			fmt.Errorf("RUNS_REPO is %s: it is not a .runs folder", env), "run 'runs init' in a project",
		)
	}
	project, inGit, err := git.Discover(dir)
	if err != nil {
		return nil, err
	}
	var without []string // the folders up to at, which have no .runs folder
	for at := dir; ; at = filepath.Dir(at) {
		found := isDir(filepath.Join(at, DirName))
		last := found || filepath.Dir(at) == at || inGit && at == project.Root
		if !found {
			without = append(without, at)
		}
		if last && inGit && len(without) > 0 {
			if r, err := findLeftOut(project, without); r != nil || err != nil {
				return r, err
			}
			if r, err := findInWorktrees(project, without, found); r != nil || err != nil {
				return r, err
			}
		}
		if found {
			return open(filepath.Join(at, DirName))
		}
		if last {
			return nil, ErrNoRepository
		}
	}
}

// findLeftOut opens the repository of the first of the folders that has one which a sparse checkout leaves out of the
// working tree. It returns nil if there is none.
func findLeftOut(project git.Dirs, folders []string) (*Repository, error) {
	if !git.MayLeaveOut(project) {
		return nil, nil
	}
	names := make([]string, 0, len(folders))
	for _, folder := range folders {
		if rel, err := filepath.Rel(project.Root, filepath.Join(folder, DirName)); err == nil {
			names = append(names, filepath.ToSlash(rel))
		}
	}
	entries, err := git.Indexed(context.Background(), project, names...)
	if errors.Is(err, git.ErrNoGit) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("finding the runs of a sparse checkout: %w", err)
	}
	for i, name := range names {
		for _, e := range entries {
			if e.LeftOut && strings.HasPrefix(e.Path, name+"/") {
				return open(filepath.Join(folders[i], DirName))
			}
		}
	}
	return nil, nil
}

// isRunsFolder reports whether a folder is a .runs folder, by its name or its content. Nothing is written into any
// other folder.
func isRunsFolder(dir string) bool {
	return filepath.Base(dir) == DirName || isDir(filepath.Join(dir, "active")) &&
		exists(filepath.Join(dir, configName))
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func open(dir string) (*Repository, error) {
	r := &Repository{Dir: dir, Root: filepath.Dir(dir), batches: &batchStore{}, trees: &worktreeCache{}}
	dirs, inGit, err := git.Discover(r.Root)
	if err != nil {
		return nil, err
	}
	r.Git, r.InGit = dirs, inGit
	for _, at := range []string{dir, filepath.Join(dir, "active"), filepath.Join(dir, storeName)} {
		if info, err := os.Lstat(at); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			if err := r.refuseTrackedLink(
				context.Background(), at, "somebody else may have chosen its target: run 'git rm' on it",
			); err != nil {
				return nil, fmt.Errorf("opening %s: %w", dir, err)
			}
		}
	}
	for _, name := range []string{".gitignore", ".gitattributes"} { // Git itself would wait for a named pipe
		if err := regular.Check(filepath.Join(dir, name)); err != nil {
			return nil, fmt.Errorf("opening %s: %w", dir, err)
		}
	}
	r.active = filepath.Join(dir, "active")
	if inGit && dirs.Linked() {
		// 'git worktree remove' deletes a linked worktree; its active runs must survive that.
		r.active = commonActive(dirs)
	} else if inGit && git.Sparse(dirs) {
		// 'git sparse-checkout' deletes a folder that it leaves out together with the ignored files in it.
		r.active = commonActive(dirs)
	}
	if inGit {
		r.left = &leftOut{repo: r}
	}
	r.config = sync.OnceValues(r.readConfig)
	return r, nil
}

func commonActive(dirs git.Dirs) string { return filepath.Join(dirs.Common, "runs", "active") }

// Reopen opens the repository again, with its current settings.
func (r *Repository) Reopen() (*Repository, error) { return open(r.Dir) }

func (r *Repository) readConfig() (*format.Config, error) {
	data, err := r.readFile(configName, format.MaxConfigBytes)
	if errors.Is(err, fs.ErrNotExist) {
		data, err = r.otherConfig()
		if err == nil && data == nil {
			return format.DefaultConfig(), nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	return decodeConfig(data)
}

func decodeConfig(data []byte) (*format.Config, error) {
	config, err := format.DecodeConfig(filepath.Join(DirName, "config.toml"), data)
	if err == nil {
		err = config.Readable()
	}
	if err != nil {
		return nil, err
	}
	return config, nil
}

// Config returns the settings of the project. It reads them only once. If they require something that this version does
// not understand, the error is a *format.RequiresError.
func (r *Repository) Config() (*format.Config, error) { return r.config() }

// Writable returns an error if this version must not write into the repository. The error is a *format.RequiresError if
// the settings require something of a writer that this version does not understand. A run that was started can be
// finished all the same.
func (r *Repository) Writable() error {
	config, err := r.Config()
	if err != nil {
		return err
	}
	if err := config.Writable(); err != nil {
		return err
	}
	return r.makeFolder()
}

// readBounded reads a regular file of at most limit bytes. It refuses any other file, so that it does not follow a
// link or wait for a pipe that came with a pull.
func readBounded(path string, limit int64) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s has %d bytes, more than the limit of %d", path, info.Size(), limit)
	}
	return regular.ReadFile(path)
}

// RunDir returns the folder that a finished run goes to. See FindRun for where one is. id must be valid.
func (r *Repository) RunDir(id string) string {
	if r.gone != nil {
		return Home{r.goneTo, true}.RunDir(id)
	}
	return filepath.Join(r.Dir, format.IDDay(id), id)
}

// Relative returns path relative to dir, as people in dir would type it, or path itself.
func Relative(dir, path string) string {
	if rel, err := filepath.Rel(dir, path); err == nil && len(rel) < len(path) {
		return rel
	}
	return path
}
