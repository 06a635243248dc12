package repo

import "github.com/gitruns/runs/format"

// Ended says how the program of a run ended.
type Ended struct {
	ExitCode   int    // as a shell gives it: 128 + N if signal N ended it, 126 or 127 if it did not start
	Signal     string // that ended it, such as SIGKILL
	Received   string // first signal that asked to end it and that it was passed, such as SIGTERM
	NotStarted bool
}

// Finish says how the run ends. A program that was asked to end with SIGINT was interrupted, and is killed unless it
// exits with status 0. Any other signal is a scheduler's that takes the machine back: a program that obeys exits with
// status 0, and its run is killed all the same.
func (e Ended) Finish() Finish {
	code := int64(e.ExitCode)
	end := Finish{Status: format.Finished, ExitCode: &code, Signal: e.Signal}
	switch {
	case e.NotStarted:
		end.Status, end.EndReason = format.Failed, "the program could not be started"
	case e.Received == "SIGINT":
		end.EndReason = "interrupted"
		if e.ExitCode != 0 {
			end.Status = format.Killed
		}
	case e.Received != "":
		end.Status, end.EndReason = format.Killed, "preempted"
	case e.Signal != "":
		end.Status = format.Killed
	case e.ExitCode != 0:
		end.Status = format.Failed
	}
	return end
}
