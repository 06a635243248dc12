package render

import (
	"time"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
)

// idleAfter is how long an active run must be silent to be shown as idle.
const idleAfter = time.Hour

// Status formats the status of a run for a list. For an active run it adds how long the run has been running or silent,
// or says that its process seems to have died.
func Status(e *repo.Entry, now time.Time) terminal.Cell {
	if e.Active != nil {
		running := terminal.Span(now.Sub(e.Started).Truncate(time.Second))
		silent := now.Sub(e.Silent)
		switch {
		case e.Life == repo.Gone:
			return terminal.Cell{Text: "crashed?", Style: terminal.Red}
		case (e.Life == repo.Elsewhere || e.Life == repo.Foreign) && silent > time.Minute:
			return terminal.Cell{Text: "running? silent " + terminal.Span(silent.Truncate(time.Second)), Style: terminal.Yellow}
		}
		if silent >= idleAfter {
			return terminal.Cell{Text: "idle " + terminal.Span(silent.Truncate(time.Minute)), Style: terminal.Yellow}
		}
		return terminal.Cell{Text: "running " + running, Style: terminal.Cyan}
	}
	return ended(e.Status)
}

// statusOf is like Status, for a row.
func statusOf(r *catalog.Row, now time.Time) terminal.Cell {
	if e := r.Entry(); e != nil {
		return Status(e, now)
	}
	return ended(r.Status())
}

func ended(status format.Status) terminal.Cell {
	switch status {
	case format.Finished:
		return terminal.Cell{Text: "finished", Style: terminal.Green}
	case format.Killed:
		return terminal.Cell{Text: "killed", Style: terminal.Yellow}
	}
	return terminal.Cell{Text: string(status), Style: terminal.Red}
}
