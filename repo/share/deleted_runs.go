package share

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/index"
	"github.com/gitruns/runs/repo/regular"
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
	removed, err := d.removedAt(head)
	if err != nil {
		return nil, err
	}
	var deleted []string
	for _, folder := range folders {
		day := wholeDay{folder.ID, w.stamps[folder.Name].digest}
		if day.stamp != 0 && known[folder.Name] == day {
			w.days[folder.Name] = day
			continue
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
			return e.IsTree() && format.IsBatchName(e.Name) && isFile(r.Dir, folder.Name, e.Name, format.BatchRunsName)
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

func isFile(elem ...string) bool {
	info, err := os.Lstat(filepath.Join(elem...))
	return err == nil && info.Mode().IsRegular()
}

// removedAt returns the runs that the working tree or a commit marks as removed.
func (d *days) removedAt(commit string) (map[string]bool, error) {
	removed, err := d.repo.RemovedIDs()
	if err != nil {
		return nil, err
	}
	marked, err := removedIn(d.trees, commit, d.at)
	maps.Copy(marked, removed)
	return marked, err
}

// wholeDays remembers the days of HEAD, and of which of them the working tree has every run. It is disposable.
type wholeDays struct {
	file   string
	index  string              // of Git's index: whatever moves HEAD writes it
	known  string              // the index that the days are remembered for
	days   map[string]wholeDay // of HEAD
	stamps map[string]dayStamp // of the working tree
	tmp    *os.File            // nil if nothing can be written
	clock  int64               // of the file system, before the days were read
}

// wholeDay is a day of HEAD.
type wholeDay struct {
	tree  string
	stamp uint64 // of its folder when that had every run; otherwise 0
}

type dayStamp struct {
	digest uint64
	newest int64
}

const wholeVersion = "whole days 1"

func openWholeDays(r *repo.Repository) *wholeDays {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(r.Dir))
	w := &wholeDays{
		file:  filepath.Join(r.CacheDir(), fmt.Sprintf("whole-%016x", sum.Sum64())),
		index: stampText(filepath.Join(r.Git.Git, "index")),
		days:  map[string]wholeDay{}, stamps: map[string]dayStamp{},
	}
	w.read()
	entries, err := os.ReadDir(r.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return w // the caller reports it when it lists the runs
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && e.IsDir() && format.CheckDay(e.Name()) == nil {
			s := index.StampOf(info)
			w.stamps[e.Name()] = dayStamp{s.Digest(), max(s.Modified, s.Changed)}
		}
	}
	return w
}

func (w *wholeDays) read() {
	info, err := os.Lstat(w.file)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxSettledBytes {
		return
	}
	data, err := regular.ReadFile(w.file)
	if err != nil {
		return
	}
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	if len(lines) < 3 || lines[0] != wholeVersion || lines[len(lines)-1] != "end" {
		return
	}
	w.known = lines[1]
	for _, line := range lines[2 : len(lines)-1] {
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
		if day.stamp == 0 || w.stamps[name].digest != day.stamp {
			return false
		}
	}
	return w.known == w.index
}

// begin makes the file that will replace the memory; see settledDays.begin.
func (w *wholeDays) begin() {
	if os.MkdirAll(filepath.Dir(w.file), 0o777) != nil {
		return
	}
	tmp, err := os.CreateTemp(filepath.Dir(w.file), "tmp-whole-")
	if err != nil {
		return
	}
	w.tmp = tmp
	if info, err := tmp.Stat(); err == nil {
		w.clock = info.ModTime().UnixNano()
	}
}

// settle remembers a day. If its folder may have changed meanwhile, it is not known to be whole.
func (w *wholeDays) settle(name, tree string, whole bool) {
	day := wholeDay{tree: tree}
	if s := w.stamps[name]; whole && s.newest < w.clock {
		day.stamp = s.digest
	}
	w.days[name] = day
}

// close stores what was settled.
func (w *wholeDays) close() {
	if w.tmp == nil {
		return
	}
	defer func() { _ = os.Remove(w.tmp.Name()) }()
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n%s\n", wholeVersion, w.index)
	for day, d := range w.days {
		fmt.Fprintf(&b, "%s %s %x\n", day, d.tree, d.stamp)
	}
	b.WriteString("end\n")
	_, err := w.tmp.Write(b.Bytes())
	if closeErr := w.tmp.Close(); err == nil && closeErr == nil {
		_ = os.Rename(w.tmp.Name(), w.file)
	}
}
