package render

import (
	"math"
	"testing"

	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
)

// TestDiffJSON writes what a real comparison rarely has: nulls, values that are not finite, binary files, empty lists.
func TestDiffJSON(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	c := &diff.Comparison{
		A: diff.Head{ID: "x", Group: "group=g", Runs: []string{"x", "y"}}, B: diff.Head{ID: "z"},
		Params: []diff.Value{{Key: "null", A: format.Null, B: ""}, {Key: "list", B: []any{int64(1), 2.0}}, {
			Key: "varies", A: diff.Several{Values: []any{1.0, "x", format.Null}, Missing: 2},
		}},
		Metrics: []diff.Metric{{
			Key: "m", Delta: inf,
			A: &diff.Level{Last: inf, Best: nan, Value: nan, SD: nan, N: 1, HasBestStep: true}, Relative: nan,
			P: nan, Adjusted: nan, Choice: diff.Choice{Value: "last"},
			Interval: &[2]float64{nan, 1}, Verdict: diff.Unknown,
			Curve: &diff.Series{Sameness: diff.Different, Relative: inf, Step: 3, Common: 2},
		}},
		Datasets: []diff.Dataset{{Name: "d", B: &format.Dataset{SHA256: "b"}}, {Name: "e", Files: []diff.FileChange{}}},
		Source:   diff.Source{Files: []diff.File{{Path: "a\xff", Change: "added", Added: -1, Removed: -1}}},
		Mixed:    []string{"lr"},
		Problems: []diff.Problem{{Kind: diff.NoCommonStep, Name: "m"}},
	}
	want := `{"a":{"group":"group=g","runs":["x","y"]},"artifacts":[],"attributes":[],"b":{"id":"z"},` +
		`"datasets":[{"b":"b","name":"d"},{"files":[],"name":"e"}],"environment":[],"machine":[],` +
		`"metrics":[{"a":{"best":"NaN","evaluations":[0,0],"last":"Infinity","n":1,"step":0},"compared":"last",` +
		`"curve":{"common":2,"relative":"Infinity","same":false,"step":3},"delta":"Infinity","interval":["NaN",1.0],` +
		`"key":"m","verdict":"unknown"}],"mixed":["lr"],` +
		`"params":[{"a":null,"b":"","key":"null"},{"b":[1,2.0],"key":"list"},` +
		`{"a":{"missing":2,"values":[1.0,"x",null]},"key":"varies"}],` +
		`"problems":["the curves of m have no common step"],` +
		`"source":{"a":"","b":"","files":[{"change":"added","path":"a` + "\ufffd" + `"}]},` +
		`"summary":[],"tags":[],"variables":[]}`
	if got := string(format.AppendJSON(nil, NewDiffJSON(c))); got != want {
		t.Errorf("%s, want\n%s", got, want)
	}
}
