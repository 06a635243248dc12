package share

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/index"
)

// DeletedRuns lists the runs of HEAD whose folders, or whose batches, somebody has deleted from the working tree,
// sorted. It is Missing for commands that must be fast: it remembers the days that are whole, and asks Git only if such
// a day, or Git's index, has changed since.
func DeletedRuns(ctx context.Context, r *repo.Repository) ([]string, error) {
	if !r.InGit {
		return nil, nil
	}
	w := openWholeDays(r)
	defer w.close()
	if w.all() {
		return nil, nil
	}
	w.begin()
	head, err := git.Resolve(ctx, r.Git, "HEAD")
	if err != nil || head == "" {
		return nil, err
	}
	d, err := openDays(ctx, r)
	if err != nil {
		return nil, err
	}
	defer d.close()
	folders, err := dayFolders(d.trees, head, d.at)
	if err != nil {
		return nil, err
	}
	known := w.days
	w.days = map[string]wholeDay{}
	removed, err := r.RemovedIDs()
	if err == nil {
		err = d.addRemoved(head, removed)
	}
	if err != nil {
		return nil, err
	}
	var deleted []string
	for _, folder := range folders {
		if stamp, there := w.stamps[folder.Name]; there {
			if day := (wholeDay{folder.ID, stamp.Digest()}); known[folder.Name] == day {
				w.days[folder.Name] = day
				continue
			}
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		entries, err := d.trees.Read(folder.ID)
		if err != nil {
			return nil, err
		}
		// The name of a batch is that of its content: if the working tree has the batch, it has all runs of it.
		entries = slices.DeleteFunc(slices.Clone(entries), func(e git.TreeEntry) bool {
			return e.IsTree() && format.IsBatchName(e.Name) &&
				isRegular(filepath.Join(r.Dir, folder.Name, e.Name, format.BatchRunsName))
		})
		ids, _, err := idsOf(d.trees, folder.Name, entries)
		if err != nil {
			return nil, err
		}
		ids = slices.DeleteFunc(ids, func(id string) bool {
			return removed[id] || r.HasRun(id) || d.onlyNotes(head, id)
		})
		w.settle(folder.Name, folder.ID, len(ids) == 0)
		deleted = append(deleted, ids...)
	}
	slices.Sort(deleted)
	return deleted, nil
}

// wholeDays remembers the days of HEAD, and of which of them the working tree has every run. It is disposable.
type wholeDays struct {
	dayMemory
	index  string                 // of Git's index: whatever moves HEAD writes it
	known  string                 // the index that the days are remembered for
	days   map[string]wholeDay    // of HEAD
	stamps map[string]index.Stamp // of the working tree
}

// wholeDay is a day of HEAD.
type wholeDay struct {
	tree  string
	stamp uint64 // of its folder when that had every run; otherwise 0
}

const wholeVersion = "whole days 1"

func openWholeDays(r *repo.Repository) *wholeDays {
	w := &wholeDays{
		dayMemory: memoryOf(r, "whole"), index: stampText(filepath.Join(r.Git.Git, "index")),
		days: map[string]wholeDay{}, stamps: map[string]index.Stamp{},
	}
	w.read()
	entries, err := os.ReadDir(r.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return w // the caller reports it when it lists the runs
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && e.IsDir() && format.CheckDay(e.Name()) == nil {
			w.stamps[e.Name()] = index.StampOf(info)
		}
	}
	return w
}

func (w *wholeDays) read() {
	lines := w.dayMemory.read()
	if len(lines) < 2 || lines[0] != wholeVersion {
		return
	}
	w.known = lines[1]
	for _, line := range lines[2:] {
		fields := strings.Split(line, " ")
		if len(fields) != 3 || format.CheckDay(fields[0]) != nil {
			continue
		}
		if stamp, err := strconv.ParseUint(fields[2], 16, 64); err == nil {
			w.days[fields[0]] = wholeDay{fields[1], stamp}
		}
	}
}

// all reports whether nothing has changed since every day of HEAD was whole.
func (w *wholeDays) all() bool {
	for name, day := range w.days {
		if stamp, there := w.stamps[name]; !there || day.stamp == 0 || stamp.Digest() != day.stamp {
			return false
		}
	}
	return w.known == w.index
}

// settle remembers a day. If its folder may have changed meanwhile, it is not known to be whole.
func (w *wholeDays) settle(name, tree string, whole bool) {
	day := wholeDay{tree: tree}
	if s, there := w.stamps[name]; there && whole && max(s.Modified, s.Changed) < w.clock {
		day.stamp = s.Digest()
	}
	w.days[name] = day
}

// close stores what was settled.
func (w *wholeDays) close() {
	if w.tmp == nil {
		return
	}
	defer w.drop()
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n%s\n", wholeVersion, w.index)
	for day, d := range w.days {
		fmt.Fprintf(&b, "%s %s %x\n", day, d.tree, d.stamp)
	}
	w.store(&b)
}
