package main

import (
	"context"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/tensorboard"
)

// finishedJSON is the answer to a finish.
type finishedJSON struct {
	warnedJSON
	Dir     string        `json:"dir"`
	ID      string        `json:"id"`
	Open    int           `json:"open"`    // number of journals that are still open
	Resumed []string      `json:"resumed"` // ids of the runs that contain what was logged after the end
	Status  format.Status `json:"status"`
}

// clientFinish finishes the client's run.
func (a *app) clientFinish(ctx context.Context, q *clientRequest) (clientAnswer, error) {
	end := repo.Finish{
		Status: format.Status(q.Status), ExitCode: q.ExitCode, Signal: q.Signal, EndReason: q.EndReason,
		LostRows: q.LostRows, PID: q.PID,
	}
	if err := end.Check(); err != nil {
		return nil, usagef("finishing the run: %v", err)
	}
	if !(q.Wait >= 0 && q.Wait <= maxWait.Seconds()) {
		return nil, usagef("finishing the run: the wait must be 0 to %v seconds, got %v", maxWait.Seconds(), q.Wait)
	}
	end.Wait = time.Duration(q.Wait * float64(time.Second))
	active, err := clientActive(q)
	if err != nil {
		return nil, err
	}
	protected := protectEnd(ctx, nil, active.ID, nil) // a signal often reaches the client and this process
	defer protected.stop()
	active.StopSidecar()
	if t := q.TensorBoard; t.On {
		if e, err := active.Entry(ctx); err != nil {
			a.warn("TensorBoard event files were not imported: %v", err)
		} else {
			ask := tensorboard.Search{Since: e.Started, Dirs: t.Dirs}
			if t.PID > 0 {
				ask.PIDs = []int{t.PID}
			}
			a.importEventFiles(ctx, active, ask)
		}
	}
	end.Hurry = protected.hurry.Done()
	done, err := active.Finish(context.WithoutCancel(ctx), end)
	if err != nil {
		return nil, err
	}
	a.reportFinished(done)
	if r, err := active.Repository().Reopen(); err != nil {
		a.warn("%v", err)
	} else {
		a.commitAtFinish(protected.hurry, r, done.Run, true)
	}
	return &finishedJSON{
		ID: active.ID, Status: done.Run.Status, Dir: done.Dir, Open: len(done.Open),
		Resumed: done.Resumed,
	}, nil
}
