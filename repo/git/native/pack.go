package native

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/klauspost/compress/zlib"

	"github.com/gitruns/runs/repo/regular"
)

// pack is a pack and its index. The files are opened when they are first needed.
type pack struct {
	path string // without its extension

	mu     sync.Mutex
	idx    *os.File
	file   *os.File
	size   int64
	fan    [256]uint32
	old    bool // version 1 of the index
	opened bool
	err    error
}

// packList returns the packs. With again, it also looks for packs that were made since it was last called.
func (r *Repository) packList(again bool) ([]*pack, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.scanned && !again {
		return r.packs, nil
	}
	known := map[string]*pack{}
	for _, p := range r.packs {
		known[p.path] = p
	}
	var packs []*pack
	for _, dir := range r.folders {
		entries, err := os.ReadDir(filepath.Join(dir, "pack"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("listing the packs: %w", err)
		}
		for _, e := range entries {
			name, ok := strings.CutSuffix(e.Name(), ".idx")
			if !ok || !strings.HasPrefix(name, "pack-") {
				continue
			}
			path := filepath.Join(dir, "pack", name)
			p := known[path]
			if p == nil {
				p = &pack{path: path}
			}
			packs = append(packs, p)
			delete(known, path)
		}
	}
	for _, p := range known { // a repack removed it; another process may still be reading it through us
		packs = append(packs, p)
	}
	r.packs, r.scanned = packs, true
	return packs, nil
}

func (p *pack) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range []*os.File{p.idx, p.file} {
		if f != nil {
			_ = f.Close()
		}
	}
	p.idx, p.file, p.opened = nil, nil, false
}

func (p *pack) damaged(file, why string) error { return &Damaged{p.path + file, why} }

const (
	idxHead   = 8 // of version 2
	fanBytes  = 256 * 4
	trailer   = 2 * 20
	packHead  = 12
	largeFlag = 1 << 31
)

// load opens both files and checks their heads and sizes.
func (p *pack) load() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.opened {
		p.opened = true
		if p.err = p.openFiles(); p.err != nil && errors.Is(p.err, fs.ErrNotExist) {
			p.err = nil // a repack removed it: it has nothing
			p.fan = [256]uint32{}
		}
	}
	return p.err
}

func (p *pack) openFiles() (err error) {
	if p.idx, err = regular.Open(p.path + ".idx"); err != nil {
		return fmt.Errorf("reading a pack: %w", err)
	}
	if p.file, err = regular.Open(p.path + ".pack"); err != nil {
		return fmt.Errorf("reading a pack: %w", err)
	}
	info, err := p.file.Stat()
	if err != nil {
		return err
	}
	p.size = info.Size()
	var head [packHead]byte
	if _, err := p.file.ReadAt(head[:], 0); err != nil || string(head[:4]) != "PACK" {
		return p.damaged(".pack", "it has no header")
	}
	if v := binary.BigEndian.Uint32(head[4:]); v != 2 && v != 3 {
		return &Unsupported{What: fmt.Sprintf("a pack has the version %d", v)}
	}
	index, err := p.idx.Stat()
	if err != nil {
		return err
	}
	var start [idxHead + fanBytes]byte
	if _, err := p.idx.ReadAt(start[:], 0); err != nil {
		return p.damaged(".idx", "it is too short")
	}
	fan := start[idxHead:]
	if string(start[:4]) == "\xfftOc" {
		if v := binary.BigEndian.Uint32(start[4:]); v != 2 {
			return &Unsupported{What: fmt.Sprintf("the index of a pack has the version %d", v)}
		}
	} else {
		p.old, fan = true, start[:fanBytes]
	}
	for i := range p.fan {
		p.fan[i] = binary.BigEndian.Uint32(fan[4*i:])
		if i > 0 && p.fan[i] < p.fan[i-1] {
			return p.damaged(".idx", "its table is not sorted")
		}
	}
	n := int64(p.fan[255])
	least := idxHead + fanBytes + n*(20+4+4) + trailer
	if p.old {
		least = fanBytes + n*24 + trailer
	}
	if index.Size() < least || n != int64(binary.BigEndian.Uint32(head[8:])) {
		return p.damaged(".idx", "its size does not fit the number of objects")
	}
	return nil
}

