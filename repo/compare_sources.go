package repo

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/format/listsort"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/regular"
)

// SourceDiff is the difference between the sources of two runs.
type SourceDiff struct {
	Files   []git.Stat // that differ, sorted by path; empty if the sources are equal
	scratch *git.Scratch
	a, b    string
}

// CompareSources lists the files that differ between the sources of two runs. Each run is read from its own
// repository or revision. The patches of the runs are enough if they have the same base commit and no file is in both
// with different content. Otherwise, or if patch is true so that the difference can be written as a patch, it
// rebuilds the trees in a temporary object folder. The caller closes the result.
func CompareSources(
	ctx context.Context, ra *Repository, a *format.Run, rb *Repository, b *format.Run, patch bool,
) (*SourceDiff, error) {
	d := &SourceDiff{}
	if a.Source == nil || b.Source == nil || a.Source.Tree == "" || b.Source.Tree == "" {
		return nil, &NoSourceError{missingSource(a, b)}
	}
	submodules := changedSubmodules(a.Source, b.Source)
	if a.Source.Tree == b.Source.Tree {
		d.Files = submodules
		return d, nil
	}
	if files, ok := comparePatches(ctx, ra, a.Source, rb, b.Source); ok && !patch {
		d.addSubmodules(files, submodules)
		return d, nil
	}
	scratch, err := ra.rebuild(ctx, a)
	if err != nil {
		return nil, err
	}
	if err = rb.rebuildIn(ctx, scratch, b.Source); err == nil {
		d.Files, err = scratch.Stats(ctx, a.Source.Proof(), b.Source.Proof())
	}
	if err != nil {
		scratch.Close()
		return nil, err
	}
	d.addSubmodules(d.Files, submodules)
	d.scratch, d.a, d.b = scratch, a.Source.Proof(), b.Source.Proof()
	return d, nil
}

// changedSubmodules lists the submodules that both runs have and that differ, as files with a slash at their end.
func changedSubmodules(a, b *format.Source) []git.Stat {
	trees := map[string]string{}
	for i := range a.Submodules {
		trees[a.Submodules[i].Path] = a.Submodules[i].Tree
	}
	var changed []git.Stat
	for i := range b.Submodules {
		if tree := trees[b.Submodules[i].Path]; tree != "" && tree != b.Submodules[i].Tree {
			changed = append(changed, git.Stat{Path: b.Submodules[i].Path + "/", Status: 'M'})
		}
	}
	return changed
}

// addSubmodules sets the files that differ, with the submodules of which no file tells: the tree around one that has
// another commit does.
func (d *SourceDiff) addSubmodules(files, submodules []git.Stat) {
	known := map[string]bool{}
	for _, f := range files {
		known[f.Path+"/"] = true
	}
	for _, s := range submodules {
		if !known[s.Path] {
			files = append(files, s)
		}
	}
	listsort.Sort(files, func(x, y git.Stat) int { return strings.Compare(x.Path, y.Path) })
	d.Files = files
}

func missingSource(a, b *format.Run) string {
	if a.Source == nil || a.Source.Tree == "" {
		return a.Title()
	}
	return b.Title()
}

// comparePatches lists the files that differ. It returns false if the patches alone do not show which files these
// are. A file that only one side changed differs as its patch says. One that both sides changed to the same content
// does not differ.
func comparePatches(
	ctx context.Context, ra *Repository, a *format.Source, rb *Repository, b *format.Source,
) ([]git.Stat, bool) {
	if a.Base != b.Base {
		return nil, false
	}
	before, ok := ra.patchedFiles(ctx, a)
	if !ok {
		return nil, false
	}
	after, ok := rb.patchedFiles(ctx, b)
	if !ok {
		return nil, false
	}
	var stats []git.Stat
	for path, f := range after {
		old, both := before[path]
		delete(before, path)
		switch {
		case !both:
			stats = append(stats, git.Stat{
				Path: path, Status: status(f.OldMode, f.NewMode, f.Old, f.New), Added: f.Added, Removed: f.Removed,
			})
		case old.New != f.New || old.NewMode != f.NewMode:
			return nil, false // neither patch has the difference
		}
	}
	for path, f := range before { // b has the file as it was before the patch of a
		stats = append(stats, git.Stat{
			Path: path, Status: status(f.NewMode, f.OldMode, f.New, f.Old), Added: f.Removed, Removed: f.Added,
		})
	}
	listsort.Sort(stats, func(x, y git.Stat) int { return strings.Compare(x.Path, y.Path) })
	return stats, true
}

// patchedFiles returns the files that the patches of a source change, and false if a file is in several patches or a
// patch cannot be read.
func (r *Repository) patchedFiles(ctx context.Context, s *format.Source) (map[string]format.PatchFile, bool) {
	files := map[string]format.PatchFile{}
	for _, digest := range s.Patches {
		name, remove, err := r.shared(ctx, sharedSources, digest)
		if err != nil {
			return nil, false
		}
		list, err := readPatch(name)
		remove()
		if err != nil {
			return nil, false
		}
		for _, f := range list {
			if _, twice := files[f.Path]; twice {
				return nil, false
			}
			files[f.Path] = f
		}
	}
	return files, true
}

func readPatch(name string) ([]format.PatchFile, error) {
	f, err := regular.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return format.ReadPatch(f)
}

// status returns Git's letter for a change of a file.
func status(oldMode, newMode, old, now string) byte {
	switch {
	case strings.Trim(old, "0") == "" && old != "" || oldMode == "" && newMode != "":
		return 'A'
	case strings.Trim(now, "0") == "" && now != "" || newMode == "" && oldMode != "":
		return 'D'
	}
	return 'M'
}

// WritePatch writes the difference as a patch, if CompareSources was asked for one. Equal sources give an empty patch.
func (d *SourceDiff) WritePatch(ctx context.Context, w io.Writer) error {
	if d.scratch == nil {
		return nil
	}
	return d.scratch.Difference(ctx, d.a, d.b, w)
}

// Close removes the rebuilt trees.
func (d *SourceDiff) Close() {
	if d.scratch != nil {
		d.scratch.Close()
	}
}

// BehindHead lists the files that differ between the checked-out commit and the source of a run. If there are paths,
// it lists only files at or below one of them.
func (r *Repository) BehindHead(ctx context.Context, run *format.Run, paths []string) ([]string, error) {
	scratch, err := r.rebuild(ctx, run)
	if err != nil {
		return nil, err
	}
	defer scratch.Close()
	changes, err := scratch.Changes(ctx, run.Source.Proof(), "HEAD")
	if err != nil {
		return nil, err
	}
	var behind []string
	for _, c := range changes {
		within := func(p string) bool { return c.Path == p || strings.HasPrefix(c.Path, p+"/") }
		if len(paths) == 0 || slices.ContainsFunc(paths, within) {
			behind = append(behind, c.Path)
		}
	}
	return behind, nil
}
