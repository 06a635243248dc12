package git

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/gitruns/runs/repo/git/gitconfig"
	"github.com/gitruns/runs/repo/git/native"
	"github.com/gitruns/runs/repo/regular"
)

// ownScratch is what a Scratch does without the git program.
type ownScratch struct {
	dirs       Dirs
	repository *native.Repository

	mu    sync.Mutex // a capture makes the tree and the patch at once
	index *native.Index
	stage *native.Stage
	runs  map[string]bool // folders that contain a .runs with tracked files
}

func (s *Scratch) openOwn() error {
	r, err := native.Open(native.Place{Root: s.dirs.Root, Git: s.dirs.Git, Common: s.dirs.Common, Objects: s.objects()})
	if err != nil {
		return fromNative(err)
	}
	s.own = &ownScratch{dirs: s.dirs, repository: r, runs: map[string]bool{}, index: &native.Index{}}
	if s.own.stage, err = r.NewStage(s.own.index); err != nil {
		r.Close()
	}
	return err
}

func (o *ownScratch) copyIndex() error {
	index, err := o.repository.ReadIndex(o.dirs.indexPath())
	if err != nil {
		return err
	}
	index.Entries = slices.DeleteFunc(index.Entries, func(e native.IndexEntry) bool {
		parent, ok := runsParent(e.Path)
		if ok {
			o.runs[parent] = true
		}
		return ok
	})
	o.index = index
	o.stage.Reset(index.Entries)
	return nil
}

// head returns the commit that is checked out in the repository at a path of the working tree.
func (o *ownScratch) head(path string) (id native.ID, ok bool) {
	inner, ok, err := Submodule(filepath.Join(o.dirs.Root, filepath.FromSlash(path)))
	if !ok || err != nil {
		return id, false
	}
	tip, err := files{inner}.readTip(context.Background())
	if err != nil {
		return id, false
	}
	return native.ParseID(tip.Commit)
}

func (o *ownScratch) readWorktree() (*Worktree, error) {
	status, err := o.repository.Status(native.Look{Index: o.index, Skip: runsFolder, Head: o.head})
	if err != nil {
		return nil, err
	}
	w := &Worktree{
		Folders: map[string]bool{"": true}, Modified: status.Modified, Deleted: status.Deleted, Untracked: status.Untracked,
		Nested: status.Nested, runs: o.runs,
	}
	for i := range o.index.Entries {
		e := &o.index.Entries[i]
		kind := ""
		if e.Mode == 0o160000 {
			kind = "160000 "
		}
		w.addTracked(e.Path, kind)
	}
	w.Submodules = slices.Compact(w.Submodules)
	return w, nil
}

func (o *ownScratch) add(ctx context.Context, paths []string) ([]Failure, error) {
	var failed []Failure
	for _, path := range paths {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var file *native.FileError
		err := o.stage.Add(path, o.head)
		switch {
		case errors.As(err, &file):
			failed = append(failed, Failure{path, file.Why})
		case err != nil:
			return nil, err
		}
	}
	return failed, nil
}

func (o *ownScratch) remove(paths []string) error {
	for _, path := range paths {
		o.stage.Remove(path)
	}
	return nil
}

func (o *ownScratch) content(path, mode string, data []byte) error {
	return o.stage.Content(path, mode == "100755", data)
}

// tree stores the entries. With strip, it leaves out folders named .runs.
func (o *ownScratch) tree(strip bool) (string, error) {
	id, err := o.writeTree()
	if err == nil && strip {
		id, err = o.repository.Without(id, runsFolder)
	}
	if err != nil {
		return "", err
	}
	return id.String(), nil
}

func (o *ownScratch) writeTree() (native.ID, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.stage.Tree()
}

func (o *ownScratch) strip(tree string) (string, error) {
	id, err := treeIn(o.repository, tree)
	if err == nil {
		id, err = o.repository.Without(id, runsFolder)
	}
	if err != nil {
		return "", err
	}
	return id.String(), nil
}

// pair returns the trees of two revisions. If to is empty, it is that of the entries.
func (o *ownScratch) pair(from, to string) (a, b native.ID, err error) {
	if a, err = treeIn(o.repository, from); err != nil {
		return a, b, err
	}
	if to == "" {
		b, err = o.writeTree()
	} else {
		b, err = treeIn(o.repository, to)
	}
	return a, b, err
}

func (o *ownScratch) difference(from, to string, w io.Writer) error {
	a, b, err := o.pair(from, to)
	if err != nil {
		return err
	}
	limited := &limitedWriter{w: w, left: MaxPatchBytes, full: func() {}}
	err = o.repository.Patch(limited, a, b, inRuns)
	if limited.left < 0 {
		return ErrTooLarge
	}
	return err
}

