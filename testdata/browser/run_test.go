package browser_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gitruns/runs/testdata/browser"
)

// The page of a run shows its record: params, metrics, group, source as a patch, and the command that prints the same.
func TestRun(t *testing.T) {
	project := training().At(t)
	server := project.Serve()
	page := chromium.NewPage(t)
	page.Open(server.URL("#/run/" + project.ID("lr-0.01-2")))
	page.Settle()
	for _, text := range []string{
		"lr-0.01-2", "finished", "Ada <ada@example.org>", "0.01", "width", "adamw", "val/loss", "sweep", "runs show",
	} {
		page.WaitText(text)
	}
	last := browser.TrainingLoss(0.01, 2, browser.TrainingSteps-1)
	page.WaitText(fmt.Sprintf("%.5f", last))
	page.Click(browser.Find("button", "Show the patch"))
	page.WaitText("+lr = 0.01")
	page.WaitText("train.py")
	page.NoProblems()
}

// Images with masks and boxes, tables, histograms and texts are shown at the step that a reader chooses. HTML that a
// run logged never runs.
func TestMedia(t *testing.T) {
	if !installed("python3") {
		t.Skip("skipped: python3 is not installed")
	}
	project := browser.Media(t, program)
	server := project.Serve()
	page := chromium.NewPage(t)
	page.Size(1280, 3000)
	page.Open(server.URL("#/run/" + project.ID("media")))
	page.Settle()
	page.WaitText("picture of step 5")
	page.WaitText("<b>Chinstrap</b>")
	page.WaitText("3755")
	page.WaitText("text of step 5")
	page.Wait(`[...document.images].some((i) => i.complete && i.naturalWidth === 32)`)
	page.Click(browser.Find("checkbox", "truth"))
	page.Settle()
	// A step back in one medium moves that medium.
	page.Run(`(() => {
		const slider = [...document.querySelectorAll("input[type=range]")].find((e) => /predictions/.test(__name(e)));
		slider.focus();
	})()`)
	page.Press("\u0302") // the left arrow
	page.WaitText("3754")
	page.Click(browser.Find("button", "Show as text"))
	page.WaitText("<script>parent.owned = 1</script>")
	page.Press("\u001b")
	page.WaitNoText("parent.owned")
	run := `"owned" in window || document.querySelector("iframe, object, embed") !== null`
	if browser.Value[bool](page, run) {
		t.Error("HTML of the run was loaded")
	}
	page.NoProblems()
}

// An artifact is downloaded by a ticket, which serves it once, as an attachment that runs nothing.
func TestDownload(t *testing.T) {
	project := browser.NewProject(t, program)
	project.Write("page.html", "<script>alert(1)</script>")
	project.Runs("log", "--name", "kept", "loss=1", "-a", "page.html")
	server := project.Serve()
	page := chromium.NewPage(t)
	page.Open(server.URL("#/run/" + project.ID("kept")))
	page.Settle()
	page.Run(`HTMLAnchorElement.prototype.click = function () { globalThis.__saved = this.href; }`)
	page.Click(browser.Find("button", "Download page.html"))
	page.Wait(`globalThis.__saved`)
	ticket := browser.Value[string](page, `globalThis.__saved`)
	if strings.Contains(ticket, server.Token) {
		t.Errorf("the address %s contains the token", ticket)
	}
	answer, body := get(t, ticket)
	if answer.StatusCode != 200 || body != "<script>alert(1)</script>" {
		t.Errorf("the ticket serves %d, %q", answer.StatusCode, body)
	}
	if how := answer.Header.Get("Content-Disposition"); !strings.HasPrefix(how, "attachment") {
		t.Errorf("Content-Disposition is %q", how)
	}
	if policy := answer.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "sandbox") {
		t.Errorf("Content-Security-Policy is %q", policy)
	}
	if again, body := get(t, ticket); again.StatusCode != 404 {
		t.Errorf("the ticket serves again: %d, %q", again.StatusCode, body)
	}
	page.NoProblems()
}

// get asks as another program of the machine would, without a token.
func get(t *testing.T, address string) (*http.Response, string) {
	t.Helper()
	answer, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}
