package query

import (
	"maps"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
)

// habits lists words for runs that people bring from Git and other trackers, and the selector that means the same.
var habits = []struct{ words, selector string }{
	{"latest newest recent current head tip now", "last"},
	{"prev previous before last^ head^ head~1 head~ @{1} last-1 latest~1 -1", "last~1"},
	{"head^^ head~2 last^^ last-2 -2", "last~2"},
	{"best top winner", "best=METRIC"},
	{"baseline", "group=GROUP"},
}

// suggest returns the next step for a text that names no run.
func (s Selector) suggest(runs []Row) string {
	const list = "run 'runs ls' to list the runs"
	for _, h := range habits {
		if slices.Contains(strings.Fields(h.words), strings.ToLower(s.arg)) {
			return "did you mean " + h.selector + "?"
		}
	}
	if strings.ContainsAny(s.arg, "<>=!") || strings.Contains(s.arg, " and ") || strings.Contains(s.arg, " or ") {
		return "run 'runs ls -w EXPRESSION' to filter runs by an expression"
	}
	if strings.Contains(s.arg, "..") {
		return "name both runs: 'runs diff A B'"
	}
	var names []string
	for _, r := range runs {
		switch s.arg {
		case r.Group():
			return "did you mean group=" + s.arg + "?"
		case r.Experiment():
			return "did you mean last=" + s.arg + ", the newest run of that experiment? 'runs ls -e " + s.arg + "' lists them"
		}
		if near(r.Name(), s.arg) && !slices.Contains(names, r.Name()) && len(names) < 3 {
			names = append(names, r.Name())
		}
	}
	if len(names) > 0 {
		return "did you mean " + strings.Join(names, " or ") + "? " + list
	}
	return list
}

// suggestMetric returns the next step for a metric that no run has.
func (s Selector) suggestMetric(runs []Row) string {
	all := map[string]bool{}
	for _, r := range runs {
		for key := range r.Metrics() {
			all[key] = true
		}
	}
	keys := slices.Sorted(maps.Keys(all))
	for _, key := range keys {
		if near(key, s.arg) || strings.HasSuffix(key, "/"+s.arg) {
			return "did you mean best=" + key + "?"
		}
	}
	if len(keys) == 0 {
		return ""
	}
	return "the metrics are: " + Names(all)
}

// near reports whether a typed word may be a slip for a name.
func near(name, typed string) bool {
	return name != "" && len(name) < 100 && format.EditDistance(strings.ToLower(name), strings.ToLower(typed)) <=
		max(1, len(typed)/4)
}

// SuggestForm returns the selector that was probably meant where a colon was typed for an equals sign, as in group:big.
// It is empty if no selector begins with the word before the colon.
func (s Selector) SuggestForm() string {
	switch word := strings.ToLower(s.Rev); word {
	case "group", "best", "last", "name":
		return word + "=" + s.text[len(s.Rev)+1:]
	case "experiment", "exp":
		return "last=" + s.text[len(s.Rev)+1:]
	}
	return ""
}
