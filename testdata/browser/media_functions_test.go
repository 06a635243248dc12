package browser_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gitruns/runs/testdata/browser"
)

type artifact = map[string]any

func logged(path, kind, key string, step int) artifact {
	return artifact{"path": path, "kind": kind, "key": key, "step": step, "sha256": path, "bytes": 1, "place": "here"}
}

// The files of a key are grouped: masks and boxes belong to their image, and the cells of a table to the table.
func TestMediaGroups(t *testing.T) {
	group := chromium.Load(t, "src/media/group.ts")
	for _, c := range []struct {
		name  string
		files []artifact
		want  string
	}{
		{"an image with masks", []artifact{
			logged("media/a_1_0.png", "image", "a", 1), logged("media/a_1_0.mask0.png", "file", "a", 1),
			logged("media/a_1_0.mask1.png", "file", "a", 1), logged("media/a_1_0.json", "file", "a", 1),
		}, "image a: 1=media/a_1_0.png(2,1)"},
		{"steps in order", []artifact{
			logged("media/a_10_0.png", "image", "a", 10), logged("media/a_2_0.png", "image", "a", 2),
			logged("media/a_2_1.png", "image", "a", 2),
		}, "image a: 2=media/a_2_0.png(0,0)+media/a_2_1.png(0,0) 10=media/a_10_0.png(0,0)"},
		{"a table with images", []artifact{
			logged("media/t_0_0.0-1.png", "image", "t", 0), logged("media/t_0_0.parquet", "table", "t", 0),
		}, "table t: 0=media/t_0_0.parquet(0,0)"},
		{"imported masks", []artifact{
			logged("media/images/a_0_x.png", "image", "a", 0), logged("media/images/a_0_y.png", "image", "a", 0),
			logged("media/images/mask/p.mask.png", "file", "a", 0), logged("media/images/mask/q.mask.png", "file", "a", 0),
			logged("media/metadata/boxes2D/b.boxes2D.json", "file", "a", 0),
		}, "image a: 0=media/images/a_0_x.png(1,0)+media/images/a_0_y.png(1,0); " +
			"file a: 0=media/metadata/boxes2D/b.boxes2D.json(0,0)"},
		{"a video that is an image", []artifact{logged("media/v.gif", "video", "v", 0)}, "image v: 0=media/v.gif(0,0)"},
		{"without a key", []artifact{{"path": "model.bin", "sha256": "x", "bytes": 1, "place": "here"}}, ""},
	} {
		var got []struct {
			Kind, Key string
			Steps     []int
			At        [][2]any
		}
		group.Call(&got, "mediaOf", c.files)
		var parts []string
		for _, k := range got {
			text := k.Kind + " " + k.Key + ":"
			for _, step := range k.Steps {
				for _, at := range k.At {
					if fmt.Sprint(at[0]) != fmt.Sprint(step) {
						continue
					}
					var names []string
					for _, m := range at[1].([]any) {
						m := m.(map[string]any)
						names = append(names, fmt.Sprintf("%v(%d,%d)", m["artifact"].(map[string]any)["path"],
							len(m["masks"].([]any)), len(m["notes"].([]any))))
					}
					text += fmt.Sprintf(" %d=%s", step, strings.Join(names, "+"))
				}
			}
			parts = append(parts, text)
		}
		if text := strings.Join(parts, "; "); text != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, text, c.want)
		}
	}
}

// What describes an image may come from anyone: what is not understood is left out.
func TestAnnotations(t *testing.T) {
	annotations := chromium.Load(t, "src/media/annotations.ts")
	for _, c := range []struct{ json, want string }{
		{`{}`, ""},
		{`null`, ""},
		{`[1]`, ""},
		{
			`{"masks":{"p":{"file":"m.png","class_labels":{"1":"car"}}},"classes":[{"id":0,"name":"road"}]}`,
			"mask p m.png 0=road 1=car",
		},
		{
			`{"boxes":{"p":{"box_data":[{"position":{"minX":0.1,"maxX":0.3,"minY":0,"maxY":1},"class_id":2}]}}}`,
			"boxes p  [0.1,0,0.2,1]",
		},
		{
			`{"box_data":[{"position":{"middle":[10,20],"width":4,"height":8},"domain":"pixel"}]}`,
			"boxes boxes  [8,16,4,8]px",
		},
		{`{"boxes":{"p":{"box_data":[{"position":{"minX":"<b>"}},{},null,{"position":{"minX":1}}]}}}`, "boxes p "},
		{`{"masks":{"p":null,"q":"text"},"boxes":"text"}`, ""},
	} {
		var got []struct {
			Name, Kind, File string
			Boxes            []struct{ X, Y, Width, Height float64 }
			Pixels           []bool
			Labels           [][2]any
		}
		annotations.Call(&got, "layersOf", browser.Script(c.json))
		var parts []string
		for _, l := range got {
			text := l.Kind + " " + l.Name + " " + l.File
			for _, label := range l.Labels {
				text += fmt.Sprintf(" %v=%v", label[0], label[1])
			}
			for i, b := range l.Boxes {
				text += fmt.Sprintf(" [%.3g,%.3g,%.3g,%.3g]", b.X, b.Y, b.Width, b.Height)
				if l.Pixels[i] {
					text += "px"
				}
			}
			parts = append(parts, text)
		}
		if text := strings.Join(parts, "; "); text != c.want {
			t.Errorf("%s: %q, want %q", c.json, text, c.want)
		}
	}
}

