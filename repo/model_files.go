package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/lock"
)

// The files of the registry are not ignored by Git, so 'git clean -fd' and 'git stash -u' take those that no commit
// has. Each is therefore also in the common Git folder, from when it is written until a commit has it. Readers see a
// file that only this folder has. Writers and commits put it back first.

// maxModelFiles is how many entries of a folder of the registry are read.
const maxModelFiles = 100_000

// keptModels returns the folder with the files of the registry that were written in this worktree and that no commit
// was seen to have. It is empty outside Git.
func (r *Repository) keptModels() string {
	at, err := r.TreePath()
	if err != nil || !r.InGit {
		return ""
	}
	id := worktreeIn(r.Git.Git)
	if id == "" {
		return ""
	}
	return filepath.Join(r.Git.Common, "runs", "models-"+storeKey(at)+"-"+id)
}

// orphanedModels returns such folders of worktrees that do not exist any more.
func (r *Repository) orphanedModels() (folders []string) {
	at, err := r.TreePath()
	if err != nil || !r.InGit {
		return nil
	}
	prefix := "models-" + storeKey(at) + "-"
	names, err := readNames(filepath.Join(r.Git.Common, "runs"))
	if err != nil {
		return nil
	}
	var live map[string]bool
	for _, name := range names {
		id, ok := strings.CutPrefix(name, prefix)
		if !ok || !isWorktreeID(id) {
			continue
		}
		if live == nil {
			live = map[string]bool{worktreeIn(r.Git.Git): true, worktreeIn(r.Git.Common): true}
			linked, err := readNames(filepath.Join(r.Git.Common, "worktrees"))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			for _, worktree := range linked {
				live[worktreeIn(filepath.Join(r.Git.Common, "worktrees", worktree))] = true
			}
		}
		if !live[id] {
			folders = append(folders, filepath.Join(r.Git.Common, "runs", name))
		}
	}
	return folders
}

// LockModels waits until no other process of this clone writes the registry.
func (r *Repository) LockModels(ctx context.Context) (unlock func(), err error) {
	dir := filepath.Join(r.Dir, "cache")
	if r.InGit {
		dir = filepath.Join(r.Git.Common, "runs")
	}
	if unlock, err = lock.Wait(ctx, filepath.Join(dir, "models-lock")); err != nil {
		err = fmt.Errorf("locking the registry of models: %w", err)
	}
	return unlock, err
}

// ModelReader reads files of the registry. It asks once which of them the working tree has lost, as that takes a look
// at the history, so it serves one task and not the life of a process.
type ModelReader struct {
	repo *Repository
	mu   sync.Mutex
	lost map[string][]byte // nil until it is needed
}

// ModelReader returns a reader of the registry of the working tree.
func (r *Repository) ModelReader() *ModelReader { return &ModelReader{repo: r} }

// Forget makes the reader ask again what is lost, after files were written, removed or committed.
func (m *ModelReader) Forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lost = nil
}

func (m *ModelReader) lostFiles(ctx context.Context) (map[string][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lost == nil {
		lost, err := m.repo.lostModels(ctx, false)
		if err != nil {
			return nil, err
		}
		m.lost = lost
	}
	return m.lost, nil
}

// List lists the entries of a folder in models/, sorted. dir is its path in .runs. A folder that does not exist has
// none. Entries whose names begin with a dot, such as of a killed writer, are left out.
func (m *ModelReader) List(ctx context.Context, dir string) ([]string, error) {
	var names []string
	r := m.repo
	at := filepath.Join(r.Dir, filepath.FromSlash(dir))
	if err := realFolders(r.Dir, at); err != nil {
		return nil, err
	}
	add := func(at string) error {
		entries, err := os.ReadDir(at)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), ".") {
				names = append(names, e.Name())
			}
		}
		return nil
	}
	if err := add(at); err != nil {
		return nil, err
	}
	lost, err := m.lostFiles(ctx)
	if err != nil {
		return nil, err
	}
	for name := range lost {
		if below, ok := strings.CutPrefix(name, dir+"/"); ok {
			first, _, _ := strings.Cut(below, "/")
			names = append(names, first)
		}
	}
	names = append(names, r.left.entriesIn(dir)...)
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) > maxModelFiles {
		return nil, fmt.Errorf("reading %s: the folder has %d entries, more than %d", dir, len(names), maxModelFiles)
	}
	return names, nil
}

// Read reads a file of the registry. name is its path in .runs.
func (m *ModelReader) Read(ctx context.Context, name string) ([]byte, error) {
	r := m.repo
	if err := realFolders(r.Dir, filepath.Join(r.Dir, filepath.FromSlash(path.Dir(name)))); err != nil {
		return nil, err
	}
	data, err := r.readFile(name, format.MaxModelBytes)
	if !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	lost, lostErr := m.lostFiles(ctx)
	if kept, ok := lost[name]; ok {
		return kept, nil
	}
	return nil, errors.Join(err, lostErr)
}

