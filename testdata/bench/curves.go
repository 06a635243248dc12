package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/view"
	"github.com/gitruns/runs/repo/view/curve"
)

// curves measures what a chart asks of repo/view, in this process: the first time, and when the points are in memory.
// The baseline is the SHA-256 of the files, without which no point is read.
func (b *bench) curves() error {
	if err := b.longCurve(); err != nil {
		return err
	}
	for _, c := range []struct{ runs, points int }{{100, 10_000}, {1000, 1000}} {
		if err := b.manyCurves(c.runs, c.points); err != nil {
			return err
		}
	}
	return b.liveCurve()
}

const (
	longPoints = 10_000_000
	longSpike  = 1e6
)

// longCurve draws one curve of ten million points with a spike of one point, three NaN and one infinity.
func (b *bench) longCurve() error {
	dir := filepath.Join(b.dir, "long")
	if err := writeUIProject(dir, 1, 1); err != nil {
		return err
	}
	rp, err := repo.Find(dir)
	if err != nil {
		return err
	}
	entries, _, err := rp.List(context.Background())
	if err != nil {
		return err
	}
	e := entries[0]
	least, most, err := plantLongCurve(e)
	if err != nil {
		return err
	}
	runtime.GC()
	return withView(rp, func(v *view.View) error {
		before := heap()
		q := view.CurvesQuery{Metric: "loss", Buckets: 800}
		answer, err := b.ask(v, "1 curve of 10,000,000 points", filepath.Join(e.Dir, "metrics.parquet"), q)
		if err != nil {
			return err
		}
		got := readExtremes(answer)
		fmt.Printf("%-35s extremes as recorded: %t; %d NaN, %d infinities; memory of the cache %s\n", "",
			got.least == least && got.most == most, got.nan, got.inf, mb(heap()-before))
		return nil
	})
}

// plantLongCurve replaces the points of a run. It returns the extremes of the finite ones.
func plantLongCurve(e *repo.Entry) (least, most float64, err error) {
	sorter := format.NewPointSorter(os.TempDir())
	defer func() { _ = sorter.Close() }()
	random := rand.New(rand.NewPCG(1, 2))
	at := e.Started.UnixMicro()
	least, most = math.Inf(1), math.Inf(-1)
	for i := range longPoints {
		value := random.NormFloat64()
		switch i {
		case 1_234_567:
			value = longSpike
		case 2_000_000, 5_000_000, 9_999_999:
			value = math.NaN()
		case 7_654_321:
			value = math.Inf(1)
		}
		if !math.IsNaN(value) && !math.IsInf(value, 0) {
			least, most = min(least, value), max(most, value)
		}
		at += 20_000 + int64(random.IntN(600))
		if err := sorter.Add("loss", format.Point{Step: int64(i), Time: at, Value: value}); err != nil {
			return 0, 0, err
		}
	}
	var file bytes.Buffer
	if err := sorter.WriteParquet(&file); err != nil {
		return 0, 0, err
	}
	sum := sha256.Sum256(file.Bytes())
	e.Files["metrics.parquet"] = format.File{
		SHA256: hex.EncodeToString(sum[:]), Bytes: int64(file.Len()), Rows: longPoints,
	}
	e.Metrics = map[string]format.Metric{"loss": {
		Last: math.NaN(), Count: longPoints, Min: &format.Extreme{Value: least}, Max: &format.Extreme{Value: most},
	}}
	data, err := format.EncodeRun(e.Run)
	if err == nil {
		err = os.WriteFile(filepath.Join(e.Dir, "run.toml"), data, 0o666)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(e.Dir, "metrics.parquet"), file.Bytes(), 0o666)
	}
	return least, most, err
}

func (b *bench) manyCurves(runs, points int) error {
	dir := filepath.Join(b.dir, fmt.Sprintf("curves-%d", runs))
	if err := writeUIProject(dir, runs, points); err != nil {
		return err
	}
	rp, err := repo.Find(dir)
	if err != nil {
		return err
	}
	return withView(rp, func(v *view.View) error {
		name := fmt.Sprintf("%d curves of %d points", runs, points)
		_, err := b.ask(v, name, filepath.Join(dir, ".runs", "*", "*", "metrics.parquet"),
			view.CurvesQuery{Metric: "val/loss", Buckets: 800})
		return err
	})
}

