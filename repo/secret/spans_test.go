package secret

import (
	"bytes"
	"testing"
)

func TestSpans(t *testing.T) {
	for _, x := range []struct {
		was, now string
		want     []string
	}{
		{"as it was", "as it was", nil},
		{"key=sesame", "key=[redacted]", []string{"sesame"}},
		{"sesame", "[redacted]", []string{"sesame"}},
		{"sesame opens", "[redacted] opens", []string{"sesame"}},
		{"a sesame and sesame.", "a [redacted] and [redacted].", []string{"sesame", "sesame"}},
		{"open sesame", "[redacted][redacted]", []string{"o", "pen sesame"}},
		{"[redacted] and more", "[redacted] and [redacted]", []string{"[redacted]", "more"}},
		{"something", "else [redacted]", nil},
	} {
		var got []string
		for _, s := range Spans([]byte(x.was), []byte(x.now)) {
			got = append(got, x.was[s.From:s.To])
		}
		if len(got) != len(x.want) {
			t.Errorf("%q, %q: got %q, want %q", x.was, x.now, got, x.want)
			continue
		}
		for i := range got {
			if got[i] != x.want[i] {
				t.Errorf("%q, %q: got %q, want %q", x.was, x.now, got, x.want)
			}
		}
	}
}

// FuzzSpans replaces the spans of a redaction with Mark, which gives the redacted text again.
func FuzzSpans(f *testing.F) {
	f.Add([]byte("open sesame"), []byte("open [redacted]"))
	f.Add([]byte("aXaXa"), []byte("a[redacted]a[redacted]"))
	f.Add([]byte("[redacted]"), []byte("[redacted][redacted]"))
	f.Fuzz(func(t *testing.T, was, now []byte) {
		spans := Spans(was, now)
		if !IsRedacted(was, now) {
			return
		}
		var made []byte
		at := 0
		for _, s := range spans {
			if s.From < at || s.To <= s.From || s.To > len(was) {
				t.Fatalf("%q, %q: the span %v after %d", was, now, s, at)
			}
			made = append(append(made, was[at:s.From]...), Mark...)
			at = s.To
		}
		if made = append(made, was[at:]...); !bytes.Equal(made, now) {
			t.Fatalf("%q, %q: the spans %v make %q", was, now, spans, made)
		}
	})
}
