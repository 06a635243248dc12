package browser_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/gitruns/runs/testdata/browser"
)

// The page opens with its token, shows the runs and keeps the token out of its address.
func TestRunsAreListed(t *testing.T) {
	project := training().At(t)
	server := project.Serve()
	page := chromium.NewPage(t)
	page.Open(server.URL(""))
	page.WaitText("lr-0.1-1")
	page.WaitText("diverged")
	page.Settle()
	if place := page.Place(); place != "" && place != "#/runs" {
		t.Errorf("the address keeps the fragment %q", place)
	}
	page.NoProblems()
	for _, r := range page.Requests() {
		if r.Status == 0 && strings.Contains(r.URL, "/data/changes.json") { // waits for news
			continue
		}
		if r.Status != 200 || r.Method != "GET" {
			t.Errorf("%s %s: %d", r.Method, r.URL, r.Status)
		}
	}
}

// names are the names of the runs that the table shows, from top to bottom.
const names = `[...document.querySelectorAll(".runs tbody tr")].filter(__visible)
	.map((r) => [...r.querySelectorAll("a")].map((a) => a.innerText.trim())[0]).filter(Boolean)`

const filterLine = `document.querySelector("[aria-label='Filter runs by an expression']")`

// openRuns opens the page Runs of the training project.
func openRuns(t *testing.T, query string) (*browser.Page, *browser.Server) {
	t.Helper()
	server := training().At(t).Serve()
	page := chromium.NewPage(t)
	page.Open(server.URL("#/runs" + query))
	page.Wait(names + ".length > 0")
	page.Settle()
	return page, server
}

// lossHeader sorts by val/loss.
const lossHeader = `__find("columnheader", "val/loss")?.querySelector("button, a")`

// byLoss are the runs of Training that finished, best first.
var byLoss = []string{
	"lr-0.001-1", "lr-0.001-2", "lr-0.01-1", "lr-0.001-3", "lr-0.01-2", "lr-0.01-3", "lr-0.1-1", "lr-0.1-2", "lr-0.1-3",
}

// A click on a column sorts by it, best first; another click turns the order around. The order is in the address, and
// a reload shows the same.
func TestRunsSort(t *testing.T) {
	page, _ := openRuns(t, "?where=status+%3D+finished")
	page.Click(lossHeader)
	page.Wait(names + `[0] === "lr-0.001-1"`)
	order := browser.Value[[]string](page, names)
	for i, want := range byLoss[:4] {
		if loss(order[i]) != loss(want) {
			t.Errorf("place %d has %s, want %s", i+1, order[i], want)
		}
	}
	place := page.Place()
	if !strings.Contains(place, "sort=") {
		t.Errorf("the address %s does not name the order", place)
	}
	page.Reload()
	page.Settle()
	if again := browser.Value[[]string](page, names); fmt.Sprint(again) != fmt.Sprint(order) {
		t.Errorf("after a reload the order is %s, was %s", again, order)
	}
	page.Click(lossHeader)
	page.Wait(names + `[0] === "lr-0.1-3"`)
	page.WaitText("runs ls")
	page.NoProblems()
}

// loss is the last val/loss of a run of Training.
func loss(name string) float64 {
	var lr float64
	var seed int
	_, _ = fmt.Sscanf(strings.ReplaceAll(name, "-", " "), "lr %g %d", &lr, &seed)
	return browser.TrainingLoss(lr, seed, browser.TrainingSteps-1)
}

// The filter takes the language of 'runs ls -w'. It completes keys, marks an error and keeps the rows of the last
// valid expression, and is in the address and in the command for a shell.
func TestRunsFilter(t *testing.T) {
	page, server := openRuns(t, "")
	page.Click(filterLine)
	page.Press("params.l")
	page.Wait(`__find("option", "lr")`)
	page.Press(kb.ArrowDown + kb.Enter)
	page.Wait(filterLine + `.value.startsWith("params.lr")`)
	page.Type(filterLine, `params.lr = 0.01 and params.seed > 1`)
	page.Wait(`(` + names + `).length === 2`)
	for _, name := range browser.Value[[]string](page, names) {
		if name != "lr-0.01-2" && name != "lr-0.01-3" {
			t.Errorf("the filter shows %s", name)
		}
	}
	page.WaitText("2 of 10 runs")
	page.Wait(`/runs ls -w '.*params\.lr = 0\.01 and params\.seed > 1'/.test(document.body.innerText)`)
	page.Press(" and (")
	page.Wait(filterLine + `.getAttribute("aria-invalid") === "true"`)
	page.Wait(`document.getElementById(` + filterLine + `.getAttribute("aria-describedby")).innerText.length > 5`)
	if n := browser.Value[int](page, `(`+names+`).length`); n != 2 {
		t.Errorf("an invalid expression shows %d runs", n)
	}
	page.Type(filterLine, `params.lr = 0.01 and params.seed > 1`)
	page.Wait(filterLine + `.getAttribute("aria-invalid") !== "true"`)
	other := page.NewTab(t)
	other.Open(server.Base + page.Place())
	other.Wait(`(` + names + `).length === 2`)
	page.Type(filterLine, "")
	page.Wait(`(` + names + `).length === 10`)
	page.NoProblems()
}

