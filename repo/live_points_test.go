package repo

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/format"
)

// Points that are read as the journals grow are those that a reader finds who comes later: whichever of several
// writers goes on, with steps and without, in order and not, with torn lines, and when a journal is cut.
func TestLivePoints(t *testing.T) {
	r, _, err := Setup(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		a, err := r.Start(t.Context(), &format.Run{}, format.OwnerDetached)
		if err != nil {
			t.Fatal(err)
		}
		live := a.LivePoints()
		names := []string{"journal-h-1-aaaa.jsonl", "journal-h-2-bbbb.jsonl", "journal-h-3-cccc.jsonl"}[:1+random.IntN(3)]
		kept := map[string][]format.Point{}
		for range 30 {
			name := filepath.Join(a.Dir, names[random.IntN(len(names))])
			switch random.IntN(12) {
			case 0:
				if err := os.Truncate(name, 0); err != nil && !os.IsNotExist(err) {
					t.Fatal(err)
				}
				clear(kept)
			default:
				appendText(t, name, randomLines(random))
			}
			if err := live.Read(t.Context()); err != nil {
				t.Fatal(err)
			}
			e, err := r.Read(t.Context(), a.ID)
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range []string{"a", "b", "none"} {
				want, err := e.Points(t.Context(), key)
				if err != nil {
					t.Fatal(err)
				}
				got := live.Points(key)
				if len(got)+len(want) > 0 {
					if d := cmp.Diff(want, got); d != "" {
						t.Fatalf("seed %d, %s (-want +got):\n%s", seed, key, d)
					}
				}
				for i, p := range kept[key] {
					if before := kept[key+" copy"][i]; p != before {
						t.Fatalf("seed %d: points that were given away have changed: %v, want %v", seed, p, before)
					}
				}
				kept[key], kept[key+" copy"] = got, append([]format.Point{}, got...)
			}
		}
	}
}

func randomLines(random *rand.Rand) string {
	text := ""
	for range 1 + random.IntN(4) {
		l := &format.Line{Time: int64(1e15) + random.Int64N(1e6), HasStep: random.IntN(2) == 0, Step: random.Int64N(20)}
		for _, key := range []string{"a", "b"}[random.IntN(2):] {
			l.Metrics = append(l.Metrics, format.MetricValue{Key: key, Value: random.Float64()})
		}
		text += string(format.AppendLine(nil, l))
	}
	if random.IntN(5) == 0 {
		text = text[:len(text)-random.IntN(5)]
	}
	return text
}

func appendText(t *testing.T, name, text string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
	if err == nil {
		_, err = f.WriteString(text)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
