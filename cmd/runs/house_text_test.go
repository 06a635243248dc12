package main

import (
	"bytes"
	"fmt"
	"go/parser"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// maxWidth is the most characters that a line of Go or Python may have.
const maxWidth = 120

// TestHouseWidth checks that no line of code is wider than maxWidth.
func TestHouseWidth(t *testing.T) {
	folders := []string{
		"cmd", "repo", "diff", "format", "python", "testdata/bench", "testdata/browser", "testdata/demo", "testdata/readers",
		"testdata/recipes", "testdata/tensorboard", "testdata/wandb",
	}
	files := append(sources(t, ".go", folders...), sources(t, ".py", folders...)...)
	for _, file := range files {
		n := 0
		for line := range bytes.Lines(read(t, file)) {
			n++
			if width := utf8.RuneCount(bytes.TrimRight(line, "\r\n")); width > maxWidth {
				t.Errorf("%s:%d: the line has %d characters, the limit is %d", file, n, width, maxWidth)
			}
		}
	}
	if len(files) < 300 {
		t.Errorf("only %d files were checked", len(files))
	}
}

// unclear are phrases that a reader has to read twice, and what to write instead.
var unclear = []struct{ phrase, write string }{
	{`(is|are|was|were) no`, "is not a, or: there is no"},
	{`(is|are) none`, "is invalid, or: if there is none"},
	{`with a word`, "with a warning"},
	{`is said|says so`, "is reported, prints"},
	{`said again|last word|words? of`, "repeated, the last value"},
	{`where (it is there|one helps|there is none)`, "if it exists, if it helps, if there is none"},
	{`else (the|HEAD|it)`, "otherwise the"},
	{`behind (the|an|a|it|--)`, "after the"},
	{`stands? (in|behind|alone|beside|below)`, "is in, comes after, cannot be combined"},
	{`lies? (in|under|above|below|beside)`, "is in, is under, is next to"},
	{`beside (the|your)`, "next to the, without touching your"},
	{`exclude one another`, "cannot be combined"},
	{`go(es)? with`, "requires, cannot be combined"},
	{`(keeps?|kept) aside`, "sets aside"},
	{`(a|one) line a`, "one line per"},
	{`once a clone`, "once per clone"},
	{`bytes a point`, "bytes per point"},
	{`needs a hand`, "needs attention"},
	{`tak(e|en|es|ing) over`, "import, finish"},
	{`tak(e|en|es|ing) out`, "remove, replace"},
	{`go(es|ing)? on (with|where)|gone on with`, "resume"},
	{`belongs? into`, "go to"},
	{`at hand`, "in this clone, on this machine"},
	{`hold a run`, "check a run"},
	{`say (something|more)`, "add a note, annotate"},
	{`is told by`, "is reported as"},
	{`one find`, "a single finding"},
	{`proved?|proves`, "verified"},
	{`whose process is gone`, "whose process no longer exists"},
	{`what goes wrong`, "the problem"},
	{`(be|is) had`, "be fetched, be read"},
	{`has it:|brings it`, "name the command that does it"},
}

// unclearPatterns are the phrases of unclear as whole words.
var unclearPatterns = func() []*regexp.Regexp {
	patterns := make([]*regexp.Regexp, len(unclear))
	for i, u := range unclear {
		patterns[i] = regexp.MustCompile(`(?i)(^|\W)(` + u.phrase + `)(\W|$)`)
	}
	return patterns
}()

// plain are phrases that contain an unclear one and are clear, None of Python, and the mark that repo/git writes into
// hooks, which must stay as it is to be found again.
var plain = regexp.MustCompile(
	`(?i)\b(there (is|are|was|were) no|if there is none|(is|are|was|were) no longer|(is|are) (?-i:None))\b` +
		`|, behind an open line >>>`,
)

// stylePage quotes unclear phrases.
const stylePage = "cmd/runs/docs/style.md"

// TestHousePhrases checks that messages and help have none of the unclear phrases.
func TestHousePhrases(t *testing.T) {
	check := func(file string, line int, text string) {
		for _, found := range findUnclear(text) {
			t.Errorf("%s:%d: %s", file, line, found)
		}
	}
	seen := 0
	for _, file := range sources(t, ".go", "cmd", "repo", "diff", "format") {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source := read(t, file)
		for _, l := range literals(t, parse(t, file, source, parser.SkipObjectResolution)) {
			check(file, 1+bytes.Count(source[:l.pos-1], []byte("\n")), l.text)
			seen++
		}
	}
	for _, file := range append(sources(t, ".py", "python/src"), sources(t, ".md", "cmd/runs/docs")...) {
		if file == stylePage {
			continue
		}
		n := 0
		for line := range bytes.Lines(read(t, file)) {
			n++
			check(file, n, string(line))
			seen++
		}
	}
	if seen < 500 {
		t.Errorf("only %d texts were checked", seen)
	}
}

// findUnclear describes each unclear phrase of a text.
func findUnclear(text string) (found []string) {
	text = plain.ReplaceAllString(strings.Join(strings.Fields(text), " "), "")
	for i, pattern := range unclearPatterns {
		if match := pattern.FindStringSubmatch(text); match != nil {
			found = append(found, fmt.Sprintf("%q: write: %s", match[2], unclear[i].write))
		}
	}
	return found
}

func TestHouseFindsUnclearPhrases(t *testing.T) {
	for text, want := range map[string]int{
		"this is no git repository":                     1,
		"it is no longer a git repository":              0,
		"there is no remote":                            0,
		"value is None, and 'runs ls' if there is none": 0,
		"what is none":                                  1,
		"its time is\n  none":                           1,
		"--json and --csv exclude one another":          1,
		"--undo stands alone":                           1,
		"Without RUN the only one, else the last":       1,
		"it lies below artifacts/ and goes with a word": 3,
		"a noun, not a node":                            0,
	} {
		if got := findUnclear(text); len(got) != want {
			t.Errorf("%q: found %q, want %d phrases", text, got, want)
		}
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	return data
}
