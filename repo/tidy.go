package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
)

// Tidying compares the days of the working tree with those of the common store. It remembers the days that it has seen
// in order, by the times of their folders, so that the next one reads only those that changed.
type Tidying struct {
	file string
	kept string // the commits that the runs were compared with
	days []*TidyDay
	same map[string]string // the remembered times of the days that have not changed
	// Removals reports whether the store may have removal markers that a commit holds.
	Removals bool
}

// TidyDay is a day whose runs must be looked at. Its runs are unknown until Read.
type TidyDay struct {
	Name    string
	Missing []string // runs of the working tree without a copy, the newest first
	Late    bool     // the store may have notes for committed runs
	stored  []string // runs of the store

	here, there string // the folders of the day in the working tree and in the store
	stamp       string // the times of both folders; empty if they may change again without a new time
	done        bool
}

// StoreIDs lists the runs of the common store.
func (r *Repository) StoreIDs() ([]string, error) {
	store := r.commonDir()
	if store == "" {
		return nil, nil
	}
	var ids []string
	for _, day := range dayNames(store) {
		names, err := runNames(filepath.Join(store, day), day)
		if err != nil {
			return nil, fmt.Errorf("listing runs: %w", err)
		}
		ids = append(ids, names...)
	}
	slices.Sort(ids)
	return ids, nil
}

// OwnIDs lists the finished runs of this worktree: those in its .runs folder, and those that it has recorded and that
// only the common store still holds.
//
// It looks only at the days for which wanted returns true.
func (r *Repository) OwnIDs(wanted func(day string) bool) ([]string, error) {
	ids, err := r.FinishedIDsOf(wanted)
	if err != nil || r.commonDir() == "" {
		return ids, err
	}
	removed, err := r.RemovedIDs()
	if err != nil {
		return nil, err
	}
	mine, err := runsFrom(r.commonDir(), worktreeIn(r.Git.Git))
	for _, id := range mine {
		if (wanted == nil || wanted(format.IDDay(id))) && !removed[id] &&
			!exists(filepath.Join(r.RunDir(id), RecordName)) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), err
}

// RecordedHere reports whether a run of the common store was recorded in this worktree.
func (r *Repository) RecordedHere(id string) bool {
	own := worktreeIn(r.Git.Git)
	return own != "" && exists(filepath.Join(r.commonDir(), fromName, own, id))
}

func dayNames(dir string) []string {
	entries, _ := os.ReadDir(dir)
	var days []string
	for _, entry := range entries {
		if entry.IsDir() && format.CheckDay(entry.Name()) == nil {
			days = append(days, entry.Name())
		}
	}
	return days
}

// runNames lists the ids in the folder of a day, which may not exist.
func runNames(dir, day string) ([]string, error) {
	names, err := readNames(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return slices.DeleteFunc(names, func(name string) bool {
		return format.CheckID(name) != nil || format.IDDay(name) != day
	}), err
}

// OpenTidying compares the days that have changed. kept names the commits that say which runs the store need not hold.
func (r *Repository) OpenTidying(kept string) (*Tidying, error) {
	store := r.commonDir()
	if store == "" || r.gone != nil {
		return &Tidying{}, nil
	}
	t := &Tidying{
		file: filepath.Join(r.Git.Git, "runs", "tidied-"+filepath.Base(store)), kept: kept, same: map[string]string{},
	}
	known := t.read()
	days := slices.Concat(dayNames(r.Dir), dayNames(store), r.LateDays())
	slices.Sort(days)
	t.Removals = exists(r.lateRemovals())
	for _, day := range slices.Backward(slices.Compact(days)) { // the newest first
		here, there, late := filepath.Join(r.Dir, day), filepath.Join(store, day), filepath.Join(store, lateName, day)
		stamp := timesOf(here, there, late)
		if stamp != "" && known[day] == stamp {
			t.same[day] = stamp
			continue
		}
		t.days = append(t.days, &TidyDay{Name: day, here: here, there: there, stamp: stamp, Late: exists(late)})
	}
	return t, nil
}

// Read lists the runs of the day.
func (d *TidyDay) Read() error {
	own, err := runNames(d.here, d.Name)
	if err == nil {
		d.stored, err = runNames(d.there, d.Name)
	}
	if err != nil {
		return fmt.Errorf("listing runs: %w", err)
	}
	has := make(map[string]bool, len(d.stored))
	for _, id := range d.stored {
		has[id] = true
	}
	slices.Sort(own)
	slices.Reverse(own)
	d.Missing = slices.DeleteFunc(own, func(id string) bool { return has[id] })
	return nil
}

// timesOf returns the times of folders as text. It is empty if one has changed so recently that it may change again
// without a new time.
func timesOf(folders ...string) string {
	var all []string
	for _, dir := range folders {
		info, err := os.Lstat(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			all = append(all, "-")
		case err != nil || time.Since(info.ModTime()) < settled:
			return ""
		default:
			all = append(all, fmt.Sprint(info.ModTime().UnixNano()))
		}
	}
	return strings.Join(all, " ")
}

// read returns what the last tidying remembered. If the runs were compared with other commits, only the days count that
// the store does not have.
func (t *Tidying) read() map[string]string {
	known := map[string]string{}
	data, err := readBounded(t.file, 16<<20)
	if err != nil {
		return known
	}
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\n"), " ")
		known[key] = value
	}
	if known["kept"] != t.kept {
		maps.DeleteFunc(known, func(_, stamp string) bool { return !strings.HasSuffix(stamp, " - -") })
	}
	return known
}

// Nothing reports whether nothing has changed since the last tidying.
func (t *Tidying) Nothing() bool { return len(t.days) == 0 && !t.Removals }

// Days returns the days that must be looked at, the newest first.
func (t *Tidying) Days() []*TidyDay { return t.days }

// Stored returns the runs of the store that are among ids.
func (d *TidyDay) Stored(ids map[string]bool) []string {
	var found []string
	for _, id := range d.stored {
		if ids[id] {
			found = append(found, id)
		}
	}
	return found
}

// Done says that a day is in order.
func (t *Tidying) Done(d *TidyDay) { d.done = true }

// Close remembers the days that are in order and that this tidying did not change.
func (t *Tidying) Close() error {
	if t.file == "" {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "kept %s\n", t.kept)
	for day, stamp := range t.same {
		fmt.Fprintf(&b, "%s %s\n", day, stamp)
	}
	for _, d := range t.days {
		if d.done && d.stamp != "" {
			fmt.Fprintf(&b, "%s %s\n", d.Name, d.stamp)
		}
	}
	if err := os.MkdirAll(filepath.Dir(t.file), 0o777); err != nil {
		return err
	}
	tmp := t.file + newPrefix + format.RandomLetters(8)
	err := os.WriteFile(tmp, []byte(b.String()), 0o666)
	if err == nil {
		err = os.Rename(tmp, t.file)
	}
	if err != nil {
		_ = os.Remove(tmp)
	}
	return err
}
