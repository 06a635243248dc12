package wandb

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/importer"
)

// kept is an output that keeps everything for a test.
type kept struct {
	points     map[string][]float64
	steps      map[string][]int64
	params     map[string]any
	set        map[string]any
	values     map[string]string
	valueSteps map[string]int64
	summary    map[string]any
	tags       map[string]string
	defined    []format.Definition
	media      map[string]string // path: kind key@step caption
	content    map[string]string
	system     map[string]int
	console    string
}

func newKept() *kept {
	return &kept{
		points: map[string][]float64{}, steps: map[string][]int64{}, params: map[string]any{}, set: map[string]any{},
		values: map[string]string{}, valueSteps: map[string]int64{},
		summary: map[string]any{}, tags: map[string]string{}, media: map[string]string{}, content: map[string]string{},
		system: map[string]int{},
	}
}

func (k *kept) Line(l *format.Line) error {
	for _, m := range l.Metrics {
		k.points[m.Key] = append(k.points[m.Key], m.Value)
		k.steps[m.Key] = append(k.steps[m.Key], l.Step)
	}
	for _, v := range l.Values {
		k.values[v.Key], k.valueSteps[v.Key] = v.JSON, l.Step
	}
	maps.Copy(k.params, l.Params)
	maps.Copy(k.set, l.Set)
	maps.Copy(k.summary, l.Summary)
	maps.Copy(k.tags, l.Tags)
	if l.Defined != nil {
		k.defined = append(k.defined, *l.Defined)
	}
	return nil
}

func (k *kept) Media(l *format.ArtifactLine, _ int64, file io.Reader) error {
	data, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	if err := (importer.Discard{}).Media(l, 0, bytes.NewReader(data)); err != nil {
		return err
	}
	step := ""
	if l.Step != nil {
		step = fmt.Sprintf("@%d", *l.Step)
	}
	k.media[l.Name] = strings.TrimSpace(fmt.Sprintf("%s %s%s %s", l.Kind, l.Key, step, l.Caption))
	k.content[l.Name] = string(data)
	return nil
}

func (k *kept) System(l *format.Line) error {
	for _, m := range l.Metrics {
		k.system[m.Key]++
	}
	return nil
}

func (k *kept) Console(text io.Reader) error {
	data, err := io.ReadAll(text)
	k.console += string(data)
	return err
}

