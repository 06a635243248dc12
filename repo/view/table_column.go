package view

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/query"
)

// column is a column of a page. Rows without a value are left out.
//
// Its JSON is an object with the values under a letter that says their kind, and where they are:
//
//   - f: float64 values. "nan", "inf" and "-inf" are texts.
//   - i: int64 values. One that a float64 does not hold exactly is a text of its digits.
//   - t: texts.
//   - d: times, in µs since 1970 UTC.
//   - m: values of several kinds, see appendTagged.
//   - v: for each row that has a value, the index of its value in the list, or one index for all of them. Without v,
//     the list has one value for each of these rows.
//   - r: the rows that have a value. Without r, each row has one, or null stands for it.
type column struct {
	rows   []int32
	values []any
}

func (c *column) add(row int, v any) {
	c.rows = append(c.rows, int32(row))
	c.values = append(c.values, v)
}

// numbers is a column of float64 values, which it does not box.
type numbers struct {
	rows   []int32
	values []float64
}

func (c *numbers) add(row int, v float64) {
	c.rows = append(c.rows, int32(row))
	c.values = append(c.values, v)
}

// append appends the JSON of the column in a page with n rows.
func (c *numbers) append(b []byte, n int) []byte {
	return appendColumn(b, n, 'f', c.rows, c.values, math.Float64bits, appendFloat)
}

// append appends the JSON of the column in a page with n rows.
func (c *column) append(b []byte, n int) []byte {
	kind := letterOf(c.values)
	switch kind {
	case 'f':
		return appendColumn(b, n, kind, c.rows, cast[float64](c.values), math.Float64bits, appendFloat)
	case 'i':
		return appendColumn(b, n, kind, c.rows, cast[int64](c.values), func(v int64) int64 { return v }, appendInt)
	case 't':
		return appendColumn(b, n, kind, c.rows, cast[string](c.values), func(v string) string { return v }, appendText)
	case 'd':
		return appendColumn(b, n, kind, c.rows, cast[time.Time](c.values), time.Time.UnixMicro,
			func(b []byte, v time.Time) []byte { return strconv.AppendInt(b, v.UnixMicro(), 10) })
	}
	return appendColumn(b, n, kind, c.rows, c.values, func(v any) string { return string(appendTagged(nil, v)) },
		appendTagged)
}

// letterOf returns the letter for values of one kind, or m.
func letterOf(values []any) byte {
	kind := byte(0)
	for _, v := range values {
		one := byte('m')
		switch v.(type) {
		case float64:
			one = 'f'
		case int64:
			one = 'i'
		case string:
			one = 't'
		case time.Time:
			one = 'd'
		}
		if kind != 0 && one != kind {
			return 'm'
		}
		kind = one
	}
	return kind
}

func cast[T any](values []any) []T {
	list := make([]T, len(values))
	for i, v := range values {
		list[i] = v.(T)
	}
	return list
}

func appendColumn[T any, K comparable](b []byte, n int, kind byte, rows []int32, values []T, key func(T) K,
	one func([]byte, T) []byte,
) []byte {
	index := make(map[K]int32)
	var distinct []T
	at := make([]int32, len(values))
	for i, v := range values {
		k := key(v)
		j, ok := index[k]
		if !ok {
			if len(distinct) > 64 && len(distinct)*4 > (i+1)*3 { // a dictionary would save nothing
				index = nil
				break
			}
			j = int32(len(distinct))
			index[k] = j
			distinct = append(distinct, v)
		}
		at[i] = j
	}
	b = append(b, '{', '"', kind, '"', ':', '[')
	sparse := len(rows)*2 < n
	if index == nil {
		next := 0
		for row := range n {
			switch {
			case next < len(rows) && int(rows[next]) == row:
				b = one(comma(b), values[next])
				next++
			case !sparse:
				b = append(comma(b), "null"...)
			}
		}
		return append(appendRows(append(b, ']'), sparse, rows), '}')
	}
	for _, v := range distinct {
		b = one(comma(b), v)
	}
	b = append(b, `],"v":`...)
	switch {
	case len(distinct) == 1:
		return append(appendRows(append(b, '0'), len(rows) < n, rows), '}')
	case sparse:
		return append(appendRows(appendInts(b, at), true, rows), '}')
	}
	b = append(b, '[')
	next := 0
	for row := range n {
		if next < len(rows) && int(rows[next]) == row {
			b = strconv.AppendInt(comma(b), int64(at[next]), 10)
			next++
		} else {
			b = append(comma(b), "-1"...)
		}
	}
	return append(b, "]}"...)
}

func appendRows(b []byte, some bool, rows []int32) []byte {
	if !some {
		return b
	}
	return appendInts(append(b, `,"r":`...), rows)
}

func appendInts(b []byte, list []int32) []byte {
	b = append(b, '[')
	for _, i := range list {
		b = strconv.AppendInt(comma(b), int64(i), 10)
	}
	return append(b, ']')
}

// comma appends a comma unless a list or object begins.
func comma(b []byte) []byte {
	switch b[len(b)-1] {
	case '[', '{', ':':
		return b
	}
	return append(b, ',')
}

func appendFloat(b []byte, v float64) []byte {
	switch {
	case math.IsNaN(v):
		return append(b, `"nan"`...)
	case math.IsInf(v, 1):
		return append(b, `"inf"`...)
	case math.IsInf(v, -1):
		return append(b, `"-inf"`...)
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}

// maxExact is the largest integer up to which a float64 holds all integers.
const maxExact = 1 << 53

func appendInt(b []byte, v int64) []byte {
	if v > maxExact || v < -maxExact {
		return append(strconv.AppendInt(append(b, '"'), v, 10), '"')
	}
	return strconv.AppendInt(b, v, 10)
}

func appendText(b []byte, v string) []byte {
	text, _ := json.Marshal(v) // never fails
	return append(b, text...)
}

// appendTagged appends a value with its kind: ["f", 1.5], ["i", 1], ["t", "x"], ["b", true], ["d", µs], ["n"] for a
// null, ["l", [values], text] for a list and ["o", {key: value}, text] for a table.
func appendTagged(b []byte, v any) []byte {
	switch v := v.(type) {
	case float64:
		return append(appendFloat(append(b, `["f",`...), v), ']')
	case int64:
		return append(appendInt(append(b, `["i",`...), v), ']')
	case string:
		return append(appendText(append(b, `["t",`...), v), ']')
	case bool:
		return append(strconv.AppendBool(append(b, `["b",`...), v), ']')
	case time.Time:
		return append(strconv.AppendInt(append(b, `["d",`...), v.UnixMicro(), 10), ']')
	case []any:
		b = append(b, `["l",[`...)
		for _, item := range v {
			b = appendTagged(comma(b), item)
		}
		return append(appendText(append(b, "],"...), query.Text(v)), ']')
	case map[string]any:
		b = append(b, `["o",{`...)
		for _, key := range slices.Sorted(maps.Keys(v)) {
			b = appendTagged(append(appendText(comma(b), key), ':'), v[key])
		}
		return append(appendText(append(b, "},"...), query.Text(v)), ']')
	}
	if v == format.Null {
		return append(b, `["n"]`...)
	}
	return append(appendText(append(b, `["t",`...), query.Text(v)), ']')
}
