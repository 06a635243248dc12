package git

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
)

// TreeEntry is an entry of a tree object.
type TreeEntry struct {
	Mode string // 40000 for a folder
	Name string
	ID   string
}

// IsTree reports whether the entry is a folder.
func (e TreeEntry) IsTree() bool { return strings.TrimLeft(e.Mode, "0") == "40000" }

// Edit is one change of a tree. If ID is empty, the path is removed; a folder is removed with all that it contains.
type Edit struct {
	Path, Mode, ID string
}

// Trees reads and writes objects. Where Git is installed, it keeps processes of Git running. It is not safe for
// concurrent use. The caller must close it.
type Trees struct {
	from   objectReader // opened by the first object that is read
	open   func() (objectReader, error)
	make   treeMaker // opened by the first tree that is written
	begin  func() (treeMaker, error)
	known  map[string][]TreeEntry
	absent map[string]bool
	to     *Encoder // where trees are written instead; nil if Git writes them
}

// maxTreeBytes is the largest size of a tree object, enough for a folder of a million files.
const maxTreeBytes = 64 << 20

// maxCommitBytes is the largest size of a commit object.
const maxCommitBytes = 4 << 20

// OpenTrees returns a Trees whose processes end when ctx is done or Close is called.
func OpenTrees(ctx context.Context, dirs Dirs) (*Trees, error) {
	open := func() (objectReader, error) { return dirs.objects().reader(ctx, false) }
	begin := func() (treeMaker, error) { return dirs.objects().treeMaker(ctx) }
	return &Trees{open: open, begin: begin, known: map[string][]TreeEntry{}}, nil
}

// OpenObjects returns a Trees that only reads and that ignores replacement objects. Edit and Empty cannot be used. It
// reports objects in absent as missing without asking Git, which would fetch them one by one.
func OpenObjects(ctx context.Context, dirs Dirs, absent map[string]bool) (*Trees, error) {
	from, err := dirs.objects().reader(ctx, true)
	if err != nil {
		return nil, err
	}
	return &Trees{from: from, known: map[string][]TreeEntry{}, absent: absent}, nil
}

// Close stops the processes. It may be nil, if it could not be opened again.
func (t *Trees) Close() {
	if t == nil {
		return
	}
	if t.from != nil {
		t.from.close()
	}
	if t.make != nil {
		t.make.close()
	}
}

// Read returns the entries of a tree, or of the tree of a commit. An empty id is the tree without entries.
func (t *Trees) Read(id string) ([]TreeEntry, error) {
	if id == "" {
		return nil, nil
	}
	if entries, ok := t.known[id]; ok {
		return entries, nil
	}
	data, err := t.object(id+"^{tree}", "tree", maxTreeBytes)
	if err != nil {
		return nil, err
	}
	var entries []TreeEntry
	for len(data) > 0 {
		head, rest, ok := bytes.Cut(data, []byte{0})
		mode, name, ok2 := strings.Cut(string(head), " ")
		size := t.from.idBytes()
		if !ok || !ok2 || len(rest) < size {
			return nil, fmt.Errorf("tree %s is damaged", id)
		}
		entries = append(entries, TreeEntry{mode, name, hex.EncodeToString(rest[:size])})
		data = rest[size:]
	}
	t.known[id] = entries
	return entries, nil
}

// readAtOnce is how many trees are asked for at once: the names fit into the buffer of any pipe, so that neither side
// waits for the other.
const readAtOnce = 32

// ReadAll reads trees, so that Read then has them. It waits for Git once for many of them.
func (t *Trees) ReadAll(ids []string) error {
	var unknown []string
	for _, id := range ids {
		if _, ok := t.known[id]; !ok && isObjectID(id) && !t.absent[id] {
			unknown = append(unknown, id)
		}
	}
	slices.Sort(unknown)
	for ids := range slices.Chunk(slices.Compact(unknown), readAtOnce) {
		names := make([]string, len(ids))
		for i, id := range ids {
			names[i] = id + "^{tree}"
		}
		if err := t.announce(names); err != nil {
			return err
		}
		for _, id := range ids {
			if _, err := t.Read(id); err != nil {
				return err
			}
		}
	}
	return nil
}

// Blob returns the content of a blob. If it has more than limit bytes, Blob returns an error.
func (t *Trees) Blob(id string, limit int64) ([]byte, error) { return t.object(id, "blob", limit) }

// headBytes is how much of a blob Sum returns.
const headBytes = 1024

