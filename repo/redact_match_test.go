package repo

import (
	"slices"
	"strings"
	"testing"

	"github.com/gitruns/runs/repo/secret"
)

// A place that touches a mark of a former redaction has the whole mark, and one with nothing but marks is left out.
func TestAroundMarks(t *testing.T) {
	for _, c := range []struct{ data, find, want string }{
		{"a secret b", "secret", "secret"},
		{"[redacted]-secret", "secret", "secret"},
		{"[redacted]-secret", "redacted", ""},
		{"[redacted]-secret", "[re", ""},
		{"x [redacted] redacted", "redacted", "redacted"},
		{"[redacted]-secret", "ed]-sec", "[redacted]-sec"},
		{"my[redacted]", "my[r", "my[redacted]"},
		{"[redacted][redacted]", "d][r", ""},
		{"[redacted]a[redacted]", "]a[", "[redacted]a[redacted]"},
		{"[redacted]", "[redacted]", ""},
	} {
		var spans []secret.Span
		for from := 0; ; {
			i := strings.Index(c.data[from:], c.find)
			if i < 0 {
				break
			}
			spans = append(spans, secret.Span{From: from + i, To: from + i + len(c.find)})
			from += i + len(c.find)
		}
		var got []string
		for _, s := range aroundMarks([]byte(c.data), spans) {
			got = append(got, c.data[s.From:s.To])
		}
		want := slices.DeleteFunc([]string{c.want}, func(s string) bool { return s == "" })
		if !slices.Equal(got, want) {
			t.Errorf("%q in %q: %q, want %q", c.find, c.data, got, want)
		}
	}
}
