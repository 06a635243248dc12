package share

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/regular"
	"github.com/gitruns/runs/repo/transition"
)

// pendingRedactions returns the redactions that are not committed yet, by the ids of their runs.
func pendingRedactions(r *repo.Repository) (map[string]repo.PendingRedaction, error) {
	pending, err := r.PendingRedactions()
	byID := make(map[string]repo.PendingRedaction, len(pending))
	for _, p := range pending {
		byID[p.ID] = p
	}
	return byID, err
}

// redactRemoved adds the redactions of removed runs that a batch still has: the working tree has it rewritten.
func (p *plan) redactRemoved(ctx context.Context, known *snapshot, redacted map[string]repo.PendingRedaction,
	removed map[string]bool,
) error {
	for _, id := range slices.Sorted(maps.Keys(redacted)) {
		if !removed[id] || len(known.in[id]) == 0 {
			continue
		}
		if _, err := p.addRedacted(ctx, known, id, redacted[id].Replaced()); err != nil {
			return err
		}
		p.leaveOpen(id)
	}
	return nil
}

// addRest adds the shared files of a redacted run whose record a commit of the user's own has, and removes those that
// they replace. It reports whether there is anything to add.
func (p *plan) addRest(ctx context.Context, known *snapshot, e *repo.Entry, replaced []string) (added bool, err error) {
	for _, name := range repo.SharedNames(e.Run) {
		if _, there := known.shared[name]; there {
			continue
		}
		size, err := p.repo.PlaceShared(ctx, name)
		if err != nil {
			return false, fmt.Errorf("run %s: %w", e.ID, err)
		}
		known.shared[name] = placedHere
		p.paths = append(p.paths, name)
		p.Files++
		p.Bytes += size
		added = true
	}
	if !added {
		return false, nil
	}
	p.Redacted = append(p.Redacted, e.ID)
	for _, name := range replaced {
		if !slices.Contains(p.orphans, name) {
			p.orphans = append(p.orphans, name)
		}
	}
	return true, nil
}

// addRedacted adds the files of a run if it was redacted after it was committed. Shared files that the run no longer
// refers to become orphans. addRedacted reports whether the run was redacted. If the run differs from the committed one
// in any other way, addRedacted returns an error.
func (p *plan) addRedacted(ctx context.Context, known *snapshot, id string, replaced []string) (bool, error) {
	there, err := known.run(id)
	if err != nil {
		return false, err
	}
	e, err := p.repo.ReadFinished(id)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // only annotations of it are here
	}
	if err != nil {
		return false, err
	}
	if e.Batch() != nil {
		return p.addRedactedBatch(ctx, known, e, there)
	}
	if same, err := sameFile(filepath.Join(e.Dir, repo.RecordName), there[repo.RecordName].ID); err != nil {
		return false, err
	} else if same {
		return p.addRest(ctx, known, e, replaced)
	}
	files, err := e.Content(ctx)
	if err != nil {
		return false, err
	}
	for _, name := range slices.Sorted(maps.Keys(there)) {
		held := func(f repo.File) bool { return f.Name == name }
		info, err := os.Lstat(filepath.Join(e.Dir, filepath.FromSlash(name)))
		if err == nil && info.Mode().IsRegular() && !slices.ContainsFunc(files, held) {
			files = append(files, repo.File{Name: name, Bytes: info.Size()}) // the settings kept it then
		}
	}
	now, err := versionHere(ctx, p.repo, e, files, known.runs[id])
	if err != nil {
		return false, err
	}
	for name, file := range there {
		if now.Files[name] == "" { // others have annotated it on that branch
			now.Files[name] = file.ID
		}
	}
	committed := versionOf(known.trees, there, func(name string) (string, error) {
		if known.shared[name] == "" {
			return "", errors.New("is missing")
		}
		return known.shared[name], nil
	})
	change, err := transition.Check(committed, now, false)
	if err != nil {
		return false, &repo.HintError{
			Err:  fmt.Errorf("run %s: %w", id, err),
			Hint: fmt.Sprintf("run 'git checkout HEAD -- %s' to take the committed run", path.Join(p.at, runPath(id))),
		}
	}
	if change.Kind != transition.Redacted {
		return false, nil
	}
	was, err := recordOf(known.trees, there[repo.RecordName])
	if err != nil {
		return false, err
	}
	var paths []string
	within := p.beside && there[repo.RecordName].batch != nil // redactBatches puts it back into its batch
	for _, f := range files {
		if within && path.Dir(f.Name) != "notes" {
			continue
		}
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
		known.shared[name] = placedHere
		paths = append(paths, name)
		p.Bytes += size
	}
	p.paths = append(p.paths, paths...)
	p.Files += len(paths)
	p.Redacted = append(p.Redacted, id)
	if within {
		for _, held := range known.in[id] {
			mark(p.within, held.path, id)
		}
	}
	for _, name := range repo.SharedNames(was) {
		if !slices.Contains(shared, name) && !slices.Contains(p.orphans, name) {
			p.orphans = append(p.orphans, name)
		}
	}
	return true, nil
}

