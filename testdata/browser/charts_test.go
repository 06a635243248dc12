package browser_test

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/gitruns/runs/testdata/browser"
)

const (
	lossChart = `[...document.querySelectorAll("figure.chart")].find((f) => __name(f).startsWith("val/loss"))`
	lossPlot  = lossChart + `?.querySelector(".chart-plot")`
)

// inked counts the pixels of a chart's canvas that have a strong color, as curves have and grids do not.
const inked = `(() => {
	const canvas = ` + lossChart + `?.querySelector("canvas:not(.chart-layer)");
	if (!canvas) return 0;
	const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
	let n = 0;
	for (let i = 0; i < data.length; i += 4) {
		const [r, g, b, a] = data.subarray(i, i + 4);
		if (a > 128 && Math.max(r, g, b) - Math.min(r, g, b) > 30) n++; // text has 22, the darkest curve 51
	}
	return n;
})()`

// chartButton is a button in the head of the chart of val/loss.
func chartButton(name string) string {
	return fmt.Sprintf(`__all("button", %q).find((b) => (%s)?.contains(b))`, name, lossChart)
}

// drawn is what the canvas of a chart shows.
const drawn = `(` + lossChart + `)?.querySelector("canvas:not(.chart-layer)").toDataURL()`

// openCharts opens the page Charts with the runs of one learning rate.
func openCharts(t *testing.T, query string) (*browser.Page, *browser.Project) {
	t.Helper()
	project := training().At(t)
	var ids []string
	for seed := 1; seed <= 3; seed++ {
		ids = append(ids, project.ID(fmt.Sprintf("lr-0.1-%d", seed)))
	}
	page := chromium.NewPage(t)
	page.Size(1280, 1000)
	page.Open(project.Serve().URL("#/charts?runs=" + strings.Join(ids, ",") + query))
	page.Settle()
	return page, project
}

// Every metric has a chart with a name, whose curves are drawn. A search leaves those that match.
func TestChartsAreDrawn(t *testing.T) {
	page, _ := openCharts(t, "")
	for _, metric := range []string{"val/loss", "val/acc", "train/loss"} {
		page.Wait(fmt.Sprintf(`__find("figure", %q)`, metric))
	}
	page.Run(lossChart + `.scrollIntoView()`)
	page.Wait(inked + " > 300")
	page.Type(browser.Find("textbox", "Search the metrics"), "acc")
	page.Wait(`!(` + lossChart + `) && __find("figure", "val/acc")`)
	page.NoProblems()
}

// What a chart says at the cursor, in its table and in its CSV is what was recorded.
func TestChartValues(t *testing.T) {
	page, _ := openCharts(t, "")
	// By keys: the third step of the first run.
	page.Wait(lossPlot)
	page.Run(`(` + lossPlot + `).focus()`)
	page.Press(kb.Home)
	page.Press(kb.ArrowRight + kb.ArrowRight)
	page.Wait(said + `.includes("step 2: ")`)
	text := browser.Value[string](page, said)
	name, value, _ := strings.Cut(text, ", step 2: ")
	seed, _ := strconv.Atoi(name[len(name)-1:])
	if want := fmt.Sprintf("%.5g", browser.TrainingLoss(0.1, seed, 2)); value != want {
		t.Errorf("%s at step 2: the page says %s, recorded is %s", name, value, want)
	}
	// By the mouse: each value of the tooltip is that of its run at the step in its head.
	page.Press(kb.Escape)
	page.Move(lossPlot, 0.5, 0.5)
	page.Wait(`document.querySelector(".chart-tip")`)
	tip := browser.Value[[]string](page, `(() => {
		const tip = `+lossPlot+`.querySelector(".chart-tip");
		const rows = [...tip.querySelectorAll("tr")].map((r) => [...r.cells].map((c) => c.innerText.trim()).join("|"));
		return [tip.querySelector(".chart-tip-head").innerText, ...rows];
	})()`)
	step, err := strconv.Atoi(strings.TrimPrefix(tip[0], "step "))
	if err != nil || len(tip) < 4 {
		t.Fatalf("the tooltip is %q", tip)
	}
	for _, row := range tip[1:] {
		cells := strings.Split(row, "|")
		seed, _ := strconv.Atoi(strings.TrimPrefix(cells[1], "lr-0.1-"))
		if want := fmt.Sprintf("%.5g", browser.TrainingLoss(0.1, seed, step)); cells[2] != want {
			t.Errorf("%s at step %d: the tooltip says %s, recorded is %s", cells[1], step, cells[2], want)
		}
	}
	// The table behind the chart.
	page.Click(chartButton("Show the values as a table"))
	page.Wait(lossChart + `?.querySelectorAll("tbody tr").length === ` + strconv.Itoa(browser.TrainingSteps))
	table := browser.Value[[][]string](page, `[...`+lossChart+`.querySelectorAll("tr")]
		.map((r) => [...r.cells].map((c) => c.innerText.trim()))`)
	for _, row := range table[1:] {
		step, _ := strconv.Atoi(row[0])
		for i, cell := range row[1:] {
			seed, _ := strconv.Atoi(strings.TrimPrefix(table[0][i+1], "lr-0.1-"))
			if want := fmt.Sprintf("%.5g", browser.TrainingLoss(0.1, seed, step)); cell != want {
				t.Errorf("seed %d at step %d: the table says %s, recorded is %s", seed, step, cell, want)
			}
		}
	}
	// The CSV has every digit.
	page.Run(`URL.createObjectURL = (blob) => { globalThis.__saved = blob; return "#"; };
		HTMLAnchorElement.prototype.click = () => {};`)
	page.Click(chartButton("Save"))
	page.Click(browser.Find("menuitem", "CSV"))
	page.Wait(`globalThis.__saved`)
	csv := browser.Value[string](page, `__saved.text()`)
	for seed := 1; seed <= 3; seed++ {
		want := strconv.FormatFloat(browser.TrainingLoss(0.1, seed, 17), 'g', -1, 64)
		if !strings.Contains(csv, want) {
			t.Errorf("the CSV lacks %s, the value of seed %d at step 17:\n%.300s", want, seed, csv)
		}
	}
	page.NoProblems()
}

