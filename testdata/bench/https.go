package main

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"github.com/gitruns/runs/repo/git/gittest"
)

// https measures a push of 1,000 runs over HTTP without the git program, next to `runs push` with it and `git push`.
func (b *bench) https() error {
	alone := filepath.Join(b.dir, "alone")
	if err := os.Mkdir(alone, 0o777); err != nil {
		return err
	}
	for _, name := range []string{"runs", "runs-https"} {
		if err := build(filepath.Join(alone, name), "./cmd/"+name); err != nil {
			return err
		}
	}
	hidden := "PATH=" + alone
	var own, with, plain, ownCPU, plainCPU []time.Duration
	for i := range 5 {
		ways := []struct {
			env  []string
			args []string
			wall *[]time.Duration
			cpu  *[]time.Duration
		}{
			{[]string{hidden}, []string{filepath.Join(alone, "runs"), "push"}, &own, &ownCPU},
			{nil, []string{b.runs, "push"}, &with, nil},
			{nil, []string{"git", "push", "-q"}, &plain, &plainCPU},
		}
		for k := range ways {
			w := ways[(i+k)%len(ways)]
			if err := b.pushHosted(w.env, w.args, w.wall, w.cpu); err != nil {
				return err
			}
		}
	}
	fmt.Printf("push of 1,000 runs over http without git %s; %.2f x runs push with it (%s), %.2f x git push (%s)\n",
		ms(median(own)), float64(median(own))/float64(median(with)), ms(median(with)),
		float64(median(own))/float64(median(plain)), ms(median(plain)))
	fmt.Printf("its processor time                       %s; %.2f x git push (%s)\n", ms(median(ownCPU)),
		float64(median(ownCPU))/float64(median(plainCPU)), ms(median(plainCPU)))
	return nil
}

// pushHosted commits 1,000 runs in a project that is hosted over HTTP, and measures a push of them.
func (b *bench) pushHosted(env, args []string, wall, cpu *[]time.Duration) error {
	dir, origin, err := b.shared()
	if err != nil {
		return err
	}
	defer func() { _, _ = os.RemoveAll(dir), os.RemoveAll(origin) }()
	handler, err := gittest.Host(filepath.Dir(origin))
	if err != nil {
		return err
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	s, err := b.newSweep(dir, time.Minute)
	if err != nil {
		return err
	}
	if _, err := s.plant(1000); err != nil {
		return err
	}
	if _, err := calls(
		dir, []string{b.runs, "commit"},
		[]string{"git", "remote", "set-url", "origin", server.URL + "/" + filepath.Base(origin)},
	); err != nil {
		return err
	}
	x, err := measure(dir, env, args...)
	if err != nil {
		return err
	}
	*wall = append(*wall, x.wall)
	if cpu != nil {
		*cpu = append(*cpu, x.cpu)
	}
	return nil
}