// PlaceModelFile writes a file of the registry, whole or not at all. The caller holds LockModels.
func (r *Repository) PlaceModelFile(name string, data []byte) error {
	fail := func(err error) error { return fmt.Errorf("writing %s: %w", name, err) }
	if err := format.CheckPath(name); err != nil {
		return fail(err)
	}
	if r.InGit {
		if _, err := r.worktree(); err != nil {
			return fail(err)
		}
	}
	// First, so that a kill leaves the file where readers find it.
	kept, below := r.keptModels(), strings.TrimPrefix(name, format.ModelsName+"/")
	if kept != "" {
		if err := r.placeModelFile(kept, below, data); err != nil {
			return fail(err)
		}
	}
	if err := r.placeModelFile(r.Dir, name, data); err != nil {
		if kept != "" { // what failed must not take effect
			_ = os.Remove(filepath.Join(kept, filepath.FromSlash(below)))
		}
		return fail(err)
	}
	return nil
}

func (r *Repository) placeModelFile(root, name string, data []byte) error {
	file := filepath.Join(root, filepath.FromSlash(name))
	dir := filepath.Dir(file)
	if err := realFolders(root, dir); err != nil {
		return err
	}
	if err := r.makeShared(dir); err != nil {
		return err
	}
	tmp := filepath.Join(dir, newPrefix+format.RandomLetters(8))
	if err := writeFile(tmp, data); err != nil {
		return err
	}
	if err := os.Rename(tmp, file); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return syncDir(dir)
}

// realFolders refuses a folder below root if it, or one above it, is something else, such as a link.
func realFolders(root, dir string) error {
	for ; len(dir) > len(root); dir = filepath.Dir(dir) {
		if err := realDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// RemoveModelFile removes a file of the registry, and folders of the model that are empty then. The caller holds
// LockModels.
func (r *Repository) RemoveModelFile(name string) error {
	places := map[string]string{r.Dir: name}
	if kept := r.keptModels(); kept != "" {
		places[kept] = strings.TrimPrefix(name, format.ModelsName+"/")
	}
	for root, name := range places {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := realFolders(root, filepath.Dir(file)); err != nil {
			return fmt.Errorf("removing %s: %w", name, err)
		}
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing %s: %w", name, err)
		}
		removeEmpty(filepath.Dir(file), root)
	}
	return nil
}

// lostModels returns the files of the registry that were written in this worktree, or registered in one that was
// removed, that the working tree does not have, and that no commit has, by their paths in .runs. If stashed is set,
// those that are stashed are not lost.
func (r *Repository) lostModels(ctx context.Context, stashed bool) (map[string][]byte, error) {
	if r.commit != "" {
		return nil, nil
	}
	look := &committedModels{repo: r, stashed: stashed}
	defer look.close()
	lost := map[string][]byte{}
	var order []string
	add := func(name, file string) error {
		if lacks, err := r.lacksModelFile(name); err != nil || !lacks {
			return err
		}
		data, err := readBounded(file, format.MaxModelBytes)
		if errors.Is(err, fs.ErrNotExist) { // another process has forgotten it
			return nil
		}
		if err != nil {
			return err
		}
		if _, again := lost[name]; !again {
			order = append(order, name)
		}
		lost[name] = data
		return nil
	}
	for _, folder := range r.orphanedModels() {
		err := eachKept(folder, func(name, file string) error {
			if format.IsModelPointer(name) { // whoever removed the worktree may have dropped the promotion with it
				return nil
			}
			return add(name, file)
		})
		if err != nil {
			return nil, fmt.Errorf("reading the registry: %w", err)
		}
	}
	if kept := r.keptModels(); kept != "" {
		if err := eachKept(kept, add); err != nil {
			return nil, fmt.Errorf("reading the registry: %w", err)
		}
	}
	committed, err := look.have(ctx, order, lost)
	if err != nil {
		return nil, fmt.Errorf("reading the registry: %w", err)
	}
	for name := range committed {
		delete(lost, name)
	}
	return lost, nil
}

// eachKept calls visit with the files in the folder of kept files, by their paths in .runs.
func eachKept(kept string, visit func(name, file string) error) error {
	return filepath.WalkDir(kept, func(file string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case !entry.Type().IsRegular() || strings.HasPrefix(entry.Name(), "."):
			return nil
		}
		return visit(path.Join(format.ModelsName, filepath.ToSlash(Relative(kept, file))), file)
	})
}

