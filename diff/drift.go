package diff

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// What a Drift says of a column, from the worst on.
const (
	DriftGone     = "gone"     // the batch lacks the column
	DriftType     = "type"     // the values have become texts, or numbers
	DriftLarge    = "large"    // an index of at least LargePSI that chance does not explain
	DriftModerate = "moderate" // the same from ModeratePSI on
	DriftNew      = "new"      // the reference lacks the column
	DriftMany     = "many"     // too many distinct texts to compare
	DriftNone     = "none"     // no difference shown
)

var driftOrder = []string{DriftGone, DriftType, DriftLarge, DriftModerate, DriftNew, DriftMany, DriftNone}

// The bounds of a population stability index that credit scoring has made usual, and the level of the tests.
const (
	ModeratePSI = 0.1
	LargePSI    = 0.25
	driftLevel  = 0.01
)

// Drift compares a column of a batch with the same column of a reference. It compares distributions, and says nothing
// of the quality of a model. Numbers that do not apply are NaN.
type Drift struct {
	Column, Change  string
	Kind, Was       string  // ColumnNumber, ColumnText or ColumnEmpty, in the batch and the reference
	PSI             float64 // population stability index of the values that are not missing
	KS              float64 // largest distance of the two distribution functions; of numbers
	P               float64 // of KS or, of texts, of Pearson's test; that chance alone gives such a difference
	Missing         float64 // shares
	MissingWas      float64
	MissingPSI      float64 // of missing and other values
	Min, Max        float64
	MinWas, MaxWas  float64
	Outside         float64  // share of the sampled numbers that are outside the reference's range
	Unseen          float64  // share of the texts that the reference lacks
	UnseenValues    []string // the most frequent of them, at most maxUnseen
	Sampled         bool     // some numbers were left out at random
	Rows, Reference int64
}

// Score returns the larger of the two indices. 0 if neither applies.
func (d *Drift) Score() float64 {
	score := 0.0
	for _, v := range []float64{d.PSI, d.MissingPSI} {
		if v > score {
			score = v
		}
	}
	return score
}

const maxUnseen = 5

// CompareColumns compares the columns of a batch with those of a reference. The worst come first.
func CompareColumns(reference, batch []*ColumnProfile) []Drift {
	byName := map[string]*ColumnProfile{}
	for _, p := range batch {
		byName[p.Name] = p
	}
	list := make([]Drift, 0, len(reference))
	for _, was := range reference {
		p := byName[was.Name]
		delete(byName, was.Name)
		if p == nil {
			d := noDrift(was.Name)
			d.Change, d.Was, d.MissingWas, d.Reference = DriftGone, was.Kind(), was.MissingShare(), was.Rows()
			list = append(list, d)
			continue
		}
		list = append(list, compareColumn(was, p))
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		p := byName[name]
		d := noDrift(name)
		d.Change, d.Kind, d.Missing, d.Rows = DriftNew, p.Kind(), p.MissingShare(), p.Rows()
		list = append(list, d)
	}
	slices.SortStableFunc(list, func(a, b Drift) int {
		return cmp.Or(
			cmp.Compare(slices.Index(driftOrder, a.Change), slices.Index(driftOrder, b.Change)),
			cmp.Compare(b.Score(), a.Score()),
		)
	})
	return list
}

func noDrift(name string) Drift {
	nan := math.NaN()
	return Drift{
		Column: name, PSI: nan, KS: nan, P: nan, MissingPSI: nan, Min: nan, Max: nan, MinWas: nan, MaxWas: nan,
		Outside: nan, Unseen: nan, Missing: nan, MissingWas: nan,
	}
}

