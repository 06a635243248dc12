package format

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	pf "github.com/parquet-go/parquet-go/format"

	"github.com/gitruns/runs/format/hostile"
)

const vectors = "../testdata/vectors"

func TestRunVectors(t *testing.T) {
	files, err := filepath.Glob(vectors + "/run/*/*.toml")
	if err != nil || len(files) < 50 {
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
		if err := outcome(data, want); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The example in SPEC.md is a record in canonical form, with comments.
func TestSpecExample(t *testing.T) {
	spec, err := os.ReadFile("../SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(spec), "```toml\n")
	example, _, ok := strings.Cut(rest, "```\n")
	if !ok {
		t.Fatal("SPEC.md has no example of a record")
	}
	run, err := DecodeRun("SPEC.md", []byte(example))
	if err != nil {
		t.Fatal(err)
	}
	canonical, err := EncodeRun(run)
	if err != nil {
		t.Fatal(err)
	}
	if bare := regexp.MustCompile(`(?m) +# .*$`).ReplaceAllString(example, ""); bare != string(canonical) {
		t.Errorf("the example is\n%s\nin canonical form\n%s", bare, canonical)
	}
}

// outcome returns an error unless the reader does with a vector what its first line says.
func outcome(data []byte, want string) error {
	run, err := DecodeRun("run.toml", data)
	if want == "ok" {
		if err != nil {
			return err
		}
		again, err := EncodeRun(run)
		if err != nil {
			return err
		}
		back, err := DecodeRun("run.toml", again)
		if err != nil {
			return err
		}
		if string(back.JSON()) != string(run.JSON()) {
			return fmt.Errorf("written again, it is %s, not %s", back.JSON(), run.JSON())
		}
		return nil
	}
	place, reason, _ := strings.Cut(strings.TrimPrefix(want, "error line "), ": ")
	line, convErr := strconv.Atoi(place)
	if convErr != nil {
		return convErr
	}
	var file *FileError
	ok := errors.As(err, &file)
	switch {
	case err == nil:
		return errors.New("it was read")
	case !ok:
		return fmt.Errorf("an error without a place: %w", err)
	case file.Line != line || !strings.Contains(file.Reason, reason):
		return fmt.Errorf("line %d: %s; want line %d: %s", file.Line, file.Reason, line, reason)
	}
	return nil
}

var updateVectors = flag.Bool("update", false, "write the vectors of metrics.parquet anew")

// TestMetricsVectors: each valid Parquet file of the vectors has the points of the JSON file next to it, and each
// damaged one is refused.
func TestMetricsVectors(t *testing.T) {
	if *updateVectors {
		writeMetricsVectors(t)
	}
	valid, _ := filepath.Glob(vectors + "/metrics/valid/*.parquet")
	damaged, _ := filepath.Glob(vectors + "/metrics/damaged/*.parquet")
	if len(valid) < 2 || len(damaged) < 5 {
		t.Fatalf("%d valid and %d damaged vectors", len(valid), len(damaged))
	}
	for _, name := range valid {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(strings.TrimSuffix(name, "parquet") + "json")
		if err != nil {
			t.Fatal(err)
		}
		if got := pointsJSON(readPoints(t, data)); got != string(want) {
			t.Errorf("%s holds\n%s, not\n%s", name, got, want)
		}
	}
	for _, name := range damaged {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := readAll(data); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

func readAll(data []byte) error {
	m, err := OpenMetrics(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	return m.Each(context.Background(), func(string, []Point) error { return nil })
}

// pointsJSON returns one line per point: key, step, microseconds, value.
func pointsJSON(points []keyed) string {
	b := []byte("[\n")
	for i, p := range points {
		if i > 0 {
			b = append(b, ",\n"...)
		}
		b = AppendJSON(b, []any{p.key, p.Step, p.Time, p.Value})
	}
	return string(append(b, "\n]\n"...))
}

func writeMetricsVectors(t *testing.T) {
	write := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(vectors, "metrics", name), data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	few := []keyed{
		{"loss", Point{Step: 1, Time: 1764000001_000000, Value: 0.5}},
		{"loss", Point{Step: 0, Time: 1764000000_000000, Value: math.Inf(1)}},
		{"loss", Point{Step: 1, Time: 1764000001_000000, Value: 0.25}},
		{"loss", Point{Step: 1, Time: 1764000000_500000, Value: math.NaN()}},
		{"acc", Point{Step: math.MinInt64, Time: 1764000000_000000, Value: -0.125}},
		{"é", Point{Step: math.MaxInt64, Time: 1764000000_000001, Value: math.Inf(-1)}},
	}
	for name, points := range map[string][]keyed{"few": few, "none": nil} {
		data := writePoints(t, points, 0)
		write("valid/"+name+".parquet", data)
		write("valid/"+name+".json", []byte(pointsJSON(readPoints(t, data))))
	}
	data := writePoints(t, few, 0)
	change := func(name string, f func([]byte) []byte) { write("damaged/"+name+".parquet", f(bytes.Clone(data))) }
	change("torn", func(b []byte) []byte { return b[:len(b)/2] })
	change("empty", func([]byte) []byte { return nil })
	change("footer-length", func(b []byte) []byte { copy(b[len(b)-8:], "\xff\xff\xff\x7f"); return b })
	change("magic", func(b []byte) []byte { copy(b[len(b)-4:], "PAR2"); return b })
	change("page", func(b []byte) []byte {
		for i := 8; i < 60; i++ {
			b[i] ^= 0x55
		}
		return b
	})
	write("damaged/codec-lz4.parquet", writeCodec(t, &falseCodec{as: pf.Lz4Raw}))
	write("damaged/zstd-bomb.parquet", writeCodec(t, &falseCodec{as: pf.Zstd, repeat: 300}))
	for _, in := range hostile.Inputs() {
		if name := map[string]string{
			"points: nothing but a count": "row-groups", "points: a key of 60 MB": "long-key",
			"points: 2000000000 equal points": "equal-points", "points: a page of 200 MB": "page-size",
		}[in.Name]; name != "" {
			write("damaged/"+name+".parquet", in.Data)
		}
	}
	change("column-name", func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("value"), []byte("vaule")) })
}

// addVectors adds the files that match a pattern to the seeds of a fuzz target.
func addVectors(f *testing.F, pattern string) {
	files, err := filepath.Glob(vectors + pattern)
	if err != nil || len(files) == 0 {
		f.Fatal("no vectors", err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
}

func FuzzDecodeEnvironment(f *testing.F) {
	addVectors(f, "/repository*/environments/*.toml")
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := DecodeEnvironment("x", data)
		if err != nil {
			return
		}
		again, digest, err := EncodeEnvironment(e)
		if err != nil {
			return // it cannot be written
		}
		back, err := DecodeEnvironment("x", again)
		if err != nil {
			t.Fatal(err)
		}
		if _, second, err := EncodeEnvironment(back); err != nil || second != digest {
			t.Errorf("%v: %s", err, again)
		}
	})
}

func FuzzDecodeManifest(f *testing.F) {
	addVectors(f, "/repository*/datasets/*.parquet")
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < 1<<20 {
			_, _ = DecodeManifest(data)
		}
	})
}

func FuzzDecodeLocal(f *testing.F) {
	f.Add([]byte("[data]\ntrain = \"/x\"\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := DecodeLocal("x", data)
		if err != nil {
			return
		}
		if _, err := DecodeLocal("x", EncodeLocal(l)); err != nil {
			t.Error(err)
		}
	})
}
