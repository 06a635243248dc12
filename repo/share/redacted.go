package share

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// pendingRedactions returns the ids of runs that may have a redaction that is not committed yet.
func pendingRedactions(r *repo.Repository) (map[string]bool, error) {
	entries, err := os.ReadDir(r.RedactedDir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	ids := map[string]bool{}
	for _, e := range entries {
		ids[e.Name()] = true
	}
	return ids, err
}

// addRedacted adds the files of a run if it was redacted after it was committed. Shared files that the run no longer
// refers to become orphans. addRedacted reports whether the run was redacted.
func (p *plan) addRedacted(ctx context.Context, known *snapshot, id string) (bool, error) {
	there, err := known.run(id)
	if err != nil {
		return false, err
	}
	was, err := recordOf(known.trees, there[repo.RecordName])
	if err != nil {
		return false, err
	}
	e, err := p.repo.ReadFinished(id)
	if err != nil || !gained(was, e.Run) {
		return false, err
	}
	files, err := e.Content(ctx)
	if err != nil {
		return false, err
	}
	var paths []string
	for _, f := range files {
		paths = append(paths, path.Join(runPath(id), f.Name))
		p.Bytes += f.Bytes
	}
	shared := repo.SharedNames(e.Run)
	for _, name := range shared {
		if _, there := known.shared[name]; there {
			continue
		}
		size, err := p.repo.PlaceShared(ctx, name)
		if err != nil {
			return false, fmt.Errorf("run %s: %w", id, err)
		}
		known.shared[name] = "here"
		paths = append(paths, name)
		p.Bytes += size
	}
	p.paths = append(p.paths, paths...)
	p.Files += len(paths)
	p.Redacted = append(p.Redacted, id)
	for _, name := range repo.SharedNames(was) {
		if !slices.Contains(shared, name) && !slices.Contains(p.orphans, name) {
			p.orphans = append(p.orphans, name)
		}
	}
	return true, nil
}

// removeOrphans removes the orphans that no other run refers to.
func (p *plan) removeOrphans(known *snapshot) error {
	if len(p.orphans) == 0 {
		return nil
	}
	named := map[string]bool{}
	for id := range known.runs {
		if slices.Contains(p.Redacted, id) {
			continue
		}
		files, err := known.run(id)
		if err != nil {
			return err
		}
		run, err := recordOf(known.trees, files[repo.RecordName])
		if err != nil {
			return fmt.Errorf("run %s: %w", id, err)
		}
		for _, name := range repo.SharedNames(run) {
			named[name] = true
		}
	}
	for _, name := range p.orphans {
		if _, there := known.shared[name]; there && !named[name] {
			p.remove = append(p.remove, name)
		}
	}
	return nil
}

// recordOf reads a run.toml of a commit.
func recordOf(trees *git.Trees, e git.TreeEntry) (*format.Run, error) {
	data, err := trees.Blob(e.ID, format.MaxRecordBytes)
	if err != nil {
		return nil, err
	}
	return format.DecodeRun(repo.RecordName, data)
}

// gained reports whether now has all redactions of was, and more.
func gained(was, now *format.Run) bool {
	if was.ID != now.ID || len(now.Redacted) <= len(was.Redacted) {
		return false
	}
	for i, r := range was.Redacted {
		if r.Was != now.Redacted[i].Was || !r.Time.Equal(now.Redacted[i].Time) {
			return false
		}
	}
	return true
}

// redactedBy returns the runs that edits of parent redact. A key is the .runs folder followed by the id.
func redactedBy(trees *git.Trees, parent string, edits []git.Edit) (map[string]bool, error) {
	redacted := map[string]bool{}
	for _, e := range edits {
		p := placeOf(e.Path)
		if p.kind != ofRun || e.ID == "" || path.Base(p.name) != repo.RecordName || parent == "" {
			continue
		}
		there, ok, err := trees.Find(parent, e.Path)
		if err != nil {
			return nil, err
		}
		if !ok || there.IsTree() {
			continue
		}
		was, err := recordOf(trees, there)
		if err != nil {
			continue // a damaged record redacts nothing
		}
		now, err := recordOf(trees, git.TreeEntry{ID: e.ID})
		if err == nil && gained(was, now) {
			redacted[p.at+p.run] = true
		}
	}
	return redacted, nil
}

// redacts reports whether a change of the commit is part of a redaction, and the tip has the file as it was before.
func (p *replayer) redacts(c *runCommit, e git.Edit, there git.TreeEntry) (bool, error) {
	at := placeOf(e.Path)
	if !c.redacted[at.at+at.run] || len(c.Parents) == 0 {
		return false, nil
	}
	was, ok, err := p.trees.Find(c.Parents[0], e.Path)
	return ok && was.ID == there.ID, err
}

// OnRemote reports whether the remote's branch, as this clone last saw it, has a run.
func OnRemote(ctx context.Context, r *repo.Repository, id string) (bool, error) {
	if !r.InGit {
		return false, nil
	}
	local, err := runsBranch(ctx, r)
	if err != nil {
		return false, err
	}
	up, ok, err := git.UpstreamOf(ctx, r.Git, local.name)
	if err != nil || !ok {
		return false, err
	}
	commit, err := git.Resolve(ctx, r.Git, up.Tracking)
	if err != nil || commit == "" {
		return false, err
	}
	at, err := r.TreePath()
	if err != nil {
		return false, err
	}
	trees, err := git.OpenTrees(ctx, r.Git)
	if err != nil {
		return false, err
	}
	defer trees.Close()
	known, err := readSnapshot(trees, commit, at)
	if err != nil {
		return false, err
	}
	_, there := known.runs[id]
	return there, nil
}
