package share

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// snapshot lists the runs of one commit. It is read from file names, and from the lists of batches.
type snapshot struct {
	trees   *git.Trees
	at      string                  // the path of the .runs folder
	tree    string                  // the id of the .runs folder; empty if there is none
	runs    map[string]string       // by id: equal if the runs have the same files
	folders map[string]string       // by id: the tree of the folder of the run, which may have only its annotations
	in      map[string][]*heldBatch // by id: the batches that hold the run
	batches map[string]*heldBatch   // by path relative to .runs
	damaged map[string]error        // batches that cannot be read, by path
	removed map[string]bool
	shared  map[string]string // blobs, by path relative to .runs
	files   map[string]bool   // names of the files directly in .runs
}

// placedHere stands for the blob of a shared file that the commit will add.
const placedHere = "here"

// readSnapshot reads the .runs folder at the path at of a commit or tree. tree may be empty.
func readSnapshot(trees *git.Trees, tree, at string) (*snapshot, error) {
	return readSnapshotOf(trees, tree, at, nil)
}

// readSnapshotOf is like readSnapshot, but of the folders of days it reads only those for which wanted returns true.
func readSnapshotOf(trees *git.Trees, tree, at string, wanted func(day git.TreeEntry) bool) (*snapshot, error) {
	c := &snapshot{
		trees: trees, at: at, runs: map[string]string{}, folders: map[string]string{}, in: map[string][]*heldBatch{},
		batches: map[string]*heldBatch{}, damaged: map[string]error{},
		removed: map[string]bool{}, shared: map[string]string{}, files: map[string]bool{},
	}
	e, ok, err := trees.Find(tree, at)
	if err != nil || !ok || !e.IsTree() {
		return c, err
	}
	c.tree = e.ID
	folders, err := trees.Read(c.tree)
	if err != nil {
		return nil, err
	}
	for _, folder := range folders {
		switch {
		case !folder.IsTree():
			c.files[folder.Name] = true
		case format.CheckDay(folder.Name) == nil:
			if wanted == nil || wanted(folder) {
				err = c.day(folder)
			}
		case folder.Name == repo.RemovedName:
			err = c.each(folder, func(e git.TreeEntry) {
				if format.CheckID(e.Name) == nil {
					c.removed[e.Name] = true
				}
			})
		default:
			err = c.each(folder, func(e git.TreeEntry) {
				if name := path.Join(folder.Name, e.Name); strings.HasPrefix(e.Mode, "100") && repo.IsShared(name) {
					c.shared[name] = e.ID
				}
			})
		}
		if err != nil {
			return nil, err
		}
	}
	return c, nil
}

// readSnapshots reads the .runs folders of two commits, but leaves out the days that are the same in both.
func readSnapshots(trees *git.Trees, from, to, at string) (before, after *snapshot, err error) {
	olds, err := dayFolders(trees, from, at)
	if err != nil {
		return nil, nil, err
	}
	news, err := dayFolders(trees, to, at)
	if err != nil {
		return nil, nil, err
	}
	byDay := map[string]string{}
	for _, day := range olds {
		byDay[day.Name] = day.ID
	}
	same := map[string]bool{} // by the id of the tree
	for _, day := range news {
		if byDay[day.Name] == day.ID {
			same[day.ID] = true
		}
	}
	wanted := func(day git.TreeEntry) bool { return !same[day.ID] }
	if before, err = readSnapshotOf(trees, from, at, wanted); err != nil {
		return nil, nil, err
	}
	after, err = readSnapshotOf(trees, to, at, wanted)
	return before, after, err
}

