package diff

import (
	"math"
	"math/rand/v2"
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
		if got := studentTwoSided(c.t, c.df); math.Abs(got-c.p) > 1e-8 {
			t.Errorf("df %v, t %v: p %.12f, want %v", c.df, c.t, got, c.p)
		}
		if c.p < 1 {
			if got := studentQuantile(1-c.p/2, c.df); math.Abs(got-c.t) > 1e-6 {
				t.Errorf("df %v, p %v: t %.9f, want %v", c.df, c.p, got, c.t)
			}
		}
	}
}

func TestWelch(t *testing.T) {
	// t = 2.879714 with 27.904304 degrees of freedom, by an independent calculation with 15 digits.
	a := []float64{27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4}
	b := []float64{27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 30.5, 24.9}
	got := Welch(a, b, 0.05)
	if math.Abs(got.P-0.00756139750239826) > 1e-12 || got.Low <= 0 || got.High <= got.Low {
		t.Errorf("%+v", got)
	}
	for _, c := range []struct {
		a, b []float64
		want Test
	}{
		{[]float64{1, 1}, []float64{1, 1}, Test{1, 0, 0}},
		{[]float64{1, 1}, []float64{2, 2}, Test{0, 1, 1}},
	} {
		if got := Welch(c.a, c.b, 0.05); got != c.want {
			t.Errorf("%v %v: %+v", c.a, c.b, got)
		}
	}
	if got := Welch([]float64{1, math.Inf(1)}, []float64{1, 2}, 0.05); !math.IsNaN(got.P) {
		t.Errorf("%+v", got)
	}
}

// falseVerdicts is the share of pairs of equal groups that a test calls different.
func falseVerdicts(n, pairs int, draw func(*rand.Rand) float64) float64 {
	random := rand.New(rand.NewPCG(uint64(n), 3))
	wrong := 0
	for range pairs {
		a, b := make([]float64, n), make([]float64, n)
		for i := range n {
			a[i], b[i] = draw(random), draw(random)
		}
		if Welch(a, b, 0.05).P < 0.05 {
			wrong++
		}
	}
	return float64(wrong) / float64(pairs)
}

// TestFalseVerdicts: groups from one distribution are called different at most as often as SPEC.md says. Three standard
// errors are allowed for the noise of 10,000 pairs.
func TestFalseVerdicts(t *testing.T) {
	const pairs = 10_000
	room := 3 * math.Sqrt(0.05*0.95/pairs)
	for name, draw := range map[string]func(*rand.Rand) float64{
		"normal":      (*rand.Rand).NormFloat64,
		"uniform":     (*rand.Rand).Float64,
		"exponential": (*rand.Rand).ExpFloat64,
	} {
		for _, n := range []int{3, 5, 10} {
			share := falseVerdicts(n, pairs, draw)
			t.Logf("%s, n = %d: %.4f", name, n, share)
			if share > 0.05+room {
				t.Errorf("%s, n = %d: %.4f of equal groups are called different", name, n, share)
			}
		}
	}
}
