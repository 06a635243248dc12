package query

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
)

// Sort sorts runs by KEY[:asc|:desc]. Without a direction, the order is ascending. For a metric whose goal is known,
// and for its .last, .best, .min and .max, the best value comes first. In both directions, numbers and times come
// before texts, NaN, nulls and runs without the key. Among equal values, the newest run comes first.
func Sort(runs []*format.Run, spec string, c Context) {
	key, ascending, down := cutDirection(spec)
	f := newField(key)
	if !ascending && !down {
		down = f.goal(runs, c) == format.GoalMax
	}
	slices.SortFunc(runs, Newer)
	values := make(map[*format.Run]sortValue, len(runs))
	for _, r := range runs {
		values[r] = newSortValue(f.value(r, c))
	}
	slices.SortStableFunc(runs, func(a, b *format.Run) int {
		x, y := values[a], values[b]
		if x.class != y.class || x.class > classText {
			return cmp.Compare(x.class, y.class)
		}
		order := cmp.Or(compareNumbers(x.num, y.num), strings.Compare(x.text, y.text))
		if down {
			return -order
		}
		return order
	})
}

// SortKey returns the key in KEY[:asc|:desc].
func SortKey(spec string) string {
	key, _, _ := cutDirection(spec)
	return key
}

func cutDirection(spec string) (key string, up, down bool) {
	if key, up = strings.CutSuffix(spec, ":asc"); !up {
		key, down = strings.CutSuffix(key, ":desc")
	}
	return key, up, down
}

type sortValue struct {
	class int
	num   datum
	text  string
}

const (
	classNumber = iota
	classText
	classNaN
	classNull
	classMissing
)

func newSortValue(d datum, ok bool) sortValue {
	switch {
	case !ok:
		return sortValue{class: classMissing}
	case d.isNaN():
		return sortValue{class: classNaN}
	case d.isNull():
		return sortValue{class: classNull}
	case d.isNumber():
		return sortValue{class: classNumber, num: d}
	case d.kind == isTime:
		return sortValue{class: classNumber, num: intDatum(d.t.UnixMicro())}
	}
	return sortValue{class: classText, text: d.text()}
}
