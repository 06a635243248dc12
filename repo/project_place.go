package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/lazyregexp"
)

// ProjectRequest names a project to run.
type ProjectRequest struct {
	Target string // a path, or an address of Git, with #SUBFOLDER
	From   string // the folder in which the user is
	Rev    string // a branch, a tag or a commit; empty is what is checked out, or the default branch
	In     string // where to clone; may be empty
}

// ProjectPlace is where a project is, and where its run is recorded.
type ProjectPlace struct {
	Dir     string   // of the project; known once it is cloned
	Shown   string   // the target, without credentials
	Dirs    git.Dirs // the clone
	Keep    git.Dirs // the repository of the user that is cloned; without a root if it is not one of the user
	LeftOut bool     // changes in Keep are not committed, and not in the clone

	clone     *git.CloneRequest // nil if the project runs where it is
	sub       string            // below the root of the clone
	temporary string            // a folder that has nothing but the clone; empty if the clone stays
	elsewhere bool              // the run is recorded in another project than that of Dir
}

// Cloning reports whether the project has to be cloned.
func (p *ProjectPlace) Cloning() bool { return p.clone != nil }

// Target returns the folder in which the clone is made, or "" if it is a temporary one.
func (p *ProjectPlace) Target() string {
	if p.clone == nil || p.temporary != "" {
		return ""
	}
	return p.clone.Dir
}

// Beside returns a path beside a temporary clone, which is removed with it, or "" if the project is in no such clone.
func (p *ProjectPlace) Beside(name string) string {
	if p.temporary == "" {
		return ""
	}
	return filepath.Join(p.temporary, name+"-of-the-project")
}

// Elsewhere reports whether the run is recorded in the project of the user's folder, which is not that of Dir.
func (p *ProjectPlace) Elsewhere() bool { return p.elsewhere }

// Root returns the root of the clone.
func (p *ProjectPlace) Root() string { return p.Dirs.Root }

