package native

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zlib"

	"github.com/gitruns/runs/repo/regular"
)

// Kind is the kind of an object.
type Kind byte

// The kinds of objects, as packs number them.
const (
	Commit Kind = 1
	Tree   Kind = 2
	Blob   Kind = 3
	Tag    Kind = 4
)

func (k Kind) String() string {
	switch k {
	case Commit:
		return "commit"
	case Tree:
		return "tree"
	case Blob:
		return "blob"
	case Tag:
		return "tag"
	}
	return fmt.Sprintf("object of kind %d", byte(k))
}

func parseKind(name string) (Kind, bool) {
	for k := Commit; k <= Tag; k++ {
		if k.String() == name {
			return k, true
		}
	}
	return 0, false
}

// Object is an object that is being read. At its end, Read returns a *Damaged if the content is not what the id says.
// The caller must close it.
type Object struct {
	ID   ID
	Kind Kind
	Size int64

	body  io.Reader
	left  int64
	sum   hash.Hash
	close func() error
}

func newObject(id ID, kind Kind, size int64, body io.Reader, closer func() error) *Object {
	o := &Object{ID: id, Kind: kind, Size: size, body: body, left: size, sum: sha1.New(), close: closer}
	fmt.Fprintf(o.sum, "%s %d\x00", kind, size)
	return o
}

// Read implements io.Reader.
func (o *Object) Read(p []byte) (int, error) {
	if o.left == 0 {
		return 0, o.check()
	}
	n, err := o.body.Read(p[:min(int64(len(p)), o.left)])
	o.sum.Write(p[:n])
	o.left -= int64(n)
	switch {
	case o.left == 0:
		if err := o.check(); err != io.EOF {
			return n, err
		}
		return n, nil
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		return n, o.damaged("it ends too early")
	case err != nil:
		return n, o.damaged(err.Error())
	}
	return n, nil
}

func (o *Object) check() error {
	var sum ID
	o.sum.Sum(sum[:0])
	if sum != o.ID {
		return o.damaged("its content has the id " + sum.String())
	}
	return io.EOF
}

func (o *Object) damaged(why string) error { return &Damaged{"object " + o.ID.String(), why} }

// Close ends the reading.
func (o *Object) Close() error {
	if o.close == nil {
		return nil
	}
	return o.close()
}

// Open opens an object of at most limit bytes. The error is a *NotFound, a *TooLarge or a *Damaged.
func (r *Repository) Open(id ID, limit int64) (*Object, error) {
	if !r.Exact {
		replaced, err := r.replacements()
		if err != nil {
			return nil, err
		}
		if other, ok := replaced[id]; ok {
			id = other
		}
	}
	return r.open(id, limit)
}

func (r *Repository) open(id ID, limit int64) (o *Object, err error) {
	err = r.locate(id, func(dir string) (bool, error) {
		o, err = openLoose(dir, id, limit)
		return o != nil, err
	}, func(p *pack, at int64) error {
		o, err = r.openPacked(p, id, at, limit)
		return err
	})
	if id == EmptyTree && errors.Is(err, ErrNoObject) {
		return newObject(id, Tree, 0, strings.NewReader(""), nil), nil
	}
	return o, err
}

// locate calls loose for each object folder until it returns true, then packed with the place of an object in a pack.
func (r *Repository) locate(id ID, loose func(dir string) (bool, error), packed func(p *pack, at int64) error) error {
	for try := 0; ; try++ {
		for _, dir := range r.folders {
			if found, err := loose(dir); found || err != nil {
				return err
			}
		}
		packs, err := r.packList(try > 0)
		if err != nil {
			return err
		}
		for _, p := range packs {
			at, ok, err := p.find(id)
			if err != nil {
				return err
			}
			if ok {
				return packed(p, at)
			}
		}
		if try > 0 { // another process may just have packed it
			return &NotFound{id.String()}
		}
	}
}

// Read returns the content of an object of the kind with at most limit bytes.
func (r *Repository) Read(id ID, kind Kind, limit int64) ([]byte, error) {
	o, err := r.Open(id, limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = o.Close() }()
	if o.Kind != kind {
		return nil, &WrongKind{id, o.Kind, kind}
	}
	return o.all()
}

func (o *Object) all() ([]byte, error) {
	data := make([]byte, 0, min(o.Size, 1<<20)+bytes.MinRead)
	b := bytes.NewBuffer(data)
	_, err := b.ReadFrom(o)
	return b.Bytes(), err
}

// Info returns the kind and the size of an object. It does not verify its content.
func (r *Repository) Info(id ID) (kind Kind, size int64, err error) {
	if !r.Exact {
		replaced, err := r.replacements()
		if err != nil {
			return 0, 0, err
		}
		if other, ok := replaced[id]; ok {
			id = other
		}
	}
	err = r.locate(id, func(dir string) (bool, error) {
		o, err := openLoose(dir, id, math.MaxInt64)
		if o == nil || err != nil {
			return false, err
		}
		kind, size = o.Kind, o.Size
		return true, o.Close()
	}, func(p *pack, at int64) error {
		kind, size, err = r.packedInfo(p, at)
		return err
	})
	if id == EmptyTree && errors.Is(err, ErrNoObject) {
		return Tree, 0, nil
	}
	return kind, size, err
}

// maxLooseHead bounds what precedes the content of a loose object.
const maxLooseHead = 32

// openLoose opens an object that has a file of its own. It returns nil if there is no such file.
func openLoose(dir string, id ID, limit int64) (*Object, error) {
	name := id.String()
	f, err := regular.Open(filepath.Join(dir, name[:2], name[2:]))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading object %s: %w", name, err)
	}
	o, err := readLoose(f, id)
	if err == nil && o.Size > limit {
		err = &TooLarge{name, o.Size, limit}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return o, nil
}

func readLoose(f *os.File, id ID) (*Object, error) {
	damaged := func(why string) error { return &Damaged{"object " + id.String(), why} }
	z, err := zlib.NewReader(f)
	if err != nil {
		return nil, damaged(err.Error())
	}
	var head []byte
	var one [1]byte
	for len(head) < maxLooseHead {
		if _, err := io.ReadFull(z, one[:]); err != nil {
			return nil, damaged("it has no header")
		}
		if one[0] == 0 {
			break
		}
		head = append(head, one[0])
	}
	name, digits, ok := strings.Cut(string(head), " ")
	kind, known := parseKind(name)
	size, err := strconv.ParseInt(digits, 10, 64)
	if !ok || !known || err != nil || size < 0 {
		return nil, damaged(fmt.Sprintf("its header is %.40q", head))
	}
	return newObject(id, kind, size, z, f.Close), nil
}
