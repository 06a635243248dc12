package browser_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/gitruns/runs/testdata/browser"
)

// The keyboard alone goes to pages, runs and metrics. The focus moves to the heading, and a dialog gives it back.
func TestShellByKeyboard(t *testing.T) {
	project := training().At(t)
	page := chromium.NewPage(t)
	page.Open(project.Serve().URL("#/runs"))
	page.WaitText("10 runs")
	page.Settle()
	page.Press("g")
	page.Press("c")
	page.Wait(`document.activeElement.tagName === "H1" && document.activeElement.innerText === "Charts"`)
	page.Wait(`document.title.startsWith("Charts · ")`)
	page.Press("?")
	page.Wait(`document.querySelector("dialog[open]").innerText.includes("Go to Runs")`)
	page.Press(kb.Escape)
	page.Wait(`!document.querySelector("dialog") && document.activeElement.tagName === "H1"`)

	page.Press("k", chromedp.ModifierCtrl)
	page.Wait(`document.activeElement.getAttribute("role") === "combobox"`)
	page.Settle()
	page.Type(`document.activeElement`, "lr-0.01-1")
	page.Wait(`document.querySelector("dialog [aria-selected=true]").innerText.startsWith("lr-0.01-1")`)
	page.Press(kb.Enter)
	page.Until("the run in the address", func() bool { return strings.HasPrefix(page.Place(), "#/run/") })
	page.Wait(`document.title.startsWith("lr-0.01-1 · ")`)

	page.Press("k", chromedp.ModifierCtrl)
	page.Wait(`document.activeElement.getAttribute("role") === "combobox"`)
	page.Settle()
	page.Type(`document.activeElement`, "val/loss")
	page.Wait(`document.querySelector("dialog [aria-selected=true]").innerText.startsWith("val/loss")`)
	page.Press(kb.Enter)
	page.Until("the metric in the address", func() bool { return page.Place() == "#/charts?q=val%2Floss" })
	page.NoProblems()
}

// The skip link moves the focus past the menu, and the fragment, which is the view, stays.
func TestSkipLink(t *testing.T) {
	page := chromium.NewPage(t)
	page.Open(training().At(t).Serve().URL("#/charts?smooth=0.5"))
	page.Settle()
	page.Run(`document.querySelector(".skip").focus()`)
	page.Press(kb.Enter)
	page.Wait(`document.activeElement.id === "main"`)
	if place := page.Place(); place != "#/charts?smooth=0.5" {
		t.Errorf("the place is %s", place)
	}
	page.Click(browser.Find("link", "Compare"))
	page.Wait(`document.activeElement.tagName === "H1"`)
	page.NoProblems()
}
