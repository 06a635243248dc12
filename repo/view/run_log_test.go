package view

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// withLog starts a run with console output, and finishes it if finish is true.
func withLog(t *testing.T, r *repo.Repository, text string, finish bool) string {
	t.Helper()
	a, err := r.Start(t.Context(), &format.Run{}, format.OwnerDetached)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(a.Dir, outputFile), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	if finish {
		if _, err := a.Finish(t.Context(), repo.Finish{}); err != nil {
			t.Fatal(err)
		}
	}
	return a.ID
}

func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "line %d\r\n", i)
	}
	return b.String()
}

func TestLogLines(t *testing.T) {
	r := setup(t)
	many := withLog(t, r, numbered(3000), true)
	long := withLog(t, r, "a\n"+strings.Repeat("x", 100_000)+"\nb\xff\x1b[31m", true)
	empty := withLog(t, r, "", true)
	live := withLog(t, r, "one\ntw", false)
	none := oneRun(t, r, &format.Run{}, nil, nil)
	v := openView(t, r)
	for _, c := range []struct {
		id          string
		line, count int64
		lines, from int64
		want        string // the first and the last line, and how many
	}{
		{many, 0, 10, 3000, 0, "line 0 … line 9 10"},
		{many, 255, 3, 3000, 255, "line 255 … line 257 3"},
		{many, 256, 1, 3000, 256, "line 256 … line 256 1"},
		{many, 2999, 10, 3000, 2999, "line 2999 … line 2999 1"},
		{many, -2, 10, 3000, 2998, "line 2998 … line 2999 2"},
		{many, -9999, 1, 3000, 0, "line 0 … line 0 1"},
		{many, 3000, 10, 3000, 3000, "0"},
		{many, 1 << 62, 1 << 62, 3000, 3000, "0"},
		{many, 0, -1, 3000, 0, "0"},
		{many, 0, 1 << 62, 3000, 0, "line 0 … line 2999 3000"},
		{long, 2, 5, 3, 2, "b\ufffd\x1b[31m … b\ufffd\x1b[31m 1"},
		{live, -1, 5, 2, 1, "tw … tw 1"},
	} {
		w, err := v.LogLines(t.Context(), c.id, c.line, c.count)
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(len(w.Text))
		if len(w.Text) > 0 {
			got = fmt.Sprintf("%s … %s %d", w.Text[0], w.Text[len(w.Text)-1], len(w.Text))
		}
		if got != c.want || w.Lines != c.lines || w.From != c.from || w.Live != (c.id == live) {
			t.Errorf("line %d, %d lines: %q, from %d of %d; want %+v", c.line, c.count, got, w.From, w.Lines, c)
		}
	}
	w, err := v.LogLines(t.Context(), long, 1, 1)
	if err != nil || len(w.Text[0]) != maxLogLine+len(" …") {
		t.Errorf("a long line has %d bytes, %v", len(w.Text[0]), err)
	}
	for _, id := range []string{none.ID, empty} {
		if w, err := v.LogLines(t.Context(), id, 0, 10); err == nil && (w.Lines != 0 || id == none.ID) {
			t.Errorf("run %s has a log: %+v", id, w)
		}
	}
}

// TestLogGrows reads the end of a log that a program writes, and notices when it was replaced.
func TestLogGrows(t *testing.T) {
	r := setup(t)
	id := withLog(t, r, "one\ntw", false)
	v := openView(t, r)
	file := filepath.Join(mustDir(t, r, id), outputFile)
	lines := func() string {
		w, err := v.LogLines(t.Context(), id, 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%d %s", w.Lines, strings.Join(w.Text, "|"))
	}
	for _, c := range []struct{ text, want string }{
		{"one\ntw", "2 one|tw"},
		{"one\ntwo\n", "2 one|two"},
		{"one\ntwo\nthree", "3 one|two|three"},
		{"new", "1 new"},
	} {
		if err := os.WriteFile(file, []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		if got := lines(); got != c.want {
			t.Errorf("after %q: %q, want %q", c.text, got, c.want)
		}
	}
}

func mustDir(t *testing.T, r *repo.Repository, id string) string {
	t.Helper()
	e, err := r.Read(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return e.Dir
}

// TestChangedLog refuses a log that is not what was recorded, also after it was read once.
func TestChangedLog(t *testing.T) {
	r := setup(t)
	id := withLog(t, r, numbered(10), true)
	v := openView(t, r)
	for range 2 {
		if _, err := v.LogLines(t.Context(), id, 0, 1); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(mustDir(t, r, id), outputFile)
	if err := os.WriteFile(file, []byte(strings.ToUpper(numbered(10))), 0o666); err != nil {
		t.Fatal(err)
	}
	if w, err := v.LogLines(t.Context(), id, 0, 1); err == nil {
		t.Errorf("a changed log: %+v", w)
	}
}

func TestFindInLog(t *testing.T) {
	r := setup(t)
	id := withLog(t, r, numbered(2000)+strings.Repeat("y", 3000)+"NEEDLE"+strings.Repeat("z", 3000), true)
	v := openView(t, r)
	for _, c := range []struct {
		text        string
		from, total int64
		first       int64
		listed      int
	}{
		{"line 7", 0, 111, 7, 111},
		{"LINE 7", 100, 111, 700, 100},
		{"needle", 0, 1, 2000, 1},
		{"line", 0, 2000, 0, maxLogMatches},
		{"nothing", 0, 0, 0, 0},
		{"", 0, 0, 0, 0},
	} {
		m, err := v.FindInLog(t.Context(), id, c.text, c.from)
		if err != nil {
			t.Fatal(err)
		}
		if m.Total != c.total || len(m.List) != c.listed || len(m.List) > 0 && m.List[0].Line != c.first {
			t.Errorf("%q: %d matches, %d listed; want %+v", c.text, m.Total, len(m.List), c)
		}
	}
	m, _ := v.FindInLog(t.Context(), id, "needle", 0)
	if text := m.List[0].Text; !strings.Contains(text, "NEEDLE") || len(text) > shownMatch+20 {
		t.Errorf("a match in a long line: %q", text)
	}
}

func TestLogText(t *testing.T) {
	r := setup(t)
	short := withLog(t, r, "a\nb", true)
	long := withLog(t, r, strings.Repeat(strings.Repeat("x", 99)+"\n", 30_000), true)
	v := openView(t, r)
	if text, err := v.LogText(t.Context(), short); err != nil || string(text) != "a\nb\n" {
		t.Errorf("%q, %v", text, err)
	}
	text, err := v.LogText(t.Context(), long)
	if err != nil || len(text) > maxLogBytes+100 || !strings.HasPrefix(string(text), "[the first ") {
		t.Fatalf("%d bytes, %.40q, %v", len(text), text, err)
	}
	var left int
	if _, err := fmt.Sscanf(string(text), "[the first %d lines are left out]", &left); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "\n") - 1; n+left != 30_000 {
		t.Errorf("%d lines left out and %d shown", left, n)
	}
}
