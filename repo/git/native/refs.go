package native

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/gitruns/runs/repo/regular"
)

// Ref is a ref and the object that it refers to.
type Ref struct {
	Name   string // like refs/heads/main
	ID     ID
	Target string // the ref that a symbolic one refers to
}

// maxSymbolic is how many symbolic refs may refer to one another, as in Git.
const maxSymbolic = 5

// maxRefBytes is the largest size of the file of a ref.
const maxRefBytes = 64 << 10

// ownRef reports whether each worktree has its own ref of this name.
func ownRef(name string) bool {
	return !strings.HasPrefix(name, "refs/") || strings.HasPrefix(name, "refs/bisect/") ||
		strings.HasPrefix(name, "refs/worktree/") || strings.HasPrefix(name, "refs/rewritten/")
}

func (r *Repository) refPath(name string) string {
	if ownRef(name) {
		return filepath.Join(r.Git, filepath.FromSlash(name))
	}
	return filepath.Join(r.Common, filepath.FromSlash(name))
}

// readLooseRef reads the file of a ref. ok is false if there is none.
func (r *Repository) readLooseRef(name string) (ref Ref, ok bool, err error) {
	file := r.refPath(name)
	data, err := readBounded(file, maxRefBytes)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ref, false, nil
	case err != nil:
		// A folder of refs has the name, or a file has that of a folder above it.
		if info, statErr := os.Stat(file); statErr != nil || info.IsDir() {
			return ref, false, nil
		}
		return ref, false, fmt.Errorf("reading %s: %w", name, err)
	}
	ref.Name = name
	text := strings.TrimRight(string(data), " \t\r\n")
	if target, symbolic := strings.CutPrefix(text, "ref:"); symbolic {
		ref.Target = strings.TrimLeft(target, " \t")
		if !validRefName(ref.Target) {
			return ref, false, &Damaged{file, fmt.Sprintf("%.100q is not the name of a ref", ref.Target)}
		}
		return ref, true, nil
	}
	// FETCH_HEAD and the like have more text after the id.
	head, rest := text, ""
	if len(text) > 40 {
		head, rest = text[:40], text[40:]
	}
	var valid bool
	if ref.ID, valid = ParseID(head); !valid || rest != "" && !strings.ContainsAny(rest[:1], " \t\n") {
		if text == "" {
			return ref, false, &Damaged{file, "it is empty"}
		}
		return ref, false, &Damaged{file, "it does not begin with an object id"}
	}
	return ref, true, nil
}

func readBounded(file string, limit int64) ([]byte, error) {
	f, err := regular.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s has %d bytes, the limit is %d", file, info.Size(), limit)
	}
	return regular.ReadFile(file)
}

// maxPackedRefs is the largest size of the list of packed refs.
const maxPackedRefs = 1 << 30

// packedRefs reads the list of packed refs.
func (r *Repository) packedRefs() (map[string]ID, error) {
	file := filepath.Join(r.Common, "packed-refs")
	data, err := readBounded(file, maxPackedRefs)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the packed refs: %w", err)
	}
	refs := map[string]ID{}
	for line := range strings.Lines(string(data)) {
		if line[0] == '#' || line[0] == '^' { // the second is what a tag refers to
			continue
		}
		text, whole := strings.CutSuffix(line, "\n")
		head, name, ok := strings.Cut(text, " ")
		id, valid := ParseID(head)
		if !whole || !ok || !valid || !validRefName(name) {
			return nil, &Damaged{file, fmt.Sprintf("%.100q is not a line of it", line)}
		}
		refs[name] = id
	}
	return refs, nil
}

// RawRef reads a ref without following it. ok is false if it does not exist.
func (r *Repository) RawRef(name string) (ref Ref, ok bool, err error) {
	if !validRefName(name) && !pseudoRef(name) {
		return ref, false, nil
	}
	// A process that packs refs first writes the list and then removes the file.
	for range 2 {
		if ref, ok, err = r.readLooseRef(name); ok || err != nil {
			return ref, ok, err
		}
		packed, err := r.packedRefs()
		if err != nil {
			return ref, false, err
		}
		if id, known := packed[name]; known {
			return Ref{Name: name, ID: id}, true, nil
		}
	}
	return ref, false, nil
}

// pseudoRef reports whether a name is that of a ref in the Git folder, such as HEAD or MERGE_HEAD.
func pseudoRef(name string) bool {
	return name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == ""
}

