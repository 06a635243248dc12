package hostile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// BatchID stands for the id of the run in the files of a batch. It is as long as an id, so that replacing it moves no
// other byte.
const BatchID = "20261126-033041-zzzzzzzz"

// BatchDay is the day of the runs of batches.
const BatchDay = "2026-11-26"

// place is where a table lies: in the folder of a run, or in a batch.
type place bool

const (
	single  place = false
	batched place = true
)

// bytes returns the file. In a batch, it has the column of runs, whose rows are all of BatchID.
func (at place) bytes(t *table) []byte {
	if at == batched && !slices.ContainsFunc(t.columns, func(c column) bool { return c.name == "run" }) {
		t.columns = append(t.columns, column{
			name: "run", kind: 6, encoding: 8, data: repeated(uint64(t.rows)), dictionary: plainText(nil, BatchID),
			entries: 1, least: BatchID,
		})
	}
	return t.bytes()
}

// Batches returns hostile batches, in the same order each time. Each has a run of its own, ID. File is runs.toml, for a
// batch that is nothing else, or the name of a file that the run has in the batch.
func Batches() []Input {
	inputs := slices.Concat(tables(batched), values(batched))
	for name, t := range falseRuns() {
		inputs = append(inputs, Input{Name: "points: " + name, File: "metrics.parquet", Data: t.bytes(), Rows: t.rows})
	}
	for _, in := range slices.Concat(texts(), records()) {
		if in.File == "artifacts.parquet" || in.File == "run.toml" {
			inputs = append(inputs, in)
		}
	}
	for _, in := range lines() {
		if in.File == "aside.jsonl" {
			inputs = append(inputs, in)
		}
	}
	whole := falseBatches()
	for name := range whole {
		inputs = append(inputs, Input{Name: "batch: " + name, File: "runs.toml"})
	}
	slices.SortStableFunc(inputs, func(a, b Input) int { return strings.Compare(a.Name, b.Name) })
	for i := range inputs {
		in := &inputs[i]
		in.ID = fmt.Sprintf("20261126-%02d%02d%02d-zzzzzzzz", i/3600, i/60%60, i%60)
		switch in.File {
		case "runs.toml":
			in.Data = []byte(whole[strings.TrimPrefix(in.Name, "batch: ")](in.ID))
		case "run.toml":
			in.Name, in.File = "batch of a "+in.Name, "runs.toml"
			in.Data = []byte(Record(in.ID, strings.ReplaceAll(string(in.Data), ID, in.ID)))
		default:
			in.Data = bytes.ReplaceAll(in.Data, []byte(BatchID), []byte(in.ID))
		}
	}
	return inputs
}

// Record returns a runs.toml with one run, whose digest is right.
func Record(id, record string) string { return "schema = 1\n" + entry(id, record) }

// entry returns the [[run]] of a record.
func entry(id, record string) string {
	sum := sha256.Sum256([]byte(record))
	text := "'''\n" + record + "'''"
	if strings.Contains(record, "'''") {
		text = "\"\"\"\n" + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(record) + `"""`
	}
	return fmt.Sprintf("\n[[run]]\nid = %q\nsha256 = %q\ntoml = %s\n", id, hex.EncodeToString(sum[:]), text)
}

// falseRuns returns tables whose runs are false.
func falseRuns() map[string]*table {
	runs := func(n int, id func(i int) string) *table {
		t := points(n)
		var ids []byte
		for i := range n {
			ids = plainText(ids, id(i))
		}
		t.columns = append(t.columns, column{name: "run", kind: 6, data: ids, least: BatchID})
		return t
	}
	numbered := func(i int) string { return fmt.Sprintf("20261126-033041-%08d", i) }
	without := points(3)
	large := runs(1, numbered)
	large.columns[4].data = plainText(nil, strings.Repeat("x", 30<<20))
	inTurn := runs(5000, func(i int) string { return []string{numbered(1), BatchID}[i%2] })
	return map[string]*table{
		"runs: none":                    without,
		"runs: in turn":                 inTurn.packed(),
		"runs: 200,000":                 runs(200_000, numbered).packed(),
		"runs: backwards":               runs(3000, func(i int) string { return numbered(9999 - i) }),
		"runs: others only":             runs(3, numbered),
		"runs: a path":                  runs(3, func(int) string { return "../../../../../../../etc" }),
		"runs: an id with an escape":    runs(3, func(int) string { return "\x1b]0;title\x07" }),
		"runs: an id of 30 MB":          large.packed(),
		"runs: the index names another": runs(3000, numbered),
	}
}

