package render

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/diff"
)

// TestDiffFits checks that the rows of a comparison fit the width of the terminal and lose nothing.
func TestDiffFits(t *testing.T) {
	long := strings.Repeat("--flag value ", 7)
	c := &diff.Comparison{
		Attributes: []diff.Value{
			{Key: "command", A: "train.py " + long + "1", B: "train.py " + long + "2"}, {Key: "cwd", A: "src", B: "lib"},
		},
		Params: []diff.Value{{Key: "old", A: long}, {Key: "new", B: long}},
	}
	var out bytes.Buffer
	if err := (Diff{}).Write(&out, terminal.Test(&out, &out, 60, false), c); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if n := terminal.Width(strings.TrimSuffix(line, "\n")); n > 60 {
			t.Errorf("%d columns: %q", n, line)
		}
	}
	if n := strings.Count(out.String(), "--flag"); n != 28 {
		t.Errorf("%d of 28 flags in %s", n, out.String())
	}
	for _, want := range []string{
		"\n           → train.py --flag", "\n  cwd      src → lib\n", "\n  old  - --flag", "\n  new  + --flag",
		"\n         --flag",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in %s", want, out.String())
		}
	}
}
