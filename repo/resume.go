package repo

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"github.com/gitruns/runs/format"
)

// Job is the scheduler's job that a process is part of: SLURM_JOB_ID and SLURM_RESTART_COUNT, empty if they are not
// set.
type Job struct{ ID, Restarts string }

// Requeued reports whether job is a later attempt at the job in which the run was started: then the processes that
// kept the run open have ended, on any machine.
func (e *Entry) Requeued(job Job) bool {
	if job.ID == "" || e.Environment == nil || e.Environment.Variables["SLURM_JOB_ID"] != job.ID {
		return false
	}
	return restarts(job.Restarts) > restarts(e.Environment.Variables["SLURM_RESTART_COUNT"])
}

func restarts(count string) int {
	n, err := strconv.Atoi(count)
	if err != nil {
		return 0
	}
	return n
}

// TakeOver makes the process pid of this machine the owner of a run whose former owners a scheduler has ended. It
// closes their journals.
func (a *Active) TakeOver(pid int) error {
	if err := checkProcess(pid); err != nil {
		return fmt.Errorf("resuming run %s: %w", a.ID, err)
	}
	if a.Foreign() {
		return a.foreignError()
	}
	owners, err := a.owners()
	if err != nil {
		return fmt.Errorf("resuming run %s: %w", a.ID, err)
	}
	if err := a.join(pid); err != nil {
		return err
	}
	files, err := a.journals("")
	if err != nil {
		return fmt.Errorf("resuming run %s: %w", a.ID, err)
	}
	for _, w := range owners {
		if life(w) != Elsewhere {
			continue
		}
		for _, f := range files {
			if host, writer := f.writer(); host == w.Host && writer > 0 && !ended(f.path) && (host != thisHost() ||
				int64(writer) == w.PID) {
				if err := a.closeJournal(f); err != nil {
					return fmt.Errorf("resuming run %s: closing %s: %w", a.ID, f.name, err)
				}
			}
		}
		_ = os.Remove(filepath.Join(a.Dir, ownerName(w)))
	}
	return nil
}

// closeJournal ends a journal whose writer no longer exists.
func (a *Active) closeJournal(f journalFile) error {
	j, err := a.openJournal(f.name, 0)
	if err != nil {
		return err
	}
	return j.Close()
}

// LastStep returns the highest step of the points, values and artifacts of a run. some is false if it has none.
// Artifacts do not count if their list is not in this clone.
func (e *Entry) LastStep(ctx context.Context) (step int64, some bool, err error) {
	step = math.MinInt64
	seen := func(s int64) { step, some = max(step, s), true }
	if artifacts, err := e.AllArtifacts(); err == nil {
		for _, a := range artifacts {
			if a.Step != nil {
				seen(*a.Step)
			}
		}
	}
	if e.Active != nil {
		err = e.eachActive(ctx, func(_ string, p format.Point) error {
			seen(p.Step)
			return nil
		}, func(_ string, v format.Value) error {
			seen(v.Step)
			return nil
		})
		return step, some, err
	}
	m, release, err := e.metrics(MetricsName)
	if err != nil {
		return 0, false, err
	}
	if m != nil {
		defer release()
		err = m.Each(ctx, func(_ string, points []format.Point) error {
			for i := range points {
				seen(points[i].Step)
			}
			return nil
		})
	}
	if err == nil {
		_, err = e.EachValue(ctx, func(_ string, v format.Value) error {
			seen(v.Step)
			return nil
		})
	}
	return step, some, err
}
