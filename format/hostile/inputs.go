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
	Rows int64  // that run.toml names for a Parquet file
	ID   string // of the run, if a batch has the file
}

// ID stands for the id of the run in a run.toml and a note.
const ID = "{{id}}"

// Inputs returns all hostile files, in the same order each time.
func Inputs() []Input {
	inputs := slices.Concat(tables(single), values(single), texts())
	inputs = append(inputs, records()...)
	return append(inputs, lines()...)
}

// tables returns files of points.
func tables(at place) []Input {
	var inputs []Input
	for _, files := range []map[string][]byte{bigTables(at), falseTables(at), {"not finite": notFinite(at)}} {
		for _, name := range slices.Sorted(maps.Keys(files)) {
			rows := int64(3)
			if n, ok := strings.CutSuffix(name, " equal points"); ok {
				_, _ = fmt.Sscan(n, &rows)
			}
			inputs = append(inputs, Input{Name: "points: " + name, File: "metrics.parquet", Data: files[name], Rows: rows})
		}
	}
	return inputs
}

// zeros is a digest that no file has.
var zeros = strings.Repeat("0", 64)

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
		"nested inline tables":     "[params]\n" + each(3_000, "k%d = "+nested("{a = ", "1", "}", 30)+"\n"),
		"nested lists":             "[params]\na = " + nested("[", "", "]", 100_000) + "\n",
		"lists":                    "[params]\na = [" + strings.Repeat("[], ", 1_900_000) + "[]]\n",
		"numbers":                  "[params]\na = [" + strings.Repeat("1, ", 2_500_000) + "1]\n",
		"a text of 8 MB":           "[params]\na = \"" + strings.Repeat("x", 8_000_000) + "\"\n",
		"a text in lines":          "[params]\na = '''" + strings.Repeat("\n", 8_000_000) + "'''\n",
		"text without an end":      "[params]\na = \"" + strings.Repeat("\\\\", 4_000_000),
		"a long key":               "[params]\n" + strings.Repeat("k", 7_000_000) + " = 1\n",
		"long unknown keys":        "[params]\n[metrics]\n" + each(9_000, "\"%0250d\" = {last = 1.0, count = 1}\n"),
		"long params":              "[params]\n" + each(9_000, "\"%0250d\" = 1\n"),
		"nested long params":       "[params]\na = " + nested("{"+long+" = ", "1", "}", 15) + "\n",
		"tags":                     "[tags]\n" + each(9_000, "\"%0200d\" = \"\\u001b[31mx\\u202e\"\n"),
		"long tags":                "[tags]\n" + each(100, "t%d = \""+strings.Repeat("x", 60_000)+"\"\n"),
		"a note of 64 KB":          "note = \"" + strings.Repeat(`\u001b]0;title\u0007\n`, 3000) + "\"\n",
		"a large exit code":        "exit_code = 9223372036854775807\n",
		"negative sizes":           file("output.log", -1, ""),
		"sizes of 2^62":            file("output.log", 1<<62, ""),
		"rows of 2^62":             file("metrics.parquet", 1<<62, ", rows = 4611686018427387904"),
		"an artifact of 2^62":      artifact("x", 1<<62, ""),
		"an artifact elsewhere":    artifact("x", 1<<62, "where = \"s3://"+strings.Repeat("x", 60_000)+"\"\n"),
		"artifacts":                strings.Repeat(artifact("x", 1, ""), 99),
		"a loop of parents":        "parent = \"" + ID + "\"\nresumes = \"" + ID + "\"\nreproduces = \"" + ID + "\"\n",
		"patches":                  sources("[" + strings.Repeat("\""+zeros+"\", ", 100_000) + "]"),
		"a year of six digits":     "[tags]\na = 100000-01-01T00:00:00Z\n",
		"NUL":                      "name = \"a\x00b\"\n",
		"not UTF-8":                "name = \"\xff\xfe\"\n",
		"a byte order mark":        "\ufeff",
		"definitions":              each(2_000, "[[defined]]\nname = \"m%d*\"\nsummary = \"max\"\n"),
		"datasets":                 each(5_000, "[[datasets]]\nname = \"d%d\"\nsha256 = \""+zeros+"\"\n"),
	}
	var inputs []Input
	for _, name := range slices.Sorted(maps.Keys(contents)) {
		inputs = append(inputs, Input{Name: "record: " + name, File: "run.toml", Data: []byte(head + contents[name])})
	}
	note := "schema = 1\ntime = 2026-11-25T03:30:43Z\n"
	for name, text := range map[string]string{
		"tags":        "[tags]\n" + each(4_000, "\"%0200d\" = \"x\"\n"),
		"dotted keys": each(9_000, "a%d."+strings.Repeat("a.", 30)+"a = 1\n"),
		"removed":     "removed = [" + strings.Repeat(`"a", `, 100_000) + "]\n",
	} {
		inputs = append(inputs, Input{Name: "note: " + name, File: "note", Data: []byte(note + text)})
	}
	slices.SortStableFunc(inputs, func(a, b Input) int { return strings.Compare(a.Name, b.Name) })
	return inputs
}

