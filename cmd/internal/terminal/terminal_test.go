package terminal

import (
	"bytes"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
)

func TestClean(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"plain", "plain"},
		{"é😀", "é😀"},
		{"a\x1b[31mb", "a␛[31mb"},
		{"a\nb\tc", "a⏎b c"},
		{"\u202ex", "<U+202E>x"},
		{"\x00\x7f", "␀␡"},
		{"\x9b31m", "�31m"},
		{"\u009b", "<U+009B>"},
		{"a\xffb", "a\ufffdb"},
		{"\x1b]0;title\x07", "␛]0;title␇"},
		{"\x1b]8;;https://evil.example\x1b\\x", "␛]8;;https://evil.example␛\\x"},
		{"wi\u200bde", "wi<U+200B>de"},
		{"so\u00adft", "so<U+00AD>ft"},
		{"\u3164", "<U+3164>"},
		{"a\U000e0100", "a<U+E0100>"},
		{"👩\u200d🔬", "👩\u200d🔬"},
	} {
		if got := Clean(c.in); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
	if got := CleanLines("a\n\tb\x1b"); got != "a\n\tb␛" {
		t.Errorf("%q", got)
	}
}

// TestMessage: a message keeps the beginning and the end of a long text, and is safe to show.
func TestMessage(t *testing.T) {
	long := "reading x: " + strings.Repeat("\x1b[2J", 1_000_000) + ": the key is too long"
	got := Message(long)
	if len(got) > 20_000 || !strings.HasPrefix(got, "reading x: ␛") || !strings.HasSuffix(got, ": the key is too long") {
		t.Errorf("%d bytes: %.40q", len(got), got)
	}
	if short := "removing run a: it is running"; Message(short) != short {
		t.Errorf("%q", Message(short))
	}
}

func FuzzClean(f *testing.F) {
	f.Add("a\x1b]0;x\x07\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range Clean(s) {
			if unicode.IsControl(r) || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
				t.Fatalf("%q lets %U through", s, r)
			}
		}
	})
}

func TestWords(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Ago(time.Second), "just now"},
		{Ago(30 * time.Second), "30 s ago"},
		{Ago(3 * time.Minute), "3 min ago"},
		{Ago(26 * time.Hour), "1 d ago"},
		{Ago(90 * 24 * time.Hour), "3 mo ago"},
		{Ago(800 * 24 * time.Hour), "2 y ago"},
		{Span(1500 * time.Millisecond), "1.5 s"},
		{Span(0), "0 s"},
		{Span(125 * time.Second), "2 min 5 s"},
		{Span(3*time.Hour + 12*time.Minute), "3 h 12 min"},
		{Span(98 * time.Hour), "4 d 2 h"},
		{Bytes(999), "999 B"},
		{Bytes(1260), "1.3 kB"},
		{Bytes(1_000_000), "1.0 MB"},
		{Bytes(123_400_000), "123 MB"},
		{Bytes(999_999), "1.0 MB"},
		{Number(0), "0"},
		{Number(0.123456789), "0.12346"},
		{Number(1e-12), "1e-12"},
		{Number(123456.7), "123457"},
		{Number(1e6), "1000000"},
		{Number(math.NaN()), "NaN"},
		{Number(math.Inf(-1)), "-inf"},
		{Number(1.5e300), "1.5e300"},
		{Number(-0.5), "-0.5"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

func TestFold(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"as it is", "as it is"},
		{"one two three four", "one two\n    three four"},
		{"one two-three-four", "one\n    two-three-\n    four"},
		{"日本語日本語", "日本語日本\n    語"},
		{"0123456789 x", "0123456789\n    x"},
		{"", ""},
	} {
		if got := Test(nil, nil, 14, false).Fold(c.in, 4); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
		if got := (&Terminal{width: 14}).Fold(c.in, 4); got != c.in {
			t.Errorf("a pipe gets %q for %q", got, c.in)
		}
	}
}

func TestTableFits(t *testing.T) {
	tb := Table{
		Columns: []Column{
			{Title: "name", Flexible: true},
			{Title: "age"},
			{Title: "rmse", Right: true},
			{Title: "params", Flexible: true, Drop: true},
			{Title: "more", Drop: true},
		},
		Rows: [][]Cell{
			{
				{Text: strings.Repeat("long", 20)},
				{Text: "3 min ago"},
				{Text: "0.31", Style: Green},
				{Text: strings.Repeat("p", 60)},
				{Text: "x"},
			},
			{{Text: "日本語"}, {Text: "1 d ago"}, {Text: "10.5"}, {}, {Text: "evil\x1b[2J"}},
		},
	}
	for width, dropped := range map[int][]int{20: {3, 4}, 40: {4}, 80: nil, 200: nil} {
		var out bytes.Buffer
		if err := tb.Write(&out, Test(&out, &out, width, false)); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(tb.Dropped, dropped) {
			t.Errorf("%d columns wide: %v dropped, not %v", width, tb.Dropped, dropped)
		}
		for line := range strings.Lines(out.String()) {
			line = strings.TrimSuffix(line, "\n")
			if Width(line) > width && width > 30 {
				t.Errorf("%d columns, not %d: %q", Width(line), width, line)
			}
			if strings.HasSuffix(line, " ") || strings.Contains(line, "\x1b") {
				t.Errorf("%q", line)
			}
		}
	}
	var out bytes.Buffer
	if err := tb.Write(&out, &Terminal{Out: &out}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), strings.Repeat("long", 20)) {
		t.Error("a pipe gets cut cells")
	}
}

func TestTableTellsNamesApart(t *testing.T) {
	const sweep = "imagenet-resnet50-cosine-warmup-augmented-seed-"
	tb := Table{
		Columns: []Column{{Title: "run", Flexible: true, Name: true}, {Title: "age"}},
		Rows: [][]Cell{
			{{Text: sweep + "11"}, {Text: "just now"}}, {{Text: sweep + "12"}, {Text: "just now"}}, {{Text: "a"}, {Text: "1 d"}},
		},
	}
	var out bytes.Buffer
	if err := tb.Write(&out, Test(&out, &out, 40, false)); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	if !strings.Contains(lines[1], "…") || !strings.Contains(lines[1], "seed-11 ") ||
		!strings.Contains(lines[2], "seed-12 ") || !strings.HasPrefix(lines[3], "a ") {
		t.Errorf("%s", out.String())
	}
}

// A title that is a long name does not make its column wide, on a terminal and in a pipe, and keeps its ends.
func TestLongTitle(t *testing.T) {
	long := "model." + strings.Repeat("layer.", 40) + "dropout (min)"
	tb := Table{
		Columns: []Column{{Title: "run"}, {Title: long, Right: true, Key: true}},
		Rows:    [][]Cell{{{Text: "a"}, {Text: "1"}}},
	}
	for _, to := range []*Terminal{Test(io.Discard, io.Discard, 200, false), {}} {
		var out bytes.Buffer
		if err := tb.Write(&out, to); err != nil {
			t.Fatal(err)
		}
		header, _, _ := strings.Cut(out.String(), "\n")
		if !strings.HasPrefix(header, "RUN  model.") || !strings.HasSuffix(header, "dropout (min)") ||
			Width(header) != len("run")+columnGap+maxTitle {
			t.Errorf("%q", header)
		}
	}
}
