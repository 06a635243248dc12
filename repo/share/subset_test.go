package share

import (
	"fmt"
	"slices"
	"testing"
)

func TestSubset(t *testing.T) {
	for _, bad := range []string{
		"", "0%", "101%", "-1%", "NaN%", "x%", "5", "0/3", "4/3", "1/0", "1/257", "a/b", "1/2/3", "9999999999999999999/3",
	} {
		if s, err := ParseSubset(bad); err == nil {
			t.Errorf("%q: %+v", bad, s)
		}
	}
	var digests []string
	for i := range 200 {
		digests = append(digests, fmt.Sprintf("%02x%062d", i, i))
	}
	count := func(text string, digests []string) int {
		s, err := ParseSubset(text)
		if err != nil || s.Empty() {
			t.Fatalf("%q: %v", text, err)
		}
		return len(slices.Collect(s.each(digests)))
	}
	for text, want := range map[string]int{"100%": 200, "5%": 10, "0.1%": 1, "50.0%": 100} {
		if got := count(text, digests); got != want {
			t.Errorf("%s of 200 objects: %d, want %d", text, got, want)
		}
	}
	if n := count("5%", nil); n != 0 {
		t.Errorf("%d of no objects", n)
	}
	seen := map[string]int{}
	for part := 1; part <= 7; part++ {
		s, err := ParseSubset(fmt.Sprintf("%d/7", part))
		if err != nil {
			t.Fatal(err)
		}
		for digest := range s.each(digests) {
			seen[digest]++
		}
	}
	for _, digest := range digests {
		if seen[digest] != 1 {
			t.Errorf("%s is in %d parts", digest, seen[digest])
		}
	}
	if n := len(slices.Collect(Subset{}.each(digests))); n != 0 {
		t.Errorf("the empty subset has %d objects", n)
	}
}
