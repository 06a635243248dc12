// Command bench measures the page of runs in a browser. It prints each figure with what is to be reached, and their
// ratio, next to what a baseline takes on the same machine:
//
//	go run -C testdata/browser ./bench [size] [start] [first] [click] [curves] [many] [long] [live] [export]
//
// It makes its projects in a temporary folder. RUNS_BENCH_PROJECTS names a folder that keeps them for the next time.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/gitruns/runs/testdata/browser"
)

func main() {
	b := &bench{}
	status := 0
	func() {
		defer func() {
			if r := recover(); r != nil {
				if _, ok := r.(failure); !ok {
					panic(r)
				}
				fmt.Fprintln(os.Stderr, "bench:", r)
				status = 1
			}
			b.clean()
		}()
		b.run(os.Args[1:])
	}()
	os.Exit(status)
}

// failure ends the benchmark.
type failure string

// bench is the benchmark. It is the browser.TB of its pages and projects.
type bench struct {
	dir, projects string
	runs          string // the program
	cleanups      []func()
	chromium      *browser.Browser
	n             int
}

func (b *bench) Helper()                           {}
func (b *bench) Logf(format string, args ...any)   { fmt.Printf(format+"\n", args...) }
func (b *bench) Fatalf(format string, args ...any) { panic(failure(fmt.Sprintf(format, args...))) }
func (b *bench) Cleanup(f func())                  { b.cleanups = append(b.cleanups, f) }

func (b *bench) TempDir() string {
	b.n++
	dir := filepath.Join(b.dir, strconv.Itoa(b.n))
	b.must(os.MkdirAll(dir, 0o777))
	return dir
}

func (b *bench) must(err error) {
	if err != nil {
		b.Fatalf("%v", err)
	}
}

func (b *bench) clean() {
	for _, f := range slices.Backward(b.cleanups) {
		f()
	}
	b.cleanups = nil
}

func (b *bench) run(parts []string) {
	dir, err := os.MkdirTemp("", "runs-bench-")
	b.must(err)
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	b.dir, b.projects = dir, dir
	if kept := os.Getenv("RUNS_BENCH_PROJECTS"); kept != "" {
		b.projects = kept
		b.must(os.MkdirAll(kept, 0o777))
	}
	b.runs, err = browser.Build(dir)
	b.must(err)
	path, err := browser.Installed()
	b.must(err)
	b.chromium, err = browser.Start(path)
	b.must(err)
	b.Cleanup(b.chromium.Stop)
	fmt.Printf("%s/%s, %d processors, %s\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	b.baseline()
	for _, part := range []struct {
		name string
		run  func()
	}{
		{"size", b.size},
		{"start", b.start},
		{"first", b.first},
		{"click", b.click},
		{"curves", b.curves},
		{"many", b.many},
		{"long", b.long},
		{"live", b.live},
		{"export", b.export},
	} {
		if len(parts) > 0 && !slices.Contains(parts, part.name) {
			continue
		}
		fmt.Printf("\n%s\n", part.name)
		b.part(part.run)
	}
}

// part runs one part and stops its servers and pages.
func (b *bench) part(run func()) {
	outer := b.cleanups
	b.cleanups = nil
	defer func() {
		b.clean()
		b.cleanups = outer
	}()
	run()
}

// row prints a figure, what is to be reached, and their ratio.
func row(what, unit string, got, reach float64) {
	verdict := ""
	if got > reach {
		verdict = "  not reached"
	}
	fmt.Printf("  %-64s %10.4g %s, to reach %g: %.2f x%s\n", what, got, unit, reach, got/reach, verdict)
}

// baseline prints what the browser and Git take for nearly nothing, so that the load of the machine can be seen.
func (b *bench) baseline() {
	project := browser.NewProject(b, b.runs)
	var paints, statuses []float64
	for range 7 {
		page := b.chromium.NewPage(b)
		page.Go("data:text/html,<p>hello</p>")
		paints = append(paints, browser.Value[float64](page, `new Promise((done) =>
			requestAnimationFrame(() => setTimeout(() => done(performance.now()))))`))
		began := time.Now()
		project.Command("git", "status")
		statuses = append(statuses, milliseconds(time.Since(began)))
	}
	fmt.Printf("baselines: an empty page paints in %.0f ms, git status takes %.1f ms\n", middle(paints), middle(statuses))
}

// project returns a project with so many runs of 12 params and 12 metrics, with so many points in each metric.
func (b *bench) project(runs, points int) *browser.Project {
	dir := filepath.Join(b.projects, fmt.Sprintf("%d-runs-%d-points", runs, points))
	if _, err := os.Stat(dir); err == nil {
		return browser.Existing(b, b.runs, dir)
	}
	began := time.Now()
	cmd := exec.Command("go", "run", "-C", "../..", "./testdata/bench", "ui-project", strconv.Itoa(runs), dir+".new",
		strconv.Itoa(points))
	cmd.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("making a project: %v\n%s", err, out)
	}
	b.must(os.Rename(dir+".new", dir))
	fmt.Printf("  (made %d runs of 12 x %d points in %.0f s)\n", runs, points, time.Since(began).Seconds())
	return browser.Existing(b, b.runs, dir)
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func middle(values []float64) float64 { return percentile(values, 50) }

// percentile returns the value that p percent of the values do not exceed.
func percentile(values []float64, p int) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(0, (len(sorted)*p+99)/100-1)]
}
