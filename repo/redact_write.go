package repo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/lock"
	"github.com/gitruns/runs/repo/transition"
)

// apply stores the new shared files, writes all new files of the runs into one folder, and renames that folder. After
// the rename, the redaction is certain to be completed.
func (x *redaction) apply(ctx context.Context) error {
	for old, data := range x.shared {
		kind, _, _ := sharedName(x.renamed[old])
		if err := x.storeShared(kind, x.renamed[old], data); err != nil {
			return err
		}
	}
	if len(x.runs)+len(x.changes) == 0 {
		return nil
	}
	nonce := format.RandomLetters(8)
	tmp := filepath.Join(x.repo.redactDir(), newPrefix+nonce)
	defer func() { _ = os.RemoveAll(tmp) }()
	for id, w := range x.runs {
		if err := x.rewriteRecord(ctx, w); err != nil {
			return fmt.Errorf("run %s: %w", id, err)
		}
		if err := x.checkTransition(w); err != nil {
			return err
		}
		for name, data := range w.files {
			target := filepath.Join(tmp, "runs", id, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(target), 0o777); err != nil {
				return err
			}
			if err := writeFile(target, data); err != nil {
				return err
			}
		}
	}
	for old := range x.shared {
		target := filepath.Join(tmp, "old", filepath.FromSlash(old))
		if err := os.MkdirAll(filepath.Dir(target), 0o777); err != nil {
			return err
		}
		if err := writeFile(target, nil); err != nil {
			return err
		}
	}
	if err := x.writeExperiments(tmp); err != nil {
		return err
	}
	if err := syncTree(tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, filepath.Join(x.repo.redactDir(), nonce)); err != nil {
		return err
	}
	left, err := x.repo.completeRedactions(ctx)
	for _, name := range left {
		add(&x.done.Left, name)
	}
	if err != nil {
		return err
	}
	for old := range x.shared {
		if kind, digest, _ := sharedName(old); !exists(x.repo.sharedPlace(kind, digest)) {
			x.done.Removed = append(x.done.Removed, old)
		}
	}
	slices.Sort(x.done.Removed)
	slices.Sort(x.done.NotRestorable)
	return nil
}

// checkTransition verifies that every other command accepts the redaction of a run.
func (x *redaction) checkTransition(w *rewrite) error {
	was, now := &transition.Version{Files: map[string]string{}}, &transition.Version{Files: map[string]string{}}
	read := func(files map[string][]byte, name string) ([]byte, error) {
		data, ok := files[name]
		switch {
		case !ok:
			return nil, fmt.Errorf("%s is missing", name)
		case len(data) > transition.MaxBytes:
			return nil, fmt.Errorf("%s has %d bytes; only files of up to %d can be redacted",
				name, len(data), transition.MaxBytes)
		}
		return data, nil
	}
	for name := range w.was {
		was.Files[name], now.Files[name] = "old", "old"
	}
	was.Files[RecordName] = "old"
	for name := range w.files {
		now.Files[name] = "new"
	}
	was.Read = func(name string) ([]byte, error) {
		if name == RecordName {
			return w.old, nil
		}
		return read(w.was, name)
	}
	now.Read = func(name string) ([]byte, error) { return read(w.files, name) }
	was.Shared = func(name string) ([]byte, error) { return read(x.contents, name) }
	now.Shared = func(name string) ([]byte, error) {
		for old, renamed := range x.renamed {
			if renamed == name {
				return read(x.shared, old)
			}
		}
		return nil, fmt.Errorf("%s is missing", name)
	}
	_, err := transition.Check(was, now, false)
	var refused *transition.Refused
	if errors.As(err, &refused) {
		err = withHint(
			fmt.Errorf("the result would be more than a redaction of %s: %s; nothing was changed",
				refused.File, strings.TrimPrefix(refused.Reason, "was rewritten: ")),
			"give a longer text, or run 'runs rm' to remove the run",
		)
	}
	return err
}

func (x *redaction) storeShared(kind sharedKind, name string, data []byte) error {
	_, digest, _ := sharedName(name)
	return x.repo.shareBytes(kind, digest, data)
}