// day reads the folder of a day.
func (c *snapshot) day(folder git.TreeEntry) error {
	var batches []git.TreeEntry
	err := c.each(folder, func(e git.TreeEntry) {
		switch {
		case !e.IsTree():
		case format.CheckID(e.Name) == nil && format.IDDay(e.Name) == folder.Name:
			c.runs[e.Name], c.folders[e.Name] = e.ID, e.ID
		case format.IsBatchName(e.Name):
			batches = append(batches, e)
		}
	})
	if err != nil {
		return err
	}
	for _, e := range batches {
		b, err := readBatch(c.trees, folder.Name, e)
		if isBroken(err) {
			return err
		}
		if err != nil {
			c.damaged[path.Join(folder.Name, e.Name)] = err
			continue
		}
		c.batches[b.path] = b
		for _, id := range b.ids {
			c.in[id] = append(c.in[id], b)
			c.runs[id] = c.runKey(id)
		}
	}
	return nil
}

// runKey returns a text that is equal for runs with the same files: the tree of the folder of a run by itself, or a
// digest of where it lies.
func (c *snapshot) runKey(id string) string {
	sum := sha256.New()
	_, _ = io.WriteString(sum, c.folders[id])
	for _, b := range c.in[id] {
		_, _ = io.WriteString(sum, " "+b.path+" "+b.tree)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func (c *snapshot) each(folder git.TreeEntry, visit func(git.TreeEntry)) error {
	entries, err := c.trees.Read(folder.ID)
	for _, e := range entries {
		visit(e)
	}
	return err
}

// run returns the files of a run by their names in its folder. If the commit has two versions of the run, the error is
// errTwoVersions.
func (c *snapshot) run(id string) (runFiles, error) {
	return filesOf(c.trees, id, c.folders[id], c.in[id])
}

// hasRecord reports whether the commit has the record of a run, and not only annotations of it.
func (c *snapshot) hasRecord(id string) (bool, error) {
	if len(c.in[id]) > 0 {
		return true, nil
	}
	entries, err := c.trees.Read(c.folders[id])
	return slices.ContainsFunc(entries, func(e git.TreeEntry) bool { return e.Name == repo.RecordName }), err
}

// filesOf returns the files of a run, from its own folder, which may be empty, and from batches.
func filesOf(trees *git.Trees, id, folder string, batches []*heldBatch) (runFiles, error) {
	files := runFiles{}
	err := trees.Walk(folder, "", func(name string, e git.TreeEntry) error {
		files[name] = blob(e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, b := range batches {
		more, err := b.runFiles(trees, id)
		if err == nil {
			err = files.join(trees, more)
		}
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

// take makes the snapshot hold a run as another one does.
func (c *snapshot) take(other *snapshot, id string) {
	c.runs[id], c.folders[id], c.in[id] = other.runs[id], other.folders[id], other.in[id]
}

// unreadable returns an error if a batch cannot be read: what its runs need is then unknown.
func (c *snapshot) unreadable() error {
	for _, at := range slices.Sorted(maps.Keys(c.damaged)) {
		return c.damaged[at]
	}
	return nil
}

// runPath returns the folder of a run, relative to .runs.
func runPath(id string) string { return path.Join(format.IDDay(id), id) }

// CommittedIDs returns the ids of the runs in the commit that is checked out, on the runs branch, and at the tip of
// keptRef.
func CommittedIDs(ctx context.Context, r *repo.Repository) (map[string]bool, error) {
	ids := map[string]bool{}
	if !r.InGit {
		return ids, nil
	}
	at, err := r.TreePath()
	if err != nil {
		return nil, err
	}
	local, err := runsBranch(ctx, r)
	if err != nil {
		return nil, err
	}
	trees, err := git.OpenTrees(ctx, r.Git)
	if err != nil {
		return nil, err
	}
	defer trees.Close()
	commits := []string{local.seen}
	for _, ref := range []string{"HEAD", keptRef} {
		commit, err := git.Resolve(ctx, r.Git, ref)
		if err != nil {
			return nil, err
		}
		commits = append(commits, commit)
	}
	for _, commit := range commits {
		c, err := readSnapshot(trees, commit, at)
		if err != nil {
			return nil, err
		}
		for id := range c.runs {
			ids[id] = true
		}
	}
	return ids, nil
}