// falseBatches returns texts of runs.toml, for the id of a run.
func falseBatches() map[string]func(own string) string {
	record := func(id string) string { return strings.ReplaceAll(head, ID, id) }
	good := func(id string) string { return entry(id, record(id)) }
	with := func(id, text string) string { return entry(id, record(id)+text) }
	many := func(own string, n int, form func(id string) string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(form(fmt.Sprintf("%s%08d", own[:len(own)-8], i)))
		}
		return b.String()
	}
	texts := map[string]func(own string) string{
		"1,001 runs":            func(own string) string { return many(own, 1001, good) },
		"400,000 empty runs":    func(string) string { return strings.Repeat("\n[[run]]\n", 400_000) },
		"a run twice":           func(own string) string { return good(own) + good(own) },
		"not in order":          func(own string) string { return good(own) + many(own, 1, good) },
		"a run of another day":  func(own string) string { return good("20260101" + own[8:]) },
		"two days":              func(own string) string { return good("20260101"+own[8:]) + good(own) },
		"an id that is a path":  func(own string) string { return entry("../../../../../etc/passwd", record(own)) },
		"the record of another": func(own string) string { return entry(own, record("20260101"+own[8:])) },
		"another digest": func(own string) string {
			return strings.Replace(good(own), "sha256 = \"", "sha256 = \"0000", 1)
		},
		"a digest that is false": func(own string) string { return strings.Replace(good(own), "finished", "crashed", 1) },
		"points that are a path": func(own string) string {
			return strings.Replace(good(own), "toml =", "points = \"../x\"\ntoml =", 1)
		},
		"no record": func(own string) string {
			return "\n[[run]]\nid = \"" + own + "\"\nsha256 = \"" + zeros + "\"\n"
		},
		"a record without an end": func(own string) string { return strings.TrimSuffix(good(own), "'''\n") },
		"a record of 9 MB": func(own string) string {
			return with(own, "note = \""+strings.Repeat("x", 9<<20)+"\"\n")
		},
		"a file of 33 MB": func(own string) string { return good(own) + strings.Repeat("#\n", 33<<19) },
		"four records of 7 MB": func(own string) string {
			return many(own, 4, func(id string) string { return with(id, strings.Repeat("#\n", 3_500_000)) })
		},
		"1,000 records of tables": func(own string) string {
			tables := "[params]\n" + each(100, "k%d = {a = 1}\n")
			return many(own, 1000, func(id string) string { return with(id, tables) })
		},
		"a batch in a batch": func(own string) string { return entry(own, "schema = 1\n"+good(own)) },
		"headers":            func(own string) string { return each(39_000, "[x%d]\n") + good(own) },
		"keys":               func(own string) string { return each(110_000, "k%d = 1\n") + good(own) },
		"requirements": func(own string) string {
			return "requires = [" + strings.Repeat("\"\u202ex\", ", 100_000) + "]\n" + good(own)
		},
		"escapes": func(own string) string {
			return "\n[[run]]\nid = \"" + own + "\"\ntoml = \"" + strings.Repeat(`\u001b]0;x\u0007`, 1_000_000) + "\"\n"
		},
		"a name with escapes":      func(own string) string { return with(own, "name = \"\\u001b[31m\\u202e\"\n") },
		"NUL":                      func(own string) string { return with(own, "name = \"\x00\"\n") },
		"not UTF-8":                func(own string) string { return with(own, "name = \"\xff\xfe\"\n") },
		"no run":                   func(string) string { return "" },
		"run is a table":           func(own string) string { return "[run]\nid = \"" + own + "\"\n" },
		"run is a list of numbers": func(string) string { return "run = [1, 2, 3]\n" },
		"a schema of 2^62":         func(own string) string { return "schema = 4611686018427387904\n" + good(own) },
		"no schema":                good,
	}
	for name, text := range texts {
		if !strings.Contains(name, "schema") {
			texts[name] = func(own string) string { return "schema = 1\n" + text(own) }
		}
	}
	return texts
}
