package format

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestJournalLine(t *testing.T) {
	step := int64(7)
	for _, c := range []struct {
		line string
		want Line
	}{
		{
			`{"t": 1764000000.123456, "step": 12, "m": {"loss": 0.5, "val/acc": 0.9}}`,
			Line{Time: 1764000000123456, Step: 12, HasStep: true, Metrics: []MetricValue{{"loss", 0.5}, {"val/acc", 0.9}}},
		},
		{
			`{"t":1764000000,"m":{"a":NaN,"b":"NaN","c":-Infinity,"d":"Infinity","e":1e3,"f":-0}}`,
			Line{
				Time: 1764000000000000,
				Metrics: []MetricValue{
					{"a", math.NaN()},
					{"b", math.NaN()},
					{"c", math.Inf(-1)},
					{"d", math.Inf(1)},
					{"e", 1000},
					{"f", math.Copysign(0, -1)},
				},
			},
		},
		{
			` {"t": 1.7640000002e9, "step": 12.0, "p": {"lr": 0.1, "n": 3, "x": null, "m": {"y": null, "z": [1, null]}},` +
				` "tags": {"k": "v", "b": true}, "note": "a\n\u00e9\ud83d\ude00"} `,
			Line{
				Time: 1764000000200000, Step: 12, HasStep: true,
				Params: map[string]any{
					"lr": 0.1, "n": int64(3), "x": Null, "m": map[string]any{"y": Null, "z": []any{int64(1), Null}},
				},
				Tags: map[string]string{"k": "v", "b": "true"}, Note: "a\né😀",
			},
		},
		{
			`{"t": 1764000001.0, "artifact": {"path": "/scratch/model.bin", "name": "model.bin", "step": 7, "more": [1]}}`,
			Line{Time: 1764000001000000, Artifact: &ArtifactLine{Path: "/scratch/model.bin", Name: "model.bin", Step: &step}},
		},
		{
			`{"t": 1764000001.0, "dataset": {"path": "data/train.csv", "name": "train"}, "event": "end",` +
				` "mood": {"a": [true, 1.5]}}`,
			Line{
				Time: 1764000001000000, Dataset: &DatasetLine{Path: "data/train.csv", Name: "train"}, Event: "end",
				Unknown: map[string]any{"mood": map[string]any{"a": []any{true, 1.5}}},
			},
		},
		{
			`{"t":1,"labels":{"rank":1, "model":"m-\u00e9","x":1.0, "y": NaN, "n": 18446744073709551616},"m":{"a":1}}`,
			Line{Time: 1000000, Metrics: []MetricValue{{"a", 1}}, Labels: labels(t, map[string]any{
				"rank": int64(1), "model": "m-é", "x": 1.0, "y": "NaN", "n": "18446744073709551616",
			})},
		},
		{`{"t":1,"m":{"a":1},"labels":{}}`, Line{Time: 1000000, Metrics: []MetricValue{{"a", 1}}}},
		{
			`{"t":1,"m":{"a":1},"values":{"a":"x"},"labels":{"rank":1,"rank":2},"note":"n"}`,
			Line{Time: 1000000, Note: "n", Aside: `column 65: the key "rank" appears twice`},
		},
		{
			`{"t":1,"labels":{"rank":null},"p":{"a":1},"m":{"a":1}}`,
			Line{Time: 1000000, Params: Params{"a": int64(1)}, Aside: `label "rank" must be a text or a number`},
		},
		{
			`{"t":1,"labels":{"a":"` + strings.Repeat("x", MaxLabelsBytes) + `"},"m":{"a":1}}`,
			Line{Time: 1000000, Aside: "the labels of a point may have at most 1000 bytes as JSON, got 1008"},
		},
		{`{"t":1,"labels":"x","m":{"a":1}}`, Line{Time: 1000000, Aside: "labels must be an object"}},
		{
			`{"t":1,"labels":{"a":1},"m":{"a":1},"labels":{"a":1}}`,
			Line{Time: 1000000, Aside: "the line has labels twice"},
		},
		{
			`{"t":1,"labels":{"a":1},"m":{"a":1},"values":{"b":"x"}}`,
			Line{
				Time: 1000000, Metrics: []MetricValue{{"a", 1}}, Labels: labels(t, map[string]any{"a": int64(1)}),
				Aside: "the line has values with labels; only metrics can have labels",
			},
		},
		{
			`{"t":1,"values":{"a":"x","b":[1, NaN, null],"c":{"z":1.0,"y":"NaN"}},"summary":{"k":1,"n":null}}`,
			Line{
				Time: 1000000, Values: []ValueText{{"a", `"x"`}, {"b", `[1,"NaN",null]`}, {"c", `{"y":"NaN","z":1.0}`}},
				Summary: map[string]any{"k": int64(1), "n": nil},
			},
		},
		{
			`{"t":1,"metric":{"name":"train/*","step_metric":"epoch","step_sync":true,"hidden":false,` +
				`"summary":"min, best","goal":"max","more":1},"artifact":{"path":"x","step":null,"caption":null}}`,
			Line{
				Time:     1000000,
				Defined:  &Definition{Name: "train/*", StepMetric: "epoch", StepSync: true, Summary: "min,best", Goal: "max"},
				Artifact: &ArtifactLine{Path: "x"},
			},
		},
		{`{"t":1,"m":{"a":2},"values":{"big":"` + strings.Repeat("x", MaxValueBytes) + `","b":1}}`, Line{
			Time: 1000000, Metrics: []MetricValue{{"a", 2}}, Values: []ValueText{{"b", "1"}},
			Aside: `value "big" is longer than 1048576 bytes`,
		}},
		{`{"t":0.0000005}`, Line{Time: 1}},
		{`{"t":1764000000.999999949}`, Line{Time: 1764000000_999999 + 1}},
	} {
		var p JournalParser
		var got Line
		if err := p.Parse([]byte(c.line), &got); err != nil {
			t.Errorf("%s: %v", c.line, err)
		} else if d := cmp.Diff(c.want, got, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.line, d)
		}
	}
}

