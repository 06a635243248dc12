package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
)

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		`"a"`:                         `"a"`,
		"{\n \"a\": [1, \"x\"]}":      `{"a":[1,"x"]}`,
		"\"\u009b2J\u202eb\u007f é\"": `"\u009B2J\u202Eb\u007F é"`,
	} {
		if got := visible(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

// TestValuesFit holds the rows of values to the width of the terminal.
func TestValuesFit(t *testing.T) {
	var out bytes.Buffer
	w := &valueWriter{newRowWriter(&out, &metricsFlags{}), terminal.Test(&out, &out, 80, false)}
	for _, json := range []string{
		`"` + strings.Repeat("word ", 20) + `"`, `{"_type":"histogram","bins":[-1.2345,1.2345],"values":[123456]}`,
	} {
		if err := w.value("gradients/layer1.weight", format.Value{Step: 1, JSON: json}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.end(); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if n := terminal.Width(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("%d columns: %q", n, line)
		}
	}
	words := strings.Join(strings.Fields(out.String()), " ")
	if !strings.Contains(words, "histogram of 123456 in 1 bin from -1.2345 to 1.2345") {
		t.Errorf("%s", out.String())
	}
}
