package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// overview measures the commands that look at all runs of a project: status while no run is committed and after all
// are, groups, the page until it prints its address, and a review of a branch with one run. The figures are processor
// times of whole processes.
func (b *bench) overview(large bool) error {
	sizes := []int{1000, 10_000}
	if large {
		sizes = append(sizes, 100_000)
	}
	for _, runs := range sizes {
		dir := filepath.Join(b.dir, "overview-"+strconv.Itoa(runs))
		if err := b.writeSweepProject(dir, runs); err != nil {
			return err
		}
		if err := b.overviewOf(dir, runs); err != nil {
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

// untilAddress runs "runs ui" until it has printed the address of its page.
const untilAddress = `"$0" ui --no-browser >.address 2>/dev/null & page=$!
until [ -s .address ]; do sleep 0.05; done
kill $page; wait $page; rm .address`

func (b *bench) overviewOf(dir string, runs int) error {
	git, err := fastest(dir, nil, 20, revParse...)
	if err != nil {
		return err
	}
	var last time.Duration // processor time of what was shown last
	run := func(what string, command ...string) error {
		plain, err := fastest(dir, []string{"RUNS_INDEX=0"}, 2, command...)
		if err != nil {
			return err
		}
		s, err := fastest(dir, nil, 5, command...)
		if err != nil {
			return err
		}
		fmt.Printf("overview, %7d runs, %-23s %s, %s resident; %.1f x git rev-parse, %.3f x without the index\n", runs, what,
			ms(s.cpu), mb(s.rss), float64(s.cpu)/float64(git.cpu), float64(s.cpu)/float64(plain.cpu))
		last = s.cpu
		return nil
	}
	show := func(what string, args ...string) error { return run(what, append([]string{b.runs}, args...)...) }
	if _, err := measure(dir, nil, b.runs, "ls", "-n", "1"); err != nil { // writes the index
		return err
	}
	time.Sleep(time.Second) // folders that are younger are looked at again
	for _, one := range [][]string{
		{"status, uncommitted", "status"},
		{"groups of a param", "ls", "--group-by", "params.lr"},
		{"replicates", "ls", "--group-by", "replicates", "-n", "5"},
		{"all lines", "ls"},
	} {
		if err := show(one[0], one[1:]...); err != nil {
			return err
		}
	}
	if err := run("the page, to its address", "sh", "-c", untilAddress, b.runs); err != nil {
		return err
	}
	for _, command := range [][]string{
		{b.runs, "commit"}, {"git", "branch", "-q", "base"}, {b.runs, "log", "val/loss=0.1"}, {b.runs, "commit"},
	} {
		if _, err := measure(dir, nil, command...); err != nil {
			return err
		}
	}
	if err := show("status, committed", "status"); err != nil {
		return err
	}
	return b.reviewOf(runs, show, &last)
}

// reviewOf shows a review that finds its baseline, and one that is told. last has the processor time of the command
// that show has measured.
func (b *bench) reviewOf(runs int, show func(string, ...string) error, last *time.Duration) error {
	review := []string{"review", "base", "--metric", "val/loss"}
	if err := show("review of one run", review...); err != nil {
		return err
	}
	of := *last
	if err := show("its baseline named", append(review, "--baseline", "last~1")...); err != nil {
		return err
	}
	fmt.Printf("overview, %7d runs, a review that finds its baseline: %.1f x one with a baseline\n", runs,
		float64(of)/float64(*last))
	return nil
}
