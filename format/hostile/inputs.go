// Package hostile makes files that a stranger could put into a repository of runs: false counts, bombs, texts that
// grow, names that deceive. It is for tests: a reader must refuse each of them, or read it, within bounds of memory,
// time and output. It writes Parquet by itself, because no library writes what is false. It imports no other package of
// the project. Start reading in inputs.go.
package hostile

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Input is one hostile file.
type Input struct {
	Name string // says what is wrong with it
	// File is where it belongs: the name of a file of a run, or note, manifest, patch, environment, journal, config or
	// events.
	File string
	Data []byte
	Rows int64 // that run.toml names for a Parquet file
}

// ID stands for the id of the run in a run.toml and a note.
const ID = "{{id}}"

// Inputs returns all hostile files, in the same order each time.
func Inputs() []Input {
	var inputs []Input
	for _, tables := range []map[string][]byte{bigTables(), falseTables(), {"not finite": notFinite()}} {
		for _, name := range slices.Sorted(maps.Keys(tables)) {
			rows := int64(3)
			if n, ok := strings.CutSuffix(name, " equal points"); ok {
				_, _ = fmt.Sscan(n, &rows)
			}
			inputs = append(inputs, Input{Name: "points: " + name, File: "metrics.parquet", Data: tables[name], Rows: rows})
		}
	}
	inputs = append(inputs, texts()...)
	inputs = append(inputs, records()...)
	return append(inputs, lines()...)
}

// head is the beginning of a record.
const head = `schema = 1
id = "` + ID + `"
status = "finished"
started = 2026-11-25T03:30:41Z
ended = 2026-11-25T03:30:42Z
`

func each(n int, form string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, form, i)
	}
	return b.String()
}

// records returns files of TOML.
func records() []Input {
	deep := strings.TrimSuffix(strings.Repeat("a.", 31), ".")
	long := strings.Repeat("k", 250)
	contents := map[string]string{
		"dotted keys":              "[params]\n" + each(39_000, "k%d."+strings.Repeat("a.", 29)+"a = 1\n"),
		"dotted keys within":       "[params]\n" + each(1900, "k%d."+strings.Repeat("a.", 29)+"a = 1\n"),
		"headers":                  each(39_000, "[x%d]\n"),
		"deep headers":             each(1200, "[x%d."+deep[:2*28]+"a]\n"),
		"lists of tables":          strings.Repeat("[[x]]\n", 39_000),
		"keys below a deep header": "[" + deep + "]\n" + each(110_000, "k%d = '1'\n"),
		"keys":                     "[params]\n" + each(110_000, "k%d = '1'\n"),
		"quoted keys":              "[params]\n" + each(110_000, "\"k%d\" = '1'\n"),
		"inline tables":            "[params]\n" + each(39_000, "k%d = {'a' = 1}\n"),
		"nested inline tables":     "[params]\n" + each(3_000, "k%d = "+strings.Repeat("{a = ", 30)+"1"+strings.Repeat("}", 30)+"\n"),
		"nested lists":             "[params]\na = " + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "\n",
		"lists":                    "[params]\na = [" + strings.Repeat("[], ", 1_900_000) + "[]]\n",
		"numbers":                  "[params]\na = [" + strings.Repeat("1, ", 2_500_000) + "1]\n",
		"a text of 8 MB":           "[params]\na = \"" + strings.Repeat("x", 8_000_000) + "\"\n",
		"a text in lines":          "[params]\na = '''" + strings.Repeat("\n", 8_000_000) + "'''\n",
		"text without an end":      "[params]\na = \"" + strings.Repeat("\\\\", 4_000_000),
		"a long key":               "[params]\n" + strings.Repeat("k", 7_000_000) + " = 1\n",
		"long unknown keys":        "[params]\n[metrics]\n" + each(9_000, "\"%0250d\" = {last = 1.0, count = 1}\n"),
		"long params":              "[params]\n" + each(9_000, "\"%0250d\" = 1\n"),
		"nested long params":       "[params]\na" + nestedTable(long, 15) + "\n",
		"tags":                     "[tags]\n" + each(9_000, "\"%0200d\" = \"\\u001b[31mx\\u202e\"\n"),
		"long tags":                "[tags]\n" + each(100, "t%d = \""+strings.Repeat("x", 60_000)+"\"\n"),
		"a note of 64 KB":          "note = \"" + strings.Repeat(`\u001b]0;title\u0007\n`, 3000) + "\"\n",
		"a large exit code":        "exit_code = 9223372036854775807\n",
		"negative sizes":           "[files]\n\"output.log\" = {sha256 = \"" + strings.Repeat("0", 64) + "\", bytes = -1}\n",
		"sizes of 2^62":            "[files]\n\"output.log\" = {sha256 = \"" + strings.Repeat("0", 64) + "\", bytes = 4611686018427387904}\n",
		"rows of 2^62":             "[files]\n\"metrics.parquet\" = {sha256 = \"" + strings.Repeat("0", 64) + "\", bytes = 4611686018427387904, rows = 4611686018427387904}\n",
		"an artifact of 2^62":      artifact("x", 1<<62, ""),
		"an artifact elsewhere":    artifact("x", 1<<62, "where = \"s3://"+strings.Repeat("x", 60_000)+"\"\n"),
		"artifacts":                strings.Repeat(artifact("x", 1, ""), 99),
		"a loop of parents":        "parent = \"" + ID + "\"\nresumes = \"" + ID + "\"\nreproduces = \"" + ID + "\"\n",
		"patches":                  "[source]\ntree = \"" + strings.Repeat("0", 40) + "\"\nbase = \"" + strings.Repeat("0", 40) + "\"\npatches = [" + strings.Repeat(`"`+strings.Repeat("0", 64)+`", `, 100_000) + "]\n",
		"a year of six digits":     "[tags]\na = 100000-01-01T00:00:00Z\n",
		"NUL":                      "name = \"a\x00b\"\n",
		"not UTF-8":                "name = \"\xff\xfe\"\n",
		"a byte order mark":        "\ufeff",
		"definitions":              each(2_000, "[[defined]]\nname = \"m%d*\"\nsummary = \"max\"\n"),
		"datasets":                 each(5_000, "[[datasets]]\nname = \"d%d\"\nsha256 = \""+strings.Repeat("0", 64)+"\"\n"),
	}
	var inputs []Input
	for _, name := range slices.Sorted(maps.Keys(contents)) {
		inputs = append(inputs, Input{Name: "record: " + name, File: "run.toml", Data: []byte(head + contents[name])})
	}
	note := "schema = 1\ntime = 2026-11-25T03:30:43Z\n"
	for name, text := range map[string]string{
		"tags": "[tags]\n" + each(4_000, "\"%0200d\" = \"x\"\n"), "dotted keys": each(9_000, "a%d."+strings.Repeat("a.", 30)+"a = 1\n"),
		"removed": "removed = [" + strings.Repeat(`"a", `, 100_000) + "]\n",
	} {
		inputs = append(inputs, Input{Name: "note: " + name, File: "note", Data: []byte(note + text)})
	}
	slices.SortStableFunc(inputs, func(a, b Input) int { return strings.Compare(a.Name, b.Name) })
	return inputs
}

