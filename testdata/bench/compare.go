package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// compare measures diff, review, and the textconv that git log calls.
func (b *bench) compare() error {
	if err := b.diffLarge(); err != nil {
		return err
	}
	dir, err := b.project()
	if err != nil {
		return err
	}
	for i, lr := range []string{"1", "2"} {
		if err := inDir(
			dir, b.runs, "log", "--name", "r"+strconv.Itoa(i), "rmse=1."+strconv.Itoa(i), "acc=0.5", "-p", "lr="+lr,
		); err != nil {
			return err
		}
	}
	a, base, err := pairs(20, dir, nil, []string{b.runs, "diff", "r0", "r1"}, revParse)
	if err != nil {
		return err
	}
	fmt.Printf(
		"diff of two ordinary runs           %s, %s resident; %.2f x git rev-parse (%s)\n", ms(a.wall), mb(a.rss),
		float64(a.wall)/float64(base.wall), ms(base.wall),
	)
	if err := b.textconv(); err != nil {
		return err
	}
	return b.review()
}

// diffLarge measures the diff of two runs with 1M points each.
func (b *bench) diffLarge() error {
	dir, err := b.project()
	if err != nil {
		return err
	}
	for i := range 2 {
		out, err := exec.Command(b.runs, "-C", dir, "start", "--name", "r"+strconv.Itoa(i)).Output()
		if err != nil {
			return err
		}
		id := strings.TrimSpace(string(out))
		if err := writePoints(filepath.Join(dir, ".runs", "active", id), 10, 100_000, float64(i)); err != nil {
			return err
		}
		if err := inDir(dir, b.runs, "finish", id); err != nil {
			return err
		}
	}
	a, base, err := pairs(7, dir, nil, []string{b.runs, "diff", "r0", "r1"}, revParse)
	if err != nil {
		return err
	}
	fmt.Printf(
		"diff of two runs of 1M points each  %s, %s resident; %.0f x git rev-parse (%s)\n", ms(a.wall), mb(a.rss),
		float64(a.wall)/float64(base.wall), ms(base.wall),
	)
	return nil
}

// writePoints writes a closed journal with keys times steps points.
func writePoints(folder string, keys, steps int, offset float64) error {
	var buf []byte
	for step := range steps {
		l := &format.Line{Time: 1764000000_000000 + int64(step)*20_000, HasStep: true, Step: int64(step)}
		for k := range keys {
			l.Metrics = append(
				l.Metrics, format.MetricValue{Key: fmt.Sprintf("loss%d", k), Value: offset + 1/float64(step+k+1)},
			)
		}
		buf = format.AppendLine(buf, l)
	}
	buf = format.AppendLine(buf, &format.Line{Time: 1764100000_000000, Event: format.EventEnd})
	return os.WriteFile(filepath.Join(folder, "journal-bench.jsonl"), buf, 0o666)
}

// textconv measures git log -p over 100 commits with one run each. The baseline starts runs once for each of them.
func (b *bench) textconv() error {
	dir, err := b.project()
	if err != nil {
		return err
	}
	if err := inDir(dir, "git", "config", "diff.runs-metrics.textconv", b.runs+" textconv"); err != nil {
		return err
	}
	for i := range 100 {
		if err := inDir(
			dir, "sh", "-c",
			fmt.Sprintf(
				"echo 'step=1 loss=%d' | '%s' log - >/dev/null && git add -f .runs/2* && git -c user.name=b -c "+
					"user.email=b@example.org commit -q -m run",
				i, b.runs,
			),
		); err != nil {
			return err
		}
	}
	a, base, err := pairs(
		3, dir, nil, []string{"git", "log", "-p"},
		[]string{"sh", "-c", "i=0; while [ $i -lt 100 ]; do '" + b.runs + "' version >/dev/null; i=$((i+1)); done"},
	)
	if err != nil {
		return err
	}
	fmt.Printf(
		"git log -p over 100 runs            %s; %.2f x runs version for each (%s)\n", ms(a.wall),
		float64(a.wall)/float64(base.wall), ms(base.wall),
	)
	return nil
}

// review measures the report on 1,000 runs, half of which are on the base.
func (b *bench) review() error {
	dir, err := b.project()
	if err != nil {
		return err
	}
	if err := inDir(dir, b.runs, "goal", "rmse", "min", "--primary"); err != nil {
		return err
	}
	r, err := repo.Find(dir)
	if err != nil {
		return err
	}
	record := func(n int) error {
		for i := range n {
			id := format.NewID(time.Now().UTC().Truncate(time.Microsecond))
			run := &format.Run{
				ID: id, Status: format.Finished, Started: format.IDTime(id),
				Ended: format.IDTime(id).Add(time.Second), Params: map[string]any{"lr": float64(i)},
				Metrics: map[string]format.Metric{"rmse": {Last: float64(i + n), Count: 1}},
			}
			data, err := format.EncodeRun(run)
			if err != nil {
				return err
			}
			folder := filepath.Join(r.Dir, format.IDDay(id), id)
			if err := os.MkdirAll(folder, 0o777); err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(folder, "run.toml"), data, 0o666); err != nil {
				return err
			}
		}
		return nil
	}
	commit := "git add -A -f .runs && git -c user.name=b -c user.email=b@example.org commit -q -m runs"
	if err := record(500); err != nil {
		return err
	}
	if err := inDir(dir, "sh", "-c", commit+" && git branch base"); err != nil {
		return err
	}
	if err := record(499); err != nil {
		return err
	}
	if err := inDir(dir, "sh", "-c", commit); err != nil {
		return err
	}
	a, base, err := pairs(7, dir, nil, []string{b.runs, "review", "base"}, revParse)
	if err != nil {
		return err
	}
	fmt.Printf(
		"review of 1,000 runs                %s, %s resident; %.0f x git rev-parse (%s)\n", ms(a.wall), mb(a.rss),
		float64(a.wall)/float64(base.wall), ms(base.wall),
	)
	return nil
}
