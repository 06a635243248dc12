package native

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"syscall"

	"github.com/gitruns/runs/repo/git/ignore"
)

// Status is how a working tree differs from an index. Paths are relative to the root, with slashes.
type Status struct {
	Modified  []string // tracked, and different on disk or unmerged; of some only the times may differ
	Deleted   []string // tracked and not on disk
	Untracked []string // files and links that are not ignored
	Nested    []string // untracked repositories
}

// Look says how to look at a working tree.
type Look struct {
	Index *Index
	Skip  string // the name of the folders and files that are left out of the untracked ones
	// Head returns the commit that is checked out in the repository at a path, as in a submodule. ok is false if there
	// is no repository, or no commit.
	Head func(path string) (id ID, ok bool)
}

// Status compares the files on disk with an index.
func (r *Repository) Status(l Look) (*Status, error) {
	w := &watcher{repository: r, look: l, folders: map[string]bool{"": true}}
	var err error
	if w.fileMode, err = r.setting("core.filemode", true); err != nil {
		return nil, err
	}
	if err := r.CheckWorktree(); err != nil {
		return nil, err
	}
	if w.sparse, _, err = r.config.Bool("core.sparsecheckout"); err != nil {
		return nil, err
	}
	if err := w.tracked(); err != nil {
		return nil, err
	}
	return &w.found, w.untracked()
}

// CheckWorktree returns an *Unsupported if the file system of the working tree is one that only git handles.
func (r *Repository) CheckWorktree() error {
	for _, key := range []string{"core.ignorecase", "core.precomposeunicode"} {
		if on, _, err := r.config.Bool(key); err != nil || on {
			return errors.Join(err, &Unsupported{What: key + " is set"})
		}
	}
	if links, err := r.setting("core.symlinks", true); err != nil || !links {
		return errors.Join(err, &Unsupported{What: "core.symlinks is off"})
	}
	return nil
}

func (r *Repository) setting(key string, otherwise bool) (bool, error) {
	value, set, err := r.config.Bool(key)
	if !set {
		return otherwise, err
	}
	return value, err
}

type watcher struct {
	repository       *Repository
	look             Look
	fileMode, sparse bool
	folders          map[string]bool // whether a folder of tracked files is a folder on disk, and not a link
	found            Status
}

func (w *watcher) at(path string) string {
	return filepath.Join(w.repository.Root, filepath.FromSlash(path))
}

// tracked looks at each entry of the index.
func (w *watcher) tracked() error {
	entries := w.look.Index.Entries
	for i := range entries {
		e := &entries[i]
		if i > 0 && entries[i-1].Path == e.Path { // another stage of a conflict
			continue
		}
		state, err := w.compare(e)
		if err != nil {
			return err
		}
		switch {
		case state == onDisk && e.Stage > 0 || state == changed:
			w.found.Modified = append(w.found.Modified, e.Path)
		case state == gone:
			w.found.Deleted = append(w.found.Deleted, e.Path)
		}
	}
	return nil
}

// The states of a tracked file.
const (
	onDisk = iota // as the index has it
	changed
	gone
)

func (w *watcher) compare(e *IndexEntry) (state int, err error) {
	isFolder, err := w.folder(e.Path)
	if err != nil {
		return 0, err
	}
	var s fileStat
	if isFolder {
		s, err = lstat(w.at(e.Path))
	}
	switch {
	case !isFolder || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
		if e.SkipWorktree && w.sparse {
			return onDisk, nil
		}
		return gone, nil
	case err != nil:
		return 0, fmt.Errorf("looking at the working tree: %w", err)
	}
	link := e.Mode == 0o160000
	if s.kind == fs.ModeDir {
		id, repository := w.look.Head(e.Path)
		switch {
		case link && (!repository || id == e.ID):
			return onDisk, nil
		case link || repository:
			return changed, nil
		}
		return gone, nil
	}
	symbolic := e.Mode == 0o120000
	if link || symbolic != (s.kind == fs.ModeSymlink) || s.kind == fs.ModeIrregular {
		return changed, nil
	}
	if w.fileMode && !symbolic && (e.Mode&0o100 != 0) != s.exec {
		return changed, nil
	}
	if e.Stage > 0 || e.IntentToAdd || !e.Stat.same(s.Stat) || w.racy(e) {
		return changed, nil
	}
	return onDisk, nil
}

// racy reports whether a file may have been changed after the index was written, without a difference in its times.
func (w *watcher) racy(e *IndexEntry) bool {
	info := w.look.Index.Info
	if info == nil {
		return true
	}
	seconds, nanoseconds := info.ModTime().Unix(), uint32(info.ModTime().Nanosecond())
	if uint32(seconds) != e.Stat.MTime {
		return uint32(seconds) < e.Stat.MTime
	}
	return e.Stat.MTimeNS == 0 || nanoseconds <= e.Stat.MTimeNS
}

