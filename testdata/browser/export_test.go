package browser_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

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
