package format

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type m = map[string]any

func TestParamsGetAndFind(t *testing.T) {
	p := Params{
		"lr": 0.1, "opt": m{"name": "adam", "beta": m{"one": 0.9}, "x.y": int64(1)}, "opt.name": "sgd",
		"a": m{"b.c": int64(1), "b": m{"c": int64(2)}}, "a.b": m{"d": int64(3)}, "none": m{},
	}
	for _, c := range []struct {
		path []string
		want any
	}{
		{nil, m(p)},
		{[]string{"lr"}, 0.1},
		{[]string{"opt", "beta", "one"}, 0.9},
		{[]string{"opt", "beta"}, m{"one": 0.9}},
		{[]string{"opt.name"}, "sgd"},
		{[]string{"none"}, m{}},
		{[]string{"lr", "x"}, nil},
		{[]string{"opt", "y"}, nil},
		{[]string{"opt", "beta", "two"}, nil},
	} {
		got, ok := p.Get(c.path...)
		if d := cmp.Diff(c.want, got); d != "" || ok != (c.want != nil) {
			t.Errorf("Get %q: found %v (-want +got):\n%s", c.path, ok, d)
		}
	}
	for key, want := range map[string]any{
		"lr": 0.1, "opt.beta.one": 0.9, "opt.name": "adam", "opt.x.y": int64(1), "a.b.c": int64(2), "a.b.d": int64(3),
		`"opt.name"`: "sgd", `a."b.c"`: int64(1), `opt."x.y"`: int64(1), `"a.b".d`: int64(3), `"a.b"`: m{"d": int64(3)},
		`"lr"`: 0.1, `"l`: nil, `"opt"x`: nil,
		"a.b": m{"c": int64(2)}, "": nil, ".": nil, "opt.": nil, "lr.": nil, "opt.z": nil,
	} {
		got, ok := p.Find(key)
		if d := cmp.Diff(want, got); d != "" || ok != (want != nil) {
			t.Errorf("Find %q: found %v (-want +got):\n%s", key, ok, d)
		}
	}
	if _, ok := Params(nil).Get("a"); ok {
		t.Error("nil has a param")
	}
}

func TestParamsSet(t *testing.T) {
	for _, c := range []struct {
		before Params
		path   string
		want   Params
		err    string
	}{
		{Params{}, "a", Params{"a": true}, ""},
		{Params{}, "a.b.c", Params{"a": m{"b": m{"c": true}}}, ""},
		{Params{"a": m{"x": int64(1)}}, "a.b", Params{"a": m{"x": int64(1), "b": true}}, ""},
		{Params{"a": int64(1)}, "a", Params{"a": true}, ""},
		{Params{"a": m{}}, "a", Params{"a": true}, ""},
		{Params{"a": m{}}, "a.b", Params{"a": m{"b": true}}, ""},
		{Params{"a": int64(1)}, "a.b.c", nil, "a is a value and cannot hold a.b.c"},
		{Params{"a": m{"b": []any{}}}, "a.b.c", nil, "a.b is a value and cannot hold a.b.c"},
		{Params{"a": m{"x y": int64(1)}}, "a", nil, "a is a table and cannot become a value"},
	} {
		p := c.before.Clone()
		message := ""
		if err := p.Set(strings.Split(c.path, "."), true); err != nil {
			message = err.Error()
		}
		want := c.want
		if c.err != "" {
			want = c.before
		}
		if d := cmp.Diff(want, p); d != "" || c.err != message {
			t.Errorf("%s in %v: error %q, want %q (-want +got):\n%s", c.path, c.before, message, c.err, d)
		}
	}
}

// TestParamsFlatten: params that share a name are told apart by their dotted keys, the same each time, and Find finds
// each by its key.
func TestParamsFlatten(t *testing.T) {
	p := Params{
		"a.b.c": int64(1),
		"a":     m{"b": m{"c": int64(2), "d": int64(3), "e": m{}}, "b.d": int64(4), "b.c": int64(5)},
		"a.b":   m{"c": int64(6), "d": int64(7), "f": int64(8)},
		"t":     m{"u": m{"v": int64(9)}}, "t.u": int64(10), // a table and a param are no two params
		`"k.l"`: int64(11), "k.l": int64(12), // the name of the one is the dotted key of the other
	}
	want := m{
		"a.b.c": int64(2), `a."b.c"`: int64(5), `"a.b".c`: int64(6), `"a.b.c"`: int64(1),
		"a.b.d": int64(3), `a."b.d"`: int64(4), `"a.b".d`: int64(7), "a.b.e": m{}, "a.b.f": int64(8),
		"t.u.v": int64(9), "t.u": int64(10), `"\"k.l\""`: int64(11), "k.l": int64(12),
	}
	for range 100 { // the order of a map differs from one call to the next
		if d := cmp.Diff(want, p.Flatten()); d != "" {
			t.Fatal(d)
		}
	}
	for key, v := range want {
		if got, _ := p.Find(key); !cmp.Equal(got, v) {
			t.Errorf("%s is %v for Find", key, got)
		}
	}
}

