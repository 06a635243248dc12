package share

import (
	"errors"
	"iter"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Subset selects the objects of a store that are read back. The zero value selects none.
type Subset struct {
	percent  float64 // a random share, above 0 and at most 100; 0 if part is used
	part, of int     // each object is in exactly one part
}

// errSubset means that a text names no subset.
var errSubset = errors.New("write a share such as 5%, or a part such as 2/10")

// maxParts is the largest number of parts: the first byte of a digest decides to which part an object belongs.
const maxParts = 256

// ParseSubset parses a share ("5%") or a part ("2/10"). After parts 1/N to N/N, every object was read once.
func ParseSubset(text string) (Subset, error) {
	if number, ok := strings.CutSuffix(text, "%"); ok {
		p, err := strconv.ParseFloat(number, 64)
		if err != nil || !(p > 0 && p <= 100) {
			return Subset{}, errSubset
		}
		return Subset{percent: p}, nil
	}
	part, of, _ := strings.Cut(text, "/")
	n, err := strconv.Atoi(part)
	t, err2 := strconv.Atoi(of)
	if err != nil || err2 != nil || n < 1 || n > t || t > maxParts {
		return Subset{}, errSubset
	}
	return Subset{part: n, of: t}, nil
}

// Empty reports whether the subset selects nothing.
func (s Subset) Empty() bool { return s == Subset{} }

// each iterates over the digests that the subset selects. Of any digests, a share selects at least one.
func (s Subset) each(digests []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		left := int(float64(len(digests))*s.percent/100 + 0.999999)
		for i, digest := range digests {
			chosen := false
			switch {
			case s.of > 0:
				first, err := strconv.ParseUint(digest[:2], 16, 8)
				chosen = err == nil && int(first)%s.of == s.part-1
			case left > 0:
				if chosen = rand.IntN(len(digests)-i) < left; chosen {
					left--
				}
			}
			if chosen && !yield(digest) {
				return
			}
		}
	}
}
