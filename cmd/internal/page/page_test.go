package page

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []Part
	}{
		"text alone": {"# A\n\nb\n", []Part{{Text, 1, "", "", "# A\n\nb\n"}}},
		"code": {
			"a\n```sh run 4\nx\n```\nb\n",
			[]Part{{Text, 1, "", "", "a\n"}, {Code, 2, "sh", "run 4", "x\n"}, {Text, 5, "", "", "b\n"}},
		},
		"code without a mark": {"```\nx\n```\n", []Part{{Code, 1, "", "", "x\n"}}},
		"an empty block":      {"```sh run\n```\n", []Part{{Code, 1, "sh", "run", ""}}},
		"comments": {
			"<!-- run\nx\n-->\n<!-- needs git -->\n",
			[]Part{{Comment, 1, "", "run", "x\n"}, {Comment, 4, "", "needs git", ""}},
		},
		"a comment in code": {
			"```text skip it is shown\n<!-- run\n-->\n```\n",
			[]Part{{Code, 1, "text", "skip it is shown", "<!-- run\n-->\n"}},
		},
		"code in a comment": {"<!-- file a.md\n```sh\n-->\n", []Part{{Comment, 1, "", "file a.md", "```sh\n"}}},
	} {
		got, err := Parse(c.text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	for _, text := range []string{"```sh run\nx\n", "a\n<!-- run\n"} {
		if parts, err := Parse(text); err == nil {
			t.Errorf("%q: %v, not an error", text, parts)
		}
	}
}

func TestIndented(t *testing.T) {
	for _, c := range []struct {
		text string
		want int
	}{
		{"a\n\nb\n", 0},
		{"a\n\n    code\n", 5},
		{"a\n    goes on\n", 0},
		{"- item\n\n    more of it\n", 0},
		{"1. item\n\n    more of it\n\nend\n\n    code\n", 9},
	} {
		if got := (Part{Line: 3, Body: c.text}).Indented(); got != c.want {
			t.Errorf("%q: %d, want %d", c.text, got, c.want)
		}
	}
}

func TestTitle(t *testing.T) {
	for text, want := range map[string]string{"# A b\nc\n": "A b", "#A\n": "", "a\n# B\n": "", "": ""} {
		if got := Title(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