func compareColumn(was, p *ColumnProfile) Drift {
	d := noDrift(was.Name)
	d.Kind, d.Was, d.Change, d.Rows, d.Reference = p.Kind(), was.Kind(), DriftNone, p.Rows(), was.Rows()
	d.Missing, d.MissingWas = p.MissingShare(), was.MissingShare()
	missing := [2][]int64{{was.Missing, was.Values()}, {p.Missing, p.Values()}}
	missingP := math.NaN()
	if d.Rows > 0 && d.Reference > 0 {
		d.MissingPSI, missingP = stability(missing[0], missing[1]), homogeneity(missing[0], missing[1])
	}
	if d.Kind == ColumnNumber {
		d.Min, d.Max = p.Min, p.Max
	}
	if d.Was == ColumnNumber {
		d.MinWas, d.MaxWas = was.Min, was.Max
	}
	switch {
	case d.Kind == ColumnEmpty || d.Was == ColumnEmpty: // only the missing values can be compared
	case d.Kind != d.Was:
		d.Change = DriftType
		return d
	case d.Kind == ColumnNumber:
		a, b := was.sorted(), p.sorted()
		d.Sampled = was.Sampled() || p.Sampled()
		d.KS, d.P = CompareSamples(a, b)
		edges := binEdges(a)
		d.PSI = stability(binCounts(a, edges), binCounts(b, edges))
		d.Outside = outside(b, was.Min, was.Max)
	case was.many || p.many:
		d.Change = DriftMany
	default:
		compareTexts(&d, was, p)
	}
	if level := max(significant(d.PSI, d.P), significant(d.MissingPSI, missingP)); level >= LargePSI {
		d.Change = DriftLarge
	} else if level >= ModeratePSI {
		d.Change = DriftModerate
	}
	return d
}

// significant returns the index, or 0 if chance may have caused it: the index of small samples is large by itself.
func significant(psi, p float64) float64 {
	if math.IsNaN(psi) || !(p < driftLevel) {
		return 0
	}
	return psi
}

// maxBins is how many of the most frequent texts of a reference have a bin of their own.
const maxBins = 50

// compareTexts compares columns of texts: each frequent text of the reference is a bin, the others share one, and so do
// those that the reference lacks.
func compareTexts(d *Drift, was, p *ColumnProfile) {
	frequent := byCount(was.counts)
	own := frequent[:min(len(frequent), maxBins)]
	a, b := make([]int64, len(own)+2), make([]int64, len(own)+2)
	other, unseen := len(own), len(own)+1
	place := map[string]int{}
	for i, text := range own {
		place[text] = i
	}
	for text, n := range was.counts {
		if i, ok := place[text]; ok {
			a[i] += n
		} else {
			a[other] += n
		}
	}
	strange := map[string]int64{}
	for text, n := range p.counts {
		switch i, ok := place[text]; {
		case ok:
			b[i] += n
		case was.counts[text] > 0:
			b[other] += n
		default:
			b[unseen] += n
			strange[text] = n
		}
	}
	d.PSI, d.P = stability(a, b), homogeneity(a, b)
	d.Unseen = share(b[unseen], p.Values())
	texts := byCount(strange)
	d.UnseenValues = texts[:min(len(texts), maxUnseen)]
}

// byCount returns texts, the most frequent first.
func byCount(counts map[string]int64) []string {
	return slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
}

// bins is how many parts of equal size the range of a reference has.
const bins = 10

// binEdges returns the edges of bins that divide a sorted sample into parts of about equal size: its least value, the
// deciles between, and its largest value. Values of the sample that are equal are in one bin.
func binEdges(sorted []float64) []float64 {
	edges := []float64{math.Nextafter(sorted[0], math.Inf(-1))}
	for i := 1; i < bins; i++ {
		edges = append(edges, sorted[(len(sorted)-1)*i/bins])
	}
	return slices.Compact(append(edges, sorted[len(sorted)-1]))
}

// binCounts counts sorted values in the bins that end at the edges, each with its upper edge, and above the last edge.
func binCounts(sorted, edges []float64) []int64 {
	counts := make([]int64, len(edges)+1)
	bin := 0
	for _, x := range sorted {
		for bin < len(edges) && x > edges[bin] {
			bin++
		}
		counts[bin]++
	}
	return counts
}

// leastShare stands for the share of an empty bin, whose logarithm would be infinite.
const leastShare = 1e-4

