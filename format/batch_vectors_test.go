package format

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The vectors of runs.toml name their outcome in the first line. A valid one is written again as the file canonical.
func TestBatchVectors(t *testing.T) {
	if *updateVectors {
		writeBatchVectors(t)
	}
	files, err := filepath.Glob(vectors + "/batch/*/*.toml")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d vectors, %v", len(files), err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(string(data), "\n")
		want, ok := strings.CutPrefix(first, "# expect: ")
		if !ok {
			t.Errorf("%s does not name its outcome", name)
			continue
		}
		runs, err := DecodeBatch("runs.toml", data)
		if want == "ok" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			} else if again, err := EncodeBatch(runs); err != nil || len(again) == 0 {
				t.Errorf("%s cannot be written: %v", name, err)
			}
			continue
		}
		place, reason, _ := strings.Cut(strings.TrimPrefix(want, "error line "), ": ")
		line, convErr := strconv.Atoi(place)
		var file *FileError
		if convErr != nil || !errors.As(err, &file) || file.Line != line || !strings.Contains(file.Reason, reason) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

// A table of a batch has the rows that the JSON file next to it lists for each run, with their digests.
func TestBatchRowVectors(t *testing.T) {
	data, err := os.ReadFile(vectors + "/batch/rows/few.parquet")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(vectors + "/batch/rows/few.json")
	if err != nil {
		t.Fatal(err)
	}
	if got := batchRowsJSON(t, data); got != string(want) {
		t.Errorf("it has\n%s, not\n%s", got, want)
	}
	for _, name := range []string{"torn", "runs-unsorted", "no-runs", "bad-id"} {
		data, err := os.ReadFile(vectors + "/batch/rows/damaged-" + name + ".parquet")
		if err != nil {
			t.Fatal(err)
		}
		m, err := OpenBatchMetrics(bytes.NewReader(data), int64(len(data)))
		if err == nil {
			_, err = m.IDs()
		}
		if err == nil {
			t.Errorf("damaged-%s was read", name)
		}
	}
}

// batchRowsJSON returns one line per run: the id, the digest, and the points.
func batchRowsJSON(t *testing.T, data []byte) string {
	t.Helper()
	m, err := OpenBatchMetrics(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	ids, err := m.IDs()
	if err != nil {
		t.Fatal(err)
	}
	b := []byte("[\n")
	for i, id := range ids {
		run, err := m.Run(id)
		if err != nil {
			t.Fatal(err)
		}
		digest, err := run.Digest(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		rows := []any{}
		err = run.Each(context.Background(), func(key string, points []Point) error {
			for _, p := range points {
				rows = append(rows, []any{key, p.Step, p.Time, p.Value})
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			b = append(b, ",\n"...)
		}
		b = AppendJSON(b, map[string]any{"run": id, "points": digest, "rows": rows})
	}
	return string(append(b, "\n]\n"...))
}

func writeBatchVectors(t *testing.T) {
	write := func(name, text string) {
		at := filepath.Join(vectors, "batch", name)
		if err := os.MkdirAll(filepath.Dir(at), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	record := func(i int, more string) string {
		return "schema = 1\nid = \"" + batchID(i) + "\"\nstatus = \"finished\"\nstarted = 2026-11-23T00:00:00Z\n" +
			"ended = 2026-11-23T00:01:00Z\n" + more
	}
	entry := func(i int, more string) string {
		r := batchRun(batchID(i), record(i, more))
		return string(appendBatchRun(nil, &r))
	}
	one, two := entry(1, ""), entry(2, "")
	head := "schema = 1\n"
	expect := func(name, want, text string) {
		folder := "damaged/"
		if want == "ok" {
			folder = "valid/"
		} else if strings.HasPrefix(name, "hostile-") {
			folder, name = "hostile/", strings.TrimPrefix(name, "hostile-")
		}
		text = "# expect: " + want + "\n" + text
		if want != "ok" {
			_, err := DecodeBatch("runs.toml", []byte(text))
			var file *FileError
			if !errors.As(err, &file) || !strings.Contains(file.Reason, want) {
				t.Fatalf("%s: %v, want %s", name, err, want)
			}
			text = strings.Replace(text, want, fmt.Sprintf("error line %d: %s", file.Line, want), 1)
		}
		write(folder+name+".toml", text)
	}
	expect("two", "ok", head+one+two)
	expect("basic-strings", "ok", head+entry(1, "note = '''x'''\n")+entry(2, "note = \"\u202e\"\n")+entry(3, "# '"))
	expect("backslashes", "ok", head+entry(1, "note = 'C:\\new\\'\n")+entry(2, "# \"\"\" \\u0041 '''\r\n"))
	points := BatchRun{
		ID: batchID(1), SHA256: digestOf(record(1, "")), Record: []byte(record(1, "")), Points: digestOf("p"),
		Values: digestOf("v"),
	}
	expect("digests", "ok", head+string(appendBatchRun(nil, &points)))
	expect("unknown-keys", "ok", "later = {a = 1}\n"+head+strings.Replace(one, "sha256", "later = [1]\nsha256", 1))
	expect("twice", "is in it twice", head+one+one)
	expect("unsorted", "must be sorted by id", head+two+one)
	expect("two-days", "is of another day", head+one+strings.ReplaceAll(two, "20261123", "20261124"))
	expect("digest", "its digest differs", head+strings.Replace(one, "finished", "crashed", 1))
	expect("no-runs", "it has no runs", head)
	expect("no-schema", "must be at least 1", one)
	expect("no-record", "missing", head+"[[run]]\nid = \""+batchID(1)+"\"\nsha256 = \""+digestOf("")+"\"\n")
	expect("torn", "unexpected EOF", head+one[:len(one)-20])
	expect("requires", "requires \"shards\"", "requires = [\"shards\"]\n"+head+one)
	expect("hostile-path", "is not a run id", head+strings.Replace(one, batchID(1), "../../../../etc/passwd--", 1))
	expect("hostile-brackets", "nested deeper", head+"x = "+strings.Repeat("[", 5000))
	expect("hostile-control", "control", head+strings.Replace(one, "finished", "\x1b[2J", 1))
	writeBatchRows(t, write)
}

func writeBatchRows(t *testing.T, write func(name, text string)) {
	table := func(ids ...string) []byte {
		var b bytes.Buffer
		w := newPointWriter(&b, 0, true, false)
		for i, id := range ids {
			for _, p := range []keyed{
				{"acc", Point{Step: math.MinInt64, Time: 1764000000_000000, Value: -0.125}},
				{"loss", Point{Step: 0, Time: 1764000000_000000, Value: float64(i)}},
				{"loss", Point{Step: 1, Time: 1764000001_000000, Value: math.NaN()}},
				{"é", Point{Step: math.MaxInt64, Time: 1, Value: math.Inf(-1)}},
			} {
				if err := w.add(id, p.key, []Point{p.Point}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	good := table(batchID(1), batchID(2), batchID(4))
	write("rows/few.parquet", string(good))
	write("rows/few.json", batchRowsJSON(t, good))
	write("rows/damaged-torn.parquet", string(good[:len(good)-40]))
	write("rows/damaged-runs-unsorted.parquet", string(table(batchID(2), batchID(1))))
	write("rows/damaged-bad-id.parquet", string(table("../../../../etc/passwd--")))
	write("rows/damaged-no-runs.parquet", string(writePoints(t, []keyed{{"loss", Point{Step: 1, Time: 2, Value: 3}}}, 0)))
}