// find returns the place of an object in the pack.
func (p *pack) find(id ID) (at int64, ok bool, err error) {
	if err := p.load(); err != nil {
		return 0, false, err
	}
	from := uint32(0)
	if id[0] > 0 {
		from = p.fan[id[0]-1]
	}
	i, ok, err := p.search(id[:], from, p.fan[id[0]])
	if err != nil || !ok {
		return 0, false, err
	}
	at, err = p.offset(i)
	return at, true, err
}

// idAt returns the id at a place of the sorted table.
func (p *pack) idAt(i uint32) (id ID, err error) {
	at := idxHead + fanBytes + int64(i)*20
	if p.old {
		at = fanBytes + int64(i)*24 + 4
	}
	if _, err = p.idx.ReadAt(id[:], at); err != nil {
		err = p.damaged(".idx", err.Error())
	}
	return id, err
}

// search returns the place of the first id in the range that is not less than what begins with prefix, and whether it
// begins with it.
func (p *pack) search(prefix []byte, from, to uint32) (uint32, bool, error) {
	end := to
	for from < to {
		mid := from + (to-from)/2
		id, err := p.idAt(mid)
		if err != nil {
			return 0, false, err
		}
		if bytes.Compare(id[:len(prefix)], prefix) < 0 {
			from = mid + 1
		} else {
			to = mid
		}
	}
	if from == end {
		return from, false, nil
	}
	id, err := p.idAt(from)
	return from, err == nil && bytes.HasPrefix(id[:], prefix), err
}

func (p *pack) offset(i uint32) (int64, error) {
	n := int64(p.fan[255])
	var word [8]byte
	at := idxHead + fanBytes + n*24 + int64(i)*4
	if p.old {
		at = fanBytes + int64(i)*24
	}
	if _, err := p.idx.ReadAt(word[:4], at); err != nil {
		return 0, p.damaged(".idx", err.Error())
	}
	offset := int64(binary.BigEndian.Uint32(word[:]))
	if !p.old && offset >= largeFlag {
		at = idxHead + fanBytes + n*28 + (offset-largeFlag)*8
		if _, err := p.idx.ReadAt(word[:], at); err != nil {
			return 0, p.damaged(".idx", err.Error())
		}
		offset = int64(binary.BigEndian.Uint64(word[:]))
	}
	if offset < packHead || offset >= p.size {
		return 0, p.damaged(".idx", "it refers to a place outside the pack")
	}
	return offset, nil
}

const (
	offsetDelta Kind = 6
	refDelta    Kind = 7
)

// packedHead is what precedes the compressed bytes of an object in a pack.
type packedHead struct {
	kind   Kind
	size   int64
	base   int64 // the place of the base; 0 if it is another
	baseID ID    // with refDelta
	body   int64 // where the compressed bytes begin
}

// maxPackedHead is the largest size of such a head.
const maxPackedHead = 10 + 20

func (p *pack) head(at int64) (packedHead, error) {
	var buffer [maxPackedHead]byte
	n, err := p.file.ReadAt(buffer[:min(maxPackedHead, p.size-at)], at)
	if err != nil && err != io.EOF {
		return packedHead{}, p.damaged(".pack", err.Error())
	}
	data := buffer[:n]
	bad := p.damaged(".pack", fmt.Sprintf("the object at %d has no valid header", at))
	if n == 0 {
		return packedHead{}, bad
	}
	h := packedHead{kind: Kind(data[0] >> 4 & 7), size: int64(data[0] & 15)}
	i := 1
	for shift := 4; data[i-1]&0x80 != 0; shift += 7 {
		if i == len(data) || shift > 53 {
			return h, bad
		}
		h.size |= int64(data[i]&0x7f) << shift
		i++
	}
	switch h.kind {
	case Commit, Tree, Blob, Tag:
	case offsetDelta:
		back := int64(0)
		for first := true; ; first = false {
			if i == len(data) || back > 1<<55 {
				return h, bad
			}
			if !first {
				back = (back + 1) << 7
			}
			back |= int64(data[i] & 0x7f)
			if i++; data[i-1]&0x80 == 0 {
				break
			}
		}
		if h.base = at - back; back <= 0 || h.base < packHead {
			return h, bad
		}
	case refDelta:
		if len(data)-i < len(h.baseID) {
			return h, bad
		}
		i += copy(h.baseID[:], data[i:])
	default:
		return h, bad
	}
	h.body = at + int64(i)
	return h, nil
}

