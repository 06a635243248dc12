package tensorboard

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/importer"
)

// apart gives logs that begin with the same record ids of their own: a copied folder in which a training went on. The first
// one, or the one that is here by its name, has the id of its beginning; the id of another follows from its name too. Those
// that say the same to the last byte are one log; it returns the logs without such copies, and names these.
func apart(ctx context.Context, r *repo.Repository, all []*logBelow) (kept []*logBelow, copies []string, err error) {
	groups := map[string][]*logBelow{}
	for _, l := range all {
		if l.err == nil {
			groups[l.id] = append(groups[l.id], l)
		}
	}
	dropped := map[*logBelow]bool{}
	for _, group := range groups {
		first := 0
		if old, err := r.ReadFinished(group[0].id); err == nil && len(group) > 1 {
			first = max(0, slices.IndexFunc(group, func(l *logBelow) bool { return l.Name() == old.Name }))
		}
		group[0], group[first] = group[first], group[0]
		for i, l := range group {
			named := l.idOfName()
			if _, err := r.ReadFinished(named); err == nil {
				l.id = named
				continue
			}
			if i == 0 {
				continue
			}
			for _, other := range group[:i] {
				same, err := sameBytes(ctx, l.log, other.log)
				if err != nil {
					return nil, nil, err
				}
				if same && !dropped[other] {
					dropped[l] = true
					copies = append(copies, fmt.Sprintf("left out: %s is a copy of %s", l.Name(), other.Name()))
					break
				}
			}
			l.id = named
		}
	}
	slices.Sort(copies)
	kept = slices.DeleteFunc(all, func(l *logBelow) bool { return dropped[l] })
	return kept, copies, nil
}

// idOfName is the id of a log that begins as another does.
func (l *logBelow) idOfName() string {
	sum := sha256.Sum256(append(slices.Clone(l.digest[:]), l.Name()...))
	return format.IDOf(l.started, sum[:])
}

// sameBytes reports whether two logs have the same event files, in folders of the same names.
func sameBytes(ctx context.Context, a, b *log) (bool, error) {
	if len(a.parts) != len(b.parts) {
		return false, nil
	}
	for i, p := range a.parts {
		q := b.parts[i]
		if p.prefix != q.prefix || p.rel[len(a.rel):] != q.rel[len(b.rel):] || len(p.files) != len(q.files) {
			return false, nil
		}
		for j, f := range p.files {
			if err := ctx.Err(); err != nil {
				return false, err
			}
			if f.Size != q.files[j].Size || !sameFile(f.Path, q.files[j].Path) {
				return false, nil
			}
		}
	}
	return true, nil
}

// sameFile reports whether two files hold the same; one that cannot be read is like no other.
func sameFile(a, b string) bool {
	f, err := importer.Open(a)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	g, err := importer.Open(b)
	if err != nil {
		return false
	}
	defer func() { _ = g.Close() }()
	x, y := make([]byte, 256<<10), make([]byte, 256<<10)
	for {
		n, errX := io.ReadFull(f, x)
		m, errY := io.ReadFull(g, y)
		if !bytes.Equal(x[:n], y[:m]) {
			return false
		}
		if errX != nil || errY != nil {
			ended := func(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
			return ended(errX) && ended(errY)
		}
	}
}
