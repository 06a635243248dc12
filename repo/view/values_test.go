package view

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
)

func TestValues(t *testing.T) {
	r := setup(t)
	lines := []string{
		`{"t":1764000000,"step":3,"values":{"list":[1,2]}}`,
		`{"t":1764000000,"step":0,"values":{"h":{"_type":"histogram","bins":[0,1,2],"values":[3,4]}}}`,
	}
	for i := range 1000 {
		lines = append(lines, fmt.Sprintf(`{"t":1764000000,"step":%d,"values":{"text":"value %d"}}`, i, i))
	}
	e := oneRun(t, r, &format.Run{}, lines, nil)
	v := openView(t, r)
	list, err := v.Values(t.Context(), e.ID)
	if err != nil || !list.Here {
		t.Fatal(list, err)
	}
	got := ""
	for _, k := range list.Keys {
		got += fmt.Sprintf("%s %s %d %d-%d; ", k.Key, k.Kind, k.Count, k.First, k.Last)
	}
	if want := "h histogram 1 0-0; list json 1 3-3; text text 1000 0-999; "; got != want {
		t.Errorf("keys %s; want %s", got, want)
	}
	all := [2]int64{math.MinInt64, math.MaxInt64}
	for _, c := range []struct {
		key         string
		steps       [2]int64
		total       int
		first, last int64
		values      int
	}{
		{"text", all, 1000, 0, 999, 251},
		{"text", [2]int64{100, 199}, 100, 100, 199, 100},
		{"text", [2]int64{5000, 6000}, 0, 0, 0, 0},
		{"list", all, 1, 3, 3, 1},
	} {
		s, err := v.Series(t.Context(), e.ID, ValueName(c.key), c.steps[0], c.steps[1])
		if err != nil {
			t.Fatal(err)
		}
		n := len(s.Values)
		if s.Key != c.key || s.Total != c.total || n != c.values ||
			n > 0 && (s.Values[0].Step != c.first || s.Values[n-1].Step != c.last) {
			t.Errorf("%s: %d of %d, want %+v", c.key, n, s.Total, c)
		}
	}
	if s, err := v.Series(t.Context(), e.ID, ValueName("other"), 0, 9); err == nil {
		t.Errorf("a key that the run does not have: %+v", s)
	}
}

// TestLargeValues keeps an answer small when each value is large.
func TestLargeValues(t *testing.T) {
	r := setup(t)
	var lines []string
	for i := range 24 {
		text := strings.Repeat("x", 900_000)
		lines = append(lines, fmt.Sprintf(`{"t":1764000000,"step":%d,"values":{"k":"%d%s"}}`, i, i, text))
	}
	e := oneRun(t, r, &format.Run{}, lines, nil)
	s, err := openView(t, r).Series(t.Context(), e.ID, ValueName("k"), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	size := 0
	for _, one := range s.Values {
		size += len(one.JSON)
	}
	n := len(s.Values)
	if s.Total != 24 || size > maxValueSent+1<<20 || s.Values[n-1].Step != 23 || s.Values[0].Step != 0 {
		t.Errorf("%d of %d values, %d bytes", n, s.Total, size)
	}
}

// TestDamagedValues says what is wrong with values that are not those that were recorded.
func TestDamagedValues(t *testing.T) {
	r := setup(t)
	e := oneRun(t, r, &format.Run{}, []string{`{"t":1764000000,"step":3,"values":{"list":[1,2]}}`}, nil)
	if err := os.WriteFile(filepath.Join(e.Dir, format.ValuesName), []byte("PAR1"), 0o666); err != nil {
		t.Fatal(err)
	}
	v := openView(t, r)
	var missing *NotFoundError
	if _, err := v.Values(t.Context(), e.ID); !errors.As(err, &missing) {
		t.Errorf("the keys of damaged values: %v", err)
	}
	if _, err := v.Series(t.Context(), e.ID, ValueName("list"), 0, 9); !errors.As(err, &missing) {
		t.Errorf("damaged values: %v", err)
	}
	if run, err := v.Run(t.Context(), e.ID); err != nil || !run.Values {
		t.Errorf("the run: %+v, %v", run, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := v.Values(ctx, e.ID); err == nil {
		t.Error("values of a request that has ended")
	}
}
