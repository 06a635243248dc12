package web

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/share"
	"github.com/gitruns/runs/repo/view"
)

// exportOf opens the runs anew and exports them.
func exportOf(t *testing.T, r *repo.Repository, o view.ExportOptions, what ExportOptions) (*Export, error) {
	t.Helper()
	v, err := view.Open(t.Context(), r, view.Options{Export: &o})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	return NewExport(t.Context(), r, v, what)
}

func mustExport(t *testing.T, r *repo.Repository, o view.ExportOptions, what ExportOptions) *Export {
	t.Helper()
	e, err := exportOf(t, r, o, what)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func pageOf(t *testing.T, e *Export) []byte {
	t.Helper()
	body, err := e.Page()
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// finishedProject is newProject without the run in progress, so that nothing changes while it is read.
func finishedProject(t *testing.T) *testProject {
	t.Helper()
	p := newProject(t)
	a, err := p.Open(p.ids[3])
	if err != nil {
		t.Fatal(err)
	}
	p.finish(t, a)
	return p
}

// addCurve adds a run with a curve of many points.
func (p *testProject) addCurve(t *testing.T, points int) {
	t.Helper()
	a := p.start(t, len(p.ids), nil)
	j, err := a.OpenJournal()
	if err != nil {
		t.Fatal(err)
	}
	for i := range points {
		step := int64(i)
		value := format.MetricValue{Key: "long", Value: 1 / float64(i%97+1)}
		err := j.Append(&format.Line{Step: step, HasStep: true, Metrics: []format.MetricValue{value}})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	p.finish(t, a)
}

// unpackText is what src/static.ts does.
func unpackText(text []byte, length int) []byte {
	var out []byte
	bits, n, low := uint32(0), 0, -1
	for _, c := range text {
		v := strings.IndexByte(packLetters, c)
		switch {
		case v < 0:
		case low < 0:
			low = v
		default:
			bits |= uint32(low+91*v) << n
			low = -1
			for n += 13; n >= 8; n -= 8 {
				out = append(out, byte(bits))
				bits >>= 8
			}
		}
	}
	return out[:length]
}

func TestPackText(t *testing.T) {
	for n := range 200 {
		data := make([]byte, n*n)
		for i := range data {
			data[i] = byte(i*i*7 + n)
		}
		text := packText(data)
		if got := unpackText(text, len(data)); !bytes.Equal(got, data) {
			t.Fatalf("%d bytes did not come back", len(data))
		}
		if i := bytes.IndexAny(text, "<>&\r\x00"); i >= 0 {
			t.Fatalf("packed text contains %q", text[i])
		}
		if most := len(data)*16/13 + len(data)/2000 + 4; len(text) > most {
			t.Fatalf("%d bytes became %d letters, more than %d", len(data), len(text), most)
		}
	}
}

// answersIn reads all answers of an export, from its blocks by name.
func answersIn(t *testing.T, blocks map[string][]byte) map[string][]byte {
	t.Helper()
	plain := func(name string) []byte {
		r, err := gzip.NewReader(bytes.NewReader(blocks[name]))
		if err != nil { // a picture
			return blocks[name]
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatalf("block %s: %v", name, err)
		}
		return data
	}
	var r root
	if err := json.Unmarshal(plain("index"), &r); err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for _, place := range r.Shards {
		var s shard
		if err := json.Unmarshal(plain(strconv.Itoa(place.Block)), &s); err != nil {
			t.Fatal(err)
		}
		for i, path := range s.Paths {
			at := s.Places[i]
			all[path] = plain(strconv.Itoa(at[0]))[at[1] : at[1]+at[2]]
		}
	}
	return all
}

var dataElement = regexp.MustCompile(
	`(?s)<script type="text/plain" id="runs-(\w+)" data-bytes="(\d+)">\n(.*?)\n</script>`,
)

func blocksOfPage(t *testing.T, body []byte) map[string][]byte {
	t.Helper()
	blocks := map[string][]byte{}
	for _, m := range dataElement.FindAllSubmatch(body, -1) {
		length, err := strconv.Atoi(string(m[2]))
		if err != nil {
			t.Fatal(err)
		}
		blocks[string(m[1])] = unpackText(m[3], length)
	}
	return blocks
}

// An export contains what its page asks for, the same in one file and in a folder, as the server answers it. Every
// answer of the server is one of an export, or is known to be one that only the server gives.
func TestExportAnswers(t *testing.T) {
	p := finishedProject(t)
	p.register(t, "<b>taxi")
	p.addCurve(t, 5000)
	e := mustExport(t, p.Repository, view.ExportOptions{}, ExportOptions{With: ExportParts()})
	all := answersIn(t, blocksOfPage(t, pageOf(t, e)))
	files, err := e.Folder()
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[string][]byte{}
	for _, f := range files {
		for part := range strings.SplitSeq(f.Path, "/") {
			if strings.HasPrefix(part, ".") || filepath.Ext(part) == "" && strings.Contains(f.Path, part+".") {
				t.Errorf("a host may leave out %s", f.Path)
			}
		}
		blocks[strings.TrimSuffix(f.Path[strings.LastIndexByte(f.Path, '/')+1:], ".bin")] = f.Body
	}
	for path, data := range answersIn(t, blocks) {
		if !bytes.Equal(data, all[path]) {
			t.Errorf("the folder has another answer to %s than the file", path)
		}
	}
	v, err := view.Open(t.Context(), p.Repository, view.Options{Export: &view.ExportOptions{}})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	seen := map[string]bool{}
	for path, data := range all {
		pattern, values := find(strings.Split(path, "/"))
		seen[pattern] = true
		if pattern == "" || strings.HasPrefix(path, "curves/") {
			continue
		}
		a, err := answers[pattern](t.Context(), v, question{path: func(name string) string { return values[name] }})
		if err != nil || !bytes.Equal(a.Body, data) {
			t.Errorf("the server has another answer to %s than the export: %v", path, err)
		}
	}
	served := []string{
		"changes.json", "compare.json", "source.json", "review.json", "log/{id}.json", "curves.bin", "artifacts/{id}.json",
		// those of which the project has none
		"image/{id}/{digest}.bin", "table/{id}/{digest}.json", "values/{id}/{key}.json", "values/{id}.json",
		"manifest/{id}/{n}.json", "machine/{id}.json", "environment/{id}.json", "artifact/{id}/{digest}.bin",
		"log/{id}.txt", "patch/{id}.txt", "compare/{pair}.source.json",
	}
	for pattern := range answers {
		if !seen[pattern] && !slices.Contains(served, pattern) {
			t.Errorf("no export contains an answer to %s", pattern)
		}
	}
	wanted := []string{"export.json", "project.json", "runs.json", "metrics.json", "legend.json", "curves/0.bin"}
	for _, path := range wanted {
		if all[path] == nil {
			t.Errorf("the export does not contain %s", path)
		}
	}
}

// A page makes no request, runs no script but its own, and contains no address but names of formats.
func TestExportPageIsAlone(t *testing.T) {
	p := newProject(t)
	body := pageOf(t, mustExport(t, p.Repository, view.ExportOptions{}, ExportOptions{}))
	text := string(dataElement.ReplaceAll(body, nil))
	m := regexp.MustCompile(`(?s)<script>(.*)</script>`).FindStringSubmatch(text)
	if m == nil {
		t.Fatal("the page has no script")
	}
	sum := sha256.Sum256([]byte(m[1]))
	policy := regexp.MustCompile(`Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(text)[1]
	for _, want := range []string{
		"default-src 'none'", "script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "';",
		"connect-src 'none'", "require-trusted-types-for 'script'", "form-action 'none'",
	} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy is %q, without %q", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("the policy is %q", policy)
	}
	if n := strings.Count(text, "<script"); n != 1 {
		t.Errorf("the page has %d scripts", n)
	}
	outside := strings.Replace(text, m[0], "", 1)
	for _, bad := range []string{"src=", "@import", "url(h", "url(/", "url(\"h", "<base", "<iframe"} {
		if strings.Contains(outside, bad) {
			t.Errorf("the page contains %q", bad)
		}
	}
	for _, address := range regexp.MustCompile(`https?://[\w.-]+`).FindAllString(text, -1) {
		if address != "http://www.w3.org" {
			t.Errorf("the page contains the address %s", address)
		}
	}
	if !strings.Contains(text[:1024], ExportMark) {
		t.Error("the page cannot be recognized by its start")
	}
}

// The same runs give the same bytes, whenever and in whatever order they are read.
func TestExportIsDeterministic(t *testing.T) {
	p := finishedProject(t)
	p.addCurve(t, 6000)
	first := mustExport(t, p.Repository, view.ExportOptions{}, ExportOptions{With: ExportParts()})
	page := pageOf(t, first)
	files, err := first.Folder()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		again := mustExport(t, p.Repository, view.ExportOptions{}, ExportOptions{With: ExportParts()})
		if !bytes.Equal(pageOf(t, again), page) {
			t.Fatal("another page was made of the same runs")
		}
		others, err := again.Folder()
		if err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(files, others, func(a, b File) bool { return a.Path == b.Path && bytes.Equal(a.Body, b.Body) }) {
			t.Fatal("another folder was made of the same runs")
		}
	}
}

// An export stays within its size by leaving out points and files, says so, and is refused below what it needs.
func TestExportSize(t *testing.T) {
	p := finishedProject(t)
	p.addCurve(t, 20_000)
	full := mustExport(t, p.Repository, view.ExportOptions{}, ExportOptions{MaxBytes: 1 << 30})
	size := int64(len(pageOf(t, full)))
	var small *TooSmallError
	if _, err := exportOf(t, p.Repository, view.ExportOptions{}, ExportOptions{MaxBytes: 1000}); !errors.As(err, &small) {
		t.Fatalf("an export of 1 kB was made: %v", err)
	}
	last := 0
	for _, most := range []int64{small.Least + 4096, (small.Least + size) / 2, size} {
		for _, folder := range []bool{false, true} {
			e, err := exportOf(t, p.Repository, view.ExportOptions{}, ExportOptions{MaxBytes: most, Folder: folder})
			if err != nil {
				t.Fatalf("at most %d bytes: %v", most, err)
			}
			got := int64(len(pageOf(t, e)))
			if folder {
				files, err := e.Folder()
				if err != nil {
					t.Fatal(err)
				}
				got = 0
				for _, f := range files {
					got += int64(len(f.Body))
				}
			}
			if got > most {
				t.Errorf("at most %d bytes (folder %v): got %d", most, folder, got)
			}
			if e.Notes.Points == 0 && most < size {
				t.Errorf("at most %d bytes: no point is left out", most)
			}
			if !folder {
				if e.Notes.Points != 0 && e.Notes.Points < last {
					t.Errorf("more space gave fewer points: %d after %d", e.Notes.Points, last)
				}
				last = e.Notes.Points
			}
		}
	}
	least := mustExport(t, p.Repository, view.ExportOptions{}, ExportOptions{MaxBytes: small.Least + 4096})
	if lines := strings.Join(least.Notes.Lines, "\n"); !regexp.MustCompile(`at most \d+ points of up to 20,000`).
		MatchString(lines) {
		t.Errorf("the notes are %q", lines)
	}
	var notes ExportNotes
	data := answersIn(t, blocksOfPage(t, pageOf(t, least)))["export.json"]
	if err := json.Unmarshal(data, &notes); err != nil || !slices.Equal(notes.Lines, least.Notes.Lines) {
		t.Errorf("the page has other notes: %s, %v", data, err)
	}
}

// Runs and metrics that are left out are in no answer, and are counted.
func TestExportLeavesOut(t *testing.T) {
	p := finishedProject(t)
	e := mustExport(t, p.Repository, view.ExportOptions{
		MaxRuns: 2, Metrics: regexp.MustCompile("^loss$"),
	}, ExportOptions{With: ExportParts()})
	if e.Notes.Runs != 2 || e.Notes.MoreRuns != 2 || e.Notes.MetricsLeft != 2 {
		t.Errorf("the notes are %+v", e.Notes)
	}
	kept := []string{p.ids[2], p.ids[3]}
	for path, data := range answersIn(t, blocksOfPage(t, pageOf(t, e))) {
		for i, id := range p.ids {
			if bytes.Contains(data, []byte(id)) && !slices.Contains(kept, id) {
				t.Errorf("%s contains run %d", path, i)
			}
		}
		if bytes.Contains(data, []byte("a/<b>")) {
			t.Errorf("%s contains a metric that is left out", path)
		}
	}
}

// A run that is damaged, or of which a part is, hides no other. Its messages do not name folders of this machine.
func TestExportDamaged(t *testing.T) {
	p := finishedProject(t)
	for i, name := range []string{repo.RecordName, repo.MetricsName} {
		if err := os.WriteFile(filepath.Join(p.RunDir(p.ids[i]), name), []byte("damaged"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e := mustExport(t, p.Repository, view.ExportOptions{}, ExportOptions{With: ExportParts()})
	if e.Notes.Runs != 3 {
		t.Errorf("%d runs were exported", e.Notes.Runs)
	}
	if e.Notes.Unread == 0 || !strings.Contains(strings.Join(e.Notes.Lines, "\n"), "that cannot be read") {
		t.Errorf("the notes are %+v", e.Notes)
	}
	all := answersIn(t, blocksOfPage(t, pageOf(t, e)))
	var project struct {
		Damaged []struct{ ID, Message string }
	}
	if err := json.Unmarshal(all["project.json"], &project); err != nil || len(project.Damaged) != 1 ||
		project.Damaged[0].ID != p.ids[0] {
		t.Errorf("the damaged runs are %+v: %v", project, err)
	}
	for path, data := range all {
		if bytes.Contains(data, []byte(p.git.Dir)) {
			t.Errorf("%s names the folder of the project: %.500s", path, data)
		}
	}
}

// A run in progress is exported as it is, and the notes say when it was last active.
func TestExportRunning(t *testing.T) {
	p := newProject(t)
	e := mustExport(t, p.Repository, view.ExportOptions{}, ExportOptions{})
	if e.Notes.Running != 1 || e.Notes.AsOf == 0 || !strings.Contains(strings.Join(e.Notes.Lines, "\n"), "still running") {
		t.Errorf("the notes are %+v", e.Notes)
	}
}

// A project without runs gives a page that says so.
func TestExportNothing(t *testing.T) {
	p := newProject(t)
	e := mustExport(t, p.Repository, view.ExportOptions{IDs: []string{}}, ExportOptions{})
	if all := answersIn(t, blocksOfPage(t, pageOf(t, e))); e.Notes.Runs != 0 || all["runs.json"] == nil {
		t.Errorf("%d runs, %d answers", e.Notes.Runs, len(all))
	}
}

// An export that is stopped ends with the error of its context.
func TestExportStopped(t *testing.T) {
	p := newProject(t)
	v, err := view.Open(t.Context(), p.Repository, view.Options{Export: &view.ExportOptions{}})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := NewExport(ctx, p.Repository, v, ExportOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("the export ended with %v", err)
	}
}

func exportText(text string) share.ExportText { return share.ExportText{Text: []byte(text)} }

func TestGrouped(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := grouped(n); got != want {
			t.Errorf("%d became %s", n, got)
		}
	}
}

// What is searched for secrets is what a reader of the page sees: texts without escapes, after their keys.
func TestTextsOf(t *testing.T) {
	texts := textsOf(exportText(`{"params": [["api\u005fkey", "a\nb"], {"key": "k", "value": "v"}], "patch": `+
		`"diff --git a/x b/x\n+x\n", "n": 1, "list": ["p", "q", "r"]}`), true)
	want := "list = p\nlist = q\nlist = r\nparams = api_key\napi_key = a\nb\nkey = k\nk = v\n"
	if got := string(texts[0].Text); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(texts) != 2 || !strings.HasPrefix(string(texts[1].Text), "diff --git") {
		t.Errorf("the patch is not searched as one: %d texts", len(texts))
	}
	if got := textsOf(exportText("no JSON"), true); string(got[0].Text) != "no JSON" {
		t.Errorf("got %q", got[0].Text)
	}
}
