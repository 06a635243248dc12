package share

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/store"
)

// askAgain is how long a push relies on the store's last answer that it lacks an object which this clone lacks too.
const askAgain = time.Hour

// remember remembers which objects a transfer has shown to be in the store.
func remember(r *repo.Repository, url string, objects []store.Object, results []store.Result) error {
	memory := r.StoreMemory(url)
	known, err := memory.Held()
	if err != nil {
		return err
	}
	var held, right []string
	for i, result := range results {
		if result.Err != nil {
			continue
		}
		digest := objects[i].Digest
		right = append(right, digest)
		if !known[digest] {
			known[digest] = true
			held = append(held, digest)
		}
	}
	return errors.Join(memory.Replaced(right), memory.AddHeld(held))
}

// backlog is what the store may lack of the runs that the remote has.
type backlog struct {
	memory *repo.StoreMemory
	held   map[string]bool
	bad    map[string]bool            // objects that are damaged in the store
	trees  map[string][]string        // the Git trees of runs that are not settled, with the artifacts of each
	wanted map[string]format.Artifact // artifacts of these runs that are not known to be held, by digest
}

// uploadBacklog uploads the artifacts that the store lacks of every run that the remote has, whoever committed and
// pushed it, if they are in this clone. What the store was once seen to hold is not asked for again.
func (p *pusher) uploadBacklog(ctx context.Context) error {
	url, err := storeURL(p.repo)
	if err != nil || url == "" || p.tip == "" {
		return err
	}
	at, err := p.repo.TreePath()
	if err != nil {
		return err
	}
	runs, ok, err := p.trees.Find(p.tip, at)
	if err != nil || !ok {
		return err
	}
	memory := p.repo.StoreMemory(url)
	if memory.Whole() == runs.ID {
		return nil
	}
	b := &backlog{memory: memory, trees: map[string][]string{}, wanted: map[string]format.Artifact{}}
	if err := p.readBacklog(b); err != nil {
		return err
	}
	p.done.Uploaded.Store = url
	if err := p.sendBacklog(ctx, url, b); err != nil {
		return err
	}
	var settled []string
	for tree, digests := range b.trees {
		if !slices.ContainsFunc(digests, func(digest string) bool { return !b.held[digest] }) {
			settled = append(settled, tree)
		}
	}
	slices.Sort(settled)
	if err := memory.AddSettled(settled); err != nil || len(settled) < len(b.trees) {
		return err
	}
	return memory.SetWhole(runs.ID)
}

// readBacklog finds the runs of the remote that are not settled, and their artifacts.
func (p *pusher) readBacklog(b *backlog) error {
	settled, err := b.memory.Settled()
	if err != nil {
		return err
	}
	if b.held, err = b.memory.Held(); err != nil {
		return err
	}
	if b.bad, err = b.memory.Damaged(); err != nil {
		return err
	}
	c, err := p.ids(p.tip)
	if err != nil {
		return err
	}
	for id, tree := range c.runs {
		if settled[tree] {
			continue
		}
		artifacts, err := p.artifactsOf(c, id)
		if err != nil {
			return err
		}
		b.trees[tree] = []string{}
		for _, a := range artifacts {
			if a.Where == "" {
				continue
			}
			b.trees[tree] = append(b.trees[tree], a.SHA256)
			if !b.held[a.SHA256] {
				b.wanted[a.SHA256] = a
			}
		}
	}
	return nil
}

// artifactsOf returns the artifacts of a committed run. A damaged record has none; verify reports it.
func (p *pusher) artifactsOf(c *snapshot, id string) ([]format.Artifact, error) {
	files, err := c.run(id)
	if err != nil {
		return nil, err
	}
	data, err := files[repo.RecordName].read(p.trees, format.MaxRecordBytes)
	if err != nil || !bytes.Contains(data, []byte("where")) && !bytes.Contains(data, []byte(format.ArtifactsName)) {
		return nil, nil // most records name no external artifact, and decoding takes longer than looking
	}
	run, err := format.DecodeRun(repo.RecordName, data)
	if err != nil {
		return nil, nil
	}
	if _, many := run.Files[format.ArtifactsName]; !many {
		return run.Artifacts, nil
	}
	check := &checker{trees: p.trees}
	artifacts, err := check.artifacts(run, files)
	if err != nil {
		return nil, nil
	}
	return artifacts, nil
}

