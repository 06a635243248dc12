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

// sidecarName is the file that names the sidecar of a run: the process that samples the machine, and finishes the run
// if no one else does.
const sidecarName = "sidecar.toml"

// SetSidecar records the process that is the sidecar of the run.
func (a *Active) SetSidecar(pid int) error {
	path := filepath.Join(a.Dir, sidecarName)
	_ = os.Remove(path) // of a process that attended it before
	if err := writeFile(path, format.EncodeOwner(self(format.OwnerProcess, pid, a.repo.Dir))); err != nil {
		return fmt.Errorf("starting the sidecar of run %s: %w", a.ID, err)
	}
	return nil
}

// StopSidecar asks the sidecar of the run to end, if that process is still the sidecar. It does not wait: a finish
// waits for its journal.
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
	p, err := os.FindProcess(int(w.PID)) // holds on to the process where the system can: its number is not given again
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
	open, err := a.waitForWriters(ctx, &h, 0, nil)
	return len(open) == 0, err
}

// InProgress reports whether the run can still be written to.
func (a *Active) InProgress() bool { return a.check() == nil }

// FinishGone finishes as crashed the runs whose processes are known to be gone, and clears away what a finish left that
// died. except tells which to leave alone; nil is none. What another process is finishing is left to it.
func (r *Repository) FinishGone(ctx context.Context, except func(id string) bool) ([]Recovered, error) {
	names, err := os.ReadDir(r.active)
	if err != nil {
		return nil, nil // a command that reads says what is wrong
	}
	var all []Recovered
	for _, name := range names {
		if !name.IsDir() || format.CheckID(name.Name()) != nil || except != nil && except(name.Name()) {
			continue
		}
		a := &Active{ID: name.Name(), Dir: filepath.Join(r.active, name.Name()), repo: r}
		if a.Foreign() || r.InGit && r.Git.Linked() && !a.goesHere() {
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

// Attend is the work of a sidecar: it samples the machine if sample is set, and finishes the run as crashed if the
// process pid ends without finishing it. It returns when the run is finished, when other owners than pid are left, or
// when ctx ends.
func (a *Active) Attend(ctx context.Context, pid int, sample bool) error {
	stopSampling := func() {}
	if config, err := a.repo.Config(); err == nil && sample && config.System.Enabled {
		stopSampling = sync.OnceFunc(a.Sample(ctx, SampleRequest{Interval: config.System.Interval, PID: pid}))
	}
	defer stopSampling()
	process := WatchProcess(pid)
	if l, err := a.Life(""); err == nil && l == Gone {
		process = Process{} // it ended before, and its number may be another's now
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
			return nil // others finish it
		}
		gone, err := a.Gone(ctx)
		if err != nil {
			return err
		}
		if !gone {
			continue
		}
		_, err = a.Finish(context.WithoutCancel(ctx), Finish{Status: format.Crashed})
		if errors.Is(err, ErrBusy) || errors.Is(err, ErrFinished) {
			err = nil
		}
		return err
	}
}
