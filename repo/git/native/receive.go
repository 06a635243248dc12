package native

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
)

// Bounds of a pack from a server.
const (
	maxReceived        = 1 << 40   // bytes
	maxReceivedObjects = 1 << 25   // more would need gigabytes of memory for their list
	maxDeltified       = 512 << 20 // bytes of an object that is a difference; Git makes none of larger ones
	// The work of putting objects together is bounded by the size of the pack, of which a small one can ask for much.
	freeWork    = 16 << 30
	workOfAByte = 4096
)

// Receive puts the objects of a pack that a server sends into the repository, once all of it has arrived and is
// verified. folder is an empty folder for it. At most loose objects get a file each. The error is a *Damaged if the
// pack is not whole, or refers to objects that it does not have. That the objects refer only to ones that exist is not
// checked.
func (r *Repository) Receive(folder string, from io.Reader, loose int) error {
	f, err := os.OpenFile(filepath.Join(folder, "pack"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("receiving objects: %w", err)
	}
	objects, err := r.receive(f, from)
	if err = errors.Join(err, f.Close()); err != nil || len(objects) == 0 {
		return err
	}
	if err := r.StorePack(folder, objects, loose); err != nil {
		return err
	}
	_, err = r.packList(true)
	return err
}

// damagedPack returns the error for a pack that a server sent.
func damagedPack(format string, args ...any) error {
	return &Damaged{"the pack of the server", fmt.Sprintf(format, args...)}
}

// receive copies a pack to a file, without the checksum at its end, and verifies it.
func (r *Repository) receive(f *os.File, from io.Reader) ([]NewObject, error) {
	size, err := copyPack(f, from)
	if err != nil {
		return nil, err
	}
	var head [packHead]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return nil, damagedPack("it has no header")
	}
	if v := binary.BigEndian.Uint32(head[4:]); string(head[:4]) != "PACK" || v != 2 {
		return nil, damagedPack("it does not begin as a pack of version 2")
	}
	n := binary.BigEndian.Uint32(head[8:])
	if n > maxReceivedObjects || int64(n) > size { // each object has several bytes
		return nil, damagedPack("it claims to have %d objects in %d bytes", n, size)
	}
	v := &verifier{
		repository: r, pack: &pack{path: "the pack of the server", file: f, size: size, opened: true},
		work: freeWork + workOfAByte*size,
	}
	if err := v.scan(int(n)); err != nil {
		return nil, err
	}
	if err := v.resolve(); err != nil {
		return nil, err
	}
	return v.objects, v.compare()
}

// copyPack copies all but the last bytes of a pack, which are the checksum of those before, and returns how many it
// copied.
func copyPack(f *os.File, from io.Reader) (size int64, err error) {
	sum := sha1.New()
	buffer := make([]byte, 256<<10)
	held := 0 // what may be the checksum
	for {
		n, err := from.Read(buffer[held:])
		held += n
		if write := held - sha1.Size; write > 0 {
			sum.Write(buffer[:write])
			if _, err := f.Write(buffer[:write]); err != nil {
				return size, fmt.Errorf("receiving objects: %w", err)
			}
			held = copy(buffer, buffer[write:held])
			if size += int64(write); size > maxReceived {
				return size, damagedPack("it has more than %d bytes", int64(maxReceived))
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return size, err
		}
	}
	if size < packHead || !bytes.Equal(sum.Sum(nil), buffer[:held]) {
		return size, damagedPack("its checksum is wrong")
	}
	return size, nil
}

// received is an object of a pack that is being verified.
type received struct {
	h     packedHead
	kind  Kind // of the object; 0 until it is known
	depth int  // of the differences that lead to it
}

// verifier finds the ids of the objects of a pack.
type verifier struct {
	repository *Repository
	pack       *pack
	objects    []NewObject
	found      []received
	places     map[int64]int   // the object at a place
	ids        map[ID]int      // the object with an id
	waiting    map[ID][]int    // differences to objects that are not known yet, by their ids
	after      map[int64][]int // the same, by the places
	work       int64           // bytes that may still be put together
}

// scan reads all objects of the pack one after the other, and hashes those that are no differences.
func (v *verifier) scan(n int) error {
	p := v.pack
	v.places, v.ids = map[int64]int{}, map[ID]int{}
	at := int64(packHead)
	for i := range n {
		if at >= p.size {
			return damagedPack("it has %d objects and claims to have %d", i, n)
		}
		h, err := p.head(at)
		if err != nil {
			return err
		}
		o := NewObject{At: at}
		is := received{h: h}
		end, sum, err := v.read(h)
		if err != nil {
			return err
		}
		if h.kind <= Tag {
			is.kind, o.ID = h.kind, sum
		}
		if h.kind == offsetDelta {
			if _, ok := v.places[h.base]; !ok {
				return damagedPack("an object is a difference to no object")
			}
		}
		crc := crc32.NewIEEE()
		if _, err := io.Copy(crc, io.NewSectionReader(p.file, at, end-at)); err != nil {
			return fmt.Errorf("receiving objects: %w", err)
		}
		o.CRC = crc.Sum32()
		v.places[at] = i
		v.objects, v.found = append(v.objects, o), append(v.found, is)
		at = end
	}
	if at != p.size {
		return damagedPack("%d bytes follow its objects", p.size-at)
	}
	return nil
}

// read reads the compressed bytes of an object and returns where they end. The id is that of the content, if it is no
// difference.
func (v *verifier) read(h packedHead) (end int64, id ID, err error) {
	section := io.NewSectionReader(v.pack.file, h.body, v.pack.size-h.body)
	f, err := v.pack.inflate(h)
	if err != nil {
		return 0, id, err
	}
	defer func() { _ = f.release() }()
	f.in.Reset(section)
	if again, ok := f.z.(interface {
		Reset(r io.Reader, dict []byte) error
	}); !ok {
		return 0, id, errors.New("receiving objects: the reader cannot start again")
	} else if err := again.Reset(f.in, nil); err != nil {
		return 0, id, damagedPack("%v", err)
	}
	sum := sha1.New()
	if h.kind <= Tag {
		fmt.Fprintf(sum, "%s %d\x00", h.kind, h.size)
	}
	size, err := io.Copy(sum, io.LimitReader(f.z, h.size+1))
	if err != nil {
		return 0, id, damagedPack("%v", err)
	}
	if size != h.size {
		return 0, id, damagedPack("the object at %d has another size than its header says", h.body)
	}
	read, err := section.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, id, err
	}
	sum.Sum(id[:0])
	return h.body + read - int64(f.in.Buffered()), id, nil
}