// sendBacklog uploads what is wanted and in this clone, and asks for the rest. It opens the store only if it must.
func (p *pusher) sendBacklog(ctx context.Context, url string, b *backlog) error {
	var objects []store.Object
	var elsewhere []string
	for _, digest := range slices.Sorted(maps.Keys(b.wanted)) {
		a := b.wanted[digest]
		if at := p.repo.Stored(digest, a.Bytes); at != "" {
			objects = append(objects, store.Object{Digest: digest, Size: a.Bytes, Path: at})
		} else {
			elsewhere = append(elsewhere, digest)
		}
	}
	missing, asked, err := b.memory.Missing()
	if err != nil {
		return err
	}
	ask := slices.DeleteFunc(slices.Clone(elsewhere), func(digest string) bool {
		return b.bad[digest] || missing[digest] && time.Since(asked) < askAgain
	})
	if len(objects)+len(ask) > 0 {
		if err := p.askAndSend(ctx, url, b, objects, ask); err != nil {
			return err
		}
	}
	elsewhere = slices.DeleteFunc(elsewhere, func(digest string) bool { return b.held[digest] })
	u := &p.done.Uploaded
	u.Elsewhere, u.ElsewhereRuns = len(elsewhere), 0
	for _, digests := range b.trees {
		if slices.ContainsFunc(digests, func(digest string) bool { return slices.Contains(elsewhere, digest) }) {
			u.ElsewhereRuns++
		}
	}
	if len(ask) > 0 {
		return b.memory.SetMissing(elsewhere)
	}
	return nil
}

func (p *pusher) askAndSend(
	ctx context.Context, url string, b *backlog, objects []store.Object, ask []string,
) error {
	p.progress("uploading artifacts of pushed runs")
	s, err := openStore(ctx, p.repo, url)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	sizes, err := s.Stat(ctx, ask)
	if err != nil {
		return withStoreHint(err)
	}
	var held []string
	for digest, size := range sizes {
		if size == b.wanted[digest].Bytes {
			b.held[digest] = true
			held = append(held, digest)
		}
	}
	if err := b.memory.AddHeld(held); err != nil {
		return err
	}
	err = sendObjects(ctx, p.repo, s, &p.done.Uploaded, objects, p.ask.UploadProgress)
	if err != nil {
		return err
	}
	for _, o := range objects {
		b.held[o.Digest] = true
	}
	return nil
}

// failedBacklog adds to the error of an upload for runs that the remote has that they are pushed.
func failedBacklog(err error) error {
	err = fmt.Errorf("uploading artifacts of pushed runs: %w", err)
	var hint *repo.HintError
	if errors.As(err, &hint) {
		return err
	}
	return &repo.HintError{Err: err, Hint: "the runs are pushed; run 'runs push' again to upload the rest"}
}

// NotUploaded counts the artifacts of finished runs that this clone has and that the project's store was not seen to
// hold, and their bytes. store is empty if no store is configured. With Git LFS, there are none: the artifacts go with
// the runs.
func NotUploaded(r *repo.Repository, entries []*repo.Entry) (files int, bytes int64, store string, err error) {
	return notUploaded(r, func() (map[string]NotStored, error) { return localCopies(r, entries) })
}

// NotUploaded is like the function of that name, for the runs of the commit.
func (c *Committed) NotUploaded(r *repo.Repository) (files int, bytes int64, store string, err error) {
	return notUploaded(r, func() (map[string]NotStored, error) {
		copies := map[string]NotStored{}
		for _, run := range c.Runs {
			for _, a := range run.outside {
				if _, ok := copies[a.SHA256]; !ok && r.Stored(a.SHA256, a.Bytes) != "" {
					copies[a.SHA256] = NotStored{ID: run.ID, Artifact: a, Here: true}
				}
			}
		}
		return copies, nil
	})
}

func notUploaded(r *repo.Repository, find func() (map[string]NotStored, error)) (files int, bytes int64, store string,
	err error,
) {
	config, err := r.Config()
	if err != nil || config.Artifacts.Store == format.StoreLFS {
		return 0, 0, "", err
	}
	copies, err := find()
	if err != nil || len(copies) == 0 {
		return 0, 0, "", err
	}
	store = config.Artifacts.Store
	held := map[string]bool{}
	if store != "" {
		if held, err = r.StoreMemory(store).Held(); err != nil {
			return 0, 0, "", err
		}
	}
	for digest, a := range copies {
		if !held[digest] {
			files++
			bytes += a.Bytes
		}
	}
	return files, bytes, store, nil
}
