package query

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
)

// Sort sorts rows by KEY[:asc|:desc]. Without a direction, the order is ascending. For a metric whose goal is known,
// and for its .last, .best, .min and .max, the best value comes first. In both directions, numbers and times come
// before texts, NaN, nulls and runs without the key. Among equal values, the newest run comes first.
func Sort(rows []Row, spec string, c Context) {
	key, ascending, down := cutDirection(spec)
	f := newField(key)
	if !ascending && !down {
		down = f.goal(rows, c) == format.GoalMax
	}
	newestFirst(rows)
	sorted := make([]sortRow, len(rows))
	for i, r := range rows {
		sorted[i] = sortRow{r, newSortValue(f.value(r, c))}
	}
	slices.SortStableFunc(sorted, func(a, b sortRow) int {
		x, y := &a.sortValue, &b.sortValue
		if x.class != y.class || x.class > classText {
			return cmp.Compare(x.class, y.class)
		}
		order := cmp.Or(compareNumbers(x.num, y.num), strings.Compare(x.text, y.text))
		if down {
			return -order
		}
		return order
	})
	for i := range sorted {
		rows[i] = sorted[i].Row
	}
}

// SortRecords is like Sort, for records.
func SortRecords(runs []*format.Run, spec string, c Context) {
	rows := Records(runs)
	Sort(rows, spec, c)
	copy(runs, RecordsOf(rows))
}

// newestFirst sorts rows by NewerRow. Most lists are sorted already.
func newestFirst(rows []Row) {
	if !slices.IsSortedFunc(rows, NewerRow) {
		slices.SortFunc(rows, NewerRow)
	}
}

type sortRow struct {
	Row
	sortValue
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
	num   Datum
	text  string
}

const (
	classNumber = iota
	classText
	classNaN
	classNull
	classMissing
)

func newSortValue(d Datum, ok bool) sortValue {
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
		return sortValue{class: classNumber, num: IntDatum(d.t.UnixMicro())}
	}
	return sortValue{class: classText, text: d.text()}
}
