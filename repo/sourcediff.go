package repo

import (
	"context"
	"fmt"
	"io"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
)

// SourceDiff compares the source trees of two runs. It is empty where they are the same.
type SourceDiff struct {
	Files   []git.Stat
	scratch *git.Scratch
	a, b    string
}

// CompareSources rebuilds the trees of two runs in a temporary object folder and lists the files that differ.
func (r *Repository) CompareSources(ctx context.Context, a, b *format.Run) (*SourceDiff, error) {
	d := &SourceDiff{}
	if a.Source == nil || b.Source == nil || a.Source.Tree == "" || b.Source.Tree == "" {
		return d, fmt.Errorf("the source of %s was not recorded", missingSource(a, b))
	}
	if a.Source.Tree == b.Source.Tree {
		return d, nil
	}
	scratch, err := r.rebuild(ctx, a)
	if err != nil {
		return d, err
	}
	if err = r.rebuildIn(ctx, scratch, b.Source); err == nil {
		d.Files, err = scratch.Stats(ctx, a.Source.Tree, b.Source.Tree)
	}
	if err != nil {
		scratch.Close()
		return d, err
	}
	d.scratch, d.a, d.b = scratch, a.Source.Tree, b.Source.Tree
	return d, nil
}

func missingSource(a, b *format.Run) string {
	if a.Source == nil || a.Source.Tree == "" {
		return a.Title()
	}
	return b.Title()
}

// WritePatch writes the difference as a patch.
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
