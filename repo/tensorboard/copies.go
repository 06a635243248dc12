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

// separateCopies handles logs that begin with the same record, such as a copied folder in which training continued.
// The first log, or the one whose name an imported run has, keeps the id of its first record. The id of every other
// log also depends on its name. Of several logs with the same bytes, all but one are dropped, and copies describes the
// dropped ones.
func separateCopies(ctx context.Context, r *repo.Repository, all []*foundLog) (
	kept []*foundLog, copies []string, err error,
) {
	groups := map[string][]*foundLog{}
	for _, l := range all {
		if l.err == nil {
			groups[l.id] = append(groups[l.id], l)
		}
	}
	dropped := map[*foundLog]bool{}
	for _, group := range groups {
		first := 0
		if old, err := r.ReadFinished(group[0].id); err == nil && len(group) > 1 {
			first = max(0, slices.IndexFunc(group, func(l *foundLog) bool { return l.Name() == old.Name }))
		}
		group[0], group[first] = group[first], group[0]
		for i, l := range group {
			named := l.idWithName()
			if _, err := r.ReadFinished(named); err == nil {
				l.id = named
				continue
			}
			if i == 0 {
				continue
			}
			for _, other := range group[:i] {
				same, err := sameFiles(ctx, l.runLog, other.runLog)
				if err != nil {
					return nil, nil, err
				}
				if same && !dropped[other] {
					dropped[l] = true
					copies = append(copies, fmt.Sprintf("skipped %s: it is a copy of %s", l.Name(), other.Name()))
					break
				}
			}
			l.id = named
		}
	}
	slices.Sort(copies)
	kept = slices.DeleteFunc(all, func(l *foundLog) bool { return dropped[l] })
	return kept, copies, nil
}

// idWithName returns an id that depends on the name of the log, for a log that begins with the same record as another.
func (l *foundLog) idWithName() string {
	sum := sha256.Sum256(append(slices.Clone(l.digest[:]), l.Name()...))
	return format.IDOf(l.started, sum[:])
}

// sameFiles reports whether two logs have event files with the same bytes, in folders with the same names.
func sameFiles(ctx context.Context, a, b *runLog) (bool, error) {
	if len(a.folders) != len(b.folders) {
		return false, nil
	}
	for i, p := range a.folders {
		q := b.folders[i]
		if p.prefix != q.prefix || p.rel[len(a.rel):] != q.rel[len(b.rel):] || len(p.files) != len(q.files) {
			return false, nil
		}
		for j, f := range p.files {
			if err := ctx.Err(); err != nil {
				return false, err
			}
			if f.Size != q.files[j].Size || !sameContent(f.Path, q.files[j].Path) {
				return false, nil
			}
		}
	}
	return true, nil
}

// sameContent reports whether two files have the same bytes. It returns false if one cannot be read.
func sameContent(a, b string) bool {
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
