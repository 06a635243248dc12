package format

import (
	"slices"
	"strconv"
	"strings"
)

// Check is an entry [[check]] of config.toml: a rule that runs must satisfy.
type Check struct {
	Metric        string
	Baseline      string   // selector
	MaxRegression float64  // how much worse the metric may be than that of the baseline
	Percent       bool     // MaxRegression is a percentage of the baseline
	MinRuns       int64    // replicates that the verdict needs
	Require       []string // of RequireNames
	Paths         []string // what "current" compares; empty is the whole tree
	Model, Stage  string   // the version that a branch puts into a stage, against the one that was in it
}

// RequireNames are the properties that a check may require of each run.
var RequireNames = []string{"clean", "restorable", "same_data", "current"}

// readCheck reads a rule. It returns false for a rule that demands only what this version does not know.
func readCheck(t table) (Check, bool) {
	c := Check{
		Metric: t.text("metric"), Baseline: t.text("baseline"), MinRuns: t.size("min_runs"), Require: t.texts("require"),
		Paths: t.texts("paths"), Model: t.text("model"), Stage: t.text("stage"),
	}
	switch v := t.m["max_regression"].(type) {
	case int64:
		c.MaxRegression = float64(v)
	case float64:
		c.MaxRegression = v
	case string:
		number, ok := strings.CutSuffix(strings.TrimSpace(v), "%")
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if !ok || err != nil {
			t.fail(t.at("max_regression"), "%q is not a number or a percentage", v)
		}
		c.MaxRegression, c.Percent = n, true
	case nil:
	default:
		t.fail(t.at("max_regression"), "must be a number, got %s", kindOf(v))
	}
	delete(t.m, "max_regression")
	unknown := len(t.m) > 0
	t.ignoreUnknown()
	switch {
	case !(c.MaxRegression >= 0 && c.MaxRegression < 1e300):
		t.fail(t.at("max_regression"), "must be finite and not negative")
	case c.Model == "" && c.Stage != "":
		t.fail(t.at("stage"), "requires a model")
	case c.Model != "" && c.Stage == "":
		t.fail(t.at("model"), "requires a stage")
	case c.Model != "" && c.Baseline != "":
		t.fail(t.at("baseline"), "cannot be combined with a model: its baseline is the version that was in the stage")
	case c.Metric == "" && c.MinRuns == 0 && len(c.Require) == 0 && c.Model == "" && unknown:
		return c, false
	case c.Metric == "" && c.MinRuns == 0 && len(c.Require) == 0 && c.Model == "":
		t.fail(t.path, "must have metric, min_runs, require or model")
	case slices.Contains(c.Require, "same_data") && c.Baseline == "" && c.Model == "":
		t.fail(t.at("require"), "same_data requires a baseline")
	}
	for _, name := range c.Require {
		if !slices.Contains(RequireNames, name) {
			t.fail(t.at("require"), "%q is not one of %s", name, strings.Join(RequireNames, ", "))
		}
	}
	if err := CheckModelName(c.Model); c.Model != "" && err != nil {
		t.fail(t.at("model"), "%v", err)
	}
	if err := CheckModelLabel("stage", c.Stage); c.Stage != "" && err != nil {
		t.fail(t.at("stage"), "%v", err)
	}
	for _, p := range c.Paths {
		if err := CheckPath(p); err != nil {
			t.fail(t.at("paths"), "%v", err)
		}
	}
	return c, true
}
