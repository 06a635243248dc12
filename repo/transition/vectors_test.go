package transition

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gitruns/runs/format"
)

var update = flag.Bool("update", false, "write the vectors of transitions anew")

const (
	vectors = "../../testdata/vectors/transition"
	runID   = "20260102-000000-aaaaaaaa"
	runDir  = "2026-01-02/" + runID
	noteOne = "notes/20260103-000000.000000-aaaa.toml"
)

// made is a version of the run of the vectors while a test makes it.
type made struct {
	run   *format.Run
	files map[string]string // by path in .runs, but for the record
	raw   string            // the record, if it is not that of run
	gone  bool
	mark  bool
	// neighbor gives the batch of the run a second run.
	neighbor bool
}

func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

const patch = `diff --git a/train.py b/train.py
new file mode 100644
index 0000000000000000000000000000000000000000..ce013625030ba8dba906f756967f9e9ca394464a
--- /dev/null
+++ b/train.py
@@ -0,0 +1,2 @@
+key = "open sesame"
+print(key)
`

// oldVersion is the version before the change of each vector.
func oldVersion(t *testing.T) *made {
	t.Helper()
	points, err := os.ReadFile("../../testdata/vectors/metrics/valid/" + points)
	check(t, err)
	env, envDigest, err := format.EncodeEnvironment(&format.EnvironmentFile{
		OS: "linux", Arch: "amd64", Packages: map[string]string{"numpy": "2.1.0", "tool": "1.0+sesame"},
	})
	check(t, err)
	aside := `{"line": "password open sesame", "reason": "not a number"}` + "\n"
	out := "it is open sesame\nand the end\n"
	note, err := format.EncodeNote(&format.Note{
		Time: time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC), Text: "said open sesame", Tags: map[string]string{"how": "fast"},
	})
	check(t, err)
	code := int64(0)
	file := func(text string) format.File { return format.File{SHA256: digestOf(text), Bytes: int64(len(text))} }
	m := &made{
		run: &format.Run{
			ID: runID, Name: "open sesame", Status: format.Finished, ExitCode: &code,
			Started: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), Ended: time.Date(2026, 1, 2, 0, 1, 0, 0, time.UTC),
			Command: []string{"python", "train.py", "--key", "open sesame"}, Note: "with open sesame",
			Params: format.Params{
				"lr": 0.5, "key": "open sesame", "pin": int64(4711), "model": map[string]any{"sesame": int64(1), "kind": "mlp"},
				"opt": map[string]any{"sesame": format.Null},
			},
			Tags: map[string]string{"kind": "open sesame"},
			Metrics: map[string]format.Metric{
				"acc": {Last: -0.125, Count: 1},
				"loss": {
					Last: 0.25, Count: 4, Min: &format.Extreme{Value: 0.25, Step: 1}, Max: &format.Extreme{Value: math.Inf(1)},
				},
				"é": {Last: math.Inf(-1), Count: 1},
			},
			Summary: map[string]any{"score": 0.25},
			Source: &format.Source{
				Tree: strings.Repeat("1", 40), Base: strings.Repeat("2", 40), Branch: "sesame-branch",
				Patches: []string{digestOf(patch)},
			},
			Environment: &format.Environment{Digest: envDigest, Variables: map[string]string{"KEY": "open sesame"}},
			Machine:     &format.Machine{Host: "sesame-7", Cores: 2},
			Datasets:    []format.Dataset{{Name: "sesame", SHA256: strings.Repeat("3", 64), Bytes: 5, Files: 1}},
			Artifacts:   []format.Artifact{{Path: "out.txt", SHA256: digestOf(out), Bytes: int64(len(out)), Caption: "sesame"}},
			Conflicts:   map[string][]any{"sesame": {int64(1)}},
			Files: map[string]format.File{
				"metrics.parquet": {SHA256: digestOf(string(points)), Bytes: int64(len(points)), Rows: 6},
				"aside.jsonl":     file(aside),
			},
			Unknown: map[string]any{"later": map[string]any{"sesame": "open sesame", "n": int64(4711)}},
		},
		files: map[string]string{
			runDir + "/metrics.parquet":             string(points),
			runDir + "/aside.jsonl":                 aside,
			runDir + "/artifacts/out.txt":           out,
			runDir + "/" + noteOne:                  string(note),
			"sources/" + digestOf(patch) + ".patch": patch,
			"environments/" + envDigest + ".toml":   string(env),
		},
	}
	return m
}

