package chart

import (
	"math"
	"strings"
	"testing"
)

func TestMermaid(t *testing.T) {
	want := "```mermaid\nxychart-beta\n    title \"val/loss__ _ of b\"\n    x-axis \"progress in %\" 0 --> 100\n" +
		"    y-axis 1.000000 --> 3.000000\n    line [3.000000, 2.000000, 2.000000]\n    line [1.000000, 1.000000]\n```\n"
	nan := math.NaN()
	if got := Mermaid("val/loss\"\n ] of b", [][]float64{{nan, 3, 2, nan}, {1, 1}, {nan}, nil}); got != want {
		t.Errorf("%s", got)
	}
	if got := Mermaid("x", [][]float64{{nan, nan}, {1}}); got != "" {
		t.Errorf("nothing to draw gives %q", got)
	}
	long := make([]float64, 10_000)
	for i := range long {
		long[i] = float64(i)
	}
	got := Mermaid("x", [][]float64{long})
	if strings.Count(got, ",") != mermaidPoints-1 || !strings.Contains(got, "9999.000000]") {
		t.Errorf("%s", got)
	}
}
