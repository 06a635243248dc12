package native

import (
	"bufio"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zlib"
)

// Listed is an object of a list.
type Listed struct {
	ID   ID
	Kind Kind
}

// straightWalk is how many commits are looked at before all of what is left out is read.
const straightWalk = 10_000

// ObjectsNotIn lists the objects that are reachable from tips and not from the commits of without, which the receiver
// of the list has with all that they refer to. The list may have more, such as a file that was moved. Commits come
// first, and each tree before what it refers to. The error is a *NotFound if a commit or tree is missing. The
// repository should be read with Exact.
func (r *Repository) ObjectsNotIn(tips, without []ID) ([]Listed, error) {
	commits, err := r.commitsToList(tips, without)
	if err != nil {
		return nil, err
	}
	l := lister{repository: r, seen: map[ID]bool{}}
	for _, c := range commits {
		l.list = append(l.list, Listed{c.ID, Commit})
	}
	for _, c := range commits {
		var parents []ID
		for _, id := range c.Parents {
			parent, err := r.Commit(id)
			if err != nil {
				return nil, err
			}
			parents = append(parents, parent.Tree)
		}
		if err := l.tree(c.Tree, parents, 0); err != nil {
			return nil, err
		}
	}
	return l.list, nil
}

// commitsToList returns the commits of ObjectsNotIn, the newest first.
func (r *Repository) commitsToList(tips, without []ID) ([]*CommitObject, error) {
	stop := map[ID]bool{}
	for _, id := range without {
		stop[id] = true
	}
	var commits []*CommitObject
	// Usually each line of history soon comes to a commit that is left out. If one comes to its beginning, the rest of
	// what is left out must be known.
	straight := len(without) > 0
	err := r.WalkBy(tips, nil, func(c *CommitObject) ([]ID, error) {
		if stop[c.ID] {
			return nil, nil
		}
		if len(c.Parents) == 0 || len(commits) == straightWalk {
			straight = false
			return nil, errStop
		}
		commits = append(commits, c)
		return c.Parents, nil
	})
	if err != nil || straight {
		return commits, err
	}
	commits = nil
	err = r.Walk(tips, without, func(c *CommitObject) error {
		commits = append(commits, c)
		return nil
	})
	return commits, err
}

type lister struct {
	repository *Repository
	seen       map[ID]bool
	list       []Listed
}

// tree adds a tree and what it refers to, except what is at the same place of a tree in others.
func (l *lister) tree(id ID, others []ID, depth int) error {
	if l.seen[id] {
		return nil
	}
	for _, other := range others {
		if other == id {
			return nil
		}
	}
	if depth > maxDepth {
		return &Damaged{"tree " + id.String(), "its folders are nested too deep"}
	}
	l.seen[id] = true
	entries, err := l.repository.readListed(id)
	if err != nil {
		return err
	}
	l.list = append(l.list, Listed{id, Tree})
	known := make([]map[string]Entry, len(others))
	for i, other := range others {
		siblings, err := l.repository.ReadTree(other)
		if err != nil {
			return err
		}
		known[i] = make(map[string]Entry, len(siblings))
		for _, e := range siblings {
			known[i][e.Name] = e
		}
	}
	for _, e := range entries {
		var below []ID
		same := false
		for _, siblings := range known {
			if other, ok := siblings[e.Name]; ok {
				same = same || other.ID == e.ID && other.IsTree() == e.IsTree()
				if other.IsTree() {
					below = append(below, other.ID)
				}
			}
		}
		switch {
		case same || e.Mode == "160000": // the commit of a submodule is in another repository
		case e.IsTree():
			if err := l.tree(e.ID, below, depth+1); err != nil {
				return err
			}
		case !l.seen[e.ID]:
			l.seen[e.ID] = true
			l.list = append(l.list, Listed{e.ID, Blob})
		}
	}
	return nil
}

// readListed reads a tree that is sent or was received. Git has the empty tree as an object, if something refers to it.
func (r *Repository) readListed(id ID) ([]Entry, error) {
	data, err := r.Read(id, Tree, maxTreeBytes)
	if err != nil {
		return nil, err
	}
	return parseTree(id, data)
}

// CheckConnected returns an error unless all that is reachable from tips exists. All that is reachable from the commits
// of without is known to exist.
func (r *Repository) CheckConnected(tips, without []ID) error {
	list, err := r.ObjectsNotIn(tips, without)
	if err != nil {
		return err
	}
	for _, o := range list {
		if o.Kind != Blob {
			continue // it was read
		}
		kind, _, err := r.Info(o.ID)
		switch {
		case err != nil:
			return err
		case kind != Blob:
			return &WrongKind{o.ID, kind, Blob}
		}
	}
	return nil
}

// WritePack writes objects as a pack.
func (r *Repository) WritePack(to io.Writer, objects []Listed) error {
	level, set, err := r.config.Int("pack.compression")
	if err == nil && !set {
		level, set, err = r.config.Int("core.compression")
	}
	if err != nil {
		return err
	}
	if !set || level < 0 || level > zlib.BestCompression {
		level = zlib.DefaultCompression
	}
	sum := sha1.New()
	out := bufio.NewWriterSize(io.MultiWriter(to, sum), 64<<10)
	head := binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), uint32(len(objects)))
	if _, err := out.Write(head); err != nil {
		return err
	}
	z, err := zlib.NewWriterLevel(out, int(level))
	if err != nil {
		return err
	}
	for _, o := range objects {
		if err := r.writePacked(out, z, o); err != nil {
			return fmt.Errorf("packing object %s: %w", o.ID, err)
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	_, err = to.Write(sum.Sum(nil))
	return err
}

func (r *Repository) writePacked(out *bufio.Writer, z *zlib.Writer, listed Listed) (err error) {
	o, err := r.Open(listed.ID, maxPacked)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	size := uint64(o.Size)
	first := byte(o.Kind)<<4 | byte(size&15)
	head := make([]byte, 0, maxPackedHead)
	for size >>= 4; size > 0; size >>= 7 {
		head = append(head, first|0x80)
		first = byte(size & 0x7f)
	}
	if _, err := out.Write(append(head, first)); err != nil {
		return err
	}
	z.Reset(out)
	if _, err := io.Copy(z, o); err != nil {
		return err
	}
	return z.Close()
}

// maxPacked is the largest object that is sent.
const maxPacked = 1 << 50
