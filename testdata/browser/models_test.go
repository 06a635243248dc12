package browser_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/testdata/browser"
)

// newModels makes a project with a model of four versions, in stages and with aliases.
func newModels(t *testing.T) *browser.Project {
	t.Helper()
	project := browser.NewProject(t, program)
	project.Write("model.bin", "weights")
	for i, rmse := range []string{"0.5", "0.41", "0.38", "0.44"} {
		run := project.Runs("log", "--name", fmt.Sprintf("trees-%d", i+1), "rmse="+rmse, fmt.Sprintf("mae=%d", i+2),
			"-a", "model.bin")
		project.Runs("model", "register", run+":model.bin", "taxi", "--note", "trained on "+strings.Repeat("more data ", i+1))
	}
	project.Runs("model", "promote", "taxi@2", "production", "--reason", "the first that is good enough")
	project.Runs("commit", "-m", "runs")
	project.Commit("Promote taxi@2")
	project.Runs("model", "promote", "taxi@3", "production", "--reason", "better on the holdout")
	project.Runs("model", "alias", "taxi@3", "champion")
	project.Runs("model", "alias", "taxi@4", "challenger")
	return project
}

// The page Models lists the models; the page of one has its versions with the metrics and the run of each, its stages
// and aliases, and its history. It works by keys, in a narrow window, and in an export.
func TestModels(t *testing.T) {
	project := newModels(t)
	server := project.Serve()
	page := chromium.NewPage(t)
	page.Size(1280, 900)
	page.Open(server.URL("#/runs"))
	page.WaitText("trees-4")
	page.Press("gm")
	page.WaitText("production 3")
	if got := page.Place(); got != "#/models" {
		t.Errorf("the keys lead to %s", got)
	}
	page.Click(`__find("link", "taxi")`)
	page.WaitText("better on the holdout")
	page.WaitText("not committed")
	page.WaitText("the first that is good enough")
	best := browser.Value[string](page, `document.querySelector(".models .run-best").innerText`)
	if best != "0.38" {
		t.Errorf("the best version has %s", best)
	}
	page.Run(`document.querySelector("button[aria-expanded]").focus()`)
	page.Press(kb.Enter)
	page.WaitText("Metrics of its run")
	page.WaitText("trained on more data more data more data more data")
	if got := page.Place(); !strings.Contains(got, "version=4-") {
		t.Errorf("the details are at %s", got)
	}
	picture(t, page, "models-wide")
	page.Click(`__find("link", "trees-3")`)
	page.WaitText("model.bin")
	page.Back()
	page.WaitText("Metrics of its run")

	project.Runs("model", "alias", "taxi@1", "oldest") // the page follows
	page.WaitText("oldest")
	page.NoProblems()
	for _, scheme := range []string{"light", "dark"} {
		page.Scheme(scheme)
		for _, width := range []int64{1280, 400} {
			page.Size(width, 900)
			page.Settle()
			if w := browser.Value[int64](page, `document.documentElement.scrollWidth`); w > width {
				t.Errorf("%s: the page is %d px wide in a window of %d px", scheme, w, width)
			}
			for _, text := range browser.Value[[]string](page, `__faint()`) {
				t.Errorf("%s: %s", scheme, text)
			}
			picture(t, page, fmt.Sprintf("models-%s-%d", scheme, width))
		}
	}
	for _, element := range browser.Value[[]string](page, `__nameless()`) {
		t.Errorf("this has no name: %s", element)
	}

	file := filepath.Join(t.TempDir(), "report.html")
	project.Runs("export", "html", "-o", file)
	page = chromium.NewPage(t)
	page.Open("file://" + file + "#/models/taxi")
	page.WaitText("better on the holdout")
	page.WaitText("trees-1")
	page.NoProblems()

	project.Runs("export", "html", "trees-2", "--metrics", "mae", "-o", file) // only what was asked for
	page.Open("file://" + file + "#/models/taxi")
	page.WaitText("the first that is good enough")
	page.WaitText("trees-2")
	for _, other := range []string{"trees-3", "rmse", "better on the holdout", "champion"} {
		page.WaitNoText(other)
	}
	page.Open("file://" + file + "#/models")
	page.WaitText("taxi")
	page.NoProblems()
}

