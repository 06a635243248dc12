package csvlog

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/importer"
)

func readRows(text string, delimiter byte) (rows []string, err error) {
	r, err := newReader(strings.NewReader(text), delimiter)
	if err != nil {
		return nil, err
	}
	for {
		cells, err := r.row()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		rows = append(rows, fmt.Sprintf("%d:%s", r.line, strings.Join(cells, "|")))
	}
}

// TestRows splits texts into rows and cells.
func TestRows(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "",
		"\xef\xbb\xbfa,b\n1,2":             "1:a|b 2:1|2",
		"a,b\r\n1,2\r\n\r\n\n3,\n":         "1:a|b 2:1|2 5:3|",
		"a;b\n1,5;2":                       "1:a|b 2:1,5|2",
		"a\tb,c\n1\t2":                     "1:a|b,c 2:1|2",
		"\"a,b\",c\n":                      "1:a,b|c",
		"\"a\"\"b\",\"\"\n":                "1:a\"b|",
		"\"a\nb\",c\nd,e":                  "1:a\nb|c 3:d|e",
		"a\"b,c\n":                         "1:a\"b|c",
		"\"a\"b,c":                         "1:ab|c",
		"a\rb,c":                           "1:a\rb|c",
		"\"a,b\n":                          "line 1: a quoted cell has no end",
		"a,b\n\xff,1":                      "1:a|b it is not UTF-8; save it as UTF-8",
		"\xff\xfea\x00":                    "it is not UTF-8; save it as UTF-8",
		strings.Repeat("a", maxRowBytes):   "1:" + strings.Repeat("a", maxRowBytes),
		strings.Repeat("a", maxRowBytes+1): "line 1: a row is longer than 4194304 bytes",
		strings.Repeat(",", maxCells+1):    "line 1: a row has more than 20000 cells",
	} {
		rows, err := readRows(text, 0)
		if err != nil {
			rows = append(rows, err.Error())
		}
		if got := strings.Join(rows, " "); got != want {
			t.Errorf("%.60q: got %.90q, want %.90q", text, got, want)
		}
	}
}

// TestNumber reads numbers, and says what is wrong with others.
func TestNumber(t *testing.T) {
	for cell, want := range map[string]string{
		"1": "1", "-2.5e-3": "-0.0025", "+3": "3", ".5": "0.5", "nan": "NaN", "NaN": "NaN", "-inf": "-Inf",
		"Infinity": "+Inf", "1.234": "1.234",
		"1,234":         `"1,234" has thousands separators: write it without`,
		"1.234.567":     `"1.234.567" has thousands separators: write it without`,
		"-1 234 567,89": `"-1 234 567,89" has thousands separators: write it without`,
		"1'234.5":       `"1'234.5" has thousands separators: write it without`,
		"12,5":          `"12,5" has a decimal comma: write a point`,
		"0x10":          `"0x10" is not a number`,
		"1_000":         `"1_000" has thousands separators: write it without`,
		"--1":           `"--1" is not a number`, "+-inf": `"+-inf" is not a number`,
		"1e999": `"1e999" is not a number`, "5%": `"5%" is not a number`, ",": `"," is not a number`,
	} {
		v, err := number(cell)
		got := fmt.Sprint(v)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", cell, got, want)
		}
	}
}

// TestMoment reads times of several forms.
func TestMoment(t *testing.T) {
	want := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixMicro()
	for _, cell := range []string{
		"2026-01-02T03:04:05Z", "2026-01-02 03:04:05", "2026-01-02T03:04:05", "2026-01-02 04:04:05+01:00", "1767323045",
		"1767323045000", "1767323045.0",
	} {
		if got, err := moment(cell); err != nil || got != want {
			t.Errorf("%s: got %d, want %d: %v", cell, got, want, err)
		}
	}
	for _, cell := range []string{"yesterday", "-5", "1e300", "01/02/2026"} {
		if got, err := moment(cell); err == nil {
			t.Errorf("%s: got %d", cell, got)
		}
	}
}

