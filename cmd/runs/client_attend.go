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

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/program"
	"github.com/gitruns/runs/repo"
)

func (a *app) clientAttendCommand() *cobra.Command {
	var dir string
	var pid int
	var system bool
	cmd := &cobra.Command{
		Use: "attend", Short: "Attend a run",
		Long: `Sample the machine while a process lives, and finish its run if the process does
not. 'runs client start' starts this command.`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			active, err := repo.OpenDir(dir)
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(context.WithoutCancel(cmd.Context()), syscall.SIGTERM)
			defer stop()
			// The other signals are meant for the program. SIGTERM ends the sidecar, but not in the middle of a finish.
			defer protectEnd(ctx, nil, active.ID, nil).stop()
			return active.Attend(ctx, pid, system)
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "attend the run whose active folder is `DIR`")
	cmd.Flags().IntVar(&pid, "pid", 0, "attend process `N`")
	cmd.Flags().BoolVar(&system, "system", false, "sample the machine")
	return cmd
}

// startSidecar starts the sidecar of a run and returns its process id.
func startSidecar(active *repo.Active, pid int, system bool) (int, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, fmt.Errorf("starting the sidecar of run %s: %w", active.ID, err)
	}
	cmd := exec.Command(self, "client", "attend", "--dir", active.Dir, "--pid", strconv.Itoa(pid))
	if system {
		cmd.Args = append(cmd.Args, "--system")
	}
	cmd.Dir = active.Repository().Root
	program.Detach(cmd)
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("starting the sidecar of run %s: %w", active.ID, err)
	}
	sidecar := cmd.Process.Pid
	if err := active.SetSidecar(sidecar); err != nil {
		return 0, errors.Join(err, cmd.Process.Kill())
	}
	return sidecar, cmd.Process.Release()
}
