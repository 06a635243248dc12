package render

import (
	"bytes"
	"strings"
	"testing"
)

func TestInertCell(t *testing.T) {
	for in, want := range map[string]string{
		"":                                  "",
		"wide":                              "wide",
		"-0.5":                              "-0.5",
		"+1e5":                              "+1e5",
		"-inf":                              "-inf",
		"[1, -2]":                           "[1, -2]",
		"a=b":                               "a=b",
		"a;-2;b":                            "a;-2;b",
		"2026-11-29T10:00:00Z":              "2026-11-29T10:00:00Z",
		`=HYPERLINK("http://evil.example")`: `'=HYPERLINK("http://evil.example")`,
		"+1+cmd":                            "'+1+cmd",
		"-2+3+cmd|' /C calc'!A0":            "'-2+3+cmd|' /C calc'!A0",
		"@SUM(1)":                           "'@SUM(1)",
		"\t=1":                              "'\t'=1",
		"\r=1":                              "'\r'=1",
		" =1":                               "' =1",
		"＝1":                                "'＝1",
		`"=1`:                               `'"=1`,
		"x;=1":                              "x;'=1",
		"x\n=1":                             "x\n'=1",
		"x\t@y":                             "x\t'@y",
		strings.Repeat("x", 9) + ";-1+2":    "xxxxxxxxx;'-1+2",
		"-p":                                "'-p",
	} {
		if got := inertCell(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestCSV(t *testing.T) {
	for _, c := range []struct {
		raw, clean bool
		want       string
	}{
		{false, false, "'=a,-1,\"b\n'=c\"\n"},
		{true, false, "=a,-1,\"b\n=c\"\n"},
		{true, true, "=a,-1,b⏎=c\n"},
	} {
		var out bytes.Buffer
		w := NewCSV(&out, c.raw, c.clean)
		if err := w.Write([]string{"=a", "-1", "b\n=c"}); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil || out.String() != c.want {
			t.Errorf("%v: %q, want %q; %v", c, out.String(), c.want, err)
		}
	}
}
