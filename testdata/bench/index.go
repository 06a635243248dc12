package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// index measures what lists, selectors and completion cost beside many runs: with the index, without it, and when it
// must be made. The figures are processor times of whole processes, which another load disturbs least.
func (b *bench) index(large bool) error {
	sizes := []int{1000, 10_000}
	if large {
		sizes = append(sizes, 100_000)
	}
	for _, runs := range sizes {
		dir := filepath.Join(b.dir, "sweep-"+strconv.Itoa(runs))
		if err := b.writeSweepProject(dir, runs); err != nil {
			return err
		}
		if err := b.indexOf(dir, runs); err != nil {
			return err
		}
		for _, path := range []string{dir, dir + ".git"} {
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// indexOf measures a project with so many runs.
func (b *bench) indexOf(dir string, runs int) error {
	time.Sleep(time.Second) // folders that are younger are looked at again
	list := []string{b.runs, "ls", "-n", "5"}
	cold, err := measure(dir, nil, list...)
	if err != nil {
		return err
	}
	plain, err := fastest(dir, []string{"RUNS_INDEX=0"}, 2, list...)
	if err != nil {
		return err
	}
	git, err := fastest(dir, nil, 20, revParse...)
	if err != nil {
		return err
	}
	show := func(what string, s sample) {
		fmt.Printf("index, %7d runs, %-22s %s, %s resident; %.1f x git rev-parse, %.3f x ls without the index\n", runs,
			what, ms(s.cpu), mb(s.rss), float64(s.cpu)/float64(git.cpu), float64(s.cpu)/float64(plain.cpu))
	}
	show("ls without the index", plain)
	show("ls, made anew", cold)
	for _, part := range []struct {
		what string
		args []string
	}{
		{"ls", []string{"ls", "-n", "5"}},
		{"ls -w", []string{"ls", "-w", "lr = 0.1 and val/loss < 0.4", "-n", "5"}},
		{"ls --sort", []string{"ls", "--sort", "val/loss", "-n", "5"}},
		{"show @", []string{"show", "@"}},
		{"completion", []string{"__complete", "show", ""}},
		{"status", []string{"status"}},
	} {
		s, err := fastest(dir, nil, 7, append([]string{b.runs}, part.args...)...)
		if err != nil {
			return err
		}
		show(part.what, s)
	}
	var later []sample
	for range 5 {
		if _, err := measure(dir, nil, b.runs, "log", "val/loss=0.5"); err != nil {
			return err
		}
		s, err := measure(dir, nil, list...)
		if err != nil {
			return err
		}
		later = append(later, s)
	}
	show("ls, one new run later", least(later))
	return nil
}

// fastest runs a command n times and returns the sample with the least processor time.
func fastest(dir string, env []string, n int, args ...string) (sample, error) {
	var all []sample
	for range n {
		s, err := measure(dir, env, args...)
		if err != nil {
			return sample{}, err
		}
		all = append(all, s)
	}
	return least(all), nil
}

func least(all []sample) sample {
	return slices.MinFunc(all, func(a, b sample) int { return int(a.cpu - b.cpu) })
}
