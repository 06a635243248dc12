package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// sparse measures lists in clones that leave runs out. It also measures how long pandas waits for all runs, with
// another pandas that reads one JSON file of the same table.
func (b *bench) sparse(large bool) error {
	sizes := []int{1000, 10_000}
	if large {
		sizes = append(sizes, 100_000)
	}
	for _, runs := range sizes {
		dir, err := b.committedSweep(runs)
		if err == nil {
			err = b.sparseClone(dir, runs)
		}
		if err == nil {
			err = b.toPandas(dir, runs)
		}
		for _, path := range []string{dir, dir + ".git"} {
			if removed := os.RemoveAll(path); err == nil {
				err = removed
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sparseClone measures a clone without the runs and without their content.
func (b *bench) sparseClone(dir string, runs int) error {
	clone := filepath.Join(b.dir, "sparse")
	defer func() { _ = os.RemoveAll(clone) }()
	if _, err := calls(dir+".git", []string{"git", "config", "uploadpack.allowFilter", "true"}); err != nil {
		return err
	}
	full, err := measure(b.dir, nil, "git", "clone", "-q", "file://"+dir+".git", clone)
	if err == nil {
		err = os.RemoveAll(clone)
	}
	if err != nil {
		return err
	}
	cloned, err := measure(b.dir, nil, "git", "clone", "-q", "--filter=blob:none", "--sparse", "file://"+dir+".git", clone)
	if err != nil {
		return err
	}
	list := []string{b.runs, "ls", "-n", "5"}
	first, err := measure(clone, nil, list...)
	if err != nil {
		return err
	}
	again, err := fastest(clone, nil, 3, list...)
	if err != nil {
		return err
	}
	there, err := fastest(dir, nil, 3, list...)
	if err != nil {
		return err
	}
	fmt.Printf("sparse, %7d runs: clone %s, %.3f x a full one; ls first %s, then %s, %.1f x ls of a full clone\n", runs,
		ms(cloned.wall), ratio(cloned.wall, full.wall), ms(first.cpu), ms(again.cpu), ratio(again.cpu, there.cpu))
	return nil
}

// toPandas measures gitruns.runs().to_pandas(), if pandas is installed for BENCH_PYTHON or python3.
func (b *bench) toPandas(dir string, runs int) error {
	python := os.Getenv("BENCH_PYTHON")
	if python == "" {
		python = "python3"
	}
	if _, err := calls(dir, []string{python, "-c", "import pandas"}); err != nil {
		fmt.Println("pandas: skipped, because it is not installed for " + python + "; set BENCH_PYTHON")
		return nil
	}
	source, err := filepath.Abs("python/src")
	if err != nil {
		return err
	}
	got, err := measure(dir, []string{"RUNS_BINARY=" + b.runs, "PYTHONPATH=" + source},
		python, "-W", "ignore", "-c", pandasScript, filepath.Join(b.dir, "table.json"), strconv.Itoa(runs))
	fmt.Print(got.out)
	return err
}

// pandasScript prints processor times, of this process and of the program that it starts. Imports are left out.
const pandasScript = `
import resource, sys
import pandas, gitruns

def cpu():
    both = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, both))

def best(call):
    times = []
    for _ in range(5):
        begin = cpu()
        got = call()
        times.append(cpu() - begin)
    return min(times), got

ours, frame = best(lambda: gitruns.runs().to_pandas())
assert len(frame) >= int(sys.argv[2]), len(frame)
frame.to_json(sys.argv[1], orient="records", date_format="iso")
read, _ = best(lambda: pandas.read_json(sys.argv[1]))
print(f"pandas, {len(frame):7d} runs: to_pandas {ours * 1e3:.0f} ms, {ours / read:.2f} x pandas reading one JSON of it")
`
