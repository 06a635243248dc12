package main

import (
	"fmt"
	"os/exec"
	"strings"
)

// chains measures the list of 100 runs of 1,000 steps that were resumed and went back, whose points decide what is
// listed. The baseline lists each part alone, from its record.
func (b *bench) chains() error {
	dir, err := b.project()
	if err != nil {
		return err
	}
	for i := range 100 {
		for _, first := range []int{0, 500} {
			var points strings.Builder
			for step := first; step < first+1000; step++ {
				fmt.Fprintf(&points, "step=%d loss=%g acc=%g\n", step, 1/float64(step+1+i), float64(step)/2000)
			}
			id, err := b.answer(dir, "", "start", "--resume", fmt.Sprintf("chain%d", i))
			if err == nil {
				_, err = b.answer(dir, points.String(), "log", "-", "--run", id)
			}
			if err == nil {
				_, err = b.answer(dir, "", "finish", id, "--status", "killed")
			}
			if err != nil {
				return err
			}
		}
	}
	a, base, err := pairs(20, dir, nil, []string{b.runs, "ls"}, []string{b.runs, "ls", "--parts"})
	if err != nil {
		return err
	}
	fmt.Printf("%-35s %s, %s resident; %.1f x ls --parts (%s)\n", "ls of 100 chains that went back", ms(a.wall), mb(a.rss),
		float64(a.wall)/float64(base.wall), ms(base.wall))
	return nil
}

// answer returns what a command of runs prints.
func (b *bench) answer(dir, input string, args ...string) (string, error) {
	cmd := exec.Command(b.runs, args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(input)
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%v: %w", args, err)
	}
	return strings.TrimSpace(string(out)), nil
}
