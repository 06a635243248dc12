package format

import (
	"bytes"
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// labels returns labels, which must be valid.
func labels(t testing.TB, values map[string]any) Labels {
	t.Helper()
	l, err := NewLabels(values)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Labels have one canonical text, which reads back as the same labels.
func TestLabelsText(t *testing.T) {
	for _, c := range []struct {
		values     map[string]any
		text, said string
	}{
		{nil, "", ""},
		{map[string]any{}, "", ""},
		{map[string]any{"model": "m-1", "dataset": "val"}, `{"dataset":"val","model":"m-1"}`, "dataset=val, model=m-1"},
		{map[string]any{"b": int64(3), "a": 0.5, "c": 0.0}, `{"a":0.5,"b":3,"c":0.0}`, "a=0.5, b=3, c=0.0"},
		{map[string]any{"a": 1.0, "b": 1e20}, `{"a":1.0,"b":1e+20}`, "a=1.0, b=1e+20"},
		{map[string]any{"a": "NaN", "b": "-Infinity"}, `{"a":"NaN","b":"-Infinity"}`, "a=NaN, b=-Infinity"},
		{map[string]any{"é": "\n\"\\\u202e😀"}, `{"é":"\n\"\\\u202E😀"}`, "é=\n\"\\\u202e😀"},
	} {
		l := labels(t, c.values)
		if l.String() != c.text || l.Text() != c.said {
			t.Errorf("%v: %q, %q", c.values, l.String(), l.Text())
		}
		if d := cmp.Diff(c.values, l.Values(), cmpopts.EquateEmpty()); d != "" {
			t.Error(d)
		}
		if c.text == "" {
			continue
		}
		if back, err := ParseLabels(c.text); err != nil || back != l {
			t.Errorf("%s: %v, %v", c.text, back, err)
		}
	}
}

func TestLabelsWrong(t *testing.T) {
	many := map[string]any{}
	for i := range MaxLabels + 1 {
		many[strings.Repeat("k", i+1)] = "v"
	}
	for _, c := range []struct {
		values map[string]any
		reason string
	}{
		{many, "at most 16 labels, got 17"},
		{map[string]any{"": "v"}, `label "": the key is empty`},
		{map[string]any{"a\x00": "v"}, "control character"},
		{map[string]any{"a": true}, `label "a" must be a text or a number`},
		{map[string]any{"a": []any{}}, `label "a" must be a text or a number`},
		{map[string]any{"a": math.Inf(1)}, `label "a" must be a text or a finite number`},
		{map[string]any{"a": "\xff"}, `label "a" is not UTF-8`},
		{map[string]any{"a": strings.Repeat("x", MaxLabelsBytes-7)}, "at most 1000 bytes as JSON, got 1001"},
	} {
		if _, err := NewLabels(c.values); err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%v: %v", c.values, err)
		}
	}
	for _, text := range []string{
		``, `{}`, `{"a":1} `, `{"b":1,"a":1}`, `{"a":1,"a":1}`, `{"a": 1}`, `{"a":NaN}`, `{"a":"\u0041"}`, `[]`, `{"a":1e2}`,
		`{"a":"` + strings.Repeat("x", MaxLabelsBytes) + `"}`, "{\"a\":\"\xff\"}", `{"a":-0}`, `{"a":null}`,
	} {
		if l, err := ParseLabels(text); err == nil {
			t.Errorf("%s was read as %v", text, l)
		}
	}
}

func TestLabelsHas(t *testing.T) {
	l := labels(t, map[string]any{"dataset": "val", "rank": int64(3), "x": 0.5})
	for _, c := range []struct {
		key, value string
		want       bool
	}{
		{"dataset", "val", true},
		{"dataset", "train", false},
		{"rank", "3", true},
		{"x", "0.5", true},
		{"no", "", false},
	} {
		if got := l.Has(c.key, c.value); got != c.want {
			t.Errorf("%s=%s: %v", c.key, c.value, got)
		}
	}
}

func TestLabelsRedact(t *testing.T) {
	hide := func(s string) string { return strings.ReplaceAll(s, "secret", "[redacted]") }
	l, err := labels(t, map[string]any{"model": "secret-1", "rank": int64(1)}).Redact(hide)
	if err != nil || l.String() != `{"model":"[redacted]-1","rank":1}` {
		t.Error(l, err)
	}
}

// drawLabels returns labels, or none.
func drawLabels(t testing.TB, r *rand.Rand) Labels {
	if r.IntN(3) == 0 {
		return Labels{}
	}
	values := map[string]any{}
	for range 1 + r.IntN(3) {
		values[[]string{"model", "dataset", "é", "rank"}[r.IntN(4)]] = []any{"a", "b\n", int64(7), 0.5, "NaN"}[r.IntN(5)]
	}
	return labels(t, values)
}

// Points with labels read back from a file, from a batch, and from the file that is made of the batch, and have one
// digest in all of them.
func TestLabelsRoundTrip(t *testing.T) {
	ctx := context.Background()
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 9))
		var runs [][]keyed
		for range 3 {
			points := randomPoints(r, []int{1, 3, 200, 6000}[r.IntN(4)], 1+r.IntN(3))
			if r.IntN(3) > 0 {
				for i := range points {
					points[i].Labels = drawLabels(t, r)
				}
			}
			runs = append(runs, points)
		}
		var batch bytes.Buffer
		var files []*Metrics
		labeled := false
		for _, points := range runs {
			data := writePoints(t, points, []int{0, 50}[r.IntN(2)])
			m, err := OpenMetrics(bytes.NewReader(data), int64(len(data)))
			if err != nil {
				t.Fatal(seed, err)
			}
			some, err := m.Labeled(ctx)
			if err != nil || some != (m.column[labelsColumn] >= 0) {
				t.Fatal(seed, some, err)
			}
			labeled = labeled || some
			files = append(files, m)
		}
		out := NewBatchPoints(&batch, labeled)
		var digests []string
		for i, m := range files {
			digest, err := out.Add(ctx, batchID(i), m)
			if err != nil {
				t.Fatal(seed, err)
			}
			digests = append(digests, digest)
		}
		if err := out.Close(); err != nil {
			t.Fatal(seed, err)
		}
		all, err := OpenBatchMetrics(bytes.NewReader(batch.Bytes()), int64(batch.Len()))
		if err != nil {
			t.Fatal(seed, err)
		}
		if err := all.Layout(); err != nil {
			t.Fatal(seed, err)
		}
		for i := range files {
			back, err := all.Run(batchID(i))
			if err != nil {
				t.Fatal(seed, err)
			}
			want, got := sorted(runs[i]), allPoints(t, back)
			if d := cmp.Diff(want, got, samePoints); d != "" {
				t.Fatalf("seed %d, run %d: %.2000s", seed, i, d)
			}
			if digest, err := back.Digest(ctx); err != nil || digest != digests[i] {
				t.Fatal(seed, digest, err)
			}
			single, batched := writePoints(t, want, 0), writePoints(t, got, 0)
			if !bytes.Equal(single, batched) {
				t.Fatalf("seed %d: the file that is made of the batch differs", seed)
			}
		}
	}
}

// FuzzParseLabels: what is read is canonical, and no text makes the parser fail.
func FuzzParseLabels(f *testing.F) {
	for _, text := range []string{`{"a":1}`, `{"a":"NaN","b":-0.0}`, `{"a":1,"a":1}`, `{"é":"\u202E"}`, `[`, `{"a":[[[`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, err := ParseLabels(text)
		if err != nil {
			return
		}
		again, err := NewLabels(l.Values())
		if l.String() != text || err != nil || again != l {
			t.Errorf("%q: %q, %q, %v", text, l, again, err)
		}
	})
}

// allPoints returns the points in the order of the file.
func allPoints(t *testing.T, m *Metrics) (all []keyed) {
	err := m.Each(context.Background(), func(key string, points []Point) error {
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