// inflater reads the compressed bytes of one object.
type inflater struct {
	in *bufio.Reader
	z  io.ReadCloser
}

var inflaters = sync.Pool{New: func() any { return &inflater{in: bufio.NewReaderSize(nil, 16<<10)} }}

func (p *pack) inflate(h packedHead) (*inflater, error) {
	f, ok := inflaters.Get().(*inflater)
	if !ok {
		return nil, errors.New("reading a pack: the pool of readers has another type")
	}
	f.in.Reset(io.NewSectionReader(p.file, h.body, p.size-h.body))
	var err error
	if f.z == nil {
		f.z, err = zlib.NewReader(f.in)
	} else if again, ok := f.z.(zlib.Resetter); ok {
		err = again.Reset(f.in, nil)
	}
	if err != nil {
		return nil, p.damaged(".pack", err.Error())
	}
	return f, nil
}

func (f *inflater) release() error {
	inflaters.Put(f)
	return nil
}

// bytes inflates all of one object.
func (p *pack) bytes(h packedHead) ([]byte, error) {
	if h.size > maxInMemory {
		return nil, &TooLarge{fmt.Sprintf("at %d of a pack", h.body), h.size, maxInMemory}
	}
	f, err := p.inflate(h)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.release() }()
	// The size is what the pack says. So memory grows with what really comes.
	b := bytes.NewBuffer(make([]byte, 0, min(h.size, 1<<20)+bytes.MinRead))
	if _, err := b.ReadFrom(io.LimitReader(f.z, h.size+1)); err != nil {
		return nil, p.damaged(".pack", err.Error())
	}
	if int64(b.Len()) != h.size {
		return nil, p.damaged(".pack", fmt.Sprintf("the object at %d has another size than its header says", h.body))
	}
	return b.Bytes(), nil
}

// maxInMemory is the largest object that is put together from differences, and the largest difference.
const maxInMemory = 1 << 30

// maxChain is the largest number of differences that lead to an object, as in Git.
const maxChain = 4095

// baseKey is the place of an object that others are differences to.
type baseKey struct {
	pack *pack
	at   int64
}

type heldBase struct {
	kind Kind
	data []byte
}

// maxHeld is how many bytes of objects are kept because others may be differences to them.
const maxHeld = 64 << 20

func (r *Repository) base(key baseKey) (heldBase, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b, ok := r.bases[key]
	return b, ok
}

func (r *Repository) keepBase(key baseKey, b heldBase) {
	if len(b.data) > maxHeld/4 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.bases[key]; known {
		return
	}
	if r.held += int64(len(b.data)); r.held > maxHeld {
		r.bases, r.held = map[baseKey]heldBase{}, int64(len(b.data))
	}
	r.bases[key] = b
}

// openPacked opens an object at a place of a pack.
func (r *Repository) openPacked(p *pack, id ID, at, limit int64) (*Object, error) {
	h, err := p.head(at)
	if err != nil {
		return nil, err
	}
	if h.kind <= Tag {
		if h.size > limit {
			return nil, &TooLarge{id.String(), h.size, limit}
		}
		f, err := p.inflate(h)
		if err != nil {
			return nil, err
		}
		return newObject(id, h.kind, h.size, f.z, f.release), nil
	}
	b, err := r.restore(p, at, limit)
	if size := (*TooLarge)(nil); errors.As(err, &size) {
		size.Name = id.String()
	}
	if err != nil {
		return nil, err
	}
	return newObject(id, b.kind, int64(len(b.data)), bytes.NewReader(b.data), nil), nil
}

// packedInfo returns the kind and the size of the object at a place of a pack.
func (r *Repository) packedInfo(p *pack, at int64) (Kind, int64, error) {
	h, err := p.head(at)
	if err != nil {
		return 0, 0, err
	}
	size := h.size
	if h.kind > Tag {
		if size, err = p.resultSize(h); err != nil {
			return 0, 0, err
		}
	}
	for range maxChain {
		if h.kind <= Tag {
			return h.kind, size, nil
		}
		if p, at, err = r.baseOf(p, h); err != nil {
			return 0, 0, err
		}
		if h, err = p.head(at); err != nil {
			return 0, 0, err
		}
	}
	return 0, 0, p.damaged(".pack", "an object is a difference to too many others")
}