// TestJournalLineWrong: a line of which nothing can be used is an error.
func TestJournalLineWrong(t *testing.T) {
	for _, c := range []struct{ line, reason string }{
		{``, `expected "{"`},
		{`{"t":1`, `expected "," or "}"`},
		{`{"m":{"a":1}}`, `no time`},
		{`{"t":1}{`, `unexpected text after the end`},
		{`{"t":-1}`, `not between 1970 and 9999`},
		{`{"t":1e300}`, `not between 1970 and 9999`},
		{`{"t":NaN}`, `not between 1970 and 9999`},
		{`{"t":1,"step":1.5}`, `is not a 64-bit integer`},
		{`{"t":1,"step":9223372036854775808}`, `is not a 64-bit integer`},
		{`{"t":1,"step":"3"}`, `column 15: expected a number, not a string`},
		{`{"t":1,"m":{"a":01}}`, `expected a number`},
		{`{"t":1,"m":{"a":0x1}}`, `expected`},
		{"{\"t\":1,\"note\":\"\xff\"}", `not UTF-8`},
	} {
		var p JournalParser
		var l Line
		err := p.Parse([]byte(c.line), &l)
		if err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: error %v, want one with %q", c.line, err, c.reason)
		}
	}
}

// TestJournalLinePartlyWrong: a part that cannot be used never takes the other parts of its line with it.
func TestJournalLinePartlyWrong(t *testing.T) {
	for _, c := range []struct{ line, reason string }{
		{`{"t":1,"m":{"a":"high"}}`, `expected a number, not a string`},
		{`{"t":1,"m":{"a":1e999}}`, `out of range`},
		{`{"t":1,"m":{"":1}}`, `the key is empty`},
		{`{"t":1,"m":{"a\nb":1}}`, `control character`},
		{`{"t":1,"m":{"` + strings.Repeat("k", 251) + `":1}}`, `longer than 250 bytes`},
		{`{"t":1,"p":[1]}`, `params must be an object`},
		{`{"t":1,"p":{"a":1,"a":2}}`, `the key "a" appears twice`},
		{`{"t":1,"p":` + strings.Repeat(`{"a":`, 40) + `1` + strings.Repeat(`}`, 40) + `}`, `nested deeper`},
		{`{"t":1,"tags":{"a":[1]}}`, `tag "a" must be a text`},
		{`{"t":1,"values":[1]}`, `expected "{"`},
		{`{"t":1,"values":{"":1}}`, `the key is empty`},
		{`{"t":1,"summary":{"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}}`, `nested deeper`},
		{`{"t":1,"metric":{}}`, `the key is empty`},
		{`{"t":1,"joined":{"key":"a\nb"}}`, `control character`},
		{`{"t":1,"exit_code":"2"}`, `expected`},
		{`{"t":1,"metric":{"name":"a","goal":"up"}}`, `"up" is neither min nor max`},
		{`{"t":1,"metric":{"name":"a","summary":"median"}}`, `is not one of min, max`},
		{`{"t":1,"metric":{"name":"a","hidden":1}}`, `expected true or false`},
		{`{"t":1,"note":"` + strings.Repeat("x", MaxTextBytes+1) + `"}`, `a text is longer than`},
	} {
		for _, line := range []string{ // a point before and behind the wrong part
			`{"t":1,"m":{"point":7},` + c.line[len(`{"t":1,`):], c.line[:len(c.line)-1] + `,"m":{"point":7},"step":3}`,
		} {
			var p JournalParser
			var l Line
			if err := p.Parse([]byte(line), &l); err != nil || !strings.Contains(l.Aside, c.reason) {
				t.Errorf("%.200s: error %v, left out %q, want a part left out because of %q", line, err, l.Aside, c.reason)
			}
			if !slices.Equal(l.Metrics, []MetricValue{{"point", 7}}) || l.Note != "" || len(l.Params)+len(l.Tags) > 0 {
				t.Errorf("%.200s: the line is read as %+v", line, l)
			}
		}
	}
}

