package share

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/store"
)

// Uploaded reports what was done with the artifacts that are not in Git.
type Uploaded struct {
	Store     string // the artifact store; empty if there is none
	Files     int    // artifacts that were sent, or that the store already had
	Bytes     int64  // of Files
	Sent      int64  // of Bytes: not held by the store before
	Local     int    // artifacts that stay on this machine, because there is no store
	LocalSize int64  // their size in bytes
	// Elsewhere counts the artifacts, of ElsewhereRuns runs of the remote, that neither this clone nor the store has. If
	// there is no store, it counts those of the new runs that this clone lacks.
	Elsewhere, ElsewhereRuns int
}

// upload uploads the artifacts of the new runs before the runs are pushed. If it fails, nothing is pushed.
func (p *pusher) upload(ctx context.Context, tip string) error {
	config, err := p.repo.Config()
	if err != nil {
		return err
	}
	if config.Artifacts.Store == format.StoreLFS {
		return p.uploadLFS(ctx, tip)
	}
	wanted, err := p.outside(ctx)
	if err != nil || len(wanted) == 0 {
		return err
	}
	u := &p.done.Uploaded
	u.Store = config.Artifacts.Store
	var objects []store.Object
	for _, a := range wanted { // uploadBacklog asks for those that are not in this clone
		at := p.repo.Stored(a.SHA256, a.Bytes)
		switch {
		case at == "" && u.Store == "":
			u.Elsewhere++
		case at == "":
		case u.Store == "":
			u.Local++
			u.LocalSize += a.Bytes
		default:
			objects = append(objects, store.Object{Digest: a.SHA256, Size: a.Bytes, Path: at})
		}
	}
	if len(objects) == 0 {
		return nil
	}
	s, err := openStore(ctx, p.repo, u.Store)
	if err != nil {
		return failedUpload(err)
	}
	defer func() { _ = s.Close() }()
	p.progress("uploading artifacts")
	if err := sendObjects(ctx, p.repo, s, u, objects, p.ask.UploadProgress); err != nil {
		return failedUpload(err)
	}
	return nil
}

// sendObjects uploads objects, replaces those that are known to be damaged, and remembers and counts what the store
// then holds.
func sendObjects(ctx context.Context, r *repo.Repository, s *store.Client, u *Uploaded, objects []store.Object,
	progress func(done, total int64),
) error {
	memory := r.StoreMemory(u.Store)
	damaged, err := memory.Damaged()
	if err != nil {
		return err
	}
	for i := range objects {
		objects[i].Replace = damaged[objects[i].Digest]
	}
	results := s.Upload(ctx, objects, progress)
	for i, result := range results {
		if result.Err == nil {
			u.Files++
			u.Bytes += objects[i].Size
			u.Sent += result.Moved
		}
	}
	if err := remember(r, u.Store, objects, results); err != nil {
		return err
	}
	return firstFailure(results)
}

// failedUpload adds to the error of an upload that nothing was pushed.
func failedUpload(err error) error {
	err = withStoreHint(err)
	var hint *repo.HintError
	if errors.As(err, &hint) {
		return fmt.Errorf("uploading artifacts: %w; nothing was pushed", err)
	}
	return &repo.HintError{
		Err:  fmt.Errorf("uploading artifacts: %w", err),
		Hint: "nothing was pushed; repeat the command: uploaded files are not sent again",
	}
}

// outside returns the artifacts of the new runs that are not in Git, each once, except those that are already handled.
// Most records name none, and decoding takes longer than looking.
func (p *pusher) outside(ctx context.Context) ([]format.Artifact, error) {
	var wanted []format.Artifact
	err := p.eachRecord(ctx, []string{"where", format.ArtifactsName}, func(run *format.Run) error {
		artifacts := run.Artifacts
		if _, many := run.Files[format.ArtifactsName]; many {
			files, err := p.after.run(run.ID)
			if err != nil {
				return err
			}
			check := &checker{trees: p.trees}
			if artifacts, err = check.artifacts(run, files); err != nil {
				return fmt.Errorf("run %s: %w", run.ID, err)
			}
		}
		for _, a := range artifacts {
			if a.Where != "" && !p.sent[a.SHA256] {
				p.sent[a.SHA256] = true
				wanted = append(wanted, a)
			}
		}
		return nil
	})
	return wanted, err
}

// UploadArtifacts uploads the artifacts of runs that this machine has, whether or not the runs are pushed.
func UploadArtifacts(ctx context.Context, r *repo.Repository, entries []*repo.Entry,
	progress func(done, total int64),
) (Uploaded, error) {
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
	s, err := openStore(ctx, r, url)
	if err == nil {
		defer func() { _ = s.Close() }()
		err = sendObjects(ctx, r, s, &done, slices.Collect(maps.Values(objects)), progress)
	}
	if err != nil {
		err = fmt.Errorf("uploading artifacts: %w", err)
	}
	return done, err
}
