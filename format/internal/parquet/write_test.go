package parquet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	pq "github.com/parquet-go/parquet-go"
)

// written is a row of the files that TestWriter writes.
type written struct {
	Key   string  `parquet:"key"`
	Text  string  `parquet:"text"`
	Step  int64   `parquet:"step"`
	Time  int64   `parquet:"time,timestamp(microsecond)"`
	Value float64 `parquet:"value"`
	Maybe *int64  `parquet:"maybe,optional"`
	Label *string `parquet:"label,optional"`
}

var writtenFields = []Field{
	{Name: "key", Type: ByteArray, Sorted: true},
	{Name: "text", Type: ByteArray, Unbound: true},
	{Name: "step", Type: Int64, Sorted: true},
	{Name: "time", Type: Int64, Time: true},
	{Name: "value", Type: Double, Unbound: true},
	{Name: "maybe", Type: Int64, Optional: true},
	{Name: "label", Type: ByteArray, Optional: true, Unbound: true},
}

// writtenRows returns rows of one of several kinds: random, almost equal, or of few values.
func writtenRows(r *rand.Rand, n int) []written {
	rows := make([]written, n)
	kind, now := r.IntN(4), r.Int64N(1<<50)
	keys := 1 + r.IntN(5)
	labels, nulls := r.IntN(4), []int{0, 1, 2, 1000}[r.IntN(4)]
	for i := range rows {
		now += int64(r.ExpFloat64() * 1e6)
		rows[i] = written{
			Key: fmt.Sprintf("key/%03d", i*keys/n), Text: fmt.Sprint(r.IntN(1 + n/2)), Step: int64(i % (1 + n/keys)),
			Time: now, Value: r.NormFloat64(),
		}
		switch kind {
		case 0:
			rows[i].Step, rows[i].Value = r.Int64()-1<<62, math.Float64frombits(r.Uint64())
			if i%5 == 0 {
				rows[i].Step = []int64{math.MinInt64, math.MaxInt64}[i/5%2]
			}
		case 1:
			rows[i].Text, rows[i].Step, rows[i].Time, rows[i].Value = "", 0, 0, 0
		case 2:
			rows[i].Value = float64(r.IntN(300)) / 100
		}
		if kind > 0 && i%(2+kind) > 0 {
			rows[i].Maybe = &rows[i].Time
		}
		if label := [...]string{rows[i].Text, "", "train", fmt.Sprint(i % 3)}[labels]; nulls == 0 || r.IntN(nulls) > 0 {
			rows[i].Label = &label
		}
	}
	return rows
}

// writeRows writes rows in groups.
func writeRows(t testing.TB, rows []written, perGroup int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b, "test", writtenFields)
	for group := range slices.Chunk(rows, perGroup) {
		v, cuts := make([]Values, len(writtenFields)), []int(nil)
		for i, row := range group {
			if i > 0 && row.Key == group[i-1].Key {
				v[0].Runs[len(v[0].Runs)-1].Rows++
			} else {
				v[0].Runs = append(v[0].Runs, Run{Text: row.Key, Rows: 1})
				cuts = append(cuts, i)
			}
			v[1].Runs = append(v[1].Runs, Run{Text: row.Text, Rows: 1})
			v[2].Ints, v[3].Ints = append(v[2].Ints, row.Step), append(v[3].Ints, row.Time)
			v[4].Floats = append(v[4].Floats, row.Value)
			n := int64(0)
			if row.Maybe != nil {
				n = *row.Maybe
			}
			v[5].Ints, v[5].Null = append(v[5].Ints, n), append(v[5].Null, row.Maybe == nil)
			label := Run{Rows: 1, Null: row.Label == nil}
			if row.Label != nil {
				label.Text = *row.Label
			}
			if last := len(v[6].Runs) - 1; last >= 0 && v[6].Runs[last].Text == label.Text &&
				v[6].Runs[last].Null == label.Null {
				v[6].Runs[last].Rows++
				continue
			}
			v[6].Runs = append(v[6].Runs, label)
		}
		if err := w.Group(len(group), v, cuts); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var sameWritten = cmp.Options{cmpopts.EquateNaNs(), cmpopts.EquateEmpty()}

// TestWriter compares what two readers find in a file with what was written.
func TestWriter(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 1))
		n := []int{1, 2, 7, 8, 9, 100, 300, IndexedRows - 1, IndexedRows, 20_000}[r.IntN(10)]
		rows := writtenRows(r, n)
		data := writeRows(t, rows, []int{n, max(1, n/3)}[r.IntN(2)])
		theirs, err := pq.Read[written](bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatalf("seed %d: parquet-go: %v", seed, err)
		}
		if d := cmp.Diff(rows, theirs, sameWritten); d != "" {
			t.Fatalf("seed %d: parquet-go (-want +got):\n%.2000s", seed, d)
		}
		ours, err := readWritten(data)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if d := cmp.Diff(rows, ours, sameWritten); d != "" {
			t.Fatalf("seed %d (-want +got):\n%.2000s", seed, d)
		}
	}
}

