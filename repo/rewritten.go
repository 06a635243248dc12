package repo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/capture"
	"github.com/gitruns/runs/repo/git"
)

// A tracked file that an earlier run has rewritten is no source of a run that overwrites it without a look, and source
// of one that reads it. Which of them a run is turns out while it runs. So a run begins with the file as the commit has
// it, keeps a copy in its folder, and its finish adds those that were read to the source.

// rewrittenName is the folder of an active run with the copies, which have numbers for names.
const rewrittenName = ".rewritten"

// maxRewrittenBytes is the size of the files that are kept of a run.
const maxRewrittenBytes = 32 << 20

// keepRewritten copies the rewritten files of a run that begins to dir, its folder. One that cannot be copied, or that
// is too large, is known by its hash only. So is one in Git LFS, which a patch would have as a pointer.
func (r *Repository) keepRewritten(ctx context.Context, run *format.Run, dir string) error {
	paths := run.Source.Rewritten()
	if len(paths) == 0 || run.Reproduces != "" || !r.InGit {
		return nil
	}
	folder := filepath.Join(dir, rewrittenName)
	if err := os.Mkdir(folder, 0o777); err != nil {
		return err
	}
	lfs, err := git.WithFilter(ctx, r.Git, "lfs")
	if err != nil {
		return err
	}
	left := int64(maxRewrittenBytes)
	for i, printed := range paths {
		name, ok := capture.FileName(printed)
		if !ok || format.CheckPath(name) != nil || slices.Contains(lfs, name) {
			continue
		}
		from := filepath.Join(r.TreeRoot(), filepath.FromSlash(name))
		info, err := os.Lstat(from)
		if err != nil || !info.Mode().IsRegular() || info.Size() > left {
			continue
		}
		to := filepath.Join(folder, strconv.Itoa(i))
		if err := cloneFile(from, to); err != nil {
			_ = os.Remove(to)
			continue
		}
		left -= info.Size()
		if info.Mode()&0o100 != 0 {
			if err := os.Chmod(to, 0o755); err != nil {
				return err
			}
		}
	}
	return nil
}

// keptRewritten returns where the copies are, by the printable path of the file.
func (a *Active) keptRewritten(s *format.Source) map[string]string {
	kept := map[string]string{}
	for i, printed := range s.Rewritten() {
		file := filepath.Join(a.Dir, rewrittenName, strconv.Itoa(i))
		if info, err := os.Lstat(file); err == nil && info.Mode().IsRegular() && info.Size() <= maxRewrittenBytes {
			kept[printed] = file
		}
	}
	return kept
}

// readRewritten returns the printable paths of the rewritten files that the program has read and of which a copy is
// kept.
func (in *inputs) readRewritten() []string {
	if len(in.kept) == 0 {
		return nil
	}
	var found []string
	for _, file := range in.reader.Inputs() {
		rel := capture.Printable(relativeTo(in.root, in.realPath(file)))
		if _, ok := in.kept[rel]; ok && !slices.Contains(found, rel) {
			found = append(found, rel)
		}
	}
	return found
}

// addRewritten adds files that the program has read to the source of the run, as they were when it began.
func (a *Active) addRewritten(ctx context.Context, b *finished, kept map[string]string, read []string) error {
	run := *b.run
	source := *run.Source
	run.Source = &source
	scratch, err := a.repo.rebuild(ctx, &run)
	if err != nil {
		return err
	}
	defer scratch.Close()
	toCommit, from, err := a.repo.patchesToCommit(ctx, scratch, &source)
	if err != nil {
		return err
	}
	for _, printed := range read {
		name, _ := capture.FileName(printed)
		data, err := readBounded(kept[printed], maxRewrittenBytes)
		if err != nil {
			return err
		}
		mode := "100644"
		if info, err := os.Stat(kept[printed]); err == nil && info.Mode()&0o100 != 0 {
			mode = "100755"
		}
		if err := scratch.StageContent(ctx, name, mode, data); err != nil {
			return err
		}
	}
	if source.Tree, err = scratch.WriteTree(ctx); err != nil {
		return err
	}
	var patch bytes.Buffer
	if err := scratch.DifferenceToIndex(ctx, from, &patch); err != nil {
		return err
	}
	source.Patches = toCommit
	if patch.Len() > 0 {
		sum := sha256.Sum256(patch.Bytes())
		digest := hex.EncodeToString(sum[:])
		if err := a.repo.shareBytes(sharedSources, digest, patch.Bytes()); err != nil {
			return err
		}
		source.Patches = append(source.Patches, digest)
		source.Dirty = true
	}
	source.Omitted = slices.DeleteFunc(slices.Clone(source.Omitted), func(o format.Omitted) bool {
		return o.Reason == format.OmittedRewritten && slices.Contains(read, o.Path)
	})
	b.run.Source = &source
	return nil
}

// patchesToCommit returns those of the patches of a source that lead from its base to its commit, and what the other
// one applies to.
func (r *Repository) patchesToCommit(ctx context.Context, scratch *git.Scratch, s *format.Source) (
	patches []string, from string, err error,
) {
	switch {
	case s.Commit == "":
		from, err = scratch.EmptyTree(ctx)
		return nil, from, err
	case s.Base == s.Commit || len(s.Patches) == 0:
		return nil, s.Commit, nil
	case len(s.Patches) > 1:
		return s.Patches[:1:1], s.Commit, nil
	}
	base, err := r.baseTree(ctx, scratch, s)
	if err != nil {
		return nil, "", err
	}
	commit, err := scratch.Strip(ctx, s.Commit)
	if err != nil {
		return nil, "", err
	}
	if base == commit {
		return nil, s.Commit, nil
	}
	return slices.Clone(s.Patches), s.Commit, nil
}

// rewrittenNote follows the name of a rewritten file in what a record says of it.
const rewrittenNote = " as a run has rewritten it"
