// Package native reads and writes a Git repository by its files, for machines that have no git program. It does for
// repo/git what the program does elsewhere. What it cannot do exactly as Git does, it refuses with an *Unsupported that
// names the reason.
//
// It knows nothing of runs. Of the project's packages it imports only repo/regular and those below repo/git. Start with
// Open. The files object.go and pack.go read objects, refs.go and revision.go find them, walk.go follows the history.
package native

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/gitruns/runs/repo/git/gitconfig"
	"github.com/gitruns/runs/repo/regular"
)

// ID is the id of an object.
type ID [20]byte

func (id ID) String() string { return hex.EncodeToString(id[:]) }

// IsZero reports whether the id is that of no object.
func (id ID) IsZero() bool { return id == ID{} }

// ParseID reads an id of 40 hexadecimal digits.
func ParseID(text string) (id ID, ok bool) {
	if len(text) != hex.EncodedLen(len(id)) {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(text))
	return id, err == nil
}

// ErrNoGit means that no git program is on the PATH, and that what was asked for needs it.
var ErrNoGit = errors.New("git is not installed")

// ErrNoObject means that the clone does not have an object.
var ErrNoObject = errors.New("is not in this clone")

// Unsupported means that a repository has a form, or that a request needs something, that only the git program handles.
type Unsupported struct {
	What     string
	Revision bool // a revision of a form that only Git understands, so that another name may do
}

func (e *Unsupported) Error() string { return fmt.Sprintf("%v: %s", ErrNoGit, e.What) }

func (e *Unsupported) Unwrap() error { return ErrNoGit }

// NotFound means that a repository does not have an object.
type NotFound struct{ Name string }

func (e *NotFound) Error() string { return fmt.Sprintf("object %s %v", e.Name, ErrNoObject) }

func (e *NotFound) Unwrap() error { return ErrNoObject }

// WrongKind means that an object is not of the kind that was asked for.
type WrongKind struct {
	ID       ID
	Is, Want Kind
}

func (e *WrongKind) Error() string {
	return fmt.Sprintf("object %s is a %s, not a %s", e.ID, e.Is, e.Want)
}

// Damaged means that a file of a repository is not what Git writes, or has another content than its name says.
type Damaged struct{ What, Why string }

func (e *Damaged) Error() string { return e.What + " is damaged: " + e.Why }

// TooLarge means that an object has more bytes than the caller allows.
type TooLarge struct {
	Name        string
	Size, Limit int64
}

func (e *TooLarge) Error() string {
	return fmt.Sprintf("object %s has %d bytes, the limit is %d", e.Name, e.Size, e.Limit)
}

// Place is where the files of a repository are. The paths are absolute.
type Place struct {
	Root   string // the working tree; empty if there is none
	Git    string // the Git folder of the worktree
	Common string // the Git folder that all worktrees share
	// Objects and Alternates replace and extend the object folder, as the variables of Git do. They may be empty.
	Objects    string
	Alternates []string
}

// Repository is an open repository. It is safe for concurrent use. The caller must close it.
type Repository struct {
	Place
	// Exact ignores replacement objects.
	Exact bool

	config  *gitconfig.Config
	folders []string // of objects; the first is where new ones are written

	mu       sync.Mutex
	packs    []*pack
	scanned  bool
	bases    map[baseKey]heldBase
	held     int64
	shallow  map[ID]bool
	replaced map[ID]ID // nil until it is first needed
}

// Open opens a repository. The error is an *Unsupported if it has a form that only the git program reads, or if it
// belongs to somebody whom the user does not trust.
func Open(at Place) (*Repository, error) {
	r := &Repository{Place: at, bases: map[baseKey]heldBase{}}
	var err error
	if r.config, err = gitconfig.Load(gitconfig.Sources{GitDir: at.Git, CommonDir: at.Common}); err != nil {
		return nil, err
	}
	if err := r.checkOwner(); err != nil {
		return nil, err
	}
	if err := r.checkFormat(); err != nil {
		return nil, err
	}
	if r.folders, err = r.objectFolders(); err != nil {
		return nil, err
	}
	if r.shallow, err = r.readShallow(); err != nil {
		return nil, err
	}
	return r, nil
}

// Close closes the packs.
func (r *Repository) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.packs {
		p.close()
	}
	r.packs, r.scanned, r.bases, r.held = nil, false, map[baseKey]heldBase{}, 0
}

// knownExtensions are the extensions of a repository that do not change what this package reads.
var knownExtensions = map[string]bool{
	"noop": true, "worktreeconfig": true, "partialclone": true, "preciousobjects": true, "relativeworktrees": true,
}

