package repo

import (
	"context"
	"sync"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/capture"
)

// SampleRequest says what to sample on a machine.
type SampleRequest struct {
	Interval time.Duration
	PID      int  // process whose memory and GPUs are sampled
	Shared   bool // other machines sample for the same run, so the keys begin with the name of the machine
}

// Sample writes machine samples to a journal of the run until stop is called or ctx is done. stop waits for the last
// sample. If samples cannot be written, the run continues without them.
func (a *Active) Sample(ctx context.Context, q SampleRequest) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var sampling sync.WaitGroup
	sampling.Go(func() { a.sample(ctx, q) })
	return func() {
		cancel()
		sampling.Wait()
	}
}

func (a *Active) sample(ctx context.Context, q SampleRequest) {
	j, err := a.OpenSystemJournal()
	if err != nil {
		return
	}
	defer func() { _ = j.Close() }()
	prefix := ""
	if q.Shared {
		prefix = Host() + "/"
	}
	sampler := capture.Sampler{Dir: a.Dir, PID: q.PID}
	sampler.Sample(ctx) // initializes the counters
	tick := time.NewTicker(q.Interval)
	defer tick.Stop()
	for step := int64(0); ; step++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		l := &format.Line{HasStep: true, Step: step}
		for key, v := range sampler.Sample(ctx) {
			l.Metrics = append(l.Metrics, format.MetricValue{Key: prefix + key, Value: v})
		}
		if err := j.AppendNow(l); err != nil {
			return
		}
	}
}