func FuzzJournalLine(f *testing.F) {
	f.Add([]byte(`{"t": 1764000000.123456, "step": 12, "m": {"loss": 0.5, "val/acc": NaN}}`))
	f.Add([]byte(`{"t": 1.5, "p": {"lr": [0.1, {"a": "b"}], "n": null}, "set": {"x": 1}, "tags": {"k": "v"},` +
		` "note": "\u00e9", "odd": {}}`))
	f.Add([]byte(`{"t": 1, "artifact": {"path": "x", "name": "y", "step": 3}, "dataset": {"path": "d"}, "event": "end"}`))
	f.Add([]byte(`{"t": 1, "values": {"a": {"_type": "histogram", "bins": [0, 1.5], "values": [NaN]}},` +
		` "summary": {"k": [null], "n": null}, "metric": {"name": "a*", "goal": "min"}}`))
	f.Add([]byte(`{"t": 1, "p": {"a": "\u004eaN", "b": [{"c": "\u002dInfinity"}]}, "summary": {"k": "I\u006efinity"}}`))
	f.Add([]byte(`{"t": 1, "joined": {"experiment": "e", "group": null, "odd": 1}, "exit_code": 2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var p JournalParser
		var l, back Line
		if p.Parse(data, &l) != nil || l.Aside != "" {
			return
		}
		l.Metrics, l.NullsLost = append([]MetricValue(nil), l.Metrics...), nil // not written
		line := AppendLine(nil, &l)
		if err := p.Parse(line[:len(line)-1], &back); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if d := cmp.Diff(l, back, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("%s (-want +got):\n%s", line, d)
		}
	})
}

func BenchmarkJournalLine(b *testing.B) {
	var l Line
	l.Time, l.HasStep = 1764000000123456, true
	for i := range 10 {
		l.Metrics = append(l.Metrics, MetricValue{fmt.Sprintf("metric/%d", i), math.Sqrt(float64(i + 2))})
	}
	line := AppendLine(nil, &l)
	line = line[:len(line)-1]
	b.SetBytes(int64(len(line)))
	var p JournalParser
	for b.Loop() {
		if err := p.Parse(line, &l); err != nil {
			b.Fatal(err)
		}
	}
}
