package repo

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/gitruns/runs/format"
)

// Home is a folder with finished runs, which lie in folders of days. A repository has two: its .runs folder, and the
// common store, which all worktrees of a clone share and which holds the runs that no commit holds.
type Home struct {
	Dir    string
	Common bool // the common store
}

// RunDir returns the folder that the run with this id has in the home. id must be valid.
func (h Home) RunDir(id string) string {
	return filepath.Join(h.Dir, format.IDDay(id), id)
}

// Homes returns the folders in which finished runs are looked for, in this order. The folder of the common store may
// not exist.
func (r *Repository) Homes() []Home {
	if r.gone != nil {
		return []Home{{r.goneTo, true}}
	}
	homes := []Home{{Dir: r.Dir}}
	if dir := r.commonDir(); dir != "" {
		homes = append(homes, Home{dir, true})
	}
	return homes
}

// commonDir returns the folder of the common store. It is empty outside Git, and for a revision. Its name depends on
// the path of .runs in the working tree, so that the runs of several projects in one repository stay apart.
func (r *Repository) commonDir() string {
	switch {
	case r.gone != nil:
		return r.goneTo
	case !r.InGit || r.commit != "":
		return ""
	}
	at, err := r.TreePath()
	if err != nil {
		return ""
	}
	return commonDirOf(r.Git.Common, storeKey(at))
}

func commonDirOf(gitCommon, key string) string {
	return filepath.Join(gitCommon, "runs", "finished", key)
}

// storeKey returns the name of the common store for a path of .runs in the working tree.
func storeKey(treePath string) string {
	sum := sha256.Sum256([]byte(treePath))
	return hex.EncodeToString(sum[:6])
}

// FindRun returns the folder of the finished run with this id, and its home. If no home has the run, it returns the
// folder that the run would have in .runs. id must be valid.
func (r *Repository) FindRun(id string) (dir string, home Home) {
	homes := r.Homes()
	for _, h := range homes {
		if dir := h.RunDir(id); exists(filepath.Join(dir, RecordName)) {
			return dir, h
		}
	}
	return r.RunDir(id), homes[0]
}

// HasRun reports whether a home has a finished run with this id, which must be valid.
func (r *Repository) HasRun(id string) bool {
	dir, home := r.FindRun(id)
	return exists(filepath.Join(dir, RecordName)) || len(r.batchesOf(home, id)) > 0 || r.left.hasRun(id)
}

// eachFinished calls visit once with the id of every finished run of all homes, and of those that a sparse checkout
// leaves out of the working tree. It ignores folders whose names are not
// days or ids, and runs with a removal marker, because a merge may have brought them back.
func (r *Repository) eachFinished(visit func(id string)) error {
	seen := map[string]bool{}
	left := 0
	if err := r.left.each(func(string) { left++ }); err != nil {
		return err
	}
	err := r.eachIn(r.Homes(), nil, func(id string) {
		if left > 0 {
			seen[id] = true
		}
		visit(id)
	})
	if err != nil || left == 0 {
		return err
	}
	removed, err := r.RemovedIDs()
	if err != nil {
		return err
	}
	var rest []string
	err = r.left.each(func(id string) {
		if !seen[id] && !removed[id] {
			rest = append(rest, id)
		}
	})
	for _, id := range rest {
		visit(id)
	}
	return err
}

func (r *Repository) eachIn(homes []Home, wanted func(day string) bool, visit func(id string)) error {
	removed, err := r.RemovedIDs()
	if err != nil {
		return err
	}
	seen := map[string]map[string]bool{} // by day; nil for the last home, which nothing is compared with
	for i, h := range homes {
		days, err := os.ReadDir(h.Dir)
		if errors.Is(err, fs.ErrNotExist) && (h.Common || r.absent || r.left.has(configName) || r.leftRuns() != nil) {
			continue
		}
		if err != nil {
			return fmt.Errorf("listing runs: %w", err)
		}
		for _, day := range days {
			if !day.IsDir() || format.CheckDay(day.Name()) != nil || wanted != nil && !wanted(day.Name()) {
				continue
			}
			names, err := readNames(filepath.Join(h.Dir, day.Name()))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return fmt.Errorf("listing runs: %w", err)
			}
			batches := r.batchesIn(h, day.Name(), names)
			known := seen[day.Name()]
			if (i < len(homes)-1 || len(batches) > 0) && known == nil {
				known = make(map[string]bool, len(names))
				seen[day.Name()] = known
			}
			visitNew := func(name string) {
				if removed[name] || known[name] {
					return
				}
				if known != nil {
					known[name] = true
				}
				visit(name)
			}
			for _, name := range names {
				if format.CheckID(name) == nil && format.IDDay(name) == day.Name() {
					visitNew(name)
				}
			}
			for _, b := range batches {
				for _, id := range b.ids {
					visitNew(id)
				}
			}
		}
	}
	return nil
}

// FinishedIDs lists the ids of the finished runs in the working tree.
func (r *Repository) FinishedIDs() ([]string, error) { return r.FinishedIDsOf(nil) }

// FinishedIDsOf lists those of the days for which wanted returns true.
func (r *Repository) FinishedIDsOf(wanted func(day string) bool) ([]string, error) {
	return r.idsIn(r.Homes()[:1], wanted)
}

// AllFinishedIDs lists the ids of the finished runs of all homes, and of those that a sparse checkout leaves out.
func (r *Repository) AllFinishedIDs() ([]string, error) {
	var ids []string
	err := r.eachFinished(func(id string) { ids = append(ids, id) })
	slices.Sort(ids)
	return ids, err
}
