package query

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
)

// Sort orders runs by KEY[:asc|:desc]. A metric without a direction puts the best first; anything else goes up. Runs
// without the key come last, NaN before them, in both directions; texts follow numbers; ties stay newest first.
func Sort(runs []*format.Run, spec string, c Context) {
	key, down := spec, false
	switch {
	case strings.HasSuffix(spec, ":asc"):
		key = strings.TrimSuffix(spec, ":asc")
	case strings.HasSuffix(spec, ":desc"):
		key, down = strings.TrimSuffix(spec, ":desc"), true
	default:
		down = c.Goal != nil && c.Goal(strings.TrimPrefix(key, "metrics.")) == format.GoalMax && isMetric(runs, key)
	}
	slices.SortFunc(runs, Newer)
	values := make(map[*format.Run]sortValue, len(runs))
	for _, r := range runs {
		values[r] = newSortValue(Value(r, key, c))
	}
	slices.SortStableFunc(runs, func(a, b *format.Run) int {
		x, y := values[a], values[b]
		if x.class != y.class || x.class > classText {
			return cmp.Compare(x.class, y.class)
		}
		order := cmp.Or(cmp.Compare(x.num, y.num), strings.Compare(x.text, y.text))
		if down {
			return -order
		}
		return order
	})
}

func isMetric(runs []*format.Run, key string) bool {
	key = strings.TrimPrefix(key, "metrics.")
	return slices.ContainsFunc(runs, func(r *format.Run) bool { _, ok := r.Metrics[key]; return ok })
}

type sortValue struct {
	class int
	num   float64
	text  string
}

const (
	classNumber = iota
	classText
	classNaN
	classMissing
)

func newSortValue(v any, ok bool) sortValue {
	if !ok {
		return sortValue{class: classMissing}
	}
	if t, ok := v.(time.Time); ok {
		return sortValue{class: classNumber, num: float64(t.UnixMicro())}
	}
	if x, ok := number(v); ok {
		if math.IsNaN(x) {
			return sortValue{class: classNaN}
		}
		return sortValue{class: classNumber, num: x}
	}
	return sortValue{class: classText, text: Text(v)}
}
