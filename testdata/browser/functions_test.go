package browser_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/testdata/browser"
)

// A function of the page gets and returns every number of Go.
func TestFunctionsTakeEveryNumber(t *testing.T) {
	location := chromium.Load(t, "src/location.ts")
	var link string
	location.Call(&link, "placeLink", []string{"run", "a/b c"})
	if link != "#/run/a%2Fb%20c" {
		t.Errorf("got %q", link)
	}
	var got []browser.Number
	in := []float64{0.1, math.Inf(1), math.Inf(-1), 1e-310, math.MaxFloat64, 5e-324}
	if err := location.Eval(&got, browser.Literal(in)); err != nil {
		t.Fatal(err)
	}
	back := make([]float64, len(got))
	for i, n := range got {
		back[i] = float64(n)
	}
	if diff := cmp.Diff(in, back); diff != "" {
		t.Error(diff)
	}
	var nan browser.Number
	if err := location.Eval(&nan, browser.Literal(math.NaN())); err != nil || !math.IsNaN(float64(nan)) {
		t.Errorf("got %v, %v", nan, err)
	}
}
