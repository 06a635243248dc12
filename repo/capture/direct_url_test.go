package capture

import (
	"os"
	"path/filepath"
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
