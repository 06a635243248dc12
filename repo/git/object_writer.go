package git

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/klauspost/compress/zlib"

	"github.com/gitruns/runs/repo/git/native"
	"github.com/gitruns/runs/repo/regular"
)

// ObjectWriter collects new objects in a file and gives them to Git at once. Before Store, the repository has none of
// them. It is safe for concurrent use; each goroutine compresses with an Encoder of its own.
//
// What is put into a pack stays compressed as it is when Git packs it again. So objects that resemble one another are
// stored as differences already here.
type ObjectWriter struct {
	dirs   Dirs
	folder string
	file   *os.File
	wide   bool // object ids are SHA-256

	mu     sync.Mutex
	out    *bufio.Writer
	at     int64 // size of the pack so far
	number uint32
	seen   map[objectID]bool
	places []native.NewObject // where the objects are in the pack, if Git does not index it
}

// objectID is the binary id of an object. With SHA-1, the rest is zero.
type objectID [sha256.Size]byte

// packedObject is an object as it stands in a pack.
type packedObject struct {
	id    objectID
	kind  byte  // as packs number them
	size  int64 // of the object, or of the difference
	zlib  []byte
	base  *packedObject // for a difference
	at    int64         // its place in the pack; 0 if it is not there yet
	plain []byte        // what it could serve as a base for; nil if it cannot
}

// The kinds of objects in a pack.
const (
	packedTree  = 2
	packedBlob  = 3
	packedDelta = 6
)

// packHeaderBytes is the size of what precedes the first object of a pack.
const packHeaderBytes = 12

