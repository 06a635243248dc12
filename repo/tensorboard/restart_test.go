package tensorboard

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// startOf is the mark of a session that begins at a step.
func startOf(second float64, step byte) []byte {
	data := binary.LittleEndian.AppendUint64([]byte{1<<3 | 1}, math.Float64bits(second))
	return record(append(append(data, 2<<3, step), field(7, 8, 1)...))
}

// A reading has what TensorBoard shows: at a restart, what was written before at its step or a later one goes.
func TestRestarts(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 200 {
		root := t.TempDir()
		var want []float64
		var steps []byte
		second, left := 1.7e9, 0
		for file := range 1 + random.IntN(4) {
			var data bytes.Buffer
			for range random.IntN(12) {
				second++
				step := byte(random.IntN(10))
				if random.IntN(5) == 0 {
					data.Write(startOf(second, step))
					for i := len(steps) - 1; i >= 0; i-- {
						if steps[i] >= step {
							steps, want = slices.Delete(steps, i, i+1), slices.Delete(want, i, i+1)
							left++
						}
					}
					continue
				}
				v := float32(random.IntN(1000))
				data.Write(eventOf(second, step, scalarOf("loss", v)))
				steps, want = append(steps, step), append(want, float64(v))
			}
			name := fmt.Sprintf("events.out.tfevents.%d.h", 1_700_000_000+file)
			if err := os.WriteFile(filepath.Join(root, name), data.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		k, r := readAll(t, root)
		if got := k.points["loss"]; !slices.Equal(got, want) {
			t.Fatalf("case %d: %v, want %v", n, got, want)
		}
		if got := r.skipped["values that a restarted writer replaced"]; got != left {
			t.Fatalf("case %d: %d values are left out, want %d", n, got, left)
		}
	}
}

// A file whose name has no time, as CatBoost's, is known by its first record.
func TestFileWithoutTimeInItsName(t *testing.T) {
	root := t.TempDir()
	for _, part := range []string{"learn", "test"} {
		if err := os.MkdirAll(filepath.Join(root, "catboost_info", part), 0o700); err != nil {
			t.Fatal(err)
		}
		data := eventOf(1.7e9, 1, scalarOf("Logloss", 0.5))
		name := filepath.Join(root, "catboost_info", part, "events.out.tfevents")
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	k, _ := readAll(t, root)
	for _, key := range []string{"learn/Logloss", "test/Logloss"} {
		if got := k.points[key]; !slices.Equal(got, []float64{0.5}) {
			t.Errorf("%s: %v of %v", key, got, k.points)
		}
	}
}
