package format

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestNullsOfARecord: a record written by any program says where its params are null. An entry of which the params say
// otherwise changes nothing, and is written again.
func TestNullsOfARecord(t *testing.T) {
	head := "schema = 1\nid = \"20261123-142530-k7qx2m9a\"\nstatus = \"running\"\nstarted = 2026-11-23T14:25:30Z\n"
	for _, c := range []struct {
		name, text string
		params     Params
		rest       []string
	}{
		{"a param", `nulls = ["x", "a.b", "a.\"c.d\""]`, Params{"x": Null, "a": m{"b": Null, "c.d": Null}}, nil},
		{
			"in lists", "nulls = [\"l.1.z\", \"l.2\", \"l.3.0\"]\nparams.l = [1, {y = 2}, \"null\", [\"null\", \"null\"]]",
			Params{"l": []any{int64(1), m{"y": int64(2), "z": Null}, Null, []any{Null, "null"}}},
			nil,
		},
		{"a value beside it", "nulls = [\"x\"]\nparams.x = 1", Params{"x": int64(1)}, []string{"x"}},
		{"twice", `nulls = ["x", "x"]`, Params{"x": Null}, nil},
		{"a table in its place", "nulls = [\"x\"]\nparams.x.y = 1", Params{"x": m{"y": int64(1)}}, []string{"x"}},
		{"a value in its way", "nulls = [\"x.y\"]\nparams.x = 1", Params{"x": int64(1)}, []string{"x.y"}},
		{
			"no such item", "nulls = [\"l.1\", \"l.00\", \"l.-1\", \"l.x\", \"l.0.y\"]\nparams.l = [\"null\"]",
			Params{"l": []any{"null"}},
			[]string{"l.-1", "l.0.y", "l.00", "l.1", "l.x"},
		},
		{
			"a text that is not a null", "nulls = [\"l.0\"]\nparams.l = [\"None\"]",
			Params{"l": []any{"None"}},
			[]string{"l.0"},
		},
		{"not a key", `nulls = ["", "a..b"]`, Params{}, []string{"", "a..b"}},
	} {
		run, err := DecodeRun("run.toml", []byte(head+c.text+"\n"))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		data, err := EncodeRun(run)
		if err != nil {
			t.Fatal(err)
		}
		again, err := DecodeRun("run.toml", data)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c.params, run.Params); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
		if len(c.params) > 0 && !cmp.Equal(again.Params, run.Params) || !cmp.Equal(again.Nulls, c.rest) {
			t.Errorf("%s: written as\n%s", c.name, data)
		}
	}
}

// TestExactIntegers: no digit of an integer of a param is lost.
func TestExactIntegers(t *testing.T) {
	var p JournalParser
	var l Line
	text := `{"t":1,"m":{"a":18446744073709551615},"p":{"seed":18446744073709551615,"n":-9223372036854775808},` +
		`"summary":{"id":[9223372036854775808]},"values":{"v":9223372036854775808},"odd":9223372036854775808}`
	if err := p.Parse([]byte(text), &l); err != nil {
		t.Fatal(err)
	}
	want := Line{
		Time: 1000000, Metrics: []MetricValue{{"a", 1 << 64}},
		Params:  Params{"seed": "18446744073709551615", "n": int64(-1 << 63)},
		Summary: map[string]any{"id": []any{"9223372036854775808"}}, Values: []ValueText{{"v", "9.223372036854776e+18"}},
		Unknown: map[string]any{"odd": "9223372036854775808"},
	}
	if d := cmp.Diff(want, l); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
