package parallel

import (
	"sync/atomic"
	"testing"
)

// TestEach: each number is given to do once, also if there are none, or fewer than a goroutine takes.
func TestEach(t *testing.T) {
	for _, n := range []int{0, 1, chunk - 1, chunk, chunk + 1, 1000} {
		calls := make([]atomic.Int32, n)
		Each(n, func(i int) { calls[i].Add(1) })
		for i := range calls {
			if got := calls[i].Load(); got != 1 {
				t.Errorf("%d of %d: %d calls", i, n, got)
			}
		}
	}
}
