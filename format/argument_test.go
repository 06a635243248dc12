package format

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParseLiteral(t *testing.T) {
	for _, c := range []struct {
		text string
		want any
	}{
		{"3", int64(3)},
		{"-3", int64(-3)},
		{"1_000", int64(1000)},
		{"0x10", int64(16)},
		{"0.1", 0.1},
		{".1", 0.1},
		{"1.", 1.0},
		{"-.5", -0.5},
		{"1e-3", 1e-3},
		{"1E5", 1e5},
		{"1.e3", 1e3},
		{"nan", math.NaN()},
		{"NaN", math.NaN()},
		{"-inf", math.Inf(-1)},
		{"Infinity", math.Inf(1)},
		{"true", true},
		{"True", true},
		{"false", false},
		{"False", false},
		{`"3"`, "3"},
		{`'a\b'`, `a\b`},
		{"[1, 2.5, 'x']", []any{int64(1), 2.5, "x"}},
		{"{a = 1}", map[string]any{"a": int64(1)}},
		{"[[1],[2]]", []any{[]any{int64(1)}, []any{int64(2)}}},
		{"2026-01-01", "2026-01-01"},
		{"12:30:00", "12:30:00"},
		{"0123", "0123"},
		{"adam", "adam"},
		{"", ""},
		{"[1", "[1"},
		{"1 2", "1 2"},
		{"tanh", "tanh"},
		{"1.2.3", "1.2.3"},
		{"e", "e"},
		{".", "."},
		{"-", "-"},
		{"a=b", "a=b"},
		{"1\nx = 2", "1\nx = 2"},
		{"5e", "5e"},
	} {
		got := ParseLiteral(c.text)
		if d := cmp.Diff(c.want, got, cmpopts.EquateNaNs()); d != "" {
			t.Errorf("%q (-want +got):\n%s", c.text, d)
		}
	}
	for _, text := range []string{"None", "null"} {
		if ParseLiteral(text) != Null {
			t.Errorf("%q is not null", text)
		}
	}
}

func TestParseParam(t *testing.T) {
	for _, c := range []struct {
		text string
		path []string
	}{
		{"lr=1", []string{"lr"}},
		{"a.b=1", []string{"a", "b"}},
		{`"a.b".c=1`, []string{"a.b", "c"}},
		{"val/x=1", []string{"val/x"}},
		{`"a=b"=1`, []string{"a=b"}},
	} {
		path, value, err := ParseParam(c.text)
		if err != nil || value != int64(1) {
			t.Errorf("%q: %v, %v", c.text, value, err)
		}
		if d := cmp.Diff(c.path, path); d != "" {
			t.Errorf("%q (-want +got):\n%s", c.text, d)
		}
	}
	for _, c := range []struct{ text, reason string }{
		{"lr", "expected KEY=VALUE"},
		{"=1", "empty"},
		{"a..b=1", "empty"},
		{"a.=1", "empty"},
		{"\x01=1", "control"},
		{`"a"b=1`, "after its closing quote"},
		{strings.Repeat("a.", 20) + "a=1", "deeper"},
		{strings.Repeat("k", 251) + "=1", "250"},
	} {
		if _, _, err := ParseParam(c.text); err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%q: error %v, want one with %q", c.text, err, c.reason)
		}
	}
}

func TestParseMetric(t *testing.T) {
	for _, c := range []struct {
		text, key string
		value     float64
	}{
		{"loss=0.5", "loss", 0.5},
		{"val/acc=.9", "val/acc", 0.9},
		{"a=-1e-3", "a", -1e-3},
		{"a=NaN", "a", math.NaN()},
		{"a=-Infinity", "a", math.Inf(-1)},
	} {
		key, value, err := ParseMetric(c.text)
		if err != nil || key != c.key || !sameFloat(value, c.value) {
			t.Errorf("%q: %s %v %v", c.text, key, value, err)
		}
	}
	for _, text := range []string{
		"loss", "loss=", "loss=high", "=1", "loss=0x10", "loss=1_000", "loss=1 ", "l\noss=1", "loss=1e999", "loss=--1",
	} {
		if _, _, err := ParseMetric(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func TestEqualValue(t *testing.T) {
	for _, c := range []struct {
		a, b any
		want bool
	}{
		{int64(1), 1.0, true},
		{1.0, int64(1), true},
		{int64(1), int64(2), false},
		{math.NaN(), math.NaN(), true},
		{"1", int64(1), false},
		{true, true, true},
		{true, int64(1), false},
		{[]any{int64(1)}, []any{1.0}, true},
		{[]any{int64(1)}, []any{}, false},
		{map[string]any{"a": "x"}, map[string]any{"a": "x"}, true},
		{map[string]any{"a": "x"}, map[string]any{"b": "x"}, false},
		{int64(math.MaxInt64), float64(math.MaxInt64), false},
	} {
		if got := EqualValue(c.a, c.b); got != c.want {
			t.Errorf("%v, %v: %v", c.a, c.b, got)
		}
	}
}

func FuzzParseParam(f *testing.F) {
	for _, s := range []string{"lr=0.1", "a.b=[1,{c=2}]", `"x y".z='t'`, "d=2026-01-01", "n=None", "x=.5"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		path, value, err := ParseParam(s)
		if err != nil {
			return
		}
		params := Params{}
		if err := params.Set(path, value); err != nil {
			t.Fatal(err)
		}
		run := exampleRun()
		run.Params = params
		if _, err := EncodeRun(run); err != nil && !strings.Contains(err.Error(), "nested") {
			t.Fatalf("%q cannot be recorded: %v", s, err)
		}
	})
}