// NewObjectWriter returns an ObjectWriter. The caller must close it.
func NewObjectWriter(ctx context.Context, dirs Dirs) (*ObjectWriter, error) {
	wide, err := dirs.objects().sha256(ctx)
	if err != nil {
		return nil, err
	}
	w := &ObjectWriter{dirs: dirs, wide: wide, at: packHeaderBytes, seen: map[objectID]bool{}}
	// Beside the objects, because there may be many of them.
	if w.folder, err = TemporaryIn(dirs.Temporary(), "objects-"); err != nil {
		return nil, fmt.Errorf("making a temporary folder: %w", err)
	}
	w.file, err = regular.OpenFile(filepath.Join(w.folder, "pack"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		w.Close()
		return nil, fmt.Errorf("making a temporary file: %w", err)
	}
	w.out = bufio.NewWriterSize(w.file, 256<<10)
	if _, err := w.out.Write(make([]byte, packHeaderBytes)); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

func (p program) sha256(ctx context.Context) (bool, error) {
	out, err := p.command().run(ctx, "rev-parse", "--show-object-format")
	return strings.TrimSpace(string(out)) == "sha256", err
}

// Close removes the temporary file.
func (w *ObjectWriter) Close() {
	if w.file != nil {
		_ = w.file.Close()
	}
	_ = os.RemoveAll(w.folder)
}

func (w *ObjectWriter) newHash() hash.Hash {
	if w.wide {
		return sha256.New()
	}
	return sha1.New()
}

func (w *ObjectWriter) idOf(kind string, data []byte) objectID {
	sum := w.newHash()
	fmt.Fprintf(sum, "%s %d\x00", kind, len(data))
	sum.Write(data)
	var id objectID
	sum.Sum(id[:0])
	return id
}

// hex returns the id as Git writes it.
func (w *ObjectWriter) hex(id objectID) string {
	if w.wide {
		return hex.EncodeToString(id[:])
	}
	return hex.EncodeToString(id[:sha1.Size])
}

// BlobID returns the id of a blob of size bytes. If r does not have exactly size bytes, the result is not the id of a
// blob.
func (w *ObjectWriter) BlobID(size int64, r io.Reader) (string, error) {
	sum := w.newHash()
	fmt.Fprintf(sum, "blob %d\x00", size)
	if _, err := io.Copy(sum, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// Encoder compresses objects for an ObjectWriter. It holds them until Flush.
type Encoder struct {
	to     *ObjectWriter
	zlib   *zlib.Writer
	out    bytes.Buffer
	delta  []byte
	bases  map[string]*deltaBase
	held   []*packedObject
	likely []string // for each held object: what it resembles
	bytes  int
}

// maxBases is how many kinds of files an Encoder keeps an example of.
const maxBases = 16

// Encoder returns a new Encoder.
func (w *ObjectWriter) Encoder() *Encoder {
	z, err := zlib.NewWriterLevel(nil, 5)
	if err != nil { // the level is valid
		z = zlib.NewWriter(nil)
	}
	return &Encoder{to: w, zlib: z, bases: map[string]*deltaBase{}}
}

// Blob adds a blob and returns its id. Blobs with the same value of like may resemble one another. The data must not
// change before Flush.
func (e *Encoder) Blob(data []byte, like string) (string, error) {
	o := &packedObject{id: e.to.idOf("blob", data), kind: packedBlob, size: int64(len(data))}
	if e.to.has(o.id) {
		return e.to.hex(o.id), nil
	}
	content := data
	if base := e.bases[like]; base != nil && len(data) <= maxDeltaBytes {
		if delta := base.delta(e.delta[:0], data, len(data)/2); delta != nil {
			content, e.delta = delta, delta
			o.kind, o.size, o.base = packedDelta, int64(len(delta)), base.object
		}
	}
	if o.base == nil && len(data) >= deltaWord && len(data) <= maxDeltaBytes {
		o.plain = data
	}
	return e.to.hex(o.id), e.hold(o, content, like)
}

// tree adds a tree.
func (e *Encoder) tree(data []byte) (string, error) {
	o := &packedObject{id: e.to.idOf("tree", data), kind: packedTree, size: int64(len(data))}
	if e.to.has(o.id) {
		return e.to.hex(o.id), nil
	}
	return e.to.hex(o.id), e.hold(o, data, "")
}

func (e *Encoder) hold(o *packedObject, content []byte, like string) error {
	e.out.Reset()
	e.zlib.Reset(&e.out)
	if _, err := e.zlib.Write(content); err != nil {
		return err
	}
	if err := e.zlib.Close(); err != nil {
		return err
	}
	o.zlib = bytes.Clone(e.out.Bytes())
	e.held, e.likely, e.bytes = append(e.held, o), append(e.likely, like), e.bytes+len(o.zlib)
	return nil
}

// Held returns how many bytes of compressed objects the Encoder holds.
func (e *Encoder) Held() int { return e.bytes }

// Drop forgets the objects that were added since the last Flush.
func (e *Encoder) Drop() { e.held, e.likely, e.bytes = e.held[:0], e.likely[:0], 0 }

// Flush hands the objects to the ObjectWriter.
func (e *Encoder) Flush() error {
	defer e.Drop()
	if err := e.to.append(e.held); err != nil {
		return err
	}
	for i, o := range e.held {
		if o.plain == nil || o.at == 0 || e.likely[i] == "" {
			continue
		}
		if _, known := e.bases[e.likely[i]]; known || len(e.bases) < maxBases {
			e.bases[e.likely[i]] = newDeltaBase(o.plain, o)
		}
	}
	for _, o := range e.held {
		o.zlib, o.plain = nil, nil // a base outlives its place among the held
	}
	return nil
}

func (w *ObjectWriter) has(id objectID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[id]
}

// append writes objects to the file, but for those that it has.
func (w *ObjectWriter) append(objects []*packedObject) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var head [32]byte
	for _, o := range objects {
		if w.seen[o.id] {
			continue
		}
		n := len(appendPackHeader(head[:0], o, w.at))
		sum := crc32.NewIEEE()
		for _, part := range [][]byte{head[:n], o.zlib} {
			sum.Write(part)
			if _, err := w.out.Write(part); err != nil {
				return err
			}
		}
		if w.dirs.ByFiles() {
			w.places = append(w.places, native.NewObject{ID: native.ID(o.id[:sha1.Size]), At: w.at, CRC: sum.Sum32()})
		}
		o.at = w.at
		w.at += int64(n + len(o.zlib))
		w.seen[o.id] = true
		if w.number++; w.number == 0 {
			return errors.New("more than 4,294,967,295 objects")
		}
	}
	return nil
}

// appendPackHeader appends what precedes the compressed bytes of an object at a place of the pack: its kind and size,
// and for a difference how far before it its base is.
func appendPackHeader(dst []byte, o *packedObject, at int64) []byte {
	size := uint64(o.size)
	first := o.kind<<4 | byte(size&15)
	if size >>= 4; size > 0 {
		first |= 0x80
	}
	dst = append(dst, first)
	if size > 0 {
		dst = binary.AppendUvarint(dst, size)
	}
	if o.base == nil {
		return dst
	}
	back := uint64(at - o.base.at)
	digits := [10]byte{9: byte(back & 0x7f)}
	i := 9
	for back >>= 7; back > 0; back >>= 7 {
		back--
		i--
		digits[i] = 0x80 | byte(back&0x7f)
	}
	return append(dst, digits[i:]...)
}

// looseObjects is the largest number of objects that are stored in a file each. Git itself draws the line there when it
// fetches.
const looseObjects = 99

// Store gives the objects to Git. After an error, the repository may have some of them, which does no harm: `git gc`
// removes what nothing refers to.
func (w *ObjectWriter) Store(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.number == 0 {
		return nil
	}
	if err := w.out.Flush(); err != nil {
		return err
	}
	if err := w.dirs.objects().store(ctx, w); err != nil {
		return err
	}
	w.number = 0
	return nil
}

func (p program) store(ctx context.Context, w *ObjectWriter) error {
	if _, err := w.file.Seek(packHeaderBytes, io.SeekStart); err != nil {
		return err
	}
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32([]byte("PACK"), 2), w.number)
	sum := w.newHash()
	c := p.command()
	c.stdin = io.MultiReader(
		io.TeeReader(io.MultiReader(bytes.NewReader(header), w.file), sum),
		&lazyReader{read: func() []byte { return sum.Sum(nil) }},
	)
	args := []string{"index-pack", "--stdin"}
	if w.number <= looseObjects {
		args = []string{"unpack-objects", "-q"}
	}
	_, err := c.run(ctx, args...)
	return err
}

// lazyReader reads bytes that are known only when they are first asked for.
type lazyReader struct {
	read func() []byte
	rest *bytes.Reader
}

func (l *lazyReader) Read(p []byte) (int, error) {
	if l.rest == nil {
		l.rest = bytes.NewReader(l.read())
	}
	return l.rest.Read(p)
}
