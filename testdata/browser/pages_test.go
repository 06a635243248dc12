package browser_test

import (
	"strings"
	"testing"

	"github.com/gitruns/runs/testdata/browser"
)

// places returns a place of every page of the training project.
func places(p *browser.Project) map[string]string {
	a, b := p.ID("lr-0.1-1"), p.ID("lr-0.01-1")
	return map[string]string{
		"runs": "#/runs", "charts": "#/charts", "run": "#/run/" + a, "compare": "#/compare?runs=" + a + "," + b,
		"relations": "#/relations", "review": "#/review",
	}
}

// views returns more of what the pages can show.
func views(p *browser.Project) map[string]string {
	all := places(p)
	a, b, failed := p.ID("lr-0.1-1"), p.ID("lr-0.01-1"), p.ID("diverged")
	all["groups"] = "#/runs?group=params.lr&sort=metrics.val/loss"
	all["baseline"] = "#/runs?baseline=" + a + "&runs=" + b
	all["wrong filter"] = "#/runs?where=loss+%3C"
	all["no match"] = "#/runs?where=name+%3D+nobody"
	all["bands"] = "#/charts?where=params.lr+%3C+1&by=group"
	all["failed run"] = "#/run/" + failed
	all["compare three"] = "#/compare?runs=" + a + "," + b + "," + failed
	all["parallel"] = "#/relations?view=parallel"
	all["importance"] = "#/relations?view=importance"
	all["no run"] = "#/run/20260101-000000-aaaaaaaa"
	all["no page"] = "#/nothing"
	return all
}

// Every page shows something, reports no error, asks only this server, and has no text that is hard to read, neither in
// light nor in dark. Everything that can be used has a name, and every chart a table.
func TestEveryPage(t *testing.T) {
	project := training().At(t)
	server := project.Serve()
	for name, place := range views(project) {
		t.Run(name, func(t *testing.T) {
			page := chromium.NewPage(t)
			for _, scheme := range []string{"light", "dark"} {
				page.Scheme(scheme)
				page.Open(server.URL(place))
				page.Settle()
				page.NoProblems("status of 404") // of the run that is not there
				for _, text := range browser.Value[[]string](page, `__faint()`) {
					t.Errorf("%s: %s", scheme, text)
				}
			}
			for _, element := range browser.Value[[]string](page, `__nameless()`) {
				t.Errorf("this has no name: %s", element)
			}
			for _, chart := range browser.Value[[]string](page, `__tableless()`) {
				t.Errorf("this has no table behind it: %s", chart)
			}
			for _, r := range page.Requests() {
				if !strings.HasPrefix(r.URL, server.Base) && !strings.HasPrefix(r.URL, "blob:") && r.URL != "about:blank" {
					t.Errorf("the page asked %s", r.URL)
				}
				if strings.Contains(r.URL, server.Token) && !strings.Contains(r.URL, "#") {
					t.Errorf("the token is in %s", r.URL)
				}
			}
		})
	}
}

// A window of 360 px shows the runs and a run without being scrolled sideways.
func TestNarrow(t *testing.T) {
	project := training().At(t)
	server := project.Serve()
	for _, name := range []string{"runs", "run"} {
		t.Run(name, func(t *testing.T) {
			page := chromium.NewPage(t)
			page.Size(360, 740)
			page.Open(server.URL(places(project)[name]))
			page.Settle()
			if w := browser.Value[int](page, `document.documentElement.scrollWidth`); w > 360 {
				t.Errorf("the page is %d px wide", w)
			}
		})
	}
}
