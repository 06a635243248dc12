package tensorboard

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/importer"
)

// Search says where to look for the event files of a run and how to recognize them.
type Search struct {
	Since   time.Time // earlier events do not belong to the run
	PIDs    []int     // processes of the run
	Sampled bool      // a Watcher found PIDs and Open while the processes ran
	Open    []string  // event files that the processes had open
	Dirs    []string  // absolute folders to search; none means the run's working folder
	Host    string    // host in the names of the run's event files; empty means this machine
}

// Bounds of the search for event files when a run ends.
const (
	maxWalkEntries = 100_000
	maxWalkTime    = time.Second
	maxRunFiles    = 1000
)

// ImportInto adds the content of a run's event files to the run, which is in progress. It imports the files that the
// run's processes had open, and the files in the searched folders that were written during the run and whose names
// contain the id of one of its processes. A file with an unknown writer is imported if no other run was in progress at
// that time. Keys that are already in the run's journals are skipped.
func ImportInto(ctx context.Context, active *repo.Active, q Search) (*Counts, error) {
	counts, err := importInto(ctx, active, q)
	if err != nil {
		return nil, fmt.Errorf("importing TensorBoard event files into run %s: %w", active.ID, err)
	}
	return counts, nil
}

func importInto(ctx context.Context, active *repo.Active, q Search) (*Counts, error) {
	root := active.Repository().TreeRoot()
	if len(q.Dirs) == 0 {
		e, err := active.Entry(ctx)
		if err != nil {
			return nil, err
		}
		q.Dirs = []string{filepath.Join(root, filepath.FromSlash(e.Cwd))}
	}
	if q.Host == "" {
		q.Host, _ = os.Hostname()
	}
	c := &finder{search: q, run: active}
	files, err := c.files(ctx)
	if err != nil || len(files) == 0 {
		return &Counts{Warnings: c.warnings}, err
	}
	logged, err := active.Logged(ctx)
	if err != nil {
		return nil, err
	}
	out := importer.NewJournal(active)
	r := newReading(out)
	r.since = q.Since.UnixMicro()
	r.excluded = func(key string) bool { return logged[key] }
	r.show = importer.RelativeTo(root)
	top := filepath.VolumeName(files[0].Path) + string(filepath.Separator)
	err = r.all(ctx, merge(groupByRun(groupByFolder(top, files))))
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	r.counts.Warnings = append(c.warnings, r.counts.Warnings...)
	return &r.counts, err
}

// finder searches for the event files of a run.
type finder struct {
	search    Search
	run       *repo.Active
	warnings  []string
	uncertain int
	others    *bool // result of otherRuns; nil before the first call
}

func (c *finder) files(ctx context.Context) ([]importer.File, error) {
	var chosen []importer.File
	seen := map[string]bool{}
	for _, path := range c.search.Open {
		info, err := os.Lstat(path)
		if err == nil && info.Mode().IsRegular() && !seen[path] {
			seen[path] = true
			chosen = append(chosen, importer.File{Path: path, Size: info.Size(), Mtime: info.ModTime()})
		}
	}
	walk := eventFiles(maxWalkEntries, 10*maxRunFiles)
	walk.Within = maxWalkTime
	for _, dir := range c.search.Dirs {
		dir, err := filepath.Abs(dir)
		if err != nil {
			continue
		}
		found, err := walk.Below(ctx, dir)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			if seen[f.Path] {
				continue
			}
			seen[f.Path] = true
			ours, err := c.isOurs(f)
			if err != nil {
				return nil, err
			}
			if ours {
				chosen = append(chosen, f)
			}
		}
	}
	if walk.Partial && !c.search.Sampled {
		c.warnings = append(c.warnings, "some folders were not searched for TensorBoard event files: there are too many")
	}
	if c.uncertain > 0 {
		c.warnings = append(c.warnings, fmt.Sprintf(
			"skipped TensorBoard event files that another program may have written: %d; "+
				"run 'runs import tensorboard DIR' to import them", c.uncertain))
	}
	if n := len(chosen) - maxRunFiles; n > 0 {
		c.warnings = append(c.warnings, fmt.Sprintf(
			"skipped TensorBoard event files over the limit of %d: %d", maxRunFiles, n))
		chosen = chosen[:maxRunFiles]
	}
	return chosen, nil
}

// clockStep is how far the times of files may lag behind the clock.
const clockStep = 10 * time.Millisecond

// isOurs decides whether the run wrote a file.
func (c *finder) isOurs(f importer.File) (bool, error) {
	since := c.search.Since.Truncate(time.Second) // some file systems, and the names, have whole seconds
	written := c.search.Since.Add(-clockStep)
	if f.Mtime.Nanosecond() == 0 {
		written = since
	}
	if f.Mtime.Before(written) {
		return false, nil
	}
	began, here, pid := writer(filepath.Base(f.Path), c.search.Host)
	if began.IsZero() { // CatBoost's names have no time
		began, _, _ = firstRecord(f.Path)
	}
	switch {
	case here && pid > 0 && slices.Contains(c.search.PIDs, pid):
		return true, nil
	case began.Before(since): // an earlier writer, or an unknown time
		return false, nil
	case here && pid > 0 && alive(pid): // another program, which is still running
		c.uncertain++
		return false, nil
	}
	if c.others == nil {
		others, err := c.otherRuns()
		if err != nil {
			return false, err
		}
		c.others = &others
	}
	if *c.others {
		c.uncertain++
		return false, nil
	}
	return true, nil
}

// otherRuns reports whether another run of the repository was in progress at any time since this one began.
func (c *finder) otherRuns() (bool, error) {
	r := c.run.Repository()
	actives, err := r.Actives()
	if err != nil {
		return false, err
	}
	for _, a := range actives {
		if a.ID == c.run.ID {
			continue
		}
		if l, err := a.Life(""); err != nil || l == repo.Alive {
			return true, nil
		}
	}
	ids, err := r.FinishedIDs()
	if err != nil {
		return false, err
	}
	for _, id := range ids {
		if info, err := os.Stat(r.RunDir(id)); err == nil && !info.ModTime().Before(c.search.Since) {
			return true, nil
		}
	}
	return false, nil
}
