package render

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/review"
)

func side(name string, n int) *review.Side {
	s := &review.Side{}
	for i := range n {
		s.Entries = append(s.Entries, &repo.Entry{Run: &format.Run{ID: fmt.Sprintf("id%d", i), Name: name}})
	}
	return s
}

func report(runs int) *review.Report {
	v := &review.Report{Base: "main", Metric: "rmse", Goal: "min", Baseline: side("base", 1)}
	for i := range runs {
		m := &diff.Metric{
			Key: "rmse", A: &diff.Level{Value: 4, N: 1}, B: &diff.Level{Value: 2, N: 1},
			Delta: -2, Relative: -0.5, Verdict: diff.Better, Why: diff.OneRunEach,
		}
		n := 1 + i%2
		v.Groups = append(v.Groups, review.Group{Side: side(fmt.Sprintf("run%d", i), n), Mean: 2, N: n, Compared: m})
	}
	return v
}

func TestHeadline(t *testing.T) {
	without := report(1)
	without.Baseline, without.Groups[0].Compared = nil, nil
	uncompared := report(2)
	uncompared.Groups[0].Compared = nil
	for _, c := range []struct {
		report *review.Report
		want   string
	}{
		{report(0), "no run of this branch has rmse"},
		{report(1), "rmse: better (1 run each), 4 → 2"},
		{without, "1 run, but no run with rmse on main to compare with"},
		{uncompared, "3 runs"},
	} {
		if got := (Review{c.report}).Headline(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestReviewWrite(t *testing.T) {
	v := report(2)
	v.Findings = []review.Finding{
		{Kind: review.Unsuccessful, Count: 1, Lost: lost("failed", "x")}, {Kind: review.OtherData, Name: "d\x1b[2J"},
	}
	var b bytes.Buffer
	if err := (Review{v}).Write(&b, terminal.Test(&b, &b, 80, false)); err != nil {
		t.Fatal(err)
	}
	want := `rmse: better (1 run each), 4 → 2

RUN                  rmse  CHANGE          VERDICT
base, the baseline      4
run0                    2      -2  -50.0%  better (1 run each)
run1                2 (2)      -2  -50.0%  better (1 run each)

! left out 1 unsuccessful run: x (failed)
! dataset d␛[2J differs from the baseline's
`
	if got := b.String(); got != want {
		t.Errorf("%s, want\n%s", got, want)
	}
}

// TestReviewMarkdownIsBounded: a comment is never longer than forges take, and names what it leaves out.
func TestReviewMarkdownIsBounded(t *testing.T) {
	v := report(maxGroups + 7)
	for range maxFindings + 3 {
		v.Findings = append(v.Findings, review.Finding{Kind: review.OtherData, Name: strings.Repeat("x", 5000)})
	}
	v.Curves = [2][]format.Point{{{Value: 1}, {Value: 2}}, {{Value: 2}, {Value: 1}}}
	v.Comparison = &diff.Comparison{Summary: []diff.Value{{Key: "k", A: "", B: strings.Repeat("<", 50_000)}}}
	var b strings.Builder
	if err := (Review{v}).Markdown(&b); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	if len(got) > maxComment+200 {
		t.Errorf("%d bytes", len(got))
	}
	for _, want := range []string{
		reviewMark, "… 7 more\n", "- … 3 more\n", "    line [2.000000, 1.000000]\n", "\nPart of the report is left out",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
	if strings.Contains(got, "<details>") {
		t.Error("a part is cut in the middle")
	}
	v.Comparison, v.Findings = nil, nil
	b.Reset()
	if err := (Review{v}).Markdown(&b); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "left out") {
		t.Errorf("nothing is left out of %s", b.String())
	}
}
