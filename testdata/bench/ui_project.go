package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// uiPoints is how many points each metric has if nothing else is asked for.
const uiPoints = 20

// makeUIProject creates the project that "bench ui-project RUNS DIR [POINTS]" asks for.
func makeUIProject(args []string) error {
	usage := errors.New("usage: bench ui-project RUNS DIR [POINTS]")
	if len(args) < 2 || len(args) > 3 {
		return usage
	}
	runs, err := strconv.Atoi(args[0])
	points := uiPoints
	if len(args) == 3 && err == nil {
		points, err = strconv.Atoi(args[2])
	}
	if err != nil || runs < 0 || points < 1 {
		return usage
	}
	return writeUIProject(args[1], runs, points)
}

// writeUIProject creates a Git project with finished runs: 12 params, 12 metrics and, in each metric, this many points.
// The same arguments give the same runs.
func writeUIProject(dir string, runs, points int) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"git", "init", "-q"},
		{"git", "-c", "user.name=b", "-c", "user.email=b@example.org", "commit", "-q", "--allow-empty", "-m", "x"},
	} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w\n%s", args, err, out)
		}
	}
	rp, _, err := repo.Init(dir)
	if err != nil {
		return err
	}
	errs := make([]error, runtime.GOMAXPROCS(0))
	var writers sync.WaitGroup
	for w := range errs {
		writers.Go(func() {
			for i := w; i < runs && errs[w] == nil; i += len(errs) {
				errs[w] = plantUIRun(rp, i, points)
			}
		})
	}
	writers.Wait()
	return errors.Join(errs...)
}

// uiMetrics are the metrics of a benchmark run, with where each begins, where it ends, and its noise.
var uiMetrics = []struct {
	key          string
	first, last  float64
	noise        float64
	worksAgainst bool // grows with the learning rate
}{
	{"val/loss", 2.3, 0.4, 0.03, true},
	{"val/acc", 0.1, 0.93, 0.01, false},
	{"train/loss", 2.3, 0.2, 0.05, true},
	{"train/acc", 0.1, 0.98, 0.01, false},
	{"test/loss", 2.3, 0.45, 0.03, true},
	{"test/acc", 0.1, 0.92, 0.01, false},
	{"lr", 1e-3, 1e-6, 0, false},
	{"grad_norm", 12, 1, 0.4, false},
	{"throughput", 900, 1200, 30, false},
	{"gpu/memory", 10, 38, 0.2, false},
	{"epoch", 0, 30, 0, false},
	{"perplexity", 9, 1.5, 0.1, true},
}

// uiParams returns the twelve params of run i: four that a search varies, a seed, and seven that stay.
func uiParams(i int) format.Params {
	layers := []any{int64(64), int64(64)}
	return format.Params{
		"lr": []float64{0.1, 0.03, 0.01, 0.003, 0.001}[i%5], "batch_size": int64(16 << (i / 5 % 4)),
		"model":   map[string]any{"kind": []string{"mlp", "resnet", "vit"}[i/20%3], "width": int64(64), "layers": layers},
		"dropout": float64(i/60%6) / 10, "seed": int64(i % 10),
		"epochs": int64(30), "optimizer": "adamw", "weight_decay": 0.01, "warmup": int64(500), "amp": true,
	}
}

// plantUIRun writes run i with its points.
func plantUIRun(rp *repo.Repository, i, points int) error {
	started := time.Date(2026, 8, 1, 8, 0, 0, 0, time.UTC).Add(time.Duration(i) * 97 * time.Second)
	random := rand.New(rand.NewPCG(uint64(i), 7))
	digest := sha256.Sum256([]byte(strconv.Itoa(i)))
	hash, code := hex.EncodeToString(digest[:]), int64(0)
	run := &format.Run{
		ID: format.IDOf(started, digest[:]), Name: fmt.Sprintf("%s-%d", []string{"base", "wide", "aug", "long"}[i%4], i),
		Experiment: []string{"vision", "ablation", "sweep"}[i/7%3], Status: format.Finished, Started: started,
		Ended:  started.Add(time.Duration(60+random.IntN(7200)) * time.Second),
		Author: []string{"Ada <ada@example.org>", "Grace <grace@example.org>"}[i%2],
		Group:  fmt.Sprintf("grid-%d", i/50), Command: []string{"python", "train.py"}, ExitCode: &code,
		Params: uiParams(i), Tags: map[string]string{"gpu": []string{"a100", "h100"}[i%2]},
		Source: &format.Source{
			Commit: hash[:40], Branch: "main", Tree: strings.Repeat("ab", 20), Base: hash[:40], Entry: "train.py",
		},
		Environment: &format.Environment{Python: "3.11.7", OS: "linux", Arch: "amd64"},
		Machine:     &format.Machine{Host: fmt.Sprintf("gpu-%d", i%8), CPU: "EPYC", Cores: 8, Memory: 1 << 36},
	}
	switch i % 40 {
	case 13:
		run.Status, code = format.Failed, 1
	case 29:
		run.Status, run.Signal, run.ExitCode = format.Killed, "SIGKILL", nil
	}
	if i%25 == 0 {
		run.Note = "checked by hand; the curve of the gradient has a spike"
	}
	dir := filepath.Join(rp.Dir, format.IDDay(run.ID), run.ID)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	curves, err := drawUICurves(run, points, random)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(curves)
	run.Files = map[string]format.File{"metrics.parquet": {
		SHA256: hex.EncodeToString(sum[:]), Bytes: int64(len(curves)), Rows: int64(points * len(uiMetrics)),
	}}
	if err := os.WriteFile(filepath.Join(dir, "metrics.parquet"), curves, 0o666); err != nil {
		return err
	}
	data, err := format.EncodeRun(run)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "run.toml"), data, 0o666)
}

// drawUICurves sets the metrics of a run and returns their points as metrics.parquet.
func drawUICurves(run *format.Run, points int, random *rand.Rand) ([]byte, error) {
	sorter := format.NewPointSorter(os.TempDir())
	defer func() { _ = sorter.Close() }()
	run.Metrics = make(map[string]format.Metric, len(uiMetrics))
	lr := run.Params["lr"].(float64)
	for _, m := range uiMetrics {
		last := m.last * (1 + 0.1*random.NormFloat64())
		if m.worksAgainst {
			last *= 1 + lr*3
		}
		values := make([]float64, points)
		at := run.Started.UnixMicro()
		for step := range points {
			done := float64(step) / float64(max(points-1, 1))
			values[step] = last + (m.first-last)*math.Exp(-5*done) + m.noise*random.NormFloat64()
			at += int64(run.Ended.Sub(run.Started).Microseconds()) / int64(points+1)
			if err := sorter.Add(m.key, format.Point{Step: int64(step * 10), Time: at, Value: values[step]}); err != nil {
				return nil, err
			}
		}
		one := format.Metric{Last: values[points-1], Count: int64(points)}
		if points > 1 {
			least, most := slices.Min(values), slices.Max(values)
			one.Min = &format.Extreme{Value: least, Step: int64(slices.Index(values, least) * 10)}
			one.Max = &format.Extreme{Value: most, Step: int64(slices.Index(values, most) * 10)}
		}
		run.Metrics[m.key] = one
	}
	var file bytes.Buffer
	err := sorter.WriteParquet(&file)
	return file.Bytes(), err
}
