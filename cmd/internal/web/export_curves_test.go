package web

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/view/curve"
)

// randomAnswer returns an answer with curves of every form: with few and many points, gaps, several points in a step,
// values that are not finite, and steps beyond 32 bits.
func randomAnswer(t *testing.T, random *rand.Rand) []byte {
	t.Helper()
	var series []*curve.Series
	head := &curve.Head{Metric: "loss/träin", X: curve.StepAxis}
	times := random.IntN(2) == 0
	for range 1 + random.IntN(4) {
		c := curve.NewCollector(times, 0)
		step, at := int64(0), int64(1_700_000_000_000_000)
		stride := []int64{1, 1, 10, 1 << 33}[random.IntN(4)]
		var points []format.Point
		for range random.IntN(300) {
			value := random.NormFloat64() * math.Pow(10, float64(random.IntN(9)-4))
			switch random.IntN(40) {
			case 0:
				value = math.NaN()
			case 1:
				value = math.Inf(1)
			case 2:
				value = 0
			}
			points = append(points, format.Point{Step: step, Time: at, Value: value})
			at += random.Int64N(3_000_000)
			if random.IntN(10) > 0 {
				step += stride * (1 + random.Int64N(3))
			}
		}
		c.Add(points)
		series = append(series, curve.ByStep(c.Series()[0]))
		head.Curves = append(head.Curves, &curve.Line{Run: "r", Error: "a/b"})
	}
	g := curve.NewGrid(series, curve.Range{}, 1+random.IntN(60), random.IntN(600))
	cells := make([]*curve.Cells, len(series))
	for i, s := range series {
		if s.Len() > 0 {
			cells[i] = g.Fill(s, curve.Range{}, curve.Values{}, true)
		}
	}
	answer, err := curve.Encode(head, g, cells)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// Every answer with curves can be packed, and the same answer always gives the same bytes. If RUNS_TEST_CURVES names a
// folder, they are written there, as vectors for the tests of src/curves-packed.ts and src/static.ts.
func TestPackCurves(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	same := func(text []byte) []byte { return text }
	for i := range 200 {
		answer := randomAnswer(t, random)
		packed, err := packCurves(answer, same)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := packCurves(answer, same)
		if !bytes.Equal(packed, again) {
			t.Fatal("the same answer gives other bytes")
		}
		if dir := os.Getenv("RUNS_TEST_CURVES"); dir != "" {
			for name, data := range map[string][]byte{"answer": answer, "packed": packed, "text": packText(packed)} {
				file := filepath.Join(dir, name+strconv.Itoa(i))
				if err := os.WriteFile(file, data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// A head from which a folder is taken keeps the numbers behind it where they belong.
func TestPackCurvesCleansHead(t *testing.T) {
	answer := randomAnswer(t, rand.New(rand.NewPCG(3, 4)))
	clean := func(text []byte) []byte { return bytes.ReplaceAll(text, []byte("a/b"), []byte("x")) }
	packed, err := packCurves(answer, clean)
	if err != nil {
		t.Fatal(err)
	}
	length := binary.LittleEndian.Uint32(packed[4:])
	var head curve.Head
	if err := json.Unmarshal(packed[8:8+length], &head); err != nil || length%8 != 0 || head.Curves[0].Error != "x" {
		t.Errorf("the head has %d bytes, its error is %q: %v", length, head.Curves[0].Error, err)
	}
}

// What is not an answer with curves is refused.
func TestPackCurvesRefuses(t *testing.T) {
	answer := randomAnswer(t, rand.New(rand.NewPCG(5, 6)))
	for _, bad := range [][]byte{nil, answer[:7], answer[:20], answer[:len(answer)-8], append(bytes.Clone(answer), 1)} {
		if _, err := packCurves(bad, bytes.Clone); err == nil {
			t.Errorf("%d bytes of %d were packed", len(bad), len(answer))
		}
	}
}

func TestDistance(t *testing.T) {
	for _, d := range []float64{0, 1e-300, 1e-30, 0.1, 1, 3, 1e20} {
		bits, _ := distance(d, 2*d, d, -1)
		if got := float64(math.Float32frombits(bits << 8)); got < d || got > d*(1+1.0/(1<<14))+1e-38 {
			t.Errorf("%v became %v", d, got)
		}
	}
	for _, d := range []float64{-1, math.NaN(), math.Inf(1), 1e300} {
		if _, ok := distance(d, 1, 1, -1); ok {
			t.Errorf("%v is a distance", d)
		}
	}
}