// each calls visit for the files outside .runs that differ.
func (o *ownScratch) each(from, to string, visit func(native.Change, byte) error) error {
	a, b, err := o.pair(from, to)
	if err != nil {
		return err
	}
	return o.repository.Diff(a, b, func(folder string) bool { return !inRuns(folder + "/") }, func(c native.Change) error {
		status := byte('M')
		switch {
		case inRuns(c.Path):
			return nil
		case c.From.Mode == "":
			status = 'A'
		case c.To.Mode == "":
			status = 'D'
		case longMode(c.From.Mode)[:3] != longMode(c.To.Mode)[:3]:
			status = 'T'
		}
		return visit(c, status)
	})
}

func (o *ownScratch) changes(from, to string) ([]Change, error) {
	var changes []Change
	err := o.each(from, to, func(c native.Change, status byte) error {
		change := Change{Path: c.Path, Status: status, ID: c.To.ID.String(), Mode: "000000"}
		if c.To.Mode != "" {
			change.Mode = longMode(c.To.Mode)
			_, size, err := o.repository.Info(c.To.ID)
			if err != nil && !errors.Is(err, ErrNoObject) {
				return err
			}
			change.Bytes = size
		}
		changes = append(changes, change)
		return nil
	})
	return changes, err
}

func (o *ownScratch) stats(from, to string) ([]Stat, error) {
	var stats []Stat
	err := o.each(from, to, func(c native.Change, status byte) error {
		added, removed, err := o.repository.CountLines(c)
		stats = append(stats, Stat{c.Path, status, added, removed})
		return err
	})
	return stats, err
}

func (o *ownScratch) read(object string, limit int64) ([]byte, error) {
	return blobOf(o.repository, object, limit)
}

func (o *ownScratch) load(tree string) error {
	id, err := treeIn(o.repository, tree)
	if err != nil {
		return err
	}
	return o.stage.Load(id)
}

func (o *ownScratch) apply(patch string) error {
	data, err := regular.ReadFile(patch)
	if err != nil {
		return err
	}
	if len(data) > MaxPatchBytes {
		return ErrTooLarge
	}
	return o.stage.Apply(data)
}

func (o *ownScratch) checkOut(dir string) (failed bool, err error) {
	return false, o.stage.CheckOut(dir)
}

func (o *ownScratch) pointers() ([]string, error) { return o.stage.Pointers() }

func (o *ownScratch) has(commit string) (bool, error) {
	_, err := o.repository.Resolve(commit + "^{commit}")
	if absent(err) {
		return false, nil
	}
	return err == nil, err
}

func (o *ownScratch) readRefs() (*Refs, error) {
	tip, err := tipOf(o.repository)
	if err != nil {
		return nil, err
	}
	r := &Refs{Commit: tip.Commit, Branch: tip.Branch, ids: map[string]string{}}
	found, err := o.repository.Refs("refs/remotes/")
	for _, ref := range found {
		if strings.HasPrefix(ref.Name, "refs/remotes/pull/") { // a temporary merge commit of the forge
			continue
		}
		kind, _, err := o.repository.Info(ref.ID)
		if err != nil {
			return nil, err
		}
		if kind == native.Commit {
			r.remote = append(r.remote, ref.Name)
			r.ids[ref.Name] = ref.ID.String()
		}
	}
	return r, err
}

func (o *ownScratch) mergeBase(head string, others []string) (string, error) {
	ids, err := idsOf(o.repository, append([]string{head}, others...))
	if err != nil {
		return "", err
	}
	base, err := o.repository.MergeBase(ids[0], ids[1:]...)
	if err != nil || base.IsZero() {
		return "", errors.Join(err, fmt.Errorf("%s has no common ancestor with the others", head))
	}
	return base.String(), nil
}

func (o *ownScratch) entries() ([]Entry, error) {
	staged, err := o.stage.Entries()
	entries := make([]Entry, len(staged))
	for i, e := range staged {
		entries[i] = Entry{Path: e.Path, ID: e.ID.String(), Mode: fmt.Sprintf("%06o", e.Mode)}
	}
	return entries, err
}

func (o *ownScratch) lfsEndpoints() ([]string, error) {
	data, err := o.stage.Staged(".lfsconfig")
	if err != nil || data == nil {
		return nil, err
	}
	return endpointsIn(data)
}

// endpointsIn returns the addresses of servers of Git LFS in a file that is written like a configuration.
func endpointsIn(data []byte) ([]string, error) {
	config, err := gitconfig.Parse(".lfsconfig", data)
	if err != nil {
		return nil, err
	}
	values, err := matching(config, lfsKeys)
	var urls []string
	for _, url := range values {
		if url != "" {
			urls = append(urls, url)
		}
	}
	slices.Sort(urls)
	return slices.Compact(urls), err
}
