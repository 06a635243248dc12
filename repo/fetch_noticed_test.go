package repo

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/capture"
	"github.com/gitruns/runs/repo/reads"
)

// TestPartialFiles: the manifest of a stranger names no file outside its folder.
func TestPartialFiles(t *testing.T) {
	r := &Repository{Dir: t.TempDir()}
	for path, ok := range map[string]bool{
		"a/b.txt": true, `"a\377b"`: true, "../x": false, "/etc/passwd": false, "a/../../x": false, `"..\057x"`: false,
	} {
		entries := []format.ManifestEntry{{Path: path, Bytes: 1, SHA256: strings.Repeat("ab", 32)}}
		data, err := format.EncodeManifest(entries)
		if err != nil {
			t.Fatal(err)
		}
		sum, _ := format.ManifestDigest(entries, false)
		digest := fmt.Sprintf("%x", sha256.Sum256(data))
		d := format.Dataset{Name: "x", Path: "d", SHA256: sum, Manifest: digest, Noticed: format.RoadPython}
		dir := filepath.Join(r.Dir, "datasets")
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, d.Manifest+".parquet"), data, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := r.partialFiles(t.Context(), d); (err == nil) != ok {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestPartialPointers: a pointer of Git LFS has the digest of the data, but is never taken for it.
func TestPartialPointers(t *testing.T) {
	r := &Repository{}
	dir := t.TempDir()
	data := []byte("the data\n")
	sum := fmt.Sprintf("%x", sha256.Sum256(data))
	pointer := fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", sum, len(data))
	write := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	d := format.Dataset{Name: "x", Path: "d", Manifest: sum, Noticed: format.RoadPython}
	d.SHA256, _ = format.ManifestDigest([]format.ManifestEntry{{Path: "a", Bytes: int64(len(data)), SHA256: sum}}, false)
	place, target := filepath.Join(dir, "place"), filepath.Join(dir, "again", "d")
	write(filepath.Join(place, "a"), string(data))
	write(filepath.Join(target, "a"), pointer)
	if err := r.verifyPartial(t.Context(), d, place, []string{"a"}); err != nil {
		t.Error(err)
	}
	var left *pointerError
	if err := r.verifyPartial(t.Context(), d, target, []string{"a"}); !errors.As(err, &left) {
		t.Errorf("a pointer was verified: %v", err)
	}
	entries := []format.ManifestEntry{{Path: "a", Bytes: int64(len(data)), SHA256: sum}}
	if err := copyPartial(t.Context(), place, filepath.Dir(target), "d", []string{"a"}, entries); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(target, "a")); err != nil || string(got) != string(data) {
		t.Errorf("%q, %v", got, err)
	}
}

// FuzzFileName: a printable path gives the path back, whatever bytes it has.
func FuzzFileName(f *testing.F) {
	for _, name := range []string{"a", "a\xffb", "a\nb", `"`, `a\b`, "ü"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if name == "" || strings.HasPrefix(name, `"`) { // as Git quotes it, or a name that begins with a quote
			return
		}
		if got, ok := capture.FileName(capture.Printable(name)); !ok || got != name {
			t.Errorf("%q gives %q", name, got)
		}
	})
}

func TestHubSets(t *testing.T) {
	rev := strings.Repeat("a1", 20)
	hub := "/home/ada/.cache/huggingface/hub/"
	rest, hubs := hubSets([]string{
		hub + "models--org--name/snapshots/" + rev + "/config.json", hub + "models--org--name/snapshots/" + rev + "/w/1.bin",
		hub + "datasets--glue/snapshots/" + rev + "/x", hub + "models--org--name/blobs/1", "/mnt/x/snapshots/1/y",
		hub + "models--/snapshots/" + rev + "/x",
	})
	if len(rest) != 3 || len(hubs) != 2 {
		t.Fatalf("%q %+v", rest, hubs)
	}
	if d := hubs[1]; d.Name != "org/name" || d.Files != 2 || d.Digest != rev ||
		d.Source != "https://huggingface.co/org/name" || d.Identity() != "digest:"+rev {
		t.Errorf("%+v", d)
	}
	if d := hubs[0]; d.Name != "glue" || d.Source != "https://huggingface.co/datasets/glue" {
		t.Errorf("%+v", d)
	}
}

