package diff

import (
	"math"
	"time"

	"github.com/gitruns/runs/format"
)

// Loss says why a run of a group has no value that counts: a status other than finished, or one of the constants.
// An empty Loss means that the run counts.
type Loss string

// The losses of finished runs.
const (
	NaN        Loss = "NaN"      // the last value or the compared value is not a number
	Infinite   Loss = "infinite" // the last value or the compared value is infinite
	NoValue    Loss = "no value" // the run does not have the metric, or not at the step that counts
	Unreadable Loss = "unreadable points"
)

// Pending reports whether the run is still running, so that it may count later.
func (l Loss) Pending() bool { return l == Loss(format.Running) }

// Lost is a run of a group that does not count.
type Lost struct {
	Run *format.Run
	Why Loss
}

// LossOf returns why a run does not count in the statistics of a metric, whichever of its values is compared. It is the
// one rule for comparisons, reviews, checks and lists of groups. A run must have finished, and its last value must be
// finite: a run that diverged is not better than a sound one, however good its values were before.
func LossOf(r *format.Run, metric string) Loss {
	if r.Status != format.Finished {
		return Loss(r.Status)
	}
	m, ok := r.Metric(metric)
	if !ok {
		return NoValue
	}
	return lossOfValue(m.Last)
}

func lossOfValue(v float64) Loss {
	switch {
	case math.IsNaN(v):
		return NaN
	case math.IsInf(v, 0):
		return Infinite
	}
	return ""
}

// Members separates the runs of a group into those that finished and those that did not. It drops a run that did not
// finish and was repeated: a finished run that started later has the same params, with the same seeds. Seeds are those
// that the settings add, see format.IsSeed.
func Members(runs []*format.Run, seeds []string) (finished, lost []*format.Run) {
	repeated := map[string]time.Time{} // the latest start by the params
	for _, r := range runs {
		if r.Status != format.Finished {
			lost = append(lost, r)
			continue
		}
		finished = append(finished, r)
	}
	if len(lost) == 0 {
		return finished, nil
	}
	for _, r := range finished {
		if key := ParamsKey(r); r.Started.After(repeated[key]) {
			repeated[key] = r.Started
		}
	}
	kept := lost[:0]
	for _, r := range lost {
		if !repeated[ParamsKey(r)].After(r.Started) || !format.HasSeed(r.Params, seeds) {
			kept = append(kept, r)
		}
	}
	return finished, kept
}

// ParamsKey returns a key that is equal for runs of one experiment with the same params. It is only for comparing.
func ParamsKey(r *format.Run) string {
	return r.Experiment + "\n" + format.TOMLString(map[string]any(r.Params))
}
