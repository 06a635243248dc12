package format

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/parquet-go/parquet-go"
)

func batchID(i int) string {
	return fmt.Sprintf("20261123-%02d%02d%02d-0000%04d", i/3600%24, i/60%60, i%60, i)
}

func batchRun(id, record string) BatchRun { return NewBatchRun(id, []byte(record), nil, "", "") }

// Records come back byte for byte, whatever text they hold. Every TOML reader sees the same.
func TestBatchRecords(t *testing.T) {
	for name, record := range map[string]string{
		"plain":           "schema = 1\nname = \"a\"\n",
		"empty":           "",
		"newlines":        "\n\n\na\n\n",
		"no last newline": "a = 1",
		"quotes":          "a = '''x'''\nb = 'y'\n",
		"ends in quotes":  "a = ''",
		"basic quotes":    "a = \"\"\"\nx\"\"\"\"\"\nb = '''\n",
		"backslashes":     "a = 'C:\\x'\nb = '''\\'''\n\\",
		"controls":        "a\x00\x01\x7f\tb\n",
		"returns":         "a\r\nb\rc\n",
		"hidden":          "a = \"\u202e\ufeff\u0085\"\n",
		"text":            "name = \"é 日本 🎉\"\n",
	} {
		runs := []BatchRun{batchRun(batchID(1), "before"), batchRun(batchID(2), record), batchRun(batchID(3), "after\n")}
		data, err := EncodeBatch(runs)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		back, err := DecodeBatch("runs.toml", data)
		if err != nil || !cmp.Equal(back, runs) {
			t.Errorf("%s: %v\n%s\n%s", name, err, cmp.Diff(runs, back), data)
		}
		var other struct{ Run []struct{ ID, TOML string } }
		if _, err := toml.Decode(string(data), &other); err != nil || len(other.Run) != 3 || other.Run[1].TOML != record {
			t.Errorf("%s: another reader has %q, %v", name, other, err)
		}
		if slow, err := slowBatch("runs.toml", data); err != nil || !cmp.Equal(slow, runs) {
			t.Errorf("%s: the general parser: %v\n%s", name, err, cmp.Diff(runs, slow))
		}
	}
}

func TestBatchRefuses(t *testing.T) {
	one := string(appendBatchRun(nil, &BatchRun{ID: batchID(1), SHA256: digestOf("x\n"), Record: []byte("x\n")}))
	two := string(appendBatchRun(nil, &BatchRun{ID: batchID(2), SHA256: digestOf("x\n"), Record: []byte("x\n")}))
	other := strings.Replace(two, "20261123", "20261124", 1)
	many := new(strings.Builder)
	for i := range MaxBatchRuns + 1 {
		r := batchRun(batchID(i), "x\n")
		many.Write(appendBatchRun(nil, &r))
	}
	for name, c := range map[string]struct{ text, reason string }{
		"empty":          {"", "must be at least 1"},
		"no runs":        {batchHead, "it has no runs"},
		"twice":          {batchHead + one + one, "is in it twice"},
		"unsorted":       {batchHead + two + one, "must be sorted by id"},
		"two days":       {batchHead + one + other, "is of another day"},
		"another record": {batchHead + strings.Replace(one, "x\n", "y\n", 1), "its digest differs"},
		"no record": {
			batchHead + "[[run]]\nid = \"" + batchID(1) + "\"\nsha256 = \"" + digestOf("") + "\"\n", "missing",
		},
		"no digest":        {batchHead + "[[run]]\nid = \"" + batchID(1) + "\"\ntoml = ''\n", "missing"},
		"a path as an id":  {batchHead + strings.Replace(one, batchID(1), "../../../../etc/passwd--", 1), "is not a run id"},
		"requires":         {"requires = [\"shards\"]\n" + batchHead + one, "requires \"shards\""},
		"a table":          {"schema = 1\n[run]\n", "must be a list of tables"},
		"torn":             {(batchHead + one)[:120], "unexpected EOF"},
		"too many":         {batchHead + many.String(), "more than 1000 runs"},
		"not UTF-8":        {batchHead + strings.Replace(one, "x\n", "\xff\n", 1), "not UTF-8"},
		"a control":        {batchHead + strings.Replace(one, "x\n", "\x01\n", 1), "control"},
		"brackets":         {batchHead + "x = " + strings.Repeat("[", 100_000), "nested deeper"},
		"many tables":      {batchHead + strings.Repeat("[[a]]\n", 70_000), "more than"},
		"beyond its bound": {batchHead + strings.Repeat("#", MaxBatchBytes), "too large"},
	} {
		_, err := DecodeBatch("runs.toml", []byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: %v, want %q", name, err, c.reason)
		}
	}
	if _, err := EncodeBatch([]BatchRun{batchRun(batchID(2), "x"), batchRun(batchID(1), "x")}); err == nil {
		t.Error("runs that are not sorted were written")
	}
}

