package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/program"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// attendEvery is how often the sidecar looks whether its process is there.
const attendEvery = 250 * time.Millisecond

func (a *app) clientAttendCommand() *cobra.Command {
	var dir string
	var pid int
	var system bool
	cmd := &cobra.Command{
		Use: "attend", Short: "Attend a run: internal",
		Long: "Sample the machine while a process lives, and end its run when it has not done so itself. 'runs client start' starts it.",
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			active, err := repo.OpenDir(dir)
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM)
			defer stop()
			return a.attend(ctx, active, pid, system)
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "the active folder `DIR` of the run")
	cmd.Flags().IntVar(&pid, "pid", 0, "the process `N`")
	cmd.Flags().BoolVar(&system, "system", false, "sample the machine")
	return cmd
}

// attend ends when it is told to, when the run is finished, or when the process is gone and with it the run.
func (a *app) attend(ctx context.Context, active *repo.Active, pid int, system bool) error {
	stopSampling := func() {}
	if config, err := active.Repository().Config(); err == nil && system && config.System.Enabled {
		stopSampling = a.sampleMachine(ctx, active, config.System.Interval, pid, false)
	}
	stopped := false
	stop := func() {
		if !stopped {
			stopSampling()
		}
		stopped = true
	}
	defer stop()
	process := repo.WatchProcess(pid)
	if l, err := active.Life(""); err == nil && l == repo.Gone {
		process = repo.Process{} // it ended before, and its number may be another's now
	}
	tick := time.NewTicker(attendEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if !active.InProgress() {
			return nil
		}
		if process.Alive() {
			continue
		}
		stop()
		switch l, err := active.Life(""); {
		case err != nil:
			return err
		case l == repo.Elsewhere, l == repo.Detached, l == repo.Foreign:
			return nil // others end it
		}
		gone, err := active.Gone(ctx)
		if err != nil {
			return err
		}
		if !gone {
			continue
		}
		_, err = active.Finish(context.WithoutCancel(ctx), repo.Finish{Status: format.Crashed})
		if errors.Is(err, repo.ErrBusy) || errors.Is(err, repo.ErrFinished) {
			err = nil
		}
		return err
	}
}

// startSidecar starts the process that attends a run, and returns its id.
func startSidecar(active *repo.Active, pid int, system bool) (int, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, fmt.Errorf("attending run %s: %w", active.ID, err)
	}
	cmd := exec.Command(self, "client", "attend", "--dir", active.Dir, "--pid", strconv.Itoa(pid))
	if system {
		cmd.Args = append(cmd.Args, "--system")
	}
	cmd.Dir = active.Repository().Root
	program.Detach(cmd)
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("attending run %s: %w", active.ID, err)
	}
	sidecar := cmd.Process.Pid
	if err := active.SetSidecar(sidecar); err != nil {
		return 0, errors.Join(err, cmd.Process.Kill())
	}
	return sidecar, cmd.Process.Release()
}
