package diff

import (
	"math"
	"slices"
)

// MeanTest is the result of a test for a difference between two means.
type MeanTest struct {
	P         float64 // two-sided
	Low, High float64 // confidence interval of mean(b) - mean(a) at 1 - level
}

// CompareMeans tests whether two samples of two or more values have different means. It does not assume equal
// variances: the statistic is that of B. L. Welch, Biometrika 34 (1947). Its degrees of freedom are those of the
// smaller sample. With them, the test calls equal means of normal samples different at most as often as the level
// says, for any sizes and variances (M. R. Mickey and M. B. Brown, Annals of Mathematical Statistics 37, 1966). The
// usual estimate of F. E. Satterthwaite does so too often for small samples of unequal size. If neither sample has a
// spread, all results are NaN.
func CompareMeans(a, b []float64, level float64) MeanTest {
	delta := mean(b) - mean(a)
	se := math.Sqrt(variance(a)/float64(len(a)) + variance(b)/float64(len(b)))
	if math.IsNaN(delta) || math.IsInf(delta, 0) || math.IsInf(se, 0) || !(se > 0) || noSpread(a, b) {
		return MeanTest{math.NaN(), math.NaN(), math.NaN()}
	}
	df := float64(min(len(a), len(b)) - 1)
	half := studentQuantile(1-level/2, df) * se
	return MeanTest{StudentTwoSided(delta/se, df), delta - half, delta + half}
}

// rounding bounds the relative difference of values that differ only because of rounding.
const rounding = 1e-12

// noSpread reports whether the values within each sample are equal but for rounding.
func noSpread(a, b []float64) bool {
	largest := 0.0
	for _, v := range [][]float64{a, b} {
		largest = max(largest, math.Abs(slices.Max(v)), math.Abs(slices.Min(v)))
	}
	for _, v := range [][]float64{a, b} {
		if slices.Max(v)-slices.Min(v) > rounding*largest {
			return false
		}
	}
	return true
}

func mean(v []float64) float64 {
	sum := 0.0
	for i, x := range v { // the running mean does not overflow
		sum += (x - sum) / float64(i+1)
	}
	return sum
}

// variance returns the unbiased variance of a sample: the divisor is n-1.
func variance(v []float64) float64 {
	m, sum := mean(v), 0.0
	for _, x := range v {
		sum += (x - m) * (x - m)
	}
	return sum / float64(len(v)-1)
}

// StudentTwoSided returns the probability of a larger |t| in Student's distribution: I(df/(df+t²); df/2, 1/2), see
// DLMF 8.17.
func StudentTwoSided(t, df float64) float64 {
	return incompleteBeta(df/(df+t*t), df/2, 0.5)
}

// studentQuantile returns the quantile p of Student's distribution, for p above one half. It uses bisection.
func studentQuantile(p, df float64) float64 {
	low, high := 0.0, 1.0
	for StudentTwoSided(high, df)/2 > 1-p && high < 1e300 {
		high *= 2
	}
	for high-low > 1e-13*high {
		mid := (low + high) / 2
		if mid == low || mid == high {
			break
		}
		if StudentTwoSided(mid, df)/2 > 1-p {
			low = mid
		} else {
			high = mid
		}
	}
	return high
}

// incompleteBeta returns the regularized incomplete beta function. It evaluates the continued fraction of DLMF 8.17.22
// with the recurrence of W. J. Lentz, Applied Optics 15 (1976).
func incompleteBeta(x, a, b float64) float64 {
	switch {
	case x <= 0:
		return 0
	case x >= 1:
		return 1
	case x > (a+1)/(a+b+2):
		return 1 - incompleteBeta(1-x, b, a)
	}
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	front := math.Exp(lab-la-lb+a*math.Log(x)+b*math.Log1p(-x)) / a
	const tiny = 1e-300
	c, d, f := 1.0, 0.0, 1.0
	for i := range 500 {
		m := float64(i / 2)
		var numerator float64
		switch {
		case i == 0:
			numerator = 1
		case i%2 == 0:
			numerator = m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		default:
			numerator = -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		}
		if d = 1 + numerator*d; math.Abs(d) < tiny {
			d = tiny
		}
		d = 1 / d
		if c = 1 + numerator/c; math.Abs(c) < tiny {
			c = tiny
		}
		f *= c * d
		if math.Abs(1-c*d) < 1e-15 {
			break
		}
	}
	return front * (f - 1)
}
