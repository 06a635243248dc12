// Package parallel divides work that does not depend on its order among all processors.
package parallel

import (
	"runtime"
	"sync"
)

// chunk is how many calls a goroutine takes at once.
const chunk = 16

// Each calls do(0) to do(n-1) on all processors, in no order, and waits for them.
func Each(n int, do func(i int)) {
	var mu sync.Mutex
	next := 0
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), (n+chunk-1)/chunk) {
		wg.Go(func() {
			for {
				mu.Lock()
				from := next
				next += chunk
				mu.Unlock()
				if from >= n {
					return
				}
				for i := from; i < min(from+chunk, n); i++ {
					do(i)
				}
			}
		})
	}
	wg.Wait()
}
