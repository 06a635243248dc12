package query

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
)

// Sort sorts rows by KEY[:asc|:desc]. Without a direction, the order is ascending. For a metric whose goal is known,
// and for its .last, .best, .min and .max, the best value comes first. In both directions, numbers and times come
// before texts, NaN, nulls and runs without the key. Among equal values, the newest run comes first.
func Sort(rows []Row, spec string, c Context) { SortFirst(rows, spec, len(rows), c) }

// SortFirst is like Sort, but sorts only the first n rows. Those after them are in no order. If n is small, it takes
// little longer than looking at each row once.
func SortFirst(rows []Row, spec string, n int, c Context) {
	key, ascending, down := cutDirection(spec)
	f := newField(key)
	if !ascending && !down {
		down = f.goal(rows, c) == format.GoalMax
	}
	f.narrow(c)
	newestFirst(rows)
	values := sortValues{all: make([]sortValue, len(rows))}
	order := make([]int32, len(rows)) // small, because sorting moves them often
	for i, r := range rows {
		order[i], values.all[i] = int32(i), values.of(f.value(r, c))
	}
	compare := func(a, b int32) int {
		x, y := &values.all[a], &values.all[b]
		n := 0
		switch {
		case x.class != y.class:
			return cmp.Compare(x.class, y.class)
		case x.class > classText:
		case x.class == classText:
			n = strings.Compare(values.texts[x.word], values.texts[y.word])
		default:
			n = x.compare(y)
		}
		if down {
			n = -n
		}
		return cmp.Or(n, cmp.Compare(a, b))
	}
	if n < len(order)/8 {
		selectFirst(order, n, compare)
	} else {
		n = len(order)
	}
	slices.SortFunc(order[:n], compare)
	arrange(rows, order)
}

// arrange puts rows in an order, which says for each place which row comes there. It needs no other memory, and leaves
// nothing useful in order.
func arrange(rows []Row, order []int32) {
	for start := range order {
		first := rows[start]
		at := start
		for order[at] >= 0 {
			from := int(order[at])
			order[at] = -1
			if from == start {
				rows[at] = first
				break
			}
			rows[at], at = rows[from], from
		}
	}
}

// selectFirst moves the first n of order to its beginning, in no order. The heap holds the first ones of those
// that were looked at, the last of them on top.
func selectFirst(order []int32, n int, compare func(a, b int32) int) {
	if n <= 0 {
		return
	}
	first := order[:n]
	down := func(at int) {
		for {
			child := 2*at + 1
			if child >= n {
				return
			}
			if child+1 < n && compare(first[child+1], first[child]) > 0 {
				child++
			}
			if compare(first[child], first[at]) <= 0 {
				return
			}
			first[at], first[child] = first[child], first[at]
			at = child
		}
	}
	for at := n/2 - 1; at >= 0; at-- {
		down(at)
	}
	for i := n; i < len(order); i++ {
		if compare(order[i], first[0]) < 0 {
			order[i], first[0] = first[0], order[i]
			down(0)
		}
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

// sortValues are the values that rows are sorted by.
type sortValues struct {
	all   []sortValue
	texts []string
}

// sortValue is what a Datum is sorted by. It is small, because a project has many.
type sortValue struct {
	class int8
	whole bool   // the number is an integer
	word  uint64 // the bits of a number, or the place of a text in sortValues.texts
}

// compare compares two numbers by their exact values.
func (x *sortValue) compare(y *sortValue) int {
	switch {
	case x.whole && y.whole:
		return cmp.Compare(int64(x.word), int64(y.word))
	case x.whole:
		return -compareFloatInt(math.Float64frombits(y.word), int64(x.word))
	case y.whole:
		return compareFloatInt(math.Float64frombits(x.word), int64(y.word))
	}
	return cmp.Compare(math.Float64frombits(x.word), math.Float64frombits(y.word))
}

const (
	classNumber int8 = iota
	classText
	classNaN
	classNull
	classMissing
)

func (values *sortValues) of(d Datum, ok bool) sortValue {
	switch {
	case !ok:
		return sortValue{class: classMissing}
	case d.isNaN():
		return sortValue{class: classNaN}
	case d.isNull():
		return sortValue{class: classNull}
	case d.kind == isInt:
		return sortValue{class: classNumber, whole: true, word: uint64(d.i)}
	case d.kind == isFloat:
		return sortValue{class: classNumber, word: math.Float64bits(d.f)}
	case d.kind == isTime:
		return sortValue{class: classNumber, whole: true, word: uint64(d.t.UnixMicro())}
	}
	values.texts = append(values.texts, d.text())
	return sortValue{class: classText, word: uint64(len(values.texts) - 1)}
}
