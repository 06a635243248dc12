package browser_test

import (
	"strings"
	"testing"

	"github.com/gitruns/runs/testdata/browser"
)

// Two runs are compared by verdict, by the params that differ, by their curves and by their source.
func TestCompareTwo(t *testing.T) {
	project := training().At(t)
	server := project.Serve()
	page := chromium.NewPage(t)
	page.Size(1280, 2000)
	page.Open(server.URL("#/compare?runs=" + project.ID("lr-0.1-1") + "," + project.ID("lr-0.001-1")))
	page.Settle()
	for _, text := range []string{"lr-0.1-1", "lr-0.001-1", "val/loss", "better", "runs diff", "train.py"} {
		page.WaitText(text)
	}
	if text := page.Text("main"); strings.Contains(text, "adamw") {
		t.Error("a param that is equal is shown at first")
	}
	page.Click(browser.Find("checkbox", "Show equal values"))
	page.WaitText("adamw")
	page.Click(browser.Find("button", "Show the patch"))
	page.WaitText("-lr = 0.1")
	page.WaitText("+lr = 0.001")
	// What a reader chose is in the address: opened again, the page shows the same.
	page.Reload()
	page.Settle()
	page.WaitText("adamw")
	page.NoProblems()
}

// Four runs stand beside each other; one that is taken away leaves the address.
func TestCompareFour(t *testing.T) {
	project := training().At(t)
	server := project.Serve()
	page := chromium.NewPage(t)
	var ids []string
	for _, name := range []string{"lr-0.1-1", "lr-0.01-1", "lr-0.001-1", "diverged"} {
		ids = append(ids, project.ID(name))
	}
	page.Open(server.URL("#/compare?runs=" + strings.Join(ids, ",")))
	page.Settle()
	for _, text := range []string{"lr-0.1-1", "lr-0.01-1", "lr-0.001-1", "diverged", "sgd"} {
		page.WaitText(text)
	}
	page.Click(`__all("button", "diverged").find((b) => /[Rr]emove/.test(__name(b)))`)
	page.WaitNoText("sgd")
	if strings.Contains(page.Place(), ids[3]) {
		t.Errorf("the address still names the run: %s", page.Place())
	}
	page.NoProblems()
}

// branch is a project with a run on main, and a better one on another branch, which is checked out.
func branch(t *testing.T) *browser.Project {
	t.Helper()
	project := browser.NewProject(t, program)
	project.Runs("goal", "loss", "min", "--primary")
	project.Runs("log", "--name", "before", "loss=0.5", "-p", "lr=0.1")
	project.Runs("commit")
	project.Commit("Measure")
	project.Command("git", "switch", "-q", "-c", "faster")
	project.Runs("log", "--name", "after", "loss=0.25", "-p", "lr=0.01")
	project.Runs("commit")
	project.Commit("Measure again")
	return project
}

// A branch is reviewed against the best run of its base.
func TestReview(t *testing.T) {
	page := chromium.NewPage(t)
	page.Open(branch(t).Serve().URL("#/review?base=main"))
	page.Settle()
	for _, text := range []string{"after", "before", "loss", "0.25", "0.5", "runs review main"} {
		page.WaitText(text)
	}
	page.NoProblems()
}

// A Git revision is shown without a checkout: by --rev, and by the address.
func TestRevision(t *testing.T) {
	project := branch(t)
	before := project.State()
	server := project.Serve("--rev", "main")
	page := chromium.NewPage(t)
	page.Open(server.URL("#/runs"))
	page.WaitText("before")
	page.WaitNoText("after")
	page.NoProblems()
	server.Stop()
	server = project.Serve()
	page = chromium.NewPage(t)
	page.Open(server.URL("#/runs"))
	page.WaitText("after")
	page.Open(server.URL("#/runs?rev=main"))
	page.WaitText("before")
	page.Settle()
	page.WaitNoText("after")
	page.NoProblems()
	server.Stop()
	if after := project.State(); after != before {
		t.Errorf("the project has changed:\n%s\n\n%s", before, after)
	}
}
