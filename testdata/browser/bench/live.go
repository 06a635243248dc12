package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gitruns/runs/testdata/browser"
)

// live prints the time from the start of 'runs log' to the drawn point, and what an idle page receives.
func (b *bench) live() {
	project := browser.Training(b, b.runs)
	run := project.Runs("start", "live")
	project.Log(run, "step=0 val/loss=1\nstep=1 val/loss=1\n")
	page := b.chromium.NewPage(b)
	page.Size(1280, 800)
	page.Open(project.Serve().URL("#/charts?runs=" + run))
	page.Wait(ready)
	page.Settle()
	drawn := `document.querySelector("figure.chart canvas:not(.chart-layer)").toDataURL()`
	var times []float64
	for step := range 20 {
		page.Run(`globalThis.__before = ` + drawn)
		began := time.Now()
		project.Log(run, fmt.Sprintf("step=%d val/loss=%d\n", step+2, step%3))
		at := browser.Value[float64](page, `new Promise((done) => {
			const look = () => (`+drawn+` !== __before ? done(Date.now()) : setTimeout(look, 10));
			look();
		})`)
		times = append(times, at/1000-float64(began.UnixMicro())/1e6)
	}
	row("a point, from the start of runs log to drawn, 95th of 20", "s", percentile(times, 95), 1.5)
	page.Settle()
	n := len(page.Requests())
	time.Sleep(time.Minute)
	idle := 0.0
	for _, r := range page.Requests()[n:] {
		idle += r.Bytes
	}
	row("bytes that an idle page receives in a minute", "kB", idle/1000, 10)
}

// export prints the size of an export, and how soon it is painted from a file.
func (b *bench) export() {
	project := b.project(100, 10_000).At(b)
	file := filepath.Join(b.TempDir(), "report.html")
	began := time.Now()
	project.Runs("export", "html", "-o", file)
	fmt.Printf("  %-64s %10.4g s\n", "export of 100 runs x 12 metrics x 10000 points", time.Since(began).Seconds())
	info, err := os.Stat(file)
	b.must(err)
	row("its size", "MB", float64(info.Size())/1e6, 6)
	var paints []float64
	requests := 0
	for range 5 {
		b.part(func() {
			page := b.chromium.NewPage(b)
			page.Size(1280, 1500)
			page.Go("file://" + file + "#/runs")
			paints = append(paints, browser.Value[float64](page, `(async () => {
				const painted = await __rows(20);
				return painted - performance.timeOrigin;
			})()`))
			requests = len(page.Requests()) - 1 // besides the file
		})
	}
	row("from file:// to painted rows", "s", middle(paints)/1000, 2)
	fmt.Printf("  %-64s %10d, to reach 0\n", "requests", requests)
}
