package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gitruns/runs/repo/git/native"
)

// fileReader is an objectReader that reads the files of a repository.
type fileReader struct {
	repository *native.Repository
	open       *native.Object
}

func (f files) reader(_ context.Context, exact bool) (objectReader, error) {
	r, err := f.openAs(exact)
	if err != nil {
		return nil, err
	}
	return &fileReader{repository: r}, nil
}

func (r *fileReader) ask(name, kind string, limit int64) (int64, io.Reader, error) {
	if r.open != nil {
		if err := r.end(); err != nil {
			return 0, nil, err
		}
	}
	id, err := r.repository.Resolve(name)
	if err != nil {
		return 0, nil, missingObject(name, err)
	}
	o, err := r.repository.Open(id, limit)
	if err != nil {
		return 0, nil, missingObject(name, err)
	}
	if o.Kind.String() != kind {
		return o.Size, nil, errors.Join(fmt.Errorf("object %s is a %s, not a %s", name, o.Kind, kind), o.Close())
	}
	r.open = o
	return o.Size, o, nil
}

// missingObject returns the error for an object that does not exist as one that names what was asked for.
func missingObject(name string, err error) error {
	if absent(err) && !errors.As(err, new(*native.WrongKind)) {
		return fmt.Errorf("object %s %w", name, ErrNoObject)
	}
	return err
}

func (r *fileReader) end() error {
	o := r.open
	if o == nil {
		return nil
	}
	r.open = nil
	_, err := io.Copy(io.Discard, o)
	return errors.Join(err, o.Close())
}

func (r *fileReader) idBytes() int { return len(native.ID{}) }

func (r *fileReader) ahead([]string) error { return nil }

func (r *fileReader) close() {
	if r.open != nil {
		_ = r.open.Close()
	}
	r.repository.Close()
}

func (f files) readBlob(_ context.Context, object string, limit int64, w io.Writer) error {
	r, err := f.open()
	if err != nil {
		return err
	}
	defer r.Close()
	return copyBlob(r, object, limit, w)
}

