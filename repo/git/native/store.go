package native

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zlib"

	"github.com/gitruns/runs/repo/regular"
)

// Store stores an object for good, and returns its id. An object that the repository has already gets a new time, so
// that a `git gc` at the same time does not remove it.
func (r *Repository) Store(kind Kind, data []byte) (ID, error) {
	id := idOf(kind, data)
	if r.freshen(id) {
		return id, nil
	}
	return r.StoreFrom(kind, int64(len(data)), bytes.NewReader(data))
}

// StoreFrom is Store for content that is read as it is stored. The content must have size bytes.
func (r *Repository) StoreFrom(kind Kind, size int64, content io.Reader) (id ID, err error) {
	level, err := r.looseLevel()
	if err != nil {
		return id, err
	}
	sync, err := r.syncsLoose()
	if err != nil {
		return id, err
	}
	f, err := createTemporary(filepath.Join(r.folders[0], "tmp_obj_"), 0o444)
	if err != nil {
		return id, fmt.Errorf("storing an object: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	id, err = writeObject(f, kind, size, content, level)
	if err == nil && sync {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return id, fmt.Errorf("storing an object: %w", err)
	}
	if r.freshen(id) {
		return id, os.Remove(f.Name())
	}
	if err := r.share(f.Name()); err != nil {
		return id, fmt.Errorf("storing object %s: %w", id, err)
	}
	if err := r.placeLoose(f.Name(), id); err != nil {
		return id, fmt.Errorf("storing object %s: %w", id, err)
	}
	return id, nil
}

// writeObject writes an object as it is stored in a file of its own.
func writeObject(to io.Writer, kind Kind, size int64, content io.Reader, level int) (id ID, err error) {
	z, err := zlib.NewWriterLevel(to, level)
	if err != nil {
		return id, err
	}
	sum := sha1.New()
	both := io.MultiWriter(z, sum)
	if _, err := fmt.Fprintf(both, "%s %d\x00", kind, size); err != nil {
		return id, err
	}
	n, err := io.Copy(both, io.LimitReader(content, size+1))
	if err == nil && n != size {
		err = fmt.Errorf("its content has changed from %d bytes", size)
	}
	if err = errors.Join(err, z.Close()); err != nil {
		return id, err
	}
	sum.Sum(id[:0])
	return id, nil
}

// placeTries is how often an object is put into its folder. `git gc` removes folders that have just become empty.
const placeTries = 10

func (r *Repository) placeLoose(file string, id ID) error {
	name := id.String()
	dir := filepath.Join(r.folders[0], name[:2])
	var err error
	for range placeTries {
		if err = r.makeFolder(dir); err != nil {
			return err
		}
		if err = os.Rename(file, filepath.Join(dir, name[2:])); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return err
}

// freshen gives an object that the repository has the current time. It returns false if the object must be stored: if
// the repository lacks it, or holds it where its time cannot be changed.
func (r *Repository) freshen(id ID) bool {
	now := time.Now()
	name := id.String()
	for _, dir := range r.folders {
		if os.Chtimes(filepath.Join(dir, name[:2], name[2:]), now, now) == nil {
			return true
		}
	}
	packs, err := r.packList(false)
	if err != nil {
		return false
	}
	for _, p := range packs {
		if _, ok, err := p.find(id); err != nil || !ok {
			continue
		}
		if _, err := os.Lstat(p.path + ".mtimes"); err == nil { // of objects that Git is about to remove
			continue
		}
		if os.Chtimes(p.path+".pack", now, now) == nil {
			return true
		}
	}
	return false
}

// looseLevel returns how well objects are compressed that have a file of their own.
func (r *Repository) looseLevel() (int, error) {
	for _, key := range []string{"core.loosecompression", "core.compression"} {
		level, set, err := r.config.Int(key)
		switch {
		case err != nil:
			return 0, err
		case set && level == -1:
			return zlib.DefaultCompression, nil
		case set && level >= 0 && level <= zlib.BestCompression:
			return int(level), nil
		case set:
			return 0, fmt.Errorf("%s is %d, which is not a level of compression", key, level)
		}
	}
	return zlib.BestSpeed, nil
}

// syncsLoose reports whether Git is configured to sync objects that have a file of their own. Without a setting, it
// does not.
func (r *Repository) syncsLoose() (bool, error) {
	on, _, err := r.config.Bool("core.fsyncobjectfiles")
	if err != nil {
		return false, err
	}
	value, err := r.config.String("core.fsync")
	if err != nil || value == "" {
		return on, err
	}
	on = false
	for part := range strings.FieldsFuncSeq(value, func(c rune) bool { return c == ',' || c == ' ' }) {
		name, off := strings.CutPrefix(part, "-")
		switch name {
		case "none":
			on = false
		case "loose-object", "objects", "committed", "added", "all":
			on = !off
		}
	}
	return on, nil
}

// NewObject is an object of a pack that is not in the repository yet.
type NewObject struct {
	ID  ID
	At  int64  // its place in the pack
	CRC uint32 // of its bytes in the pack
}

// StorePack puts the objects of a pack into the repository. The file, which is called pack and is the only one in its
// folder, has the objects after room for a head. At most loose objects get a file each, as Git does after a fetch.
func (r *Repository) StorePack(folder string, objects []NewObject, loose int) error {
	slices.SortFunc(objects, func(a, b NewObject) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	file := filepath.Join(folder, "pack")
	sum, err := completePack(file, len(objects))
	if err != nil {
		return fmt.Errorf("storing objects: %w", err)
	}
	idx := encodePackIndex(objects, sum)
	if len(objects) > loose {
		return r.addPack(file, idx, sum)
	}
	p := &pack{path: filepath.Join(folder, "pack-new")}
	if err := errors.Join(os.Rename(file, p.path+".pack"), os.WriteFile(p.path+".idx", idx, 0o600)); err != nil {
		return fmt.Errorf("storing objects: %w", err)
	}
	defer p.close()
	for _, o := range slices.SortedFunc(slices.Values(objects), func(a, b NewObject) int { return int(a.At - b.At) }) {
		if err := r.storePacked(p, o); err != nil {
			return err
		}
	}
	return nil
}

// storePacked stores an object of a pack in a file of its own.
func (r *Repository) storePacked(p *pack, o NewObject) error {
	if err := p.load(); err != nil {
		return err
	}
	from, err := r.openPacked(p, o.ID, o.At, maxInMemory)
	if err != nil {
		return err
	}
	data, err := from.all()
	if err = errors.Join(err, from.Close()); err != nil {
		return err
	}
	_, err = r.Store(from.Kind, data)
	return err
}

// completePack writes the head and the end of a pack, and returns its checksum.
func completePack(file string, objects int) (sum ID, err error) {
	f, err := regular.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return sum, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32([]byte("PACK"), 2), uint32(objects))
	if _, err := f.WriteAt(head, 0); err != nil {
		return sum, err
	}
	h := sha1.New()
	if _, err := io.Copy(h, f); err != nil {
		return sum, err
	}
	h.Sum(sum[:0])
	_, err = f.Write(sum[:])
	return sum, err
}

// encodePackIndex returns the index of a pack, in version 2. The objects must be sorted by their ids.
func encodePackIndex(objects []NewObject, pack ID) []byte {
	var b bytes.Buffer
	b.WriteString("\xfftOc")
	writeWords(&b, 2)
	i := 0
	for first := range 256 {
		for i < len(objects) && int(objects[i].ID[0]) == first {
			i++
		}
		writeWords(&b, uint32(i))
	}
	for _, o := range objects {
		b.Write(o.ID[:])
	}
	for _, o := range objects {
		writeWords(&b, o.CRC)
	}
	var large []int64
	for _, o := range objects {
		if o.At < largeFlag {
			writeWords(&b, uint32(o.At))
			continue
		}
		writeWords(&b, uint32(largeFlag|len(large)))
		large = append(large, o.At)
	}
	for _, at := range large {
		b.Write(binary.BigEndian.AppendUint64(b.AvailableBuffer(), uint64(at)))
	}
	b.Write(pack[:])
	sum := sha1.Sum(b.Bytes())
	b.Write(sum[:])
	return b.Bytes()
}

// addPack puts a pack and its index into the repository. The index comes last, because it makes the pack visible.
func (r *Repository) addPack(file string, idx []byte, sum ID) (err error) {
	fail := func(err error) error { return fmt.Errorf("storing a pack: %w", err) }
	dir := filepath.Join(r.folders[0], "pack")
	if err := r.makeFolder(dir); err != nil {
		return fail(err)
	}
	from, err := regular.Open(file)
	if err != nil {
		return fail(err)
	}
	defer func() { _ = from.Close() }()
	var made []string
	defer func() {
		if err != nil {
			for _, name := range made {
				_ = os.Remove(name)
			}
		}
	}()
	name := filepath.Join(dir, "pack-"+sum.String())
	for _, part := range []struct {
		prefix  string
		content io.Reader
	}{{"tmp_pack_", from}, {"tmp_idx_", bytes.NewReader(idx)}} {
		f, err := createTemporary(filepath.Join(dir, part.prefix), 0o444)
		if err != nil {
			return fail(err)
		}
		made = append(made, f.Name())
		_, err = io.Copy(f, part.content)
		if err == nil {
			err = f.Sync()
		}
		if err = errors.Join(err, f.Close()); err == nil {
			err = r.share(f.Name())
		}
		if err != nil {
			return fail(err)
		}
	}
	for i, extension := range []string{".pack", ".idx"} {
		if err := os.Rename(made[i], name+extension); err != nil {
			return fail(err)
		}
	}
	return nil
}

// NewCommit is a commit that is not in the repository yet.
type NewCommit struct {
	Tree    ID
	Parents []ID
	Author  *Identity // nil: the user, now
	Message string
}

// StoreCommit stores a commit and returns its id.
func (r *Repository) StoreCommit(c NewCommit) (id ID, err error) {
	author, err := r.Author()
	if c.Author != nil {
		author, err = *c.Author, nil
	}
	if err != nil {
		return id, err
	}
	committer, err := r.Committer()
	if err != nil {
		return id, err
	}
	if strings.ContainsRune(c.Message, 0) {
		return id, errors.New("the message of a commit contains a zero byte")
	}
	encoding, err := r.config.String("i18n.commitencoding")
	if err != nil {
		return id, err
	}
	if kind, _, err := r.Info(c.Tree); err != nil || kind != Tree {
		return id, errors.Join(err, fmt.Errorf("object %s is a %s, not a tree", c.Tree, kind))
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "tree %s\n", c.Tree)
	for _, p := range c.Parents {
		fmt.Fprintf(&b, "parent %s\n", p)
	}
	fmt.Fprintf(&b, "author %s\ncommitter %s\n", author, committer)
	if encoding != "" && !strings.EqualFold(encoding, "utf-8") && !strings.EqualFold(encoding, "utf8") {
		fmt.Fprintf(&b, "encoding %s\n", encoding)
	}
	b.WriteString("\n" + c.Message)
	return r.Store(Commit, b.Bytes())
}

// NewIdentity returns an identity as Git writes it. The error is a *NoIdentity if nothing is left of its name or email.
func NewIdentity(role, name, email, date string) (i Identity, err error) {
	if i.Name, i.Email = clean(name), clean(email); i.Name == "" || i.Email == "" {
		return i, &NoIdentity{role}
	}
	i.When, err = when(date)
	return i, err
}

// hashBlob returns the id of a blob of size bytes.
func hashBlob(size int64, content io.Reader) (id ID, err error) {
	var sum hash.Hash = sha1.New()
	fmt.Fprintf(sum, "blob %d\x00", size)
	n, err := io.Copy(sum, io.LimitReader(content, size+1))
	if err == nil && n != size {
		err = fmt.Errorf("its content has changed from %d bytes", size)
	}
	sum.Sum(id[:0])
	return id, err
}
