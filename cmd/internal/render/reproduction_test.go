package render

import (
	"bytes"
	"slices"
	"testing"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/review"
)

func TestReproduction(t *testing.T) {
	metric := func(key string, s diff.Sameness) review.ReproducedMetric {
		value := 1.5
		return review.ReproducedMetric{Key: key, A: &value, Series: diff.Series{
			Sameness: s, Points: [2]int{2, 2}, Common: 2, Relative: 0.25, Step: 1,
		}}
	}
	fewer := metric("few", diff.Different)
	fewer.Series.Points = [2]int{2, 1}
	for _, c := range []struct {
		metrics       []review.ReproducedMetric
		verdict, rows string
	}{
		{nil, "nothing to compare: wide recorded no metrics; it ran again", ""},
		{
			[]review.ReproducedMetric{metric("a", diff.Identical)},
			"reproduced: every point of every metric of wide is identical",
			"METRIC  RECORDED  REPRODUCED  VERDICT\na            1.5              identical\n",
		},
		{
			[]review.ReproducedMetric{metric("a", diff.Identical), metric("b", diff.Within)},
			"reproduced: every metric of wide is the same within 0.001",
			"METRIC  RECORDED  REPRODUCED  VERDICT\na            1.5              identical\n" +
				"b            1.5              within tolerance\n",
		},
		{
			[]review.ReproducedMetric{metric("a", diff.Identical), metric("b", diff.Different)},
			"not reproduced: 1 of 2 metrics of wide is different",
			"METRIC  RECORDED  REPRODUCED  VERDICT\na            1.5              identical\n" +
				"b            1.5              different by up to 25%, at step 1\n",
		},
		{
			[]review.ReproducedMetric{metric("a", diff.Missing), fewer},
			"not reproduced: 1 of 2 metrics of wide is different, and 1 was not logged",
			"METRIC  RECORDED  REPRODUCED  VERDICT\na            1.5              missing\n" +
				"few          1.5              different: 1 point, 2 recorded\n",
		},
		{
			[]review.ReproducedMetric{metric("a", diff.Missing)},
			"not reproduced: 0 of 1 metric of wide were logged",
			"METRIC  RECORDED  REPRODUCED  VERDICT\na            1.5              missing\n",
		},
	} {
		var b bytes.Buffer
		term := terminal.Test(&b, &b, 80, false)
		v := Reproduction{&review.Reproduction{
			Of: &repo.Entry{Run: &format.Run{Name: "wide"}}, Tolerance: 1e-3, Metrics: c.metrics,
		}}
		if err := v.WriteMetrics(&b, term); err != nil {
			t.Fatal(err)
		}
		if b.String() != c.rows {
			t.Errorf("%s, want\n%s", b.String(), c.rows)
		}
		if got := v.Verdict(term); got != c.verdict {
			t.Errorf("%q, want %q", got, c.verdict)
		}
	}
}

func TestChanges(t *testing.T) {
	changes := []diff.Change{{Key: "a", A: "1", B: "2"}, {Key: "b", B: "x"}, {Key: "c", A: "y"}}
	want := []string{"a: 1, now 2", "b: none, now x", "… and 1 more"}
	if got := Changes(changes, 2); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := Changes(changes, 3)[2], "c: y, now none"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
