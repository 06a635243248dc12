package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/tensorboard"
)

// importEventFiles imports the TensorBoard event files of the run and prints the result. It prints errors instead of
// returning them, because the program has already ended.
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

// countsText lists how much was imported of each kind.
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
