package format

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestInitialConfigIsTheDefault(t *testing.T) {
	got, err := DecodeConfig("config.toml", []byte(InitialConfig))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(DefaultConfig(), got); d != "" {
		t.Error(d)
	}
	// Without the comment signs the same file sets every key to its default, but for the examples of a metric and a
	// dataset.
	var shown []string
	for line := range strings.SplitSeq(InitialConfig, "\n") {
		if key := strings.TrimPrefix(line, "# "); strings.Contains(key, " = ") || strings.HasPrefix(key, "[") {
			key, _, _ = strings.Cut(key, " # ")
			shown = append(shown, key)
		}
	}
	got, err = DecodeConfig("config.toml", []byte(strings.Join(shown, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	if got.Metrics["rmse"].Goal != "min" {
		t.Error("the example of a goal is not read")
	}
	if got.Datasets["train"].Hash != HashContent {
		t.Error("the example of a dataset is not read")
	}
	if len(got.Checks) != 1 || got.Checks[0].Baseline != "main:best(rmse)" || !got.Checks[0].Percent {
		t.Errorf("the example of a check is read as %+v", got.Checks)
	}
	if a := got.Secrets.Allow; len(a) != 1 || !a[0].Allows("0123456789abcdef", "jwt", "sources/x.patch", "docs/a/b.md") ||
		a[0].Allows("0123456789abcdef", "jwt", "sources/x.patch", "src/b.md") {
		t.Errorf("the example of an allowed find is read as %+v", a)
	}
	if d := cmp.Diff([]Filter{{"good", "metrics.rmse < 0.8 and status = finished"}}, got.Filters); d != "" {
		t.Errorf("the example of a filter: %s", d)
	}
	lr := "0.1"
	if d := cmp.Diff(ProjectConfig{PythonEnv: "python_env.yaml", Entries: map[string]ProjectEntry{"main": {
		"python train.py {lr}", []ProjectParameter{{"lr", "float", &lr}},
	}}}, got.Project); d != "" {
		t.Errorf("the example of a project: %s", d)
	}
	got.Project = ProjectConfig{}
	got.Metrics, got.Datasets, got.Checks, got.Secrets.Allow, got.Filters = nil, nil, nil, nil, nil
	got.Replicates.Seeds, got.Source.Exclude, got.Environment.Variables, got.Commit.Include = nil, nil, nil, nil
	if d := cmp.Diff(DefaultConfig(), got); d != "" {
		t.Errorf("the defaults shown are not the defaults:\n%s", d)
	}
	for _, key := range configKeys() {
		parts := strings.Split(strings.ReplaceAll(key, ".NAME", ".good"), ".")
		if !strings.Contains(InitialConfig, parts[len(parts)-1]+" = ") {
			t.Errorf("%s is not shown", key)
		}
	}
}

// TestConfigPage holds the page about config.toml to the keys that there are.
func TestConfigPage(t *testing.T) {
	page, err := os.ReadFile("../cmd/runs/docs/config.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range configKeys() {
		if !strings.Contains(string(page), "`"+key+"`") {
			t.Errorf("config.md does not describe %s", key)
		}
	}
}

func TestDecodeConfig(t *testing.T) {
	c, err := DecodeConfig("config.toml", []byte(`experiment = "penguins"
primary = "val/loss"
[metric."val/loss"]
goal = "max"
[console]
max_bytes = "64 KiB"
[system]
interval = "1m"
enabled = false
[replicates]
seeds = ["fold"]
[environment]
variables = ["MY_*", "AWS*", "TZ"]
[filters]
"not done" = "status != finished"
a = "acc > 0.9"
[[secrets.allow]]
reason = "revoked"
path = "**"
rule = "jwt"
[[secrets.allow]]
reason = "examples"
path = "docs/**"
`))
	if err != nil {
		t.Fatal(err)
	}
	if c.Goal("val/loss") != "max" || c.Goal("train/loss") != "min" || c.Console.MaxBytes != 65536 ||
		c.System.Interval != time.Minute || c.System.Enabled {
		t.Errorf("%+v", c)
	}
	if d := cmp.Diff([]string{"fold"}, c.Replicates.Seeds); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]Filter{{"not done", "status != finished"}, {"a", "acc > 0.9"}}, c.Filters); d != "" {
		t.Error("filters keep the order of the file:", d)
	}
}

// TestUnknownSettings: a key that is not known has no effect, is named with its line, and hides nothing else.
func TestUnknownSettings(t *testing.T) {
	c, err := DecodeConfig("config.toml", []byte(`
experimnt = 'x'
primary = "acc"
zzz = {deep = [1]}
requires = ["pack", "write:sign"]

[[check]]
metric = "acc"
max_regresion = 1

[[check]]
max_time = "2h" # a rule of another version

[[secrets.allow]]
reason = "limited in a way that this version does not know"
rule = "jwt"
until = 2026-11-23

[[secrets.allow]]
reason = "known"
rule = "jwt"

[metric.rmse]
gaol = 'min'

[system]
points = 5
[sytem]
points = 7
[system.fans]
speed = 1
`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range c.Unknown {
		got = append(got, u.String())
	}
	want := []string{
		"config.toml:2: experimnt: unknown key; did you mean experiment?",
		"config.toml:4: zzz: unknown key; the known ones are experiment, primary, metric, replicates, console, system, " +
			"tensorboard, source, dataset, environment, data, compare, filters, commit, artifacts, secrets, project, check, " +
			"requires",
		"config.toml:9: check[0].max_regresion: unknown key; did you mean max_regression?",
		"config.toml:12: check[1].max_time: unknown key; the known ones are metric, baseline, max_regression, min_runs, " +
			"require, paths",
		"config.toml:17: secrets.allow[0].until: unknown key; the known ones are reason, fingerprint, path, rule",
		"config.toml:24: metric.rmse.gaol: unknown key; did you mean goal?",
		"config.toml:28: sytem: unknown key; did you mean system?",
		"config.toml:30: system.fans: unknown key; the known ones are enabled, interval, points",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if c.Primary != "acc" || c.System.Points != 5 || len(c.Checks) != 1 || len(c.Secrets.Allow) != 1 ||
		c.Secrets.Allow[0].Reason != "known" {
		t.Errorf("%+v", c)
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{c.Readable(), `config.toml:5: requires: reading requires "pack", which this version of runs does not know; upgrade`},
		{c.Writable(), `config.toml:5: requires: writing requires "pack", "write:sign", which this version of runs does not`},
		{DefaultConfig().Writable(), ""},
	} {
		if c.err == nil && c.want != "" || c.err != nil && (c.want == "" || !strings.HasPrefix(c.err.Error(), c.want)) {
			t.Errorf("%v, want %s", c.err, c.want)
		}
	}
}

func TestDecodeConfigWrong(t *testing.T) {
	for _, c := range []struct{ text, reason string }{
		{"[metric.rmse]\ngoal = 'down'", `config.toml:2: metric.rmse.goal: "down" is neither min nor max`},
		{"[compare]\nvalue = 'first'", `config.toml:2: compare.value: "first" is not one of last, best, at-best`},
		{"[compare]\nvalue = 'at-best'", "compare.value: at-best requires select_by"},
		{"[compare]\nvalue = 'best'\nselect_by = 'loss'", "compare.value: select_by requires the value at-best"},
		{"[system]\npoints = 1", "config.toml:2: system.points: must be between 2 and 1000000, got 1"},
		{"[system]\ninterval = 15", "system.interval: must be a string, got an integer"},
		{"[system]\ninterval = 'often'", "is not a duration"},
		{"[console]\nmax_bytes = '10 XB'", "is not a size"},
		{"a = ", "config.toml:1:"},
		{
			"[environment]\nvariables = ['MY_*', '*']",
			`config.toml:2: environment.variables: "*" matches too much: a pattern must begin with at least 3 characters`,
		},
		{"[environment]\nvariables = ['?W?_*']", "matches too much"},
		{"[environment]\nvariables = ['[A-Z]*']", "matches too much"},
		{"[environment]\nvariables = ['AW*']", "matches too much"},
		{"[[secrets.allow]]\nreason = 'x'\npath = '**'", `"**" names no file or folder of its own`},
		{"[[secrets.allow]]\nreason = 'x'\npath = '*'", "names no file or folder"},
		{"[[secrets.allow]]\nreason = 'x'\npath = '**/*'", "names no file or folder"},
		{"[[secrets.allow]]\nreason = 'x'\npath = '**/[!-~]*'", "names no file or folder"},
		{"[[secrets.allow]]\nreason = 'x'\npath = '2*/**'", "names no file or folder"},
		{"[[secrets.allow]]\nreason = 'x'\npath = '20[0-9]*/*/run.toml'", "names no file or folder"},
		{"[[secrets.allow]]\nreason = 'x'\npath = '**/*.py'", "names no file or folder"},
		{"[[secrets.allow]]\nreason = 'x'\npath = 'sources/*'", "names no file or folder"},
		{"[[secrets.allow]]\nreason = 'x'\npath = './**/'", "names no file or folder"},
	} {
		_, err := DecodeConfig("config.toml", []byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%q: error %v, want one with %q", c.text, err, c.reason)
		}
	}
}

func TestSetConfig(t *testing.T) {
	goal := []string{"metric", "rmse", "goal"}
	for _, c := range []struct {
		name, before string
		path         []string
		value        any
		want         string
	}{
		{"empty", "", goal, "min", "[metric.rmse]\ngoal = \"min\"\n"},
		{
			"in place", "# a\n[metric.rmse] # b\ngoal = \"max\"   # c\nx = 1\n", goal, "min",
			"# a\n[metric.rmse] # b\ngoal = \"min\"   # c\nx = 1\n",
		},
		{"dotted", "metric.rmse.goal = 'max' # c\n", goal, "min", "metric.rmse.goal = \"min\" # c\n"},
		{
			"inline", "metric = {rmse = {goal = 'max'}, a = {b = 1}}\n", goal, "min",
			"metric = {rmse = {goal = \"min\"}, a = {b = 1}}\n",
		},
		{"into inline", "metric = { a = {b = 1} }\n", goal, "min", "metric = { a = {b = 1}, rmse.goal = \"min\"}\n"},
		{
			"end of table", "[metric.rmse]\nunit = 'm' # x\n\n[system]\npoints = 5\n", goal, "min",
			"[metric.rmse]\nunit = 'm' # x\ngoal = \"min\"\n\n[system]\npoints = 5\n",
		},
		{"empty table", "[metric.rmse]\n# nothing\n", goal, "min", "[metric.rmse]\ngoal = \"min\"\n# nothing\n"},
		{
			"top", "# head\n\n[system]\npoints = 5\n",
			[]string{"primary"},
			"rmse",
			"# head\n\nprimary = \"rmse\"\n[system]\npoints = 5\n",
		},
		{
			"top behind", "experiment = 'a' # c\n\n[system]\n",
			[]string{"primary"},
			"rmse",
			"experiment = 'a' # c\nprimary = \"rmse\"\n\n[system]\n",
		},
		{
			"top before a table that is commented out", "# head\n\n# primary = ''\n\n# [system]\n# points = 5\n\n[metric.a]\n",
			[]string{"primary"},
			"rmse",
			"# head\n\n# primary = ''\nprimary = \"rmse\"\n\n# [system]\n# points = 5\n\n[metric.a]\n",
		},
		{"top of a comment", "# [[check]]", []string{"b"}, int64(2), "b = 2\n# [[check]]"},
		{"crlf", "a = 1\r\n", []string{"b"}, int64(2), "a = 1\r\nb = 2\r\n"},
		{"no newline", "a = 1", []string{"b"}, int64(2), "a = 1\nb = 2\n"},
		{
			"list over lines", "a = [\n  1, # one\n  2,\n] # end\nb = 1\n",
			[]string{"a"},
			[]any{int64(3)},
			"a = [3] # end\nb = 1\n",
		},
		{"odd name", "", []string{"metric", "val/loss", "goal"}, "min", "[metric.\"val/loss\"]\ngoal = \"min\"\n"},
		{"text with signs", "a = \"# [x] = {\" # c\n", []string{"b"}, int64(1), "a = \"# [x] = {\" # c\nb = 1\n"},
	} {
		got, err := SetConfig([]byte(c.before), c.path, c.value)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if d := cmp.Diff(c.want, string(got)); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
		again, err := SetConfig(got, c.path, c.value)
		if err != nil || string(again) != string(got) {
			t.Errorf("%s: setting the same value again changes the file: %v\n%s", c.name, err, again)
		}
	}
	for _, before := range []string{"metric = 1\n", "[[metric]]\nx = 1\n"} {
		if got, err := SetConfig([]byte(before), goal, "min"); err == nil {
			t.Errorf("%q became %q", before, got)
		}
	}
}

func FuzzSetConfig(f *testing.F) {
	f.Add([]byte(InitialConfig))
	f.Add([]byte("a = 1\n[metric.rmse]\ngoal = 'max' # x\n[[b]]\nc = \"\"\"x\n\"\"\"\n[[b]]\n"))
	f.Add([]byte("metric = {rmse = {goal = 'max'}}\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = DecodeConfig("config.toml", data)
		got, err := SetConfig(data, []string{"metric", "rmse", "goal"}, "min")
		if err != nil {
			return
		}
		again, err := SetConfig(got, []string{"metric", "rmse", "goal"}, "min")
		if err != nil || string(again) != string(got) {
			t.Fatalf("%q: then %q: %v", got, again, err)
		}
		if strings.Count(string(got), "#") < strings.Count(string(data), "#") && !strings.Contains(string(data), "goal") {
			t.Fatalf("a comment is gone: %q", got)
		}
	})
}

// TestSetConfigStaysBeforeTables: a key that is added to the first config.toml stays where it is if somebody removes
// comment signs after it.
func TestSetConfigStaysBeforeTables(t *testing.T) {
	for _, key := range []string{"experiment", "primary", "requires"} {
		var value any = "a"
		if key == "requires" {
			value = []any{BatchRequires}
		}
		edited, err := SetConfig([]byte(InitialConfig), []string{key}, value)
		if err != nil {
			t.Fatal(err)
		}
		open := strings.Replace(string(edited), "# [environment]\n# variables", "[environment]\nvariables", 1)
		open = strings.Replace(open, "# [system]\n", "[system]\n", 1)
		if _, err := DecodeConfig("config.toml", []byte(open)); err != nil {
			t.Errorf("%s: %v", key, err)
		}
		if !strings.Contains(open, "[environment]\nvariables") {
			t.Errorf("%s: the text has no [environment]", key)
		}
	}
}

// TestDecodeProject refuses tables [project] that say nothing that could run.
func TestDecodeProject(t *testing.T) {
	for text, want := range map[string]string{
		"[project]\npython_env = \"../x\"":                 `project.python_env: "../x" is not a path in the project`,
		"[project]\npython_env = \"a\"\nconda_env = \"b\"": "project.conda_env: cannot be combined with python_env",
		"[project.entry.main]":                             "project.entry.main.command: missing",
		"[project]\nentry = \"a\"":                         "project.entry: must be a table, got a string",
		"[project.entry]\nmain = \"a\"":                    "project.entry.main: must be a table, got a string",
		"[project.entry.m]\ncommand = \"a\"\nparameters.x = [1]": "project.entry.m.parameters.x: " +
			"must be a string, a number or a boolean, got a list",
		"[project.entry.m]\ncommand = \"a\"\nparameters.x.type = \"y\"": `project.entry.m.` +
			`parameters.x.type: "y" is not one ` + "of string, float, int, bool, path, uri",
	} {
		_, err := DecodeConfig("config.toml", []byte(text))
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}
