package console

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func logOf(t testing.TB, limit int64, pieces ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "output.log")
	l, err := Create(path, limit)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pieces {
		if _, err := l.Write([]byte(p)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestCollapse(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "a\nb\n", "a\nb\n"},
		{"no newline at the end", "a\nb", "a\nb"},
		{"empty lines", "a\n\n\nb\n\n", "a\n\n\nb\n\n"},
		{"crlf", "a\r\nb\r\n", "a\nb\n"},
		{"tqdm", "  0%|  | 0/3\r 50%|# | 1/3\r100%|##| 3/3\ndone\n", "100%|##| 3/3\ndone\n"},
		{"shorter redraw keeps the rest, as a terminal does", "abcdef\rxy\n", "xycdef\n"},
		{"erase line", "abcdef\r\x1b[Kxy\n", "xy\n"},
		{"erase whole line", "abcdef\x1b[2K\rxy\n", "xy\n"},
		{"colours", "\x1b[1;31mred\x1b[0m plain\n", "red plain\n"},
		{"title", "\x1b]0;title\x07a\x1b]8;;http://x\x1b\\b\n", "ab\n"},
		{"backspace", "12\b3\n", "13\n"},
		{"two bars", "a 0%\nb 0%\x1b[A\ra 9%\x1b[B\rb 8%\n", "a 9%\nb 8%\n"},
		{"block", "x\ny\nz\n\x1b[3A\x1b[J1\n2\n3\n", "1\n2\n3\n"},
		{"utf-8", "é😀\xff\n", "é😀\ufffd\n"},
		{"bell", "a\ab\n", "ab\n"},
		{"tab", "a\tb\n", "a\tb\n"},
		{"column", "abc\x1b[1Gx\n", "xbc\n"},
	} {
		if got := logOf(t, 1<<20, c.in); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if got := logOf(t, 1<<20, strings.Split(c.in, "")...); got != strings.ReplaceAll(c.want, "\xff", "\ufffd") &&
			c.name != "utf-8" {
			t.Errorf("%s, byte by byte: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestPlainTextStays(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		var b strings.Builder
		for range r.IntN(300) {
			b.WriteString([]string{"a", "word ", "\n", "é", "\n\n", "x=1\t"}[r.IntN(6)])
		}
		if got := logOf(t, 1<<20, b.String()); got != b.String() {
			t.Fatalf("%q became %q", b.String(), got)
		}
	}
}

func TestLongLogKeepsBothEnds(t *testing.T) {
	var pieces []string
	for i := range 20_000 {
		pieces = append(pieces, fmt.Sprintf("line %d\n", i))
	}
	pieces = append(pieces, "Traceback\n")
	got := logOf(t, 8192, pieces...)
	if !strings.HasPrefix(got, "line 0\nline 1\n") || !strings.HasSuffix(got, "line 19999\nTraceback\n") {
		t.Errorf("an end is missing: %.100q … %.100q", got, got[len(got)-100:])
	}
	if len(got) > 8192+1000 || len(got) < 5000 {
		t.Errorf("%d bytes are kept of 8192", len(got))
	}
	head, rest, ok := strings.Cut(got, "[runs: ")
	if !ok {
		t.Fatal("the cut is not said")
	}
	var cut int
	if _, err := fmt.Sscanf(rest, "%d bytes of output cut here]\n", &cut); err != nil {
		t.Fatal(err)
	}
	_, tail, _ := strings.Cut(rest, "\n")
	if total := len(strings.Join(pieces, "")); len(head)+cut+len(tail) != total {
		t.Errorf("%d + %d cut + %d is not %d", len(head), cut, len(tail), total)
	}
}

// TestKilledWriter looks at the files of a log whose writer never closes it.
func TestKilledWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "output.log")
	l, err := Create(path, 8192)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5000 {
		fmt.Fprintf(l, "line %d\n", i)
	}
	fmt.Fprint(l, "last words")
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		tails, _ := segments(path)
		if len(tails) > 0 {
			if data, _ := os.ReadFile(tails[len(tails)-1].name); bytes.HasSuffix(data, []byte("last words")) {
				break
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("the last words never reached the disk")
		}
	}
	first, err := Join(path)
	if err != nil || first == 0 {
		t.Fatal(first, err)
	}
	data, _ := os.ReadFile(path)
	again, err := Join(path)
	if err != nil || again != first {
		t.Errorf("joined again, %d bytes are cut, not %d: %v", again, first, err)
	}
	if more, _ := os.ReadFile(path); !bytes.Equal(data, more) ||
		!bytes.HasSuffix(data, []byte("line 4999\nlast words")) {
		t.Errorf("%.80q", data[len(data)-80:])
	}
	close(l.stop)
	l.flusher.Wait()
}

func FuzzScreen(f *testing.F) {
	f.Add([]byte("a\r\x1b[2Kb\x1b[5A\x1b[99999999999Bx\x1b[J\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var out []string
		s := newScreen(func(line string) { out = append(out, line) })
		s.write(data)
		for _, line := range append(out, s.pending()) {
			if strings.ContainsAny(line, "\x1b\r\b\x00") {
				t.Fatalf("%q leaves %q", data, line)
			}
		}
		if len(s.lines) > windowLines {
			t.Fatalf("%d lines", len(s.lines))
		}
	})
}