// Marked runs go to Charts and to Compare, and the back button returns to the same view.
func TestRunsMark(t *testing.T) {
	page, _ := openRuns(t, "?where=params.lr+%3C+0.1")
	for _, name := range []string{"lr-0.01-1", "lr-0.001-1"} {
		page.Click(browser.Find("checkbox", "Mark "+name))
	}
	page.WaitText("2 runs marked")
	runs := page.Place()
	page.Click(browser.Find("link", "Compare") + ` && __all("link", "Compare").find((a) => a.href.includes("runs="))`)
	page.Until("the page Compare", func() bool { return strings.HasPrefix(page.Place(), "#/compare?") })
	page.WaitText("better")
	page.WaitNoText("lr-0.1-1")
	page.Back()
	page.Until("the page Runs", func() bool { return page.Place() == runs })
	page.WaitText("2 runs marked")
	page.Click(`__all("link", "Charts").find((a) => a.href.includes("runs="))`)
	page.Until("the page Charts", func() bool { return strings.HasPrefix(page.Place(), "#/charts?") })
	page.WaitText("2 marked runs")
	page.NoProblems()
}

// Groups have their size, mean and deviation, and open to their runs. A baseline adds differences to it.
func TestRunsGroupsAndBaseline(t *testing.T) {
	page, _ := openRuns(t, "?where=status+%3D+finished&sort=name")
	page.Click(browser.Find("button", "Group by"))
	page.Click(browser.Find("menuitem", "lr"))
	page.WaitText("3 groups")
	mean := 0.0
	for seed := 1; seed <= 3; seed++ {
		mean += browser.TrainingLoss(0.1, seed, browser.TrainingSteps-1) / 3
	}
	page.WaitText(fmt.Sprintf("%.5g", mean))
	page.WaitText("± 0.01")
	page.Press(kb.Escape)
	page.Reload()
	page.WaitText("3 groups")
	page.Run(`location.hash = "#/runs?sort=name&baseline=` + training().At(t).ID("lr-0.01-1") + `"`)
	page.Wait(`/▲\s*-0\.018|▼\s*\+?0\.01/.test(document.querySelector(".runs").innerText)`)
	page.NoProblems()
}

// A reader chooses columns; the choice is in the address and in the command for a shell.
func TestRunsColumns(t *testing.T) {
	page, _ := openRuns(t, "")
	page.Click(browser.Find("button", "Columns"))
	page.Type(`document.querySelector("[aria-label='Search columns']")`, "val/acc")
	page.Click(browser.Find("checkbox", "val/acc"))
	page.Press(kb.Escape)
	page.Wait(browser.Find("columnheader", "val/acc"))
	page.Reload()
	page.Wait(browser.Find("columnheader", "val/acc"))
	page.WaitText("--columns")
	page.NoProblems()
}

// The keyboard alone finds, marks and compares runs and reads a value.
func TestKeyboardAlone(t *testing.T) {
	page, _ := openRuns(t, "")
	page.Press("/")
	page.Wait(`document.activeElement === ` + filterLine)
	page.Press("params.seed = 1 and params.lr < 0.1")
	page.Wait(`(` + names + `).length === 2`)
	page.Press(kb.Escape + kb.Escape)
	page.Press("jx")
	page.WaitText("1 run marked")
	page.Press("jx")
	page.WaitText("2 runs marked")
	page.Press("c")
	page.Until("the page Compare", func() bool { return strings.HasPrefix(page.Place(), "#/compare?") })
	page.Wait(`/better|worse/.test(document.body.innerText)`)
	// Tab reaches a chart, whose arrow keys read values.
	page.Wait(`document.querySelector(".chart-plot")`)
	for range 80 {
		page.Press(kb.Tab)
		if browser.Value[bool](page, `document.activeElement.matches(".chart-plot")`) {
			break
		}
	}
	page.Press(kb.Home)
	page.Wait(`/lr-0\.0+1-1, step 0: [\d.]+/.test(document.activeElement.querySelector("[aria-live]")?.innerText)`)
	page.NoProblems()
}
