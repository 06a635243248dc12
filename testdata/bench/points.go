package main

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/gitruns/runs/format"
)

// pointShape is a run whose points are written.
type pointShape struct {
	name  string
	keys  int
	steps int64
	value func(r *rand.Rand, k int, step int64) float64
}

func pointShapes() []pointShape {
	curve := func(r *rand.Rand, k int, step int64) float64 { return value(noise, k, step, 100_000, r) }
	float32s := func(r *rand.Rand, k int, step int64) float64 { return float64(float32(curve(r, k, step))) }
	decimals := func(r *rand.Rand, k int, step int64) float64 { return math.Round(curve(r, k, step)*10_000) / 10_000 }
	return []pointShape{
		{"300 points, float32", 3, 100, float32s},
		{"300 points, float64", 3, 100, curve},
		{"300 points, mixed", 3, 100, func(r *rand.Rand, k int, step int64) float64 {
			return value(mixed, []int{0, 5, 7}[k], step, 100, r)
		}},
		{"1M points, float32", 10, 100_000, float32s},
		{"1M points, float64", 10, 100_000, curve},
		{"1M points, 4 decimals", 10, 100_000, decimals},
	}
}

// points measures the bytes of a point, and the processor time to write points and to read one metric. The baseline is
// the same rows with a general library, in one layout for all.
func (b *bench) points() error {
	for _, s := range pointShapes() {
		ours, wrote, err := encodePoints(s, 1)
		if err != nil {
			return err
		}
		theirs, took, err := writeByLibrary(s)
		if err != nil {
			return err
		}
		m, err := format.OpenMetrics(bytes.NewReader(ours), int64(len(ours)))
		if err != nil {
			return err
		}
		start := processorTime()
		if _, err := m.Points("metric/1"); err != nil {
			return err
		}
		n := float64(int64(s.keys) * s.steps)
		fmt.Printf("%-26s %5.2f bytes a point; %.2f x the library (%.2f); written in %s, %.2f x; one metric read in %s\n",
			s.name, float64(len(ours))/n, float64(len(ours))/float64(len(theirs)), float64(len(theirs))/n, ms(wrote),
			float64(wrote)/float64(took), ms(processorTime()-start))
	}
	return b.batchOfPoints()
}

// draw calls add with the points of a run, as training logs them: one time for all metrics of a step.
func (s pointShape) draw(seed uint64, add func(key string, p format.Point) error) error {
	r := rand.New(rand.NewPCG(seed, 2))
	now := int64(1764000000_000000) + int64(seed)*3_600_000_000
	for step := range s.steps {
		now += 20_000 + int64(r.ExpFloat64()*300)
		for k := range s.keys {
			err := add(fmt.Sprintf("metric/%d", k), format.Point{Step: step, Time: now, Value: s.value(r, k, step)})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func encodePoints(s pointShape, seed uint64) ([]byte, time.Duration, error) {
	sorter := format.NewPointSorter("")
	defer func() { _ = sorter.Close() }()
	if err := s.draw(seed, sorter.Add); err != nil {
		return nil, 0, err
	}
	var file bytes.Buffer
	start := processorTime()
	err := sorter.WriteParquet(&file)
	return file.Bytes(), processorTime() - start, err
}

// libraryRow is a row as version 1 of the format wrote it.
type libraryRow struct {
	Key   string  `parquet:"key,dict,zstd"`
	Step  int64   `parquet:"step,delta,zstd"`
	Time  int64   `parquet:"time,timestamp(microsecond),delta,zstd"`
	Value float64 `parquet:"value,split,zstd"`
}

func writeByLibrary(s pointShape) ([]byte, time.Duration, error) {
	rows := make([][]libraryRow, s.keys)
	err := s.draw(1, func(key string, p format.Point) error {
		k := int(key[len(key)-1] - '0')
		rows[k] = append(rows[k], libraryRow{key, p.Step, p.Time, p.Value})
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	var file bytes.Buffer
	start := processorTime()
	w := parquet.NewGenericWriter[libraryRow](&file,
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedDefault, Concurrency: 1}), parquet.DataPageVersion(1),
		parquet.DataPageStatistics(false), parquet.PageBufferSize(128<<10), parquet.WriteBufferSize(0),
		parquet.SkipPageBounds("value"), parquet.CreatedBy("gitruns", "1", "format"))
	for _, some := range rows {
		if _, err := w.Write(some); err != nil {
			return nil, 0, err
		}
	}
	err = w.Close()
	return file.Bytes(), processorTime() - start, err
}

// batchOfPoints measures 100 runs of 300 points in one file.
func (b *bench) batchOfPoints() error {
	for _, s := range pointShapes()[:3] {
		var file bytes.Buffer
		batch, single := format.NewBatchPoints(&file, false), int64(0)
		for i := range 100 {
			data, _, err := encodePoints(s, uint64(i))
			if err != nil {
				return err
			}
			single += int64(len(data))
			m, err := format.OpenMetrics(bytes.NewReader(data), int64(len(data)))
			if err != nil {
				return err
			}
			id := fmt.Sprintf("20261130-%02d%02d00-%08d", i/60, i%60, i)
			if _, err := batch.Add(context.Background(), id, m); err != nil {
				return err
			}
		}
		if err := batch.Close(); err != nil {
			return err
		}
		fmt.Printf("100 runs of %-20s %5.2f bytes a point in a batch; %.2f x as single files\n", s.name,
			float64(file.Len())/30_000, float64(file.Len())/float64(single))
	}
	return nil
}
