package format

import (
	"fmt"
	"slices"
	"strings"
)

// Definition is an entry [[defined]] of run.toml. It says how a program wants a metric to be read. Name may be a
// pattern in which * matches any characters, including slashes.
type Definition struct {
	Name       string
	StepMetric string // the metric that is its x axis
	StepSync   bool   // a point without a value on the x axis takes the last one logged there
	Hidden     bool
	Summary    string // which values summarize the metric: summaryWords, separated by commas
	Goal       string // GoalMin, GoalMax or ""
}

// summaryWords lists the kinds of values that may summarize a metric.
var summaryWords = []string{"min", "max", "mean", "last", "first", "best", "copy", "none"}

func (d Definition) tree() object {
	var o object
	o.add("name", d.Name)
	o.addText("step_metric", d.StepMetric)
	if d.StepSync {
		o.add("step_sync", true)
	}
	if d.Hidden {
		o.add("hidden", true)
	}
	o.addText("summary", d.Summary)
	o.addText("goal", d.Goal)
	return o
}

// check returns the first key with an invalid value, and why it is invalid.
func (d Definition) check() (key string, err error) {
	if err := CheckKey(d.Name); err != nil {
		return "name", err
	}
	if d.StepMetric != "" {
		if err := CheckKey(d.StepMetric); err != nil {
			return "step_metric", err
		}
	}
	if d.Summary != "" {
		for word := range strings.SplitSeq(d.Summary, ",") {
			if !slices.Contains(summaryWords, word) {
				return "summary", fmt.Errorf("%.40q is not one of %s", word, strings.Join(summaryWords, ", "))
			}
		}
	}
	if d.Goal != "" && d.Goal != GoalMin && d.Goal != GoalMax {
		return "goal", fmt.Errorf("%.40q is neither min nor max", d.Goal)
	}
	return "", nil
}

func readDefinition(t table) Definition {
	d := Definition{
		Name: t.needText("name"), StepMetric: t.text("step_metric"), StepSync: t.boolean("step_sync"),
		Hidden: t.boolean("hidden"), Summary: t.text("summary"), Goal: t.text("goal"),
	}
	if key, err := d.check(); err != nil {
		t.fail(t.at(key), "%v", err)
	}
	return d
}

// Definition returns the definition of a metric: the one with the metric's name, or otherwise the first one whose
// pattern matches.
func (r *Run) Definition(metric string) (Definition, bool) {
	i := slices.IndexFunc(r.Defined, func(d Definition) bool { return d.Name == metric })
	if i < 0 {
		i = slices.IndexFunc(r.Defined, func(d Definition) bool {
			return strings.Contains(d.Name, "*") && matchStars(d.Name, metric)
		})
	}
	if i < 0 {
		return Definition{}, false
	}
	return r.Defined[i], true
}

// matchStars reports whether name matches pattern, in which * matches any characters.
func matchStars(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	if !strings.HasPrefix(name, parts[0]) {
		return false
	}
	name = name[len(parts[0]):]
	last := parts[len(parts)-1]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(name, part)
		if i < 0 {
			return false
		}
		name = name[i+len(part):]
	}
	return strings.HasSuffix(name, last)
}
