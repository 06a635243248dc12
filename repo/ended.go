package repo

import "github.com/gitruns/runs/format"

// Ended says how the program of a run ended.
type Ended struct {
	ExitCode   int    // as a shell gives it: 128 + N if signal N ended it, 126 or 127 if it did not start
	Signal     string // signal that ended it, such as SIGKILL
	Received   string // first signal that asked the program to end and was passed on to it, such as SIGTERM
	NotStarted bool
}

// Finish returns how the run ends. After SIGINT, an interruption by the user, the run is killed unless the program
// exits with status 0. After any other signal, the run is killed even if the program exits with status 0: such a
// signal comes from a scheduler that takes the machine back.
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
