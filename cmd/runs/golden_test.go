package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write the golden files of testdata/json anew")

// goldenDir holds the JSON of each command, as a script printed it, indented.
var goldenDir, _ = filepath.Abs("testdata/json")

// goldenCmd holds the JSON on the last stdout to testdata/json/NAME.golden, byte for byte but for white space:
// golden NAME [KEY...].
//
// Ids, digests, commits and times are numbered in the order of their first appearance. The values of the keys that are
// named differ from machine to machine: each is replaced by null. 'go test ./cmd/runs -run TestScripts/NAME -update'
// writes the file.
func goldenCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: golden NAME [KEY...]")
	}
	out := ts.ReadFile("stdout")
	got, err := normalizeJSON(out, ts.Getenv("WORK"), args[1:])
	if err != nil {
		ts.Fatalf("%v: %s", err, out)
	}
	file := filepath.Join(goldenDir, args[0]+".golden")
	if *update {
		ts.Check(os.WriteFile(file, got, 0o666))
	}
	want, err := os.ReadFile(file)
	ts.Check(err)
	if d := cmp.Diff(string(want), string(got)); d != "" {
		ts.Fatalf("%s (-want +got):\n%s", file, d)
	}
}

var varying = []struct {
	word    string
	pattern *regexp.Regexp
}{
	{"run", regexp.MustCompile(`\b\d{8}-\d{6}-[0-9a-hjkmnp-tv-z]{8}\b`)},
	{"batch", regexp.MustCompile(`\bbatch-[0-9a-hjkmnp-tv-z]{8}\b`)},
	{"stamp", regexp.MustCompile(`\b\d{8}-\d{6}\.\d{6}-[0-9a-z]{4}\b`)},
	{"digest", regexp.MustCompile(`\b[0-9a-f]{64}\b`)},
	{"object", regexp.MustCompile(`\b[0-9a-f]{40}\b`)},
	{"time", regexp.MustCompile(`\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)},
	{"day", regexp.MustCompile(`\b20\d\d-\d\d-\d\d\b`)},
}

func normalizeJSON(out, work string, masked []string) ([]byte, error) {
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(out)); err != nil {
		return nil, err
	}
	if compact.String()+"\n" != strings.ReplaceAll(out, "},\n{", "},{") {
		return nil, fmt.Errorf("the JSON is not one line, or one line per element, without white space")
	}
	text := strings.ReplaceAll(compact.String(), work, "$WORK")
	for _, key := range masked {
		value := regexp.MustCompile(`"` + regexp.QuoteMeta(key) + `":("([^"\\]|\\.)*"|[-+.0-9eE]+|\[[^][{}]*\])`)
		text = value.ReplaceAllString(text, `"`+key+`":null`)
	}
	for _, v := range varying {
		var seen []string
		text = v.pattern.ReplaceAllStringFunc(text, func(s string) string {
			if !slices.Contains(seen, s) {
				seen = append(seen, s)
			}
			return fmt.Sprintf("<%s %d>", v.word, 1+slices.Index(seen, s))
		})
	}
	var indented bytes.Buffer
	err := json.Indent(&indented, append([]byte(text), '\n'), "", "  ")
	return indented.Bytes(), err
}

// TestEveryJSONHasAGolden checks that the JSON of each command that prints some is held to a file.
func TestEveryJSONHasAGolden(t *testing.T) {
	for _, c := range (&app{}).command("").Commands() {
		if c.Flags().Lookup("json") == nil {
			continue
		}
		if _, err := os.Stat(filepath.Join(goldenDir, c.Name()+".golden")); err != nil {
			t.Errorf("%s --json: %v", c.Name(), err)
		}
	}
}