// A part of the x axis that is chosen with the mouse is shown, is in the address, and is reset. Log and smoothing are
// in the address too, and a reload shows the same.
func TestChartsZoomAndSmooth(t *testing.T) {
	page, _ := openCharts(t, "")
	page.Wait(inked + " > 300")
	page.Drag(lossPlot, 0.3, 0.5, 0.6, 0.5)
	page.Until("a zoom in the address", func() bool { return strings.Contains(page.Place(), "zoom=") })
	page.Settle()
	zoomed := browser.Value[[]string](page, `[...new URLSearchParams(location.hash.split("?")[1]).get("zoom").split(":")]`)
	from, _ := strconv.ParseFloat(zoomed[len(zoomed)-2], 64)
	to, _ := strconv.ParseFloat(zoomed[len(zoomed)-1], 64)
	if from < 5 || from > 15 || to < 18 || to > 28 {
		t.Errorf("the zoom goes from %v to %v", from, to)
	}
	page.Reload()
	page.Settle()
	page.Wait(inked + " > 300")
	page.Click(chartButton("Show all of the x axis"))
	page.Until("no zoom in the address", func() bool { return !strings.Contains(page.Place(), "zoom=") })
	page.Click(browser.Find("checkbox", "log y"))
	page.Run(`(() => {
		const slider = document.querySelector("input[type=range]");
		slider.value = "0.6";
		slider.dispatchEvent(new Event("input", { bubbles: true }));
	})()`)
	page.Until("smoothing and log in the address", func() bool {
		return strings.Contains(page.Place(), "smooth=0.6") && strings.Contains(page.Place(), "logy=1")
	})
	page.Reload()
	page.Settle()
	page.WaitText("--smooth 0.6")
	page.Wait(browser.Find("checkbox", "log y") + "?.matches(':checked, [aria-checked=true]')")
	page.Wait(inked + " > 300")
	// The smoothed value at a step, from the recorded ones.
	page.Run(`(` + lossPlot + `).focus()`)
	page.Press(kb.Home)
	page.Press(kb.ArrowRight + kb.ArrowRight + kb.ArrowRight)
	page.Wait(said + `.includes("step 3: ")`)
	name, value, _ := strings.Cut(browser.Value[string](page, said), ", step 3: ")
	seed, _ := strconv.Atoi(name[len(name)-1:])
	mean := 0.0
	for step := range 4 {
		mean = 0.6*mean + 0.4*browser.TrainingLoss(0.1, seed, step)
	}
	if want := fmt.Sprintf("%.5g", mean/(1-math.Pow(0.6, 4))); value != want {
		t.Errorf("%s smoothed at step 3: the page says %s, it is %s", name, value, want)
	}
	page.NoProblems()
}

// The legend hides and shows curves, and groups have one curve each with a band.
func TestChartsLegendAndGroups(t *testing.T) {
	page, project := openCharts(t, "")
	page.Wait(inked + " > 300")
	all := browser.Value[string](page, drawn)
	button := `[...document.querySelectorAll(".chart-legend button")].find((b) => b.innerText.includes("lr-0.1-2"))`
	page.Click(button)
	page.Wait(`(` + button + `).getAttribute("aria-pressed") === "false"`)
	page.Wait(fmt.Sprintf("%s !== %q", drawn, all))
	if !strings.Contains(page.Place(), "hide=") {
		t.Errorf("the address %s does not say what is hidden", page.Place())
	}
	page.Click(button)
	page.Run("document.activeElement.blur()")
	page.Move("document.body", 0, 0.99)
	page.Wait(fmt.Sprintf("%s === %q", drawn, all))
	page.Open(project.Serve().URL("#/charts?where=" + "params.lr<1" + "&by=group"))
	page.Settle()
	for _, group := range []string{"lr-0.1", "lr-0.01", "lr-0.001"} {
		page.WaitText("group = " + group)
	}
	page.WaitText("3 runs")
	page.NoProblems()
}
