// Package git is the only package that runs Git. It finds repositories by their files, reads and writes objects,
// changes refs and the user's index together, and fetches and pushes.
//
// All it knows about runs is the name of their folder, .runs, which it leaves out of source trees. Of the project's
// packages it imports only repo/lock. It does not decide what is committed or pushed: repo/share does.
//
// Read command.go first: all calls of Git go through it. The file operation.go, with the operation_*.go files, has
// changes of branch and index that survive a kill. The file scratch.go has the temporary index with which a working
// tree is captured. Test new functions with the shapes of repositories that gittest makes.
package git

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/repo/git/native"
	"github.com/gitruns/runs/repo/regular"
)

// Dirs are the folders of a Git repository. The paths are absolute.
type Dirs struct {
	Root   string // the working tree; of a bare repository, the Git folder
	Git    string // the Git folder of this worktree: .git, or .git/worktrees/NAME
	Common string // the Git folder that all worktrees share

	Apart bool // a repository other than the one that variables such as GIT_DIR mean, such as a submodule

	OnFetch *FetchNotice // told before objects that a partial clone lacks are fetched; may be nil

	native bool // read by its files even if there is a git program
}

// Linked reports whether the working tree was made by `git worktree add`.
func (d Dirs) Linked() bool {
	return d.Git != d.Common && filepath.Base(filepath.Dir(d.Git)) == "worktrees"
}

// Shallow reports whether the clone lacks the older part of its history.
func (d Dirs) Shallow() bool {
	info, err := os.Stat(filepath.Join(d.Common, "shallow"))
	return err == nil && info.Size() > 0
}

// Discover finds the repository that contains dir, as Git does: the one of GIT_DIR if it is set, otherwise the nearest
// .git upwards. It only reads files, which takes microseconds. It returns false if there is none. dir must be absolute.
func Discover(dir string) (Dirs, bool, error) {
	if env := os.Getenv("GIT_DIR"); env != "" {
		return fromEnvironment(dir, env)
	}
	for at := dir; ; at = filepath.Dir(at) {
		dotgit := filepath.Join(at, ".git")
		info, err := os.Lstat(dotgit)
		if err == nil {
			if info.Mode()&fs.ModeSymlink != 0 {
				info, err = os.Stat(dotgit)
			}
			if err == nil {
				d, ok, err := fromDotGit(at, dotgit, info)
				if ok || err != nil {
					return d, ok, err
				}
			}
		} else if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			return Dirs{}, false, fmt.Errorf("looking for git in %s: %w", at, err)
		}
		if filepath.Dir(at) == at {
			return Dirs{}, false, nil
		}
	}
}

func fromEnvironment(dir, env string) (Dirs, bool, error) {
	gitDir := absolute(dir, env)
	root := dir
	if work := os.Getenv("GIT_WORK_TREE"); work != "" {
		root = absolute(dir, work)
	}
	dirs, ok := dirsOf(root, gitDir)
	if !ok {
		return Dirs{}, false, fmt.Errorf("GIT_DIR is %s, which is not a Git repository", env)
	}
	return dirs, true, nil
}

// DiscoverApart finds the repository that contains dir, whatever the environment says: the nearest .git upwards. It
// returns false if there is none. dir must be absolute.
func DiscoverApart(dir string) (Dirs, bool, error) {
	for at := dir; ; at = filepath.Dir(at) {
		if dirs, ok, err := Submodule(at); ok || err != nil {
			return dirs, ok, err
		}
		if filepath.Dir(at) == at {
			return Dirs{}, false, nil
		}
	}
}

// HasWorktree reports whether dir is the root of another working tree of the same repository, whatever the environment
// says. Coding agents make such working trees below the project. dir must be absolute.
func (d Dirs) HasWorktree(dir string) bool {
	dotgit := filepath.Join(dir, ".git")
	info, err := os.Lstat(dotgit)
	if err != nil {
		return false
	}
	other, ok, err := fromDotGit(dir, dotgit, info)
	return err == nil && ok && realPath(other.Git) != realPath(d.Git) && realPath(other.Common) == realPath(d.Common)
}

