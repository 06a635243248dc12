package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// RefUpdate moves a ref from one commit to another. If Old is empty, the ref must not exist yet.
type RefUpdate struct {
	Ref, Old, New string
}

// ErrMoved means that a ref has changed since it was read.
var ErrMoved = errors.New("the branch has moved in the meantime")

// UpdateRefs moves all of the refs or none. The ref HEAD stands for the branch that is checked out. The reason is
// written to the reflog. If a ref is not at its Old commit, the error is ErrMoved.
func UpdateRefs(ctx context.Context, dirs Dirs, reason string, updates ...RefUpdate) error {
	return dirs.refs().updateRefs(ctx, nil, reason, updates...)
}

func (p program) updateRefs(ctx context.Context, held *os.File, reason string, updates ...RefUpdate) error {
	c := p.command()
	c.heldLock = held
	var b strings.Builder
	for _, u := range updates {
		old := u.Old
		if old == "" {
			old = strings.Repeat("0", len(u.New))
		}
		fmt.Fprintf(&b, "update %s\x00%s\x00%s\x00", u.Ref, u.New, old)
	}
	c.stdin = strings.NewReader(b.String())
	_, err := c.run(ctx, "update-ref", "-m", reason, "--stdin", "-z")
	var failed *Error
	if errors.As(err, &failed) && (strings.Contains(failed.Message, "but expected") ||
		strings.Contains(failed.Message, "reference already exists")) {
		return ErrMoved
	}
	return err
}

// DeleteRef removes a ref of this clone. It is meant for cleanup: it ignores failures, and the cancellation of ctx.
func DeleteRef(ctx context.Context, dirs Dirs, ref string) {
	_ = dirs.refs().deleteRef(context.WithoutCancel(ctx), ref)
}

func (p program) deleteRef(ctx context.Context, ref string) error {
	_, err := p.command().run(ctx, "update-ref", "-d", ref)
	return err
}

// Resolve returns the commit of a ref or revision, or an empty string if there is none.
func Resolve(ctx context.Context, dirs Dirs, ref string) (string, error) {
	return dirs.refs().resolve(ctx, ref)
}

func (p program) resolve(ctx context.Context, ref string) (string, error) {
	out, err := p.command().run(ctx, "rev-parse", "-q", "--verify", ref+"^{commit}")
	var failed *Error
	if errors.As(err, &failed) && !Inconclusive(err) {
		return "", nil
	}
	return strings.TrimSpace(string(out)), err
}
