package share

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/store"
)

// StoreCheck is what the store says of the artifacts that runs name.
type StoreCheck struct {
	Store   string
	Objects int // that runs name, each once
	Missing []NotStored
}

// NotStored is an artifact that the store does not hold.
type NotStored struct {
	ID string // of the run
	format.Artifact
	Here   bool   // this machine has it
	Reason string // missing, or of another size
}

// needStore is the store of the project by URL.
func needStore(r *repo.Repository, doing string) (string, error) {
	url, err := storeURL(r)
	if err == nil && url == "" {
		err = &repo.HintError{Err: errors.New(doing + ": the project has no store"), Hint: "artifacts.store in .runs/config.toml names one"}
	}
	return url, err
}

// VerifyStore asks the store for every artifact of the runs that does not lie in git.
func VerifyStore(ctx context.Context, r *repo.Repository, entries []*repo.Entry) (*StoreCheck, error) {
	url, err := needStore(r, "asking the store")
	if err != nil {
		return nil, err
	}
	found := &StoreCheck{Store: url}
	var named []NotStored
	digests := map[string]bool{}
	err = eachOutside(entries, func(e *repo.Entry, a format.Artifact) {
		digests[a.SHA256] = true
		named = append(named, NotStored{ID: e.ID, Artifact: a, Here: r.Stored(a.SHA256, a.Bytes) != "", Reason: "missing"})
	})
	if err != nil {
		return nil, err
	}
	if found.Objects = len(digests); found.Objects == 0 {
		return found, nil
	}
	has, err := held(ctx, url, slices.Sorted(maps.Keys(digests)))
	if err != nil {
		return nil, err
	}
	for _, a := range named {
		size, ok := has[a.SHA256]
		if ok && size == a.Bytes {
			continue
		}
		if ok {
			a.Reason = "of another size"
		}
		found.Missing = append(found.Missing, a)
	}
	return found, nil
}

// UploadArtifacts brings what this machine has of the artifacts of runs to the store, whether or not the runs are pushed.
func UploadArtifacts(ctx context.Context, r *repo.Repository, entries []*repo.Entry, progress func(done, total int64)) (Uploaded, error) {
	url, err := needStore(r, "uploading artifacts")
	if err != nil {
		return Uploaded{}, err
	}
	done := Uploaded{Store: url}
	objects := map[string]store.Object{}
	elsewhere := map[string]bool{}
	for _, e := range entries {
		if e.Active != nil {
			continue
		}
		all, err := e.AllArtifacts()
		if err != nil {
			return done, err
		}
		for _, a := range all {
			switch at := r.Stored(a.SHA256, a.Bytes); {
			case a.Where == "":
			case at == "":
				elsewhere[a.SHA256] = true
			default:
				objects[a.SHA256] = store.Object{Digest: a.SHA256, Size: a.Bytes, Path: at}
			}
		}
	}
	done.Elsewhere = len(elsewhere)
	if len(objects) == 0 {
		return done, nil
	}
	s, err := store.Open(ctx, url)
	if err != nil {
		return done, atStore(err)
	}
	defer func() { _ = s.Close() }()
	results := s.Upload(ctx, slices.Collect(maps.Values(objects)), progress)
	for _, result := range results {
		if result.Err == nil {
			done.Files++
			done.Bytes += result.Moved
		}
	}
	return done, firstFailure(results)
}

// Unnamed lists the objects of the store that no run names: not in the working tree or the trash, not on any branch of this
// clone or of its remotes as they were last fetched, and not in what this clone ever committed.
func Unnamed(ctx context.Context, r *repo.Repository) ([]store.Stored, error) {
	url, err := needStore(r, "asking the store")
	if err != nil {
		return nil, err
	}
	named, err := namedArtifacts(ctx, r)
	if err != nil {
		return nil, err
	}
	s, err := store.Open(ctx, url)
	if err != nil {
		return nil, atStore(err)
	}
	defer func() { _ = s.Close() }()
	var unnamed []store.Stored
	err = s.List(ctx, func(o store.Stored) error {
		if !named[o.Digest] {
			unnamed = append(unnamed, o)
		}
		return nil
	})
	slices.SortFunc(unnamed, func(a, b store.Stored) int { return strings.Compare(a.Digest, b.Digest) })
	return unnamed, atStore(err)
}

// namedArtifacts are the digests of artifacts outside git that runs name, wherever they are.
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

// eachCommitted visits the artifacts of every run that a ref of this clone holds.
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
		c, err := readContents(trees, tip, at)
		if err != nil {
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
			data, err := trees.Blob(files[repo.RecordName].ID, format.MaxRecordBytes)
			if err != nil {
				continue // a damaged run names nothing that can be read: verify says so
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
