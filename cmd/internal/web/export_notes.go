package web

import (
	"fmt"
	"strconv"
	"strings"
)

// notesPath is where an export has its notes. 'runs ui' has no such answer.
const notesPath = "export.json"

// maxNamed is how many of the things left out are named.
const maxNamed = 100

// ExportNotes says what an export contains and what is left out. The page shows it.
type ExportNotes struct {
	Runs        int      `json:"runs"`
	MoreRuns    int      `json:"more_runs"` // left out
	Running     int      `json:"running"`   // runs that were still running
	AsOf        int64    `json:"as_of"`     // when they were last active, in ms since 1970 UTC; 0 without any
	MetricsLeft int      `json:"metrics_left"`
	Points      int      `json:"points"`  // the most that a curve that is not whole has; 0 if all are whole
	Longest     int64    `json:"longest"` // the most points that one of these had
	CurvesLeft  int      `json:"curves_left"`
	Left        []string `json:"left"` // answers for which there was no space; at most maxNamed
	MoreLeft    int      `json:"more_left"`
	Unread      int      `json:"unread"` // answers that could not be made, because something is damaged or missing
	Without     []string `json:"without"`
	Lines       []string `json:"lines"` // the same for people

	files int // artifacts among those left out
}

// leave counts an answer for which there was no space.
func (x *exporter) leave(path string) {
	n := &x.Notes
	switch kind, _, _ := strings.Cut(path, "/"); kind {
	case "artifact", "image", "table":
		n.files++
	}
	if len(n.Left) < maxNamed {
		n.Left = append(n.Left, path)
	} else {
		n.MoreLeft++
	}
}

// note fills in what the notes say.
func (x *exporter) note() {
	left := x.view.LeftOut()
	n := &x.Notes
	n.Runs, n.MoreRuns = len(x.entries), left.Runs
	n.MetricsLeft = len(left.Metrics) // not their names: who leaves a metric out may want to hide it
	running, last := x.view.Running()
	if n.Running = running; running > 0 && !last.IsZero() {
		n.AsOf = last.UnixMilli()
	}
	n.Left = append([]string{}, n.Left...)
	n.Without = []string{}
	for _, part := range []string{PartSource, PartLog, PartMachine} {
		if !x.options.has(part) {
			n.Without = append(n.Without, part)
		}
	}
	n.Lines = n.lines()
}

func (n *ExportNotes) lines() []string {
	lines := []string{}
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if n.MoreRuns > 0 {
		add("left out %s: an export contains the %s newest", counted(n.MoreRuns, "run"), grouped(int64(n.Runs)))
	}
	if left := n.MetricsLeft; left > 0 {
		add("left out %s that --metrics does not match", counted(left, "metric"))
	}
	if n.Points > 0 {
		add("curves have at most %s points of up to %s; --max-bytes allows more", grouped(int64(n.Points)),
			grouped(n.Longest))
	}
	if n.CurvesLeft > 0 {
		add("left out %s: a chart has those of the newest runs", counted(n.CurvesLeft, "curve"))
	}
	if n.files > 0 {
		add("left out %s for which there was no space; --max-bytes allows more", counted(n.files, "file"))
	}
	if other := len(n.Left) + n.MoreLeft - n.files; other > 0 {
		add("left out %s for which there was no space; --max-bytes allows more", counted(other, "other part"))
	}
	if n.Unread > 0 {
		add("left out %s that cannot be read; 'runs verify' says why", counted(n.Unread, "part"))
	}
	if n.Running > 0 {
		add("%s still running: the page shows what was recorded until now", isOrAre(n.Running, "run"))
	}
	return lines
}

func isOrAre(n int, what string) string {
	if n == 1 {
		return "1 " + what + " is"
	}
	return grouped(int64(n)) + " " + what + "s are"
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return grouped(int64(n)) + " " + what + "s"
}

// grouped writes a number with commas between thousands.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
