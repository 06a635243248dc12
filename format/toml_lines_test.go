package format

import "testing"

// TestUnquote: a key without escapes needs no parser, and every key is read as the parser reads it.
func TestUnquote(t *testing.T) {
	for quoted, want := range map[string]string{
		`"a b"`: "a b", `'a b'`: "a b", `"a'b"`: "a'b", `'a"b'`: `a"b`, `"a\"b"`: `a"b`, `"\u00e9"`: "é", `'\n'`: `\n`,
		`""`: "", `''`: "", `"größe"`: "größe", `"a"b"`: `"a"b"`, `"`: `"`,
	} {
		if got := unquote([]byte(quoted)); got != want {
			t.Errorf("%s is %q, want %q", quoted, got, want)
		}
	}
}
