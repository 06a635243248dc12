package reads

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// written writes down what was opened in a project, and returns what a Reader has of it.
func written(t *testing.T, places Places, opened func(w *Writer)) (*Reader, string) {
	t.Helper()
	dir := filepath.Join(places.Root, ".runs", "active", "x", ".reads")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	born := time.Now()
	w, err := NewWriter(dir, places, born, true)
	if err != nil {
		t.Fatal(err)
	}
	opened(w)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r := &Reader{Dir: dir, Since: born.UnixNano()}
	if err := r.Next(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(w.File().Name())
	if err != nil {
		t.Fatal(err)
	}
	return r, string(data)
}

// world makes a home folder with a project and other folders.
func world(t *testing.T, files ...string) (Places, string) {
	t.Helper()
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	before := time.Now().Add(-time.Hour)
	for _, name := range append(files, "home/project/x") {
		path := filepath.Join(base, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, before, before); err != nil {
			t.Fatal(err)
		}
	}
	home := filepath.Join(base, "home")
	return Places{Root: filepath.Join(home, "project"), Home: home, Temp: base}, base
}

// TestWriterNamesOnlyData checks that names of secrets, hidden files, packages, programs, code and folders of the
// system are not in the file, and which of them count.
func TestWriterNamesOnlyData(t *testing.T) {
	files := []string{
		"home/project/data/a.csv", "home/project/model.bin", "home/data/b.csv",
		"home/project/api_key.txt", "home/project/.env", "home/project/.hidden/a", "home/project/secrets/a",
		"home/project/.git/index", "home/project/.gitignore", "home/project/venv/pyvenv.cfg",
		"home/project/venv/lib/words.txt", "home/project/code/x.so.1", "home/project/code/m.py", "home/own/x.so.1",
		"home/own/x.py", "home/own/x.pth", "home/client/gitruns/_reads.py", "home/client/gitruns/_core.py",
		"home/project/code/__pycache__/m.cpython-312.pyc",
		"home/project/node_modules/a/b.json", "home/conda/conda-meta/history", "home/conda/share/x.dat",
		"home/tool/bin/tool", "home/tool/lib/x", "home/tool/share/words.txt", "home/.netrc", "home/.ssh/id_rsa",
		"home/notes.txt", "home/other/my_token.txt", "above.txt", "home/data/.hidden/b.csv", "home/data/.odd",
		"home/data/.python-version", "home/.config/tool/settings.json", "home/.cache/weights/w.PT",
		"home/other/.git/config", "home/project/.cache/features.npy", "home/project/.cache/tool/state.json",
		"home/project/.runs/2026-01-01/x/metrics.parquet", "home/project/.git/annex/objects/x/y.csv",
		"runs-source-1/index",
	}
	places, base := world(t, files...)
	r, text := written(t, places, func(w *Writer) {
		for _, name := range append(files, "home/project/data", "home/project/missing.csv") {
			for range 3 {
				w.Opened([]byte(filepath.Join(base, name)), Read)
			}
		}
		w.Opened([]byte("/etc/passwd"), Read)
		w.Opened([]byte("/usr/share/zoneinfo/UTC"), Read)
		w.Opened([]byte(places.Root+"/data/../data/a.csv"), Read)
	})
	want := []string{
		"home/project/data/a.csv", "home/project/model.bin", "home/data/b.csv", "home/project/code/x.so.1",
		"home/project/code/m.py", "home/own/x.so.1", "home/own/x.py",
	}
	var got []string
	for _, path := range r.Inputs() {
		got = append(got, strings.TrimPrefix(path, base+"/"))
	}
	if !slices.Equal(got, want) {
		t.Errorf("inputs: %q\nwant:   %q", got, want)
	}
	if !r.All || r.Withheld() != 10 || r.Left() != 2 {
		t.Errorf("all: %v, withheld: %d, left: %d", r.All, r.Withheld(), r.Left())
	}
	for _, word := range []string{
		"key", "env", "hidden", "secret", "git", "venv", "words", "lib", "node", "conda", "tool", "netrc", "ssh", "notes",
		"token", "above", "passwd", "zone", "missing", "odd", "version", "cache", "settings", "weights", "annex",
		"index", "features", "state", "metrics", "pth", "client",
	} {
		if strings.Contains(strings.ReplaceAll(text, base, ""), word) {
			t.Errorf("%q is written down: %q", word, text)
		}
	}
}

// TestWriterTellsInputsFromOutputs checks that a file which the program wrote before it read it is no input, and that
// one which it read first is.
func TestWriterTellsInputsFromOutputs(t *testing.T) {
	places, _ := world(t, "home/project/data/read", "home/project/data/both", "home/project/data/replaced")
	path := func(name string) []byte { return []byte(filepath.Join(places.Root, "data", name)) }
	r, _ := written(t, places, func(w *Writer) {
		w.Opened(path("read"), Read)
		w.Opened(path("read"), Written)
		w.Opened(path("both"), Read|Written)
		w.Opened(path("replaced"), Written)
		w.Opened(path("replaced"), Read)
		w.Opened(path("made"), Written)
		w.Opened(path("made"), Read)
	})
	names := func(paths []string) (names []string) {
		for _, p := range paths {
			names = append(names, filepath.Base(p))
		}
		slices.Sort(names)
		return names
	}
	if got := names(r.Inputs()); !slices.Equal(got, []string{"both", "read"}) {
		t.Errorf("inputs: %q", got)
	}
	if got := names(r.Outputs()); !slices.Equal(got, []string{"both", "made", "read", "replaced"}) {
		t.Errorf("outputs: %q", got)
	}
	for name, want := range map[string]Use{"read": Found | Older, "both": Found | Older, "replaced": 0} {
		if use := r.Uses[string(path(name))] & (Found | Older); use != want {
			t.Errorf("the use of %s is %b, not %b", name, use, want)
		}
	}
}

// TestWriterLooksBeforeRemoval checks that a file counts as it was when it was opened, also if it is removed or
// replaced at once, and that processes which are left are told.
func TestWriterLooksBeforeRemoval(t *testing.T) {
	places, _ := world(t, "home/project/data/gone", "home/project/data/replaced")
	path := func(name string) string { return filepath.Join(places.Root, "data", name) }
	r, _ := written(t, places, func(w *Writer) {
		for _, name := range []string{"gone", "replaced"} {
			w.Opened([]byte(path(name)), Read)
			w.Look()
			if err := os.Remove(path(name)); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(path("replaced"), nil, 0o666); err != nil {
			t.Fatal(err)
		}
		w.Outlived()
	})
	for _, name := range []string{"gone", "replaced"} {
		if use := r.Uses[path(name)]; use != Read|Found|Older {
			t.Errorf("the use of %s is %b", name, use)
		}
	}
	if !r.Outlived {
		t.Error("nothing tells that a process is left")
	}
}

// TestWriterIsBounded checks that what is more than the bounds is told.
func TestWriterIsBounded(t *testing.T) {
	places, _ := world(t, "home/project/data/a")
	r, text := written(t, places, func(w *Writer) {
		w.mu.Lock()
		for i := range maxWritten {
			w.seen[strconv.Itoa(i)] = Read
		}
		w.mu.Unlock()
		w.Opened([]byte(places.Root+"/data/a"), Read)
	})
	if !r.Partial || text[0] != 'X' {
		t.Errorf("partial: %v, %.10q", r.Partial, text)
	}
}

// TestWriterTellsWhatIsNotKnown checks what another process appends, and what may open files unseen.
func TestWriterTellsWhatIsNotKnown(t *testing.T) {
	places, _ := world(t, "home/project/data/a")
	r, _ := written(t, places, func(w *Writer) {
		w.Missed("io_uring")
		w.Missed("io_uring")
		if _, err := w.File().WriteString(Lost + "\x00"); err != nil {
			t.Fatal(err)
		}
		w.Opened([]byte(places.Root+"/data/a"), Read)
	})
	if !r.Lost || len(r.Missed) != 1 || !r.Missed["io_uring"] || len(r.Inputs()) != 1 {
		t.Errorf("lost: %v, missed: %v, inputs: %q", r.Lost, r.Missed, r.Inputs())
	}
}

// TestDiscardedWriterLeavesNothing checks that a program which is not watched does not count as watched.
func TestDiscardedWriterLeavesNothing(t *testing.T) {
	places, _ := world(t)
	dir := t.TempDir()
	w, err := NewWriter(dir, places, time.Now(), true)
	if err != nil {
		t.Fatal(err)
	}
	w.Discard()
	w.Discard()
	r := Reader{Dir: dir}
	if err := r.Next(); err != nil || r.Processes != 0 || r.All {
		t.Errorf("%v, %d processes", err, r.Processes)
	}
}
