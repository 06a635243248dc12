package main

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/parquet-go/parquet-go"
)

const (
	watchedBytes = 1_000_000_000 // of the CSV file
	watchedRows  = 1_000_000     // of the Parquet file
)

type watchedRow struct {
	Distance float64 `parquet:"distance"`
	Fare     float64 `parquet:"fare"`
	People   int64   `parquet:"people"`
	City     string  `parquet:"city"`
}

// watch measures how long the comparison of a table with the data of a version takes. Both are the same file, which is
// read twice.
func (b *bench) watch() error {
	random := rand.New(rand.NewPCG(1, 1))
	cities := []string{"Amsterdam", "Berlin", "Copenhagen", "Dublin"}
	next := func() watchedRow {
		return watchedRow{random.NormFloat64(), random.ExpFloat64(), random.Int64N(5), cities[random.IntN(len(cities))]}
	}
	table := filepath.Join(b.dir, "watched.csv")
	f, err := os.Create(table)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	n, err := fmt.Fprintln(w, "distance,fare,people,city")
	for written := n; written < watchedBytes && err == nil; written += n {
		r := next()
		n, err = fmt.Fprintf(w, "%.12g,%.12g,%d,%s\n", r.Distance, r.Fare, r.People, r.City)
	}
	if err := errors.Join(err, w.Flush(), f.Close()); err != nil {
		return err
	}
	if err := b.watchFile(table, mb(watchedBytes)+" of CSV"); err != nil {
		return err
	}
	if err := os.Remove(table); err != nil {
		return err
	}
	rows := make([]watchedRow, watchedRows)
	for i := range rows {
		rows[i] = next()
	}
	table = filepath.Join(b.dir, "watched.parquet")
	if err := parquet.WriteFile(table, rows, parquet.Compression(&parquet.Snappy)); err != nil {
		return err
	}
	return b.watchFile(table, fmt.Sprintf("%d rows of Parquet", watchedRows))
}

func (b *bench) watchFile(table, what string) error {
	dir, err := b.project()
	if err != nil {
		return err
	}
	for _, args := range [][]string{
		{"log", "rmse=1", "--artifact", os.Args[0], "--dataset", table, "--name", "one"},
		{"model", "register", "one", "taxi"},
	} {
		if _, err := measure(dir, nil, append([]string{b.runs}, args...)...); err != nil {
			return err
		}
	}
	s, err := measure(dir, nil, b.runs, "model", "watch", "taxi@1", table, "--no-record")
	if err != nil {
		return err
	}
	fmt.Printf("model watch of %s, with as much    %s; processor time %s, memory %s\n",
		what, ms(s.wall), ms(s.cpu), mb(s.rss))
	return nil
}
