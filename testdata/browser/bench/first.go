package main

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"time"

	"github.com/gitruns/runs/testdata/browser"
)

// firstRows are the numbers of runs, and how many seconds may pass until 40 of them are painted.
var firstRows = []struct {
	runs, points int
	seconds      float64
}{{1_000, 20, 0.6}, {10_000, 20, 1.2}, {100_000, 2, 2}}

// first prints the time from starting 'runs ui' to 40 painted rows, next to 'runs ls', and the server's memory.
func (b *bench) first() {
	for _, f := range firstRows {
		project := b.project(f.runs, f.points)
		project.Runs("ls", "-n", "40") // so that the files are in the system's cache for both
		var firsts, lists, servers []float64
		memory := 0.0
		for range 3 {
			b.part(func() {
				page := b.chromium.NewPage(b)
				page.Size(1280, 1500) // 40 rows are in view
				began := time.Now()
				server := project.At(b).Serve()
				servers = append(servers, time.Since(began).Seconds())
				page.Go(server.URL("#/runs"))
				painted := browser.Value[float64](page, `__rows(40)`)
				firsts = append(firsts, painted/1000-float64(began.UnixMilli())/1000)
				memory = max(memory, b.resident(server.Pid()))
			})
			began := time.Now()
			project.Runs("ls", "-n", "40")
			lists = append(lists, time.Since(began).Seconds())
		}
		row(fmt.Sprintf("%d runs: to 40 painted rows (to the address %.2f s)", f.runs, middle(servers)), "s",
			middle(firsts), f.seconds)
		fmt.Printf("  %-64s %10.4g s\n", fmt.Sprintf("%d runs: runs ls -n 40", f.runs), middle(lists))
		if f.runs == 10_000 {
			row("memory of the server at 10000 runs", "MB", memory/1e6, 150)
		} else {
			fmt.Printf("  %-64s %10.4g MB\n", fmt.Sprintf("memory of the server at %d runs", f.runs), memory/1e6)
		}
	}
}

var peak = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// resident returns the largest resident memory that a process has had, in bytes.
func (b *bench) resident(pid int) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	b.must(err)
	match := peak.FindSubmatch(status)
	if match == nil {
		return 0
	}
	kB, _ := strconv.Atoi(string(match[1]))
	return float64(kB) * 1024
}
