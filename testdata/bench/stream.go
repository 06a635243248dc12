package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// spent is the processor time of a command with all that it starts, and the largest resident memory of any of them.
type spent struct {
	cpu time.Duration
	rss int64
}

// spend runs a command and measures it.
func spend(dir string, args ...string) (spent, error) {
	self, err := os.Executable()
	if err != nil {
		return spent{}, err
	}
	cmd := exec.Command(self, append([]string{"-measure", "--"}, args...)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), identity...)
	var figures strings.Builder
	cmd.Stderr = &figures
	if err := cmd.Run(); err != nil {
		return spent{}, fmt.Errorf("%v: %w: %s", args, err, figures.String())
	}
	var wall int64
	s := spent{cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	lines := strings.Split(strings.TrimSpace(figures.String()), "\n")
	_, err = fmt.Sscan(lines[len(lines)-1], &wall, &s.rss)
	return s, err
}

// spendAll measures several commands as one.
func spendAll(dir string, calls ...[]string) (spent, error) {
	var all spent
	for _, args := range calls {
		s, err := spend(dir, args...)
		if err != nil {
			return all, err
		}
		all.cpu += s.cpu
		all.rss = max(all.rss, s.rss)
	}
	return all, nil
}

// medianSpent runs a command several times and returns the one of median processor time.
func medianSpent(n int, dir string, args ...string) (spent, error) {
	all := make([]spent, n)
	for i := range all {
		var err error
		if all[i], err = spend(dir, args...); err != nil {
			return spent{}, err
		}
	}
	best := all[0]
	for _, s := range all {
		below := 0
		for _, o := range all {
			if o.cpu < s.cpu {
				below++
			}
		}
		if below == n/2 {
			best = s
		}
	}
	return best, nil
}

// stream measures commit, push and verify of many runs, each beside what Git alone takes for the same files.
func (b *bench) stream(large bool) error {
	sizes := []int{10_000}
	if large {
		sizes = append(sizes, 100_000)
	}
	for _, runs := range sizes {
		if err := b.streamOf(runs); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) streamOf(runs int) error {
	ours := filepath.Join(b.dir, fmt.Sprintf("stream-%d", runs))
	theirs := filepath.Join(b.dir, fmt.Sprintf("stream-%d-git", runs))
	for _, dir := range []string{ours, theirs} {
		defer func() { _ = errors.Join(os.RemoveAll(dir), os.RemoveAll(dir+".git")) }()
		if err := b.writeSweepProject(dir, runs); err != nil {
			return err
		}
		// Neither side packs what it has written in the background.
		if _, err := calls(dir, []string{"git", "config", "gc.auto", "0"}); err != nil {
			return err
		}
	}
	days, err := filepath.Glob(filepath.Join(theirs, ".runs", "20*"))
	if err != nil {
		return err
	}
	add := []string{"git", "add", "-f", "--", ".runs/environments"}
	for _, day := range days {
		add = append(add, ".runs/"+filepath.Base(day))
	}
	gitCommit, err := spendAll(theirs, add, []string{"git", "commit", "-q", "-m", "runs"})
	if err != nil {
		return err
	}
	gitPush, err := spend(theirs, "git", "push", "-q")
	if err != nil {
		return err
	}
	commit, err := spend(ours, b.runs, "commit")
	if err != nil {
		return err
	}
	push, err := spend(ours, b.runs, "push")
	if err != nil {
		return err
	}
	show := func(what string, s, base spent) {
		fmt.Printf("%-52s %s, %s resident; %.2f x Git (%s)\n", fmt.Sprintf("%s, %d runs", what, runs), ms(s.cpu),
			mb(s.rss), float64(s.cpu)/float64(base.cpu), ms(base.cpu))
	}
	show("commit (git add -f, commit)", commit, gitCommit)
	show("commit and push (git add -f, commit, push)",
		spent{commit.cpu + push.cpu, max(commit.rss, push.rss)},
		spent{gitCommit.cpu + gitPush.cpu, max(gitCommit.rss, gitPush.rss)})
	return b.streamAgain(ours, show)
}

// streamAgain measures the commands that find nothing new, and verify.
func (b *bench) streamAgain(dir string, show func(what string, s, base spent)) error {
	for _, warm := range []string{"commit", "push"} { // they remember what they saw
		if _, err := spend(dir, b.runs, warm); err != nil {
			return err
		}
	}
	for _, c := range []struct {
		what         string
		times        int
		ours, theirs []string
	}{
		{"commit, nothing new (git status)", 7, []string{b.runs, "commit"}, []string{"git", "status", "--porcelain"}},
		{"push, nothing new (git push)", 7, []string{b.runs, "push"}, []string{"git", "push", "-q"}},
		{"pull, nothing new (git fetch)", 7, []string{b.runs, "pull"}, []string{"git", "fetch", "-q"}},
		{"verify --all (git fsck)", 1, []string{b.runs, "verify", "--all"}, []string{"git", "fsck", "--strict"}},
	} {
		s, err := medianSpent(c.times, dir, c.ours...)
		if err != nil {
			return err
		}
		base, err := medianSpent(c.times, dir, c.theirs...)
		if err != nil {
			return err
		}
		show(c.what, s, base)
	}
	return nil
}
