package capture

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/format/listsort"
	"github.com/gitruns/runs/repo/git"
)

const (
	maxSubmoduleDepth = 8
	submodulesAtOnce  = 4
)

// captureSubmodules captures the submodules that are checked out, each like a project of its own, and those in them.
// What cannot be captured is listed as omitted.
func (c *Captured) captureSubmodules(ctx context.Context, dirs git.Dirs, q SourceRequest, w *git.Worktree) error {
	if len(w.Submodules) == 0 {
		return nil
	}
	var mutex sync.Mutex
	omit := func(at, reason string) {
		mutex.Lock()
		defer mutex.Unlock()
		c.omit(format.Omitted{Path: printable(at + "/"), Reason: printable(reason)})
	}
	group, all := errgroup.WithContext(ctx)
	group.SetLimit(submodulesAtOnce)
	for _, at := range w.Submodules {
		inner, ok, err := git.Submodule(filepath.Join(dirs.Root, filepath.FromSlash(at)))
		switch {
		case err != nil:
			omit(at, err.Error())
			continue
		case !ok:
			continue // not checked out: the program had an empty folder
		case q.depth >= maxSubmoduleDepth || format.CheckPath(at) != nil:
			omit(at, format.OmittedRepository)
			continue
		}
		group.Go(func() error {
			sub, url, err := captureSubmodule(all, inner, q.below(at))
			switch {
			case all.Err() != nil:
				return all.Err()
			case err != nil:
				omit(at, err.Error())
				return nil
			}
			mutex.Lock()
			defer mutex.Unlock()
			c.addSubmodule(at, url, sub)
			return nil
		})
	}
	err := group.Wait()
	subs := c.Source.Submodules
	listsort.Sort(subs, func(a, b format.Submodule) int { return strings.Compare(a.Path, b.Path) })
	if len(subs) > format.MaxSubmodules {
		c.omit(format.Omitted{
			Path: "…", Count: int64(len(subs) - format.MaxSubmodules), Reason: format.OmittedRepository,
		})
		c.Source.Submodules = subs[:format.MaxSubmodules]
	}
	return err
}

// below returns the request for a submodule.
func (q SourceRequest) below(at string) SourceRequest {
	inner := SourceRequest{Config: q.Config, depth: q.depth + 1}
	if q.Config.Source.Base != "" { // a ref of the project
		config := *q.Config
		config.Source.Base = ""
		inner.Config = &config
	}
	for _, path := range q.Datasets {
		if rest, ok := strings.CutPrefix(path, at+"/"); ok {
			inner.Datasets = append(inner.Datasets, rest)
		}
	}
	inner.Rewritten = nil // its commit is that of another project
	if q.Written != nil {
		inner.Written = func(file string, info fs.FileInfo) bool { return q.Written(path.Join(at, file), info) }
	}
	return inner
}

// captureSubmodule captures one submodule and returns the URL of its remote.
func captureSubmodule(ctx context.Context, dirs git.Dirs, q SourceRequest) (c *Captured, url string, err error) {
	config, err := git.ConfigOf(ctx, dirs, `^remote\..*\.url$`)
	if err != nil {
		return nil, "", err
	}
	scratch, err := git.NewScratch(dirs)
	if err != nil {
		return nil, "", err
	}
	if c, err = captureIn(ctx, scratch, dirs, q); err != nil {
		return nil, "", err
	}
	if c.Source.Commit == "" {
		c.Close()
		return nil, "", errors.New("a submodule without a commit")
	}
	return c, portableAddress("", remote(config)), nil
}

// addSubmodule adds a captured submodule and those in it.
func (c *Captured) addSubmodule(at, url string, sub *Captured) {
	s := &sub.Source
	c.Source.Submodules = append(c.Source.Submodules, format.Submodule{
		Path: at, Part: partOf(s, url),
	})
	for _, inner := range s.Submodules {
		inner.Path = path.Join(at, inner.Path)
		c.Source.Submodules = append(c.Source.Submodules, inner)
	}
	for _, o := range s.Omitted {
		if rest, quoted := strings.CutPrefix(o.Path, `"`); quoted {
			o.Path = `"` + at + "/" + rest
		} else if o.Path != "…" {
			o.Path = at + "/" + o.Path
		}
		c.omit(o)
	}
	if sub.Keep != "" {
		c.omit(format.Omitted{Path: printable(at + "/"), Reason: format.OmittedUnpushed})
	}
	for _, warning := range sub.Warnings {
		c.Warnings = append(c.Warnings, "submodule "+at+": "+warning)
	}
	c.Submodules = append(append(c.Submodules, sub), sub.Submodules...)
	sub.Submodules = nil
}

// partOf returns what a captured source of another repository is in the record of the project.
func partOf(s *format.Source, url string) format.Part {
	return format.Part{URL: url, Commit: s.Commit, Tree: s.Tree, Base: s.Base, Patches: s.Patches}
}

// baseOfSubmodule returns the tree without entries instead of a base that no remote has, if the submodule is small: a
// run names no ref that would keep the commit.
func (c *Captured) baseOfSubmodule(
	ctx context.Context, refs *git.Refs, base git.Base, maxTree int64,
) (git.Base, error) {
	if base.OnRemote || base.Commit == "" {
		return base, nil
	}
	size, err := c.scratch.TreeBytes(ctx, refs.Commit)
	if err == nil && size <= maxTree {
		return git.Base{Durable: true}, nil
	}
	return base, err
}
