package secret

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestIsRedacted: only text that became the mark may differ.
func TestIsRedacted(t *testing.T) {
	for _, c := range []struct {
		was, now string
		want     bool
	}{
		{"", "", true},
		{"a", "a", true},
		{"a", "[redacted]", true},
		{"abc", "a[redacted]c", true},
		{"abcabc", "[redacted]abc", true},
		{"aXbXc", "a[redacted]b[redacted]c", true},
		{"ab", "[redacted][redacted]", true},
		{"[redacted] ab", "[redacted] a[redacted]", true},
		{"a\nb", "a[redacted]", true},
		{"", "[redacted]", false},
		{"a", "b", false},
		{"a", "a[redacted]", false},
		{"a", "[redacted]a", false},
		{"ab", "a[redacted]b", false},
		{"a", "[redacted][redacted]", false},
		{"abc", "[redacted]d", false},
		{"abc", "b[redacted]", false},
		{"aXbX", "a[redacted]c[redacted]", false},
		{"abc", "abc ", false},
	} {
		if got := IsRedacted([]byte(c.was), []byte(c.now)); got != c.want {
			t.Errorf("%q, %q: got %v", c.was, c.now, got)
		}
	}
}

// TestIsReplaced: whatever Replace makes is a replacement, and a change of one more byte is none.
func TestIsReplaced(t *testing.T) {
	patch := "diff --git a/x b/x\nindex 0..1 100644\n--- a/x\n+++ b/x\n" +
		"@@ -1,3 +1,3 @@\n one two\n-three four\n+five six\n\n"
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		text, kind := "first line\r\n\nsecond, third\nlast", Plain
		if random.IntN(2) == 0 {
			text, kind = patch, Patch
		}
		var spans []Span
		for range 1 + random.IntN(3) {
			from := random.IntN(len(text))
			spans = append(spans, Span{from, min(len(text), from+1+random.IntN(12))})
		}
		now, err := Replace([]byte(text), kind, spans)
		if err != nil {
			continue // in the name of a file
		}
		if !IsReplaced([]byte(text), now, kind) {
			t.Fatalf("%v of %q is not a replacement: %q", spans, text, now)
		}
		if strings.Count(string(now), "\n") != strings.Count(text, "\n") {
			t.Fatalf("%q has another number of lines", now)
		}
		at := random.IntN(len(now))
		if other := bytes.Replace(now, now[at:at+1], []byte("~"), 1); IsReplaced([]byte(text), other, kind) {
			t.Fatalf("%q is a replacement of %q", other, text)
		}
	}
	if IsReplaced([]byte("a\x00b"), []byte("a[redacted]b"), Plain) {
		t.Error("a binary file was replaced")
	}
}
