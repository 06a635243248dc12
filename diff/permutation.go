package diff

import (
	"math"
	"math/rand/v2"
)

// sample holds the values of one metric: by the runs of the first side, then by those of the second. A run that does
// not count has NaN.
type sample []float64

// permutations is how many arrangements of the runs into two groups are looked at: all, or this many random ones.
// Random ones give a p of 0.05 a standard error of 0.003.
const permutations = 5000

// arrangements returns how many arrangements to look at for a number of values: fewer if there are very many, so that
// the work stays bounded.
func arrangements(values int) int { return max(200, min(permutations, 200_000_000/max(1, values))) }

// permute returns for each sample how often the runs, arranged into two groups at random, differ in any of the samples
// by at least as much as they differ in this one. If the runs of both groups come from one distribution, whatever it
// is, one of the results is p or less with a probability of at most p. The differences are studentized, see A. Janssen,
// Statistics & Probability Letters 36 (1997). The maximum over the samples is that of P. H. Westfall and S. S. Young,
// Resampling-Based Multiple Testing (1993). na is the number of runs of the first side. The result for the same input
// is always the same. least is the smallest result that is possible.
func permute(samples []sample, na int) (p []float64, least float64) {
	n := len(samples[0])
	scaled := make([]sample, len(samples))
	observed := make([]float64, len(samples))
	inA := make([]bool, n)
	for i := range na {
		inA[i] = true
	}
	for k, s := range samples {
		scaled[k] = standardize(s)
		observed[k] = studentized(scaled[k], inA) * (1 - 1e-6) // a tie counts, also if it was rounded
	}
	hits := make([]int, len(samples))
	total := 0
	look := func() {
		total++
		most := 0.0
		for _, s := range scaled {
			most = max(most, studentized(s, inA))
		}
		for k := range hits {
			if most >= observed[k] {
				hits[k]++
			}
		}
	}
	all := combinations(n, na)
	if most := arrangements(n * len(samples)); all <= float64(most) {
		arrange(inA, na, look)
	} else {
		look() // the arrangement that was observed is one of them: B. Phipson and G. K. Smyth (2010)
		shuffle(inA, most-1, look)
	}
	p = make([]float64, len(samples))
	for k, h := range hits {
		p[k] = float64(h) / float64(total)
	}
	least = 1 / float64(total)
	if 2*na == n {
		least *= 2 // the groups exchanged differ as much
	}
	return p, least
}

// arrange calls look for each way to choose k of the runs.
func arrange(inA []bool, k int, look func()) {
	clear(inA)
	var choose func(from, k int)
	choose = func(from, k int) {
		if k == 0 {
			look()
			return
		}
		for i := from; i <= len(inA)-k; i++ {
			inA[i] = true
			choose(i+1, k-1)
			inA[i] = false
		}
	}
	choose(0, k)
}

// shuffle calls look for some random arrangements. It always uses the same ones.
func shuffle(inA []bool, count int, look func()) {
	random := rand.New(rand.NewPCG(1, 2))
	for range count {
		random.Shuffle(len(inA), func(i, j int) { inA[i], inA[j] = inA[j], inA[i] })
		look()
	}
}

// combinations returns the number of ways to choose k of n.
func combinations(n, k int) float64 {
	c := 1.0
	for i := range k {
		c = c * float64(n-i) / float64(i+1)
	}
	return math.Round(c)
}

// standardize shifts and scales the values of a sample, so that neither their size nor their unit causes rounding.
func standardize(s sample) sample {
	var values []float64
	for _, v := range s {
		if !math.IsNaN(v) {
			values = append(values, v)
		}
	}
	m, largest := mean(values), 0.0
	for _, v := range values {
		largest = max(largest, math.Abs(v-m))
	}
	out := make(sample, len(s))
	for i, v := range s {
		if out[i] = v - m; largest > 0 {
			out[i] /= largest
		}
	}
	return out
}

// studentized returns the size of the difference between the means of two groups, divided by its standard error. It is
// 0 if a group has fewer than two values, and infinite for a difference between groups without spread.
func studentized(s sample, inA []bool) float64 {
	var count, sum [2]float64
	for i, v := range s {
		if math.IsNaN(v) {
			continue
		}
		g := 0
		if inA[i] {
			g = 1
		}
		count[g]++
		sum[g] += v
	}
	if count[0] < 2 || count[1] < 2 {
		return 0
	}
	means := [2]float64{sum[0] / count[0], sum[1] / count[1]}
	var squares [2]float64
	for i, v := range s {
		if math.IsNaN(v) {
			continue
		}
		g := 0
		if inA[i] {
			g = 1
		}
		squares[g] += (v - means[g]) * (v - means[g])
	}
	delta := math.Abs(means[1] - means[0])
	square := squares[0]/count[0]/(count[0]-1) + squares[1]/count[1]/(count[1]-1)
	switch {
	case delta <= rounding:
		return 0
	case square <= rounding*rounding:
		return math.Inf(1)
	}
	return delta / math.Sqrt(square)
}
