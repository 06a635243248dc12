package browser_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gitruns/runs/testdata/browser"
)

// labelButton is the entry of a curve in the legend of the chart of val/loss.
func labelButton(text string) string {
	return fmt.Sprintf(`[...(%s)?.querySelectorAll(".chart-legend button") ?? []].find((b) => b.innerText.includes(%q))`,
		lossChart, text)
}

// labelLines returns journal lines of a metric from one step to another, of a dataset.
func labelLines(dataset string, from, to int) string {
	var lines strings.Builder
	for step := from; step < to; step++ {
		value := 1 / float64(step+len(dataset))
		fmt.Fprintf(&lines, `{"t":%d,"step":%d,"m":{"val/loss":%v},"labels":{"dataset":%q}}`+"\n", time.Now().Unix(), step,
			value, dataset)
	}
	return lines.String()
}

// A metric whose points have labels has a curve for each set of them, on the page of a run, beside other runs, in a run
// in progress, and in an export. The chart lists them, and hides one by a click.
func TestLabels(t *testing.T) {
	project := newTraining(t)
	run := project.Runs("start", "labelled")
	for _, set := range []string{"train", "val"} {
		project.Log(run, labelLines(set, 0, 20))
	}
	server := project.Serve()
	page := chromium.NewPage(t)
	page.Size(1280, 1000)
	page.Open(server.URL("#/run/" + run + "?tab=charts"))
	page.Settle()
	page.Wait(inked + " > 300")
	page.Wait(labelButton("dataset=train"))
	both := browser.Value[string](page, drawn)
	page.Click(labelButton("dataset=val"))
	page.Wait(fmt.Sprintf("%s !== %q", drawn, both))
	project.Log(run, labelLines("test", 20, 22))
	page.Wait(labelButton("dataset=test"))
	page.Open(server.URL("#/charts?runs=" + run + "," + project.ID("lr-0.1-1")))
	page.Settle()
	page.Wait(labelButton("lr-0.1-1"))
	page.Wait(labelButton("labelled {dataset=val}"))
	page.NoProblems()

	project.Runs("finish", run)
	file := filepath.Join(t.TempDir(), "labels.html")
	project.Runs("export", "html", run, "-o", file)
	page.Open("file://" + file + "#/charts")
	page.Settle()
	page.Wait(inked + " > 100")
	page.Wait(labelButton("dataset=test"))
	page.NoProblems()
}