func readLog(t testing.TB, path string) (*kept, *reading, *head) {
	t.Helper()
	h, err := readHead(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	k := newKept()
	r := newReading(k, "log", filepath.Dir(path), h)
	if err := r.all(context.Background(), path); err != nil {
		t.Fatal(err)
	}
	return k, r, h
}

// Logs of two generations of the client are read completely.
func TestLogs(t *testing.T) {
	for _, name := range []string{"first", "old"} {
		t.Run(name, func(t *testing.T) {
			found, err := filepath.Glob("../../testdata/wandb/wandb/*-" + name + "/*.wandb")
			if err != nil || len(found) != 1 {
				t.Fatal(found, err)
			}
			k, r, h := readLog(t, found[0])
			if len(r.warnings) > 0 {
				t.Errorf("warnings: %q", r.warnings)
			}
			run, env := h.record(filepath.Dir(found[0]))
			if run.Name != "first try" || run.Key != name || run.Experiment != "penguins" || run.Group != "depths" ||
				run.Note != "depth from the paper\nsecond line" {
				t.Errorf("%+v", run)
			}
			if run.Source.Commit == "" || run.Source.Remote != "https://example.org/penguins.git" ||
				run.Source.Entry != "make.py" {
				t.Errorf("source %+v", run.Source)
			}
			if run.Machine.Host != "laptop" || env.Python.Version != "3.11.7" || env.OS != "linux" || env.Arch != "amd64" ||
				env.Packages["wandb"] == "" {
				t.Errorf("machine %+v, environment %+v", run.Machine, env)
			}
			if want := map[string]string{
				"baseline": "yes", "cpu": "yes", "imported": "wandb", "job_type": "train",
			}; !maps.Equal(run.Tags, want) {
				t.Errorf("tags %v", run.Tags)
			}
			if h.exit == nil || h.exit.code != 0 {
				t.Errorf("exit %+v", h.exit)
			}
			wantParams := map[string]any{
				"lr": 0.1, "model": map[string]any{"depth": int64(3), "act": "relu"}, "sizes": []any{int64(8), int64(4)},
				"augment": true, "seed": format.Null,
			}
			if d := cmp.Diff(wantParams, k.params); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(map[string]any{"lr": 0.2}, k.set); d != "" {
				t.Error(d)
			}
			for key, n := range map[string]int{
				"loss": 20, "acc": 20, "grad.norm": 20, "grad.max": 20, "big": 20, "val/loss": 2, "epoch": 2, "diverged": 1,
				"ok": 1, "late": 1,
			} {
				if len(k.points[key]) != n {
					t.Errorf("%s has %d points", key, len(k.points[key]))
				}
			}
			if len(k.points) != 10 {
				t.Errorf("metrics %v", slices.Sorted(maps.Keys(k.points)))
			}
			if k.points["loss"][3] != 0.25 || !math.IsNaN(k.points["val/loss"][1]) || !math.IsInf(k.points["diverged"][0], 1) ||
				k.steps["late"][0] != 200 || k.steps["loss"][19] != 19 {
				t.Errorf("points %v, steps %v", k.points, k.steps)
			}
			if d := cmp.Diff(map[string]any{"best": 0.9}, k.summary); d != "" {
				t.Error(d)
			}
			wantValues := map[string]string{
				"hist": `{"_type":"histogram","bins":[0,1,2,3],"values":[1,2,1]}`, "text": `"fine"`, "short": `[1,2,3]`,
				"alert": `"INFO: careful: loss is high"`,
			}
			for key, text := range k.values {
				k.values[key] = strings.ReplaceAll(text, ".0", "")
			}
			if d := cmp.Diff(wantValues, k.values); d != "" {
				t.Error(d)
			}
			wantDefined := []format.Definition{
				{Name: "epoch", Hidden: true},
				{Name: "val/*", StepMetric: "epoch", StepSync: true, Summary: "min"},
				{Name: "acc", Summary: "max"},
			}
			if d := cmp.Diff(wantDefined, k.defined); d != "" {
				t.Error(d)
			}
			kinds := map[string]string{}
			for p, what := range k.media {
				kinds[filepath.Ext(p)] = what
			}
			if d := cmp.Diff(map[string]string{".html": "html page@22", ".json": "table preds@22"}, kinds); d != "" {
				t.Error(d)
			}
			if name == "first" && (k.console != "trained\n" || k.system["memory_percent"] == 0) {
				t.Errorf("console %q, system %v", k.console, k.system)
			}
		})
	}
}

// writer writes logs as the client does.
type writer struct{ bytes.Buffer }

func newWriter() *writer {
	w := &writer{}
	w.WriteString(fileHeader)
	return w
}

func (w *writer) record(data []byte) {
	for first := true; ; first = false {
		room := blockBytes - w.Len()%blockBytes
		if room < fragmentHeader {
			w.Write(make([]byte, room))
			room = blockBytes
		}
		n := min(len(data), room-fragmentHeader)
		kind := byte(kindMiddle)
		switch last := n == len(data); {
		case first && last:
			kind = kindFull
		case first:
			kind = kindFirst
		case last:
			kind = kindLast
		}
		w.fragment(kind, data[:n])
		if data = data[n:]; len(data) == 0 {
			return
		}
	}
}

func (w *writer) fragment(kind byte, data []byte) {
	body := append([]byte{kind}, data...)
	header := binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(body))
	header = binary.LittleEndian.AppendUint16(header, uint16(len(data)))
	w.Write(header)
	w.Write(body)
}

