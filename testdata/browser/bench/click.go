package main

import (
	"fmt"
	"time"

	"github.com/gitruns/runs/testdata/browser"
)

// clicked are the numbers of runs, and the ms that may pass from a click to the paint.
var clicked = []struct {
	runs, points int
	limit        float64
}{{10_000, 20, 100}, {100_000, 2, 500}}

// click prints the 95th of 100 times from a click to the paint: sorting, filtering and grouping.
func (b *bench) click() {
	for _, c := range clicked {
		b.part(func() {
			page := b.chromium.NewPage(b)
			page.Size(1280, 800)
			page.Open(b.project(c.runs, c.points).At(b).Serve().URL("#/runs?chart=off"))
			page.Run(`__rows(20)`)
			// The columns that sorting needs come after the first rows.
			for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Second) {
				if n := len(page.Requests()); pending(page) == 0 && n == len(page.Requests()) {
					break
				}
			}
			for _, act := range []struct{ name, script string }{
				{"sort", sortClick}, {"filter", filterInput}, {"group", groupChoice},
			} {
				times := b.repeat(page, 100, act.script)
				what := fmt.Sprintf("%d runs: %s to paint, 95th of 100 (middle %.0f ms)", c.runs, act.name, middle(times))
				row(what, "ms", percentile(times, 95), c.limit)
			}
		})
	}
}

func pending(page *browser.Page) (n int) {
	for _, r := range page.Requests() {
		if !r.Done && !browser.IsPoll(r.URL) {
			n++
		}
	}
	return n
}

// repeat measures a script n times. The script gets the number of the time as i.
func (b *bench) repeat(page *browser.Page, n int, script string) []float64 {
	times := make([]float64, n)
	for i := range n {
		times[i] = browser.Value[float64](page, fmt.Sprintf("((i) => %s)(%d)", script, i))
	}
	return times
}

const (
	sortClick = `(() => {
		const keys = ["Name", "test/acc", "Duration", "lr"];
		const button = __all("columnheader", keys[i % 4]).map((h) => h.querySelector("button, a")).find(Boolean);
		const first = () => document.querySelector(".runs tbody tr:nth-child(1)")?.innerText + location.hash;
		const before = first();
		return __timed(() => button.click(), () => first() !== before);
	})()`
	filterInput = `(() => {
		const field = document.querySelector("[aria-label='Filter runs by an expression']");
		const shown = () => document.querySelector(".runs-bar [role=status]").innerText;
		const before = shown();
		return __timed(() => {
			field.value = i % 2 ? "params.lr < 0.05 and metrics.val/acc > 0.5" : "params.lr < 0.02 and name ~ wide";
			field.dispatchEvent(new Event("input", { bubbles: true }));
		}, () => shown() !== before);
	})()`
	groupChoice = `(() => {
		const shown = () => document.querySelector(".runs-bar [role=status]").innerText;
		const before = shown();
		const group = ["params.lr", "", "params.dropout,params.lr", ""][i % 4];
		return __timed(() => (location.hash = "#/runs?chart=off&group=" + group), () => shown() !== before);
	})()`
)
