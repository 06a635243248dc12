package diff

import (
	"math"
	"testing"

	"github.com/gitruns/runs/format"
)

func TestSame(t *testing.T) {
	table := func(v any) any { return map[string]any{"k": []any{v}} }
	for _, c := range []struct {
		a, b         any
		same, strict bool
	}{
		{nil, nil, true, true},
		{nil, format.Null, false, false},
		{format.Null, format.Null, true, true},
		{nil, "", false, false},
		{int64(1), 1.0, true, false},
		{1.0, int64(1), true, false},
		{int64(1), int64(1), true, true},
		{int64(1), int64(2), false, false},
		{int64(1), "1", false, false},
		{int64(1), true, false, false},
		{math.NaN(), math.NaN(), true, true},
		{math.Inf(1), int64(math.MaxInt64), false, false},
		{table(int64(1)), table(1.0), true, false},
		{table(1.0), table(1.0), true, true},
		{table(1.0), table(2.0), false, false},
		{[]any{}, map[string]any{}, false, false},
		{[]any{}, "x", false, false},
		{"x", []any{}, false, false},
		{[]any{int64(1)}, []any{int64(1), int64(2)}, false, false},
	} {
		v := Value{"k", c.a, c.b}
		if v.Same(false) != c.same || v.Same(true) != c.strict {
			t.Errorf("%v and %v: %v, strictly %v", c.a, c.b, v.Same(false), v.Same(true))
		}
	}
}
