package share

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gitruns/runs/format"
)

// maxMessageRuns is the largest number of runs that a message lists.
const maxMessageRuns = 200

// Summary describes the commit in one line.
func (c *Committed) Summary() string {
	var parts []string
	if n := len(c.Runs); n > 0 {
		text := "add " + count(n, "run")
		if experiment := c.Runs[0].Experiment; experiment != "" &&
			!slices.ContainsFunc(c.Runs, func(r CommittedRun) bool { return r.Experiment != experiment }) {
			text += " of " + experiment
		}
		if n == 1 && c.Runs[0].Name != "" {
			text += ": " + c.Runs[0].Name
		}
		parts = append(parts, text)
	}
	if c.Notes > 0 {
		parts = append(parts, "add "+count(c.Notes, "note"))
	}
	if c.Experiments > 0 && len(c.Runs) == 0 {
		parts = append(parts, "update "+count(c.Experiments, "experiment"))
	}
	switch n := len(c.Versions); {
	case c.Doing != "":
		parts = append([]string{c.Doing}, parts...)
	case n == 1:
		parts = append(parts, "register "+c.Versions[0])
	case n > 1:
		parts = append(parts, "register "+count(n, "version")+" of models")
	case c.Models > 0:
		parts = append(parts, "update "+count(c.Models, "file")+" of models")
	}
	if n := len(c.Redacted); n > 0 {
		parts = append(parts, "redact "+count(n, "run"))
	}
	if n := len(c.Removed); n > 0 {
		parts = append(parts, "remove "+count(n, "run"))
	}
	if n := len(c.Mended); n > 0 {
		parts = append(parts, "bring back "+count(n, "shared file"))
	}
	return oneLine(strings.Join(parts, ", "))
}

// message returns the whole message: the summary, and one line per run with its key metrics.
func (c *Committed) message() string {
	var b strings.Builder
	b.WriteString("runs: " + c.Summary() + "\n")
	if len(c.Runs)+len(c.Removed)+len(c.Redacted) > 0 {
		b.WriteString("\n")
	}
	for i, e := range c.Runs {
		if i == maxMessageRuns {
			fmt.Fprintf(&b, "and %d more\n", len(c.Runs)-i)
			break
		}
		b.WriteString(oneLine(e.ID + e.line))
		b.WriteString("\n")
	}
	for i, id := range c.Redacted {
		if i == maxMessageRuns {
			fmt.Fprintf(&b, "and %d more redacted\n", len(c.Redacted)-i)
			break
		}
		b.WriteString("redacted " + id + "\n")
	}
	for i, id := range c.Removed {
		if i == maxMessageRuns {
			fmt.Fprintf(&b, "and %d more removed\n", len(c.Removed)-i)
			break
		}
		b.WriteString("removed " + id + "\n")
	}
	return b.String()
}

// runWords returns the name, status and key metrics of a run.
func runWords(run *format.Run, config *format.Config) string {
	text := ""
	if run.Name != "" {
		text += " " + run.Name
	}
	if run.Status != format.Finished {
		text += " (" + string(run.Status) + ")"
	}
	keys := slices.Sorted(maps.Keys(run.Metrics))
	if _, ok := run.Metrics[config.Primary]; ok {
		keys = slices.DeleteFunc(keys, func(k string) bool { return k == config.Primary })
		keys = append([]string{config.Primary}, keys...)
	}
	for _, key := range keys[:min(len(keys), 3)] {
		text += " " + key + "=" + strconv.FormatFloat(run.Metrics[key].Last, 'g', 5, 64)
	}
	return text
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// oneLine turns a text into one line of at most 200 characters. It replaces invisible characters with spaces.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if format.IsHidden(r) {
			return ' '
		}
		return r
	}, s)
	if runes := []rune(s); len(runes) > 200 {
		s = string(runes[:199]) + "…"
	}
	return s
}
