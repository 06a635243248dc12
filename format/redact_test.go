package format

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestRedactTexts: a word is replaced wherever people and programs may have written it, and nothing else changes.
func TestRedactTexts(t *testing.T) {
	data := `schema = 1
id = "20261123-142530-k7qx2m9a"
name = "a hush b"
status = "finished"
started = 2026-11-23T14:25:30Z
ended = 2026-11-23T14:27:02Z
author = "hush <a@b.c>"
command = ["python", "--key=hush"]
note = "hush"

[params]
hush = 1
pin = 4711
deep = {list = ["hush", {more = "hush"}], lr = 0.1}

[tags]
hush = "hush"

[metrics]
loss = {last = 0.5, count = 1}

[source]
branch = "hush"
dirty = false

[environment]
os = "linux"

[environment.variables]
X = "hush"

[[datasets]]
name = "hush"
path = "hush/x"
bytes = 1
files = 1

[conflicts]
lr = ["hush"]

[extra]
odd = "hush"

[[later]]
word = "hush"
`
	run, err := DecodeRun("run.toml", []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	run.RedactTexts(func(s string) string {
		return strings.ReplaceAll(strings.ReplaceAll(s, "hush", "[redacted]"), "4711", "[redacted]")
	})
	run.Redacted = []Redaction{{
		Time: time.Date(2026, 11, 24, 1, 2, 3, 0, time.UTC), What: "pattern", Files: []string{"run.toml"},
		Was: strings.Repeat("a", 64),
	}}
	run.Source.Redacted, run.Source.RedactedTree = true, strings.Repeat("b", 40)
	out, err := EncodeRun(run)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(out), "hush") || strings.Contains(string(out), "4711") {
		t.Errorf("it is still there:\n%s", out)
	}
	again, err := DecodeRun("run.toml", out)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(run, again); d != "" {
		t.Error(d)
	}
	if again.Metrics["loss"].Last != 0.5 || again.Source.Proof() != strings.Repeat("b", 40) ||
		again.Source.Missing() != "no tree was recorded" {
		t.Errorf("%+v", again)
	}
	for _, bad := range []string{
		"[[redacted]]\nwhat = \"x\"\n", "[[redacted]]\ntime = 2026-11-23T14:25:30Z\nwhat = \"x\"\nwas = \"12\"\n",
		"[[redacted]]\ntime = 2026-11-23T14:25:30Z\nwhat = \"x\"\nwas = \"" + strings.Repeat("a", 64) +
			"\"\nfiles = [\"../x\"]\n",
	} {
		if _, err := DecodeRun("run.toml", []byte(data+bad)); err == nil {
			t.Errorf("accepted: %s", bad)
		}
	}
}

func TestAllows(t *testing.T) {
	for _, c := range []struct {
		allow        SecretAllow
		file, source string
		want         bool
	}{
		{SecretAllow{Path: "docs/**"}, "sources/x.patch", "docs/a/b.md", true},
		{SecretAllow{Path: "docs/**"}, "sources/x.patch", "src/docs/b.md", false},
		{SecretAllow{Path: "**/*.md"}, "sources/x.patch", "b.md", true},
		{SecretAllow{Path: "*/*/output.log"}, "2026-11-25/id/output.log", "", true},
		{SecretAllow{Path: "*/output.log"}, "2026-11-25/id/output.log", "", false},
		{SecretAllow{Rule: "jwt", Path: "**"}, "a", "", true},
		{SecretAllow{Rule: "other"}, "a", "", false},
		{SecretAllow{Fingerprint: "0011223344556677"}, "a", "", true},
		{SecretAllow{Fingerprint: "8811223344556677", Path: "**"}, "a", "", false},
	} {
		if got := c.allow.Allows("0011223344556677", "jwt", c.file, c.source); got != c.want {
			t.Errorf("%+v on %s %s: %v", c.allow, c.file, c.source, got)
		}
	}
}
