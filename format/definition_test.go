package format

import "testing"

func TestDefinition(t *testing.T) {
	run := &Run{
		Defined: []Definition{
			{Name: "train/*", Goal: "min"}, {Name: "train/acc", Goal: "max"}, {Name: "*/x*y", Goal: "max"}, {Name: "a*a"},
		},
	}
	for _, c := range []struct {
		metric, name string
	}{
		{"train/loss", "train/*"},
		{"train/acc", "train/acc"},
		{"train/a/b", "train/*"},
		{"train/", "train/*"},
		{"train", ""},
		{"val/xzzy", "*/x*y"},
		{"val/xy", "*/x*y"},
		{"val/x", ""},
		{"aa", "a*a"},
		{"a", ""},
	} {
		if d, ok := run.Definition(c.metric); d.Name != c.name || ok != (c.name != "") {
			t.Errorf("%s: %q, want %q", c.metric, d.Name, c.name)
		}
	}
}

func TestGoalIn(t *testing.T) {
	config := DefaultConfig()
	config.Metrics = map[string]MetricConfig{"set": {Goal: "min"}}
	newer := &Run{Defined: []Definition{{Name: "set", Goal: "max"}, {Name: "loss", Goal: "max"}, {Name: "acc"}}}
	older := &Run{Defined: []Definition{{Name: "*", Goal: "min"}}}
	for _, c := range []struct {
		runs         []*Run
		metric, want string
	}{
		{nil, "loss", "min"},
		{[]*Run{newer, older}, "set", "min"},
		{[]*Run{newer, older}, "loss", "max"},
		{[]*Run{{}, newer}, "acc", "max"},
		{[]*Run{newer, older}, "acc", "min"},
		{[]*Run{newer, older}, "anything", "min"},
	} {
		if got := config.GoalIn(c.runs...)(c.metric); got != c.want {
			t.Errorf("%s: %q, want %q", c.metric, got, c.want)
		}
	}
}