// points is a vector of metrics.parquet.
const points = "few.parquet"

func (m *made) record(t *testing.T) string {
	t.Helper()
	if m.raw != "" {
		return m.raw
	}
	data, err := format.EncodeRun(m.run)
	check(t, err)
	return string(data)
}

// all returns the files of .runs.
func (m *made) all(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	for name, text := range m.files {
		if !m.gone || !strings.HasPrefix(name, runDir+"/") {
			files[name] = text
		}
	}
	if !m.gone {
		files[runDir+"/run.toml"] = m.record(t)
	}
	if m.mark {
		files["removed/"+runID] = "This run was removed. The mark keeps a merge from bringing it back.\n"
	}
	return files
}

// hide replaces a text in a file of the run, and follows it in the record.
func (m *made) hide(name, text, with string) {
	at := runDir + "/" + name
	m.files[at] = strings.ReplaceAll(m.files[at], text, with)
	m.follow(name)
}

// follow gives the record the digest of a file of the run.
func (m *made) follow(name string) {
	now := m.files[runDir+"/"+name]
	if f, ok := m.run.Files[name]; ok {
		f.SHA256, f.Bytes = digestOf(now), int64(len(now))
		m.run.Files[name] = f
	}
	for i := range m.run.Artifacts {
		if a := &m.run.Artifacts[i]; "artifacts/"+a.Path == name {
			a.SHA256, a.Bytes = digestOf(now), int64(len(now))
		}
	}
}

// hidePatch replaces a text in the patch.
func (m *made) hidePatch(text, with string) string {
	old := "sources/" + m.run.Source.Patches[0] + ".patch"
	now := strings.ReplaceAll(m.files[old], text, with)
	delete(m.files, old)
	name := "sources/" + digestOf(now) + ".patch"
	m.files[name] = now
	m.run.Source.Patches[0], m.run.Source.Redacted = digestOf(now), true
	return name
}

func (m *made) hideEnvironment(text, with string) string {
	old := "environments/" + m.run.Environment.Digest + ".toml"
	now := strings.ReplaceAll(m.files[old], text, with)
	delete(m.files, old)
	name := "environments/" + digestOf(now) + ".toml"
	m.files[name] = now
	m.run.Environment.Digest = digestOf(now)
	return name
}

func writeTree(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		at := filepath.Join(dir, filepath.FromSlash(name))
		check(t, os.MkdirAll(filepath.Dir(at), 0o777))
		check(t, os.WriteFile(at, []byte(text), 0o666))
	}
}

func readTree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	check(t, fs.WalkDir(os.DirFS(dir), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || name == "expect" {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		files[name] = string(data)
		return err
	}))
	return files
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// version is the run in the files of a .runs folder, or nil.
func version(t *testing.T, files map[string]string) *Version {
	t.Helper()
	v := &Version{Files: map[string]string{}}
	for name, text := range files {
		if own, ok := strings.CutPrefix(name, runDir+"/"); ok {
			v.Files[own] = digestOf(text)
		}
	}
	inBatch := v.addBatched(t, files)
	if v.Files[recordName] == "" {
		return nil
	}
	read := func(name string) ([]byte, error) {
		text, ok := files[name]
		if !ok {
			return nil, errors.New("it is missing")
		}
		return []byte(text), nil
	}
	v.Read = func(name string) ([]byte, error) {
		if text, ok := inBatch[name]; ok {
			return []byte(text), nil
		}
		return read(path.Join(runDir, name))
	}
	v.Rows = func(name string) (string, error) {
		data, err := v.Read(name)
		if err != nil {
			return "", err
		}
		return rowsDigest(string(data), v.Batched)
	}
	v.Shared = read
	return v
}

