package terminal

import (
	"strings"
	"testing"
)

func TestWrap(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"short", "short"},
		{"one two three four five", "one two three\n    four five"},
		{"  key = aaaaaaaaaaaaaaaaaaaa", "  key =\n      aaaaaaaa\n      aaaaaaaa\n      aaaa"},
		{"日本語日本語日本語", "日本語日本語日\n    本語"},
		{"\x1b[1mone two three four\x1b[0m", "\x1b[1mone two three\n    four\x1b[0m"},
		{strings.Repeat("👩\u200d🔬", 8), strings.Repeat("👩\u200d🔬", 7) + "\n    👩\u200d🔬"},
		{"a\nb", "a\nb"},
	} {
		if got := Test(nil, nil, 14, false).Wrap(c.in); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
		if got := (&Terminal{width: 14}).Wrap(c.in); got != c.in {
			t.Errorf("a pipe gets %q for %q", got, c.in)
		}
	}
}

// No line is wider than the terminal, and nothing but spaces and line breaks is added or lost.
func FuzzWrap(f *testing.F) {
	f.Add("  key = a value of several words", 40)
	f.Add("日本語 \U0001f469\u200d\U0001f52c e\u0301", 9)
	f.Fuzz(func(t *testing.T, text string, width int) {
		width = max(8, min(width, 200))
		text = Clean(text)
		got := Test(nil, nil, width, false).Wrap(text)
		for line := range strings.SplitSeq(got, "\n") {
			if len(cells(strings.TrimSpace(line))) > 1 && Width(line) > width {
				t.Errorf("%q has %d columns, not %d: %q", line, Width(line), width, text)
			}
		}
		bare := strings.NewReplacer(" ", "", "\n", "")
		if bare.Replace(got) != bare.Replace(text) {
			t.Errorf("%q became %q", text, got)
		}
	})
}

func TestShorten(t *testing.T) {
	for _, c := range []struct {
		in    string
		width int
		want  string
	}{
		{"short", 8, "short"},
		{"optimizer.learning_rate", 9, "opti…rate"},
		{"日本語日本語", 8, "日本…語"},
		{"abcdef", 1, "…"},
	} {
		if got := Shorten(c.in, c.width); got != c.want || Width(got) > c.width {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}
