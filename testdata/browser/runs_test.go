package browser_test

import (
	"strings"
	"testing"
)

// The page opens with its token, shows the runs and keeps the token out of its address.
func TestRunsAreListed(t *testing.T) {
	project := training().At(t)
	server := project.Serve()
	page := chromium.NewPage(t)
	page.Open(server.URL(""))
	page.WaitText("lr-0.1-1")
	page.WaitText("diverged")
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
