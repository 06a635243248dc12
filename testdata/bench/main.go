// Command bench measures runs as a process. It prints each figure with its ratio to a baseline that ran alternately:
//
//	go run ./testdata/bench [log] [start] [record] [finish] [points] [read] [ls] [chains] [source] [data]
//	    [environment] [compare] [commit] [push] [stream] [growth] [verify] [secret] [store] [import] [mlflow] [verdicts]
//	    [curves] [index] [sparse] [worktrees] [overview] [models] [-large]
//
// It can also make a project to try the page of runs with, where each run has 12 params and 12 metrics:
//
//	go run ./testdata/bench ui-project RUNS DIR [POINTS]
//
// and a project with the runs of a sweep, with a remote beside it, for what 100,000 runs cost:
//
//	go run ./testdata/bench sweep-project RUNS DIR
package main

import (
	"context"
	"errors"
	"flag"
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
	"syscall"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

func main() {
	large := flag.Bool("large", false, "finish 10 million points, and commit 100,000 runs, too")
	one := flag.Bool("measure", false, "run the command that follows and print its time in ns, its memory in bytes "+
		"and its processor time in ns")
	flag.Parse()
	if *one {
		if err := measureHere(flag.Args()); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	if flag.Arg(0) == "ui-project" {
		if err := makeUIProject(flag.Args()[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	b := &bench{}
	if err := b.run(flag.Args(), *large); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type bench struct{ dir, runs string }

func (b *bench) run(parts []string, large bool) (err error) {
	if b.dir, err = os.MkdirTemp("", "runs-bench-"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(b.dir) }()
	b.runs = filepath.Join(b.dir, "runs")
	if err := build(b.runs, "./cmd/runs"); err != nil {
		return err
	}
	if len(parts) > 0 && parts[0] == "sweep-project" {
		return b.makeSweepProject(parts[1:])
	}
	fmt.Printf("%s/%s, %d processors, %s\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	for _, part := range []struct {
		name string
		run  func() error
	}{
		{"log", b.log},
		{"start", b.ladder},
		{"record", func() error { return b.recordBeside(large) }},
		{"finish", func() error { return b.finish(large) }},
		{"points", b.points},
		{"read", b.read},
		{"ls", b.ls},
		{"chains", b.chains},
		{"source", b.source},
		{"data", b.data},
		{"environment", b.environment},
		{"compare", b.compare},
		{"commit", b.commit},
		{"push", b.push},
		{"https", b.https},
		{"stream", func() error { return b.stream(large) }},
		{"growth", b.growth},
		{"verify", b.verify},
		{"secret", b.secret},
		{"store", b.store},
		{"import", b.imports},
		{"mlflow", b.mlflow},
		{"verdicts", b.verdicts},
		{"curves", b.curves},
		{"index", func() error { return b.index(large) }},
		{"sparse", func() error { return b.sparse(large) }},
		{"worktrees", b.worktrees},
		{"overview", func() error { return b.overview(large) }},
		{"models", b.models},
		{"watch", b.watch},
		{"batches", func() error { return b.batches(large) }},
	} {
		if len(parts) > 0 && !slices.Contains(parts, part.name) {
			continue
		}
		if err := part.run(); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

// project creates a Git project with one commit and a repository of runs.
func (b *bench) project() (string, error) {
	dir, err := os.MkdirTemp(b.dir, "project-")
	if err != nil {
		return "", err
	}
	for _, args := range [][]string{
		{"git", "init", "-q"},
		{"git", "-c", "user.name=b", "-c", "user.email=b@example.org", "commit", "-q", "--allow-empty", "-m", "x"},
		{b.runs, "init"},
	} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	return dir, nil
}

// sample is the wall time of a process, its processor time and its maximum resident memory in bytes.
type sample struct {
	wall, cpu time.Duration
	rss       int64
	out       string
}

// measure runs a command from a small process of its own, because the system's figure for the memory of a process
// includes that of the process that started it.
func measure(dir string, env []string, args ...string) (sample, error) {
	self, err := os.Executable()
	if err != nil {
		return sample{}, err
	}
	cmd := exec.Command(self, append([]string{"-measure", "--"}, args...)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var out, figures strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &figures
	if err := cmd.Run(); err != nil {
		return sample{}, fmt.Errorf("%v: %w: %s", args, err, figures.String())
	}
	s := sample{out: out.String()}
	lines := strings.Split(strings.TrimSpace(figures.String()), "\n")
	_, err = fmt.Sscan(lines[len(lines)-1], (*int64)(&s.wall), &s.rss, (*int64)(&s.cpu))
	return s, err
}

func measureHere(args []string) error {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start)
	if err != nil {
		return err
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return errors.New("this system does not report the memory of a process")
	}
	fmt.Fprintln(
		os.Stderr, int64(wall), usage.Maxrss<<10, int64(cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()),
	)
	return nil
}

// pairs runs a command and its baseline alternately, and returns the medians.
func pairs(n int, dir string, env, command, baseline []string) (a, base sample, err error) {
	var as, bs []sample
	for i := range n + 3 {
		x, err := measure(dir, env, command...)
		if err != nil {
			return a, base, err
		}
		y, err := measure(dir, env, baseline...)
		if err != nil {
			return a, base, err
		}
		if i >= 3 { // the first ones warm the caches
			as, bs = append(as, x), append(bs, y)
		}
	}
	median := func(s []sample) sample {
		slices.SortFunc(s, func(x, y sample) int { return int(x.cpu - y.cpu) })
		cpu := s[len(s)/2].cpu
		slices.SortFunc(s, func(x, y sample) int { return int(x.wall - y.wall) })
		m := s[len(s)/2]
		m.cpu = cpu
		return m
	}
	return median(as), median(bs), nil
}

func ms(d time.Duration) string {
	return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 2, 64) + " ms"
}

func mb(n int64) string { return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) + " MB" }

var revParse = []string{"git", "rev-parse", "HEAD"}

func (b *bench) log() error {
	dir, err := b.project()
	if err != nil {
		return err
	}
	started, err := measure(dir, nil, b.runs, "start")
	if err != nil {
		return err
	}
	id := strings.TrimSpace(started.out)
	folder := filepath.Join(dir, ".runs", "active", id)
	env := []string{"RUNS_ID=" + id, "RUNS_DIR=" + folder}
	call := []string{b.runs, "log", "--step", "1", "loss=0.5", "acc=0.9"}
	a, base, err := pairs(100, dir, env, call, revParse)
	if err != nil {
		return err
	}
	fmt.Printf(
		"log, a call inside a run            %s, %s resident; %.2f x git rev-parse (%s)\n", ms(a.wall), mb(a.rss),
		float64(a.wall)/float64(base.wall), ms(base.wall),
	)
	matches, err := filepath.Glob(filepath.Join(folder, "journal-*-cli0.jsonl"))
	if err != nil || len(matches) != 1 {
		return fmt.Errorf("no journal of calls: %v", err)
	}
	f, err := os.OpenFile(matches[0], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	var buf []byte
	for i := range int64(100_000) {
		buf = format.AppendLine(
			buf,
			&format.Line{
				Time: 1764000000_000000 + i, HasStep: true, Step: i,
				Metrics: []format.MetricValue{{Key: "loss", Value: 0.5}, {Key: "acc", Value: 0.9}},
			},
		)
	}
	if _, err := f.Write(buf); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	later, base, err := pairs(100, dir, env, call, revParse)
	if err != nil {
		return err
	}
	fmt.Printf(
		"log, the 100,000th call             %s; %.2f x git rev-parse, %.2f x the first calls\n", ms(later.wall),
		float64(later.wall)/float64(base.wall), float64(later.wall)/float64(a.wall),
	)
	return nil
}

// The kinds of values that training writes.
const (
	noise = "float64 with noise in every bit"
	mixed = "what training writes"
)

// value returns metric k of ten at a step. The mixed kind has losses and norms that were float32 in the framework,
// means over an epoch in float64, shares of correct answers, and a schedule of learning rates.
func value(kind string, k int, step, steps int64, r *rand.Rand) float64 {
	x := math.Exp(-3*float64(step)/float64(steps)*float64(k+1)/5) + 0.05*r.NormFloat64()
	if kind == noise {
		return x
	}
	switch k {
	case 0, 1, 2, 3, 4:
		return float64(float32(x))
	case 5, 6:
		return math.Round((1-x/2)*10_000) / 10_000
	case 7:
		return 1e-3 * (1 + math.Cos(math.Pi*float64(step)/float64(steps))) / 2
	}
	return x
}

// record writes points into a run as a program does: one line per step, with ten metrics.
func (b *bench) record(dir, kind string, steps int64) (*repo.Active, error) {
	rp, err := repo.Find(dir)
	if err != nil {
		return nil, err
	}
	a, err := rp.Start(context.Background(), &format.Run{}, format.OwnerDetached)
	if err != nil {
		return nil, err
	}
	j, err := a.OpenJournal()
	if err != nil {
		return nil, err
	}
	r := rand.New(rand.NewPCG(1, 2))
	now := int64(1764000000_000000)
	l := &format.Line{HasStep: true}
	for step := range steps {
		now += 20_000 + int64(r.ExpFloat64()*300) // a step of 20 ms, with the jitter of a quiet machine
		l.Step, l.Time, l.Metrics = step, now, l.Metrics[:0]
		for k := range 10 {
			l.Metrics = append(
				l.Metrics,
				format.MetricValue{Key: fmt.Sprintf("metric/%d", k), Value: value(kind, k, step, steps, r)},
			)
		}
		if err := j.Append(l); err != nil {
			return nil, err
		}
	}
	return a, j.Close()
}

func (b *bench) finish(large bool) error {
	for _, c := range []struct {
		kind  string
		steps int64
	}{{mixed, 100_000}, {noise, 100_000}, {mixed, 1_000_000}} {
		if c.steps > 100_000 && !large {
			continue
		}
		dir, err := b.project()
		if err != nil {
			return err
		}
		a, err := b.record(dir, c.kind, c.steps)
		if err != nil {
			return err
		}
		journal, err := filepath.Glob(filepath.Join(a.Dir, "journal-*.jsonl"))
		if err != nil || len(journal) != 1 {
			return errors.New("no journal")
		}
		before, err := os.Stat(journal[0])
		if err != nil {
			return err
		}
		base, err := measure(dir, nil, "sha256sum", journal[0])
		if err != nil {
			return err
		}
		s, err := measure(dir, nil, b.runs, "finish", a.ID)
		if err != nil {
			return err
		}
		parquet, err := filepath.Glob(filepath.Join(dir, ".runs", "2*", a.ID, "metrics.parquet"))
		if err != nil || len(parquet) != 1 {
			return errors.New("no metrics.parquet")
		}
		info, err := os.Stat(parquet[0])
		if err != nil {
			return err
		}
		fmt.Printf(
			"finish of %dM points, %s: %.2f s, %s resident; %.1f x sha256sum of the journal (%.2f s)\n",
			c.steps/100_000,
			c.kind,
			s.wall.Seconds(),
			mb(s.rss),
			float64(s.wall)/float64(base.wall),
			base.wall.Seconds(),
		)
		fmt.Printf(
			"  bytes per point                   %.2f; %.3f of the journal\n",
			float64(info.Size())/float64(c.steps*10), float64(info.Size())/float64(before.Size()),
		)
	}
	return nil
}

func (b *bench) read() error {
	dir, err := b.project()
	if err != nil {
		return err
	}
	a, err := b.record(dir, mixed, 100_000)
	if err != nil {
		return err
	}
	ctx := context.Background()
	if _, err := a.Finish(ctx, repo.Finish{}); err != nil {
		return err
	}
	e, err := a.Repository().Read(ctx, a.ID)
	if err != nil {
		return err
	}
	var one, all []time.Duration
	for range 30 {
		start := time.Now()
		if points, err := e.Points(ctx, "metric/5"); err != nil || len(points) != 100_000 {
			return fmt.Errorf("%d points: %w", len(points), err)
		}
		one = append(one, time.Since(start))
		start = time.Now()
		if err := e.EachPoints(ctx, func(string, []format.Point) error { return nil }); err != nil {
			return err
		}
		all = append(all, time.Since(start))
	}
	slices.Sort(one)
	slices.Sort(all)
	fmt.Printf(
		"reading one key of 1M points        %s with its digest verified; %.2f x reading all keys (%s)\n",
		ms(one[15]), float64(one[15])/float64(all[15]), ms(all[15]),
	)
	return nil
}

func (b *bench) ls() error {
	dir, err := b.project()
	if err != nil {
		return err
	}
	rp, err := repo.Find(dir)
	if err != nil {
		return err
	}
	for i := range 1000 {
		if err := plant(rp, i); err != nil {
			return err
		}
	}
	for _, c := range []struct {
		name string
		args []string
	}{
		{"ls of 1,000 runs", nil},
		{"  -w", []string{"-w", "metrics.rmse < 0.8 and params.model.kind = 'mlp'"}},
		{"  --sort", []string{"--sort", "rmse"}},
		{"  --json", []string{"--json"}},
	} {
		a, base, err := pairs(20, dir, nil, append([]string{b.runs, "ls"}, c.args...), revParse)
		if err != nil {
			return err
		}
		fmt.Printf(
			"%-35s %s, %s resident; %.1f x git rev-parse (%s)\n", c.name, ms(a.wall), mb(a.rss),
			float64(a.wall)/float64(base.wall), ms(base.wall),
		)
	}
	return nil
}

// plant writes a finished run with an ordinary record.
func plant(rp *repo.Repository, i int) error {
	started := time.Date(2026, 11, 1+i/50, 10, 0, i%50, 0, time.UTC)
	code := int64(0)
	hash := strings.Repeat("0123456789abcdef", 4)
	run := &format.Run{
		ID: format.NewID(started), Experiment: "penguins", Status: format.Finished, Started: started,
		Ended: started.Add(time.Minute), Author: "Ada <ada@example.org>",
		Command: []string{"python", "train.py", "--lr", "0.1"}, ExitCode: &code,
		Params: map[string]any{
			"lr": 0.1 / float64(1+i%7), "batch_size": int64(32), "epochs": int64(100), "seed": int64(i),
			"model": map[string]any{"kind": "mlp", "layers": []any{int64(64), int64(64)}},
		},
		Tags:    map[string]string{"host": "gpu"},
		Metrics: map[string]format.Metric{},
		Source: &format.Source{
			Commit: hash[:40], Branch: "main", Remote: "https://example.org/team/project.git", Tree: hash[:40],
			Base: hash[:40], Patches: []string{hash}, Entry: "train.py",
		},
		Environment: &format.Environment{
			Digest: hash, Python: "3.11.7", OS: "linux", Arch: "amd64",
			Variables: map[string]string{"SLURM_JOB_ID": "7"},
		},
		Machine:   &format.Machine{Host: "gpu-7", Kernel: "Linux 6.1", CPU: "EPYC", Cores: 8, Memory: 1 << 36},
		Datasets:  []format.Dataset{{Name: "train", Path: "data/train.csv", SHA256: hash, Bytes: 13478, Files: 1}},
		Artifacts: []format.Artifact{{Path: "model.bin", SHA256: hash, Bytes: 4096}},
		Files:     map[string]format.File{"metrics.parquet": {SHA256: hash, Bytes: 1260, Rows: 12}},
	}
	for k, key := range []string{"rmse", "val/loss", "val/acc", "train/loss", "lr"} {
		v := float64(i%100)/100 + float64(k)
		run.Metrics[key] = format.Metric{
			Last: v, Min: &format.Extreme{Value: v / 2, Step: 900}, Max: &format.Extreme{Value: v + 1, Step: 1},
			Count: 1000, Goal: "min",
		}
	}
	data, err := format.EncodeRun(run)
	if err != nil {
		return err
	}
	dir := filepath.Join(rp.Dir, format.IDDay(run.ID), run.ID)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "run.toml"), data, 0o666)
}
