package repo

import (
	"testing"

	"github.com/gitruns/runs/format"
)

func TestEnded(t *testing.T) {
	for _, c := range []struct {
		ended  Ended
		status format.Status
		reason string
	}{
		{Ended{}, format.Finished, ""},
		{Ended{ExitCode: 3}, format.Failed, ""},
		{Ended{ExitCode: 137, Signal: "SIGKILL"}, format.Killed, ""},
		{Ended{Received: "SIGINT"}, format.Finished, "interrupted"},
		{Ended{ExitCode: 130, Signal: "SIGINT", Received: "SIGINT"}, format.Killed, "interrupted"},
		{Ended{Received: "SIGTERM"}, format.Killed, "preempted"},
		{Ended{ExitCode: 1, Received: "SIGTERM"}, format.Killed, "preempted"},
		{Ended{ExitCode: 127, NotStarted: true}, format.Failed, "the program could not be started"},
	} {
		end := c.ended.Finish()
		if end.Status != c.status || end.EndReason != c.reason || *end.ExitCode != int64(c.ended.ExitCode) ||
			end.Signal != c.ended.Signal {
			t.Errorf("%+v: %s, %q, exit status %d, signal %q", c.ended, end.Status, end.EndReason, *end.ExitCode, end.Signal)
		}
		if err := end.Check(); err != nil {
			t.Errorf("%+v: %v", c.ended, err)
		}
	}
}