func nestedTable(key string, depth int) string {
	return " = " + strings.Repeat("{"+key+" = ", depth) + "1" + strings.Repeat("}", depth)
}

func artifact(path string, size int64, more string) string {
	return fmt.Sprintf("[[artifacts]]\npath = %q\nsha256 = %q\nbytes = %d\n%s", path, strings.Repeat("0", 64), size, more)
}

// lines returns the other files: patches, environments, journals, logs of other trackers.
func lines() []Input {
	inputs := []Input{
		{Name: "patch: many files", File: "patch", Data: []byte(strings.Repeat("diff --git a/x b/x\n", 600_000))},
		{Name: "patch: a file without a name", File: "patch", Data: []byte("diff --git \"a/\" \"b/\"\n")},
		{Name: "patch: a hunk of 2^62 lines", File: "patch", Data: []byte("diff --git a/x b/x\n@@ -1,4611686018427387904 +1,4611686018427387904 @@\n-x\n")},
		{Name: "patch: a long line", File: "patch", Data: []byte("diff --git a/" + strings.Repeat("x", 10<<20) + " b/x\n")},
		{Name: "patch: a literal of 2^40 bytes", File: "patch", Data: []byte("diff --git a/x b/x\nGIT binary patch\nliteral 1099511627776\n" + strings.Repeat("zcmZQzU|?imU{GLi00IE&\n", 1000))},
		{Name: "environment: packages", File: "environment", Data: []byte("schema = 1\n[packages]\n" + each(110_000, "p%d = '1'\n"))},
		{Name: "environment: dotted keys", File: "environment", Data: []byte("schema = 1\n" + each(39_000, "k%d."+strings.Repeat("a.", 29)+"a = 1\n"))},
		{Name: "aside: long lines", File: "aside.jsonl", Data: bytes.Repeat([]byte(strings.Repeat("x", 1<<20)+"\n"), 10)},
		{Name: "output: escapes", File: "output.log", Data: bytes.Repeat([]byte("\x1b]0;title\x07\x1b[2J\r"), 100_000)},
		{Name: "output: one long line", File: "output.log", Data: bytes.Repeat([]byte("x"), 10<<20)},
		{Name: "journal: deep JSON", File: "journal", Data: []byte(`{"t":1764000000,"m":` + strings.Repeat(`{"a":`, 1_000_000) + "\n")},
		{Name: "journal: wide", File: "journal", Data: []byte(`{"t":1764000000,"m":{` + each(500_000, `"k%d":1,`) + `"a":1}}` + "\n")},
		{Name: "journal: a line of 20 MB", File: "journal", Data: []byte(`{"t":1764000000,"v":{"a":"` + strings.Repeat("x", 20<<20) + `"}}` + "\n")},
		{Name: "journal: values", File: "journal", Data: bytes.Repeat([]byte(`{"t":1764000000,"v":{"a":[`+strings.Repeat("1,", 1000)+`1]}}`+"\n"), 5000)},
		{Name: "journal: keys", File: "journal", Data: []byte(each(100_000, `{"t":1764000000,"m":{"k%d":1}}`+"\n"))},
		{Name: "journal: numbers", File: "journal", Data: []byte(`{"t":1e999,"m":{"a":1e999999999}}` + "\n" + `{"t":-1e300,"m":{"a":` + strings.Repeat("9", 1<<20) + "}}\n")},
		{Name: "journal: params", File: "journal", Data: []byte(`{"t":1764000000,"p":` + strings.Repeat(`{"a":`, 15) + "[" + strings.Repeat("[],", 300_000) + "1]" + strings.Repeat("}", 15) + "}\n")},
		{Name: "events: a record of 2^62 bytes", File: "events", Data: append([]byte{0, 0, 0, 0, 0, 0, 0, 0x40}, make([]byte, 40)...)},
		{Name: "events: a record of 1 GB", File: "events", Data: append([]byte{0, 0, 0, 0x40, 0, 0, 0, 0}, make([]byte, 40)...)},
	}
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(make([]byte, 50<<20))
	_ = z.Close()
	return append(inputs, Input{Name: "output: a bomb of gzip", File: "output.log", Data: bomb.Bytes()})
}