// ask asks a question, again, of a part of the axis, and smoothed. It prints the times and the size of the answer.
func (b *bench) ask(v *view.View, name, files string, q view.CurvesQuery) ([]byte, error) {
	base, err := hashTime(files)
	if err != nil {
		return nil, err
	}
	var answer []byte
	once := func(q view.CurvesQuery) (time.Duration, error) {
		began := time.Now()
		answer, err = v.Curves(context.Background(), q)
		return time.Since(began), err
	}
	first, err := once(q)
	if err != nil {
		return nil, err
	}
	size := int64(len(answer))
	var packed bytes.Buffer
	w, _ := gzip.NewWriterLevel(&packed, gzip.BestSpeed) // a known level
	_, _ = w.Write(answer)
	_ = w.Close()
	zoomed, smoothed := q, q
	zoomed.Range = curve.Range{From: 1000, To: 30_000, Some: true, Neighbours: true}
	smoothed.Smooth = 0.9
	var times []string
	for _, q := range []view.CurvesQuery{zoomed, smoothed, q} {
		took, err := once(q)
		if err != nil {
			return nil, err
		}
		times = append(times, ms(took))
	}
	fmt.Printf("%-35s first %s, %.1f x SHA-256 of the files (%s); zoomed %s, smoothed %s, again %s; %s, gzip %s\n", name,
		ms(first), float64(first)/float64(base), ms(base), times[0], times[1], times[2], mb(size), mb(int64(packed.Len())))
	return answer, nil
}

// liveCurve draws one of twelve metrics of a run in progress with 100,000 steps, and then one more point at a time.
func (b *bench) liveCurve() error {
	dir, err := b.project()
	if err != nil {
		return err
	}
	rp, err := repo.Find(dir)
	if err != nil {
		return err
	}
	a, err := rp.Start(context.Background(), &format.Run{}, format.OwnerDetached)
	if err != nil {
		return err
	}
	log := func(from, to int64) error {
		var lines []*format.Line
		for step := from; step < to; step++ {
			l := &format.Line{Time: time.Now().UnixMicro(), HasStep: true, Step: step}
			for _, m := range uiMetrics {
				l.Metrics = append(l.Metrics, format.MetricValue{Key: m.key, Value: m.first})
			}
			lines = append(lines, l)
		}
		return a.AppendShared(lines...)
	}
	const steps = 100_000
	for from := int64(0); from < steps; from += 1000 {
		if err := log(from, from+1000); err != nil {
			return err
		}
	}
	return withView(rp, func(v *view.View) error {
		began := time.Now()
		if _, err := v.Curves(context.Background(), view.CurvesQuery{Metric: "val/loss"}); err != nil {
			return err
		}
		first := time.Since(began)
		var sum time.Duration
		var size int
		const more = 60
		for i := range int64(more) {
			if err := log(steps+i, steps+i+1); err != nil {
				return err
			}
			q := view.CurvesQuery{Metric: "val/loss", Runs: []string{a.ID}, After: []float64{float64(steps + i - 1)}}
			began := time.Now()
			answer, err := v.Curves(context.Background(), q)
			if err != nil {
				return err
			}
			sum += time.Since(began)
			size = len(answer)
		}
		fmt.Printf("%-35s first %s; one point more %s, %d bytes\n", "live, 1,200,000 points in 12 metrics", ms(first),
			ms(sum/more), size)
		return nil
	})
}

func withView(rp *repo.Repository, use func(*view.View) error) error {
	v, err := view.Open(context.Background(), rp, view.Options{})
	if err != nil {
		return err
	}
	defer v.Close()
	return use(v)
}

// hashTime returns how long the SHA-256 of some files takes, once they are in the page cache.
func hashTime(pattern string) (took time.Duration, err error) {
	names, err := filepath.Glob(pattern)
	if err != nil {
		return 0, err
	}
	for range 2 {
		began := time.Now()
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				return 0, err
			}
			_ = sha256.Sum256(data)
		}
		took = time.Since(began)
	}
	return took, nil
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

type extremes struct {
	least, most float64
	nan, inf    int
}

// readExtremes reads an answer with one curve, whose cells have several points each.
func readExtremes(answer []byte) extremes {
	length := int(binary.LittleEndian.Uint32(answer))
	var head curve.Head
	if json.Unmarshal([]byte(strings.TrimSpace(string(answer[8:8+length]))), &head) != nil {
		return extremes{}
	}
	line := head.Curves[0]
	at := 8 + length + 8*head.Places + 8*line.Cells // behind the places and the last values
	e := extremes{math.Inf(1), math.Inf(-1), line.NaN, line.Inf}
	for i := range 2 * line.Cells {
		v := math.Float64frombits(binary.LittleEndian.Uint64(answer[at+8*i:]))
		e.least, e.most = min(e.least, v), max(e.most, v)
	}
	return e
}
