package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// worktrees records 50 runs in each of 16 linked worktrees at once. Every second worktree is removed when it has
// recorded its runs, while the others go on. Every tenth run is looked for from another worktree at once.
func (b *bench) worktrees() error {
	const trees, runs = 16, 50
	project, err := b.project()
	if err != nil {
		return err
	}
	for _, args := range [][]string{
		{"git", "add", "-A"},
		{"git", "-c", "user.name=b", "-c", "user.email=b@example.org", "commit", "-q", "-m", "runs"},
	} {
		if err := runInFolder(project, args...); err != nil {
			return err
		}
	}
	dirs := []string{project}
	for i := range trees {
		dir := fmt.Sprintf("%s-w%d", project, i)
		if err := runInFolder(project, "git", "worktree", "add", "-q", "--detach", dir); err != nil {
			return err
		}
		dirs = append(dirs, dir)
	}
	var mu sync.Mutex
	seen, looked, slowest := 0, 0, time.Duration(0)
	errs := make([]error, trees)
	var wg sync.WaitGroup
	began := time.Now()
	for i := range trees {
		wg.Go(func() {
			errs[i] = b.recordIn(dirs[i+1], runs, func(run int, id string) {
				if run%10 != 0 {
					return
				}
				from := dirs[(i/2*2+1+2*(run/10))%trees/2*2] // the main checkout, or a worktree that is not removed
				start := time.Now()
				cmd := exec.Command(b.runs, "show", id, "--json")
				cmd.Dir = from
				err := cmd.Run()
				mu.Lock()
				defer mu.Unlock()
				looked++
				slowest = max(slowest, time.Since(start))
				if err == nil {
					seen++
				}
			})
			if errs[i] == nil && i%2 == 0 {
				errs[i] = runInFolder(project, "git", "worktree", "remove", dirs[i+1])
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	fmt.Printf("\n%d worktrees, %d runs each, half of them removed: %.1f s, %.1f runs/s\n", trees, runs, took.Seconds(),
		trees*runs/took.Seconds())
	for i, dir := range dirs {
		if i > 0 && i%2 == 1 {
			continue // removed
		}
		cmd := exec.Command(b.runs, "ls", "--csv")
		cmd.Dir = dir
		out, err := cmd.Output()
		if err != nil {
			return fmt.Errorf("listing runs in %s: %w", dir, err)
		}
		if n := strings.Count(string(out), "\n") - 1; n != trees*runs {
			return fmt.Errorf("%s lists %d of %d runs", filepath.Base(dir), n, trees*runs)
		}
	}
	fmt.Printf("listed in every worktree that is left: %d of %d\n", trees*runs, trees*runs)
	fmt.Printf("seen from another worktree by the first command: %d of %d, the slowest in %d ms\n", seen, looked,
		slowest.Milliseconds())
	return nil
}

// recordIn records runs in a folder one after another, and tells done the id of each.
func (b *bench) recordIn(dir string, runs int, done func(run int, id string)) error {
	for run := range runs {
		cmd := exec.Command(b.runs, "log", fmt.Sprintf("a=%d", run))
		cmd.Dir = dir
		out, err := cmd.Output()
		if err != nil {
			return fmt.Errorf("recording in %s: %w", dir, err)
		}
		done(run, strings.TrimSpace(string(out)))
	}
	return nil
}

// runInFolder runs a command in a folder.
func runInFolder(dir string, args ...string) error {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", args, err, out)
	}
	return nil
}
