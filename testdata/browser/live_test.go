package browser_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/gitruns/runs/testdata/browser"
)

// lossLines returns lines of a metric from one step to another.
func lossLines(from, to int) string {
	var lines strings.Builder
	for step := from; step < to; step++ {
		fmt.Fprintf(&lines, "step=%d val/loss=%v\n", step, 1/float64(step+1))
	}
	return lines.String()
}

// said is what the chart says about the point that the keyboard is on.
const said = lossPlot + `.querySelector("[aria-live]").innerText`

// changes counts the answers to the page's question for changes.
func changes(page *browser.Page) int {
	n := 0
	for _, r := range page.Requests() {
		if r.Done && r.Status == 200 && strings.Contains(r.URL, "/data/changes.json") {
			n++
		}
	}
	return n
}

// endsAt waits until the key End goes to a point that is described so. A busy machine draws the last points later, and
// the key goes to the last one that is drawn.
func endsAt(page *browser.Page, text string) {
	page.Until("the last point to be "+text, func() bool {
		page.Press(kb.End)
		return strings.HasPrefix(browser.Value[string](page, said), text)
	})
}

// A point that a run logs while the page is open is drawn. Sixty updates move neither the zoom, nor the marks, nor the
// scroll position, and the end of the run arrives.
func TestLive(t *testing.T) {
	project := newTraining(t)
	run := project.Runs("start", "live", "-p", "lr=0.5")
	project.Log(run, lossLines(0, 30))
	server := project.Serve()
	page := chromium.NewPage(t)
	page.Size(1280, 500) // so that there is something to scroll
	page.Open(server.URL("#/charts?runs=" + run + "," + project.ID("lr-0.1-1")))
	page.Settle()
	page.Wait(inked + " > 100")
	before := browser.Value[string](page, drawn)
	project.Log(run, lossLines(30, 60))
	page.Wait(fmt.Sprintf("%s !== %q", drawn, before))
	page.Run(`(` + lossPlot + `).focus()`)
	endsAt(page, "live, step 59: ")

	page.Press(kb.Escape)
	page.Drag(lossPlot, 0.2, 0.5, 0.4, 0.5)
	page.Until("a zoom in the address", func() bool { return strings.Contains(page.Place(), "zoom=") })
	page.Run(`(document.activeElement.blur(), scrollTo(0, 90))`)
	page.Move("document.body", 0, 0)
	page.Settle()
	place, scrolled := page.Place(), browser.Value[float64](page, `scrollY`)
	before = browser.Value[string](page, drawn)
	table := page.NewTab(t)
	table.Open(server.Base + "#/runs?sort=name")
	table.WaitText("live")
	table.Click(browser.Find("checkbox", "Mark live"))
	table.WaitText("1 run marked")
	marks, n := table.Place(), changes(page)
	for update := range 60 {
		project.Log(run, lossLines(60+update, 61+update))
	}
	page.Until("an answer with the updates", func() bool { return changes(page) > n })
	n = changes(page)
	project.Log(run, lossLines(120, 121))
	page.Until("an answer with the last update", func() bool { return changes(page) > n })
	page.Settle()
	if got := page.Place(); got != place {
		t.Errorf("the address was %s, is %s", place, got)
	}
	if got := browser.Value[float64](page, `scrollY`); got != scrolled {
		t.Errorf("the page was scrolled to %v, is at %v", scrolled, got)
	}
	if got := browser.Value[string](page, drawn); got != before {
		t.Error("new points outside of the zoom changed what is drawn")
	}
	page.Run(`(` + lossPlot + `).focus()`)
	page.Press("0")
	page.Settle()
	endsAt(page, "live, step 120: ")

	project.Runs("finish", run)
	table.Wait(`[...document.querySelectorAll("tbody tr")].some((r) => /live[^]*finished/.test(r.innerText))`)
	if got := table.Place(); got != marks {
		t.Errorf("the address of the table was %s, is %s", marks, got)
	}
	page.NoProblems()
	table.NoProblems()
}

// A hidden tab asks nothing, and catches up when it is shown again.
func TestHiddenTab(t *testing.T) {
	project := newTraining(t)
	server := project.Serve()
	hidden := chromium.NewPage(t)
	hidden.Open(server.URL("#/runs"))
	hidden.WaitText("lr-0.1-1")
	hidden.Settle()
	shown := hidden.NewTab(t)
	shown.Open(server.Base + "#/runs")
	shown.WaitText("lr-0.1-1")
	hide := `((is) => {
		Object.defineProperty(document, "hidden", { configurable: true, get: () => is });
		Object.defineProperty(document, "visibilityState", { configurable: true, get: () => (is ? "hidden" : "visible") });
		document.dispatchEvent(new Event("visibilitychange"));
	})`
	hidden.Run(hide + "(true)")
	hidden.Until("the open request to end", func() bool {
		all := hidden.Requests()
		return all[len(all)-1].Done
	})
	n := len(hidden.Requests())
	project.Runs("log", "--name", "newer", "val/loss=0.1")
	shown.WaitText("newer")
	project.Runs("log", "--name", "newest", "val/loss=0.1")
	shown.WaitText("newest")
	if more := hidden.Requests()[n:]; len(more) > 0 {
		t.Errorf("the hidden tab asked %+v", more)
	}
	hidden.Run(hide + "(false)")
	hidden.WaitText("newest")
	hidden.NoProblems()
}
