package format

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// exampleRun has every part of a record.
func exampleRun() *Run {
	code, step, durable := int64(0), int64(3), false
	return &Run{
		ID: "20261123-142530-k7qx2m9a", Name: "wide", Key: "job-1234", Experiment: "penguins", Status: Finished,
		Started: time.Date(2026, 11, 23, 14, 25, 30, 123456000, time.UTC),
		Ended:   time.Date(2026, 11, 23, 14, 27, 2, 500000000, time.UTC),
		Author:  "Ada <ada@example.org>", Command: []string{"python", "train.py", "--lr", "0.1"}, Cwd: "projects/a",
		ExitCode: &code, Group: "wide-seeds", Parent: "20261123-142529-00000000", Resumes: "20261123-142528-zzzzzzzz",
		Reproduces: "20261123-142527-k7qx2m9a", Note: "first try\nwith the \u202ewide net",
		Params: map[string]any{
			"lr": 0.1, "epochs": int64(3), "big": 1e16, "tiny": 1e-5, "whole": 3.0, "nan": math.NaN(), "inf": math.Inf(-1),
			"model": map[string]any{
				"kind": "mlp", "layers": []any{int64(64), int64(64)}, "odd key": true,
				"dropout": Null,
			},
			"buckets": []any{map[string]any{"a": int64(1)}, map[string]any{}},
			"nulls":   []any{map[string]any{"a.b": Null}, "null", []any{Null}, Null}, "empty": map[string]any{"x": Null},
		},
		Tags: map[string]string{"baseline": "yes"},
		Metrics: map[string]Metric{
			"rmse":    {Last: 0.31, Min: &Extreme{0.29, 900}, Max: &Extreme{1.2, 0}, Count: 1000, Goal: "min"},
			"val/acc": {Last: 0.97, Count: 1},
			"bad":     {Last: math.NaN(), Count: 2},
		},
		Summary: map[string]any{
			"best": 0.29, "val.acc": []any{int64(1), "two"}, "deep": map[string]any{"er": true}, "nan": math.NaN(),
		},
		Defined: []Definition{
			{Name: "train/*", StepMetric: "epoch", StepSync: true, Hidden: true, Summary: "min,last", Goal: "max"},
			{Name: "rmse"},
		},
		Source: &Source{
			Commit: strings.Repeat("a", 40), Branch: "wide-net", Remote: "https://example.org/team/project.git", Dirty: true,
			Tree: strings.Repeat("b", 40), Base: strings.Repeat("c", 40), Durable: &durable,
			Patches: []string{strings.Repeat("d", 64)}, Entry: "train.py",
			Omitted: []Omitted{{Path: "scratch/big.bin", Bytes: 5368709120, Reason: "larger than source.max_file"}},
		},
		Environment: &Environment{
			Digest: strings.Repeat("e", 64), Python: "3.11.7", OS: "linux", Arch: "amd64",
			Variables: map[string]string{"SLURM_JOB_ID": "7"},
		},
		Machine: &Machine{Host: "gpu-7", Cores: 8, Memory: 1 << 36, GPUs: []string{"A100", "A100"}},
		Datasets: []Dataset{{
			Name: "train", Path: "data/train.csv", SHA256: strings.Repeat("f", 64), Bytes: 13478, Files: 1, Role: "training",
		}, {
			Name: "x", Columns: []string{"a"}, Rows: 3, Digest: "f7c1", Source: "https://h/x.csv", SourceType: "http",
			Schema: `{"a": 1}`, Profile: "{}", Details: `{"tags":{"a":"b"}}`,
		}},
		Artifacts: []Artifact{{Path: "model.bin", SHA256: strings.Repeat("0", 64), Bytes: 4096, Key: "model", Step: &step}},
		Files:     map[string]File{"metrics.parquet": {SHA256: strings.Repeat("1", 64), Bytes: 1260, Rows: 12}},
		Conflicts: map[string][]any{"model.lr": {0.2, "x"}},
		Extra:     map[string]any{"later": "yes"},
		Unknown: map[string]any{
			"mood":    "good",
			"source":  map[string]any{"weather": int64(3), "omitted": []any{map[string]any{"why": "so"}}},
			"metrics": map[string]any{"rmse": map[string]any{"unit": "m"}},
			"news":    map[string]any{"deep": map[string]any{"er": true}},
		},
	}
}

func TestRunRoundTrip(t *testing.T) {
	want := exampleRun()
	data, err := EncodeRun(want)
	if err != nil {
		t.Fatalf("%v\n%s", err, appendTOML(nil, want.tree()))
	}
	got, err := DecodeRun("run.toml", data)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, cmpopts.EquateNaNs()); d != "" {
		t.Errorf("the record changed on its way through TOML (-want +got):\n%s\n%s", d, data)
	}
	again, err := EncodeRun(got)
	if err != nil {
		t.Fatal(err)
	}
	if string(again) != string(data) {
		t.Errorf("a second encoding differs:\n%s", cmp.Diff(string(data), string(again)))
	}
	t.Logf("%s", data)
}

func TestFloatNotation(t *testing.T) {
	for _, c := range []struct {
		v    float64
		want string
	}{
		{0, "0.0"},
		{math.Copysign(0, -1), "-0.0"},
		{3, "3.0"},
		{0.1, "0.1"},
		{1e-4, "0.0001"},
		{9.9e-5, "9.9e-05"},
		{1e15, "1000000000000000.0"},
		{1e16, "1e+16"},
		{math.MaxFloat64, "1.7976931348623157e+308"},
		{5e-324, "5e-324"},
		{math.NaN(), "nan"},
		{math.Inf(1), "inf"},
		{math.Inf(-1), "-inf"},
	} {
		if got := string(appendTOMLFloat(nil, c.v)); got != c.want {
			t.Errorf("%v is written %s, not %s", c.v, got, c.want)
		}
	}
}

func FuzzDecodeRun(f *testing.F) {
	data, err := EncodeRun(exampleRun())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte("schema = 1\nid = \"20261123-142530-k7qx2m9a\"\nstatus = \"running\"\nstarted = 2026-11-23T14:25:30Z\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := DecodeRun("run.toml", data)
		if err != nil {
			return
		}
		again, err := EncodeRun(r)
		if err != nil {
			t.Fatalf("read, but not written: %v", err)
		}
		back, err := DecodeRun("run.toml", again)
		if err != nil {
			t.Fatalf("written, but not read: %v\n%s", err, again)
		}
		if d := cmp.Diff(r, back, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("changed on its way: %s", d)
		}
	})
}
