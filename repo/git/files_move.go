package git

import (
	"context"
	"errors"

	"github.com/gitruns/runs/repo/git/native"
)

func (f files) moveFiles(_ context.Context, o *Operation, again bool) error {
	return f.move(o.index, o.intent.old, o.intent.next, again)
}

func (f files) moveBack(_ context.Context, o *Operation) error {
	return f.move(o.index, o.intent.next, o.intent.old, false)
}

// move changes the files and an index from one commit to another.
func (f files) move(index, from, to string, again bool) error {
	return f.edit(index, func(r *native.Repository, x *native.Index) error {
		if err := f.checkMoves(r); err != nil {
			return err
		}
		was, err := treeOrEmpty(r, from)
		if err != nil {
			return err
		}
		next, err := treeOrEmpty(r, to)
		if err != nil {
			return err
		}
		m, err := r.PlanMove(x, was, next, again)
		var inTheWay *native.InTheWay
		if errors.As(err, &inTheWay) {
			return &InTheWayError{inTheWay.Why}
		}
		if err != nil {
			return err
		}
		return m.Make(x)
	})
}

// checkMoves refuses what only git does when a branch moves.
func (f files) checkMoves(r *native.Repository) error {
	if f.Root == f.Git {
		return &native.Unsupported{What: "a bare repository has no files to move"}
	}
	return f.checkHooks(r)
}

func (f files) deleteRef(_ context.Context, ref string) error {
	r, err := f.open()
	if err != nil {
		return err
	}
	defer r.Close()
	return r.DeleteLooseRef(ref)
}
