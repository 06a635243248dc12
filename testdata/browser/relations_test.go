package browser_test

import (
	"strings"
	"testing"

	"github.com/gitruns/runs/testdata/browser"
)

// A brush on an axis selects runs, becomes the filter, and leads to the page Runs with the same runs.
func TestRelationsBrush(t *testing.T) {
	project := training().At(t)
	page := chromium.NewPage(t)
	page.Open(project.Serve().URL("#/relations?view=parallel"))
	page.WaitText("10 runs")
	page.Settle()
	page.Drag(`document.querySelector(".parallel-axis")`, 0.5, 0.7, 0.5, 0.97) // lr of 0.001, the least
	page.Wait(`/\b3 of 10 runs selected/.test(document.body.innerText)`)
	page.Reload()
	page.Wait(`/\b3 of 10 runs selected/.test(document.body.innerText)`)
	page.Settle()
	page.Click(browser.Find("button", "Filter by it"))
	page.Until("the filter in the address", func() bool { return strings.Contains(page.Place(), "where=") })
	page.WaitText("3 of 10 runs")
	page.Run(`location.hash = "#/runs?" + location.hash.split("?")[1].split("&").find((p) => p.startsWith("where="))`)
	page.Wait(`(` + names + `).length === 3 && (` + names + `).every((n) => n.startsWith("lr-0.001-"))`)
	page.NoProblems()
}

// The points of the scatter plot are in a table too.
func TestRelationsScatter(t *testing.T) {
	page := chromium.NewPage(t)
	page.Open(training().At(t).Serve().URL("#/relations?x=params.lr&y=metrics.val/loss"))
	page.Settle()
	page.Click(`[...document.querySelectorAll("summary")].find((s) => s.innerText.includes("As a table"))`)
	page.Wait(`[...document.querySelectorAll("details tr")].some((r) => /lr-0\.1-1.*0\.1.*0\.42527/s.test(r.innerText))`)
	page.NoProblems()
}
