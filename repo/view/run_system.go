package view

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/gitruns/runs/format"
)

// Bounds of one answer about machine samples.
const (
	systemBuckets = 400
	maxSystemKeys = 500
)

// System is the machine samples of a run, summed up for equal parts of its time. Parts without a sample are null.
type System struct {
	Seconds float64        `json:"seconds"` // from the start of the run to its last sample or its end
	Series  []SystemSeries `json:"series"`  // by key; at most 500
}

// SystemSeries is the samples of one key: their extremes and the last one of each part.
type SystemSeries struct {
	Key  string `json:"key"`
	Min  []any  `json:"min"`
	Max  []any  `json:"max"`
	Last []any  `json:"last"`
}

// MarshalJSON writes the samples as a record is written.
func (s *System) MarshalJSON() ([]byte, error) {
	type plain System
	return format.AppendJSON(nil, plain(*s)), nil
}

// System returns the machine samples of a finished run. If they are not on this machine, the error is a
// *NotFoundError.
func (v *View) System(ctx context.Context, run string) (*System, error) {
	e, err := v.readable(ctx, run)
	if err != nil {
		return nil, err
	}
	end := max(e.Ended.Sub(e.Started), time.Second)
	s := &System{Seconds: end.Seconds(), Series: []SystemSeries{}}
	began := e.Started.UnixMicro()
	err = e.Newest().System(ctx, func(key string, points []format.Point) error {
		n := len(s.Series)
		if n == 0 || s.Series[n-1].Key != key { // a long curve comes in several pieces
			if n == maxSystemKeys {
				return errEnough
			}
			s.Series = append(s.Series, SystemSeries{
				key, make([]any, systemBuckets), make([]any, systemBuckets), make([]any, systemBuckets),
			})
			n++
		}
		for _, p := range points {
			part := float64(p.Time-began) / float64(end.Microseconds()) * systemBuckets
			s.Series[n-1].add(int(min(max(0, part), systemBuckets-1)), p.Value)
		}
		return ctx.Err()
	})
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil && !errors.Is(err, errEnough):
		return nil, unreadable("reading the machine samples", err)
	case len(s.Series) == 0:
		return nil, missing("", "the machine samples of run %s were not recorded, or are on the machine that recorded them",
			e.ID)
	}
	return s, nil
}

func (s *SystemSeries) add(part int, v float64) {
	s.Last[part] = v
	if math.IsNaN(v) {
		return
	}
	if least, ok := s.Min[part].(float64); !ok || v < least {
		s.Min[part] = v
	}
	if most, ok := s.Max[part].(float64); !ok || v > most {
		s.Max[part] = v
	}
}
