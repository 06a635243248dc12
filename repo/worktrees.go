package repo

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gitruns/runs/format"
)

// Worktree is a working tree of the clone in which runs were recorded.
type Worktree struct {
	ID   string // random letters that no other worktree of the clone has, even one of the same name
	Root string // its folder, or the last that is known of a worktree that was removed
	Gone bool   // it was removed, or its folder was
}

// Name returns the name of the worktree's folder, or "" if it is not known.
func (w Worktree) Name() string {
	if w.Root == "" {
		return ""
	}
	return filepath.Base(w.Root)
}

const (
	worktreeName = "worktree" // the file in <git dir>/runs with the id of the worktree
	fromName     = "from"     // the folder of the common store that lists the runs of each worktree
	rootName     = ".root"    // the file in from/<id> with the folder of the worktree
)

// maxPathBytes is the maximum length of a path that is read from a file, in bytes.
const maxPathBytes = 16 << 10

// readLine reads a file of one short line. It returns "" if it cannot be read.
func readLine(name string) string {
	data, err := readBounded(name, maxPathBytes)
	if err != nil {
		return ""
	}
	return strings.TrimRight(string(data), "\r\n")
}

// worktreeIn returns the id of the worktree with this Git folder, or "" if it has none yet.
func worktreeIn(gitDir string) string {
	id := readLine(filepath.Join(gitDir, "runs", worktreeName))
	if !isWorktreeID(id) {
		return ""
	}
	return id
}

// isWorktreeID reports whether a text may be the id of a worktree. The id is the name of a folder too.
func isWorktreeID(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "0123456789abcdefghijklmnopqrstuvwxyz") == ""
}

// worktree returns the id of this worktree. It creates it if there is none yet.
func (r *Repository) worktree() (string, error) {
	if r.gone != nil {
		return r.gone.ID, nil
	}
	if id := worktreeIn(r.Git.Git); id != "" {
		return id, nil
	}
	place := filepath.Join(r.Git.Git, "runs", worktreeName)
	if err := r.makeShared(filepath.Dir(place)); err != nil {
		return "", err
	}
	if _, err := writeNew(place, []byte(format.RandomLetters(16)+"\n")); err != nil {
		return "", err
	}
	if id := worktreeIn(r.Git.Git); id != "" {
		return id, nil
	}
	return "", errors.New(place + " does not hold the id of a worktree")
}

// Worktrees returns the worktrees in which runs of this project were recorded, by id. Of those that were removed, it
// returns those that the common store still has runs of.
func (r *Repository) Worktrees() map[string]Worktree {
	all := map[string]Worktree{}
	dir := r.commonDir()
	if dir == "" {
		return all
	}
	for _, at := range subfolders(filepath.Join(dir, fromName), 1, isWorktreeID) {
		id := filepath.Base(at)
		all[id] = Worktree{ID: id, Root: readLine(filepath.Join(at, rootName)), Gone: true}
	}
	if id := worktreeIn(r.Git.Common); id != "" {
		w := Worktree{ID: id, Root: all[id].Root}
		if filepath.Base(r.Git.Common) == ".git" {
			w.Root = filepath.Dir(r.Git.Common)
		}
		w.Gone = !isDir(w.Root)
		all[id] = w
	}
	for _, at := range subfolders(filepath.Join(r.Git.Common, "worktrees"), 1, nil) {
		id := worktreeIn(at)
		link := readLine(filepath.Join(at, "gitdir"))
		if id == "" || link == "" {
			continue
		}
		if !filepath.IsAbs(link) {
			link = filepath.Join(at, link)
		}
		all[id] = Worktree{ID: id, Root: filepath.Dir(link), Gone: !exists(link)}
	}
	return all
}

// others returns the .runs folders that this project has in the other worktrees that exist, by worktree.
func (r *Repository) others() map[string]string {
	folders := map[string]string{}
	at, err := r.TreePath()
	if err != nil {
		return folders
	}
	for id, w := range r.Worktrees() {
		dir := filepath.Join(w.Root, filepath.FromSlash(at))
		if w.Gone || dir == r.Dir || !isDir(dir) || sameFile(dir, r.Dir) {
			continue
		}
		folders[id] = dir
	}
	return folders
}

// Worktree returns the other worktree in which a run was recorded. It is nil for a run of this worktree, and for one
// that the common store does not hold.
func (e *Entry) Worktree() *Worktree {
	if e.Active != nil {
		return e.Active.other
	}
	if !e.Common {
		return nil
	}
	return e.repo.WorktreeOf(e.ID)
}

