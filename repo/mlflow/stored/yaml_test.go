package stored

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// flat writes a mapping on one line.
func flat(keys map[string]node) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		switch n := keys[k]; {
		case n.keys != nil:
			parts = append(parts, k+"={"+flat(n.keys)+"}")
		case n.null:
			parts = append(parts, k+"=null")
		default:
			parts = append(parts, fmt.Sprintf("%s=%q", k, n.text))
		}
	}
	return strings.Join(parts, " ")
}

func TestYAML(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       "",
		"a: 1\nb: x y\n":                         `a="1" b="x y"`,
		"a: null\nb: ~\nc:\nd: ''":               `a=null b=null c=null d=""`,
		"a: []\nb: {}\nc: [1,\n 2]":              "a=null b=null c=null",
		"tags:\n- a: 1\n  b: 2\n- c\nz: 1":       "tags=null z=\"1\"",
		"tags:\n  x: y\n  'k: 2': v\nz: 1":       `tags={k: 2="v" x="y"} z="1"`,
		"a: 'it''s'\nb: \"\\u00e9\\n\\x41\\\"\"": `a="it's" b="é\nA\""`,
		"a: one\n  two\n\nb: 1":                  `a="one two" b="1"`,
		"a: 'one\n\n  two\n  three'\nb: 1":       `a="one\ntwo three" b="1"`,
		"a: \"one\\\n  \\ two\"":                 `a="one two"`,
		"a: D:\\code\\x\nb: file:///c #d":        `a="D:\\code\\x" b="file:///c"`,
		"a: |-\n  x\n   y\nb: >\n  x\n  y\n":     `a="x\n y" b="x y\n"`,
		"# c\n---\na: !!str 1\r\nb: 2\n...":      `a="1" b="2"`,
		"a: {x: 1":                               "line 1 has a list without an end",
		"a: 'x":                                  "line 1 has a quoted text without an end",
		"a: 'x' y":                               "line 1 goes on after a quoted text",
		"a: \"\\q\"":                             "line 1 has an unknown escape",
		"a: \"\\u00\"":                           "line 1 has a torn escape",
		"a: *b":                                  "line 1 has an alias, which MLflow does not write",
		"a":                                      "line 1 is not a key and a value",
		"  a: 1\nb: 2":                           "line 1 is not a key and a value",
		"a: 1\n  b: 2\n":                         `a="1 b: 2"`,
		"a:\n  b:\n    c:\n      d:\n        e: 1": "line 5 is nested too deeply",
		"? a\n: b":                          "line 1 is not a key and a value",
		"\xff":                              "it is not UTF-8",
		strings.Repeat("a", maxYAMLBytes+1): "it is longer than 1048576 bytes",
		"a: 'x\n" + strings.Repeat("word\n", 100) + "'\nb": "line 103 is not a key and a value",
	} {
		keys, err := parseYAML([]byte(text))
		got := flat(keys)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%.60q: got %s, want %s", text, got, want)
		}
	}
}

func FuzzYAML(f *testing.F) {
	f.Add("artifact_uri: 'file:///a'\nend_time: null\ntags: []\nx: \"a\\\n  b\"\n")
	f.Add("schema: '{\"a\": [{\"type\":\n  \"long\"}]}'\ntags:\n  mlflow.data.context: training\nb: |\n  x\n")
	f.Fuzz(func(t *testing.T, text string) {
		keys, err := parseYAML([]byte(text))
		if err == nil && len(flat(keys)) > 12*len(text)+100 {
			t.Errorf("%q gives more than it has", text)
		}
	})
}
