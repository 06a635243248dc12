package repo

import (
	"fmt"
	"testing"

	"github.com/gitruns/runs/format"
)

func TestPointFilter(t *testing.T) {
	r, _, err := Setup(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a, err := r.Start(t.Context(), &format.Run{}, format.OwnerDetached)
	if err != nil {
		t.Fatal(err)
	}
	for step := range int64(5) {
		l := &format.Line{HasStep: true, Step: step, Metrics: []format.MetricValue{{Key: "a", Value: 1}}}
		if step < 2 {
			l.Metrics = append(l.Metrics, format.MetricValue{Key: "b", Value: 2})
		}
		if err := a.AppendShared(l); err != nil {
			t.Fatal(err)
		}
	}
	for _, finished := range []bool{false, true} {
		if finished {
			if _, err := a.Finish(t.Context(), Finish{Status: format.Finished}); err != nil {
				t.Fatal(err)
			}
		}
		e, err := r.Read(t.Context(), a.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			filter PointFilter
			want   string
		}{
			{PointFilter{}, "a0 a1 a2 a3 a4 b0 b1 "},
			{PointFilter{Keys: []string{"b", "b"}}, "b0 b1 "},
			{PointFilter{Keys: []string{"b", "a"}, Last: true}, "a4 b1 "},
			{PointFilter{Last: true}, "a4 b1 "},
			{PointFilter{Every: 2}, "a0 a2 a4 b0 b1 "},
			{PointFilter{Every: 3}, "a0 a3 a4 b0 b1 "},
			{PointFilter{Every: 1}, "a0 a1 a2 a3 a4 b0 b1 "},
			{PointFilter{Keys: []string{"none"}}, ""},
		} {
			got := ""
			err := e.EachPoint(t.Context(), c.filter, func(key string, p format.Point) error {
				got += fmt.Sprintf("%s%d ", key, p.Step)
				return nil
			})
			if err != nil || got != c.want {
				t.Errorf("finished %v, %+v: %s, %v; want %s", finished, c.filter, got, err, c.want)
			}
		}
	}
}