func (r *Repository) checkFormat() error {
	version, _, err := r.config.Int("core.repositoryformatversion")
	if err != nil {
		return err
	}
	if version < 0 || version > 1 {
		return &Unsupported{What: fmt.Sprintf("the repository has the format version %d", version)}
	}
	for _, e := range r.config.Entries() {
		name, ok := strings.CutPrefix(e.Key, "extensions.")
		value := strings.ToLower(e.Value)
		if !ok || e.Scope != gitconfig.Local {
			continue
		}
		switch {
		case knownExtensions[name]:
		case name == "objectformat":
			if value != "sha1" {
				return &Unsupported{What: "the repository has object ids of " + value}
			}
		case name == "refstorage":
			if value != "files" {
				return &Unsupported{What: "the repository keeps its refs in the format " + value}
			}
		case version == 1: // Git ignores unknown extensions of version 0
			return &Unsupported{What: "the repository uses the extension " + name}
		}
	}
	if info, err := os.Stat(filepath.Join(r.Common, "reftable")); err == nil && info.IsDir() {
		return &Unsupported{What: "the repository keeps its refs in the format reftable"}
	}
	if info, err := os.Stat(filepath.Join(r.Common, "info", "grafts")); err == nil && info.Size() > 0 {
		return &Unsupported{What: "the repository changes its history with info/grafts"}
	}
	return nil
}

// maxAlternates bounds how deep alternates refer to others, as in Git.
const maxAlternates = 5

func (r *Repository) objectFolders() ([]string, error) {
	own := r.Objects
	if own == "" {
		own = filepath.Join(r.Common, "objects")
	}
	var folders []string
	seen := map[string]bool{}
	var add func(dir string, depth int) error
	add = func(dir string, depth int) error {
		if seen[dir] || depth > maxAlternates {
			return nil
		}
		seen[dir] = true
		folders = append(folders, dir)
		data, err := regular.ReadFile(filepath.Join(dir, "info", "alternates"))
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the alternates of %s: %w", dir, err)
		}
		for line := range strings.Lines(string(data)) {
			line = strings.TrimSuffix(line, "\n")
			if line == "" || line[0] == '#' {
				continue
			}
			if line[0] == '"' {
				if line, err = unquote(line); err != nil {
					return &Damaged{"the list of alternates in " + dir, err.Error()}
				}
			}
			if !filepath.IsAbs(line) {
				line = filepath.Join(dir, line)
			}
			if err := add(filepath.Clean(line), depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	if err := add(own, 0); err != nil {
		return nil, err
	}
	for _, dir := range r.Alternates {
		if err := add(dir, 1); err != nil {
			return nil, err
		}
	}
	return folders, nil
}

// unquote reads a text in double quotes as Git writes it.
func unquote(text string) (string, error) {
	if len(text) < 2 || text[0] != '"' || text[len(text)-1] != '"' {
		return "", errors.New("a quoted path does not end")
	}
	body := text[1 : len(text)-1]
	var b strings.Builder
	for i := 0; i < len(body); i++ {
		if body[i] != '\\' {
			b.WriteByte(body[i])
			continue
		}
		if i++; i == len(body) {
			return "", errors.New("a quoted path ends in a backslash")
		}
		if at := strings.IndexByte(`abfnrtv\"`, body[i]); at >= 0 {
			b.WriteByte("\a\b\f\n\r\t\v\\\""[at])
			continue
		}
		if i+2 >= len(body) {
			return "", errors.New("a quoted path has an unknown escape")
		}
		n := 0
		for _, digit := range []byte(body[i : i+3]) {
			if digit < '0' || digit > '7' {
				return "", errors.New("a quoted path has an unknown escape")
			}
			n = n*8 + int(digit-'0')
		}
		if n > 0xff {
			return "", errors.New("a quoted path has an unknown escape")
		}
		b.WriteByte(byte(n))
		i += 2
	}
	return b.String(), nil
}

// readShallow returns the commits whose parents a shallow clone lacks.
func (r *Repository) readShallow() (map[ID]bool, error) {
	data, err := regular.ReadFile(filepath.Join(r.Common, "shallow"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the limits of a shallow clone: %w", err)
	}
	shallow := map[ID]bool{}
	for line := range strings.Lines(string(data)) {
		id, ok := ParseID(strings.TrimSpace(line))
		if !ok {
			return nil, &Damaged{filepath.Join(r.Common, "shallow"), fmt.Sprintf("%.60q is not an object id", line)}
		}
		shallow[id] = true
	}
	return shallow, nil
}

// Shallow returns the commits whose parents a shallow clone lacks.
func (r *Repository) Shallow() []ID { return slices.SortedFunc(maps.Keys(r.shallow), compareIDs) }

func compareIDs(a, b ID) int { return bytes.Compare(a[:], b[:]) }
