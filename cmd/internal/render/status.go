package render

import (
	"time"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// idleAfter is how long a run in progress is silent before it is shown as idle.
const idleAfter = time.Hour

// Status shows the status of a run in a list: of a run in progress for how long it has been running or silent, and
// whether its process seems to have died.
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
	switch e.Status {
	case format.Finished:
		return terminal.Cell{Text: "finished", Style: terminal.Green}
	case format.Killed:
		return terminal.Cell{Text: "killed", Style: terminal.Yellow}
	}
	return terminal.Cell{Text: string(e.Status), Style: terminal.Red}
}
