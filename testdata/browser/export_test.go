package browser_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/gitruns/runs/testdata/browser"
)

// One file shows the runs from file:// and asks nobody for anything.
func TestExportedFile(t *testing.T) {
	project := training().At(t)
	file := filepath.Join(t.TempDir(), "a report #1.html")
	project.Runs("export", "html", "-o", file)
	for name, place := range places(project) {
		t.Run(name, func(t *testing.T) {
			page := chromium.NewPage(t)
			page.Open("file://" + strings.NewReplacer(" ", "%20", "#", "%23").Replace(file) + place)
			page.Settle()
			if name == "runs" {
				page.WaitText("lr-0.1-1")
				page.WaitText("diverged")
			}
			page.NoProblems()
			requests := slices.DeleteFunc(page.Requests(), func(r browser.Request) bool {
				return strings.HasPrefix(r.URL, "blob:") || strings.HasPrefix(r.URL, "data:") // are in the page already
			})
			if len(requests) != 1 { // the file
				t.Errorf("there were %d requests: %+v", len(requests), requests)
			}
		})
	}
}

// A run of an export is found by its name too.
func TestExportedRunByName(t *testing.T) {
	project := training().At(t)
	file := filepath.Join(t.TempDir(), "report.html")
	project.Runs("export", "html", "-o", file)
	page := chromium.NewPage(t)
	page.Open("file://" + file + "#/run/lr-0.1-1")
	page.WaitText("Best val/loss")
	page.Wait(`document.querySelector("h1").innerText === "lr-0.1-1"`)
	page.Wait(`!document.body.innerText.includes("not in the export")`)
}

// A folder shows the same under a path prefix of any static host, and asks only for files under it.
func TestExportedFolder(t *testing.T) {
	project := training().At(t)
	folder := filepath.Join(t.TempDir(), "site")
	project.Runs("export", "html", "-o", folder+"/")
	host := httptest.NewServer(http.StripPrefix("/owner/project", http.FileServer(http.Dir(folder))))
	defer host.Close()
	for name, place := range places(project) {
		t.Run(name, func(t *testing.T) {
			page := chromium.NewPage(t)
			page.Open(host.URL + "/owner/project/" + place)
			page.Settle()
			if name == "runs" {
				page.WaitText("lr-0.1-1")
				page.WaitText("diverged")
			}
			page.NoProblems()
			for _, r := range page.Requests() {
				inside := strings.HasPrefix(r.URL, host.URL+"/owner/project/")
				if (!inside || r.Status != 200) && r.URL != "about:blank" && !strings.HasPrefix(r.URL, "blob:") {
					t.Errorf("the page asked %s (status %d)", r.URL, r.Status)
				}
			}
		})
	}
}

// Images, tables and texts of a run are in the file, and are drawn without a request.
func TestExportedMedia(t *testing.T) {
	if !installed("python3") {
		t.Skip("skipped: python3 is not installed")
	}
	project := browser.Media(t, program)
	file := filepath.Join(t.TempDir(), "media.html")
	project.Runs("export", "html", "-o", file)
	page := chromium.NewPage(t)
	page.Size(1280, 3000)
	page.Open("file://" + file + "#/run/" + project.ID("media"))
	page.Settle()
	page.WaitText("picture of step 5")
	page.Wait(`[...document.images].some((i) => i.complete && i.naturalWidth === 32)`)
	page.WaitText("<b>Chinstrap</b>")
	page.WaitText("text of step 5")
	page.NoProblems()
	for _, r := range page.Requests()[1:] {
		if !strings.HasPrefix(r.URL, "blob:") && !strings.HasPrefix(r.URL, "data:") {
			t.Errorf("the page asked %s", r.URL)
		}
	}
}

// The file of a review shows the review, and the runs that it is about.
func TestExportedReview(t *testing.T) {
	project := branch(t)
	file := filepath.Join(t.TempDir(), "review.html")
	project.Runs("review", "main", "--html", file)
	page := chromium.NewPage(t)
	page.Open("file://" + file)
	page.Settle()
	for _, text := range []string{"Review", "after", "before", "0.25", "0.5"} {
		page.WaitText(text)
	}
	page.Run(`[...document.querySelectorAll("main td a")].find((a) => a.textContent === "Compare").click()`)
	page.WaitText("compared: the last value of each run")
	page.NoProblems()
	if n := len(page.Requests()); n != 1 {
		t.Errorf("there were %d requests: %+v", n, page.Requests())
	}
}

// A chart of an export shows what was recorded.
func TestExportedChart(t *testing.T) {
	project := training().At(t)
	file := filepath.Join(t.TempDir(), "charts.html")
	project.Runs("export", "html", "-o", file)
	page := chromium.NewPage(t)
	page.Size(1280, 1000)
	page.Open("file://" + file + "#/charts?runs=" + project.ID("lr-0.1-2"))
	page.Settle()
	page.Wait(inked + " > 100")
	page.Run(`(` + lossPlot + `).focus()`)
	page.Press(kb.Home + kb.ArrowRight)
	page.Wait(said + fmt.Sprintf(` === "lr-0.1-2, step 1: %.5g"`, browser.TrainingLoss(0.1, 2, 1)))
	page.NoProblems()
}

// An export with fewer points than were recorded says so on every page, and in a chart where zooming ends.
func TestExportedChartIsThin(t *testing.T) {
	project := browser.NewProject(t, program)
	run := project.Runs("start", "long")
	var lines strings.Builder
	for step := range 9000 {
		fmt.Fprintf(&lines, "step=%d val/loss=%v\n", step, 1/float64(step%100+1))
	}
	project.Log(run, lines.String())
	project.Runs("finish", run)
	file := filepath.Join(t.TempDir(), "thin.html")
	project.Runs("export", "html", "-o", file)
	page := chromium.NewPage(t)
	page.Size(1280, 1000)
	page.Open("file://" + file + "#/charts")
	page.WaitText("curves have at most 4,096 points of up to 9,000")
	page.Wait(inked + " > 100")
	page.Drag(lossPlot, 0.3, 0.5, 0.6, 0.5)
	page.WaitText("This export has no more points")
	page.NoProblems()
}