// sameFile reports whether a file has the bytes of a blob. It returns false if there is no blob.
func sameFile(file, blob string) (bool, error) {
	if blob == "" {
		return false, nil
	}
	f, err := regular.Open(file)
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	id, err := git.BlobID(blob, info.Size(), f)
	return id == blob, err
}

// removeOrphans removes the orphans that no other run refers to. Runs that were removed do not count: the redaction has
// taken the files out of the working tree, and the batch that still holds such a run loses it with the next pack.
func (p *plan) removeOrphans(known *snapshot) error {
	if len(p.orphans) == 0 {
		return nil
	}
	named := map[string]bool{}
	for id := range known.runs {
		back := slices.Contains(p.remove, path.Join(repo.RemovedName, id))
		if slices.Contains(p.Redacted, id) || slices.Contains(p.Removed, id) || known.removed[id] && !back {
			continue
		}
		files, err := known.run(id)
		if err != nil {
			return err
		}
		data, err := files[repo.RecordName].read(known.trees, format.MaxRecordBytes)
		if err != nil {
			return fmt.Errorf("run %s: %w", id, err)
		}
		for _, name := range repo.NamedIn(data) { // also of a record that cannot be decoded
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
func recordOf(trees *git.Trees, e runFile) (*format.Run, error) {
	data, err := e.read(trees, format.MaxRecordBytes)
	if err != nil {
		return nil, err
	}
	return format.DecodeRun(repo.RecordName, data)
}

// redactedBy returns the runs that a commit redacts, and for the runs that it rewrites otherwise the reasons why it
// must not. A key is the .runs folder followed by the id. edits are the changes that lead from parent to the commit.
func redactedBy(trees *git.Trees, parent, commit string, edits []git.Edit) (redacted map[string]bool,
	reasons map[string]string, err error,
) {
	redacted, reasons = map[string]bool{}, map[string]string{}
	for _, e := range edits {
		p := placeOf(e.Path)
		key := p.at + p.run
		if p.kind != ofRun || e.ID == "" || parent == "" || redacted[key] || reasons[key] != "" {
			continue
		}
		if _, there, err := trees.Find(parent, e.Path); err != nil {
			return nil, nil, err
		} else if !there {
			continue
		}
		change, err := changeBetween(trees, parent, commit, p.at, p.run)
		switch {
		case err != nil:
			reasons[key] = err.Error()
		case change.Kind == transition.Redacted:
			redacted[key] = true
		}
	}
	return redacted, reasons, nil
}

// changeBetween checks the change of a run from one commit to another.
func changeBetween(trees *git.Trees, from, to, at, id string) (transition.Change, error) {
	was, wrong := versionIn(trees, from, at, id)
	if wrong != nil && !errors.Is(wrong, errTwoVersions) {
		return transition.Change{}, wrong
	}
	now, err := versionIn(trees, to, at, id)
	if err != nil {
		return transition.Change{}, err
	}
	if wrong != nil {
		if settled, err := settles(trees, from, at, id, now); err != nil || !settled {
			return transition.Change{}, cmp.Or(err, wrong)
		}
		return transition.Change{Kind: transition.Packed}, nil
	}
	_, marked, err := trees.Find(to, path.Join(at, repo.RemovedName, id))
	if err != nil {
		return transition.Change{}, err
	}
	return transition.Check(was, now, marked)
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

// OnRemote reports whether the remote's branch, as this clone last saw it, has one of some runs, or had it: it then has
// the removal marker of the run.
func OnRemote(ctx context.Context, r *repo.Repository, ids ...string) (bool, error) {
	if !r.InGit || len(ids) == 0 {
		return false, nil
	}
	local, err := runsBranch(ctx, r)
	if err != nil {
		return false, err
	}
	commit := local.seen
	if local.tip != "" {
		up, ok, err := git.UpstreamOf(ctx, r.Git, local.name)
		if err != nil || !ok {
			return false, err
		}
		if commit, err = git.Resolve(ctx, r.Git, up.Tracking); err != nil {
			return false, err
		}
	}
	if commit == "" {
		return false, nil
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
	return slices.ContainsFunc(ids, func(id string) bool { return known.runs[id] != "" || known.removed[id] }), nil
}
