package main

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
)

// pairsOfGroups is how many pairs of groups each rate is measured on.
const pairsOfGroups = 4_000

// verdictLevel is the level of the tests.
const verdictLevel = 0.05

// population draws the value that a run of a group has for a metric.
type population func(*rand.Rand) float64

func normal(r *rand.Rand) float64   { return r.NormFloat64() }
func skewed(r *rand.Rand) float64   { return r.ExpFloat64() - 1 }
func heavy(r *rand.Rand) float64    { return math.Exp(r.NormFloat64()) - math.Exp(0.5) }
func coin(r *rand.Rand) float64     { return float64(r.IntN(2)) }
func three(r *rand.Rand) float64    { return float64(r.IntN(3)) }
func clusters(r *rand.Rand) float64 { return coin(r) + 1e-6*r.NormFloat64() }

// share is the share of right answers among 20.
func share(r *rand.Rand) float64 {
	right := 0
	for range 20 {
		if r.Float64() < 0.9 {
			right++
		}
	}
	return float64(right) / 20
}

func scaled(p population, by float64) population {
	return func(r *rand.Rand) float64 { return by * p(r) }
}

func shifted(p population, by float64) population {
	return func(r *rand.Rand) float64 { return p(r) + by }
}

var groupSizes = [][2]int{
	{2, 2}, {2, 30}, {3, 3}, {3, 5}, {3, 30}, {4, 4}, {5, 5}, {5, 30}, {10, 10}, {10, 30}, {30, 30},
}

// verdicts measures how often equal groups get a verdict, and how often different ones do, next to Welch's test with
// the degrees of freedom of Satterthwaite.
func (*bench) verdicts() error {
	fmt.Printf("verdicts on %d pairs of equal groups, one metric: rate ± half of its 95%% interval (Welch alone)\n",
		pairsOfGroups)
	for _, p := range []struct {
		name string
		a, b population
	}{
		{"normal", normal, normal},
		{"exponential", skewed, skewed},
		{"log-normal", heavy, heavy},
		{"0 or 1", coin, coin},
		{"three values", three, three},
		{"right of 20", share, share},
		{"two clusters", clusters, clusters},
		{"normal, SD 1 and 3", normal, scaled(normal, 3)},
		{"normal, SD 3 and 1", scaled(normal, 3), normal},
		{"normal, SD 10 and 1", scaled(normal, 10), normal},
		{"beyond: exponential, SD 3 and 1", scaled(skewed, 3), skewed},
	} {
		fmt.Printf("  %-32s", p.name)
		for _, n := range groupSizes {
			now, welch := rates(n, p.a, p.b)
			fmt.Printf(" %d/%d: %s (%.3f)", n[0], n[1], withBound(now), welch)
		}
		fmt.Println()
	}
	manyMetrics()
	unevenEvaluations()
	fmt.Println("verdicts on different groups, one metric: rate (Welch alone)")
	for _, n := range [][2]int{{3, 3}, {4, 4}, {5, 5}, {10, 10}, {3, 10}, {30, 30}} {
		fmt.Printf("  %-32s", fmt.Sprintf("normal, %d and %d runs", n[0], n[1]))
		for _, by := range []float64{0.5, 1, 2, 3, 4, 6} {
			now, welch := rates(n, normal, shifted(normal, by))
			fmt.Printf(" %g SD: %.2f (%.2f)", by, now, welch)
		}
		fmt.Println()
	}
	return nil
}

// withBound formats a rate with half of its 95% interval.
func withBound(rate float64) string {
	return fmt.Sprintf("%.3f±%.3f", rate, 1.96*math.Sqrt(rate*(1-rate)/pairsOfGroups))
}

// rates returns the share of pairs of groups that get a verdict, and the share that Welch's test alone calls different.
func rates(n [2]int, a, b population) (now, welch float64) {
	r := rand.New(rand.NewPCG(uint64(n[0]), uint64(n[1])))
	for range pairsOfGroups {
		x, y := draw(r, n[0], a), draw(r, n[1], b)
		if claims(oneMetric(x), oneMetric(y), diff.Options{}) {
			now++
		}
		if welchDiffers(x, y) {
			welch++
		}
	}
	return now / pairsOfGroups, welch / pairsOfGroups
}

func draw(r *rand.Rand, n int, p population) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = p(r)
	}
	return values
}

// claims reports whether the comparison of two groups says of any metric that it is better or worse.
func claims(a, b diff.Side, o diff.Options) bool {
	o.Level, o.Goal = verdictLevel, func(string) string { return format.GoalMin }
	for _, m := range diff.Compare(a, b, o).Metrics {
		if m.Verdict == diff.Better || m.Verdict == diff.Worse {
			return true
		}
	}
	return false
}

func oneMetric(values []float64) diff.Side {
	s := diff.Side{Group: "g"}
	for _, v := range values {
		s.Runs = append(s.Runs, finishedRun(map[string]format.Metric{"loss": {Last: v, Count: 1}}))
	}
	return s
}

func finishedRun(metrics map[string]format.Metric) *format.Run {
	return &format.Run{Status: format.Finished, Metrics: metrics}
}

