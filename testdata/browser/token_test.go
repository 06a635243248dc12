package browser_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Without a token, or with a wrong one, the page says what to do and shows no run.
func TestToken(t *testing.T) {
	project := training().At(t)
	server := project.Serve()
	for name, fragment := range map[string]string{"none": "", "wrong": "#token=" + strings.Repeat("A", 43)} {
		t.Run(name, func(t *testing.T) {
			page := chromium.NewPage(t)
			page.Open(server.Base + fragment)
			page.WaitText("Open the address that 'runs ui' prints")
			page.WaitNoText("lr-0.1-1")
			page.NoProblems("status of 401")
		})
	}
}

// A tab that is opened without a token gets it from an open tab of the same browser.
func TestTokenOfAnotherTab(t *testing.T) {
	project := training().At(t)
	server := project.Serve()
	first := chromium.NewPage(t)
	first.Open(server.URL("#/runs"))
	first.WaitText("lr-0.1-1")
	second := first.NewTab(t)
	second.Open(server.Base + "#/runs")
	second.WaitText("lr-0.1-1")
	second.Reload()
	second.WaitText("lr-0.1-1")
	second.NoProblems()
}

// Another page that opens this one with a token of its own takes nothing from the tabs that are open.
func TestForeignToken(t *testing.T) {
	project := training().At(t)
	server := project.Serve()
	first := chromium.NewPage(t)
	first.Open(server.URL("#/runs"))
	first.WaitText("lr-0.1-1")
	second := first.NewTab(t)
	second.Open(server.Base + "#token=" + strings.Repeat("A", 43) + "&/runs")
	second.WaitText("lr-0.1-1") // with the token of the first tab
	first.Reload()
	first.WaitText("lr-0.1-1")
	first.NoProblems()
}

// The printed address works in a tab that has the page already, and the token does not stay in it.
func TestAddressInOpenTab(t *testing.T) {
	project := training().At(t)
	server := project.Serve()
	page := chromium.NewPage(t)
	page.Open(server.URL("#/runs"))
	page.WaitText("lr-0.1-1")
	page.Open(server.URL("#/charts"))
	page.Wait(`document.title.includes("Charts") && !location.hash.includes("token")`)
	page.NoProblems()
}

// If the runs vanish while the page is open, it says so and goes on when they are back.
func TestRunsVanish(t *testing.T) {
	project := newTraining(t)
	server := project.Serve()
	page := chromium.NewPage(t)
	page.Open(server.URL("#/runs"))
	page.WaitText("lr-0.1-1")
	runs := filepath.Join(project.Dir, ".runs")
	if err := os.Rename(runs, runs+"-away"); err != nil {
		t.Fatal(err)
	}
	gone := `[...document.querySelectorAll("[role=alert], [role=status]")]
		.some((e) => /\.runs|runs init/.test(e.innerText))`
	page.Wait(gone)
	if err := os.Rename(runs+"-away", runs); err != nil {
		t.Fatal(err)
	}
	page.WaitText("lr-0.1-1")
	page.Wait("!" + gone)
	page.NoProblems("status of")
}

// If the server ends, the page says so and keeps what it shows.
func TestServerEnds(t *testing.T) {
	project := training().At(t)
	server := project.Serve()
	page := chromium.NewPage(t)
	page.Open(server.URL("#/runs"))
	page.WaitText("lr-0.1-1")
	server.Stop()
	page.WaitText("The server does not answer")
	page.WaitText("lr-0.1-1")
}
