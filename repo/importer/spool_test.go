package importer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSpool gives back the entries of each run in the order in which they came, however they were mixed and however
// many blocks they fill.
func TestSpool(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		s := &Spool{dir: t.TempDir(), limit: []int{1 << 20, 300, 1000}[seed%3]}
		want := map[int32][]string{}
		for i := range rng.IntN(2000) {
			run := int32(rng.IntN(1 + rng.IntN(50)))
			text := fmt.Sprintf("%d%*d", i, rng.IntN(60), 0)
			if err := s.Add(run, []byte(text)); err != nil {
				t.Fatal(err)
			}
			want[run] = append(want[run], text)
		}
		s.Sort()
		for run := range int32(60) {
			var got []string
			err := s.Each(run, func(entry []byte) error {
				got = append(got, string(entry))
				return nil
			})
			if err != nil || !slices.Equal(got, want[run]) {
				t.Fatalf("seed %d, run %d: %d entries, want %d: %v", seed, run, len(got), len(want[run]), err)
			}
		}
		if seed%3 == 1 && len(want) > 5 && len(s.blocks) == 0 {
			t.Error("nothing went to the file")
		}
		s.Close()
	}
	s := &Spool{dir: t.TempDir(), limit: 100}
	if err := s.Add(0, make([]byte, maxEntryBytes+1)); err == nil {
		t.Error("an entry over the bound is taken")
	}
}
