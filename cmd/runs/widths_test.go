package main

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gitruns/runs/cmd/internal/render"
	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/query"
	"github.com/gitruns/runs/repo/review"
)

// show and diff keep within a terminal of 40 and 80 columns, whatever keys and values are, and --json has them whole.
func TestNarrowTerminals(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	p := newProject(t)
	long, wide := strings.Repeat("k", 125)+"/"+strings.Repeat("z", 120), strings.Repeat("日本語", 20)
	emoji := strings.Repeat("👩\u200d🔬", 30)
	script := `git init -q . && echo 'print(1)' > t.py && git add -A && git commit -qm code && runs goal loss min &&
for n in 1 2; do echo "#$n" >> t.py; runs exec --name "$1$n" --group "$1" -e "$2" -p "$1=$1$n" -p "$2=$3$n" \
	-p "list=[1, 2, $n]" -p "text=several words and then some more of them, number $n" -t "$1=$2$n" \
	-d "$2=t.py" --note "$3 $1 $n" -- \
	sh -c 'runs log "$1=-1.234567e-300" loss=123456.789$2 &&
		runs log "$1=-9.87654e-300" loss=0.000123456$2 -a t.py=model.bin' sh "$1" "$n" ||
	exit 1; done`
	cmd := exec.Command("sh", "-c", script, "sh", long, wide, emoji)
	cmd.Dir, cmd.Env = p.dir, p.env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	r, err := repo.Find(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalog.Open(t.Context(), r, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	a, b, err := review.Pair(t.Context(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	compared, err := review.Compare(t.Context(), a, b, review.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, width := range []int{40, 80} {
		for _, color := range []bool{false, true} {
			var out bytes.Buffer
			term := terminal.Test(&out, &out, width, color)
			show := render.Run{Context: query.Context{Goal: c.Config().GoalIn(b.Entries[0].Run), Now: time.Now()}, Curves: true}
			if err := show.Write(t.Context(), &out, term, b.Entries[0]); err != nil {
				t.Fatal(err)
			}
			if err := (render.Diff{Most: 20, Curves: true}).Write(&out, term, compared); err != nil {
				t.Fatal(err)
			}
			text := withoutColors(out.String())
			for line := range strings.SplitSeq(text, "\n") {
				if n := terminal.Width(line); n > width {
					t.Errorf("%d columns, not %d: %q", n, width, line)
				}
			}
			for _, word := range []string{"loss", "VERDICT", "text", "→", "list = [1, 2, 2]"} {
				if !strings.Contains(text, word) {
					t.Errorf("at %d columns, %q is lost: %s", width, word, text)
				}
			}
		}
	}
	for _, args := range [][]string{{"show", "--json"}, {"diff", "--json"}} {
		cmd := exec.Command("runs", args...)
		cmd.Dir, cmd.Env = p.dir, append(p.env, "COLUMNS=40")
		if out, err := cmd.Output(); err != nil || !bytes.Contains(out, []byte(long)) || !bytes.Contains(out, []byte(emoji)) {
			t.Errorf("%v: keys or values are not whole: %v", args, err)
		}
	}
}

func withoutColors(s string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(s, "\x1b[") {
		if b.Len() > 0 || strings.HasPrefix(s, "\x1b[") {
			if _, rest, ok := strings.Cut(part, "m"); ok {
				part = rest
			}
		}
		b.WriteString(part)
	}
	return b.String()
}
