package repo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/format"
)

// A run starts where its command fits, in a folder that is made if the source lacks it, and never outside the source.
func TestFindDir(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"train.py", "sub/eval.py", "file"} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	outside := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(root, "link")); err != nil {
		t.Skip(err)
	}
	for _, c := range []struct {
		cwd, entry string
		args       []string
		dir        string
		made       bool
		err        string
	}{
		{"", "train.py", []string{"python", "train.py"}, "", false, ""},
		{"sub", "sub/eval.py", []string{"python", "eval.py"}, "sub", false, ""},
		{"out/1", "train.py", []string{"python", "../../train.py"}, "out/1", true, ""},
		{"outputs/day/time", "train.py", []string{"python", "train.py", "lr=1"}, "", false, ""},
		{"sub/outputs", "sub/eval.py", []string{"python", "eval.py"}, "sub", false, ""},
		{"new", "", []string{"echo"}, "new", true, ""},
		{"file", "", []string{"echo"}, "", false, "is not a folder"},
		{"link/new", "", []string{"echo"}, "", false, "is a link"},
	} {
		p := &Reproduction{Args: c.args}
		err := p.findDir(&format.Run{Cwd: c.cwd, Source: &format.Source{Entry: c.entry}}, ReproduceRequest{Dir: root})
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v, want %q", c.cwd, err, c.err)
			}
			continue
		}
		if want := filepath.Join(root, c.dir); err != nil || p.Dir != want || p.MadeDir != c.made {
			t.Errorf("%s: %s, made %v, %v; want %s", c.cwd, p.Dir, p.MadeDir, err, want)
		}
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) > 0 {
		t.Errorf("something was written outside: %v, %v", entries, err)
	}
}

// TestMakeFolders: the folders of a stranger's record are made in the restored source only, and not hidden ones.
func TestMakeFolders(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "source")
	if err := os.MkdirAll(filepath.Join(dir, "there"), 0o777); err != nil {
		t.Fatal(err)
	}
	folders := []string{"out/deep", "there", "../beside", "/absolute", ".git/hooks", "a/../../beside", ""}
	run := &format.Run{Trace: &format.Trace{Road: format.RoadPython, Folders: folders}}
	if err := makeFolders(run, dir); err != nil {
		t.Fatal(err)
	}
	var made []string
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if rel, _ := filepath.Rel(root, path); rel != "." {
			made = append(made, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"source", "source/out", "source/out/deep", "source/there"}, made); d != "" {
		t.Error(d)
	}
	if err := os.Symlink(root, filepath.Join(dir, "link")); err != nil {
		t.Skip(err)
	}
	run.Trace.Folders = []string{"link/outside"}
	if err := makeFolders(run, dir); err == nil {
		t.Error("a folder was made behind a link")
	}
	if err := makeFolders(&format.Run{}, dir); err != nil {
		t.Error(err)
	}
}

// TestPythonMattersToPrograms: the packages of this machine's Python do not matter to a program without Python.
func TestPythonMattersToPrograms(t *testing.T) {
	now := &format.EnvironmentFile{
		OS: "linux", Python: &format.Python{Version: "3.12"}, Packages: format.Packages{"numpy": "2"},
	}
	if got := likeRecorded(now, &format.EnvironmentFile{OS: "linux"}); got.Python != nil || len(got.Packages) > 0 ||
		got.OS != "linux" || now.Python == nil {
		t.Errorf("%+v", got)
	}
	if got := likeRecorded(now, &format.EnvironmentFile{Python: &format.Python{}}); got != now {
		t.Errorf("%+v", got)
	}
}