// resultSize reads the size of the object that a difference leads to.
func (p *pack) resultSize(h packedHead) (int64, error) {
	f, err := p.inflate(h)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.release() }()
	var sizes [20]byte
	n, _ := io.ReadFull(f.z, sizes[:min(int64(len(sizes)), h.size)])
	_, rest, ok := deltaSize(sizes[:n])
	size, _, ok2 := deltaSize(rest)
	if !ok || !ok2 {
		return 0, p.damaged(".pack", "a difference has no sizes")
	}
	return size, nil
}

// baseOf returns where the base of a difference is.
func (r *Repository) baseOf(p *pack, h packedHead) (*pack, int64, error) {
	if h.kind == offsetDelta {
		return p, h.base, nil
	}
	at, ok, err := p.find(h.baseID)
	if err == nil && !ok { // Git never writes such a pack to a repository
		err = p.damaged(".pack", "it lacks "+h.baseID.String()+", to which another object is a difference")
	}
	return p, at, err
}

// restore puts an object together from the differences that lead to it.
func (r *Repository) restore(p *pack, at, limit int64) (heldBase, error) {
	type step struct {
		key baseKey
		h   packedHead
	}
	var steps []step
	var b heldBase
	for {
		key := baseKey{p, at}
		if len(steps) > 0 {
			if held, ok := r.base(key); ok {
				b = held
				break
			}
		}
		h, err := p.head(at)
		if err != nil {
			return b, err
		}
		if h.kind <= Tag {
			if b.data, err = p.bytes(h); err != nil {
				return b, err
			}
			b.kind = h.kind
			r.keepBase(key, b)
			break
		}
		if len(steps) == 0 {
			size, err := p.resultSize(h)
			if err != nil {
				return b, err
			}
			if size > limit {
				return b, &TooLarge{"", size, limit}
			}
		}
		if len(steps) == maxChain {
			return b, p.damaged(".pack", "an object is a difference to too many others")
		}
		steps = append(steps, step{key, h})
		if p, at, err = r.baseOf(p, h); err != nil {
			return b, err
		}
	}
	for i := len(steps) - 1; i >= 0; i-- {
		s := steps[i]
		delta, err := s.key.pack.bytes(s.h)
		if err != nil {
			return b, err
		}
		if b.data, err = applyDelta(b.data, delta); err != nil {
			return b, s.key.pack.damaged(".pack", err.Error())
		}
		r.keepBase(s.key, b)
	}
	return b, nil
}

// deltaSize reads a size as gitformat-pack defines it: seven bits in a byte, the lowest first.
func deltaSize(data []byte) (size int64, rest []byte, ok bool) {
	for i, c := range data {
		if i > 8 {
			break
		}
		size |= int64(c&0x7f) << (7 * i)
		if c&0x80 == 0 {
			return size, data[i+1:], true
		}
	}
	return 0, nil, false
}

var errDelta = errors.New("a difference does not fit its base")

// applyDelta returns what a difference makes of its base.
func applyDelta(base, delta []byte) ([]byte, error) {
	from, delta, ok := deltaSize(delta)
	to, delta, ok2 := deltaSize(delta)
	if !ok || !ok2 || from != int64(len(base)) || to > maxInMemory {
		return nil, errDelta
	}
	out := make([]byte, 0, min(to, 16<<20))
	for len(delta) > 0 {
		op := delta[0]
		delta = delta[1:]
		if op&0x80 == 0 { // new bytes
			if op == 0 || int(op) > len(delta) {
				return nil, errDelta
			}
			out, delta = append(out, delta[:op]...), delta[op:]
			continue
		}
		var words [7]byte // four bytes of the place, three of the size; those that are zero are left out
		for i := range words {
			if op&(1<<i) == 0 {
				continue
			}
			if len(delta) == 0 {
				return nil, errDelta
			}
			words[i], delta = delta[0], delta[1:]
		}
		at := int64(binary.LittleEndian.Uint32(words[:4]))
		size := int64(words[4]) | int64(words[5])<<8 | int64(words[6])<<16
		if size == 0 {
			size = 0x10000
		}
		if at+size > int64(len(base)) || int64(len(out))+size > to {
			return nil, errDelta
		}
		out = append(out, base[at:at+size]...)
	}
	if int64(len(out)) != to {
		return nil, errDelta
	}
	return out, nil
}
