package format

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

type keyed struct {
	key string
	Point
}

// randomPoints returns difficult points: out of order, repeated, extreme, not finite.
func randomPoints(r *rand.Rand, n, keys int) []keyed {
	values := []float64{0, math.Copysign(0, -1), 1, -1, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, 5e-324}
	steps := []int64{math.MinInt64, -1, 0, 1, math.MaxInt64}
	points := make([]keyed, n)
	for i := range points {
		p := keyed{
			key:   fmt.Sprintf("key/%d", r.IntN(keys)),
			Point: Point{Step: int64(r.IntN(20)), Time: int64(r.IntN(5)) * 1e6, Value: r.NormFloat64()},
		}
		if r.IntN(10) == 0 {
			p.Value = values[r.IntN(len(values))]
		}
		if r.IntN(20) == 0 {
			p.Step = steps[r.IntN(len(steps))]
		}
		points[i] = p
	}
	return points
}

func writePoints(t testing.TB, points []keyed, limit int) []byte {
	t.Helper()
	s := NewPointSorter(t.TempDir())
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if limit > 0 {
		s.limit = limit
	}
	for _, p := range points {
		if err := s.Add(p.key, p.Point); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := s.WriteParquet(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func readPoints(t testing.TB, data []byte) []keyed {
	t.Helper()
	m, err := OpenMetrics(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var all []keyed
	err = m.Each(context.Background(), func(key string, points []Point) error {
		for _, p := range points {
			all = append(all, keyed{key, p})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func sorted(points []keyed) []keyed {
	points = slices.Clone(points)
	slices.SortStableFunc(points, func(a, b keyed) int {
		if c := strings.Compare(a.key, b.key); c != 0 {
			return c
		}
		return comparePoints(a.Point, b.Point)
	})
	return points
}

var samePoints = cmp.Options{
	cmp.AllowUnexported(keyed{}), cmpopts.EquateEmpty(),
	cmp.Comparer(func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) || a != a && b != b }),
}

func TestMetricsAreSortedAndExact(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 2, 100, 5000, 40_000} {
		for _, keys := range []int{1, 7, 300} {
			points := randomPoints(r, n, keys)
			want := sorted(points)
			data := writePoints(t, points, 0)
			if d := cmp.Diff(want, readPoints(t, data), samePoints); d != "" {
				t.Fatalf("%d points of %d keys (-want +got):\n%.2000s", n, keys, d)
			}
			for _, limit := range []int{1, 7, 1000} {
				if n/limit > 3000 {
					continue
				}
				if spilled := writePoints(t, points, limit); !bytes.Equal(data, spilled) {
					t.Fatalf("%d points of %d keys: the bytes differ when spilled every %d", n, keys, limit)
				}
			}
			m, err := OpenMetrics(bytes.NewReader(data), int64(len(data)))
			if err != nil {
				t.Fatal(err)
			}
			for k := range keys {
				key := fmt.Sprintf("key/%d", k)
				got, err := m.Points(key)
				if err != nil {
					t.Fatal(err)
				}
				var of []Point
				for _, p := range want {
					if p.key == key {
						of = append(of, p.Point)
					}
				}
				if d := cmp.Diff(of, got, samePoints); d != "" {
					t.Fatalf("points of %s (-want +got):\n%.2000s", key, d)
				}
			}
			if got, err := m.Points("no such key"); err != nil || len(got) > 0 {
				t.Fatalf("a missing key has %d points, %v", len(got), err)
			}
		}
	}
}

// curves returns points as training writes them: each call has one time for all keys.
func curves(keys, steps int, add func(string, Point) error) error {
	r := rand.New(rand.NewPCG(3, 4))
	now := int64(1764000000_000000)
	names := make([]string, keys)
	for k := range names {
		names[k] = fmt.Sprintf("metric/%02d", k)
	}
	for step := range steps {
		now += 20_000 + int64(r.IntN(3000))
		for k, name := range names {
			v := math.Exp(-float64(step)/float64(steps)*float64(k+1)) + 0.05*r.NormFloat64()
			if err := add(name, Point{Step: int64(step), Time: now, Value: v}); err != nil {
				return err
			}
		}
	}
	return nil
}

func TestMetricsBytesAreFixed(t *testing.T) {
	var points []keyed
	_ = curves(10, 5000, func(key string, p Point) error {
		points = append(points, keyed{key, p})
		return nil
	})
	few := []keyed{
		{"loss", Point{Step: 0, Time: 1764000000000000, Value: 0.5}},
		{"acc", Point{Step: 0, Time: 1764000000000000, Value: math.NaN()}},
	}
	for _, c := range []struct {
		name, want string
		points     []keyed
	}{
		{"few", "d11d5983e449ef951d5612426fb06559bed47aa323738f072f434baa6f02f6d0", few},
		{"curves", "5332fb3a22d3aa59118a95ad89e9ea89826e2632b4fb5348b5dfda0e068d8ccc", points},
	} {
		data := writePoints(t, c.points, 0)
		sum := sha256.Sum256(data)
		if got := hex.EncodeToString(sum[:]); got != c.want {
			t.Errorf("%s: %d bytes with digest %s, want %s", c.name, len(data), got, c.want)
		}
		old := runtime.GOMAXPROCS(1)
		if !bytes.Equal(data, writePoints(t, c.points, 0)) {
			t.Errorf("%s: other bytes on one processor", c.name)
		}
		runtime.GOMAXPROCS(old)
	}
}

type countingReader struct {
	io.ReaderAt
	n int64
}

func (c *countingReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	c.n += int64(n)
	return n, err
}

func TestOneKeyIsReadWithoutTheRest(t *testing.T) {
	s := NewPointSorter(t.TempDir())
	if err := curves(10, 50_000, s.Add); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := s.WriteParquet(&b); err != nil {
		t.Fatal(err)
	}
	r := &countingReader{ReaderAt: bytes.NewReader(b.Bytes())}
	m, err := OpenMetrics(r, int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	points, err := m.Points("metric/04")
	if err != nil || len(points) != 50_000 {
		t.Fatalf("%d points, %v", len(points), err)
	}
	if r.n*4 > int64(b.Len()) {
		t.Errorf("%d of %d bytes were read for a tenth of the points", r.n, b.Len())
	}
}

func FuzzMetrics(f *testing.F) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{0, 3, 100} {
		data := writePoints(f, randomPoints(r, n, 3), 0)
		f.Add(data)
		for range 20 {
			bad := bytes.Clone(data)
			bad[r.IntN(len(bad))] ^= byte(1 << r.IntN(8))
			f.Add(bad)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := OpenMetrics(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		keys, err := m.Keys()
		if err != nil {
			return
		}
		for _, key := range keys[:min(len(keys), 5)] {
			if _, err := m.Points(key); err != nil {
				return
			}
		}
		_ = m.Each(context.Background(), func(string, []Point) error { return nil })
	})
}

func BenchmarkWriteMillion(b *testing.B) {
	for b.Loop() {
		s := NewPointSorter(b.TempDir())
		if err := curves(10, 100_000, s.Add); err != nil {
			b.Fatal(err)
		}
		var n countingWriter
		if err := s.WriteParquet(&n); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(n)/1e6, "bytes/point")
	}
}

type countingWriter int64

func (c *countingWriter) Write(p []byte) (int, error) {
	*c += countingWriter(len(p))
	return len(p), nil
}

func BenchmarkReadOneKeyOfMillion(b *testing.B) {
	s := NewPointSorter(b.TempDir())
	if err := curves(10, 100_000, s.Add); err != nil {
		b.Fatal(err)
	}
	var data bytes.Buffer
	if err := s.WriteParquet(&data); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		m, err := OpenMetrics(bytes.NewReader(data.Bytes()), int64(data.Len()))
		if err != nil {
			b.Fatal(err)
		}
		if points, err := m.Points("metric/05"); err != nil || len(points) != 100_000 {
			b.Fatal(len(points), err)
		}
	}
}

func TestArtifactsRoundTrip(t *testing.T) {
	step := int64(3)
	want := []Artifact{
		{
			Path: "a/b.bin", SHA256: strings.Repeat("0", 64), Bytes: 1, Kind: "image", Key: "samples", Step: &step, Caption: "c",
		},
		{Path: "c", SHA256: strings.Repeat("f", 64)},
	}
	data, err := EncodeArtifacts(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeArtifacts(data)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	bad, err := EncodeArtifacts([]Artifact{{Path: "../x", SHA256: strings.Repeat("0", 64)}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := DecodeArtifacts(bad); err == nil {
		t.Error("a path that leaves the run was read")
	}
	for _, paths := range [][]string{{"a", "a"}, {"b", "a", "b"}, {"a", "c", "b", "c"}} {
		var list []Artifact
		for _, path := range paths {
			list = append(list, Artifact{Path: path, SHA256: strings.Repeat("0", 64)})
		}
		if data, err = EncodeArtifacts(list); err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeArtifacts(data); err == nil || !strings.Contains(err.Error(), "twice") {
			t.Errorf("%q: %v", paths, err)
		}
	}
}

// TestUniformLists: lists whose texts compress as well as they can are within the bounds of a reader.
func TestUniformLists(t *testing.T) {
	var artifacts []Artifact
	var entries []ManifestEntry
	digest := strings.Repeat("0", 64)
	for i := range 12_000 {
		path := fmt.Sprintf("%s%06d", strings.Repeat("folder/", 500), i)
		artifacts = append(artifacts, Artifact{Path: path, SHA256: digest, Bytes: 1})
		entries = append(entries, ManifestEntry{Path: path, SHA256: digest, Bytes: 1})
	}
	data, err := EncodeArtifacts(artifacts)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := DecodeArtifacts(data); err != nil || !slices.Equal(got, artifacts) {
		t.Errorf("%d artifacts in %d bytes, of which %d are read: %v", len(artifacts), len(data), len(got), err)
	}
	if data, err = EncodeManifest(entries); err != nil {
		t.Fatal(err)
	}
	if got, err := DecodeManifest(data); err != nil || !slices.Equal(got, entries) {
		t.Errorf("%d entries in %d bytes, of which %d are read: %v", len(entries), len(data), len(got), err)
	}
}

func FuzzArtifacts(f *testing.F) {
	data, err := EncodeArtifacts([]Artifact{{Path: "a", SHA256: strings.Repeat("0", 64)}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) { _, _ = DecodeArtifacts(data) })
}

func FuzzNote(f *testing.F) {
	f.Add([]byte("schema = 1\ntime = 2026-11-23T14:25:30Z\nname = \"x\"\nremoved = [\"a\"]\n\n[tags]\nk = \"v\"\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := DecodeNote("note", data)
		if err != nil {
			return
		}
		if _, err := EncodeNote(n); err != nil {
			t.Fatalf("read, but not written: %v", err)
		}
	})
}

func FuzzOwner(f *testing.F) {
	f.Add(EncodeOwner(&Owner{Kind: OwnerProcess, PID: 7, Host: "h", Runs: "/x"}))
	f.Add(EncodeConsumed(&Consumed{Record: strings.Repeat("0", 64), Journals: map[string]int64{"journal-h-1-a.jsonl": 7}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = DecodeOwner("owner", data)
		_, _ = DecodeConsumed("consumed", data)
	})
}

// TestAgrees: points that do not agree with the metrics of a record are refused.
func TestAgrees(t *testing.T) {
	sorter := NewPointSorter(t.TempDir())
	defer func() { _ = sorter.Close() }()
	for _, p := range []Point{
		{Step: 1, Time: 1, Value: 3},
		{Step: 2, Time: 2, Value: 1},
		{Step: 3, Time: 3, Value: math.NaN()},
		{Step: 4, Time: 4, Value: 1},
	} {
		if err := sorter.Add("a", p); err != nil {
			t.Fatal(err)
		}
	}
	if err := sorter.Add("b", Point{Step: 7, Value: 2}); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := sorter.WriteParquet(&b); err != nil {
		t.Fatal(err)
	}
	right := func() map[string]Metric {
		return map[string]Metric{
			"a": {Last: 1, Min: &Extreme{1, 2}, Max: &Extreme{3, 1}, Count: 4, Goal: "min"}, "b": {Last: 2, Count: 1},
		}
	}
	for _, c := range []struct {
		name   string
		change func(map[string]Metric)
		want   string
	}{
		{"right", func(map[string]Metric) {}, ""},
		{
			"last", func(m map[string]Metric) { m["b"] = Metric{Last: 3, Count: 1} },
			`"b": the last value is 2, and in run.toml 3`,
		},
		{"count", func(m map[string]Metric) { m["b"] = Metric{Last: 2, Count: 2} }, `"b": the count is 1, and in run.toml 2`},
		{"step of the smallest", func(m map[string]Metric) { m["a"].Min.Step = 4 }, `"a": the smallest value`},
		{"largest", func(m map[string]Metric) { m["a"].Max.Value = 4 }, `"a": the largest value`},
		{"an extreme of one point", func(m map[string]Metric) {
			m["b"] = Metric{Last: 2, Count: 1, Min: &Extreme{2, 7}, Max: &Extreme{2, 7}}
		}, `"b": the smallest value`},
		{
			"a metric without points", func(m map[string]Metric) { m["c"] = Metric{Last: 1, Count: 1} },
			`it has no points of "c"`,
		},
		{"points without a metric", func(m map[string]Metric) { delete(m, "a") }, `it has points of "a"`},
	} {
		m, err := OpenMetrics(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil {
			t.Fatal(err)
		}
		want := right()
		c.change(want)
		err = m.Agrees(t.Context(), want)
		if (c.want == "") != (err == nil) || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}