// stability returns the population stability index of counts in the same bins: the sum of (q-p)·ln(q/p) over the
// shares p of the reference and q of the batch. It is NaN if one of them has no counts.
func stability(reference, batch []int64) float64 {
	na, nb := sum(reference), sum(batch)
	if na == 0 || nb == 0 {
		return math.NaN()
	}
	index := 0.0
	for i := range reference {
		if reference[i] == 0 && batch[i] == 0 {
			continue
		}
		p, q := max(leastShare, share(reference[i], na)), max(leastShare, share(batch[i], nb))
		index += (q - p) * math.Log(q/p)
	}
	return index
}

// homogeneity returns the p-value of Pearson's chi-squared test that two rows of counts come from one distribution. It
// is 1 if all counts are in one bin, and NaN if one row has no counts.
func homogeneity(a, b []int64) float64 {
	na, nb := float64(sum(a)), float64(sum(b))
	if na == 0 || nb == 0 {
		return math.NaN()
	}
	chi, df := 0.0, -1.0
	for i := range a {
		both := float64(a[i] + b[i])
		if both == 0 {
			continue
		}
		df++
		for _, row := range []struct{ n, of float64 }{{float64(a[i]), na}, {float64(b[i]), nb}} {
			want := both * row.of / (na + nb)
			chi += (row.n - want) * (row.n - want) / want
		}
	}
	if df < 1 {
		return 1
	}
	return upperGamma(df/2, chi/2)
}

// CompareSamples is the two-sample test of Kolmogorov and Smirnov on sorted samples. distance is the largest distance
// of their distribution functions. p is the limit for large samples, with the correction for small ones of M. A.
// Stephens (Journal of the Royal Statistical Society B 32, 1970). For values that are often equal, p is too large.
func CompareSamples(a, b []float64) (distance, p float64) {
	if len(a) == 0 || len(b) == 0 {
		return math.NaN(), math.NaN()
	}
	na, nb := float64(len(a)), float64(len(b))
	for i, j := 0, 0; i < len(a) && j < len(b); {
		x := min(a[i], b[j])
		for i < len(a) && a[i] == x {
			i++
		}
		for j < len(b) && b[j] == x {
			j++
		}
		distance = max(distance, math.Abs(float64(i)/na-float64(j)/nb))
	}
	root := math.Sqrt(na * nb / (na + nb))
	return distance, kolmogorov((root + 0.12 + 0.11/root) * distance)
}

// kolmogorov returns the probability that the limit of the statistic of Kolmogorov exceeds x.
func kolmogorov(x float64) float64 {
	if x < 0.2 {
		return 1 // the series converges slowly, and the sum is 1 to 12 digits
	}
	total, sign := 0.0, 1.0
	for k := 1.0; k <= 100; k++ {
		term := math.Exp(-2 * k * k * x * x)
		total += sign * term
		if term < 1e-17 {
			break
		}
		sign = -sign
	}
	return min(1, max(0, 2*total))
}

// upperGamma returns the regularized incomplete gamma function Q(a, x), by its series or its continued fraction
// (NIST Digital Library of Mathematical Functions, 8.7.1 and 8.9.2).
func upperGamma(a, x float64) float64 {
	if x <= 0 {
		return 1
	}
	log, _ := math.Lgamma(a)
	front := math.Exp(a*math.Log(x) - x - log)
	const rounds, tiny = 10_000, 1e-300
	if x < a+1 {
		term := 1 / a
		total := term
		for n := 1.0; n < rounds && term > total*1e-16; n++ {
			term *= x / (a + n)
			total += term
		}
		return max(0, 1-front*total)
	}
	b := x + 1 - a
	c, d := 1/tiny, 1/b
	h := d
	for n := 1.0; n < rounds; n++ {
		an := -n * (n - a)
		b += 2
		if d = an*d + b; math.Abs(d) < tiny {
			d = tiny
		}
		if c = b + an/c; math.Abs(c) < tiny {
			c = tiny
		}
		d = 1 / d
		h *= d * c
		if math.Abs(d*c-1) < 1e-15 {
			break
		}
	}
	return min(1, front*h)
}

func outside(sorted []float64, low, high float64) float64 {
	n := int64(0)
	for _, x := range sorted {
		if x < low || x > high {
			n++
		}
	}
	return share(n, int64(len(sorted)))
}

func sum(counts []int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}