func TestParamsDiff(t *testing.T) {
	p := Params{
		"gone": true, "same": 1.0, "nan": math.NaN(), "t": m{"x": int64(1), "y": "a"}, "v": int64(1), "e": m{},
		"l": []any{int64(1)},
	}
	q := Params{
		"same": int64(1), "nan": math.NaN(), "t": m{"x": int64(2), "y": "a", "z": m{"u": true}}, "v": m{"w": false},
		"e": m{"x": int64(1)}, "l": []any{int64(2)}, "new": "n",
	}
	want := []Change{
		{[]string{"e", "x"}, nil, int64(1)},
		{[]string{"gone"}, true, nil},
		{[]string{"l"}, []any{int64(1)}, []any{int64(2)}},
		{[]string{"new"}, nil, "n"},
		{[]string{"t", "x"}, int64(1), int64(2)},
		{[]string{"t", "z"}, nil, m{"u": true}},
		{[]string{"v"}, int64(1), m{"w": false}},
	}
	if d := cmp.Diff(want, p.Diff(q)); d != "" {
		t.Error(d)
	}
}

func TestParamsMerge(t *testing.T) {
	for _, c := range []struct {
		name     string
		p, more  Params
		added    Params // what Add makes; nil if it refuses
		refused  string
		override Params // what Override makes; nil if the same
	}{
		{
			name: "new params", p: Params{"a": int64(1)}, more: Params{"b": m{"c": int64(2)}},
			added: Params{"a": int64(1), "b": m{"c": int64(2)}},
		},
		{
			name: "tables", p: Params{"a": m{"b": int64(1)}}, more: Params{"a": m{"c": int64(2)}},
			added: Params{"a": m{"b": int64(1), "c": int64(2)}},
		},
		{
			name: "a null for a null", p: Params{"a": Null}, more: Params{"a": Null}, added: Params{"a": Null},
		},
		{
			name: "an empty table is filled", p: Params{"a": m{}}, more: Params{"a": m{"b": int64(1)}},
			added: Params{"a": m{"b": int64(1)}},
		},
		{
			name: "an empty table empties a table", p: Params{"a": m{"b": int64(1)}}, more: Params{"a": m{}},
			added: Params{"a": m{"b": int64(1)}}, override: Params{"a": m{}},
		},
		{
			name: "a null for a value", p: Params{"a": int64(1)}, more: Params{"a": Null},
			refused: `setting param a: it is 1 and cannot become null`, override: Params{"a": Null},
		},
		{
			name: "equal numbers", p: Params{"a": int64(1)}, more: Params{"a": 1.0}, added: Params{"a": int64(1)},
			override: Params{"a": 1.0},
		},
		{
			name: "another value",
			p:    Params{"n": int64(1), "a": m{"b c": 0.5}}, more: Params{"z": true, "n": int64(1), "a": m{"b c": "x"}},
			refused:  `setting param a."b c": it is 0.5 and cannot become "x"`,
			override: Params{"z": true, "n": int64(1), "a": m{"b c": "x"}},
		},
		{
			name: "several other values", p: Params{"a": int64(1), "b": int64(1)}, more: Params{"b": int64(2), "a": int64(2)},
			refused: `setting param a: it is 1 and cannot become 2`, override: Params{"a": int64(2), "b": int64(2)},
		},
		{
			name: "a table for a value", p: Params{"a": int64(1)}, more: Params{"a": m{"b": int64(2)}},
			refused: `setting param a: it is 1 and cannot become {b = 2}`, override: Params{"a": m{"b": int64(2)}},
		},
		{
			name: "a value for a table", p: Params{"a": m{"b": int64(2)}}, more: Params{"a": int64(1)},
			refused: `setting param a: it is {b = 2} and cannot become 1`, override: Params{"a": int64(1)},
		},
	} {
		p, want, message := c.p.Clone(), c.added, ""
		if err := p.Add(c.more); err != nil {
			want, message = c.p, err.Error()
		}
		if d := cmp.Diff(want, p); d != "" || message != c.refused {
			t.Errorf("%s: Add: error %q, want %q (-want +got):\n%s", c.name, message, c.refused, d)
		}
		if c.override == nil {
			c.override = c.added
		}
		p = c.p.Clone()
		p.Override(c.more)
		if d := cmp.Diff(c.override, p); d != "" {
			t.Errorf("%s: Override (-want +got):\n%s", c.name, d)
		}
	}
}

// TestCountValues: a writer counts the values of a table as the reader does.
func TestCountValues(t *testing.T) {
	p := m{"a": int64(1), "b": m{}, "c": []any{int64(1), []any{"x"}, m{"d": true}}}
	read := 0
	if _, _, reason := cleanValue(p, nil, 0, &read, false); reason != "" {
		t.Fatal(reason)
	}
	if n := CountValues(p); n != read || n != 9 {
		t.Errorf("%d values, the reader counts %d", n, read)
	}
}

