package stored

import (
	"os"
	"path/filepath"
	"testing"
)

// TestPortable takes paths of other machines out of addresses.
func TestPortable(t *testing.T) {
	var p places
	p.add("file:///Users/ann/proj/mlruns/1/x/artifacts")
	p.add(`D:\code\my%20proj\mlruns\1\x\artifacts`)
	p.add("s3://bucket/mlruns/1")
	for address, want := range map[string]string{
		"train.py":                         "train.py",
		"./src/train.py":                   "src/train.py",
		"/Users/ann/proj/src/train.py":     "src/train.py",
		"/Users/ann/other/train.py":        "train.py",
		`D:\code\my%20proj\data\a.csv`:     "data/a.csv",
		`C:\x\y.py`:                        "y.py",
		`\\server\share\y.py`:              "y.py",
		"file:///Users/ann/proj/d%20e.csv": "d e.csv",
		"file:///C:/x/y.csv":               "y.csv",
		"../../secret":                     "secret",
		"/":                                "",
		"C:/":                              "",
		"https://u:p@host/a?b":             "https://host/a?b",
		"s3://bucket/a":                    "s3://bucket/a",
	} {
		if got := p.portable(address); got != want {
			t.Errorf("%s: got %q, want %q", address, got, want)
		}
	}
	for value, want := range map[string]string{
		"/api/v1":                           "/api/v1", // a value of the user's that is no path of a machine
		"/home/x/y":                         "y",
		"see /Users/ann/proj/a.txt":         "see a.txt",
		`{"p": "D:\\code\\my%20proj\\a.b"}`: `{"p": "a.b"}`,
		"plain":                             "plain",
	} {
		if got := p.clean("mine", value); got != want {
			t.Errorf("%s: got %q, want %q", value, got, want)
		}
	}
	if got := p.clean("mlflow.project.uri", "/api/v1"); got != "v1" {
		t.Errorf("a tag of MLflow's: got %q", got)
	}
}

// TestBelow finds the folders that addresses of other machines end with, and none outside.
func TestBelow(t *testing.T) {
	dir := t.TempDir()
	made := []string{"mlruns/1/abc/artifacts", "mlartifacts/2/def/artifacts", "exp/ghi/artifacts", "outside"}
	for _, name := range made {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(dir, "outside"), filepath.Join(dir, "mlruns/1/lnk")); err != nil {
		t.Skip(err)
	}
	for _, c := range []struct{ address, id, want string }{
		{"/a/b/mlruns/1/abc/artifacts", "abc", "mlruns/1/abc/artifacts"},
		{`D:\b\mlruns\1\abc\artifacts`, "abc", "mlruns/1/abc/artifacts"},
		{"file:///a/mlruns/1/abc/artifacts", "abc", "mlruns/1/abc/artifacts"},
		{"mlflow-artifacts:/2/def/artifacts", "def", "mlartifacts/2/def/artifacts"},
		{"s3://bucket/exp/ghi/artifacts", "ghi", "exp/ghi/artifacts"},
		{"/a/mlruns/1/lnk", "lnk", ""},
		{"/a/b/mlruns/1/abc/artifacts", "xyz", ""},
		{"/a/../abc/artifacts", "abc", ""},
		{"../../../etc", "..", ""},
		{"", "", ""},
	} {
		want := c.want
		if want != "" {
			want = filepath.Join(dir, want)
		}
		if got := below(dir, c.address, c.id); got != want {
			t.Errorf("%s: got %q, want %q", c.address, got, want)
		}
	}
}