// picture writes a picture of the page into the folder that RUNS_TEST_PICTURES names.
func picture(t *testing.T, page *browser.Page, name string) {
	if dir := os.Getenv("RUNS_TEST_PICTURES"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name+".png"), page.Picture(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// A project without models has no such page in its menu; the address says how to register one.
func TestNoModels(t *testing.T) {
	project := browser.NewProject(t, program)
	project.Runs("log", "--name", "only", "loss=1")
	page := chromium.NewPage(t)
	page.Open(project.Serve().URL("#/models"))
	page.WaitText("runs model register")
	page.WaitNoText("Reading")
	if n := browser.Value[int](page, `document.querySelectorAll(".head-menu a[href$=models]").length`); n != 0 {
		t.Error("the menu has models")
	}
	page.NoProblems()
}

// Hostile names and texts of a registry, a damaged file, and 1,000 versions are shown as they are, in bounds.
func TestHostileModels(t *testing.T) {
	project := browser.NewProject(t, program)
	run := project.Runs("log", "--name", "only", "loss=1")
	started := time.Date(2026, 8, 1, 8, 0, 0, 0, time.UTC)
	write := func(folder, name string, data []byte, err error) {
		if err != nil {
			t.Fatal(err)
		}
		project.Write(".runs/"+folder+"/"+name, string(data))
	}
	plant := func(name, text string, versions int) {
		folder := format.ModelFolder(name)
		data, err := format.EncodeModel(&format.Model{Name: name})
		write(folder, "model.toml", data, err)
		for i := range versions {
			of := run
			if i == 0 {
				of = "20260101-000000-aaaaaaaa" // a run that this clone does not have
			}
			v := &format.ModelVersion{
				ModelVersionID: format.ModelVersionID{Number: int64(i + 1), Random: fmt.Sprintf("%08d", i)},
				Run:            of, Path: "model.bin", SHA256: strings.Repeat("ab", 32), Bytes: 7, Files: 1,
				Flavors: []string{"sklearn"}, Created: started.Add(time.Duration(i) * time.Minute), Author: text, Note: text,
				Tags: map[string]string{"k": text},
			}
			data, err := format.EncodeModelVersion(v)
			write(folder, "versions/"+v.ModelVersionID.String()+".toml", data, err)
		}
		data, err = format.EncodeModelPointer(format.ModelStages, &format.ModelPointer{
			Versions: []format.ModelVersionID{{Number: 1, Random: "00000000"}, {Number: 7, Random: "zzzzzzzz"}},
			Time:     started, By: text, Reason: text,
		})
		write(folder, "stages/production.toml", data, err)
	}
	var names []string
	for _, text := range browser.HostileTexts {
		if format.CheckModelName(text) == nil && len(text) < 100 && len(names) < 6 {
			plant(text, text, 2)
			names = append(names, text)
		}
	}
	if len(names) < 6 {
		t.Fatalf("only %d names are hostile", len(names))
	}
	plant("large", "<b>damaged</b>", 1000)
	project.Write(".runs/models/large/aliases/broken.toml", "version = \"<b>damaged</b>\n")
	server := project.Serve()
	page := chromium.NewPage(t)
	for _, name := range append(names, "large", "") {
		place := "#/models"
		if name != "" {
			place = browser.Value[string](page, fmt.Sprintf(`"#/models/" + encodeURIComponent(%q)`, name))
		}
		page.Open(server.URL(place))
		page.Settle()
		page.NoProblems()
		if name != "" {
			page.WaitText("production")
			page.WaitText("7 (gone)")
			page.Click(`document.querySelector("button[aria-expanded]")`)
			page.WaitText("digest")
		}
		odd := `document.querySelectorAll("img[src=x], main script, main b:not(.run-best)").length`
		if n := browser.Value[int](page, odd); n > 0 {
			t.Errorf("%q: %d elements are of a text of the registry", name, n)
		}
		if w := browser.Value[int](page, `document.documentElement.scrollWidth - innerWidth`); w > 0 {
			t.Errorf("the page is %d px wider than the window", w)
		}
		if name == "large" {
			page.WaitText("cannot be read")
			if n := browser.Value[int](page, `document.querySelectorAll(".models tr").length`); n > 200 {
				t.Errorf("the page has %d rows", n)
			}
		}
	}
}
