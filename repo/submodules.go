package repo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/capture"
	"github.com/gitruns/runs/repo/git"
)

// checkOutSubmodules writes the submodules of a run into its source, which lies in dir. It adds those that it cannot
// restore to done. Each is verified by its tree before a file is written.
func (r *Repository) checkOutSubmodules(
	ctx context.Context, run *format.Run, source *git.Scratch, dir string, done *Restored,
) error {
	if len(run.Source.Submodules) == 0 {
		return nil
	}
	links, err := source.Gitlinks(ctx)
	if err != nil {
		return err
	}
	for i := range run.Source.Submodules {
		sub := &run.Source.Submodules[i]
		inner, left, pointers, err := r.checkOutSubmodule(ctx, sub, links[sub.Path], dir)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			done.Submodules = append(done.Submodules, SubmoduleError{sub.Path, err})
			continue
		}
		if done.Pointers == nil {
			done.Pointers = pointers
		}
		for _, file := range left {
			done.PointerFiles = append(done.PointerFiles, path.Join(sub.Path, file))
		}
		for at, commit := range inner {
			links[path.Join(sub.Path, at)] = commit
		}
	}
	return nil
}

// checkOutSubmodule writes one submodule. link is the commit that the tree around it names. It returns the submodules
// in it, and its files that are still pointers of Git LFS.
func (r *Repository) checkOutSubmodule(
	ctx context.Context, sub *format.Submodule, link, dir string,
) (links map[string]string, left []string, pointers, err error) {
	switch {
	case link == "":
		return nil, nil, nil, errors.New("the source around it has no submodule there")
	case link != sub.Commit:
		return nil, nil, nil, fmt.Errorf("the source around it names commit %.12s, but the run recorded %.12s", link,
			sub.Commit)
	}
	if err := NoLinks(dir, path.Join(sub.Path, "file")); err != nil {
		return nil, nil, nil, err
	}
	target := filepath.Join(dir, filepath.FromSlash(sub.Path))
	if entries, err := os.ReadDir(target); err != nil || len(entries) > 0 {
		return nil, nil, nil, errors.New("its folder is not empty")
	}
	scratch, err := r.rebuildSubmodule(ctx, sub, true)
	if err != nil {
		return nil, nil, nil, err
	}
	defer scratch.Close()
	refused, err := r.permitSourceLFS(ctx, scratch)
	if err != nil {
		return nil, nil, nil, err
	}
	if links, err = scratch.Gitlinks(ctx); err != nil {
		return nil, nil, nil, err
	}
	left, pointers, err = checkOutFiles(ctx, scratch, refused, target)
	return maps.Clone(links), left, pointers, err
}

// rebuildSubmodule makes the recorded tree of a submodule in a scratch of its repository, and verifies it. If fetch is
// true and this clone has not got its base commit, it is fetched into the scratch.
func (r *Repository) rebuildSubmodule(ctx context.Context, sub *format.Submodule, fetch bool) (*git.Scratch, error) {
	places, err := r.submodulePlaces(ctx, sub.Path)
	if err != nil {
		return nil, err
	}
	scratch, err := r.rebuildPart(ctx, &sub.Part, places)
	var noBase noBaseError
	if fetch && errors.As(err, &noBase) {
		return r.fetchSubmodule(ctx, sub)
	}
	return scratch, err
}

// rebuildPart makes the recorded tree of another repository in a scratch of the first of some repositories that has its
// base commit, and verifies it. The error is a noBaseError if none has it.
func (r *Repository) rebuildPart(ctx context.Context, part *format.Part, places []git.Dirs) (*git.Scratch, error) {
	if part.Redacted {
		return nil, errRedacted
	}
	for _, dirs := range places {
		scratch, err := git.NewScratch(dirs)
		if err != nil {
			return nil, err
		}
		if has, err := scratch.HasBase(ctx, part.Base); err != nil || !has {
			scratch.Close()
			continue
		}
		scratch.AllowNetwork() // for what a partial clone lacks
		if err := r.rebuildIn(ctx, scratch, sourceOf(part)); err != nil {
			scratch.Close()
			return nil, err
		}
		return scratch, nil
	}
	return nil, noBaseError(part.Base)
}