// HasElsewhere reports whether the common store may have runs of other worktrees.
func (r *Repository) HasElsewhere() bool {
	dir := r.commonDir()
	if dir == "" {
		return false
	}
	own := worktreeIn(r.Git.Git)
	for _, at := range subfolders(filepath.Join(dir, fromName), 1, isWorktreeID) {
		if filepath.Base(at) != own {
			if names, err := readNames(at); err == nil && slices.ContainsFunc(names, isRunID) {
				return true
			}
		}
	}
	return false
}

func isRunID(name string) bool { return format.CheckID(name) == nil }

// IsElsewhere reports whether only the common store holds a finished run, and another worktree has recorded it. id must
// be valid.
func (r *Repository) IsElsewhere(id string) bool {
	dir := r.commonDir()
	return dir != "" && !exists(filepath.Join(r.RunDir(id), RecordName)) && !r.RecordedHere(id) &&
		exists(filepath.Join(Home{dir, true}.RunDir(id), RecordName))
}

// WorktreeOf is like Entry.Worktree, for the id of a finished run.
func (r *Repository) WorktreeOf(id string) *Worktree {
	if format.CheckID(id) != nil || !r.IsElsewhere(id) {
		return nil
	}
	for worktree, w := range r.trees.of(r) {
		if exists(filepath.Join(r.commonDir(), fromName, worktree, id)) {
			return &w
		}
	}
	return &Worktree{Gone: true}
}

// String names the worktree for people: by its folder, and whether that is gone.
func (w Worktree) String() string {
	switch name := w.Name(); {
	case !w.Gone:
		return name
	case name == "":
		return "gone"
	default:
		return name + " (gone)"
	}
}

// worktreeCache remembers the worktrees for a moment, so that a list of many runs looks for them once.
type worktreeCache struct {
	mu  sync.Mutex
	at  time.Time
	all map[string]Worktree
}

func (c *worktreeCache) of(r *Repository) map[string]Worktree {
	if c == nil {
		return r.Worktrees()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.at) > time.Second/2 {
		c.all, c.at = r.Worktrees(), time.Now()
	}
	return c.all
}

// RunsElsewhere is how many successful runs in the common store were recorded in another worktree.
type RunsElsewhere struct {
	Worktree
	Runs int
}

// Elsewhere counts the runs of other worktrees in the common store: those that no folder of this working tree holds,
// and that were not removed here. Like a commit, it leaves out unsuccessful runs. Worktrees that were removed come
// last.
func (r *Repository) Elsewhere() ([]RunsElsewhere, error) {
	dir := r.commonDir()
	if dir == "" {
		return nil, nil
	}
	own := worktreeIn(r.Git.Git)
	removed, err := r.RemovedIDs()
	if err != nil {
		return nil, err
	}
	var all []RunsElsewhere
	for id, w := range r.Worktrees() {
		if id == own {
			continue
		}
		ids, err := runsFrom(dir, id)
		if err != nil {
			return nil, err
		}
		n := 0
		for _, id := range ids {
			if removed[id] || exists(filepath.Join(r.RunDir(id), RecordName)) {
				continue
			}
			if e, err := r.ReadFinished(id); err == nil && e.Status != format.Finished {
				continue // a commit reports a record that cannot be read
			}
			n++
		}
		if n > 0 {
			all = append(all, RunsElsewhere{w, n})
		}
	}
	sortElsewhere(all)
	return all, nil
}

// runsFrom lists the runs of the common store that a worktree has recorded.
func runsFrom(store, worktree string) ([]string, error) {
	if worktree == "" {
		return nil, nil
	}
	names, err := readNames(filepath.Join(store, fromName, worktree))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var ids []string
	for _, name := range names {
		if format.CheckID(name) == nil && exists(filepath.Join(Home{store, true}.RunDir(name), RecordName)) {
			ids = append(ids, name)
		}
	}
	return ids, err
}

// makeShared makes a folder in the Git folder, and the folders above it. They get the permissions of Git's own
// folders, so that the members of a group that share a repository can write into them.
func (r *Repository) makeShared(dir string) error {
	if isDir(dir) {
		return nil
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := r.makeShared(parent); err != nil {
			return err
		}
	}
	err := os.Mkdir(dir, 0o777)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return r.shareFolder(dir)
}

// shareFolder gives a folder the permissions of Git's folder of objects if a group may write into that.
func (r *Repository) shareFolder(dir string) error {
	info, err := os.Stat(filepath.Join(r.Git.Common, "objects"))
	if err != nil || info.Mode().Perm()&0o020 == 0 {
		return nil
	}
	return os.Chmod(dir, info.Mode()&(fs.ModePerm|fs.ModeSetgid))
}
