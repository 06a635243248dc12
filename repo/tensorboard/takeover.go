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

// Request says what is known of the event files of a run.
type Request struct {
	Since   time.Time // what was said before is not of the run
	PIDs    []int     // processes that are of the run
	Sampled bool      // PIDs and Open are what was seen of them while they ran
	Open    []string  // event files that they had open
	Dirs    []string  // absolute folders to look in; none is the run's working folder
	Host    string    // in the names of the run's event files; empty is this machine
}

// Bounds of the look for event files at the end of a run.
const (
	maxWalkEntries = 100_000
	maxWalkTime    = time.Second
	maxRunFiles    = 1000
)

// TakeOver adds to a run in progress what the event files say that were written for it: those that its processes had open,
// and those below the folders that are of its time and, by their names, of its processes. A file whose writer is not known is
// taken where no other run was in progress meanwhile. Keys that the run's journals have already are left.
func TakeOver(ctx context.Context, active *repo.Active, q Request) (*Counts, error) {
	counts, err := takeOver(ctx, active, q)
	if err != nil {
		return nil, fmt.Errorf("taking over event files of TensorBoard into run %s: %w", active.ID, err)
	}
	return counts, nil
}

func takeOver(ctx context.Context, active *repo.Active, q Request) (*Counts, error) {
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
	c := &choice{ask: q, run: active}
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
	r.taken = func(key string) bool { return logged[key] }
	r.show = importer.RelativeTo(root)
	top := filepath.VolumeName(files[0].Path) + string(filepath.Separator)
	err = r.all(ctx, together(logs(folders(top, files))))
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	r.counts.Warnings = append(c.warnings, r.counts.Warnings...)
	return &r.counts, err
}

// choice finds the event files of a run.
type choice struct {
	ask      Request
	run      *repo.Active
	warnings []string
	unsure   int
	others   *bool // whether other runs were in progress meanwhile
}

func (c *choice) files(ctx context.Context) ([]importer.File, error) {
	var chosen []importer.File
	seen := map[string]bool{}
	for _, path := range c.ask.Open {
		info, err := os.Lstat(path)
		if err == nil && info.Mode().IsRegular() && !seen[path] {
			seen[path] = true
			chosen = append(chosen, importer.File{Path: path, Size: info.Size(), Mtime: info.ModTime()})
		}
	}
	look := eventFiles(maxWalkEntries, 10*maxRunFiles)
	look.Within = maxWalkTime
	for _, dir := range c.ask.Dirs {
		dir, err := filepath.Abs(dir)
		if err != nil {
			continue
		}
		found, err := look.Below(ctx, dir)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			if seen[f.Path] {
				continue
			}
			seen[f.Path] = true
			ours, err := c.ours(f)
			if err != nil {
				return nil, err
			}
			if ours {
				chosen = append(chosen, f)
			}
		}
	}
	if look.Partial && !c.ask.Sampled {
		c.warnings = append(c.warnings, "not every folder was looked at for event files of TensorBoard: there are too many")
	}
	if c.unsure > 0 {
		c.warnings = append(c.warnings, fmt.Sprintf("event files of TensorBoard were left, for it is not clear that this run wrote them: %d; 'runs import tensorboard DIR' takes them", c.unsure))
	}
	if n := len(chosen) - maxRunFiles; n > 0 {
		c.warnings = append(c.warnings, fmt.Sprintf("event files past %d were left: %d", maxRunFiles, n))
		chosen = chosen[:maxRunFiles]
	}
	return chosen, nil
}

// clockStep is how far the times of files may lag behind the clock.
const clockStep = 10 * time.Millisecond

// ours decides whether the run wrote a file.
func (c *choice) ours(f importer.File) (bool, error) {
	since := c.ask.Since.Truncate(time.Second) // some file systems, and the names, know seconds only
	written := c.ask.Since.Add(-clockStep)
	if f.Mtime.Nanosecond() == 0 {
		written = since
	}
	if f.Mtime.Before(written) {
		return false, nil
	}
	began, here, pid := writer(filepath.Base(f.Path), c.ask.Host)
	switch {
	case here && pid > 0 && slices.Contains(c.ask.PIDs, pid):
		return true, nil
	case began.Before(since): // an earlier writer's, or one whose time is not known
		return false, nil
	case here && pid > 0 && alive(pid): // another program's, which goes on
		c.unsure++
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
		c.unsure++
		return false, nil
	}
	return true, nil
}

// otherRuns reports whether another run of the repository was in progress since this one began.
func (c *choice) otherRuns() (bool, error) {
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
		if info, err := os.Stat(r.RunDir(id)); err == nil && !info.ModTime().Before(c.ask.Since) {
			return true, nil
		}
	}
	return false, nil
}
