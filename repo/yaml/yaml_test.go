package yaml

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// flat writes a mapping on one line.
func flat(keys map[string]Node) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		switch n := keys[k]; {
		case n.Keys != nil:
			parts = append(parts, k+"={"+flat(n.Keys)+"}")
		case n.Null:
			parts = append(parts, k+"=null")
		default:
			parts = append(parts, fmt.Sprintf("%s=%q", k, n.Text))
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
		"a: *b":                                  "line 1 has an alias, which is not read",
		"a":                                      "line 1 is not a key and a value",
		"  a: 1\nb: 2":                           "line 1 is not a key and a value",
		"a: 1\n  b: 2\n":                         `a="1 b: 2"`,
		"a:\n  b:\n    c:\n      d:\n        e: 1": "line 5 is nested too deeply",
		"? a\n: b":                      "line 1 is not a key and a value",
		"\xff":                          "it is not UTF-8",
		strings.Repeat("a", MaxBytes+1): "it is longer than 1048576 bytes",
		"a: 'x\n" + strings.Repeat("word\n", 100) + "'\nb": "line 103 is not a key and a value",
	} {
		keys, err := Parse([]byte(text), Options{Depth: 4})
		got := flat(keys)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%.60q: got %s, want %s", text, got, want)
		}
	}
}

// TestLists reads lists, of scalars and of mappings.
func TestLists(t *testing.T) {
	for text, want := range map[string]string{
		"a:\n- 1\n- 'b: c'\n-\n- x y\nz: 1":                     "map[a:[1 'b: c' null x y] z:1]",
		"a:\n  - b: 1\n    c: 2\n  - d: 3\n":                    "map[a:[map[b:1 c:2] map[d:3]]]",
		"a:\n- - 1\n  - 2\n- - 3":                               "map[a:[[1 2] [3]]]",
		"a: []\nb: {}\nc: [1, x y] # z\nd: [[1], 2]\ne: {x: 1}": "map[a:[] b:map[] c:[1 x y] d:null e:null]",
		"a:\n  b:\n  - 1\n  c: 2":                               "map[a:map[b:[1] c:2]]",
		"a:\n- |\n  x\n  y\n- 2":                                "map[a:['x\ny\n' 2]]",
		"a:\n-\n  - 1":                                          "map[a:[[1]]]",
		strings.Repeat("- ", 40) + "1":                          "line 1 is not a key and a value",
		"a:\n" + strings.Repeat("- ", 40) + "1":                 "line 2 is nested too deeply",
	} {
		keys, err := Parse([]byte(text), Options{Depth: 8, Lists: true})
		got := plain(Node{Keys: keys})
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

// TestStrict reads brackets, and refuses what is skipped otherwise.
func TestStrict(t *testing.T) {
	for text, want := range map[string]string{
		"a: {type: float, default: 0.1}":                 "map[a:map[default:0.1 type:float]]",
		"a: {type: 'x, y', b: [1, {c: 2}], d}":           "map[a:map[b:[1 map[c:2]] d:null type:'x, y']]",
		"a: {type: float, # why\n  default: 1,\n}\nb: 1": "map[a:map[default:1 type:float] b:1]",
		"a: {x: https://h/p?q=1, y: ~, z: }":             "map[a:map[x:https://h/p?q=1 y:null z:null]]",
		"a: [x y, 'b', \"c\"] # z\nb: {}":                "map[a:[x y 'b' 'c'] b:map[]]",
		"a: >\n  x\n  y\n\n  z\n   w\n  v\n":             "map[a:'x y\nz\n w\nv\n']",
		"a: {x: 1":                                       "line 1 has a bracket without an end",
		"a: {x: 1}}":                                     "line 1 goes on after brackets",
		"a: {x: 1 y: 2}":                                 "line 1 needs a comma or }",
		"a:\n- [1\n- 2":                                  "line 3 needs a comma or ]",
		"a: {x: 1, x: 2}":                                "line 1 repeats the key \"x\"",
		"a: {x: *b}":                                     "line 1 has * in brackets, which is not read",
		"a: 1\nb: 2\na: 3":                               "line 3 repeats the key \"a\"",
		"a: &x 1":                                        "line 1 has a type or an anchor, which is not read",
		"a: !!python/object:os.system 1":                 "line 1 has a type or an anchor, which is not read",
		"a: " + strings.Repeat("[", 40):                  "line 1 is nested too deeply",
		"a: " + strings.Repeat("{x: ", 40):               "line 1 is nested too deeply",
	} {
		keys, err := Parse([]byte(text), Options{Depth: 8, Lists: true, Strict: true})
		got := plain(Node{Keys: keys})
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

// plain writes a node as Go prints maps and lists.
func plain(n Node) string {
	var parts []string
	switch {
	case n.Keys != nil:
		for _, k := range slices.Sorted(maps.Keys(n.Keys)) {
			parts = append(parts, k+":"+plain(n.Keys[k]))
		}
		return "map[" + strings.Join(parts, " ") + "]"
	case n.List != nil:
		for _, item := range n.List {
			parts = append(parts, plain(item))
		}
		return "[" + strings.Join(parts, " ") + "]"
	case n.Null:
		return "null"
	case n.Quoted:
		return "'" + n.Text + "'"
	}
	return n.Text
}

func FuzzYAML(f *testing.F) {
	f.Add("artifact_uri: 'file:///a'\nend_time: null\ntags: []\nx: \"a\\\n  b\"\n")
	f.Add("schema: '{\"a\": [{\"type\":\n  \"long\"}]}'\ntags:\n  mlflow.data.context: training\nb: |\n  x\n")
	f.Add("alpha: {type: float, default: 0.5}\nc: [1,\n  {x: 'y'}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		keys, err := Parse([]byte(text), Options{Depth: 4})
		if err == nil && len(flat(keys)) > 12*len(text)+100 {
			t.Errorf("%q gives more than it has", text)
		}
		keys, err = Parse([]byte(text), Options{Depth: 32, Lists: true})
		if err == nil && len(plain(Node{Keys: keys})) > 12*len(text)+100 {
			t.Errorf("%q gives more than it has with lists", text)
		}
		keys, err = Parse([]byte(text), Options{Depth: 32, Lists: true, Strict: true})
		if err == nil && len(plain(Node{Keys: keys})) > 12*len(text)+100 {
			t.Errorf("%q gives more than it has in brackets", text)
		}
	})
}
