package repo

import (
	"context"
	"sync"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/capture"
)

// SampleRequest says what to sample of a machine.
type SampleRequest struct {
	Interval time.Duration
	PID      int  // process whose memory and GPUs count
	Shared   bool // others sample for the same run: the keys begin with the name of the machine
}

// Sample samples the machine into the run's own journal of samples, until stop is called or ctx ends; stop waits for
// the last sample. The run goes on without samples if they cannot be written.
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
	sampler.Sample(ctx) // sets the counters
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
