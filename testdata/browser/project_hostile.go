package browser

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/gitruns/runs/format"
)

// HostileTexts are texts that a page must show as they are: markup, scripts, right-to-left and invisible characters,
// names of JavaScript's own, and what is special in an address, a shell, a selector or an expression.
var HostileTexts = []string{
	`<img src=x onerror=alert(1)>`, `"><script>alert(2)</script>`, `</title></script><svg onload=alert(3)>`,
	`javascript:alert(4)`, "\u202egnp.exe", "a\u200bb\u2066c\u2069", `__proto__`, `constructor`, `toString`,
	`#/run/../..?x=1&y=%2e%2e%00`, `$(touch owned); 'x' "y" ` + "`z`", `{{7*7}}`, `&lt;b&gt;`, `..`, `%`, `a=b&c=d#e`,
	strings.Repeat("long ", 40), strings.Repeat("W", 200), "日本語テキスト🎉", "مرحبا بالعالم",
}

// Hostile makes a project whose runs carry hostile texts wherever a run has a text, huge and missing values, keys of
// 250 bytes, a run with many metrics, a metric of nothing but NaN, and a damaged run.
func Hostile(t TB, program string, metrics int) *Project {
	t.Helper()
	p := NewProject(t, program)
	started := time.Date(2026, 8, 1, 8, 0, 0, 0, time.UTC)
	for i, text := range HostileTexts {
		p.plant(hostileRun(text, started.Add(time.Duration(i)*time.Minute), byte(i)))
	}
	run := p.Runs("start", "only NaN")
	p.Log(run, strings.Repeat("nothing=NaN\n", 20))
	p.Runs("finish", run)
	run = p.Runs("start", "many metrics", "-p", "empty=")
	var lines strings.Builder
	for i := range metrics {
		fmt.Fprintf(&lines, "many/metric-%05d=%d\n", i, i)
	}
	p.Log(run, lines.String())
	p.Runs("finish", run)
	p.Runs("log", "--name", "huge", "a=1.7976931348623157e308", "b=-1.7976931348623157e308", "c=5e-324", "d=inf",
		"e=-inf", strings.Repeat("k", 250)+"=1", "-p", strings.Repeat("p", 250)+"="+strings.Repeat("v", 4000))
	damaged := p.Runs("log", "--name", "damaged", "loss=1")
	p.Write(".runs/"+format.IDDay(damaged)+"/"+damaged+"/run.toml", "schema = 1\nname = \"<b>damaged</b>\n")
	return p
}

// hostileRun returns a run that has the text in every place that may have it.
func hostileRun(text string, started time.Time, n byte) *format.Run {
	code, step := int64(0), int64(1)
	key := strings.Map(func(r rune) rune { // a key has no invisible characters
		if unicode.In(r, unicode.Cc, unicode.Cf) {
			return -1
		}
		return r
	}, text)
	digest := strings.Repeat(fmt.Sprintf("%02x", n+1), 32)
	return &format.Run{
		ID: format.IDOf(started, []byte(digest)), Name: text, Key: "", Experiment: key, Status: format.Finished,
		Started: started, Ended: started.Add(time.Minute), Author: text, Command: []string{"python", text, "-c", text},
		ExitCode: &code, Group: key, Note: text,
		Params: format.Params{
			key: text, "lr": float64(n) / 10, "text": text, "nested": map[string]any{key: []any{text}},
		},
		Tags:    map[string]string{key: text},
		Summary: map[string]any{key: text},
		Metrics: map[string]format.Metric{
			"loss": {Last: float64(n), Count: 1}, key: {Last: math.MaxFloat64, Count: 1},
		},
		Source: &format.Source{
			Commit: digest[:40], Branch: text, Tree: digest[:40], Base: digest[:40], Entry: "train.py",
			Remote: "https://example.org/" + text,
		},
		Environment: &format.Environment{Python: text, OS: text, Arch: text},
		Machine:     &format.Machine{Host: text, CPU: text, Cores: 8, Memory: 1 << 36},
		Datasets: []format.Dataset{
			{Name: key, Path: "data.csv", SHA256: digest, Bytes: 1, Files: 1, Columns: []string{text}},
		},
		Artifacts: []format.Artifact{
			{Path: "media/x.png", SHA256: digest, Bytes: 1, Kind: "image", Key: key, Step: &step, Caption: text},
		},
	}
}

// plant writes the record of a run.
func (p *Project) plant(run *format.Run) {
	p.t.Helper()
	data, err := format.EncodeRun(run)
	if err != nil {
		p.t.Fatalf("writing the run %q: %v", run.Name, err)
	}
	dir := filepath.Join(p.Dir, ".runs", format.IDDay(run.ID), run.ID)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		p.t.Fatalf("%v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "run.toml"), data, 0o666); err != nil {
		p.t.Fatalf("%v", err)
	}
}