func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// Anyone can compute the name with sha256sum: see SPEC.md.
func TestBatchName(t *testing.T) {
	files := []BatchFile{{"runs.toml", digestOf("a")}, {"files/x", digestOf("c")}, {"metrics.parquet", digestOf("b")}}
	const want = "batch-afs3vmfm"
	if got := BatchName(files); got != want || !IsBatchName(got) {
		t.Errorf("%s, want %s", got, want)
	}
	for _, name := range []string{
		"batch-", "batch-afs3vmf", "batch-afs3vmfl", "batch-AFS3VMFM", "batch-afs3vmfmf", "afs3vmfm",
	} {
		if IsBatchName(name) {
			t.Errorf("%s is a batch", name)
		}
	}
}

// The digest of points is what SPEC.md says: a program can compute it in a few lines.
func TestRowDigest(t *testing.T) {
	var d RowDigest
	if got := d.Sum(); got != digestOf("") {
		t.Errorf("of no rows: %s", got)
	}
	d = RowDigest{}
	d.Points("a", []Point{{Step: -1, Time: 1, Value: 0.5}})
	d.Points("a", []Point{{Step: 2, Time: 3, Value: math.Float64frombits(0xfff8000000000123)}})
	d.Points("é", []Point{{Value: math.Copysign(0, -1)}})
	want := "k\x01\x00\x00\x00as\xff\xff\xff\xff\xff\xff\xff\xff" +
		"t\x01\x00\x00\x00\x00\x00\x00\x00v\x00\x00\x00\x00\x00\x00\xe0?" +
		"s\x02\x00\x00\x00\x00\x00\x00\x00t\x03\x00\x00\x00\x00\x00\x00\x00v\x00\x00\x00\x00\x00\x00\xf8\x7f" +
		"k\x02\x00\x00\x00és\x00\x00\x00\x00\x00\x00\x00\x00" +
		"t\x00\x00\x00\x00\x00\x00\x00\x00v\x00\x00\x00\x00\x00\x00\x00\x80"
	if got := d.Sum(); got != digestOf(want) {
		t.Errorf("of points: %s, want %s", got, digestOf(want))
	}
	d = RowDigest{}
	d.Value("a", Value{Step: 1, Time: 2, JSON: `"x"`})
	want = "k\x01\x00\x00\x00as\x01\x00\x00\x00\x00\x00\x00\x00t\x02\x00\x00\x00\x00\x00\x00\x00x\x03\x00\x00\x00\"x\""
	if got := d.Sum(); got != digestOf(want) {
		t.Errorf("of values: %s, want %s", got, digestOf(want))
	}
}

