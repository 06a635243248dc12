package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// ladder measures what the program takes to start, step by step: an empty program, one with a command line and a TOML
// file, and the program itself. The baseline of each is git rev-parse.
func (b *bench) ladder() error {
	dir, err := b.project()
	if err != nil {
		return err
	}
	steps := [][]string{{filepath.Join(b.dir, "empty")}, {filepath.Join(b.dir, "cobra")}, {b.runs, "--version"}}
	for i, name := range []string{"empty", "cobra"} {
		if err := build(steps[i][0], "./testdata/bench/ladder/"+name); err != nil {
			return err
		}
	}
	for i, name := range []string{"an empty Go program", "with cobra and toml", "runs --version"} {
		a, base, err := pairs(100, dir, nil, steps[i], revParse)
		if err != nil {
			return err
		}
		fmt.Printf("start, %-28s %s processor time; %.2f x git rev-parse (%s)\n", name, ms(a.cpu),
			float64(a.cpu)/float64(base.cpu), ms(base.cpu))
	}
	return nil
}

// build builds a program as it is shipped, without cgo, and copies it. The linker writes through a map of the file,
// which leaves it in the smallest pages of the cache. Those of a file that was copied, as by an installer, are larger,
// and the program starts a quarter faster.
func build(to, program string) error {
	linked := to + ".linked"
	cmd := exec.Command("go", "build", "-o", linked, program)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building: %v\n%s", err, out)
	}
	data, err := os.ReadFile(linked)
	if err == nil {
		err = os.WriteFile(to, data, 0o777)
	}
	return errors.Join(err, os.Remove(linked))
}

// recordBeside measures what it takes to record a run beside many committed ones. The baseline is the same beside none.
func (b *bench) recordBeside(large bool) error {
	counts := []int{10_000}
	if large {
		counts = append(counts, 100_000)
	}
	none, err := b.committedSweep(0)
	if err != nil {
		return err
	}
	for _, count := range counts {
		dir, err := b.committedSweep(count)
		if err != nil {
			return err
		}
		status, _, err := pairs(5, dir, nil, []string{"git", "status", "--porcelain"}, revParse)
		if err != nil {
			return err
		}
		for _, c := range []struct{ name, command string }{
			{"log a=1", `exec "$0" log a=1`},
			{"exec -- true", `exec "$0" exec -- true`},
			{"start, finish", `RUNS_ID=$("$0" start) && "$0" finish "$RUNS_ID"`},
		} {
			in := func(dir string) []string {
				return []string{"sh", "-c", `cd "$1" && ` + c.command, b.runs, dir}
			}
			a, base, err := pairs(20, dir, nil, in(dir), in(none))
			if err != nil {
				return err
			}
			fmt.Printf("%-14s beside %6d committed  %s (%s processor time); %.2f x (%.2f x) beside none; git status %s\n",
				c.name, count, ms(a.wall), ms(a.cpu), ratio(a.wall, base.wall), ratio(a.cpu, base.cpu), ms(status.wall))
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

// committedSweep creates a sweep project whose runs are committed one by one, as plain Git does it, and pushed.
func (b *bench) committedSweep(runs int) (string, error) {
	dir := filepath.Join(b.dir, "committed-"+strconv.Itoa(runs))
	if err := b.writeSweepProject(dir, runs); err != nil {
		return "", err
	}
	_, err := calls(dir, []string{"git", "add", "-f", ".runs/config.toml"})
	if runs > 0 && err == nil {
		_, err = calls(dir, []string{"sh", "-c", "git add -f .runs/20*"})
	}
	if err == nil {
		_, err = calls(dir,
			[]string{"git", "commit", "-q", "--allow-empty", "-m", "runs"},
			[]string{"git", "-c", "pack.window=0", "push", "-q"},
			[]string{"git", "status"}, // refreshes the index
		)
	}
	return dir, err
}
