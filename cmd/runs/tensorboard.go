package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/tensorboard"
)

// takeOver adds to the run what the event files say that it wrote, and says so. A problem of them is none of the program.
func (a *app) takeOver(ctx context.Context, active *repo.Active, q tensorboard.Request) {
	counts, err := tensorboard.TakeOver(context.WithoutCancel(ctx), active, q)
	if err != nil {
		a.progress("runs: %v", err)
		return
	}
	for _, w := range counts.Warnings {
		a.progress("runs: %s", w)
	}
	if !counts.None() {
		a.progress("runs: took over from %s of TensorBoard: %s", plural(counts.Files, "event file"), countsText(counts))
	}
}

// countsText is what was taken, in words.
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
