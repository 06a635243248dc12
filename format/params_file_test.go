package format

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseParams(t *testing.T) {
	for _, c := range []struct {
		text string
		want Params
	}{
		{"", Params{}},
		{"lr = 0.1\r\n[opt]\r\nname = 'adam'\r\n", Params{"lr": 0.1, "opt": m{"name": "adam"}}},
		{"[[layer]]\nn = 1\n", Params{"layer": []any{m{"n": int64(1)}}}},
		{" {}", Params{}},
		{
			"{\n\t\"n\": 1, \"x\": null,\n \"o\": {\"y\": null, \"l\": [null, 1.0]}}\n",
			Params{"n": int64(1), "x": Null, "o": m{"y": Null, "l": []any{Null, 1.0}}},
		},
	} {
		got, err := ParseParams("p", []byte(c.text))
		if d := cmp.Diff(c.want, got); err != nil || d != "" {
			t.Errorf("%q: %v (-want +got):\n%s", c.text, err, d)
		}
	}
	for _, c := range []struct{ text, want string }{
		{"lr = \n", "p:1: "},
		{"day = 2026-11-23\n", "p: param day: must not be a time: write it as a string"},
		{"lr = \"\xff\"\n", "p:1: the text is not UTF-8"},
		{strings.Repeat("#", MaxRecordBytes+1), "p: the file is too large: 8388609 bytes, and at most 8388608 are read"},
		{"{\"a\": 1,\n \"b\" 2}", `p:2: expected ":"`},
		{"{\"a\": 1}\n\n{", "p:3: unexpected text after the end"},
		{"{\"a\": \"\xff\"}", "p:1: the text is not UTF-8"},
		{"{\"\": 1}", "p: param \"\": the key is empty"},
		{strings.Repeat(`{"a":`, 40) + strings.Repeat("}", 40), "p:1: nested deeper than 16 levels"},
	} {
		_, err := ParseParams("p", []byte(c.text))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%.40q: %v, want %s", c.text, err, c.want)
		}
	}
}
