package query

import (
	"strings"
	"testing"
	"time"

	"github.com/gitruns/runs/format"
)

func TestMissing(t *testing.T) {
	runs := []*format.Run{
		{Metrics: map[string]format.Metric{"val/loss": {Count: 1}, "acc": {Count: 1}}},
		{
			Params: map[string]any{"lr": 0.1, "model": map[string]any{"kind": "mlp"}},
			Tags:   map[string]string{"baseline": "yes"},
		},
	}
	for key, want := range map[string]string{
		"params.lrr": "params.lr", "config.lr": "params.lr", "params.acc": "metrics.acc", "metric.acc": "metrics.acc",
		"acv": "metrics.acc", "loss": "metrics.val/loss",
		"kind": "params.model.kind", "base": "source.base", "stauts": "status", "zz": "", "nothing": "", "tags.x": "",
	} {
		near, missing := missing(runs, key)
		if got := strings.Join(near, " "); got != want || !missing {
			t.Errorf("%s: %q, %v, want %q", key, got, missing, want)
		}
	}
	for _, key := range []string{
		"lr", "params.lr", "val/loss.min", "metrics.acc", "exit_code", "attributes.group", "datasets.train",
		"environment.variables.X", "tags.baseline",
	} {
		if near, missing := missing(runs, key); missing || near != nil {
			t.Errorf("%s is missing, near %v", key, near)
		}
	}
}

func TestAttributeNames(t *testing.T) {
	code, durable := int64(0), true
	run := &format.Run{
		ID: "x", Name: "x", Key: "x", Experiment: "x", Status: format.Finished, Started: testNow,
		Ended: testNow.Add(time.Second), EndReason: "x", Signal: "x", Author: "x", Group: "x",
		Parent: "x", Resumes: "x", Reproduces: "x", Note: "x", Command: []string{"x"}, Cwd: "x", ExitCode: &code,
		Source: &format.Source{
			Commit: "x", Branch: "x", Remote: "x", Tree: "x", Base: "x", Entry: "x", Durable: &durable, Patches: []string{"x"},
			Omitted: []format.Omitted{{Path: "x"}},
		},
		Environment: &format.Environment{Digest: "x", Python: "x", OS: "x", Arch: "x"},
		Machine:     &format.Machine{Host: "x", CPU: "x", Kernel: "x", Cores: 1, Memory: 1, GPUs: []string{"x"}},
	}
	for _, name := range attributeNames {
		if _, ok := attribute(run, name); !ok {
			t.Errorf("%s is no attribute", name)
		}
	}
}

func missing(runs []*format.Run, key string) (near []string, missing bool) {
	rows := Records(runs)
	return Missing(rows, key, func() KeyNames { return KeyNamesOf(rows) }, testContext())
}