// A run in a batch has the points and the digest that it had in a file of its own, in whatever order runs are read.
func TestBatchMetrics(t *testing.T) {
	ctx := context.Background()
	r := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	w := NewBatchPoints(&b, false)
	want, digests := map[string][]keyed{}, map[string]string{}
	for i := range 200 {
		n := r.IntN(400)
		if i == 50 {
			n = 60_000 // several pages
		}
		if i%7 == 3 {
			n = 0
		}
		data := writePoints(t, randomPoints(r, n, 5), 0)
		m, err := OpenMetrics(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		want[batchID(i)] = readPoints(t, data)
		if digests[batchID(i)], err = w.Add(ctx, batchID(i), m); err != nil {
			t.Fatal(err)
		}
		if alone, err := m.Digest(ctx); err != nil || alone != digests[batchID(i)] {
			t.Fatalf("%s, %s, %v", alone, digests[batchID(i)], err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"in order", "one", "at random"} {
		f, err := OpenBatchMetrics(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil {
			t.Fatal(err)
		}
		order := r.Perm(200)
		for i := range order {
			if name == "in order" {
				order[i] = i
			}
		}
		if name == "one" {
			order = []int{137}
		}
		for _, i := range order {
			m, err := f.Run(batchID(i))
			if err != nil {
				t.Fatal(err)
			}
			checkRunOf(t, m, want[batchID(i)], digests[batchID(i)])
		}
	}
}

func checkRunOf(t *testing.T, m *Metrics, want []keyed, digest string) {
	t.Helper()
	if got, err := m.Digest(context.Background()); err != nil || got != digest || m.Rows() != int64(len(want)) {
		t.Fatalf("%d rows with digest %s, want %d with %s: %v", m.Rows(), got, len(want), digest, err)
	}
	for key := range 5 {
		name := fmt.Sprintf("key/%d", key)
		var own []Point
		for _, p := range want {
			if p.key == name {
				own = append(own, p.Point)
			}
		}
		got, err := m.Points(name)
		if err != nil || !cmp.Equal(got, own, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()) {
			t.Fatalf("%s: %v\n%s", name, err, cmp.Diff(own, got, cmpopts.EquateNaNs()))
		}
	}
}

func TestBatchValues(t *testing.T) {
	ctx := context.Background()
	var b bytes.Buffer
	w := NewBatchValues(&b)
	data := writeValues(t, someValues())
	var digest string
	for i := range 900 {
		v, err := OpenValues(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		if digest, err = w.Add(ctx, batchID(i), v); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	want, err := readValues(data)
	if err != nil {
		t.Fatal(err)
	}
	f, err := OpenBatchValues(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 1, 2, 899, 450, 7} {
		v, err := f.Run(batchID(i))
		if err != nil {
			t.Fatal(err)
		}
		var got []keyedValue
		err = v.Each(ctx, func(key string, value Value) error {
			got = append(got, keyedValue{key, value})
			return nil
		})
		if sum, e := v.Digest(ctx); err != nil || e != nil || sum != digest || !cmp.Equal(got, want) {
			t.Errorf("%d: %s, want %s: %v %v %s", i, sum, digest, err, e, cmp.Diff(want, got))
		}
	}
	none, err := f.Run(batchID(950))
	if err != nil || none.Rows() != 0 {
		t.Errorf("a run that is not in the file: %d, %v", none.Rows(), err)
	}
}

// A file with a column that the batch would lose stays as it is.
func TestBatchableColumns(t *testing.T) {
	data := bytes.ReplaceAll(writePoints(t, []keyed{{"loss", Point{}}}, 0), []byte("step"), []byte("stop"))
	if _, err := OpenMetrics(bytes.NewReader(data), int64(len(data))); err == nil {
		t.Fatal("a file without steps was opened")
	}
	type ranked struct {
		Key   string  `parquet:"key"`
		Step  int64   `parquet:"step"`
		Time  int64   `parquet:"time,timestamp(microsecond)"`
		Value float64 `parquet:"value"`
		Rank  string  `parquet:"rank"`
	}
	var file bytes.Buffer
	out := parquet.NewGenericWriter[ranked](&file)
	if _, err := out.Write([]ranked{{Rank: "3"}}); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	data = file.Bytes()
	m, err := OpenMetrics(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := NewBatchPoints(&b, false).Add(context.Background(), batchID(1), m); !errors.Is(err, ErrBatchColumns) {
		t.Errorf("a file with another column: %v", err)
	}
}

func FuzzDecodeBatch(f *testing.F) {
	data, err := EncodeBatch([]BatchRun{batchRun(batchID(1), "a = 1\n"), batchRun(batchID(2), "a = '''\n\r'")})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		runs, err := DecodeBatch("x", data)
		if err != nil {
			return
		}
		again, err := EncodeBatch(runs)
		if err != nil {
			t.Fatal(err)
		}
		back, err := DecodeBatch("x", again)
		if err != nil || !cmp.Equal(runs, back, cmpopts.EquateEmpty()) {
			t.Errorf("%v %s", err, cmp.Diff(runs, back))
		}
	})
}

func FuzzBatchMetrics(f *testing.F) {
	var b bytes.Buffer
	w := NewBatchPoints(&b, false)
	for i := range 3 {
		data := writePoints(f, []keyed{{"a", Point{Step: 1, Time: 2, Value: 3}}, {"b", Point{Step: 1, Time: 2, Value: 3}}}, 0)
		m, err := OpenMetrics(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			f.Fatal(err)
		}
		if _, err := w.Add(context.Background(), batchID(i), m); err != nil {
			f.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := OpenBatchMetrics(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		ids, err := m.IDs()
		if err != nil {
			return
		}
		for _, id := range ids {
			run, err := m.Run(id)
			if err != nil {
				return
			}
			_, _ = run.Digest(context.Background())
			_, _ = run.Points("a")
		}
	})
}

// TestIsShownASCII: each byte at each place is judged as one by one.
func TestIsShownASCII(t *testing.T) {
	for b := range 256 {
		for at := range 8 {
			for _, other := range []byte("a\n~ ") {
				text := bytes.Repeat([]byte{other}, 8)
				text[at] = byte(b)
				want := b >= ' ' && b < 0x7f || b == '\n'
				if got := isShownASCII(binary.LittleEndian.Uint64(text)); got != want {
					t.Errorf("%q: %t", text, got)
				}
			}
		}
	}
}
