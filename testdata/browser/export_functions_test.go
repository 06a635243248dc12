package browser_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/gitruns/runs/testdata/browser"
)

// The page unpacks what an export has packed: last values and steps to the bit, extremes and times closely.
func TestExportIsUnpacked(t *testing.T) {
	dir := t.TempDir()
	pack := exec.Command("go", "test", "-count=1", "-run", "^TestPackCurves$", "./cmd/internal/web")
	pack.Dir, pack.Env = "../..", append(os.Environ(), "RUNS_TEST_CURVES="+dir)
	if out, err := pack.CombinedOutput(); err != nil {
		t.Fatalf("packing curves: %v: %s", err, out)
	}
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	static, curves := chromium.Load(t, "src/static.ts"), chromium.Load(t, "src/curves-packed.ts")
	for i := range 60 {
		n := strconv.Itoa(i)
		answer, packed, text := read("answer"+n), read("packed"+n), read("text"+n)
		var bits []int
		static.Call(&bits, "unpackText", string(text), len(packed))
		if !bytes.Equal(ofInts(bits), packed) {
			t.Fatalf("text %d is not unpacked", i)
		}
		err := curves.Eval(&bits, "new Uint8Array(__functions.unpackCurves("+browser.Literal(packed)+"))")
		if err != nil {
			t.Fatal(err)
		}
		compareCurves(t, answer, ofInts(bits))
	}
}

func ofInts(list []int) []byte {
	b := make([]byte, len(list))
	for i, v := range list {
		b[i] = byte(v)
	}
	return b
}

// packedLine is what says how long the parts of a curve are: see curve.Line.
type packedLine struct {
	Cells, First, Marks    int
	Many, Steps, Xs, Times bool
}

// compareCurves compares an answer in the form of curve.Encode with what came back.
func compareCurves(t *testing.T, want, got []byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d bytes came back of %d", len(got), len(want))
	}
	at := 8 + int(binary.LittleEndian.Uint32(want))
	var head struct {
		Places int
		Curves []packedLine
	}
	if err := json.Unmarshal(want[8:at], &head); err != nil {
		t.Fatal(err)
	}
	exactly := func(n int) {
		t.Helper()
		if !bytes.Equal(want[at:at+n], got[at:at+n]) {
			t.Fatalf("other bytes at %d", at)
		}
		at += n
	}
	float := func(b []byte, i int) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b[at+8*i:])) }
	exactly(8 * head.Places)
	for _, l := range head.Curves {
		if l.First < 0 && l.Cells > 0 {
			exactly(4 * (l.Cells + l.Cells%2))
		}
		last := at
		exactly(8 * l.Cells)
		for range map[bool]int{true: 2}[l.Many] {
			for i := range l.Cells {
				value := math.Float64frombits(binary.LittleEndian.Uint64(want[last+8*i:]))
				if a, b := float(want, i), float(got, i); math.Abs(a-b) > math.Abs(a-value)/30_000 {
					t.Fatalf("an extreme was %v and became %v, the last value is %v", a, b, value)
				}
			}
			at += 8 * l.Cells
		}
		if l.Steps {
			exactly(8 * l.Cells)
		}
		if l.Xs {
			exactly(8 * l.Cells)
		}
		if l.Times {
			for i := range l.Cells {
				if a, b := float(want, i), float(got, i); math.Abs(a-b) > 1e-3 {
					t.Fatalf("a time was %v and became %v", a, b)
				}
			}
			at += 8 * l.Cells
		}
		exactly(16 * l.Marks)
	}
	if at != len(want) {
		t.Fatalf("%d bytes are left", len(want)-at)
	}
}