// FolderConfig returns the settings of the project whose .runs is in dir, or nil if there is none.
func FolderConfig(dir string) (*format.Config, error) {
	runs := filepath.Join(dir, DirName)
	if info, err := os.Lstat(runs); err != nil || !info.IsDir() {
		return nil, nil
	}
	data, err := readBounded(filepath.Join(runs, configName), format.MaxConfigBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return decodeConfig(data)
}

// isAddress matches what is an address of Git and not a path: with a scheme, or with a host before a colon.
var isAddress = lazyregexp.New(`^([A-Za-z][A-Za-z0-9+.-]*://|[A-Za-z0-9+.-]+::|([^/\\:@]+@)?[^/\\:]{2,}:)`)

// FindProject finds out where a project is. It clones nothing.
func FindProject(ctx context.Context, q ProjectRequest) (*ProjectPlace, error) {
	target, sub := q.Target, ""
	path := below(q.From, target)
	if !isDir(path) {
		if at := strings.IndexByte(target, '#'); at >= 0 {
			target, sub = target[:at], target[at+1:]
			path = below(q.From, target)
		}
	}
	if sub != "" && (!filepath.IsLocal(filepath.FromSlash(sub)) || format.CheckPath(sub) != nil) {
		return nil, fmt.Errorf("%.80q is not a subfolder", sub)
	}
	standing, err := hasProject(q.From)
	if err != nil {
		return nil, err
	}
	p := &ProjectPlace{Shown: git.RemoteWithoutCredentials(target), sub: sub, elsewhere: standing}
	switch {
	case target != "" && isDir(path):
		here, err := p.local(ctx, q, filepath.Join(path, filepath.FromSlash(sub)), standing)
		if err != nil || here {
			return p, err
		}
	case isAddress().MatchString(target) && !exists(path):
		if err := git.CheckClone(target, q.Rev); err != nil {
			return nil, err
		}
		p.clone = &git.CloneRequest{URL: target, Rev: q.Rev}
	case exists(path):
		return nil, fmt.Errorf("%s is not a folder", Relative(q.From, path))
	default:
		return nil, withHint(fmt.Errorf("%.80q is neither a folder nor an address of Git", p.Shown),
			"an address is like https://HOST/PROJECT.git or git@HOST:PROJECT.git")
	}
	if sub != "" {
		p.Shown += "#" + sub
	}
	return p, p.chooseFolder(q, standing)
}

// hasProject reports whether dir is in a project in which runs are recorded.
func hasProject(dir string) (bool, error) {
	_, err := Find(dir)
	if err == nil {
		return true, nil
	}
	if !errors.Is(err, ErrNoRepository) {
		return false, err
	}
	_, ok, err := git.Discover(dir)
	return ok, err
}

// local takes in a folder of this machine. It reports whether the project runs there.
func (p *ProjectPlace) local(ctx context.Context, q ProjectRequest, dir string, standing bool) (here bool, err error) {
	if !isDir(dir) {
		return false, fmt.Errorf("%s has no folder %q", p.Shown, p.sub)
	}
	p.Dir = dir
	dirs, inGit, err := git.DiscoverApart(withoutLinks(dir))
	if err != nil {
		return false, err
	}
	if q.Rev == "" && q.In == "" {
		own, ok, err := git.Discover(withoutLinks(q.From))
		if err != nil {
			return false, err
		}
		if !inGit || !standing || ok && own.Common == dirs.Common {
			p.elsewhere = false
			return true, nil
		}
	}
	if !inGit {
		return false, withHint(fmt.Errorf("%s is not in a Git repository, and has no commits", Relative(q.From, dir)),
			"leave out --version and --in to run it where it is")
	}
	rel, err := filepath.Rel(dirs.Root, withoutLinks(dir))
	if err != nil {
		return false, err
	}
	p.sub, p.Keep = filepath.ToSlash(rel), dirs
	if q.Rev == "" {
		head, err := git.ReadHeadOf(ctx, dirs)
		if err != nil {
			return false, err
		}
		p.LeftOut = head.Dirty
	}
	p.clone = &git.CloneRequest{URL: dirs.Root, Rev: q.Rev, Local: true}
	return false, git.CheckClone(dirs.Root, q.Rev)
}

var notInNames = lazyregexp.New(`[^A-Za-z0-9._-]+`)

// chooseFolder chooses where the clone is made.
func (p *ProjectPlace) chooseFolder(q ProjectRequest, standing bool) error {
	name := strings.TrimSuffix(strings.TrimRight(git.RemoteWithoutCredentials(p.clone.URL), "/"), ".git")
	name = name[strings.LastIndexAny(name, `/\:`)+1:]
	name = strings.Trim(notInNames().ReplaceAllString(name, "-"), ".-")
	if name == "" || len(name) > 80 {
		name = "project"
	}
	switch {
	case q.In != "":
		p.clone.Dir = q.In
	case standing:
		parent, err := os.MkdirTemp("", "runs-project-")
		if err != nil {
			return err
		}
		p.temporary = parent
		p.clone.Dir = filepath.Join(parent, name)
	default:
		p.clone.Dir = filepath.Join(q.From, name)
	}
	if exists(p.clone.Dir) {
		return withHint(fmt.Errorf("%s already exists", Relative(q.From, p.clone.Dir)),
			"run 'runs project %s' for that clone, or give --in", Relative(q.From, p.clone.Dir))
	}
	return nil
}

// Clone makes the clone.
func (p *ProjectPlace) Clone(ctx context.Context) error {
	done, err := git.Clone(ctx, *p.clone)
	if err != nil {
		if p.temporary != "" {
			_ = os.RemoveAll(p.temporary)
		}
		err = fmt.Errorf("cloning %s: %w", p.Shown, err)
		if errors.Is(err, git.ErrNotInRemote) {
			return withHint(err, "run 'git ls-remote %s' for what it has", p.Shown)
		}
		return err
	}
	p.Dirs = done.Dirs
	p.Shown += " at " + done.Commit[:min(12, len(done.Commit))]
	p.Dir = filepath.Join(p.Dirs.Root, filepath.FromSlash(p.sub))
	real, err := filepath.EvalSymlinks(p.Dir)
	root := withoutLinks(p.Dirs.Root)
	if err != nil || !isDir(real) || real != root && relativeTo(root, real) == "" {
		err := fmt.Errorf("%s has no folder %q", p.Shown, p.sub)
		if p.temporary != "" {
			_ = os.RemoveAll(p.temporary)
		}
		return err
	}
	return nil
}

// Leave removes a temporary clone in which nothing is needed: the program succeeded, and wrote no file there. With all,
// files do not matter. kept reports that it remains.
func (p *ProjectPlace) Leave(ctx context.Context, succeeded, all bool) (kept bool, err error) {
	if p.temporary == "" {
		return false, nil
	}
	untouched := all
	if succeeded && !all {
		if untouched, err = git.Untouched(ctx, p.Dirs); err != nil {
			return true, err
		}
	}
	if untouched {
		return false, os.RemoveAll(p.temporary)
	}
	return true, nil
}
