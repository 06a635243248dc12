package listsort

import (
	"math/rand/v2"
	"slices"
	"testing"
)

type record struct{ key, place int }

func byKey(a, b record) int { return a.key - b.key }

// The lists are those that the package slices makes.
func TestSort(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 200 {
		list := make([]record, n)
		for i := range list {
			list[i] = record{r.IntN(n/3 + 1), i}
		}
		want, got := slices.Clone(list), slices.Clone(list)
		slices.SortStableFunc(want, byKey)
		if Stable(got, byKey); !slices.Equal(got, want) {
			t.Fatalf("stable: %v, want %v", got, want)
		}
		r.Shuffle(n, func(i, j int) { got[i], got[j] = got[j], got[i] })
		all := func(a, b record) int { return (a.key-b.key)*1000 + a.place - b.place }
		if Sort(got, all); !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
	}
}
