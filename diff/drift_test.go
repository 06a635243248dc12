package diff

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// The tests give the values that scipy 1.x gives: ks_2samp, kstwobign, chi2 and chi2_contingency without correction.
func TestKnownStatistics(t *testing.T) {
	d, _ := CompareSamples([]float64{1, 2, 3, 4}, []float64{3, 4, 5, 6})
	for _, tt := range []struct {
		name      string
		got, want float64
	}{
		{"ks", d, 0.5},
		{"kolmogorov 0.5", kolmogorov(0.5), 0.9639452436648751},
		{"kolmogorov 1", kolmogorov(1), 0.26999967167735456},
		{"kolmogorov 1.36", kolmogorov(1.36), 0.049485876755377424},
		{"kolmogorov 3", kolmogorov(3), 3.045995948942526e-08},
		{"gamma 0.5", upperGamma(0.5, 1.9207294103470622), 0.05},
		{"gamma 5", upperGamma(5, 2), 0.9473469826562889},
		{"gamma 50", upperGamma(50, 80), 0.0001307839765914092},
		{"homogeneity", homogeneity([]int64{10, 20, 30}, []int64{20, 20, 20}), 0.06948345122280154},
		{"one bin", homogeneity([]int64{10, 0}, []int64{20, 0}), 1},
		// 0.25·ln(0.75/0.5) - 0.25·ln(0.25/0.5)
		{"psi", stability([]int64{5, 5}, []int64{15, 5}), 0.25*math.Log(1.5) + 0.25*math.Log(2)},
		{"psi of an empty bin", stability([]int64{10, 0}, []int64{5, 5}), 0.5*math.Log(2) + 0.4999*math.Log(5000)},
		{"psi of the same", stability([]int64{3, 0, 9}, []int64{1, 0, 3}), 0},
	} {
		if math.Abs(tt.got-tt.want) > 1e-9*max(1e-3, tt.want) {
			t.Errorf("%s: got %.17g, want %.17g", tt.name, tt.got, tt.want)
		}
	}
}

// profile makes a column of cells.
func profile(name string, cells ...string) *ColumnProfile {
	p := NewColumnProfile(name, ColumnLimits{Sample: 1000, Values: 100})
	for _, c := range cells {
		p.AddCell(c)
	}
	return p
}

func times(n int, cells ...string) (list []string) {
	for range n {
		list = append(list, cells...)
	}
	return list
}

func TestCompareColumns(t *testing.T) {
	numbers := func(from, to int) (list []string) {
		for i := range 500 {
			list = append(list, strconv.Itoa(from+i*(to-from)/500))
		}
		return list
	}
	var many []string
	for i := range 101 {
		many = append(many, "t"+strconv.Itoa(i))
	}
	for _, tt := range []struct {
		name    string
		was, is []string
		change  string
		unseen  []string
	}{
		{"same", numbers(0, 100), numbers(0, 100), DriftNone, nil},
		{"moved", numbers(0, 100), numbers(50, 150), DriftLarge, nil},
		{"few values, moved by chance", []string{"1", "2", "3", "4"}, []string{"2", "3", "4", "5"}, DriftNone, nil},
		{"constant and below it", times(50, "7"), times(50, "6"), DriftLarge, nil},
		{"unseen", times(100, "a", "b"), times(100, "a", "c"), DriftLarge, []string{"c"}},
		{"an index of 0.09", times(100, "a", "b"), append(times(130, "a"), times(70, "b")...), DriftNone, nil},
		{"an index of 0.12", times(100, "a", "b"), append(times(134, "a"), times(66, "b")...), DriftModerate, nil},
		{"an index of 0.27", times(100, "a", "b"), append(times(150, "a"), times(50, "b")...), DriftLarge, nil},
		{"the same in few rows", times(2, "a", "b"), append(times(3, "a"), "b"), DriftNone, nil},
		{"missing", times(100, "a"), times(50, "a", "NA"), DriftLarge, nil},
		{"type", numbers(0, 9), times(10, "a"), DriftType, nil},
		{"a word among numbers", numbers(0, 9), append(numbers(0, 9), "unknown"), DriftType, nil},
		{"many texts", many, many, DriftMany, nil},
		{"all missing", times(9, ""), times(9, ""), DriftNone, nil},
		{"no more values", times(100, "1"), times(100, ""), DriftLarge, nil},
	} {
		d := CompareColumns([]*ColumnProfile{profile("x", tt.was...)}, []*ColumnProfile{profile("x", tt.is...)})[0]
		if d.Change != tt.change || !slices.Equal(d.UnseenValues, tt.unseen) {
			t.Errorf("%s: got %+v", tt.name, d)
		}
	}
	list := CompareColumns(
		[]*ColumnProfile{profile("a", "1"), profile("b", "1")}, []*ColumnProfile{profile("b", "1"), profile("c", "1")},
	)
	for i, want := range []string{"a gone", "c new", "b none"} {
		if got := list[i].Column + " " + list[i].Change; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// A batch equal to the reference has no difference, also if only a sample of its numbers is kept.
func TestEqualColumns(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		limits := ColumnLimits{Sample: 1 + random.IntN(50), Values: 1 + random.IntN(50)}
		a, b := NewColumnProfile("x", limits), NewColumnProfile("x", limits)
		kinds := 1 + random.IntN(3)
		for range 1 + random.IntN(200) {
			cell := ""
			switch random.IntN(kinds) {
			case 0:
				cell = strconv.FormatFloat(math.Round(random.NormFloat64()*4)/2, 'g', -1, 64)
			case 1:
				cell = string(rune('a' + random.IntN(20)))
			}
			a.AddCell(cell)
			b.AddCell(cell)
		}
		d := CompareColumns([]*ColumnProfile{a}, []*ColumnProfile{b})[0]
		if d.Score() != 0 || d.KS > 0 || d.Unseen > 0 || d.Outside > 0 || d.P < 1 {
			t.Fatalf("seed %d: %+v", seed, d)
		}
	}
}
