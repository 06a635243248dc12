package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/gitruns/runs/format"
)

// sweepDays is the number of days over which the runs of a large sweep project are spread.
const sweepDays = 366

// makeSweepProject creates the project that "bench sweep-project RUNS DIR" asks for.
func (b *bench) makeSweepProject(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: bench sweep-project RUNS DIR")
	}
	runs, err := strconv.Atoi(args[0])
	if err != nil || runs < 0 {
		return fmt.Errorf("bench sweep-project: %q is not a number of runs", args[0])
	}
	return b.writeSweepProject(args[1], runs)
}

// writeSweepProject creates a Git project in dir with a bare remote beside it, dir.git, and finished runs that are not
// committed: five params, and four metrics with one point each. Up to 366 days hold at least 20 runs each.
func (b *bench) writeSweepProject(dir string, runs int) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for name, text := range map[string]string{"train.py": "print('training')\n", ".gitignore": "data/\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			return err
		}
	}
	if _, err := calls(
		dir,
		[]string{"git", "init", "-q", "--bare", "-b", "main", dir + ".git"},
		[]string{"git", "init", "-q", "-b", "main"},
		[]string{b.runs, "init"},
		[]string{"git", "add", "."},
		[]string{"git", "commit", "-q", "-m", "code"},
		[]string{"git", "remote", "add", "origin", dir + ".git"},
		[]string{"git", "push", "-q", "-u", "origin", "main"},
	); err != nil {
		return err
	}
	s, err := b.newSweep(dir, time.Minute)
	if err != nil {
		return err
	}
	s.like.Group, s.like.Metrics = "grid", nil
	errs := make([]error, runtime.GOMAXPROCS(0))
	var writers sync.WaitGroup
	for w := range errs {
		writers.Go(func() {
			for i := w; i < runs && errs[w] == nil; i += len(errs) {
				errs[w] = s.plantSmall(i, runs)
			}
		})
	}
	writers.Wait()
	return errors.Join(errs...)
}

// plantSmall writes run i of a sweep project. The same number gives the same run.
func (s *sweep) plantSmall(i, runs int) error {
	perDay := max(20, (runs+sweepDays-1)/sweepDays)
	started := time.Date(2025, 11, 1+i/perDay, 6, 0, 0, 0, time.UTC).
		Add(time.Duration(i%perDay) * 15 * time.Hour / time.Duration(perDay))
	digest := sha256.Sum256([]byte(strconv.Itoa(i)))
	random := rand.New(rand.NewPCG(uint64(i), 17))
	run := *s.like
	run.ID, run.Started, run.Ended = format.IDOf(started, digest[:]), started, started.Add(90*time.Second)
	run.Params = format.Params{
		"lr": []float64{0.1, 0.03, 0.01, 0.003, 0.001}[i%5], "batch_size": int64(16 << (i / 5 % 4)), "seed": int64(i % 10),
		"model": map[string]any{"kind": []string{"mlp", "resnet", "vit"}[i/20%3], "dropout": float64(i/60%6) / 10},
	}
	points := format.NewPointSorter("")
	defer func() { _ = points.Close() }()
	run.Metrics = map[string]format.Metric{}
	for k, key := range []string{"val/loss", "val/acc", "train/loss", "train/acc"} {
		v := []float64{0.4, 0.93, 0.2, 0.98}[k] * (1 + 0.05*random.NormFloat64())
		if err := points.Add(key, format.Point{Time: run.Ended.UnixMicro(), Value: v}); err != nil {
			return err
		}
		run.Metrics[key] = format.Metric{Last: v, Count: 1}
	}
	var parquet bytes.Buffer
	if err := points.WriteParquet(&parquet); err != nil {
		return err
	}
	sum := sha256.Sum256(parquet.Bytes())
	run.Files = map[string]format.File{
		"metrics.parquet": {SHA256: hex.EncodeToString(sum[:]), Bytes: int64(parquet.Len()), Rows: points.Rows()},
	}
	record, err := format.EncodeRun(&run)
	if err != nil {
		return err
	}
	dir := s.repo.RunDir(run.ID)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "metrics.parquet"), parquet.Bytes(), 0o666); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "run.toml"), record, 0o666)
}
