package browser

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
)

// Odd makes a project of 60 runs that have every kind of value, in keys that can be misread: numbers that a float does
// not hold, texts that spell numbers, nulls, lists and tables, names with dots and quotes, metrics with and without a
// goal, with one point, or with nothing but NaN.
func Odd(t TB, program string) *Project {
	t.Helper()
	p := NewProject(t, program)
	started := time.Date(2026, 8, 1, 8, 0, 0, 0, time.UTC)
	var last string
	for i := range 60 {
		run := oddRun(i, started.Add(time.Duration(i)*97*time.Minute+time.Duration(i*i)*time.Microsecond))
		if i%9 == 8 {
			run.Reproduces = last
		}
		last = run.ID
		p.plant(run)
	}
	return p
}

func oddRun(i int, started time.Time) *format.Run {
	digest := strings.Repeat(fmt.Sprintf("%02x", i+1), 32)
	code := int64(i % 3)
	run := &format.Run{
		ID: format.IDOf(started, []byte(digest)), Experiment: []string{"", "a", "b b"}[i%3], Status: format.Finished,
		Started: started, Ended: started.Add(time.Duration(i*i*1234567) * time.Microsecond),
		Author: []string{"Ada <ada@example.org>", "日本 <j@example.org>"}[i%2], Command: []string{"python", "train.py"},
		ExitCode: &code, Params: format.Params{}, Tags: map[string]string{}, Metrics: map[string]format.Metric{},
		Summary: map[string]any{},
	}
	if i%4 > 0 {
		run.Name = fmt.Sprintf("run %d", i/2)
	}
	switch i % 10 {
	case 7:
		run.Status = format.Failed
	case 9:
		run.Status, run.ExitCode, run.Signal = format.Killed, nil, "SIGTERM"
	}
	oddParams(run, i)
	oddMetrics(run, i)
	if i%5 > 0 {
		run.Source = &format.Source{
			Commit: digest[:40], Branch: "main", Tree: strings.Repeat("ab", 19) + fmt.Sprintf("%02d", i%2),
			Base: digest[:40], Dirty: i%2 == 0, Entry: "train.py",
		}
		run.Environment = &format.Environment{
			Python: "3.11.7", OS: "linux", Variables: map[string]string{"MY_X": fmt.Sprint(i % 4)},
		}
		run.Machine = &format.Machine{
			Host: fmt.Sprintf("gpu-%d", i%3), Cores: int64(i), Memory: 1 << 36, GPUs: []string{"A100"},
		}
		run.Datasets = []format.Dataset{{Name: "train", Path: "x.csv", SHA256: strings.Repeat("cd", 32), Bytes: 1, Files: 1}}
	}
	return run
}

func oddParams(run *format.Run, i int) {
	p := run.Params
	p["lr"] = []any{0.1, 0.01, int64(1), 1.0, math.NaN()}[i%5]
	p["seed"] = int64(i % 4)
	p["mixed"] = []any{int64(3), "3", "3.0", true, format.Null, "x", 2.5, math.Inf(1), "nan", []any{int64(1), 2.0}}[i%10]
	p["big"] = []any{
		int64(math.MaxInt64), int64(math.MaxInt64 - 1), int64(1 << 53), int64(1<<53 + 1), float64(1 << 53), 1e300,
	}[i%6]
	p["text"] = []any{"alpha", "Beta", "émile", "1e3", "日本🎉", "\ufffd", "", "it's"}[i%8]
	p["odd key"] = int64(i % 3)
	p["a.b"] = "dotted"
	p["flag"] = i%2 == 0
	p["layers"] = [][]any{{int64(64), int64(64)}, {64.0, 64.0}, {int64(32)}, {}}[i%4]
	if i%3 > 0 {
		p["model"] = map[string]any{
			"kind": []any{"mlp", "vit"}[i%2], "width": int64(i % 2 * 64), "opt": map[string]any{"x": true},
		}
	}
	if i%7 == 0 {
		p["rare"] = "yes"
		p["loss"] = "a param"
	}
	if i%2 == 0 {
		run.Tags["gpu"] = []string{"a100", "h100"}[i/2%2]
		run.Tags["odd tag"] = "1"
		run.Tags["acc"] = "3"
	}
	if i%6 == 0 {
		run.Note = "checked\nby hand: 100%"
		run.Group = fmt.Sprintf("g%d", i%4)
	}
}

func oddMetrics(run *format.Run, i int) {
	extremes := func(last, low, high float64, goal string) format.Metric {
		return format.Metric{
			Last: last, Min: &format.Extreme{Value: low, Step: int64(i)}, Max: &format.Extreme{Value: high, Step: int64(2 * i)},
			Count: int64(i + 2), Goal: goal,
		}
	}
	x := float64(i*7%31) / 31
	if i%11 != 5 {
		run.Metrics["loss"] = extremes(x, x/2, x+3, "")
	}
	if i%11 == 4 {
		run.Metrics["loss"] = extremes(math.NaN(), x, x+1, "")
	}
	run.Metrics["val/acc"] = extremes(x, x-0.5, x+0.25, "")
	run.Metrics["own"] = extremes(x*100, x, x*200, []string{"min", "max"}[i%2])
	if i%3 == 0 {
		run.Metrics["odd.min"] = format.Metric{Last: float64(i), Count: 1}
	}
	if i%3 == 1 {
		run.Metrics["odd"] = extremes(float64(i), -1, 99, "")
		run.Metrics["once"] = format.Metric{Last: float64(i), Count: 1}
	}
	last := []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e-7, 1e21}[i%5]
	run.Metrics["some metric"] = format.Metric{Last: last, Count: 1}
	run.Summary["sum"] = []any{int64(i), 0.5, "text", true}[i%4]
	if i%4 == 1 {
		run.Summary["loss"] = 7.5
	}
}
