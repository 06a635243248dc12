package main

import (
	"bytes"
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gitruns/runs/testdata/browser"
)

// oneChart is the place of the chart of val/loss of all runs.
var oneChart = "#/charts?where=" + url.QueryEscape("params.seed >= 0") + "&q=" + url.QueryEscape("/^val.loss$/")

// ready is true when the chart of val/loss has its curves.
const ready = `!!document.querySelector("figure.chart [aria-busy=false] canvas, figure.chart[aria-busy=false] canvas")`

// curves prints what 100 curves of 10,000 points take in a chart.
func (b *bench) curves() {
	page := b.chart(100, 10_000)
	row("100 x 10000 points: answer to paint", "ms", b.paint(page, 10_000*10, 7), 300)
	row("100 x 10000 points: zoom, with the server's answer", "ms", b.zoom(page, 10_000*10, 21), 150)
	row("100 x 10000 points: bytes of the answer, packed", "MB", b.received(page)/1e6, 2)
}

// many prints what 1,000 curves of 1,000 points take in a chart.
func (b *bench) many() {
	page := b.chart(1000, 1000)
	row("1000 x 1000 points: answer to paint", "ms", b.paint(page, 1000*10, 7), 1000)
	page.Run(`document.querySelector("figure.chart .chart-plot").scrollIntoView()`)
	hovers := b.repeat(page, 60, `__hover(document.querySelector("figure.chart .chart-plot"), (i + 20) / 100)`)
	row("1000 x 1000 points: hover, middle of 60", "ms", middle(hovers), 16)
	fmt.Printf("  %-64s %10.4g ms\n", "1000 x 1000 points: hover, 95th of 60", percentile(hovers, 95))
}

// chart opens the chart of val/loss of so many runs.
func (b *bench) chart(runs, points int) *browser.Page {
	page := b.chromium.NewPage(b)
	page.Size(1280, 800)
	server := b.project(runs, points).At(b).Serve()
	page.Open(server.URL("#/runs?chart=off"))
	page.Run(`__rows(20)`)
	began := time.Now()
	page.Run(fmt.Sprintf("location.hash = %q", oneChart))
	page.Wait(ready)
	fmt.Printf("  %-64s %10.4g ms\n", fmt.Sprintf("%d x %d points: the server's first answer, painted", runs, points),
		milliseconds(time.Since(began)))
	return page
}

// paint returns the middle time from the end of the answer with the curves to their paint.
func (b *bench) paint(page *browser.Page, last, times int) float64 {
	paints := make([]float64, times)
	for i := range times {
		page.Run(`location.hash = "#/runs?chart=off"`)
		page.Run(`__rows(20)`)
		page.Run(`performance.clearResourceTimings()`)
		// All of the x axis, as another part of it each time: the page has no answer to this question yet.
		place := fmt.Sprintf("%s&zoom=step:%d:%d", oneChart, -1-i, last)
		paints[i] = browser.Value[float64](page, fmt.Sprintf(`(async () => {
			await __timed(() => (location.hash = %q), () => %s);
			const painted = performance.now();
			const answers = performance.getEntriesByType("resource").filter((e) => /curves/.test(e.name));
			return answers.length ? painted - answers.at(-1).responseEnd : NaN;
		})()`, place, ready))
	}
	return middle(paints)
}

// zoom returns the middle time from the choice of a part of the x axis to its paint.
func (b *bench) zoom(page *browser.Page, last, times int) float64 {
	zooms := make([]float64, times)
	for i := range times {
		from := last / 100 * (10 + i)
		zooms[i] = browser.Value[float64](page, fmt.Sprintf(`(() => {
			const canvas = document.querySelector("figure.chart canvas:not(.chart-layer)");
			performance.clearResourceTimings();
			return __timed(() => (location.hash = %q), () =>
				performance.getEntriesByType("resource").some((e) => /curves/.test(e.name)) && %s);
		})()`, fmt.Sprintf("%s&zoom=step:%d:%d", oneChart, from, from+last/4), ready))
	}
	return middle(zooms)
}

// received returns the bytes of the largest answer with curves.
func (b *bench) received(page *browser.Page) float64 {
	largest := 0.0
	for _, r := range page.Requests() {
		if strings.Contains(r.URL, "/data/curves") {
			largest = max(largest, r.Bytes)
		}
	}
	return largest
}

const longPoints = 10_000_000

// long prints what one curve of 10 million points takes, and checks its spike, its three NaN and its infinity.
func (b *bench) long() {
	dir := filepath.Join(b.projects, "long")
	if _, err := os.Stat(dir); err != nil {
		made := browser.NewProject(b, b.runs)
		made.Runs("goal", "val/loss", "min", "--primary")
		run := made.Runs("start", "long", "-p", "seed=1")
		var lines bytes.Buffer
		for step := range longPoints {
			v := 1 + math.Sin(float64(step)/1e5)/10
			switch step {
			case 7_654_321:
				v = 42.5
			case 1_000, 5_000_000, 9_999_998:
				v = math.NaN()
			case 3_333_333:
				v = math.Inf(1)
			}
			fmt.Fprintf(&lines, "step=%d val/loss=%v\n", step, v)
		}
		made.Log(run, lines.String())
		made.Runs("finish", run)
		b.must(os.Rename(made.Dir, dir))
	}
	page := b.chromium.NewPage(b)
	page.Size(1280, 800)
	page.Open(browser.Existing(b, b.runs, dir).Serve().URL("#/runs?chart=off"))
	page.Run(`__rows(1)`)
	var times []float64
	for range 3 {
		times = append(times, browser.Value[float64](page,
			fmt.Sprintf(`__timed(() => (location.hash = %q), () => %s)`, oneChart, ready)))
		page.Run(`location.hash = "#/runs?chart=off"`)
		page.Run(`__rows(1)`)
		page.Reload()
		page.Run(`__rows(1)`)
	}
	row("one curve of 10M points: first", "s", times[0]/1000, 1)
	row("one curve of 10M points: again", "s", min(times[1], times[2])/1000, 0.1)
	page.Run(fmt.Sprintf("location.hash = %q", oneChart))
	page.Wait(ready)
	page.WaitText("3 NaN")
	page.WaitText("1 infinity")
	zoom := fmt.Sprintf("%s&zoom=step:%d:%d", oneChart, 7_654_300, 7_654_400)
	page.Run(fmt.Sprintf("location.hash = %q", zoom))
	page.Settle()
	page.Click(`__find("button", "Show the values as a table")`)
	page.Wait(`[...document.querySelectorAll("figure.chart tr")].some((r) => /7,654,321\s+42\.5/.test(r.innerText))`)
	fmt.Println("  the spike, the three NaN and the infinity are shown, each at its step")
}
