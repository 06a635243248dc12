package diff

import (
	"math"
	"testing"
)

// TestStudent compares with published tables: the critical t of a two-sided test at 5%, by degrees of freedom.
func TestStudent(t *testing.T) {
	for _, c := range []struct{ df, t, p float64 }{
		{1, 12.7062047364, 0.05},
		{2, 4.30265272991, 0.05},
		{4, 2.7764451052, 0.05},
		{10, 2.2281388520, 0.05},
		{30, 2.0422724563, 0.05},
		{2, 9.9248432, 0.01},
		{120, 1.9799304051, 0.05},
		{3.5, 0, 1},
	} {
		if got := StudentTwoSided(c.t, c.df); math.Abs(got-c.p) > 1e-8 {
			t.Errorf("df %v, t %v: p %.12f, want %v", c.df, c.t, got, c.p)
		}
		if c.p < 1 {
			if got := studentQuantile(1-c.p/2, c.df); math.Abs(got-c.t) > 1e-6 {
				t.Errorf("df %v, p %v: t %.9f, want %v", c.df, c.p, got, c.t)
			}
		}
	}
}

func TestCompareMeans(t *testing.T) {
	// t = 2.879714, by an independent calculation with 15 digits; p with 14 degrees of freedom by the closed form of
	// Student's distribution for an even number.
	a := []float64{27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4}
	b := []float64{27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 30.5, 24.9}
	got := CompareMeans(a, b, 0.05)
	if math.Abs(got.P-0.01211805) > 1e-7 || got.Low <= 0 || got.High <= got.Low {
		t.Errorf("%+v", got)
	}
	for _, c := range [][2][]float64{
		{{1, 1}, {1, 1}},
		{{1, 1}, {2, 2}},
		{{0.3, math.Nextafter(0.3, 1)}, {2, 2}},
		{{1e9, 1e9}, {2, 2}},
		{{1, math.Inf(1)}, {1, 2}},
	} {
		if got := CompareMeans(c[0], c[1], 0.05); !math.IsNaN(got.P) || !math.IsNaN(got.Low) {
			t.Errorf("%v %v: %+v", c[0], c[1], got)
		}
	}
	if got := CompareMeans([]float64{1, 1, 1}, []float64{1, 2, 3}, 0.05); math.IsNaN(got.P) {
		t.Error("one sample without spread cannot be compared")
	}
}