// resolve puts the differences together and hashes what they lead to, each after the object that it is a difference to.
func (v *verifier) resolve() error {
	v.waiting, v.after = map[ID][]int{}, map[int64][]int{}
	var ready []int
	left := 0
	for i := range v.found {
		switch is := &v.found[i]; is.h.kind {
		case offsetDelta:
			v.after[is.h.base] = append(v.after[is.h.base], i)
			left++
		case refDelta:
			v.waiting[is.h.baseID] = append(v.waiting[is.h.baseID], i)
			left++
		default:
			ready = append(ready, i)
		}
	}
	for len(ready) > 0 {
		i := ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		if is := &v.found[i]; is.kind == 0 {
			if err := v.put(i); err != nil {
				return err
			}
			left--
		}
		o := v.objects[i]
		if _, twice := v.ids[o.ID]; twice {
			return damagedPack("it has the object %s twice", o.ID)
		}
		v.ids[o.ID] = i
		for _, next := range [][]int{v.after[o.At], v.waiting[o.ID]} {
			for _, j := range next {
				if v.found[j].depth = v.found[i].depth + 1; v.found[j].depth > maxChain {
					return damagedPack("an object is a difference to too many others")
				}
				v.found[j].h.base = o.At
			}
			ready = append(ready, next...)
		}
		delete(v.waiting, o.ID)
	}
	if left > 0 {
		return damagedPack("it lacks the objects to which %d others are differences", left)
	}
	return nil
}

// put puts an object together from the differences that lead to it.
func (v *verifier) put(i int) error {
	var chain []int
	var b heldBase
	for at := i; ; {
		is := &v.found[at]
		if held, ok := v.repository.base(baseKey{v.pack, v.objects[at].At}); ok && at != i {
			b = held
			break
		}
		if is.h.kind <= Tag {
			if is.h.size > maxDeltified {
				return damagedPack("an object of %d bytes has differences to it", is.h.size)
			}
			data, err := v.pack.bytes(is.h)
			if err != nil {
				return err
			}
			b = heldBase{is.h.kind, data}
			v.repository.keepBase(baseKey{v.pack, v.objects[at].At}, b)
			break
		}
		chain = append(chain, at)
		at = v.places[is.h.base]
	}
	for k := len(chain) - 1; k >= 0; k-- {
		is := &v.found[chain[k]]
		if is.h.size > maxDeltified {
			return damagedPack("a difference has %d bytes", is.h.size)
		}
		delta, err := v.pack.bytes(is.h)
		if err != nil {
			return err
		}
		_, rest, ok := deltaSize(delta)
		size, _, ok2 := deltaSize(rest)
		if !ok || !ok2 || size > maxDeltified {
			return damagedPack("an object that is a difference has more than %d MiB", maxDeltified>>20)
		}
		if v.work -= size + int64(len(delta)); v.work < 0 {
			return damagedPack("its objects are far larger than it is")
		}
		if b.data, err = applyDelta(b.data, delta); err != nil {
			return damagedPack("%v", err)
		}
		v.repository.keepBase(baseKey{v.pack, v.objects[chain[k]].At}, b)
	}
	v.found[i].kind = b.kind
	v.objects[i].ID = idOf(b.kind, b.data)
	return nil
}

// compare compares the objects that the repository has already with those of the pack: others of the same id would be
// an attack.
func (v *verifier) compare() error {
	for i, o := range v.objects {
		has, err := v.repository.has(o.ID)
		if err != nil {
			return err
		}
		if !has {
			continue
		}
		ours, err := v.repository.open(o.ID, maxPacked)
		if err != nil {
			return err
		}
		theirs, err := v.open(i)
		if err != nil {
			return errors.Join(err, ours.Close())
		}
		a, b := sha256.New(), sha256.New()
		_, err = io.Copy(a, ours)
		_, err2 := io.Copy(b, theirs)
		if err = errors.Join(err, err2, ours.Close(), theirs.Close()); err != nil {
			return err
		}
		if ours.Kind != theirs.Kind || !bytes.Equal(a.Sum(nil), b.Sum(nil)) {
			return damagedPack("its object %s is another one than that of this clone", o.ID)
		}
	}
	return nil
}

// open opens an object of the pack.
func (v *verifier) open(i int) (*Object, error) {
	is := &v.found[i]
	if is.h.kind <= Tag {
		f, err := v.pack.inflate(is.h)
		if err != nil {
			return nil, err
		}
		return newObject(v.objects[i].ID, is.h.kind, is.h.size, f.z, f.release), nil
	}
	if err := v.put(i); err != nil {
		return nil, err
	}
	b, ok := v.repository.base(baseKey{v.pack, v.objects[i].At})
	if !ok { // it is too large to be kept
		return nil, damagedPack("its object %s, which this clone has, is too large to be compared", v.objects[i].ID)
	}
	return newObject(v.objects[i].ID, b.kind, int64(len(b.data)), bytes.NewReader(b.data), nil), nil
}
