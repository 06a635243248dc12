package render

import (
	"errors"
	"strings"
	"testing"

	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/review"
)

// lost are runs with these names that are lost for one reason.
func lost(why diff.Loss, names ...string) []diff.Lost {
	var list []diff.Lost
	for _, name := range names {
		list = append(list, diff.Lost{Run: &format.Run{ID: "20261123-142530-aaaaaaaa", Name: name}, Why: why})
	}
	return list
}

func TestFinding(t *testing.T) {
	run := &format.Run{Name: "wide"}
	for _, c := range []struct {
		finding review.Finding
		want    string
	}{
		{review.Finding{}, ""},
		{
			review.Finding{Kind: review.Unsuccessful, Count: 1, Lost: lost("failed", "x")},
			"left out 1 unsuccessful run: x (failed)",
		},
		{
			review.Finding{Kind: review.Unsuccessful, Count: 2, Lost: lost("killed", "", "")},
			"left out 2 unsuccessful runs: aaaaaaaa (killed), aaaaaaaa (killed)",
		},
		{
			review.Finding{Kind: review.NotFinite, Count: 1, Name: "rmse", Lost: lost(diff.NaN, "x")},
			"left out 1 run without a finite rmse: x (NaN)",
		},
		{
			review.Finding{Kind: review.LostRuns, Name: "g", Of: 5, Lost: lost(diff.NaN, "s", "s")},
			"g: 2 of 5 runs do not count: aaaaaaaa (NaN), aaaaaaaa (NaN)",
		},
		{review.Finding{Kind: review.Damaged, Err: errors.New("x: missing")}, "left out a damaged run: x: missing"},
		{
			review.Finding{Kind: review.WithoutMetric, Count: 1, Name: "rmse"},
			"left out 1 run (without rmse, or resumed by another run)",
		},
		{review.Finding{Kind: review.OtherEnvironment, Count: 1}, "the environment differs from the baseline's in 1 place"},
		{review.Finding{Kind: review.OtherEnvironment, Count: 3}, "the environment differs from the baseline's in 3 places"},
		{review.Finding{Kind: review.FewerRuns, Count: 1, Of: 3}, "compares 1 run with 3 runs of the baseline"},
		{
			review.Finding{Kind: review.AllowsSecrets, Name: "rule jwt", Reason: "public"},
			`the branch allows secret findings with rule jwt: "public"`,
		},
		{review.Finding{Kind: review.SettingChanged, Name: "check"}, "the branch changes the setting check"},
		{
			review.Finding{Kind: review.SettingsUncompared, Err: errors.New("x: y")},
			"the settings of the branch cannot be compared with its base: x: y",
		},
		{review.Finding{Kind: review.Uncommitted, Run: run}, "wide was recorded with uncommitted changes"},
		{
			review.Finding{Kind: review.NotRestorable, Run: run, Reason: "1 file was left out"},
			"wide is not fully restorable: 1 file was left out",
		},
		{review.Finding{Kind: review.OtherData, Name: "train"}, "dataset train differs from the baseline's"},
		{
			review.Finding{Kind: review.OtherData, Name: "a", Noticed: true},
			"dataset a, which nobody has named, differs from the baseline's",
		},
		{
			review.Finding{Kind: review.InputsUnknown, Run: &format.Run{Name: "wide"}, Reason: "a.csv changed"},
			"not all data of wide is known: a.csv changed",
		},
		{review.Finding{Kind: review.SourceUnknown, Run: run}, "the source of wide was not recorded"},
		{
			review.Finding{Kind: review.CodeChanged, Run: run, Count: 1, Path: "a.py"},
			"the code has changed since wide: 1 file (a.py)",
		},
		{
			review.Finding{Kind: review.CodeChanged, Run: run, Count: 2, Path: "a.py"},
			"the code has changed since wide: 2 files (a.py, …)",
		},
		{review.Finding{Kind: review.CodeUncompared, Run: run, Err: errors.New("no such commit")}, "no such commit"},
		{review.Finding{Kind: review.RunCount, Count: 1, Of: 2}, "1 run, at least 2 required"},
		{review.Finding{Kind: review.NoBaseline, Name: "main:last"}, "main:last names no run"},
		{review.Finding{Kind: review.NoValue}, "the run has no value"},
		{review.Finding{Kind: review.NoMetric}, "neither the run nor the baseline has it"},
		{review.Finding{Kind: review.NoMetricOfRun}, "the run does not have it"},
		{review.Finding{Kind: review.NoMetricOfBaseline}, "the baseline does not have it"},
		{review.Finding{Kind: review.NotANumber}, "a value is not a number"},
		{review.Finding{Kind: review.NoGoal, Name: "x"}, "no goal is set; run 'runs goal x min' or 'runs goal x max'"},
		{
			review.Finding{Kind: review.MixedGroup, Keys: []string{"lr", "data"}},
			"no verdict: the runs of a group differ in lr, data",
		},
	} {
		if got := Finding(c.finding); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestOutcome(t *testing.T) {
	metric := func(a, b float64, v diff.Verdict) *diff.Metric {
		return &diff.Metric{A: &diff.Level{Value: a, N: 1}, B: &diff.Level{Value: b, N: 1}, Verdict: v, Why: diff.OneRunEach}
	}
	compared := review.Finding{Kind: review.Compared}
	for _, c := range []struct {
		outcome review.Outcome
		want    string
	}{
		{review.Outcome{Rule: "x", Finding: review.Finding{Kind: review.HasValue}, Value: 0.5}, "0.5"},
		{
			review.Outcome{Rule: "x", Finding: compared, Compared: metric(2, 1, diff.Better), Worse: -1, Allowed: 1},
			"1, baseline 2: better (1 run each)",
		},
		{
			review.Outcome{Rule: "x", Finding: compared, Compared: metric(2, 3, diff.Worse), Worse: 1, Allowed: 0.5},
			"3, baseline 2: worse (1 run each); worse by 1, 0.5 allowed",
		},
		{
			review.Outcome{
				Rule: "x", Finding: compared, Compared: metric(2, 3, diff.Worse), Worse: 1, Allowed: 10, Percent: true,
			},
			"3, baseline 2: worse (1 run each); worse by 1, 10% allowed",
		},
		{
			review.Outcome{
				Rule: "x", Finding: review.Finding{Kind: review.HasValue}, Value: 0.5, Lost: lost(diff.NaN, "", "a"),
			},
			"0.5; lost 2 runs: aaaaaaaa (NaN), aaaaaaaa (NaN)",
		},
		{
			review.Outcome{
				Rule: "x", Finding: compared, Compared: metric(2, 1, diff.Better), Worse: -1, Lost: lost("crashed", "a"),
			},
			"1, baseline 2: better (1 run each); lost 1 run: a (crashed)",
		},
		{review.Outcome{Rule: "clean", OK: true}, "recorded without uncommitted changes"},
		{review.Outcome{Rule: "restorable", OK: true}, "the source can be restored"},
		{review.Outcome{Rule: "same_data", OK: true}, "the data is the baseline's"},
		{review.Outcome{Rule: "current", OK: true}, "the code has not changed since"},
		{
			review.Outcome{Rule: "baseline", Finding: review.Finding{Kind: review.NoBaseline, Name: "last"}},
			"last names no run",
		},
	} {
		if got := Outcome(c.outcome); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	for _, name := range format.RequireNames { // a new requirement needs words of its own
		for _, other := range format.RequireNames {
			if name != other && met(name) == met(other) {
				t.Errorf("%s and %s: %q", name, other, met(name))
			}
		}
	}
}

func TestCheckWriters(t *testing.T) {
	v := Check{Title: "<b>", Outcomes: []review.Outcome{
		{Rule: "clean", OK: true},
		{Rule: "a|%\n", Finding: review.Finding{Kind: review.NoBaseline, Name: "100%"}},
	}}
	var b strings.Builder
	if err := v.GitHubAnnotations(&b); err != nil {
		t.Fatal(err)
	}
	if want := "::error title=runs check::a|%25⏎: 100%25 names no run\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
	b.Reset()
	if err := v.GitHubSummary(&b); err != nil {
		t.Fatal(err)
	}
	want := "### runs check: <code>&#60;b&#62;</code>\n\n| | rule | |\n|---|---|---|\n" +
		"| ✅ | <code>clean</code> | recorded without uncommitted changes |\n" +
		"| ❌ | <code>a&#124;&#37;⏎</code> | 100&#37; names no run |\n\n"
	if b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
	want = `{"message":"100% names no run","ok":false,"rule":"a|%\n"}`
	if got := string(format.AppendJSON(nil, v.JSON()[1])); got != want {
		t.Error(got)
	}
}