func copyBlob(r *native.Repository, object string, limit int64, w io.Writer) error {
	id, err := r.Resolve(object)
	if err != nil {
		return err
	}
	if id, err = r.Peel(id, native.Blob); err != nil {
		return err
	}
	o, err := r.Open(id, limit)
	if large := (*native.TooLarge)(nil); errors.As(err, &large) {
		return fmt.Errorf("%s has more than %d bytes", object, limit)
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(w, o)
	return errors.Join(err, o.Close())
}

func (f files) readObjects(ctx context.Context, ids []string, limit int64,
	read func(i int, data []byte, err error) error,
) error {
	if len(ids) == 0 {
		return nil
	}
	r, err := f.open()
	if err != nil {
		return err
	}
	defer r.Close()
	for i, text := range ids {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var data []byte
		id, ok := native.ParseID(text)
		err := fmt.Errorf("object %s %w", text, ErrNoObject)
		if ok {
			data, err = r.Read(id, native.Blob, limit)
		}
		large := (*native.TooLarge)(nil)
		switch {
		case err == nil:
		case errors.As(err, &large):
			err = fmt.Errorf("it has %d bytes, the limit is %d", large.Size, limit)
		case !absent(err):
			return err
		}
		if err != nil {
			data = nil
		}
		if err := read(i, data, err); err != nil {
			return err
		}
	}
	return nil
}

func (f files) missing(_ context.Context, ids []string) ([]string, error) {
	if len(ids) == 0 || !f.lacksObjects() {
		return nil, nil
	}
	r, err := f.openAs(true)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var missing []string
	for _, text := range ids {
		id, ok := native.ParseID(text)
		if ok {
			_, _, err := r.Info(id)
			if err != nil && !errors.Is(err, ErrNoObject) {
				return nil, err
			}
			ok = err == nil
		}
		if !ok {
			missing = append(missing, text)
		}
	}
	slices.Sort(missing)
	return slices.Compact(missing), nil
}

// treeIn returns the tree of a revision.
func treeIn(r *native.Repository, rev string) (native.ID, error) {
	id, err := r.Resolve(rev)
	if err != nil {
		return id, err
	}
	return r.Peel(id, native.Tree)
}

// inFolders calls visit with the entries of the folders of a tree that exist, and with their paths.
func (f files) inFolders(commit string, folders []string,
	visit func(r *native.Repository, folder string, id native.ID) error,
) error {
	r, err := f.open()
	if err != nil {
		return err
	}
	defer r.Close()
	tree, err := treeIn(r, commit)
	if err != nil {
		return err
	}
	folders = slices.Clone(folders)
	for i, folder := range folders {
		folders[i] = strings.TrimSuffix(folder, "/")
	}
	// Git lists a tree in its order, and each entry once.
	slices.SortFunc(folders, func(a, b string) int { return strings.Compare(a+"/", b+"/") })
	for _, folder := range slices.Compact(folders) {
		id := tree
		if folder != "" && folder != "." {
			e, ok, err := r.Find(tree, folder)
			if err != nil {
				return err
			}
			if !ok || !e.IsTree() {
				continue
			}
			id = e.ID
		}
		if err := visit(r, folder, id); err != nil {
			return err
		}
	}
	return nil
}

func joined(folder, name string) string {
	if folder == "" || folder == "." {
		return name
	}
	return folder + "/" + name
}

// longMode returns the mode of an entry as `git ls-tree` prints it.
func longMode(mode string) string {
	mode = strings.TrimLeft(mode, "0")
	if mode == "100664" { // of old versions of Git
		mode = "100644"
	}
	return strings.Repeat("0", 6-len(mode)) + mode
}

func (f files) filesIn(_ context.Context, commit string, folders ...string) ([]Entry, error) {
	var entries []Entry
	seen := map[string]bool{}
	var walk func(r *native.Repository, folder string, id native.ID, depth int) error
	walk = func(r *native.Repository, folder string, id native.ID, depth int) error {
		if depth > maxIndexDepth {
			return fmt.Errorf("%s is nested too deep", folder)
		}
		list, err := r.ReadTree(id)
		if err != nil {
			return err
		}
		for _, e := range list {
			at := joined(folder, e.Name)
			switch {
			case e.IsTree():
				err = walk(r, at, e.ID, depth+1)
			case !seen[at] && longMode(e.Mode) != "160000":
				seen[at] = true
				entries = append(entries, Entry{at, e.ID.String(), longMode(e.Mode)})
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	err := f.inFolders(commit, folders, func(r *native.Repository, folder string, id native.ID) error {
		return walk(r, folder, id, 0)
	})
	return entries, err
}

func (f files) names(_ context.Context, commit string, folders ...string) ([]Name, error) {
	var names []Name
	err := f.inFolders(commit, folders, func(r *native.Repository, folder string, id native.ID) error {
		list, err := r.ReadTree(id)
		for _, e := range list {
			names = append(names, Name{joined(folder, e.Name), e.IsTree()})
		}
		return err
	})
	return names, err
}

func (f files) folders(_ context.Context, commit, in string) ([]Folder, error) {
	var found []Folder
	err := f.inFolders(commit, []string{in}, func(r *native.Repository, _ string, id native.ID) error {
		list, err := r.ReadTree(id)
		for _, e := range list {
			if e.IsTree() {
				found = append(found, Folder{e.Name, e.ID.String()})
			}
		}
		return err
	})
	return found, err
}

func (f files) foldersNamed(_ context.Context, commit, name string) ([]string, error) {
	r, err := f.openAs(true)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	tree, err := treeIn(r, commit)
	if err != nil {
		return nil, err
	}
	var found []string
	var walk func(prefix string, id native.ID, depth int) error
	walk = func(prefix string, id native.ID, depth int) error {
		if depth > maxIndexDepth {
			return fmt.Errorf("%s is nested too deep", prefix)
		}
		list, err := r.ReadTree(id)
		for _, e := range list {
			if !e.IsTree() {
				continue
			}
			at := joined(prefix, e.Name)
			if e.Name == name {
				found = append(found, at)
			}
			if err := walk(at, e.ID, depth+1); err != nil {
				return err
			}
		}
		return err
	}
	return found, walk("", tree, 0)
}

func (f files) addedNames(_ context.Context, pairs []TreePair) ([]string, error) {
	if len(pairs) == 0 {
		return nil, nil
	}
	r, err := f.open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var names []string
	for _, p := range pairs {
		from, err := treeIn(r, p.From)
		if err != nil {
			return nil, err
		}
		to, err := treeIn(r, p.To)
		if err != nil {
			return nil, err
		}
		old, err := r.ReadTree(from)
		if err != nil {
			return nil, err
		}
		list, err := r.ReadTree(to)
		if err != nil {
			return nil, err
		}
		known := map[string]bool{}
		for _, e := range old {
			known[e.Name+kindSuffix(e)] = true
		}
		for _, e := range list {
			if !known[e.Name+kindSuffix(e)] {
				names = append(names, e.Name)
			}
		}
	}
	return names, nil
}

// kindSuffix tells a folder from a file: Git takes one in place of the other for one that is removed and one that is
// added.
func kindSuffix(e native.Entry) string {
	if e.IsTree() {
		return "/"
	}
	return ""
}

func (f files) differences(_ context.Context, from, to string) ([]Edit, error) {
	r, err := f.open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	end, err := treeIn(r, to)
	if err != nil {
		return nil, err
	}
	var start native.ID
	if from == "" {
		c, err := r.Resolve(to + "^{commit}")
		if err != nil {
			return nil, err
		}
		commit, err := r.Commit(c)
		if err != nil {
			return nil, err
		}
		if len(commit.Parents) > 1 { // Git compares a merge with none of its parents
			return nil, nil
		}
		if len(commit.Parents) == 1 {
			from = commit.Parents[0].String()
		}
	}
	if from != "" {
		if start, err = treeIn(r, from); err != nil {
			return nil, err
		}
	}
	var edits []Edit
	err = r.Diff(start, end, nil, func(c native.Change) error {
		e := Edit{Path: c.Path}
		if c.To.Mode != "" {
			e.Mode, e.ID = longMode(c.To.Mode), c.To.ID.String()
		}
		edits = append(edits, e)
		return nil
	})
	return edits, err
}

// blobOf returns all of a blob of at most limit bytes.
func blobOf(r *native.Repository, object string, limit int64) ([]byte, error) {
	var b bytes.Buffer
	err := copyBlob(r, object, limit, &b)
	return b.Bytes(), err
}