// ReadRef reads a ref and follows symbolic ones. ok is false if it does not exist. ref then has the name of the last
// one that was looked for: of HEAD before the first commit, that of the branch.
func (r *Repository) ReadRef(name string) (ref Ref, ok bool, err error) {
	for range maxSymbolic {
		ref, ok, err = r.RawRef(name)
		if err != nil {
			return ref, false, err
		}
		if !ok {
			return Ref{Name: name}, false, nil
		}
		if ref.Target == "" {
			return ref, true, nil
		}
		name = ref.Target
	}
	return ref, false, &Damaged{"ref " + name, "too many symbolic refs refer to one another"}
}

// Refs lists the refs whose names begin with one of the prefixes, sorted by name. Symbolic refs are followed. Refs that
// refer to nothing are left out.
func (r *Repository) Refs(prefixes ...string) ([]Ref, error) {
	names := map[string]bool{}
	wanted := func(name string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool {
			return strings.HasPrefix(name, p) && (strings.HasSuffix(p, "/") || name == p || name[len(p)] == '/')
		})
	}
	for _, prefix := range prefixes {
		dir := path.Dir(prefix + "x")
		if err := r.looseNames(dir, func(name string) {
			if wanted(name) {
				names[name] = true
			}
		}); err != nil {
			return nil, err
		}
	}
	packed, err := r.packedRefs()
	if err != nil {
		return nil, err
	}
	for name := range packed {
		if wanted(name) {
			names[name] = true
		}
	}
	var refs []Ref
	for _, name := range slices.Sorted(maps.Keys(names)) {
		raw, ok, err := r.readLooseRef(name)
		if err != nil {
			if bad := (*Damaged)(nil); errors.As(err, &bad) { // Git warns and goes on
				continue
			}
			return nil, err
		}
		switch {
		case !ok && !packed[name].IsZero():
			raw = Ref{Name: name, ID: packed[name]}
		case !ok:
			continue
		case raw.Target != "":
			to, ok, err := r.ReadRef(raw.Target)
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
			raw.ID = to.ID
		}
		refs = append(refs, raw)
	}
	return refs, nil
}

// looseNames calls found for each file in a folder of refs.
func (r *Repository) looseNames(dir string, found func(name string)) error {
	root := r.refPath(dir + "/x")
	root = filepath.Dir(root)
	err := filepath.WalkDir(root, func(file string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, file)
		if err != nil || e.IsDir() {
			return err
		}
		name := dir + "/" + filepath.ToSlash(rel)
		if !strings.HasSuffix(name, ".lock") && validRefName(name) {
			found(name)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("listing the refs: %w", err)
	}
	return nil
}

// validRefName reports whether `git check-ref-format` accepts a name.
func validRefName(name string) bool {
	if !strings.Contains(name, "/") || strings.HasSuffix(name, ".") || strings.Contains(name, "..") ||
		strings.Contains(name, "@{") {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	for i := range len(name) {
		if c := name[i]; c < ' ' || c == 0x7f || strings.IndexByte(" ~^:?*[\\", c) >= 0 {
			return false
		}
	}
	return true
}

// ValidBranch reports whether a name is valid for a branch.
func ValidBranch(name string) bool {
	return !strings.HasPrefix(name, "-") && validRefName("refs/heads/"+name)
}

// Tip returns the branch that is checked out and its commit. The branch is empty if HEAD is detached, and the commit is
// zero before the first one.
func (r *Repository) Tip() (branch string, commit ID, err error) {
	ref, ok, err := r.ReadRef("HEAD")
	if err != nil {
		return "", ID{}, err
	}
	raw, exists, err := r.RawRef("HEAD")
	switch {
	case err != nil:
		return "", ID{}, err
	case !exists:
		return "", ID{}, &Damaged{r.refPath("HEAD"), "it does not exist"}
	}
	if raw.Target != "" {
		branch = strings.TrimPrefix(ref.Name, "refs/heads/")
	}
	if !ok {
		return branch, ID{}, nil
	}
	if commit, err = r.Peel(ref.ID, Commit); err != nil {
		return "", ID{}, fmt.Errorf("reading HEAD: %w", err)
	}
	return branch, commit, nil
}

// replacements returns the objects that others are to be read in place of.
func (r *Repository) replacements() (map[ID]ID, error) {
	r.mu.Lock()
	known := r.replaced
	r.mu.Unlock()
	if known != nil {
		return known, nil
	}
	known = map[ID]ID{}
	if os.Getenv("GIT_NO_REPLACE_OBJECTS") == "" {
		const prefix = "refs/replace/"
		refs, err := r.Refs(prefix)
		if err != nil {
			return nil, err
		}
		for _, ref := range refs {
			if id, ok := ParseID(strings.TrimPrefix(ref.Name, prefix)); ok {
				known[id] = ref.ID
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.replaced = known
	return known, nil
}

// ValidRef reports whether a name is valid for a ref, such as refs/heads/main.
func ValidRef(name string) bool { return strings.HasPrefix(name, "refs/") && validRefName(name) }
