package capture

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/format"
)

// Where a distribution came from is recorded, without credentials and without paths of one machine.
func TestReadDirectURL(t *testing.T) {
	root := t.TempDir()
	wheel := filepath.Join(root, "x.whl")
	if err := os.WriteFile(wheel, []byte("wheel"), 0o666); err != nil {
		t.Fatal(err)
	}
	digest, commit := sha256Hex([]byte("wheel")), strings.Repeat("a", 40)
	for _, c := range []struct {
		name, text string
		want       []format.Editable
	}{
		{
			"a wheel from the network",
			`{"url": "https://u:p@example.org/x.whl?t=1", "archive_info": {"hash": "sha256=` + digest + `"}}`,
			[]format.Editable{{Name: "x", Version: "1", Path: "https://example.org/x.whl", SHA256: digest}},
		},
		{
			"newer hashes", `{"url": "https://example.org/x.whl", "archive_info": {"hashes": {"sha256": "` + digest + `"}}}`,
			[]format.Editable{{Name: "x", Version: "1", Path: "https://example.org/x.whl", SHA256: digest}},
		},
		{
			"a local wheel without a hash", `{"url": "file://` + wheel + `", "archive_info": {}}`,
			[]format.Editable{{Name: "x", Version: "1", Path: "{project}/x.whl", SHA256: digest}},
		},
		{
			"a local wheel that is gone", `{"url": "file:///gone/x.whl", "archive_info": {}}`,
			[]format.Editable{{Name: "x", Version: "1", Path: "/gone/x.whl"}},
		},
		{"a bad hash", `{"url": "https://example.org/x.whl", "archive_info": {"hash": "sha256=zz"}}`, nil},
		{
			"editable", `{"url": "file://` + root + `/pkg", "dir_info": {"editable": true}}`,
			[]format.Editable{{Name: "x", Version: "1", Path: "{project}/pkg"}},
		},
		{
			"copied", `{"url": "file://` + root + `/pkg", "dir_info": {}}`,
			[]format.Editable{{Name: "x", Version: "1", Path: "{project}/pkg", Copied: true}},
		},
		{
			"a repository",
			`{"url": "https://u:p@example.org/r.git", "subdirectory": "py", "vcs_info": {"commit_id": "` + commit + `"}}`,
			[]format.Editable{{
				Name: "x", Version: "1", Path: "https://example.org/r.git", Commit: commit, Subdirectory: "py",
			}},
		},
		{"nothing", `{"url": "https://example.org/x"}`, nil},
		{"no JSON", `{`, nil},
	} {
		file := filepath.Join(t.TempDir(), "direct_url.json")
		if err := os.WriteFile(file, []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		p := &python{}
		p.readDirectURL(t.Context(), EnvironmentRequest{Root: root}, file, "x", "1")
		if d := cmp.Diff(c.want, p.editable); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

func TestLockCommand(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{"uv.lock": "new", "poetry.lock": "same"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	e := &format.EnvironmentFile{Locks: map[string]string{
		"uv.lock": sha256Hex([]byte("old")), "poetry.lock": sha256Hex([]byte("same")), "pdm.lock": sha256Hex(nil),
	}}
	if file, command := LockCommand(e, root); file != "poetry.lock" || command != "poetry sync" {
		t.Errorf("%s, %s", file, command)
	}
	if file, _ := LockCommand(nil, root); file != "" {
		t.Error(file)
	}
}

// TestUseLock: the tool of the lock file that fits installs into the environment; what cannot be used is named.
func TestUseLock(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the tools of this test are shell scripts")
	}
	const tool = "#!/bin/sh\necho \"$(basename $0) $* in $(basename $PWD) for $(basename $VIRTUAL_ENV)\"\n"
	hashed := "a==1 --hash=sha256:" + strings.Repeat("0", 64) + "\n"
	for _, c := range []struct{ lock, text, tool, want string }{
		{"poetry.lock", "x", "poetry", "poetry install --no-root --no-interaction in source for .venv\n"},
		{"pdm.lock", "x", "pdm", "pdm sync --no-self in source for .venv\n"},
		{"Pipfile.lock", "x", "pipenv", "pipenv sync in source for .venv\n"},
		{"uv.lock", "x", "uv", "uv sync --frozen --inexact --no-install-project in source for .venv\n"},
		{"poetry.lock", "x", "", "runs: poetry.lock is not used: poetry is not installed\n"},
		{
			"environment.yml", "x", "",
			"runs: environment.yml is not used: a virtual environment cannot have what it pins; " +
				"'conda env create -f environment.yml' makes the environment\n",
		},
		{"requirements.txt", "a==1\n", "", ""},
		{
			"requirements.txt", hashed, "python",
			"python -m pip install --disable-pip-version-check -q --require-hashes --no-deps -r requirements.txt " +
				"in source for .venv\n",
		},
	} {
		root := filepath.Join(t.TempDir(), "source")
		v := venv{root: root, dir: filepath.Join(root, ".venv"), bin: filepath.Join(root, ".venv", "bin")}
		if err := os.MkdirAll(v.bin, 0o777); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", v.bin+":/usr/bin:/bin")
		if c.tool != "" {
			if err := os.WriteFile(filepath.Join(v.bin, c.tool), []byte(tool), 0o777); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(root, c.lock), []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		e := &format.EnvironmentFile{Locks: map[string]string{c.lock: sha256Hex([]byte(c.text))}}
		if err := useLock(t.Context(), e, v, &out); err != nil || out.String() != c.want {
			t.Errorf("%s: %v, %q, want %q", c.lock, err, out.String(), c.want)
		}
	}
}

// A folder outside the project that had changes cannot be installed as it was, and a line tells that.
func TestRequirementOfChangedFolder(t *testing.T) {
	item := format.Editable{Name: "lib", Path: "~/lib", Commit: strings.Repeat("a", 40), Dirty: true}
	line, why := requirementOf(t.Context(), item, VenvRequest{Root: t.TempDir()})
	if want := "at commit aaaaaaaaaaaa of a folder outside the project, with changes that are not recorded"; line != "" ||
		why != want {
		t.Errorf("%q, %q", line, why)
	}
}
