package format

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// fastExamples returns records that fastRun reads.
func fastExamples(t testing.TB) [][]byte {
	t.Helper()
	full := exampleRun()
	full.Defined, full.Conflicts, full.Extra, full.Unknown = nil, nil, nil, nil
	full.Trace = &Trace{
		Road: RoadPython, Files: 3, Withheld: 1, Problems: []string{"one", ""}, Ignored: []string{"d"},
		Folders: []string{"out"}, Imported: []string{"numpy"}, Stdin: "data/in.txt", StdinData: "in",
	}
	full.Adds, full.EndReason, full.Signal = true, "stopped", "SIGTERM"
	full.Params["none"] = nil
	full.Source.RedactedTree, full.Source.Reader = full.Source.Tree, ReaderNative
	full.Environment.Withheld = []string{"TOKEN"}
	full.Machine.Kernel, full.Machine.CPU = "6.1", "x"
	full.Redacted = nil
	small := &Run{ID: full.ID, Status: Running, Started: full.Started}
	sweep := &Run{
		ID: full.ID, Experiment: "e", Status: Failed, Started: full.Started.Truncate(time.Second), Ended: full.Ended,
		Params: Params{"lr": 0.1, "n": int64(-3)}, Metrics: map[string]Metric{"a": {Last: 1, Count: 1}},
		Source:      &Source{Commit: strings.Repeat("a", 40)},
		Environment: &Environment{OS: "linux"}, Datasets: full.Datasets[:1],
		Files: map[string]File{
			"output.log": {SHA256: strings.Repeat("0", 64), Bytes: 5, Cut: 3, Points: strings.Repeat("1", 64)},
		},
	}
	var all [][]byte
	for _, r := range []*Run{full, small, sweep} {
		data, err := EncodeRun(r)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data)
	}
	return all
}

func TestFastRunReadsWhatIsWritten(t *testing.T) {
	full, err := DecodeRun(recordFile, fastExamples(t)[0])
	if err != nil {
		t.Fatal(err)
	}
	// A key that the example lacks would make the general reader read the records that have it.
	// Schema is a constant, Nulls are in Params, and records with one of the others are left to the general reader.
	left := []string{
		"Schema", "Nulls", "Defined", "Conflicts", "Extra", "Unknown", "Redacted", "Requires", "Submodules", "Packages",
	}
	for _, v := range []any{*full, *full.Source, *full.Environment, *full.Machine, *full.Trace} {
		for field, value := range reflect.ValueOf(v).Fields() {
			if field.IsExported() && value.IsZero() && !slices.Contains(left, field.Name) {
				t.Errorf("the example has no %T.%s", v, field.Name)
			}
		}
	}
	for _, data := range fastExamples(t) {
		if _, ok := fastRun(data, &RunDecoder{}); !ok {
			t.Errorf("the general reader reads\n%s", data)
		}
	}
}

// compareFastRun fails unless what fastRun accepts is what the general reader reads.
func compareFastRun(t *testing.T, d *RunDecoder, data []byte) (accepted bool) {
	t.Helper()
	if checkFile(recordFile, data, MaxRecordBytes) != nil {
		return false
	}
	got, ok := fastRun(data, d)
	if !ok {
		return false
	}
	want, err := decodeAny(recordFile, data)
	if err != nil {
		t.Fatalf("accepted, but %v\n%s", err, data)
	}
	if d := cmp.Diff(want, got, cmpopts.EquateNaNs()); d != "" {
		t.Fatalf("-general +fast:\n%s\n%s", d, data)
	}
	return true
}

const recordFile = "run.toml"

// TestFastRun: of records, also damaged ones and those with one changed line, fastRun reads what the general reader
// reads, with a decoder that has seen other records.
func TestFastRun(t *testing.T) {
	examples := fastExamples(t)
	names, err := filepath.Glob("../testdata/vectors/run/*/*.toml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		examples = append(examples, data)
	}
	random := rand.New(rand.NewPCG(1, 17))
	var lines [][]byte
	for _, data := range examples {
		if len(data) < maxFastRecord {
			lines = append(lines, bytes.SplitAfter(data, []byte("\n"))...)
		}
	}
	lines = append(lines, []byte("started = 2026-11-23T14:25:60Z\n"), []byte("started = 2026-11-23T14:25:30.1234567Z\n"),
		[]byte("lr = 2026-11-23T14:25:30Z\n"), []byte("count = 01\n"), []byte("x = 1.\n"),
		[]byte("nulls = [\"a.b\", \"lr\"]\n"))
	var d RunDecoder
	accepted, refused := 0, 0
	for range 200 {
		for _, data := range examples {
			if len(data) >= maxFastRecord {
				continue
			}
			record := bytes.SplitAfter(data, []byte("\n"))
			var changed []byte
			at, with := random.IntN(len(record)), lines[random.IntN(len(lines))]
			for i, line := range record {
				switch kind := random.IntN(40); {
				case i != at:
					changed = append(changed, line...)
				case kind < 10: // left out
				case kind < 20:
					changed = append(append(changed, line...), with...)
				case kind < 25:
					changed = append(append(changed, line...), line...)
				default:
					changed = append(changed, with...)
				}
			}
			for _, data := range [][]byte{data, changed} {
				if compareFastRun(t, &d, data) {
					accepted++
				} else {
					refused++
				}
			}
		}
	}
	if accepted < 500 || refused < 1000 {
		t.Errorf("%d records were accepted, %d refused", accepted, refused)
	}
}

// TestRunDecoderShares: tables with the same text are decoded once, and others are not mistaken for them.
func TestRunDecoderShares(t *testing.T) {
	data := fastExamples(t)[0]
	var d RunDecoder
	first, err := d.Decode(recordFile, data)
	if err != nil {
		t.Fatal(err)
	}
	second, err := d.Decode(recordFile, data)
	if err != nil {
		t.Fatal(err)
	}
	if first.Source != second.Source || first.Environment != second.Environment || first.Machine != second.Machine ||
		first.Trace != second.Trace || &first.Datasets[0] != &second.Datasets[0] {
		t.Error("a table was decoded twice")
	}
	base := func() *Run {
		return &Run{
			ID: first.ID, Status: Running, Started: first.Started, Source: &Source{}, Environment: &Environment{OS: "linux"},
			Datasets: []Dataset{{Name: "m"}},
		}
	}
	for _, goOn := range []func(r *Run){
		func(r *Run) { r.Source.Omitted = []Omitted{{Path: "p", Reason: "r"}} },
		func(r *Run) { r.Environment.Variables = map[string]string{"A": "b"} },
		func(r *Run) { r.Datasets = append(r.Datasets, Dataset{Name: "n"}) },
	} {
		for i := range 4 {
			r := base()
			if i%2 == 1 {
				goOn(r)
			}
			if record := appendTOML(nil, r.tree()); !compareFastRun(t, &d, record) {
				t.Errorf("the general reader reads\n%s", record)
			}
		}
	}
}

// FuzzFastRun: what the fast reader accepts, the general one accepts too, with the same result.
func FuzzFastRun(f *testing.F) {
	for _, data := range fastExamples(f) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) { compareFastRun(t, &RunDecoder{}, data) })
}

func BenchmarkRunDecoder(b *testing.B) {
	data := fastExamples(b)[2]
	var d RunDecoder
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Decode(recordFile, data); err != nil {
			b.Fatal(err)
		}
	}
}
