package main

import "testing"

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		`"a"`:                         `"a"`,
		"{\n \"a\": [1, \"x\"]}":      `{"a":[1,"x"]}`,
		"\"\u009b2J\u202eb\u007f é\"": `"\u009B2J\u202Eb\u007F é"`,
	} {
		if got := visible(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}
