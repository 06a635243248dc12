package view

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/query"
)

// Bounds of how often a view looks for changes, however many ask.
const (
	pollEvery   = 250 * time.Millisecond // the files
	branchEvery = 5 * time.Second        // the branch whose runs are shown, which takes a Git process
	restFactor  = 4                      // reading takes at most a fifth of the time
)

// refreshing is what a view needs to find out what has changed.
type refreshing struct {
	mu      sync.Mutex  // one refresh at a time
	runs    *repo.Watch // nil for a revision
	polled  time.Time
	asked   time.Time // when Git was asked for the branch
	refused error     // Git's answer then, if it was none
	commit  string    // of the branch, when its runs were read
	pending bool      // changed runs were found and not taken over yet
	reopen  bool      // the settings or the branch changed, and everything was not read again yet
	notYet  time.Time // when it may be tried
	failed  error     // why the last try failed
	retired []retired
}

// Refresh finds out what has changed since the last call, and takes it over. It reads only what has changed, and
// nothing if another call has just done so. If the .runs folder is gone or cannot be read, the view keeps the runs that
// it has and says so in its project; that is no error. Refresh returns an error only if ctx ends.
func (v *View) Refresh(ctx context.Context) error {
	v.watch.mu.Lock()
	defer v.watch.mu.Unlock()
	if time.Since(v.watch.polled) < pollEvery {
		return ctx.Err()
	}
	err := v.poll(ctx)
	v.watch.polled = time.Now()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.history.trouble(v.describe(err))
	return nil
}

// describe says why runs cannot be read any more.
func (v *View) describe(err error) string {
	var none *query.NotFoundError
	switch {
	case err == nil:
		return ""
	case errors.Is(err, fs.ErrNotExist) && v.options.Revision == "":
		return "The folder " + v.repo.Dir + " no longer exists. The page shows the runs that it had, and goes on when " +
			"the folder is back."
	case errors.As(err, &none):
		return "The runs that were asked for no longer exist: " + err.Error() + ". The page shows those that it had."
	}
	return "The runs cannot be read again: " + err.Error() + ". The page shows those that it had."
}

func (v *View) poll(ctx context.Context) error {
	var changed repo.Changed
	var err error
	if v.watch.runs != nil {
		if changed, err = v.watch.runs.Poll(ctx); err != nil {
			return err
		}
	}
	moved, err := v.moved(ctx)
	if err != nil {
		return err
	}
	v.mu.Lock()
	v.history.points(changed.Points)
	v.mu.Unlock()
	v.watch.pending = v.watch.pending || changed.Runs
	v.watch.reopen = v.watch.reopen || changed.Settings || moved
	if !v.watch.pending && !v.watch.reopen {
		return nil
	}
	if time.Now().Before(v.watch.notYet) {
		return v.watch.failed
	}
	began := time.Now()
	if v.watch.reopen {
		err = v.reopen(ctx)
	} else {
		v.mu.Lock()
		c := v.catalog.Renew(v.watch.runs.Listed())
		v.mu.Unlock()
		err = v.take(c)
	}
	v.watch.failed = err
	v.watch.notYet = time.Now().Add(restFactor * time.Since(began))
	if err == nil {
		v.watch.pending, v.watch.reopen = false, false
	}
	return err
}

// take shows the runs of another catalog.
func (v *View) take(c *catalog.Catalog) error {
	rows, err := v.choose(v.ctx, c)
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.catalog, v.rows = c, rows
	v.history.show(rows)
	v.history.damage(c.AllDamage())
	return nil
}

// commitShown returns the commit whose runs the view shows: of its revision, or of the runs branch, whose runs count
// too. It is empty if there is none.
func (v *View) commitShown(ctx context.Context) (string, error) {
	if v.options.Revision != "" {
		return v.current.CommitAt(ctx, v.options.Revision)
	}
	_, commit, err := v.current.RunsBranch(ctx)
	return commit, err
}

// moved reports whether the branch that is shown has another commit than when it was read.
func (v *View) moved(ctx context.Context) (bool, error) {
	if time.Since(v.watch.asked) < branchEvery {
		return false, v.watch.refused
	}
	commit, err := v.commitShown(ctx)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	v.watch.asked, v.watch.refused = time.Now(), err
	return err == nil && commit != v.watch.commit, err
}

// reopen reads everything again, with the settings that are in force now.
func (v *View) reopen(ctx context.Context) error {
	r, err := v.repo.Reopen()
	if err == nil {
		_, err = r.Config()
	}
	if err != nil {
		return err
	}
	r.Gate = v.repo.Gate
	v.mu.Lock()
	old := v.catalog
	v.current = r
	v.mu.Unlock()
	c, err := v.openCatalog(ctx)
	if err != nil {
		return err
	}
	v.pinned = nil
	if err := v.take(c); err != nil {
		c.Close()
		return err
	}
	v.retire(old)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.history.settings()
	return nil
}

// retired is a catalog that was replaced. Requests that have begun may still read from it.
type retired struct {
	catalog *catalog.Catalog
	since   time.Time
}

// retireFor is longer than any request takes.
const retireFor = time.Minute

// retire closes a catalog later, and those that were retired long ago now.
func (v *View) retire(c *catalog.Catalog) {
	v.watch.retired = slices.DeleteFunc(v.watch.retired, func(r retired) bool {
		old := time.Since(r.since) > retireFor
		if old {
			r.catalog.Close()
		}
		return old
	})
	v.watch.retired = append(v.watch.retired, retired{c, time.Now()})
}