// TestCachedDatasets: the folders of a cache tell the name and the version, and lead back to the folder.
func TestCachedDatasets(t *testing.T) {
	home := t.TempDir()
	for _, name := range []string{
		"HF_HUB_CACHE", "HF_HOME", "HF_DATASETS_CACHE", "TFDS_DATA_DIR", "TORCH_HOME",
	} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	mark := strings.Repeat("0a", 20)
	for _, c := range []struct{ path, name, digest, kind, cache string }{
		{
			".cache/huggingface/datasets/glue/mrpc/1.0.0/" + mark + "/glue-train.arrow", "glue/mrpc", "1.0.0/" + mark,
			sourceHubDatasets, ".cache/huggingface/datasets/glue/mrpc/1.0.0/" + mark,
		},
		{
			"tensorflow_datasets/mnist/3.0.1/mnist-train.tfrecord-00000-of-00001", "mnist", "3.0.1", sourceTFDS,
			"tensorflow_datasets/mnist/3.0.1",
		},
		{
			".cache/torch/hub/pytorch_vision_v0.10.0/classes.txt", "pytorch_vision", "v0.10.0", sourceTorchHub,
			".cache/torch/hub/pytorch_vision_v0.10.0",
		},
		{path: ".cache/torch/hub/checkpoints/resnet50-0676ba61.pth"},
		{path: ".cache/huggingface/datasets/glue/mrpc/glue.arrow"},
		{path: "tensorflow_datasets/mnist/readme.txt"},
	} {
		path := filepath.Join(home, filepath.FromSlash(c.path))
		rest, hubs := hubSets([]string{filepath.ToSlash(path)})
		if c.name == "" {
			if len(rest) != 1 {
				t.Errorf("%s: %+v", c.path, hubs)
			}
			continue
		}
		if len(hubs) != 1 || hubs[0].Name != c.name || hubs[0].Digest != c.digest || hubs[0].SourceType != c.kind {
			t.Errorf("%s: %+v", c.path, hubs)
			continue
		}
		if _, err := hubCache(hubs[0]); err == nil {
			t.Errorf("%s: found in an empty cache", c.path)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if got, err := hubCache(hubs[0]); err != nil || got != filepath.Join(home, filepath.FromSlash(c.cache)) {
			t.Errorf("%s: %s, %v", c.path, got, err)
		}
		hubs[0].Name = "../../" + hubs[0].Name
		if got, err := hubCache(hubs[0]); err == nil {
			t.Errorf("a name of a stranger leads to %s", got)
		}
	}
}

func TestUntraced(t *testing.T) {
	root := t.TempDir()
	for name, perm := range map[string]os.FileMode{"build/lib/x.txt": 0o666, "target/debug/train": 0o777, "bin/a": 0o777} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, perm); err != nil {
			t.Fatal(err)
		}
	}
	run := &format.Run{Command: []string{"../bin/a", "x"}, Cwd: "sub", Source: &format.Source{Omitted: []format.Omitted{
		{Path: "*.npy", Reason: format.OmittedExcluded},
		{Path: "outputs/", Reason: format.OmittedExcluded},
		{Path: "venv/", Reason: format.OmittedExcluded},
		{Path: "nohup.out", Reason: format.OmittedExcluded},
		{Path: "stage/*", Reason: format.OmittedWritten},
		{Path: ".tox/", Reason: format.OmittedExcluded},
		{Path: "big.csv", Reason: format.OmittedLarge},
	}}}
	got := untraced(run, root, []string{
		"data/", "x.csv", ".env", "my_token.txt", "__pycache__/", "a/__pycache__/", "build/", "x.egg-info/", "checkpoints/",
		"m.npy", "target/", "bin/", "lib.so", "a.log", "venv/", "wandb/",
	})
	want := "bin/a data/ x.csv checkpoints/ m.npy target/ bin/ lib.so *.npy outputs/ stage/*"
	if got == nil || strings.Join(got.Ignored, " ") != want {
		t.Errorf("%+v\nwant %s", got, want)
	}
	run.Datasets = []format.Dataset{{Path: "outputs", Files: 2}, {Path: "a.npy"}, {Path: "stage"}}
	for path, want := range map[string]bool{"outputs/": true, "*.npy": true, "stage/*": true, "data/": false} {
		if covered(run, path) != want {
			t.Errorf("%s: covered: %v", path, !want)
		}
	}
	run.Source.Omitted[0].Count = 2
	if covered(run, "*.npy") {
		t.Error("one of two files covers both")
	}
	if untraced(&format.Run{}, root, []string{".env", "build/"}) != nil {
		t.Error("what cannot be data makes a trace")
	}
}

// TestWayTo: links of a restored source are followed within it, and give way to data if they lead out of it.
func TestWayTo(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	for name, to := range map[string]string{
		"out": out, "up": "..", "in": "real", "far/in": "../real/deep", "chain": "in", "loop": "loop", "self": ".",
		"real/away": out, "dangling": "not/yet", "file": filepath.Join(out, "x"), "absolute": filepath.Join(dir, "real"),
		"annexed": ".git/annex/objects/ab/cd/key/key", "sub/annexed": ".git/annex/objects/ab/cd/key/key",
	} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, file); err != nil {
			t.Skip(err)
		}
	}
	for path, want := range map[string]string{
		"plain/x": "plain/x", "in/x": "real/x", "far/in/x": "real/deep/x", "chain/x": "real/x", "self/real/x": "real/x",
		"dangling/x": "not/yet/x", "absolute/x": "real/x", "out/x": "out/x", "up/etc/x": "up/etc/x",
		"in/away/x": "real/away/x", "file": "file", "annexed": "annexed", "sub/annexed": "sub/annexed",
	} {
		_, link, _ := leads(withoutLinks(dir), path)
		outside := link != ""
		got, err := wayTo(dir, path)
		if err != nil || got != want || NoLinks(dir, got) != nil {
			t.Errorf("%s: %s, %v", path, got, err)
		}
		if first := strings.Split(path, "/")[0]; outside != (first == "out" || first == "up" || first == "file" ||
			path == "in/away/x" || strings.HasSuffix(path, "annexed")) {
			t.Errorf("%s leads out: %v", path, outside)
		}
		if _, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(want))); err == nil {
			t.Errorf("%s exists", want)
		}
	}
	if _, err := wayTo(dir, "loop/x"); err == nil {
		t.Error("a loop was followed without an error")
	}
}

// TestWithinFolders: a file whose name no path of a record can have is in a dataset of its folder.
func TestWithinFolders(t *testing.T) {
	got := withinFolders([]reads.Set{
		{Path: "a/x.csv"}, {Path: "a/new\nline"}, {Path: "a/dot."}, {Path: "b/c", Files: []string{"x"}}, {Path: "dot."},
	})
	want := []reads.Set{
		{Path: "a/x.csv"},
		{Path: "a", Files: []string{"new\nline", "dot."}},
		{Path: "b/c", Files: []string{"x"}},
		{Path: "dot."},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
