package share

import (
	"context"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/format/listsort"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/store"
)

// UnreferencedObjects lists the objects of the artifact store that no run refers to. It considers the runs in the
// working tree and the trash, those on all branches of this clone and of its remotes as last fetched, and those that
// were ever committed in this clone.
func UnreferencedObjects(ctx context.Context, r *repo.Repository) ([]store.Stored, error) {
	url, err := needStore(r, "listing the artifact store")
	if err != nil {
		return nil, err
	}
	named, err := namedArtifacts(ctx, r)
	if err != nil {
		return nil, err
	}
	s, err := openStore(ctx, r, url)
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Close() }()
	var unnamed []store.Stored
	err = s.List(ctx, func(o store.Stored) error {
		if !named[o.Digest] {
			unnamed = append(unnamed, o)
		}
		return nil
	})
	listsort.Sort(unnamed, func(a, b store.Stored) int { return strings.Compare(a.Digest, b.Digest) })
	return unnamed, withStoreHint(err)
}

// namedArtifacts returns the digests of all external artifacts of runs.
func namedArtifacts(ctx context.Context, r *repo.Repository) (map[string]bool, error) {
	named := map[string]bool{}
	add := func(artifacts []format.Artifact) {
		for _, a := range artifacts {
			named[a.SHA256] = true
		}
	}
	entries, _, err := r.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Active != nil {
			add(e.Artifacts)
			continue
		}
		all, err := e.AllArtifacts()
		if err != nil {
			return nil, err
		}
		add(all)
	}
	add(r.TrashedArtifacts())
	if !r.InGit {
		return named, nil
	}
	return named, eachCommitted(ctx, r, add)
}

// eachCommitted calls visit with the artifacts of every run that a ref of this clone has.
func eachCommitted(ctx context.Context, r *repo.Repository, visit func([]format.Artifact)) error {
	tips, err := git.Tips(ctx, r.Git)
	if err != nil {
		return err
	}
	kept, err := git.Resolve(ctx, r.Git, keptRef)
	if err != nil {
		return err
	}
	at, err := r.TreePath()
	if err != nil {
		return err
	}
	trees, err := git.OpenTrees(ctx, r.Git)
	if err != nil {
		return err
	}
	defer trees.Close()
	seen := map[string]bool{}
	check := &checker{trees: trees}
	for _, tip := range append(tips, kept) {
		c, err := readSnapshot(trees, tip, at)
		if err != nil {
			return err
		}
		if err := c.unreadable(); err != nil {
			return err
		}
		for id, tree := range c.runs {
			if seen[tree] {
				continue
			}
			seen[tree] = true
			files, err := c.run(id)
			if err != nil {
				return err
			}
			data, err := files[repo.RecordName].read(trees, format.MaxRecordBytes)
			if err != nil {
				continue // a damaged record cannot be read; verify reports it
			}
			run, err := format.DecodeRun(repo.RecordName, data)
			if err != nil {
				continue
			}
			artifacts, err := check.artifacts(run, files)
			if err != nil {
				return err
			}
			visit(artifacts)
		}
	}
	return nil
}
