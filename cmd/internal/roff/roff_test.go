package roff

import (
	"strings"
	"testing"

	"github.com/gitruns/runs/cmd/internal/page"
)

func body(t *testing.T, write func(*Page)) string {
	t.Helper()
	p := New("x", "1", "runs 1", "manual")
	head := len(p.Bytes())
	write(p)
	return string(p.Bytes()[head:])
}

func TestHead(t *testing.T) {
	want := ".\\\" -*- coding: utf-8 -*-\n.TH \"RUNS\\-LS\" \"1\" \"\" \"runs 0.1\" \"the \\(dqmanual\\(dq\"\n"
	if got := string(New("runs-ls", "1", "runs 0.1", `the "manual"`).Bytes()); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"a b\nc\n\nd", ".PP\na b\nc\n.PP\nd\n"},
		{"a\n\n    x --y\n\n    z\nb", ".PP\na\n.PP\n.RS 4\n.nf\nx \\-\\-y\n\nz\n.fi\n.RE\n.PP\nb\n"},
		{".runs is 'a' \\ name", ".PP\n\\&.runs is \\(aqa\\(aq \\e name\n"},
	} {
		if got := body(t, func(p *Page) { p.Text(c.in) }); got != c.want {
			t.Errorf("%q:\n%q, want\n%q", c.in, got, c.want)
		}
	}
}

func TestItem(t *testing.T) {
	want := ".TP\n\\fB\\-n N\\fR\nshow N\n"
	if got := body(t, func(p *Page) { p.Item("-n N", "show N") }); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestMarkdown(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"# Title\n\nA `b\nc` **d** [e](f.md) *g*.\n", ".PP\nA \\fBb c\\fR \\fBd\\fR e *g*.\n"},
		{"# T\n\n## Two words\n### Three\n", ".SH \"Two words\"\n.SS \"Three\"\n"},
		{"- a\n  b\n- c\n\nd\n", ".IP \"\\(bu\" \"4\"\na b\n.IP \"\\(bu\" \"4\"\nc\n.PP\nd\n"},
		{"1. a\n2. b\n", ".IP \"1.\" \"4\"\na\n.IP \"2.\" \"4\"\nb\n"},
		{
			"| a | b |\n|---|--:|\n| `.x` | c \\| d |\n\ne\n",
			".TP\n\\fB.x\\fR\nc | d\n.PP\ne\n",
		},
		{
			"| a | b | c |\n|---|---|---|\n| x | `y` | z |\n| w | | v |\n",
			".TP\n\\fBx\\fR\nb: \\fBy\\fR\n.br\nc: z\n.TP\n\\fBw\\fR\n.br\nc: v\n",
		},
		{"a\n\n```sh run\nx -y\n```\n<!-- run\nz\n-->\nb\n", ".PP\na\n.PP\n.RS 4\n.nf\nx \\-y\n.fi\n.RE\n.PP\nb\n"},
	} {
		parts, err := page.Parse(c.in)
		if err != nil {
			t.Fatal(err)
		}
		if got := body(t, func(p *Page) { p.Markdown(parts) }); got != c.want {
			t.Errorf("%q:\n%q, want\n%q", c.in, got, c.want)
		}
	}
}

// No text begins a request or an escape that was not meant.
func TestEscape(t *testing.T) {
	out := body(t, func(p *Page) {
		p.Text(".so /etc/passwd\n'br\n\\fBx\n    .nx y")
		p.Item(".x", "'y")
	})
	for line := range strings.Lines(out) {
		name, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if strings.HasPrefix(name, ".") && !strings.Contains(".PP .RS .nf .fi .RE .TP", name) {
			t.Errorf("a request: %q", line)
		}
		if strings.HasPrefix(line, "'") {
			t.Errorf("a request: %q", line)
		}
	}
}
