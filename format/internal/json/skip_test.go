package json

import (
	"strings"
	"testing"
)

// TestSkip: a value of any kind is skipped to its end, and what is not JSON is refused.
func TestSkip(t *testing.T) {
	deep := strings.Repeat(`[{"a":`, 100_000) + "1" + strings.Repeat("}]", 100_000)
	for _, text := range []string{
		"1", `"a\"]b"`, "true", "null", "NaN", `"-Infinity"`, "[]", "{}", "[[], {}]", `{"a": {"b": [1, 2, {}]}, "a": ""}`,
		"[ 1 , [ ] ]", deep,
	} {
		var s Scanner
		s.Reset([]byte(text+", rest"), 16)
		if err := s.Skip(0); err != nil || s.Offset() != len(text) {
			t.Errorf("%.40s: skipped %d of %d bytes, %v", text, s.Offset(), len(text), err)
		}
	}
	for _, text := range []string{
		"", "[", "[1", "[1,]", "{]", `{"a"}`, `{"a":}`, `{1:2}`, "[1 2]", "01", `"a`, "tru", "[}",
	} {
		var s Scanner
		s.Reset([]byte(text), 16)
		if err := s.Skip(0); err == nil && s.End() == nil {
			t.Errorf("%s was skipped", text)
		}
	}
}

// FuzzSkip: what Value reads, Skip skips, to the same offset.
func FuzzSkip(f *testing.F) {
	f.Add([]byte(`{"a": [1, -2.5e3, "x\u0041", {"b": null}], "c": NaN}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var s, skip Scanner
		s.Reset(text, 16)
		if _, err := s.Value(); err != nil {
			return
		}
		skip.Reset(text, 16)
		if err := skip.Skip(0); err != nil || skip.Offset() != s.Offset() {
			t.Fatalf("%q: skipped %d bytes, Value reads %d, %v", text, skip.Offset(), s.Offset(), err)
		}
	})
}
