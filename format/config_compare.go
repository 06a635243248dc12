package format

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The values of a metric that may stand for a run in a comparison.
const (
	LastValue   = "last"    // the value of the last point
	BestValue   = "best"    // the best value by the goal, over all points
	ValueAtBest = "at-best" // the value at the step where another metric is best
)

// CompareValues are the values that `compare.value` and `diff --value` allow.
var CompareValues = []string{LastValue, BestValue, ValueAtBest}

// CheckCompareValue returns an error that says why a value and the metric to select by do not go together, or nil. An
// empty value leaves the choice to the runs.
func CheckCompareValue(value, selectBy string) error {
	switch {
	case value != "" && !slices.Contains(CompareValues, value):
		return fmt.Errorf("%.40q is not one of %s", value, strings.Join(CompareValues, ", "))
	case value == ValueAtBest && selectBy == "":
		return errors.New("at-best requires select_by, the metric whose best step counts")
	case value != ValueAtBest && selectBy != "":
		return errors.New("select_by requires the value at-best")
	case selectBy != "":
		return CheckKey(selectBy)
	}
	return nil
}

func (c *Config) readCompare(s table) {
	if s.has("level") {
		if c.Compare.Level = s.float("level"); !(c.Compare.Level > 0 && c.Compare.Level < 0.5) {
			s.fail(s.at("level"), "must be between 0 and 0.5")
		}
	}
	c.Compare.Value, c.Compare.SelectBy = s.optional("value"), s.optional("select_by")
	if err := CheckCompareValue(c.Compare.Value, c.Compare.SelectBy); err != nil {
		s.fail(s.at("value"), "%v", err)
	}
	s.ignoreUnknown()
}

// CompareValueIn returns a function that returns which value of a metric is compared, LastValue or BestValue, where
// the settings do not choose one. The first run that defines a summary of the metric decides. A summary that asks for
// the last value, or for none of the two, gives LastValue.
func CompareValueIn(runs ...*Run) func(metric, goal string) string {
	var defining []*Run
	for _, r := range runs {
		if len(r.Defined) > 0 {
			defining = append(defining, r)
		}
	}
	return func(metric, goal string) string {
		for _, r := range defining {
			if d, ok := r.Definition(metric); ok && d.Summary != "" {
				return d.compareValue(goal)
			}
		}
		return LastValue
	}
}

func (d Definition) compareValue(goal string) string {
	words := strings.Split(d.Summary, ",")
	best := slices.Contains(words, "best") || goal != "" && slices.Contains(words, goal)
	if best && !slices.Contains(words, LastValue) {
		return BestValue
	}
	return LastValue
}