// readWritten reads a file by Reader, and checks its index if it has one.
func readWritten(data []byte) ([]written, error) {
	f, err := Open(bytes.NewReader(data), int64(len(data)), Limits{
		Rows: 1 << 30, FreeRows: 100_000, RowsPerByte: 128, Page: 32 << 20, Text: 1 << 10, FreeText: 1 << 30,
	})
	if err != nil {
		return nil, err
	}
	var rows []written
	for g := range f.Groups {
		group := make([]written, f.Groups[g].Rows)
		for i, c := range f.Columns {
			if err := f.Use(i); err != nil {
				return nil, err
			}
			places, err := f.Places(g, i)
			if err != nil {
				return nil, err
			}
			if (places != nil) != (len(group) >= IndexedRows) {
				return nil, fmt.Errorf("the index of a group of %d rows: %v", len(group), places)
			}
			if err := readWrittenColumn(f.Read(g, i, places), c, group); err != nil {
				return nil, fmt.Errorf("%s: %w", c.Name, err)
			}
		}
		rows = append(rows, group...)
	}
	return rows, nil
}

func readWrittenColumn(reader *Reader, c Column, group []written) error {
	ints, null, floats := make([]int64, len(group)), make([]bool, len(group)), make([]float64, len(group))
	var err error
	switch c.Type {
	case Int64:
		err = reader.Ints(ints, null)
	case Double:
		err = reader.Floats(floats)
	default:
		for from := 0; from < len(group); {
			left, err := reader.Page()
			if err != nil {
				return err
			}
			texts := make([][]byte, left)
			if err := reader.Texts(texts); err != nil {
				return err
			}
			for i, text := range texts {
				value := string(text)
				switch {
				case c.Name == "key":
					group[from+i].Key = value
				case c.Name == "text":
					group[from+i].Text = value
				case text != nil:
					group[from+i].Label = &value
				}
			}
			from += int(left)
		}
	}
	for i := range group {
		switch c.Name {
		case "step":
			group[i].Step = ints[i]
		case "time":
			group[i].Time = ints[i]
		case "value":
			group[i].Value = floats[i]
		case "maybe":
			if !null[i] {
				group[i].Maybe = &ints[i]
			}
		}
	}
	return err
}

// TestBoundsOfPages compares the bounds of the pages of keys with the keys.
func TestBoundsOfPages(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	rows := writtenRows(r, 50_000)
	data := writeRows(t, rows, len(rows))
	f, err := Open(bytes.NewReader(data), int64(len(data)), generous)
	if err != nil {
		t.Fatal(err)
	}
	bounds, err := f.Bounds(0, 0)
	places, err2 := f.Places(0, 0)
	if err := errors.Join(err, err2); err != nil || len(bounds) != len(places) || len(places) == 0 {
		t.Fatal(len(bounds), len(places), err)
	}
	for i, p := range places {
		if key := rows[p.Row].Key; string(bounds[i].Least) != key || string(bounds[i].Most) != key {
			t.Errorf("page %d has the bounds %q and %q, want %q", i, bounds[i].Least, bounds[i].Most, key)
		}
	}
}

// TestDenseRows writes rows that take almost no bytes. A reader bounds the rows of a file by its bytes.
func TestDenseRows(t *testing.T) {
	rows := make([]written, 1_000_000)
	data := writeRows(t, rows, len(rows))
	got, err := readWritten(data)
	if err != nil || len(got) != len(rows) {
		t.Fatalf("%d bytes: %d rows: %v", len(data), len(got), err)
	}
}

// TestWriterFails checks that the error of the file is that of the writer.
func TestWriterFails(t *testing.T) {
	w := NewWriter(io.Discard, "test", writtenFields[:1])
	if err := w.Group(2, []Values{{Runs: []Run{{Text: "a", Rows: 1}}}}, nil); err == nil {
		t.Error("a column with too few values was written")
	}
	if err := w.Close(); err == nil {
		t.Error("a file without its rows was closed")
	}
	full := failing{}
	w = NewWriter(full, "test", writtenFields[:1])
	if err := w.Group(1, []Values{{Runs: []Run{{Text: "a", Rows: 1}}}}, nil); !errors.Is(err, errFull) {
		t.Errorf("a group on a full disk: %v", err)
	}
}

var errFull = errors.New("no space left")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errFull }