// lacksModelFile reports whether the working tree has no file at a path in .runs.
func (r *Repository) lacksModelFile(name string) (bool, error) {
	_, err := os.Lstat(filepath.Join(r.Dir, filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	return false, err
}

// committedModels looks for files of the registry in commits.
type committedModels struct {
	repo  *Repository
	at    string // .runs in the tree
	tip   string
	trees *git.Trees // nil until it is needed

	stashed bool // what is stashed counts too
}

func (c *committedModels) close() {
	if c.trees != nil {
		c.trees.Close()
	}
}

// inHead reports whether the commit that is checked out has a file of this name.
func (c *committedModels) inHead(ctx context.Context, name string) (bool, error) {
	if c.trees == nil {
		at, err := c.repo.TreePath()
		if err != nil {
			return false, err
		}
		tip, err := git.ReadTip(ctx, c.repo.Git)
		if err != nil {
			return false, err
		}
		if c.trees, err = git.OpenTrees(ctx, c.repo.Git); err != nil {
			return false, err
		}
		c.at, c.tip = at, tip.Commit
	}
	if c.tip == "" {
		return false, nil
	}
	_, ok, err := c.trees.Find(c.tip, path.Join(c.at, name))
	return ok, err
}

// have returns those of the files that the working tree lacks on purpose: the commit that is checked out has a file of
// this name, or a commit of a ref or of a reflog has this very file. A commit that was taken back counts, as whoever
// does that wants its files gone.
func (c *committedModels) have(ctx context.Context, names []string, data map[string][]byte) (map[string]bool, error) {
	committed := map[string]bool{}
	var ask []git.FileVersion
	for _, name := range names {
		in, err := c.inHead(ctx, name)
		if err != nil {
			return nil, err
		}
		if in {
			committed[name] = true
			continue
		}
		if c.tip == "" {
			continue
		}
		blob, err := git.BlobID(c.tip, int64(len(data[name])), bytes.NewReader(data[name]))
		if err != nil {
			return nil, err
		}
		ask = append(ask, git.FileVersion{Path: path.Join(c.at, name), Blob: blob})
	}
	had, err := git.HadFiles(ctx, c.repo.Git, ask, c.stashed)
	if errors.Is(err, git.ErrNoGit) {
		return committed, nil // they are shown although they may be on another branch
	}
	for f := range had {
		committed[strings.TrimPrefix(f.Path, c.at+"/")] = true
	}
	return committed, err
}

// RestoreModels puts the files of the registry back that the working tree lost and that no commit has, and forgets
// those that a commit has. It returns the paths in .runs of those that it has put back. The caller holds LockModels.
func (r *Repository) RestoreModels(ctx context.Context) (restored []string, err error) {
	lost, err := r.lostModels(ctx, true) // 'git stash pop' would refuse to put back what is there
	if err != nil {
		return nil, err
	}
	for name, data := range lost {
		if err := r.PlaceModelFile(name, data); err != nil {
			return restored, fmt.Errorf("restoring: %w", err)
		}
		restored = append(restored, name)
	}
	slices.Sort(restored)
	for _, folder := range r.orphanedModels() { // what was not put back is a promotion, or committed
		if err := os.RemoveAll(folder); err != nil {
			return restored, err
		}
	}
	if kept := r.keptModels(); kept != "" {
		err = r.tidyModels(ctx, kept)
	}
	return restored, err
}

// TidyModels forgets the files of the registry that the commit which is checked out has. Otherwise they would come back
// if that commit is taken back.
func (r *Repository) TidyModels(ctx context.Context) error {
	if kept := r.keptModels(); kept != "" && isDir(kept) {
		return r.tidyModels(ctx, kept)
	}
	return nil
}

// tidyModels removes kept files that the commit which is checked out has a file for, and those that the working tree
// lacks because another branch has them.
func (r *Repository) tidyModels(ctx context.Context, kept string) error {
	look := &committedModels{repo: r}
	defer look.close()
	var forget, names []string
	data, files := map[string][]byte{}, map[string]string{}
	err := eachKept(kept, func(name, file string) error {
		committed, err := look.inHead(ctx, name)
		if err != nil || committed {
			if committed {
				forget = append(forget, file)
			}
			return err
		}
		if lacks, err := r.lacksModelFile(name); err != nil || !lacks {
			return err
		}
		text, err := readBounded(file, format.MaxModelBytes)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		names, data[name], files[name] = append(names, name), text, file
		return err
	})
	if err == nil {
		var committed map[string]bool
		committed, err = look.have(ctx, names, data) // on another branch, or taken back
		for name := range committed {
			forget = append(forget, files[name])
		}
	}
	if err != nil {
		return fmt.Errorf("reading the registry: %w", err)
	}
	for _, file := range forget {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		removeEmpty(filepath.Dir(file), filepath.Dir(kept))
	}
	return nil
}