func sourceOf(part *format.Part) *format.Source {
	return &format.Source{Tree: part.Tree, Base: part.Base, Patches: part.Patches}
}

// submodulePlaces returns the repositories of this clone that may have the commits of a submodule.
func (r *Repository) submodulePlaces(ctx context.Context, at string) ([]git.Dirs, error) {
	var places []git.Dirs
	dirs, ok, err := git.Submodule(filepath.Join(r.TreeRoot(), filepath.FromSlash(at)))
	if err == nil && ok {
		places = append(places, dirs)
	}
	if name := r.submoduleName(ctx, at); name != "" { // it may be another branch that has it checked out
		if dirs, ok := git.OfModule(r.Git, name); ok {
			places = append(places, dirs)
		}
	}
	return places, ctx.Err()
}

// submoduleName returns the name of a submodule in the .gitmodules of the project, or its path.
func (r *Repository) submoduleName(ctx context.Context, at string) string {
	names, err := git.SubmoduleNames(ctx, r.Git)
	if name := names[at]; err == nil && name != "" {
		return name
	}
	return at
}

// fetchSubmodule fetches the base commit of a submodule with the user's Git, from the address that this clone has for
// it, otherwise from the recorded one.
func (r *Repository) fetchSubmodule(ctx context.Context, sub *format.Submodule) (*git.Scratch, error) {
	var urls []string
	if configured, err := git.SubmoduleURL(ctx, r.Git, r.submoduleName(ctx, sub.Path)); err == nil && configured != "" {
		urls = append(urls, configured)
	}
	recorded := capture.LocalAddress("", sub.URL)
	if recorded != "" && (len(urls) == 0 || urls[0] != recorded) {
		urls = append(urls, recorded)
	}
	scratch, err := r.fetchPart(ctx, &sub.Part, urls)
	if err != nil && ctx.Err() == nil {
		err = withHint(err, "run 'git submodule update --init %s' in the project, and repeat", sub.Path)
	}
	return scratch, err
}

// fetchPart fetches the base commit of another repository from the first of some addresses that has it.
func (r *Repository) fetchPart(ctx context.Context, part *format.Part, urls []string) (*git.Scratch, error) {
	failed := errors.New("its address was not recorded")
	for _, url := range urls {
		scratch, err := git.FetchedScratch(ctx, r.Git, url, part.Base)
		if err == nil {
			if err = r.rebuildIn(ctx, scratch, sourceOf(part)); err == nil {
				return scratch, nil
			}
			scratch.Close()
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		failed = fmt.Errorf("commit %.12s cannot be fetched from %s: %w", part.Base, git.RemoteWithoutCredentials(url), err)
	}
	return nil, failed
}

// absentSubmoduleError says that this clone does not have a submodule of a run. Its text is the path.
type absentSubmoduleError string

func (e absentSubmoduleError) Error() string {
	return fmt.Sprintf("submodule %s was not verified: it is not in this clone, and 'runs checkout' fetches it", string(e))
}

// rebuildAll rebuilds the source of a run, its submodules and packages, without fetching these, and verifies them. look
// gets the source before its submodules are rebuilt; it may be nil.
func (r *Repository) rebuildAll(ctx context.Context, run *format.Run, look func(*git.Scratch) error) error {
	scratch, err := r.rebuild(ctx, run)
	if err != nil {
		return err
	}
	if look != nil {
		err = look(scratch)
	}
	if err == nil {
		err = scratch.CheckFilters()
	}
	scratch.Close()
	if err != nil {
		return err
	}
	for i := range run.Source.Submodules {
		sub := &run.Source.Submodules[i]
		scratch, err := r.rebuildSubmodule(ctx, sub, false)
		var noBase noBaseError
		if errors.As(err, &noBase) {
			return absentSubmoduleError(sub.Path)
		}
		if err != nil {
			return fmt.Errorf("submodule %s: %w", sub.Path, err)
		}
		err = scratch.CheckFilters()
		scratch.Close()
		if err != nil {
			return fmt.Errorf("submodule %s: %w", sub.Path, err)
		}
	}
	return r.verifyPackages(ctx, run)
}
