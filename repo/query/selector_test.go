package query

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/gitruns/runs/format"
)

func TestSelectorOrder(t *testing.T) {
	run := func(i int, id, name string) *format.Run {
		return &format.Run{
			ID: id, Name: name, Status: format.Finished, Started: testNow.Add(-time.Duration(i) * time.Minute),
			Metrics: map[string]format.Metric{
				"x,y": {Last: float64(i), Count: 1, Goal: "max"}, "nan": {Last: math.NaN(), Goal: "max"},
			},
		}
	}
	runs := []*format.Run{
		run(0, "20261123-142530-aaaaaaaa", ""), run(1, "20261123-142529-bbbbbbbb", "last"),
		run(2, "20261123-142528-cccccccc", "aaaa"),
		run(3, "20261123-142527-dddddddd", "20261123-142530-aaaaaaaa"), run(4, "20261123-142526-eeeeeeee", "best=x"),
		run(5, "20261123-142525-ffffffff", "@"),
	}
	for selector, want := range map[string]string{
		"20261123-142530-aaaaaaaa":      "a", // an id before a name
		"name=20261123-142530-aaaaaaaa": "d",
		"aaaa":                          "c", // a name before a prefix
		"aaaaa":                         "a",
		"last":                          "a", // a word before a name
		"name=last":                     "b",
		"last~1":                        "b",
		"@":                             "a", // never a name
		"name=@":                        "f",
		"name=best=x":                   "e",
		"best=x,y":                      "f",
		`best("x,y")`:                   "f",
		`best("x,y", "name != '@'")`:    "e",
		"20261123-142527":               "d",
	} {
		s, err := ParseSelector(selector)
		if err != nil {
			t.Errorf("%s: %v", selector, err)
			continue
		}
		if got, err := s.Resolve(Records(runs), "", testContext()); err != nil || len(got) != 1 ||
			format.IDRandom(got[0].ID())[:1] != want {
			t.Errorf("%s: %v, %v", selector, got, err)
		}
	}
	for selector, want := range map[string]string{
		`best("x,y", "name = nobody")`: `no run that matches the expression has the metric "x,y"`,
		"best(nan)":                    "nan is NaN in every run",
		"20261123": "6 runs have this prefix: 20261123-142530-aaaaaaaa, 20261123-142529-bbbbbbbb, " +
			"20261123-142528-cccccccc, 20261123-142527-dddddddd, 20261123-142526-eeeeeeee, …",
		"@~6": "there are only 6 runs",
	} {
		s, err := ParseSelector(selector)
		if err != nil {
			t.Fatal(err)
		}
		var none *NotFoundError
		if _, err := s.Resolve(Records(runs), "", testContext()); !errors.As(err, &none) || none.Reason != want {
			t.Errorf("%s: %v, want %s", selector, err, want)
		}
	}
	s, err := ParseSelector("abcd")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Resolve(Records([]*format.Run{{ID: "x"}, {}}), "", testContext()); err == nil {
		t.Error("a run without a right id has a prefix")
	}
}

func TestSelectorWithoutGoal(t *testing.T) {
	s, err := ParseSelector("best=zork")
	if err != nil {
		t.Fatal(err)
	}
	runs := []*format.Run{{Status: format.Finished, Metrics: map[string]format.Metric{"zork": {Last: 1}}}}
	var none *NotFoundError
	if _, err := s.Resolve(Records(runs), "", testContext()); err == nil || errors.As(err, &none) ||
		err.Error() != `selecting "best=zork": zork has no goal` {
		t.Errorf("%v", err)
	}
}

func TestSortByOwnGoal(t *testing.T) {
	var runs []*format.Run
	for i, v := range []float64{1, 3, math.NaN(), 2} {
		runs = append(runs, &format.Run{
			ID:      fmt.Sprint(i),
			Metrics: map[string]format.Metric{"zork": {Last: v, Count: 1, Goal: "max"}, "acc": {Last: v, Count: int64(i)}},
		})
	}
	for spec, want := range map[string]string{
		"zork": "1302", "metrics.zork": "1302", "zork:asc": "0312", "acc.last": "1302", "acc.count": "0123",
		"acc.last:asc": "0312", "tags.acc": "3210", "zork:desc:asc": "3210",
	} {
		SortRecords(runs, spec, testContext())
		got := ""
		for _, r := range runs {
			got += r.ID
		}
		if got != want {
			t.Errorf("%s: %s, want %s", spec, got, want)
		}
	}
}

func TestSortIsExact(t *testing.T) {
	runs := []*format.Run{
		{ID: "a", Params: map[string]any{"x": int64(1<<53 + 1)}}, {ID: "b", Params: map[string]any{"x": int64(1 << 53)}},
	}
	if SortRecords(runs, "x", testContext()); runs[0].ID != "b" {
		t.Error("large integers are sorted as floats")
	}
}
