package browser_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/testdata/browser"
)

// A list of sides in an address is read as it was written, whatever is in their names.
func TestSidesInAnAddress(t *testing.T) {
	sides := chromium.Load(t, "src/compare/sides.ts")
	for _, list := range [][]string{
		{"20260730-100000-aaaaaaaa", "20260730-100001-bbbbbbbb"},
		{"a,b", "c%2Cd", "100%", "where params.lr = 0.1 and x in (a, b)", "group=ä ö", "<b>"},
		{"where group = 'x'", "best(rmse, \"lr < 1\")"},
	} {
		var text string
		sides.Call(&text, "writeSides", list)
		var got []string
		sides.Call(&got, "readSides", text)
		if diff := cmp.Diff(list, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
	for _, c := range []struct {
		runs, groups string
		want         []string
	}{
		{"", "", []string{}},
		{"a,,a, b ", "", []string{"a", "b"}},
		{"a", "group=x,lr = 1,where lr = 1", []string{"a", "group=x", "where lr = 1"}},
		{"%", "", []string{"%"}},
	} {
		var got []string
		sides.Call(&got, "readSides", c.runs, c.groups)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%q and %q: %s", c.runs, c.groups, diff)
		}
	}
	var pinned []string
	sides.Call(&pinned, "withBaseline", []string{"a", "b", "c"}, 2)
	if !slices.Equal(pinned, []string{"c", "a", "b"}) {
		t.Errorf("got %q", pinned)
	}
}

func TestBestSides(t *testing.T) {
	rows := chromium.Load(t, "src/compare/rows.ts")
	for _, c := range []struct {
		goal   string
		values string // of the levels; none stands for a side without the metric
		want   []int
	}{
		{"min", "1 2 3", []int{0}},
		{"max", "1 2 3", []int{2}},
		{"max", "3 none 3 1", []int{0, 2}},
		{"", "1 2", []int{}},
		{"min", "1 1", []int{}},
		{"min", "1 none", []int{}},
		{"min", "NaN 2 1", []int{2}},
		{"min", "-Infinity 2 1", []int{2}}, // a value that is not finite is not the best
	} {
		levels := []string{}
		for _, v := range strings.Fields(c.values) {
			switch v {
			case "none":
				levels = append(levels, "null")
			case "NaN", "-Infinity":
				levels = append(levels, fmt.Sprintf("{value: %q, n: 1}", v))
			default:
				levels = append(levels, fmt.Sprintf("{value: %s, n: 1}", v))
			}
		}
		var got []int
		row := fmt.Sprintf("{goal: %q, levels: [%s]}", c.goal, strings.Join(levels, ", "))
		rows.Call(&got, "bestSides", browser.Script(row))
		if !slices.Equal(got, c.want) {
			t.Errorf("%s %q: %v, want %v", c.goal, c.values, got, c.want)
		}
	}
}

// The lines of a patch are told apart by where they are, not by how they begin.
func TestReadPatch(t *testing.T) {
	patch := chromium.Load(t, "src/compare/patch.ts")
	text := "diff --git a/x y.py b/x y.py\nindex 1..2 100644\n--- a/x y.py\n+++ b/x y.py\n" +
		"@@ -3,3 +3,3 @@ def f():\n same\n--- a removed line\n+++ an added line\n last\n\\ No newline at end of file\n" +
		"diff --git a/new b/new\nnew file mode 100644\n--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+<script>\n" +
		"diff --git a/bin b/bin\nBinary files a/bin and b/bin differ\n"
	type line struct {
		Kind, Text    string
		Before, After int
	}
	var got []struct {
		Path  string
		Lines []line
	}
	patch.Call(&got, "readPatch", text)
	want := map[string][]line{
		"x y.py": {
			{Kind: "meta", Text: "index 1..2 100644"},
			{Kind: "hunk", Text: "@@ -3,3 +3,3 @@ def f():"},
			{Kind: "same", Text: "same", Before: 3, After: 3},
			{Kind: "removed", Text: "-- a removed line", Before: 4},
			{Kind: "added", Text: "++ an added line", After: 4},
			{Kind: "same", Text: "last", Before: 5, After: 5},
			{Kind: "meta", Text: "\\ No newline at end of file"},
		},
		"new": {
			{Kind: "meta", Text: "new file mode 100644"},
			{Kind: "hunk", Text: "@@ -0,0 +1 @@"},
			{Kind: "added", Text: "<script>", After: 1},
		},
		"bin": {{Kind: "meta", Text: "Binary files a/bin and b/bin differ"}},
	}
	if len(got) != len(want) {
		t.Errorf("%d files", len(got))
	}
	for _, file := range got {
		if diff := cmp.Diff(want[file.Path], file.Lines); diff != "" {
			t.Errorf("%s: %s", file.Path, diff)
		}
	}
}

// Two runs are compared: the verdict, what differs, a switch for what is equal, the other way around, and the keyboard.
func TestCompareJourney(t *testing.T) {
	project := training().At(t)
	server := project.Serve()
	a, b := project.ID("lr-0.1-1"), project.ID("lr-0.01-1")
	page := chromium.NewPage(t)
	page.Open(server.URL("#/compare?runs=" + a + "," + b))
	page.WaitText("1 run each")
	short := func(id string) string { return id[strings.LastIndex(id, "-")+1:] }
	page.WaitText("runs diff " + short(a) + " " + short(b))
	params := `document.querySelector("#params").innerText`
	if text := browser.Value[string](page, params); !strings.Contains(text, "lr") || strings.Contains(text, "seed") {
		t.Errorf("the params are %q", text)
	}
	page.Click(browser.Find("checkbox", "Show equal values"))
	page.Wait(params + `.includes("seed")`)
	page.Click(browser.Find("button", "Swap"))
	page.WaitText("runs diff " + short(b) + " " + short(a))
	page.Click(browser.Find("button", "Remove lr-0.1-1"))
	page.WaitText("Choose what to compare it with")
	page.Type(browser.Find("textbox", "Add a run or group"), "nothing-like-it")
	page.Press("\r")
	page.WaitText("no run has this name")
	page.Click(browser.Find("button", "Leave it out"))
	page.WaitText("Choose what to compare it with")
	page.NoProblems()
}