// rewriteRecord makes the new run.toml, with the new digests and an entry that lists the redaction.
func (x *redaction) rewriteRecord(ctx context.Context, w *rewrite) error {
	run := w.run
	sum := sha256.Sum256(w.old)
	mark := format.Redaction{Time: now(), What: x.done.What, Was: hex.EncodeToString(sum[:])}
	if rules := x.rulesIn[run.ID]; len(rules) > 0 {
		mark.What = strings.Join(slices.Sorted(slices.Values(rules)), ", ")
	}
	listed := false
	for _, name := range slices.Sorted(maps.Keys(w.files)) {
		data := w.files[name]
		mark.Files = append(mark.Files, name)
		sum := sha256.Sum256(data)
		digest := hex.EncodeToString(sum[:])
		if f, ok := run.Files[name]; ok {
			f.SHA256, f.Bytes = digest, int64(len(data))
			run.Files[name] = f
		}
		if rest, ok := strings.CutPrefix(name, artifactsName+"/"); ok {
			found := false
			for i := range run.Artifacts {
				if a := &run.Artifacts[i]; a.Path == rest {
					a.SHA256, a.Bytes, found = digest, int64(len(data)), true
				}
			}
			listed = listed || !found
		}
	}
	if listed {
		if err := x.rewriteArtifacts(w); err != nil {
			return err
		}
		mark.Files = append(mark.Files, format.ArtifactsName)
	}
	patched := false
	if run.Source != nil {
		for i, digest := range run.Source.Patches {
			if next, ok := x.renamed[path.Join(sharedSources.folder, digest+sharedSources.extension)]; ok {
				_, run.Source.Patches[i], _ = sharedName(next)
				mark.Files = append(mark.Files, next)
				patched = true
			}
		}
		x.renamePartPatches(run, &mark)
	}
	if run.Environment != nil {
		old := path.Join(sharedEnvironments.folder, run.Environment.Digest+sharedEnvironments.extension)
		if next, ok := x.renamed[old]; ok {
			_, run.Environment.Digest, _ = sharedName(next)
			mark.Files = append(mark.Files, next)
		}
	}
	if patched {
		run.Source.Redacted, run.Source.RedactedTree = true, x.treeOf(ctx, run)
		if run.Source.RedactedTree == "" {
			x.done.NotRestorable = append(x.done.NotRestorable, run.ID)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if err := run.Writable(RecordName); err != nil {
		return err
	}
	run.Redacted = append(run.Redacted, mark)
	if joined, ok := x.ask.Joined[run.ID]; ok {
		run.Redacted = append(run.Redacted, joined.Entries...)
		mark.Was = joined.Was
		run.Redacted = append(run.Redacted, mark)
	}
	data, err := format.EncodeRun(run)
	w.files[RecordName] = data
	return err
}

// renamePartPatches names the redacted patches of submodules and packages. What they make is not known any more.
func (x *redaction) renamePartPatches(run *format.Run, mark *format.Redaction) {
	for _, part := range run.Source.Parts() {
		for k, digest := range part.Patches {
			next, ok := x.renamed[path.Join(sharedSources.folder, digest+sharedSources.extension)]
			if !ok {
				continue
			}
			_, part.Patches[k], _ = sharedName(next)
			mark.Files = append(mark.Files, next)
			if !part.Redacted {
				part.Redacted = true
				x.done.NotRestorable = append(x.done.NotRestorable, run.ID)
			}
		}
	}
}

// rewriteArtifacts rewrites the list of artifacts if it is a separate file.
func (x *redaction) rewriteArtifacts(w *rewrite) error {
	artifacts, err := x.entry(w).AllArtifacts()
	if err != nil {
		return err
	}
	for i := range artifacts {
		if data, ok := w.files[path.Join(artifactsName, artifacts[i].Path)]; ok {
			sum := sha256.Sum256(data)
			artifacts[i].SHA256, artifacts[i].Bytes = hex.EncodeToString(sum[:]), int64(len(data))
		}
	}
	data, err := format.EncodeArtifacts(artifacts)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	f := w.run.Files[format.ArtifactsName]
	f.SHA256, f.Bytes = hex.EncodeToString(sum[:]), int64(len(data))
	w.run.Files[format.ArtifactsName] = f
	w.files[format.ArtifactsName] = data
	return nil
}

// treeOf returns the tree that results from the base and the redacted patches. It verifies what can still be
// restored. It is empty if the patches do not apply.
func (x *redaction) treeOf(ctx context.Context, run *format.Run) string {
	key := run.Source.Base + " " + strings.Join(run.Source.Patches, " ")
	if tree, ok := x.trees[key]; ok {
		return tree
	}
	tree := ""
	if x.repo.InGit {
		if scratch, err := git.NewScratch(x.repo.Git); err == nil {
			if tree, err = x.repo.applyPatches(ctx, scratch, run.Source); err != nil {
				tree = ""
			}
			scratch.Close()
		}
	}
	x.trees[key] = tree
	return tree
}

// LockRedactions waits until no other process redacts, because two that rewrite one run would undo each other's
// changes.
func (r *Repository) LockRedactions(ctx context.Context) (unlock func(), err error) {
	return lock.Wait(ctx, filepath.Join(r.redactions(), lockName))
}

// CompleteRedactions completes redactions that were killed, also in a worktree that does not exist any more. If there
// are none, it only reads two folders.
func (r *Repository) CompleteRedactions(ctx context.Context) error {
	if err := r.adoptPlanned(); err != nil {
		return fmt.Errorf("completing a redaction: %w", err)
	}
	if entries, err := os.ReadDir(r.redactDir()); len(entries) == 0 {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	unlock, err := r.LockRedactions(ctx)
	if err != nil {
		return fmt.Errorf("completing a redaction: %w", err)
	}
	defer unlock()
	left, err := r.completeRedactions(ctx)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("completing a redaction: %s could not be changed and may still hold the secret",
			strings.Join(left, ", "))
	}
	return err
}

// completeRedactions moves the new files into their places, each record last, and removes shared files that no run
// needs any more. It returns the folders of other worktrees that could not be changed. The caller holds the lock.
func (r *Repository) completeRedactions(ctx context.Context) (left []string, err error) {
	entries, err := os.ReadDir(r.redactDir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), newPrefix) { // killed before it was complete
			if err := os.RemoveAll(filepath.Join(r.redactDir(), entry.Name())); err != nil {
				return left, fmt.Errorf("clearing a redaction: %w", err)
			}
			continue
		}
		got, err := r.completeRedaction(ctx, filepath.Join(r.redactDir(), entry.Name()))
		if left = append(left, got...); err != nil {
			return left, fmt.Errorf("completing a redaction: %w", err)
		}
	}
	return left, err
}