// field returns a field of a message, made from a text, a message or a number.
func field(num uint64, v any) []byte {
	switch v := v.(type) {
	case string:
		return field(num, []byte(v))
	case []byte:
		b := binary.AppendUvarint(nil, num<<3|2)
		b = binary.AppendUvarint(b, uint64(len(v)))
		return append(b, v...)
	case int:
		b := binary.AppendUvarint(nil, num<<3)
		return binary.AppendUvarint(b, uint64(v))
	}
	panic(fmt.Sprintf("%T", v))
}

func message(fields ...[]byte) []byte { return slices.Concat(fields...) }

func entry(key, json string) []byte { return message(field(1, key), field(16, json)) }

// runOf returns the record of a run that began at a second.
func runOf(id string, second int) []byte {
	return field(recordRun, message(field(1, id), field(3, "p"), field(17, field(1, second))))
}

func row(step int, items ...[]byte) []byte {
	m := field(2, field(1, step))
	for _, it := range items {
		m = append(m, field(1, it)...)
	}
	return field(recordHistory, m)
}

func writeLog(t testing.TB, records ...[]byte) string {
	t.Helper()
	w := newWriter()
	for _, data := range records {
		w.record(data)
	}
	return writeBytes(t, w.Bytes())
}

func writeBytes(t testing.TB, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "run-a.wandb")
	if err := os.MkdirAll(filepath.Join(filepath.Dir(path), "files"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRecords(t *testing.T) {
	long := strings.Repeat("x", 3*blockBytes)
	w := newWriter()
	var want []string
	for i := range 40 {
		text := fmt.Sprintf("%d%s", i, long[:i*700%len(long)])
		if i%10 == 9 {
			text += long
		}
		want = append(want, text)
		w.record([]byte(text))
	}
	read := func(data []byte) (got []string, damages int, torn bool) {
		r, err := newRecordReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		for {
			data, err := r.next()
			var damage *damageError
			switch {
			case err == nil:
				got = append(got, string(data))
			case errors.As(err, &damage):
				damages++
			case errors.Is(err, errTorn):
				return got, damages, true
			case errors.Is(err, io.EOF):
				return got, damages, false
			default:
				t.Fatal(err)
			}
		}
	}
	got, damages, torn := read(w.Bytes())
	if !slices.Equal(got, want) || damages > 0 || torn {
		t.Fatalf("%d records of %d, %d damages, torn %v", len(got), len(want), damages, torn)
	}
	for cut := len(fileHeader); cut < w.Len(); cut += 1999 { // every prefix gives its complete records
		got, damages, _ := read(w.Bytes()[:cut])
		if damages > 0 || len(got) > len(want) || !slices.Equal(got, want[:len(got)]) {
			t.Fatalf("cut at %d: %d records, %d damages", cut, len(got), damages)
		}
	}
	broken := bytes.Clone(w.Bytes())
	broken[blockBytes+100] ^= 1
	got, damages, _ = read(broken)
	if damages == 0 || len(got) < len(want)-12 {
		t.Errorf("a damaged block leaves %d records of %d, with %d damages", len(got), len(want), damages)
	}
	for _, text := range got {
		if !slices.Contains(want, text) {
			t.Error("a damaged block gives a record that nobody wrote")
		}
	}
	reserved := append(bytes.Clone(w.Bytes()), make([]byte, 3*blockBytes)...)
	if got, damages, _ := read(reserved); !slices.Equal(got, want) || damages > 0 {
		t.Errorf("zeros behind: %d records, %d damages", len(got), damages)
	}
	if _, err := newRecordReader(strings.NewReader(":W&B")); !errors.Is(err, errNoLog) {
		t.Error(err)
	}
}

func TestJSON(t *testing.T) {
	for text, want := range map[string]any{
		`1`: int64(1), `1.5`: 1.5, `"a"`: "a", `null`: nil, `[1, "NaN", NaN]`: []any{int64(1), "NaN", math.NaN()},
		`NaN`: math.NaN(), `-Infinity`: math.Inf(-1),
		`18446744073709551616`:              18446744073709551616.0,
		`{"a\"NaN": [Infinity, -Infinity]}`: map[string]any{`a"NaN`: []any{math.Inf(1), math.Inf(-1)}},
	} {
		got, err := parseJSON([]byte(text))
		if err != nil || !format.EqualValue(got, want) {
			t.Errorf("%s is %v, %v", text, got, err)
		}
	}
	for _, text := range []string{``, `{`, `1 2`, `"`, `nan`, strings.Repeat("[", 100) + strings.Repeat("]", 100)} {
		if v, err := parseJSON([]byte(text)); err == nil {
			t.Errorf("%.20q is %v", text, v)
		}
	}
}

// A log cannot import files outside its folder, and odd content does no harm.
func TestHostile(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o666); err != nil {
		t.Fatal(err)
	}
	image := func(path string) []byte { return entry("img", fmt.Sprintf(`{"_type":"image-file","path":%q}`, path)) }
	sum := md5.Sum([]byte("secret"))
	file := message(field(1, "a.txt"), field(2, base64.StdEncoding.EncodeToString(sum[:])), field(4, 6), field(6, secret))
	path := writeLog(
		t, runOf("a\x1b[31m", 1e9),
		row(
			0, image("../../secret"), image(secret), image("media/link.png"), image("media/folder/secret"),
			image(`..\..\secret`), image("media/none.png"),
		),
		row(
			1, entry("bad\x1b[2J", "1"), entry("deep", strings.Repeat("[", 70)+strings.Repeat("]", 70)), entry("", "2"),
			entry("ok", "3"),
		),
		row(2, entry("img", `{"_type":"image-file","path":"media/other.png","sha256":"`+strings.Repeat("0", 64)+`"}`)),
		field(recordFiles, field(1, field(1, "../*"))),
		field(recordFiles, field(1, field(1, "link*"))),
		field(recordArtifact, message(field(4, "dataset"), field(5, "ds"), field(12, field(4, file)))),
		[]byte{0xff},
		field(recordConfig, field(1, entry("\x00\x01", `"x\u001b[31m"`))),
	)
	dir := filepath.Dir(path)
	for _, link := range [][2]string{
		{secret, "files/link.txt"},
		{secret, "files/media/link.png"},
		{filepath.Dir(secret), "files/media/folder"},
		{secret, "files/output.log"},
	} {
		to := filepath.Join(dir, filepath.FromSlash(link[1]))
		if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(link[0], to); err != nil {
			t.Skip("skipped: no links here: ", err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "files", "media", "other.png"), []byte("other"), 0o666); err != nil {
		t.Fatal(err)
	}
	k, r, h := readLog(t, path)
	if len(k.media) > 0 || k.console != "" {
		t.Errorf("kept %v, console %q", k.media, k.console)
	}
	if k.points["ok"] == nil || k.points["bad_[2J"] == nil {
		t.Errorf("points %v", k.points)
	}
	run, _ := h.record(dir)
	if run.Key != "a_[31m" {
		t.Errorf("key %q", run.Key)
	}
	said := strings.Join(r.warnings, "\n")
	for _, want := range []string{
		"names that a run cannot hold: 4 (", "that do not exist: 1 (media/none.png)", "that are links or unreadable",
		"that differ from the log: 1 (media/other.png)", "outside the client's staging folder: 1 (a.txt)", "not JSON: 1",
		"skipped its console output",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not in the warnings\n%s", want, said)
		}
	}
}

// The files of an artifact come from the client's staging folder.
func TestArtifacts(t *testing.T) {
	data := t.TempDir()
	t.Setenv("WANDB_DATA_DIR", data)
	staged := filepath.Join(data, "artifacts", "staging", "tmp1")
	if err := os.MkdirAll(filepath.Dir(staged), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(staged, []byte("hello"), 0o666); err != nil {
		t.Fatal(err)
	}
	sum := md5.Sum([]byte("hello"))
	file := message(
		field(1, "a/b.txt"), field(2, base64.StdEncoding.EncodeToString(sum[:])), field(4, 5), field(6, staged),
	)
	other := message(field(1, "c.txt"), field(2, "AAAA"), field(4, 5), field(6, staged))
	ref := message(field(1, "far"), field(3, "s3://bucket/far"))
	held := message(field(1, "t.json"), field(3, "wandb-client-artifact://abc/a/b.txt"))
	gone := message(field(1, "u.json"), field(3, "wandb-client-artifact://abc/none"))
	k, r, h := readLog(t, writeLog(
		t, runOf("a", 1e9), row(0, entry("x", "1")),
		field(
			recordArtifact, message(field(4, "run_table"), field(5, "run-a-t"), field(12, field(4, file)), field(15, "abc")),
		),
		field(recordArtifact, message(
			field(4, "dataset"), field(5, "ds"), field(7, "what it is"), field(8, `{"rows": 3}`),
			field(11, "best"), field(11, "latest"),
			field(12, message(field(4, file), field(4, other), field(4, ref), field(4, held), field(4, gone))),
		)),
	))
	files := []artifactFile{
		{Path: "a/b.txt", SHA256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", Bytes: new(int64)},
		{Path: "far", Ref: "s3://bucket/far"},
	}
	*files[0].Bytes = 5
	files = append(files, files[0])
	files[2].Path = "t.json"
	short := "ds/" + digestOf(files)[:shortDigest]
	want := map[string]string{
		short + "/a/b.txt": "file ds", short + "/t.json": "file ds", short + ".json": "artifact ds dataset best",
	}
	if d := cmp.Diff(want, k.media); d != "" {
		t.Fatal(d)
	}
	manifest := k.content[short+".json"]
	for _, want := range []string{
		`"name": "ds"`, `"description": "what it is"`, `"rows": 3`, `"ref": "s3://bucket/far"`, `"run": "` + h.id() + `"`,
		`"aliases": [` + "\n" + `  "best"`,
	} {
		if !strings.Contains(manifest, want) {
			t.Errorf("%q is not in %s", want, manifest)
		}
	}
	if k.content[short+"/a/b.txt"] != "hello" ||
		!strings.Contains(strings.Join(r.warnings, "\n"), "that differ from the log: 1 (c.txt)") {
		t.Errorf("content %q, warnings %q", k.content, r.warnings)
	}
}

// TestMasks keeps what belongs to an image, and gives an alert the step of its row.
func TestMasks(t *testing.T) {
	path := writeLog(
		t, runOf("a", 1e9),
		row(
			3,
			entry(
				"img",
				`{"_type":"image-file","path":"media/images/a.png",`+
					`"masks":{"pred":{"_type":"mask","path":"media/images/mask/m.png"}},`+
					`"boxes":{"pred":{"_type":"boxes2D","path":"media/metadata/b.json"}}}`,
			),
		),
		field(recordAlert, message(field(1, "t"), field(2, "x"))),
	)
	for _, name := range []string{"images/a.png", "images/mask/m.png", "metadata/b.json"} {
		to := filepath.Join(filepath.Dir(path), "files", "media", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, []byte(name), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	k, r, _ := readLog(t, path)
	want := map[string]string{
		"media/images/a.png": "image img@3", "media/images/mask/m.png": "file img@3", "media/metadata/b.json": "file img@3",
	}
	if d := cmp.Diff(want, k.media); d != "" || len(r.warnings) > 0 {
		t.Error(d, r.warnings)
	}
	if k.valueSteps["alert"] != 3 {
		t.Errorf("the alert is at step %d", k.valueSteps["alert"])
	}
}

// TestChain links the logs of one run in the order of their time, and not those that lie over one another.
func TestChain(t *testing.T) {
	at := func(second int64, id string, written int64) *runLog {
		return &runLog{
			file: importer.File{Path: fmt.Sprintf("run-%s-%d", id, second), Mtime: time.Unix(9000, 0)}, // a copy's
			head: &head{run: &runMessage{id: id}, begun: time.Unix(second, 0), exit: &exitMessage{runtime: written - second}},
		}
	}
	bad := &runLog{file: importer.File{Path: "bad"}, err: errNoRun}
	a1, a2, a3, b := at(1000, "a", 1500), at(2000, "a", 2500), at(2200, "a", 2600), at(1800, "b", 1900)
	a1.head.exit = nil // it was killed
	all := []*runLog{bad, a3, b, a2, a1}
	chain(all)
	if all[0] != a1 || all[4] != bad {
		t.Error("the order is not that of time")
	}
	if a1.resumes != "" || a2.resumes != a1.head.id() || a3.resumes != "" || b.resumes != "" {
		t.Errorf("%q %q %q %q", a1.resumes, a2.resumes, a3.resumes, b.resumes)
	}
}

func TestEnds(t *testing.T) {
	for name, want := range map[string]struct {
		records [][]byte
		status  format.Status
		reason  string
		code    int64
	}{
		"finished":    {[][]byte{field(recordExit, message(field(2, 7)))}, format.Finished, "", 0},
		"failed":      {[][]byte{field(recordExit, message(field(1, 3), field(2, 7)))}, format.Failed, "", 3},
		"interrupted": {[][]byte{field(recordExit, field(1, 255))}, format.Killed, "interrupted", -1},
		"preempted": {
			[][]byte{field(recordPreempting, []byte{}), field(recordExit, field(1, 1))}, format.Killed, "preempted", -1,
		},
		"killed": {nil, format.Crashed, "", -1},
	} {
		path := writeLog(t, append([][]byte{runOf("a", 1e9), row(0, entry("x", "1"))}, want.records...)...)
		l := &runLog{file: importer.File{Path: path}, root: filepath.Dir(path)}
		if l.head, l.err = readHead(context.Background(), path); l.err != nil {
			t.Fatal(l.err)
		}
		read, err := l.Read(context.Background(), importer.Discard{})
		if err != nil {
			t.Fatal(err)
		}
		code := int64(-1)
		if read.End.ExitCode != nil {
			code = *read.End.ExitCode
		}
		if read.End.Status != want.status || read.End.EndReason != want.reason || code != want.code {
			t.Errorf("%s: %+v", name, read.End)
		}
		if name == "finished" && read.End.Ended.Unix() != 1e9+7 {
			t.Errorf("ended %s", read.End.Ended)
		}
		l.file.Mtime = time.Now()
		if _, _, err := l.Run(); errors.Is(err, importer.ErrInProgress) != (name == "killed") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzRead reads arbitrary records, and arbitrary bytes after a valid record.
func FuzzRead(f *testing.F) {
	found, err := filepath.Glob("../../testdata/wandb/wandb/*/*.wandb")
	if err != nil || len(found) == 0 {
		f.Fatal(found, err)
	}
	for _, path := range found {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, false)
	}
	f.Add(
		message(
			row(0, entry("x", "1"), entry("y", `{"a":{"b":[NaN]}}`)), field(recordConfig, field(1, entry("a", `{"b":null}`))),
		),
		true,
	)
	f.Add(
		message(
			field(recordMetric, message(field(1, "x"), field(6, field(1, 1)))),
			field(recordStats, message(field(2, field(1, 5)), field(3, entry("a", "1")))),
		),
		true,
	)
	f.Fuzz(func(t *testing.T, data []byte, whole bool) {
		w := newWriter()
		w.record(runOf("a", 1e9))
		if whole {
			w.record(data)
		} else {
			w.Write(data)
		}
		path := writeBytes(t, w.Bytes())
		h, err := readHead(context.Background(), path)
		if err != nil {
			return
		}
		h.record(filepath.Dir(path))
		k := newKept()
		if err := newReading(k, "log", filepath.Dir(path), h).all(context.Background(), path); err != nil {
			t.Fatal(err)
		}
		for key := range k.points {
			if err := format.CheckKey(key); err != nil {
				t.Error(err)
			}
		}
		for _, params := range []map[string]any{k.params, k.set, k.summary} {
			if err := format.CheckParams(params); err != nil {
				t.Error(err)
			}
		}
	})
}
