package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/repo/capture"
)

// environment measures the capture of a virtual environment with 400 distributions. The baseline is Python, which lists
// the same.
func (b *bench) environment() error {
	dir, err := os.MkdirTemp(b.dir, "environment-")
	if err != nil {
		return err
	}
	venv := filepath.Join(dir, "venv")
	if err := inDir(dir, "python3", "-m", "venv", "--without-pip", venv); err != nil {
		return err
	}
	sites, err := filepath.Glob(filepath.Join(venv, "lib", "python3*", "site-packages"))
	if err != nil || len(sites) != 1 {
		return fmt.Errorf("no site-packages in %s: %v", venv, err)
	}
	for i := range 400 {
		info := filepath.Join(sites[0], fmt.Sprintf("package_%d-1.%d.0.dist-info", i, i))
		if err := os.Mkdir(info, 0o777); err != nil {
			return err
		}
		text := fmt.Sprintf(
			"Metadata-Version: 2.1\nName: package-%d\nVersion: 1.%d.0\n%s", i, i,
			strings.Repeat("Requires-Dist: x\n", 50),
		)
		for _, name := range []string{"METADATA", "RECORD", "WHEEL", "top_level.txt"} {
			if err := os.WriteFile(filepath.Join(info, name), []byte(text), 0o666); err != nil {
				return err
			}
		}
	}
	python := filepath.Join(venv, "bin", "python")
	var times []time.Duration
	found := 0
	for range 30 {
		start := time.Now()
		_, file, packages := capture.Environment(
			context.Background(),
			capture.EnvironmentRequest{Root: dir, Dir: dir, Command: []string{python, "train.py"}},
		)
		packages.Close()
		times = append(times, time.Since(start))
		found = len(file.Packages)
	}
	slices.Sort(times)
	if found != 400 {
		return fmt.Errorf("%d distributions were found, not 400", found)
	}
	list := "import importlib.metadata as m; print(len({d.metadata['Name']: d.version for d in m.distributions()}))"
	var lists []time.Duration
	for range 5 {
		start := time.Now()
		if out, err := exec.Command(python, "-c", list).CombinedOutput(); err != nil ||
			strings.TrimSpace(string(out)) != "400" {
			return fmt.Errorf("python lists %s: %v", out, err)
		}
		lists = append(lists, time.Since(start))
	}
	slices.Sort(lists)
	fmt.Printf(
		"environment of 400 distributions    %s; %.2f x Python listing them (%s)\n", ms(times[len(times)/2]),
		float64(times[len(times)/2])/float64(lists[len(lists)/2]), ms(lists[len(lists)/2]),
	)
	return nil
}
