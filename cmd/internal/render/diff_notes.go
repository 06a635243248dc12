package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
)

// maxNamed is how many runs or metrics a note names.
const maxNamed = 10

// MetricNotes returns what a reader must know about the table of metrics, one sentence per line: which value was
// compared, what was tested and how, and which runs do not count.
func MetricNotes(c *diff.Comparison) []string {
	notes := []string{comparedNote(c.Metrics)}
	if c.Tests != nil {
		notes = append(notes, testsNote(c.Tests))
	}
	for _, m := range c.Metrics {
		if m.Uneven {
			notes = append(notes, fmt.Sprintf("%s: a is the %s points of each run, b the %s; "+
				"more points give a better best value by chance, so compare the last values (--value last)",
				m.Key, pointsText(m.A, m), pointsText(m.B, m)))
		}
	}
	if keys := metricsWith(c.Metrics, diff.NoSpread); len(keys) > 0 {
		notes = append(notes, "no spread: the runs of each group have the same "+names(keys)+
			", so that no test can tell the difference from chance")
	}
	if metricsWith(c.Metrics, diff.TooFewForMany) != nil {
		notes = append(notes, "too few runs to test several metrics: record 4 or more seeds per group, "+
			"set the primary metric, or compare one metric (--metrics)")
	}
	notes = append(notes, lostNotes(c.Metrics)...)
	if len(c.Mixed) > 0 {
		notes = append(notes, mixed(c.Mixed))
	}
	return notes
}

func metricsWith(list []diff.Metric, why diff.Reason) []string {
	var keys []string
	for _, m := range list {
		if m.Why == why {
			keys = append(keys, m.Key)
		}
	}
	return keys
}

// names joins some of the names.
func names(keys []string) string {
	if len(keys) > maxNamed {
		return strings.Join(keys[:maxNamed], ", ") + fmt.Sprintf(" and %d more", len(keys)-maxNamed)
	}
	return strings.Join(keys, ", ")
}

// comparedNote says which value of each run was compared.
func comparedNote(list []diff.Metric) string {
	var last, best []string
	by := ""
	for _, m := range list {
		switch label := ComparedLabel("", m); {
		case label == "":
			last = append(last, m.Key)
		case m.Choice.Value == format.ValueAtBest:
			by = m.Choice.SelectBy
		default:
			best = append(best, m.Key)
		}
	}
	switch {
	case by != "":
		return "compared: the value of each run at its best " + by
	case len(best) == 0:
		return "compared: the last value of each run"
	case len(last) == 0:
		return "compared: the best value of each run"
	}
	return "compared: the last value of each run, but the best " + names(best)
}

// testsNote says what was tested, and at which level.
func testsNote(t *diff.Tests) string {
	level := terminal.Number(t.Level)
	switch others := t.Count - 1; {
	case t.Closed:
		return fmt.Sprintf("1 metric tested at %s: %s, the primary metric; "+
			"it shows no difference, so the others were not tested", level, t.Primary)
	case t.Primary != "" && others > 0:
		return fmt.Sprintf("%d metrics tested at %s: %s, the primary metric, then %s by Holm's method",
			t.Count, level, t.Primary, terminal.Count(int64(others), "other"))
	case t.Count > 1:
		return fmt.Sprintf("%d metrics tested at %s by Holm's method", t.Count, level)
	}
	return "1 metric tested at " + level
}

// lostNotes names the runs that do not count, once for all metrics for which they are the same.
func lostNotes(list []diff.Metric) []string {
	var notes, keys []string // keys of the metrics by the note
	of := map[string][]string{}
	for _, m := range list {
		for i, l := range []*diff.Level{m.A, m.B} {
			single := l != nil && l.N+len(l.Lost) == 1
			if l == nil || len(l.Lost) == 0 || single && m.Why == diff.NotANumber { // the table shows NaN
				continue
			}
			text := fmt.Sprintf("%s: %d of %d runs do not count: %s",
				"ab"[i:i+1], len(l.Lost), l.N+len(l.Lost), lostText(l.Lost))
			if of[text] == nil {
				keys = append(keys, text)
			}
			of[text] = append(of[text], m.Key)
		}
	}
	for _, text := range keys {
		if metrics := of[text]; len(metrics) < len(list) {
			text = strings.Replace(text, " do not count", " do not count in "+names(metrics), 1)
		}
		notes = append(notes, text)
	}
	return notes
}

// lostText names runs with the reason why they do not count: by their names if these are distinct, otherwise by ids.
func lostText(list []diff.Lost) string {
	seen := map[string]bool{"": true}
	distinct := !slices.ContainsFunc(list, func(r diff.Lost) bool {
		again := seen[r.Run.Name]
		seen[r.Run.Name] = true
		return again
	})
	var words []string
	for i, r := range list {
		if i == maxNamed {
			words = append(words, fmt.Sprintf("%d more", len(list)-i))
			break
		}
		name := format.IDRandom(r.Run.ID)
		if distinct {
			name = r.Run.Name
		}
		words = append(words, name+" ("+string(r.Why)+")")
	}
	return strings.Join(words, ", ")
}