// randomParams uses few names, some with dots, so that the params of two calls meet.
func randomParams(r *rand.Rand, depth int) Params {
	names := []string{"a", "b", "a.b", "b.a", "c c", `"a.b"`}
	p := Params{}
	for range r.IntN(5) {
		var v any
		switch k := r.IntN(9); {
		case k < 3 && depth < 4:
			v = m(randomParams(r, depth+1))
		case k == 3:
			v = []any{int64(r.IntN(2)), m{"x": r.IntN(2) == 0, "y": Null}, "null", []any{Null}}
		case k == 4:
			v = float64(r.IntN(3))
		case k == 5:
			v = math.NaN()
		case k == 6:
			v = Null
		default:
			v = int64(r.IntN(3))
		}
		p[names[r.IntN(len(names))]] = v
	}
	return p
}

// TestParamsLaws checks what must hold for any params.
func TestParamsLaws(t *testing.T) {
	equal := func(p, q Params) bool { return EqualValue(m(p), m(q)) }
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 0))
		p, q := randomParams(r, 0), randomParams(r, 0)
		check := func(ok bool, law string, args ...any) {
			t.Helper()
			if !ok {
				t.Fatalf("p = %v, q = %v: %s", p, q, fmt.Sprintf(law, args...))
			}
		}
		check(len(p.Diff(p.Clone())) == 0, "a clone differs")
		check((len(p.Diff(q)) == 0) == equal(p, q), "Diff and EqualValue disagree")

		// The leaves come in the order of their paths, and make the same params through Set.
		again, last := Params{}, []string(nil)
		for path, v := range p.Leaves() {
			check(last == nil || slices.Compare(last, path) < 0, "%q comes after %q", path, last)
			last = slices.Clone(path)
			got, ok := p.Get(path...)
			check(ok && EqualValue(got, v), "Get %q is %v", path, got)
			check(again.Set(path, v) == nil, "%q cannot be set", path)
		}
		check(equal(p, again), "the leaves make %v", again)

		// Flatten has each leaf once, under a key by which Find finds it.
		flat, list := p.Flatten(), p.List()
		check(len(flat) == len(list), "%d leaves are %v", len(list), flat)
		for _, leaf := range list {
			got, ok := p.Find(leaf.Name)
			check(ok && EqualValue(got, leaf.Value), "Find %q is %v", leaf.Name, got)
			check(has(flat, leaf.Name), "Flatten lacks %q", leaf.Name)
			got, ok = p.Find(leaf.Dotted)
			check(ok && (EqualValue(got, leaf.Value) || !strings.Contains(leaf.Dotted, `"`)), "Find %q is %v", leaf.Dotted, got)
		}
		check(EqualValue(flat, p.Clone().Flatten()), "Flatten depends on an order")

		// A record holds the params as they are, nulls too.
		clean, nulls := splitNulls(p)
		check(!hasNull(clean), "nulls are left in %v", clean)
		restored := Params(clean).Clone()
		check(joinNulls(restored, nulls) == nil && equal(restored, p), "%v and %v make %v", clean, nulls, restored)

		// Override takes every leaf of q, and removes nothing.
		both := p.Clone()
		both.Override(q)
		replaced := false // a table by a value, or a value by a table
		for path, v := range q.Leaves() {
			got, ok := both.Get(path...)
			table, isTable := v.(m)
			check(ok && EqualValue(got, v), "after Override, %q is %v", path, got)
			for n := range path {
				old, _ := p.Get(path[:n+1]...)
				_, was := old.(m)
				replaced = replaced || old != nil && (was != (n < len(path)-1 || isTable) || isTable && len(table) == 0)
			}
		}
		for _, c := range p.Diff(both) {
			check(c.New != nil || replaced, "Override removed %q", c.Path)
		}

		// Add refuses exactly what would change a value of p, and otherwise makes what Override makes.
		added := p.Clone()
		if err := added.Add(q); err != nil {
			check(equal(added, p), "Add failed and made %v", added)
			check(slices.ContainsFunc(p.Diff(both), func(c Change) bool { return c.Old != nil }), "Add fails: %v", err)
		} else {
			check(equal(added, both) || replaced, "Add makes %v, Override %v", added, both)
		}

		// The results share nothing with what they were made from.
		before := fmt.Sprint(p, q)
		for _, result := range []Params{p.Clone(), both, added} {
			scribble(m(result))
		}
		check(fmt.Sprint(p, q) == before, "they were %s", before)
	}
}

// scribble changes every table and list in place.
func scribble(v any) {
	switch v := v.(type) {
	case m:
		for _, item := range v {
			scribble(item)
		}
		v["scribble"] = true
	case []any:
		for i, item := range v {
			scribble(item)
			v[i] = "scribble"
		}
	}
}