func (r *Repository) completeRedaction(ctx context.Context, dir string) (left []string, err error) {
	ids, err := os.ReadDir(filepath.Join(dir, "runs"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, entry := range ids {
		if format.CheckID(entry.Name()) == nil {
			names = append(names, entry.Name())
		}
	}
	from := func(id string) string { return filepath.Join(dir, "runs", id) }
	for _, id := range names {
		if err := errors.Join(
			r.keepPending(from(id), filepath.Join(dir, "old"), id), r.dropArtifactLinks(id),
		); err != nil {
			return nil, err
		}
	}
	batched, err := r.placeBatched(ctx, from, names)
	if err != nil {
		return nil, err
	}
	trashed, err := r.trashedRecords()
	if err != nil {
		return left, err
	}
	for _, id := range names {
		got, err := r.redactLate(ctx, from(id), id)
		if left = append(left, got...); err != nil {
			return left, err
		}
		if got, err = r.redactTrashed(from(id), id, trashed[id]); err != nil {
			return left, err
		}
		left = append(left, got...)
		if batched[id] {
			continue
		}
		got, err = r.placeRewritten(ctx, from(id), id)
		if left = append(left, got...); err != nil {
			return left, err
		}
	}
	got, err := r.placeExperiments(dir)
	if left = append(left, got...); err != nil {
		return left, err
	}
	got, _, err = r.removeReplaced(ctx, filepath.Join(dir, "old"))
	if left = append(left, got...); err != nil {
		return left, err
	}
	if err := r.cleanIndex(ctx); err != nil {
		return left, err
	}
	if err := r.clearGone(names); err != nil {
		return left, err
	}
	return left, removePlanned(filepath.Dir(dir), dir)
}

// removePlanned removes a folder by way of a name in the folder of planned redactions that is cleared if the process is
// killed: the rest of a plan could not be completed.
func removePlanned(planned, dir string) error {
	if err := os.MkdirAll(planned, 0o777); err != nil {
		return err
	}
	away := filepath.Join(planned, newPrefix+format.RandomLetters(8))
	if err := os.Rename(dir, away); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	return os.RemoveAll(away)
}

// clearGone removes folders that are being removed from the days of runs. A process that was killed meanwhile has left
// the former bytes in them.
func (r *Repository) clearGone(ids []string) error {
	days := map[string]bool{}
	for _, id := range ids {
		days[format.IDDay(id)] = true
	}
	var errs []error
	for _, h := range r.Homes() {
		for day := range days {
			dir := filepath.Join(h.Dir, day)
			names, err := readNames(dir)
			if err != nil || realDir(dir) != nil {
				continue
			}
			for _, name := range names {
				if strings.HasPrefix(name, gonePrefix) {
					errs = append(errs, os.RemoveAll(filepath.Join(dir, name)))
				}
			}
		}
	}
	return errors.Join(errs...)
}

// removeReplaced removes the shared files that redactions have replaced and that no run needs. The files in dir have
// their names. It returns those in other worktrees that it could not remove, and whether it removed any.
func (r *Repository) removeReplaced(ctx context.Context, dir string) (left []string, removed bool, err error) {
	names, err := rewrittenNames(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(names) == 0 {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	named := map[string]bool{}
	var damaged error
	if err := r.eachFinished(func(id string) {
		e, err := r.readFinished(id)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			damaged = err // the shared files that it needs are unknown
		}
		if err == nil {
			for _, name := range SharedNames(e.Run) {
				named[name] = true
			}
		}
	}); err != nil || damaged != nil {
		return nil, false, errors.Join(err, damaged)
	}
	others := r.others()
	for _, name := range names {
		name = filepath.ToSlash(name)
		kind, digest, ok := sharedName(name)
		if !ok || named[name] {
			continue
		}
		for _, at := range []string{r.keptPlace(kind, digest), r.sharedPlace(kind, digest)} {
			if at == "" {
				continue
			}
			err := os.Remove(at)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return left, removed, err
			}
			removed = removed || err == nil
		}
		got, err := removeElsewhere(ctx, others, name)
		if left = append(left, got...); err != nil {
			return left, removed, err
		}
	}
	return left, removed, nil
}

// removeElsewhere removes a shared file from the .runs folders of other worktrees whose index does not have it. It
// returns the files that it could not remove.
func removeElsewhere(ctx context.Context, folders map[string]string, name string) (left []string, err error) {
	for _, runs := range folders {
		file := filepath.Join(runs, filepath.FromSlash(name))
		if !exists(file) || realDir(filepath.Dir(file)) != nil {
			continue
		}
		tracked, err := trackedElsewhere(ctx, runs, file)
		if err != nil {
			return left, err
		}
		if tracked {
			continue
		}
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			left = append(left, file)
		}
	}
	return left, nil
}

// placeRewritten puts the new files of a run into their places in every folder that holds the run, the record last. It
// returns the folders of other worktrees that could not be changed.
func (r *Repository) placeRewritten(ctx context.Context, from, id string) (left []string, err error) {
	targets, err := r.Copies(ctx, id)
	if err != nil || len(targets) == 0 { // removed meanwhile
		return nil, err
	}
	names, err := rewrittenNames(from)
	if err != nil {
		return nil, err
	}
	homes := r.Homes()
	for _, target := range targets {
		err := placeFiles(from, target, names)
		if err != nil && !slices.ContainsFunc(homes, func(h Home) bool { return h.RunDir(id) == target }) {
			left = append(left, target)
			continue
		}
		if err != nil {
			return left, err
		}
	}
	return left, nil
}

// rewrittenNames lists the files below a folder, with the record last.
func rewrittenNames(from string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(from, func(file string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			rel, relErr := filepath.Rel(from, file)
			names, err = append(names, rel), relErr
		}
		return err
	})
	slices.SortFunc(names, func(a, b string) int {
		switch {
		case a == RecordName:
			return 1
		case b == RecordName:
			return -1
		}
		return strings.Compare(a, b)
	})
	return names, err
}

// placeFiles replaces files of a run. The new files stay where they are, because a killed redaction is repeated.
func placeFiles(from, target string, names []string) error {
	for _, name := range names {
		if err := makeRealDirs(target, filepath.Dir(name)); err != nil {
			return err
		}
		if err := writeIntoRun(target, name, func(tmp string) error {
			return linkOrCopy(filepath.Join(from, name), tmp)
		}); err != nil {
			return err
		}
		if err := syncDir(filepath.Dir(filepath.Join(target, name))); err != nil {
			return err
		}
	}
	return nil
}

// moveFile replaces a file with another, which may be on another file system.
func moveFile(from, to string) error {
	if err := os.Rename(from, to); err == nil || !errors.Is(err, syscall.EXDEV) {
		return err
	}
	tmp := filepath.Join(filepath.Dir(to), newPrefix+format.RandomLetters(8))
	_, err := copyFile(from, tmp)
	if err == nil {
		err = os.Rename(tmp, to)
	}
	if err != nil {
		_ = os.Remove(tmp)
		return err
	}
	return os.Remove(from)
}