// A histogram is spread over other bins without losing a number.
func TestHistogramBins(t *testing.T) {
	histogram := chromium.Load(t, "src/media/histogram.ts")
	for _, c := range []struct {
		json  string
		valid bool
	}{
		{`{_type:"histogram",bins:[0,1,2],values:[3,4]}`, true},
		{`{_type:"histogram",bins:[0,0.001,5],values:[100,4],nan:2}`, true},
		{`{_type:"histogram",bins:[1,1,1],values:[3,4]}`, true},
		{`{_type:"histogram",bins:[0,1],values:[0]}`, true},
		{`{_type:"histogram",bins:[-1e300,0,1e300],values:[1,2]}`, true},
		{`{_type:"histogram",bins:[2,1,0],values:[3,4]}`, false},
		{`{_type:"histogram",bins:[0,1],values:[3,4]}`, false},
		{`{_type:"histogram",bins:[0,1,"x"],values:[3,4]}`, false},
		{`{_type:"histogram",bins:[0,1,2],values:[3,-4]}`, false},
		{`{_type:"histogram",bins:[0],values:[]}`, false},
		{`"histogram"`, false},
		{`null`, false},
	} {
		var result struct {
			Valid bool
			Lost  float64
		}
		err := histogram.Eval(&result, `(() => {
			const h = __functions.histogramOf(`+c.json+`);
			if (!h) return { valid: false, lost: 0 };
			const [low, high] = __functions.rangeOf([h]);
			const sum = __functions.spread(h, low, high, 37).reduce((a, b) => a + b, 0);
			return { valid: true, lost: Math.abs(sum - h.total) / (h.total || 1) };
		})()`)
		if err != nil {
			t.Fatal(err)
		}
		if result.Valid != c.valid || result.Lost > 1e-9 {
			t.Errorf("%s: %+v", c.json, result)
		}
	}
}

// Rows of a table are found in any cell and sorted by a column; NaN and missing cells come last.
func TestTableRows(t *testing.T) {
	rows := chromium.Load(t, "src/media/table_rows.ts")
	const table = `{rows:5,shown:5,columns:[{name:"n",type:"number",cells:[3,"NaN",1,null,2]},` +
		`{name:"t",type:"text",cells:["Bird","cat","a","b",null]},{name:"x",type:"INT32",cells:null}]}`
	for _, c := range []struct {
		find       string
		sort       int
		descending bool
		want       string
	}{
		{"", -1, false, "[0 1 2 3 4]"},
		{"", 0, false, "[2 4 0 1 3]"},
		{"", 0, true, "[0 4 2 1 3]"},
		{"", 1, false, "[0 2 3 1 4]"},
		{"BIRD", 0, false, "[0]"},
		{"nothing", 0, false, "[]"},
		{"", 2, false, "[0 1 2 3 4]"},
	} {
		got := []int{}
		rows.Call(&got, "rowsOf", browser.Script(table), c.find, c.sort, c.descending)
		if text := fmt.Sprint(got); text != c.want {
			t.Errorf("%+v: %s", c, text)
		}
	}
}

// A line of a log is shown as what a terminal leaves of it, and nothing in it is hidden.
func TestLogLine(t *testing.T) {
	ansi := chromium.Load(t, "src/media/ansi.ts")
	for line, want := range map[string]string{
		"plain <b>text</b>":                       "plain <b>text</b>",
		"\x1b[1;31mred\x1b[0m and \x1b[2Kb":       "red and b",
		"10 %\r50 %\r100 %\r":                     "100 %",
		"\x1b]8;;http://evil\x07link\x1b]8;;\x07": "link",
		"tab\tbell\a\x00":                         "tab\tbell\u2407\u2400",
		"\u202eabc":                               "<U+202E>abc",
		"":                                        "",
	} {
		var got string
		ansi.Call(&got, "plainLine", line)
		if got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}
