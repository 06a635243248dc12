package browser_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/gitruns/runs/testdata/browser"
)

// Whatever a run says is shown as text: no page runs it, asks others for it, or changes the project.
func TestHostileRuns(t *testing.T) {
	project := browser.Hostile(t, program, 3_000)
	markup, nan, many, huge := project.ID(browser.HostileTexts[0]), project.ID("only NaN"), project.ID("many metrics"),
		project.ID("huge")
	wide := project.ID(strings.Repeat("W", 200))
	before := project.State()
	server := project.Serve()
	for name, place := range map[string]string{
		"runs": "#/runs", "charts": "#/charts", "run": "#/run/" + markup, "only NaN": "#/run/" + nan,
		"many metrics": "#/run/" + many, "huge": "#/run/" + huge, "relations": "#/relations", "review": "#/review",
		"compare": "#/compare?runs=" + markup + "," + huge,
		"wide":    "#/run/" + wide, "compare wide": "#/compare?runs=" + wide + "," + huge,
		"no run":  "#/run/20260101-000000-aaaaaaaa",
		"no page": "#/<img src=x onerror=alert(1)>", "bad place": "#/runs?%",
	} {
		t.Run(name, func(t *testing.T) {
			page := chromium.NewPage(t)
			page.Open(server.URL(place))
			page.Settle()
			page.NoProblems("status of 404", "status of 400", "status of 422") // as it is for what is not there
			if w := browser.Value[int](page, `document.documentElement.scrollWidth - innerWidth`); w > 0 {
				t.Errorf("the page is %d px wider than the window", w)
			}
			hostile := `[...document.querySelectorAll("img[src=x], svg[onload], main script, [onerror], b")]
				.filter((e) => e.tagName !== "B" || ["damaged", "Chinstrap"].includes(e.innerText)).length`
			if n := browser.Value[int](page, hostile); n > 0 {
				t.Errorf("%d elements are of a run's text", n)
			}
			for _, r := range page.Requests() {
				if !strings.HasPrefix(r.URL, server.Base) && !strings.HasPrefix(r.URL, "blob:") && r.URL != "about:blank" {
					t.Errorf("the page asked %s", r.URL)
				}
			}
		})
	}
	server.Stop()
	if after := project.State(); after != before {
		t.Errorf("the project has changed:\n%s\n\n%s", before, after)
	}
}

// A project without runs says how to make one.
func TestNoRuns(t *testing.T) {
	project := browser.NewProject(t, program)
	server := project.Serve()
	for name, place := range map[string]string{
		"runs": "#/runs", "charts": "#/charts", "compare": "#/compare", "relations": "#/relations", "review": "#/review",
	} {
		t.Run(name, func(t *testing.T) {
			page := chromium.NewPage(t)
			page.Open(server.URL(place))
			page.Settle()
			page.NoProblems("status of 404", "status of 400", "status of 422")
		})
	}
}

// Every page takes a project with one run, which has one point of one metric, and with a run that has nothing.
func TestOneRun(t *testing.T) {
	for name, args := range map[string][]string{
		"one point": {"log", "--name", "only", "loss=1"}, "nothing": {"log", "--name", "only", "-t", "empty=1"},
	} {
		project := browser.NewProject(t, program)
		project.Runs(args...)
		id := project.ID("only")
		server := project.Serve()
		for _, place := range []string{
			"#/runs", "#/charts", "#/charts?runs=" + id, "#/run/" + id, "#/compare?runs=" + id, "#/relations",
			"#/relations?view=parallel", "#/relations?view=importance", "#/review",
		} {
			t.Run(name+" "+place, func(t *testing.T) {
				page := chromium.NewPage(t)
				page.Open(server.URL(place))
				page.Settle()
				page.NoProblems("status of 404", "status of 400", "status of 422")
			})
		}
		file := filepath.Join(t.TempDir(), "one.html")
		project.Runs("export", "html", "-o", file)
		for _, place := range []string{"#/runs", "#/charts", "#/run/" + id, "#/relations"} {
			t.Run(name+" exported "+place, func(t *testing.T) {
				page := chromium.NewPage(t)
				page.Open("file://" + file + place)
				page.Settle()
				page.NoProblems()
			})
		}
	}
}
