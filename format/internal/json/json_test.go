package json

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func read(text string, depth int) (any, error) {
	var s Scanner
	s.Reset([]byte(text), depth)
	v, err := s.Value()
	if err != nil {
		return nil, err
	}
	return v, s.End()
}

func TestValue(t *testing.T) {
	for _, c := range []struct {
		text string
		want any
	}{
		{`null`, nil},
		{`true`, true},
		{`0`, int64(0)},
		{`-12`, int64(-12)},
		{`9223372036854775807`, int64(math.MaxInt64)},
		{`9223372036854775808`, float64(1 << 63)},
		{`1.0`, 1.0},
		{`1e2`, 100.0},
		{`NaN`, math.NaN()},
		{`"-Infinity"`, math.Inf(-1)},
		{`"NaNs"`, "NaNs"},
		{`"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"`, "\"\\/\b\f\n\r\té😀"},
		{`"\ud83d"`, "\ufffd"},
		{`"\ud83d\u0041"`, "\ufffdA"},
		{`[]`, []any{}},
		{` [1, [2] ,{}]` + " \r\n\t", []any{int64(1), []any{int64(2)}, map[string]any{}}},
		{`{"a": {"b": null}, "c\n": [true]}`, map[string]any{"a": map[string]any{"b": nil}, "c\n": []any{true}}},
	} {
		got, err := read(c.text, 3)
		if d := cmp.Diff(c.want, got, cmpopts.EquateNaNs()); err != nil || d != "" {
			t.Errorf("%s: %v (-want +got):\n%s", c.text, err, d)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		text   string
		offset int
		reason string
	}{
		{``, 0, `expected a number`},
		{`nul`, 0, `expected a number`},
		{`01`, 2, `expected a number`},
		{`1.`, 2, `expected a digit`},
		{`1e+`, 3, `expected a digit`},
		{`1e999`, 5, `the number 1e999 is out of range`},
		{`1 2`, 2, `unexpected text after the end`},
		{`"a`, 2, `the string does not end`},
		{"\"a\n\"", 2, `the string contains a control character`},
		{`"\x"`, 2, `unknown escape sequence`},
		{`"\u12"`, 2, `expected four hexadecimal digits`},
		{`[1 2]`, 3, `expected "," or "]"`},
		{`{"a" 1}`, 5, `expected ":"`},
		{`{"a":1 "b"}`, 7, `expected "," or "}"`},
		{`{a:1}`, 1, `expected a key in quotes`},
		{`{"a`, 1, `the string does not end`},
		{`{"a":1,"a":2}`, 11, `the key "a" appears twice`},
		{`[[[[1]]]]`, 4, `nested deeper than 3 levels`},
	} {
		v, err := read(c.text, 3)
		var got *Error
		if !errors.As(err, &got) || got.Offset != c.offset || got.Reason != c.reason {
			t.Errorf("%s: %v, error %v, want %q at %d", c.text, v, err, c.reason, c.offset)
		} else if want := fmt.Sprintf("column %d: %s", c.offset+1, c.reason); err.Error() != want {
			t.Errorf("%s: the error reads %q", c.text, err)
		}
	}
}

func TestInt(t *testing.T) {
	for text, want := range map[string]any{
		"12": int64(12), "-9223372036854775808": int64(math.MinInt64), "12.0": int64(12), "1e3": int64(1000),
		"1.5": "1.5 is not a 64-bit integer", "9223372036854775808": "is not a 64-bit integer",
		"NaN": "is not a 64-bit integer",
		`"3"`: "expected a number, not a string", "": "expected a number",
	} {
		var s Scanner
		s.Reset([]byte(text), 0)
		got, err := s.Int()
		if reason, fails := want.(string); fails && (err == nil || !strings.Contains(err.Error(), reason)) ||
			!fails && (err != nil || got != want) {
			t.Errorf("%s: %d, %v, want %v", text, got, err, want)
		}
	}
}

// A key does not allocate the second time.
func TestKeysAreKept(t *testing.T) {
	text := []byte(`{"some/metric":1,"another":2.5}`)
	var s Scanner
	call := func() {
		s.Reset(text, 0)
		if err := s.Object(func(string) error { _, err := s.Float(); return err }); err != nil {
			t.Fatal(err)
		}
	}
	call()
	if n := testing.AllocsPerRun(100, call); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
