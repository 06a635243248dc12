package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/tensorboard"
)

// importEventFiles adds the run's TensorBoard event files to the run and reports the result. A failure is only
// reported: the program has ended by then.
func (a *app) importEventFiles(ctx context.Context, active *repo.Active, q tensorboard.Search) {
	counts, err := tensorboard.ImportInto(context.WithoutCancel(ctx), active, q)
	if err != nil {
		a.progress("runs: %v", err)
		return
	}
	for _, w := range counts.Warnings {
		a.progress("runs: %s", w)
	}
	if !counts.Empty() {
		a.progress("runs: imported %s: %s", plural(counts.Files, "TensorBoard event file"), countsText(counts))
	}
}

// countsText describes what was imported.
func countsText(c *tensorboard.Counts) string {
	var parts []string
	if c.Points > 0 {
		parts = append(parts, fmt.Sprintf("%s of %s", plural(int(c.Points), "point"), plural(c.Keys, "metric")))
	}
	for _, p := range []struct {
		n    int
		what string
	}{{c.Params, "param"}, {c.Texts, "text"}, {c.Histograms, "histogram"}, {c.Media, "image"}} {
		if p.n > 0 {
			parts = append(parts, plural(p.n, p.what))
		}
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}