// welchDiffers is the test of B. L. Welch with the degrees of freedom of F. E. Satterthwaite, and p = 0 if neither
// group has a spread.
func welchDiffers(a, b []float64) bool {
	meanA, varA := moments(a)
	meanB, varB := moments(b)
	varA, varB = varA/float64(len(a)), varB/float64(len(b))
	if varA+varB == 0 {
		return meanA != meanB
	}
	df := (varA + varB) * (varA + varB) / (varA*varA/float64(len(a)-1) + varB*varB/float64(len(b)-1))
	return diff.StudentTwoSided((meanB-meanA)/math.Sqrt(varA+varB), df) < verdictLevel
}

func moments(v []float64) (mean, variance float64) {
	for _, x := range v {
		mean += x / float64(len(v))
	}
	for _, x := range v {
		variance += (x - mean) * (x - mean) / float64(len(v)-1)
	}
	return mean, variance
}

// manyMetrics measures comparisons of 20 equal metrics: how many claim anything.
func manyMetrics() {
	const count = 20
	fmt.Printf("comparisons of %d equal metrics that claim anything: rate (each metric by Welch alone)\n", count)
	for _, p := range []struct {
		name    string
		draw    population
		common  float64 // share of the spread that all metrics of a run have in common
		primary string
	}{
		{"normal", normal, 0, ""},
		{"normal, one primary", normal, 0, "m7"},
		{"normal, correlation 0.9", normal, 0.9, ""},
		{"right of 20", share, 0, ""},
		{"two clusters", clusters, 0, ""},
		{"two clusters, one primary", clusters, 0, "m7"},
		{"exponential", skewed, 0, ""},
	} {
		fmt.Printf("  %-32s", p.name)
		for _, n := range [][2]int{{3, 3}, {4, 4}, {5, 5}, {5, 30}, {10, 10}, {30, 30}} {
			r := rand.New(rand.NewPCG(uint64(n[0]), uint64(n[1])))
			now, welch := 0.0, 0.0
			for range pairsOfGroups {
				x, y := tableOf(r, n[0], count, p.draw, p.common), tableOf(r, n[1], count, p.draw, p.common)
				if claims(severalMetrics(x), severalMetrics(y), diff.Options{Primary: p.primary}) {
					now++
				}
				for k := range count {
					if welchDiffers(x[k], y[k]) {
						welch++
						break
					}
				}
			}
			fmt.Printf(" %d/%d: %s (%.2f)", n[0], n[1], withBound(now/pairsOfGroups), welch/pairsOfGroups)
		}
		fmt.Println()
	}
}

// tableOf draws n runs with several metrics, by metric.
func tableOf(r *rand.Rand, n, count int, p population, common float64) [][]float64 {
	table := make([][]float64, count)
	for range n {
		shared := p(r)
		for k := range table {
			v := p(r)
			if common > 0 {
				v = math.Sqrt(common)*shared + math.Sqrt(1-common)*v
			}
			table[k] = append(table[k], v)
		}
	}
	return table
}

func severalMetrics(table [][]float64) diff.Side {
	s := diff.Side{Group: "g"}
	for i := range table[0] {
		metrics := map[string]format.Metric{}
		for k := range table {
			metrics[fmt.Sprintf("m%d", k)] = format.Metric{Last: table[k][i], Count: 1}
		}
		s.Runs = append(s.Runs, finishedRun(metrics))
	}
	return s
}

// unevenEvaluations compares groups with the same noise, of which one was evaluated 10 times and the other 1,000 times.
func unevenEvaluations() {
	const few, many = 10, 1000
	fmt.Printf("equal groups with %d and %d evaluations: rate\n", few, many)
	for _, choice := range []diff.Choice{
		{Value: format.LastValue},
		{Value: format.ValueAtBest, SelectBy: "val", Goal: format.GoalMin},
		{Value: format.BestValue},
	} {
		fmt.Printf("  %-32s", choice.Value)
		for _, n := range [][2]int{{3, 3}, {5, 5}, {10, 10}} {
			r := rand.New(rand.NewPCG(uint64(n[0]), uint64(n[1])))
			now := 0.0
			const pairs = pairsOfGroups / 10
			for range pairs {
				o := diff.Options{Primary: "test", Choice: func(string, string) diff.Choice { return choice }}
				if claims(evaluated(r, n[0], few), evaluated(r, n[1], many), o) {
					now++
				}
			}
			now /= pairs
			fmt.Printf(" %d/%d: %.3f±%.3f", n[0], n[1], now, 1.96*math.Sqrt(now*(1-now)/pairs))
		}
		fmt.Println()
	}
}

// evaluated draws a group of runs that logged two metrics at a number of steps: noise around a level of each run.
func evaluated(r *rand.Rand, n, steps int) diff.Side {
	s := diff.Side{Group: "g"}
	points := map[*format.Run]map[string][]format.Point{}
	for range n {
		run := finishedRun(map[string]format.Metric{})
		points[run] = map[string][]format.Point{}
		for _, key := range []string{"test", "val"} {
			level := r.NormFloat64()
			var list []format.Point
			least := &format.Extreme{Value: math.Inf(1)}
			for step := range steps {
				v := level + r.NormFloat64()
				list = append(list, format.Point{Step: int64(step), Value: v})
				if v < least.Value {
					*least = format.Extreme{Value: v, Step: int64(step)}
				}
			}
			last := list[len(list)-1].Value
			run.Metrics[key] = format.Metric{Last: last, Min: least, Max: least, Count: int64(steps)}
			points[run][key] = list
		}
		s.Runs = append(s.Runs, run)
	}
	s.PointsOf = func(run *format.Run, metric string) ([]format.Point, error) { return points[run][metric], nil }
	return s
}
