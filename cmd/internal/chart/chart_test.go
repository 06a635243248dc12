package chart

import (
	"bytes"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/cmd/internal/terminal"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func curveOf(n int, f func(i float64) float64) Series {
	var s Series
	for i := range n {
		s.X = append(s.X, float64(i))
		s.Y = append(s.Y, f(float64(i)))
	}
	return s
}

func TestCharts(t *testing.T) {
	loss := curveOf(100, func(i float64) float64 { return math.Exp(-i/20) + 0.1 })
	loss.Name, loss.Note = "good", "0.107"
	wild := curveOf(100, func(i float64) float64 { return 0.6 + 0.4*math.Sin(i/3) })
	wild.Name = "wild\x1b[2J"
	gap := curveOf(100, func(i float64) float64 {
		if i > 30 && i < 50 {
			return math.NaN()
		}
		return i * i
	})
	gap.Name = "gap"
	inf := curveOf(20, func(i float64) float64 { return 1 / (i - 10) })
	day := Series{Name: "day"}
	for i := range 50 {
		day.X, day.Y = append(day.X, float64(i)*60), append(day.Y, float64(i%7))
	}
	for _, c := range []struct {
		name   string
		series []Series
		o      Options
	}{
		{"one", []Series{loss}, Options{Width: 80, Height: 14, Title: "val/loss"}},
		{"two", []Series{loss, wild}, Options{Width: 80, Height: 14, Title: "val/loss"}},
		{"gap", []Series{gap}, Options{Width: 60, Height: 10}},
		{"log", []Series{gap}, Options{Width: 60, Height: 10, LogY: true}},
		{"infinite", []Series{inf}, Options{Width: 60, Height: 10}},
		{"constant", []Series{curveOf(10, func(float64) float64 { return 0.5 })}, Options{Width: 40, Height: 8}},
		{"point", []Series{curveOf(1, func(float64) float64 { return 3 })}, Options{Width: 40, Height: 8}},
		{"nothing", []Series{curveOf(3, func(float64) float64 { return math.NaN() })}, Options{Width: 40, Height: 8}},
		{"relative", []Series{day}, Options{Width: 60, Height: 8, X: Relative}},
		{"ascii", []Series{loss, wild}, Options{Width: 60, Height: 10, ASCII: true}},
		{"narrow", []Series{loss}, Options{Width: 10, Height: 3}},
	} {
		var b bytes.Buffer
		if err := Draw(&b, terminal.Test(&b, &b, 80, false), c.series, c.o); err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join("testdata", c.name+".golden")
		if *update {
			if err := os.WriteFile(golden, b.Bytes(), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), b.String()); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

func TestChartsFitAndNeverPanic(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	odd := []float64{
		0, 1, -1, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64, 5e-324, 1e300, -1e-300,
	}
	for range 3000 {
		var series []Series
		for range r.IntN(4) {
			var s Series
			x := 0.0
			for range r.IntN(40) {
				x += float64(r.IntN(3))
				if r.IntN(20) == 0 {
					x += math.Pow(10, float64(r.IntN(18)))
				}
				y := r.NormFloat64()
				if r.IntN(3) == 0 {
					y = odd[r.IntN(len(odd))]
				}
				s.X, s.Y = append(s.X, x), append(s.Y, y)
			}
			s.Name = strings.Repeat("näme", r.IntN(30))
			series = append(series, s)
		}
		o := Options{
			Width: 20 + r.IntN(200), Height: r.IntN(40), LogY: r.IntN(2) == 0, X: XKind(r.IntN(4)),
			ASCII: r.IntN(4) == 0, Title: strings.Repeat("t", r.IntN(300)),
		}
		var b bytes.Buffer
		if err := Draw(&b, terminal.Test(&b, &b, o.Width, false), series, o); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			line = strings.TrimSuffix(line, "\n")
			if terminal.Width(line) > o.Width || strings.HasSuffix(line, " ") {
				t.Fatalf("%d columns of %d: %q", terminal.Width(line), o.Width, line)
			}
		}
	}
}

func TestSpark(t *testing.T) {
	for _, c := range []struct {
		y     []float64
		width int
		want  string
	}{
		{[]float64{0, 1, 2, 3, 4, 5, 6, 7}, 8, "▁▂▃▄▅▆▇█"},
		{[]float64{0, math.NaN(), 7}, 8, "▁ █"},
		{[]float64{1, 1}, 8, "▅▅"},
		{nil, 8, ""},
		{[]float64{0, 0, 7, 7}, 2, "▁█"},
		{[]float64{1}, 0, ""},
	} {
		if got := Spark(c.y, c.width); got != c.want {
			t.Errorf("%v: %q, want %q", c.y, got, c.want)
		}
	}
}