// TestVectors checks each change of the vectors. With -update, it writes them.
func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	names, err := filepath.Glob(vectors + "/*/*/expect")
	check(t, err)
	if len(names) < 70 {
		t.Fatalf("there are only %d vectors", len(names))
	}
	for _, name := range names {
		dir := filepath.Dir(name)
		t.Run(filepath.Base(filepath.Dir(dir))+"/"+filepath.Base(dir), func(t *testing.T) {
			text, err := os.ReadFile(name)
			check(t, err)
			before, want := "old", ""
			var gone []string
			for line := range strings.Lines(string(text)) {
				key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
				switch key {
				case "before":
					before = value
				case "gone":
					gone = append(gone, value)
				case "expect":
					want = value
				}
			}
			old := readTree(t, filepath.Join(vectors, before))
			now := maps.Clone(old)
			maps.DeleteFunc(now, func(name, _ string) bool { return slices.Contains(gone, name) })
			for name, text := range readTree(t, dir) {
				now[name] = text
			}
			_, marked := now["removed/"+runID]
			change, err := Check(version(t, old), version(t, now), marked)
			if got := outcome(change, err); got != want {
				t.Errorf("got %q (%v), want %q", got, err, want)
			}
		})
	}
}

func outcome(change Change, err error) string {
	var refused *Refused
	switch {
	case errors.As(err, &refused) && refused.File == "":
		return "refused run"
	case errors.As(err, &refused) && strings.HasPrefix(refused.File, "sources/"):
		return "refused sources" // its name follows from its bytes
	case errors.As(err, &refused):
		return "refused " + refused.File
	case err != nil:
		return "error"
	}
	return "allowed " + []string{"same", "added", "packed", "unpacked", "redacted", "removed"}[change.Kind]
}

func writeVectors(t *testing.T) {
	t.Helper()
	check(t, os.RemoveAll(vectors))
	first := oldVersion(t)
	single := first.all(t)
	packed := first.pack(t, single)
	writeTree(t, filepath.Join(vectors, "old"), single)
	writeTree(t, filepath.Join(vectors, "old-batch"), packed)
	for _, c := range cases {
		m := c.apply(t)
		c.write(t, single, m.all(t), "")
	}
	for _, c := range batchCases {
		m := c.apply(t)
		now, old, before := m.all(t), single, ""
		if c.is {
			now = m.pack(t, now)
		}
		if c.was {
			old, before = packed, "before: old-batch\n"
		}
		c.write(t, old, now, before)
	}
}

// apply returns the version after the change.
func (c *vector) apply(t *testing.T) *made {
	t.Helper()
	m := oldVersion(t)
	before := m.record(t)
	c.change(m)
	if c.lists != nil {
		entry := format.Redaction{
			Time: time.Date(2026, 1, 4, 0, 0, 0, 0, time.UTC), What: "pattern", Files: c.lists(m), Was: digestOf(before),
		}
		m.run.Redacted = append(m.run.Redacted, entry)
	}
	if c.after != nil {
		c.after(m)
	}
	return m
}

// write writes the folder of a vector: the files that differ between two .runs folders, and expect.
func (c *vector) write(t *testing.T, old, now map[string]string, before string) {
	t.Helper()
	differ := map[string]string{}
	text := "# " + c.about + "\n" + before + "expect: " + c.want + "\n"
	for name := range now {
		if now[name] != old[name] {
			differ[name] = now[name]
		}
	}
	var gone []string
	for name := range old {
		if _, ok := now[name]; !ok {
			gone = append(gone, fmt.Sprintf("gone: %s\n", name))
		}
	}
	slices.Sort(gone)
	differ["expect"] = text + strings.Join(gone, "")
	kind, _, _ := strings.Cut(c.want, " ")
	writeTree(t, filepath.Join(vectors, kind, c.name), differ)
}