// Submodule returns the repository whose working tree is dir, whatever the environment says. It returns false if dir
// has no .git. dir must be absolute.
func Submodule(dir string) (Dirs, bool, error) {
	dotgit := filepath.Join(dir, ".git")
	info, err := os.Lstat(dotgit)
	if err != nil || info.Mode()&fs.ModeSymlink != 0 {
		return Dirs{}, false, nil // it is not checked out
	}
	dirs, ok, err := fromDotGit(dir, dotgit, info)
	dirs.Apart = true
	return dirs, ok, err
}

func fromDotGit(root, dotgit string, info fs.FileInfo) (Dirs, bool, error) {
	if info.IsDir() {
		dirs, ok := dirsOf(root, dotgit)
		return dirs, ok, nil
	}
	data, err := regular.ReadFile(dotgit)
	if err != nil {
		return Dirs{}, false, fmt.Errorf("reading %s: %w", dotgit, err)
	}
	target, ok := strings.CutPrefix(strings.TrimRight(string(data), "\r\n"), "gitdir: ")
	if !ok {
		return Dirs{}, false, nil
	}
	dirs, ok := dirsOf(root, absolute(root, target))
	if !ok {
		return Dirs{}, false, fmt.Errorf("%s points to %s, which is not a Git repository: run 'git worktree repair'", dotgit,
			target)
	}
	return dirs, true, nil
}

// dirsOf returns the folders of the repository whose Git folder is gitDir. It returns false if gitDir is not a Git
// folder.
func dirsOf(root, gitDir string) (Dirs, bool) {
	if _, err := os.Lstat(filepath.Join(gitDir, "HEAD")); err != nil {
		return Dirs{}, false
	}
	d := Dirs{Root: root, Git: gitDir, Common: commonDir(gitDir)}
	if _, err := os.Stat(filepath.Join(d.Common, "objects")); err != nil {
		return Dirs{}, false
	}
	return d, true
}

func commonDir(gitDir string) string {
	data, err := regular.ReadFile(filepath.Join(gitDir, "commondir"))
	if err != nil {
		return gitDir
	}
	return absolute(gitDir, strings.TrimRight(string(data), "\r\n"))
}

func absolute(dir, p string) string {
	if filepath.IsAbs(p) {
		return filepath.Clean(p)
	}
	return filepath.Join(dir, p)
}

// OpenBare returns the repository that contains dir if it has no working tree, as on a server and in its hooks.
func OpenBare(ctx context.Context, dir string) (Dirs, bool, error) {
	if !installed() {
		return bareByFiles(dir)
	}
	out, err := Run(ctx, dir, "rev-parse", "--is-bare-repository", "--absolute-git-dir")
	var failed *Error
	if errors.As(err, &failed) && !Inconclusive(err) {
		return Dirs{}, false, nil
	}
	bare, at, _ := strings.Cut(strings.TrimSuffix(string(out), "\n"), "\n")
	if err != nil || bare != "true" {
		return Dirs{}, false, err
	}
	return Dirs{Root: at, Git: at, Common: commonDir(at)}, true, nil
}

// bareByFiles is OpenBare without the program. dir must be absolute.
func bareByFiles(dir string) (Dirs, bool, error) {
	if os.Getenv("GIT_DIR") != "" {
		return Dirs{}, false, nil
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Lstat(filepath.Join(at, ".git")); err == nil {
			return Dirs{}, false, nil
		}
		if native.IsGitFolder(at) {
			d := Dirs{Root: at, Git: at, Common: commonDir(at)}
			r, err := files{d}.open()
			if err != nil {
				return Dirs{}, false, err
			}
			r.Close()
			bare, set, err := r.Config().Bool("core.bare")
			if !set {
				bare = filepath.Base(at) != ".git"
			}
			return d, err == nil && bare, err
		}
		if filepath.Dir(at) == at {
			return Dirs{}, false, nil
		}
	}
}

// Partial reports whether the clone fetches some objects only when they are needed.
func Partial(ctx context.Context, dirs Dirs) (bool, error) {
	return dirs.refs().partial(ctx)
}

func (p program) partial(ctx context.Context) (bool, error) {
	out, err := p.command().run(ctx, "config", "--type=bool", "--get-regexp", `^remote\..*\.promisor$`)
	var failed *Error
	if errors.As(err, &failed) && failed.Code == 1 {
		return false, nil
	}
	return strings.Contains(string(out), " true"), err
}
