package filter

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// Order is a list of keys to sort rows by.
type Order struct{ keys []orderKey }

type orderKey struct {
	scope Scope
	key   string
	down  bool
}

// maxOrder is how many keys an order may have.
const maxOrder = 100

// ParseOrder reads keys such as "metrics.loss DESC". The error is an *Error.
func ParseOrder(list []string, kind *Kind) (*Order, error) {
	o := &Order{}
	if len(list) > maxOrder {
		return nil, wrong("order_by has more than %d keys", maxOrder)
	}
	for _, text := range list {
		tokens, err := lex(text)
		if err != nil {
			return nil, err
		}
		p := &parser{kind: kind, tokens: tokens}
		var k orderKey
		if k.scope, k.key, err = p.identifier(); err != nil {
			return nil, err
		}
		if k.scope == Dataset {
			return nil, wrong("Invalid order_by entity type '%s'", k.scope)
		}
		if kind == Models && k.scope != Metric && k.scope != Attribute {
			return nil, wrong("Invalid order by field name: '%.100s'. Only metrics are supported.", text)
		}
		if p.word("DESC") {
			k.down = true
		} else {
			p.word("ASC")
		}
		if !p.end() {
			return nil, wrong("Invalid order_by clause '%.100s'. Could not be parsed", text)
		}
		same := func(other orderKey) bool { return other.scope == k.scope && other.key == k.key }
		if kind == Runs && slices.ContainsFunc(o.keys, same) {
			return nil, wrong("`order_by` contains duplicate fields: '%.100s'", text)
		}
		o.keys = append(o.keys, k)
	}
	return o, nil
}

// Has reports whether the order has any key.
func (o *Order) Has() bool { return len(o.keys) > 0 }

// sortValue is what a row is sorted by. Numbers come first, in either direction, then NaN, then rows without a value.
type sortValue struct {
	rank   int // 0 a value, 1 NaN, 2 none
	text   string
	number float64
}

func (k *orderKey) of(row Row) sortValue {
	text := func(s string, ok bool) sortValue {
		if !ok {
			return sortValue{rank: 2}
		}
		return sortValue{text: s}
	}
	number := func(f float64, ok bool) sortValue {
		switch {
		case !ok:
			return sortValue{rank: 2}
		case math.IsNaN(f):
			return sortValue{rank: 1}
		}
		return sortValue{number: f}
	}
	switch k.scope {
	case Metric:
		return number(row.Metric(k.key))
	case Param:
		return text(row.Param(k.key))
	case Tag:
		return text(row.Tag(k.key))
	}
	if n, ok := row.Number(k.key); ok {
		return number(n, ok)
	}
	return text(row.Text(k.key))
}

// Sort sorts n rows by the keys. row returns a row as a key sees it. Rows that are equal keep their order.
func (o *Order) Sort(n int, row func(i, key int) Row) []int {
	order := make([]int, n)
	values := make([][]sortValue, n)
	for i := range order {
		order[i] = i
		values[i] = make([]sortValue, len(o.keys))
		for k := range o.keys {
			values[i][k] = o.keys[k].of(row(i, k))
		}
	}
	slices.SortStableFunc(order, func(i, j int) int {
		for k := range o.keys {
			a, b := values[i][k], values[j][k]
			if c := cmp.Compare(a.rank, b.rank); c != 0 {
				return c
			}
			c := cmp.Or(cmp.Compare(a.number, b.number), strings.Compare(a.text, b.text))
			if o.keys[k].down {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
	return order
}
