package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// mlflowScript makes a database as MLflow does, and reads all of its rows.
const mlflowScript = "testdata/bench/mlflow_db.py"

// mlflow measures the import of a database of MLflow's with a million points, and the reading of one with 100,000 runs.
// The baseline is Python's sqlite3 that reads all rows.
func (b *bench) mlflow() error {
	script, err := filepath.Abs(mlflowScript)
	if err != nil {
		return err
	}
	for _, c := range []struct {
		runs, points, rounds int
		flags                string
	}{
		{1000, 1_000_000, 3, ""},
		{100_000, 1_000_000, 1, " --dry-run"},
	} {
		dir, err := b.project()
		if err != nil {
			return err
		}
		path := filepath.Join(dir, "mlflow.db")
		if _, err := measure(dir, nil, "python3", script, path, strconv.Itoa(c.runs), strconv.Itoa(c.points)); err != nil {
			return err
		}
		command := b.importAgain("mlflow mlflow.db" + c.flags)
		var best, base sample
		for i := range c.rounds {
			x, err := measure(dir, nil, command...)
			if err != nil {
				return err
			}
			y, err := measure(dir, nil, "python3", script, path)
			if err != nil {
				return err
			}
			if i == 0 || x.wall < best.wall {
				best = x
			}
			if i == 0 || y.wall < base.wall {
				base = y
			}
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		fmt.Printf("%-35s %s, %s of processor time, %s resident; %.2f x sqlite3 reading its %s (%s)\n",
			fmt.Sprintf("import mlflow%s, %d runs", c.flags, c.runs), ms(best.wall), ms(best.cpu), mb(best.rss),
			float64(best.wall)/float64(base.wall), mb(info.Size()), ms(base.wall))
	}
	return nil
}