func project(t testing.TB) *repo.Repository {
	t.Helper()
	t.Setenv("GIT_CEILING_DIRECTORIES", os.TempDir())
	r, _, err := repo.Init(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func write(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Each row is a run, once, also from a copy that was written later; equal rows are two runs.
func TestRowsBecomeRuns(t *testing.T) {
	r := project(t)
	text := ",model,lr,loss,state\n0,mlp,0.1,0.5,done\n1,cnn,007,nan,failed\n2,mlp,0.1,,\n2,mlp,0.1,,\n"
	q := importer.Request{Table: importer.Table{Metrics: []string{"loss"}, Name: "model", Status: "state"}}
	for turn, want := range []string{"4 0", "0 4"} {
		q.Path = write(t, text)
		if err := os.Chtimes(q.Path, time.Time{}, time.Unix(1.7e9+int64(turn), 0)); err != nil {
			t.Fatal(err)
		}
		done, err := Import(t.Context(), r, q)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(len(done.Runs), " ", len(done.Present)); got != want || len(done.Refused) > 0 {
			t.Errorf("new and present: %s, want %s; %v", got, want, done.Refused)
		}
		for _, id := range done.Runs {
			e, err := r.ReadFinished(id)
			if err != nil {
				t.Fatal(err)
			}
			if e.Name == "cnn" && (e.Status != "failed" || e.Params["lr"] != "007" || !math.IsNaN(e.Metrics["loss"].Last)) {
				t.Errorf("%+v", e.Run)
			}
		}
		if len(done.LeftOut) != 1 || done.LeftOut[0].What != `column ""` {
			t.Errorf("left out %v", done.LeftOut)
		}
	}
}

// A curve is one run; a column of texts becomes values.
func TestCurve(t *testing.T) {
	r := project(t)
	q := importer.Request{Path: write(t, "step,when,loss,phase\n0,1700000000,1,a\n5,1700000060,0.5,b\n")}
	q.Table = importer.Table{Step: "step", Time: "when"}
	done, err := Import(t.Context(), r, q)
	if err != nil || len(done.Runs) != 1 || done.Points != 2 {
		t.Fatal(done, err)
	}
	e, err := r.ReadFinished(done.Runs[0])
	if err != nil {
		t.Fatal(err)
	}
	points, err := e.Points(t.Context(), "loss")
	if err != nil || len(points) != 2 || points[1].Step != 5 || e.Ended.Sub(e.Started) != time.Minute ||
		len(e.Metrics) != 1 {
		t.Errorf("%v %v %+v", points, err, e.Run)
	}
	again, err := Import(t.Context(), r, q)
	if err != nil || len(again.Present) != 1 {
		t.Errorf("again: %+v, %v", again, err)
	}
}

// TestRefused says what is wrong with a table.
func TestRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "it is empty",
		"a,a\n":                          `two columns have the name "a"`,
		"a,,b\n":                         "column 2 has no name",
		"b,c\n1,2\n":                     `it has no column "a"; its columns are "b", "c"`,
		"a,b\n1,\"2,000\"\n":             "line 2: column \"b\": \"2,000\" has thousands separators",
		"a,b\n1.5,2\n":                   `line 2: the step "1.5" is not an integer`,
		"a,b\n1\n":                       "line 2 has 1 cells, and the first line has 2",
		"a,b\n1,\"x\n":                   "line 2: a quoted cell has no end",
		"a,b\n" + strings.Repeat("1", 5): "line 2 has 1 cells",
	} {
		_, err := Import(t.Context(), project(t), importer.Request{Path: write(t, text), Table: importer.Table{Step: "a"}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add("a,b\r\n\"1,\n2\",\"\"\"\"\n", byte(0))
	f.Add("\xef\xbb\xbfa;b\n1;nan\n\n", byte(';'))
	f.Fuzz(func(t *testing.T, text string, delimiter byte) {
		rows, err := readRows(text, delimiter)
		if size := len(strings.Join(rows, "")); size > 8*len(text)+16 {
			t.Errorf("%q gives %d bytes: %v", text, size, err)
		}
		quoted := strings.ReplaceAll(text, `"`, `""`)
		again, err := readRows(`"`+quoted+"\",x\n", ',')
		if err == nil && !slices.Equal(again, []string{"1:" + text + "|x"}) {
			t.Errorf("%q as a cell gives %q", text, again)
		}
		v, err := number(text)
		if err == nil && math.IsNaN(v) != (strings.Contains(strings.ToLower(text), "nan") || strings.Contains(text, "#")) {
			t.Errorf("%q gives %v", text, v)
		}
		_, _ = moment(text)
	})
}
