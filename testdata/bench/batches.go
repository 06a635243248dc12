package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// batches measures what a commit of a sweep leaves in Git with batches, and what a clone of it takes. The baseline is
// the same with a folder for each run.
func (b *bench) batches(large bool) error {
	counts := []int{1000}
	if large {
		counts = append(counts, 20_000)
	}
	for _, count := range counts {
		single, err := b.committedRuns(count, 0)
		if err != nil {
			return err
		}
		batched, err := b.committedRuns(count, 20)
		if err != nil {
			return err
		}
		for _, c := range []struct {
			name string
			of   *committedRuns
		}{{"folders", single}, {"batches", batched}} {
			fmt.Printf("%6d runs in %s: %d files, %s in the remote after gc (%.2f x); clone %s (%.2f x); ls in it %s, "+
				"then %s\n", count, c.name, c.of.files, mb(c.of.bytes), float64(c.of.bytes)/float64(single.bytes),
				ms(c.of.clone.cpu), ratio(c.of.clone.cpu, single.clone.cpu), ms(c.of.cold.cpu), ms(c.of.warm.cpu))
		}
	}
	return nil
}

// committedRuns is what commit, push, gc, clone and the first two lists of the clone gave.
type committedRuns struct {
	files             int
	bytes             int64
	clone, cold, warm sample
}

func (b *bench) committedRuns(count, batch int) (*committedRuns, error) {
	dir := filepath.Join(b.dir, fmt.Sprintf("batch-%d-%d", count, batch))
	if err := b.writeSweepProject(dir, 0); err != nil {
		return nil, err
	}
	days := 1
	if count > 1000 {
		days = sweepDays
	}
	if err := b.plantAll(dir, count, days); err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	config := filepath.Join(dir, ".runs", "config.toml")
	text, err := os.ReadFile(config)
	if err != nil {
		return nil, err
	}
	text = append(text, "\n[commit]\nbatch = "+strconv.Itoa(batch)+"\n"...)
	if err := os.WriteFile(config, text, 0o666); err != nil {
		return nil, err
	}
	remote := dir + ".git"
	if _, err := calls(dir, []string{b.runs, "commit"}, []string{b.runs, "push"}); err != nil {
		return nil, err
	}
	if _, err := calls(remote, []string{"git", "gc", "-q"}); err != nil {
		return nil, err
	}
	c := &committedRuns{}
	listed, err := measure(remote, nil, "git", "ls-tree", "-r", "--name-only", "main", ".runs")
	if err != nil {
		return nil, err
	}
	c.files = strings.Count(listed.out, ".runs/20")
	packs, err := filepath.Glob(filepath.Join(remote, "objects", "pack", "*.pack"))
	if err != nil {
		return nil, err
	}
	for _, name := range packs {
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		c.bytes += info.Size()
	}
	clone := dir + "-clone"
	defer func() { _ = os.RemoveAll(clone) }()
	if c.clone, err = measure(b.dir, nil, "git", "clone", "-q", "--no-local", remote, clone); err != nil {
		return nil, err
	}
	time.Sleep(2 * time.Second) // the index does not remember what has only just been written
	if c.cold, err = measure(clone, nil, b.runs, "ls"); err != nil {
		return nil, err
	}
	c.warm, err = measure(clone, nil, b.runs, "ls")
	return c, err
}

// plantAll writes the runs of a sweep over some days.
func (b *bench) plantAll(dir string, count, days int) error {
	s, err := b.newSweep(dir, time.Minute)
	if err != nil {
		return err
	}
	s.like.Group, s.like.Metrics = "grid", nil
	for i := range count {
		if err := s.plantSmall(i, count*sweepDays/days); err != nil {
			return err
		}
	}
	return nil
}
