package repo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gitruns/runs/format"
)

// sidecarName is the file that identifies the sidecar of a run, which is the process that samples the machine and
// finishes the run if no other process does.
const sidecarName = "sidecar.toml"

// SetSidecar records the process pid as the sidecar of the run.
func (a *Active) SetSidecar(pid int) error {
	path := filepath.Join(a.Dir, sidecarName)
	_ = os.Remove(path) // left by an earlier sidecar
	if err := writeFile(path, format.EncodeOwner(self(format.OwnerProcess, pid, a.repo.Dir))); err != nil {
		return fmt.Errorf("starting the sidecar of run %s: %w", a.ID, err)
	}
	return nil
}

// StopSidecar asks the sidecar of the run to end, if that process still exists. It does not wait for the end, because
// a finish waits for the journal of the sidecar.
func (a *Active) StopSidecar() {
	if a.Foreign() {
		return
	}
	data, err := readBounded(filepath.Join(a.Dir, sidecarName), format.MaxNoteBytes)
	if err != nil {
		return
	}
	w, err := format.DecodeOwner(sidecarName, data)
	if err != nil || w.Kind != format.OwnerProcess || w.PID <= 0 || w.Start == "" {
		return
	}
	p, err := os.FindProcess(int(w.PID)) // on some systems, the handle keeps the pid from being used again
	if err != nil {
		return
	}
	defer func() { _ = p.Release() }()
	if life(w) == Alive {
		stopProcess(p)
	}
}

// Gone reports whether nothing keeps the run open: its processes have ended, and none of their child processes has a
// journal open.
func (a *Active) Gone(ctx context.Context) (bool, error) {
	if l, err := a.Life(""); err != nil || l != Gone {
		return false, err
	}
	var h held
	defer h.release()
	open, err := a.waitForWriters(ctx, &h, Finish{})
	return len(open) == 0, err
}

// InProgress reports whether the run can still be written to.
func (a *Active) InProgress() bool { return a.check() == nil }

// FinishGone finishes the runs whose processes are known to be gone, as crashed, and clears what interrupted finishes
// left behind. except, which may be nil, reports which runs to leave alone. Runs that another process is finishing
// are left alone too.
func (r *Repository) FinishGone(ctx context.Context, except func(id string) bool) ([]Recovered, error) {
	names, folders, _ := r.activeEntries() // a command that reads the runs reports the error
	var actives []*Active
	for i, name := range names {
		if !name.IsDir() || format.CheckID(name.Name()) != nil {
			continue
		}
		a := &Active{ID: name.Name(), Dir: filepath.Join(folders[i], name.Name()), repo: r}
		if a.Foreign() {
			_ = os.Remove(a.Dir) // if it is empty, a finish was killed before its last step
			continue
		}
		if a.elsewhere() {
			continue
		}
		actives = append(actives, a)
	}
	for _, a := range r.othersInActive() { // no command runs in a worktree that was removed
		if a.other.Gone {
			actives = append(actives, a)
		}
	}
	var all []Recovered
	for _, a := range actives {
		if except != nil && except(a.ID) {
			continue
		}
		if err := a.check(); !errors.Is(err, ErrFinished) {
			if gone, err := a.Gone(ctx); err != nil || !gone {
				if ctx.Err() != nil {
					return all, ctx.Err()
				}
				continue
			}
		}
		got := a.recover(ctx, Recover{})
		switch {
		case errors.Is(got.Err, ErrBusy), errors.Is(got.Err, ErrFinished), got.Result == nil && got.Err == nil:
		default:
			all = append(all, got)
		}
	}
	return all, nil
}

// attendInterval is how often a sidecar checks that its process still exists.
const attendInterval = 250 * time.Millisecond

// Attend does the work of a sidecar. It samples the machine if sample is true, and finishes the run as crashed if the
// process pid ends without finishing it. It returns when the run is finished, when ctx is done, or when pid has ended
// and it is up to others to finish the run.
func (a *Active) Attend(ctx context.Context, pid int, sample bool) error {
	stopSampling := func() {}
	if config, err := a.repo.Config(); err == nil && sample && config.System.Enabled {
		stopSampling = sync.OnceFunc(a.Sample(ctx, SampleRequest{Interval: config.System.Interval, PID: pid}))
	}
	defer stopSampling()
	stopFollowing := func() {}
	if exists(a.readsDir()) {
		stopFollowing = sync.OnceFunc(a.FollowReads(ctx))
	}
	defer stopFollowing()
	process := WatchProcess(pid)
	if l, err := a.Life(""); err == nil && l == Gone {
		process = Process{} // it has already ended, and another process may have its pid now
	}
	tick := time.NewTicker(attendInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if !a.InProgress() {
			return nil
		}
		if process.Alive() {
			continue
		}
		stopSampling()
		switch l, err := a.Life(""); {
		case err != nil:
			return err
		case l == Elsewhere, l == Detached, l == Foreign:
			return nil // the other owners finish it
		}
		gone, err := a.Gone(ctx)
		if err != nil {
			return err
		}
		if !gone {
			continue
		}
		stopFollowing()
		_, err = a.Finish(context.WithoutCancel(ctx), Finish{Status: format.Crashed, recovered: true})
		if errors.Is(err, ErrBusy) || errors.Is(err, ErrFinished) {
			err = nil
		}
		return err
	}
}