// nested opens and closes n times.
func nested(begin, middle, end string, n int) string {
	return strings.Repeat(begin, n) + middle + strings.Repeat(end, n)
}

func file(name string, size int64, more string) string {
	return fmt.Sprintf("[files]\n%q = {sha256 = %q, bytes = %d%s}\n", name, zeros, size, more)
}

func sources(patches string) string {
	id := strings.Repeat("0", 40)
	return fmt.Sprintf("[source]\ntree = %q\nbase = %q\npatches = %s\n", id, id, patches)
}

func artifact(path string, size int64, more string) string {
	return fmt.Sprintf("[[artifacts]]\npath = %q\nsha256 = %q\nbytes = %d\n%s", path, zeros, size, more)
}

// lines returns the other files: patches, environments, journals, logs of other trackers.
func lines() []Input {
	const at = `{"t":1764000000,`
	long := func(n int) string { return strings.Repeat("x", n) }
	var inputs []Input
	for _, in := range []struct{ file, name, text string }{
		{"patch", "many files", strings.Repeat("diff --git a/x b/x\n", 600_000)},
		{"patch", "a file without a name", "diff --git \"a/\" \"b/\"\n"},
		{"patch", "a hunk of 2^62 lines", "diff --git a/x b/x\n@@ -1,4611686018427387904 +1,4611686018427387904 @@\n-x\n"},
		{"patch", "a long line", "diff --git a/" + long(10<<20) + " b/x\n"},
		{"patch", "a literal of 2^40 bytes", "diff --git a/x b/x\nGIT binary patch\nliteral 1099511627776\n" +
			strings.Repeat("zcmZQzU|?imU{GLi00IE&\n", 1000)},
		{"environment", "packages", "schema = 1\n[packages]\n" + each(110_000, "p%d = '1'\n")},
		{"environment", "dotted keys", "schema = 1\n" + each(39_000, "k%d."+strings.Repeat("a.", 29)+"a = 1\n")},
		{"aside.jsonl", "long lines", strings.Repeat(long(1<<20)+"\n", 10)},
		{"output.log", "escapes", strings.Repeat("\x1b]0;title\x07\x1b[2J\r", 100_000)},
		{"output.log", "one long line", long(10 << 20)},
		{"output.log", "a bomb of gzip", gzipped(50 << 20)},
		{"journal", "deep JSON", at + `"m":` + strings.Repeat(`{"a":`, 1_000_000) + "\n"},
		{"journal", "wide", at + `"m":{` + each(500_000, `"k%d":1,`) + `"a":1}}` + "\n"},
		{"journal", "a line of 20 MB", at + `"v":{"a":"` + long(20<<20) + `"}}` + "\n"},
		{"journal", "values", strings.Repeat(at+`"v":{"a":[`+strings.Repeat("1,", 1000)+`1]}}`+"\n", 5000)},
		{"journal", "keys", each(100_000, at+`"m":{"k%d":1}}`+"\n")},
		{"journal", "numbers", `{"t":1e999,"m":{"a":1e999999999}}` + "\n" + `{"t":-1e300,"m":{"a":` +
			strings.Repeat("9", 1<<20) + "}}\n"},
		{"journal", "params", at + `"p":` + nested(`{"a":`, "["+strings.Repeat("[],", 300_000)+"1]", "}", 15) + "}\n"},
		{"events", "a record of 2^62 bytes", "\x00\x00\x00\x00\x00\x00\x00\x40" + strings.Repeat("\x00", 40)},
		{"events", "a record of 1 GB", "\x00\x00\x00\x40\x00\x00\x00\x00" + strings.Repeat("\x00", 40)},
	} {
		inputs = append(inputs, Input{Name: in.file + ": " + in.name, File: in.file, Data: []byte(in.text)})
	}
	return inputs
}

// gzipped returns n zeros, compressed.
func gzipped(n int) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(make([]byte, n))
	_ = z.Close()
	return b.String()
}
