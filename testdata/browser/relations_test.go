package browser_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

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

// A scatter plot is read by the keyboard: arrows go from point to point, Enter opens the run.
func TestScatterByKeyboard(t *testing.T) {
	project := training().At(t)
	page := chromium.NewPage(t)
	page.Open(project.Serve().URL("#/relations?x=params.lr&y=metrics.val/loss&front=1"))
	page.Settle()
	page.WaitText("Pareto front")
	page.Run(`document.querySelector(".scatter").focus()`)
	page.Press(kb.Home)
	page.Wait(`document.querySelector(".scatter-tip strong")?.textContent === "lr-0.001-1"`)
	page.Press(kb.ArrowRight + kb.ArrowRight + kb.ArrowRight)
	page.Wait(`document.querySelector(".scatter-tip strong")?.textContent === "lr-0.01-1"`)
	page.Wait(`[...document.querySelectorAll("[role=status]")].some((e) => e.textContent.includes("lr-0.01-1"))`)
	page.Press("\r")
	page.Wait(`location.hash.startsWith("#/run/` + project.ID("lr-0.01-1") + `")`)
	page.NoProblems()
}

// A brush is a pair of fields too. Its expression goes to the page of runs, where it finds the same runs.
func TestBrushByFields(t *testing.T) {
	project := training().At(t)
	page := chromium.NewPage(t)
	page.Size(1280, 1400)
	page.Open(project.Serve().URL("#/relations?view=parallel"))
	page.Settle()
	page.Type(browser.Find("textbox", "Greatest lr"), "0.01")
	page.Press("\r")
	page.WaitText("6 of 10 runs selected")
	page.WaitText("params.lr <= 0.01")
	page.Click(browser.Find("link", "Show in Runs"))
	page.WaitText("lr-0.001-3")
	page.WaitNoText("lr-0.1-1")
	page.Back()
	page.WaitText("6 of 10 runs selected")
	page.Click(browser.Find("button", "Clear the selection of lr"))
	page.WaitNoText("runs selected")
	page.NoProblems()
}