// folder reports whether all folders above a path are folders, and not links.
func (w *watcher) folder(path string) (bool, error) {
	end := strings.LastIndexByte(path, '/')
	if end < 0 {
		return true, nil
	}
	path = path[:end]
	is, known := w.folders[path]
	if known {
		return is, nil
	}
	is, err := w.folder(path)
	if err == nil && is {
		s, statErr := lstat(w.at(path))
		is = statErr == nil && s.kind == fs.ModeDir
		if statErr != nil && !errors.Is(statErr, fs.ErrNotExist) && !errors.Is(statErr, syscall.ENOTDIR) {
			err = fmt.Errorf("looking at the working tree: %w", statErr)
		}
	}
	w.folders[path] = is
	return is, err
}

// untracked lists the files that the index does not have and that are not ignored.
func (w *watcher) untracked() error {
	matcher, err := w.repository.ignoreMatcher(w.look.Skip)
	if err != nil {
		return err
	}
	return w.walk("", matcher.Root())
}

// ignoreMatcher returns the ignore rules of the working tree, after those of patterns.
func (r *Repository) ignoreMatcher(patterns ...string) (*ignore.Matcher, error) {
	options := ignore.Options{Read: ignore.Reader(r.Root), Patterns: patterns}
	excludes, err := r.userFile("core.excludesfile", "ignore")
	if err != nil {
		return nil, err
	}
	for _, file := range []string{excludes, filepath.Join(r.Common, "info", "exclude")} {
		if file == "" {
			continue
		}
		rules, err := ignore.ReadFile(file)
		if err != nil {
			return nil, err
		}
		options.Global = append(options.Global, rules)
	}
	return ignore.New(options)
}

// IgnoreRule returns the ignore rule that decides about a file, whether it exists or not.
func (r *Repository) IgnoreRule(path string) (ignore.Result, error) {
	if err := r.CheckWorktree(); err != nil {
		return ignore.Result{}, err
	}
	matcher, err := r.ignoreMatcher()
	if err != nil {
		return ignore.Result{}, err
	}
	return matcher.Match(path, false)
}

// search returns the place of the first entry that is not less than a path.
func (w *watcher) search(path string) int {
	entries := w.look.Index.Entries
	return sort.Search(len(entries), func(i int) bool { return entries[i].Path >= path })
}

func (w *watcher) entry(path string) *IndexEntry {
	if i := w.search(path); i < len(w.look.Index.Entries) && w.look.Index.Entries[i].Path == path {
		return &w.look.Index.Entries[i]
	}
	return nil
}

func (w *watcher) hasBelow(path string) bool {
	i := w.search(path + "/")
	return i < len(w.look.Index.Entries) && strings.HasPrefix(w.look.Index.Entries[i].Path, path+"/")
}

func (w *watcher) walk(prefix string, folder *ignore.Folder) error {
	list, err := os.ReadDir(w.at(prefix))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) { // Git goes on, with a warning
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking at the working tree: %w", err)
	}
	for _, e := range list {
		name := e.Name()
		if name == ".git" || name == w.look.Skip {
			continue
		}
		path := prefix + name
		switch {
		case e.Type().IsRegular() || e.Type()&fs.ModeSymlink != 0:
			if w.entry(path) == nil && !folder.Ignored(name, false) {
				w.found.Untracked = append(w.found.Untracked, path)
			}
		case e.IsDir():
			if err := w.enter(path, name, folder); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *watcher) enter(path, name string, folder *ignore.Folder) error {
	if at := w.entry(path); at != nil && at.Mode == 0o160000 || folder.Ignored(name, true) {
		return nil
	}
	if !w.hasBelow(path) && isRepository(w.at(path)) {
		w.found.Nested = append(w.found.Nested, path)
		return nil
	}
	below, err := folder.Enter(name)
	if err != nil {
		return err
	}
	return w.walk(path+"/", below)
}

// isRepository reports whether a folder is the working tree of a repository of its own.
func isRepository(dir string) bool {
	dotgit := filepath.Join(dir, ".git")
	info, err := os.Stat(dotgit)
	switch {
	case err != nil:
		return false
	case info.IsDir():
		return IsGitFolder(dotgit)
	case !info.Mode().IsRegular():
		return false
	}
	data, err := readBounded(dotgit, maxRefBytes)
	if err != nil {
		return true // as Git, which cannot tell
	}
	target, ok := strings.CutPrefix(strings.TrimRight(string(data), "\r\n"), "gitdir: ")
	if !filepath.IsAbs(target) {
		target = filepath.Join(dir, target)
	}
	return ok && IsGitFolder(target)
}

// IsGitFolder reports whether a folder is the Git folder of a repository.
func IsGitFolder(dir string) bool {
	head, err := readBounded(filepath.Join(dir, "HEAD"), maxRefBytes)
	text := strings.TrimSpace(string(head))
	target, symbolic := strings.CutPrefix(text, "ref:")
	_, id := ParseID(text)
	if err != nil || !id && !(symbolic && strings.HasPrefix(strings.TrimSpace(target), "refs/")) {
		return false
	}
	common := dir
	if data, err := readBounded(filepath.Join(dir, "commondir"), maxRefBytes); err == nil {
		common = strings.TrimRight(string(data), "\r\n")
		if !filepath.IsAbs(common) {
			common = filepath.Join(dir, common)
		}
	}
	return !slices.ContainsFunc([]string{"objects", "refs"}, func(name string) bool {
		info, err := os.Stat(filepath.Join(common, name))
		return err != nil || !info.IsDir()
	})
}