// Sum returns the SHA-256 of a blob, its size and its first 1,024 bytes, without keeping more of it in memory. If it
// has more than limit bytes, Sum returns an error.
func (t *Trees) Sum(id string, limit int64) (digest string, size int64, head []byte, err error) {
	size, content, err := t.ask(id, "blob", limit)
	if err != nil {
		return "", size, nil, err
	}
	sum := sha256.New()
	head = make([]byte, min(size, headBytes))
	if _, err := io.ReadFull(content, head); err != nil {
		return "", size, nil, err
	}
	sum.Write(head)
	if _, err := io.CopyN(sum, content, size-int64(len(head))); err != nil {
		return "", size, nil, err
	}
	if err := t.from.end(); err != nil {
		return "", size, nil, err
	}
	return hex.EncodeToString(sum.Sum(nil)), size, head, nil
}

// Copy writes a blob to w. If it has more than limit bytes, Copy returns an error. After an error of w, t can still be
// used.
func (t *Trees) Copy(id string, limit int64, w io.Writer) error {
	size, content, err := t.ask(id, "blob", limit)
	if err != nil {
		return err
	}
	to := &stickyWriter{w: w}
	if _, err := io.CopyN(to, content, size); err != nil {
		return err
	}
	if err := t.from.end(); err != nil {
		return err
	}
	return to.err
}

// stickyWriter accepts everything that is written to it and keeps the first error of its writer.
type stickyWriter struct {
	w   io.Writer
	err error
}

func (f *stickyWriter) Write(p []byte) (int, error) {
	if f.err == nil {
		_, f.err = f.w.Write(p)
	}
	return len(p), nil
}

// object reads one object.
func (t *Trees) object(name, kind string, limit int64) ([]byte, error) {
	size, content, err := t.ask(name, kind, limit)
	if err != nil {
		return nil, err
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(content, data); err != nil {
		return nil, err
	}
	return data, t.from.end()
}

// ask finds an object. The caller must read size bytes of the content and then call end of t.from.
func (t *Trees) ask(name, kind string, limit int64) (size int64, content io.Reader, err error) {
	if name == "" || strings.ContainsAny(name, "\n\x00") {
		return 0, nil, fmt.Errorf("%q is not an object name", name)
	}
	if t.absent[name] {
		return 0, nil, fmt.Errorf("object %s %w", name, ErrNoObject)
	}
	if err := t.start(); err != nil {
		return 0, nil, err
	}
	return t.from.ask(name, kind, limit)
}

func (t *Trees) start() (err error) {
	if t.from == nil {
		t.from, err = t.open()
	}
	return err
}

func (t *Trees) announce(names []string) error {
	if err := t.start(); err != nil {
		return err
	}
	return t.from.ahead(names)
}

// Ahead asks for a few objects that will be read next, in this order, so that Git reads them meanwhile. The names must
// be ids.
func (t *Trees) Ahead(ids ...string) error {
	for _, id := range ids {
		if !isObjectID(id) || t.absent[id] {
			return nil
		}
	}
	return t.announce(ids)
}

// Commit reads a commit.
func (t *Trees) Commit(id string) (*CommitObject, error) {
	data, err := t.object(id, "commit", maxCommitBytes)
	if err != nil {
		return nil, err
	}
	head, message, _ := strings.Cut(string(data), "\n\n")
	c := &CommitObject{Message: message}
	for line := range strings.Lines(head) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch key {
		case "tree":
			c.Tree = value
		case "parent":
			c.Parents = append(c.Parents, value)
		case "author":
			name, rest, _ := strings.Cut(value, " <")
			email, date, ok := strings.Cut(rest, "> ")
			if ok {
				c.Author = &Signature{name, email, "@" + date}
			}
		}
	}
	return c, nil
}

// Find returns the entry at a path of a tree or commit. An empty path stands for the tree itself. ok is false if there
// is no such entry.
func (t *Trees) Find(tree, path string) (e TreeEntry, ok bool, err error) {
	e = TreeEntry{Mode: "40000", ID: tree}
	if path == "" {
		return e, tree != "", nil
	}
	for step := range strings.SplitSeq(path, "/") {
		if !e.IsTree() {
			return TreeEntry{}, false, nil
		}
		entries, err := t.Read(e.ID)
		if err != nil {
			return TreeEntry{}, false, err
		}
		i := slices.IndexFunc(entries, func(e TreeEntry) bool { return e.Name == step })
		if i < 0 {
			return TreeEntry{}, false, nil
		}
		e = entries[i]
	}
	return e, true, nil
}

// Walk calls visit for every file of a tree, with its path under prefix. If folders are nested more than 100 deep, it
// returns an error.
func (t *Trees) Walk(tree, prefix string, visit func(path string, e TreeEntry) error) error {
	entries, err := t.Read(tree)
	if err != nil {
		return err
	}
	for _, e := range entries {
		at := e.Name
		if prefix != "" {
			at = prefix + "/" + e.Name
		}
		if strings.Count(at, "/") > 100 {
			return fmt.Errorf("%s is more than 100 folders deep", at)
		}
		if e.IsTree() {
			err = t.Walk(e.ID, at, visit)
		} else {
			err = visit(at, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
