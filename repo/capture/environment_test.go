package capture

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/format"
)

func TestLooksSecret(t *testing.T) {
	for _, c := range []struct {
		name, value string
		want        bool
	}{
		{"CUDA_VISIBLE_DEVICES", "0,1,2,3", false},
		{"SLURM_JOB_NODELIST", "gpu[001-128],cpu[01-20]", false},
		{"SLURM_JOB_ID", "123456", false},
		{"OMP_NUM_THREADS", "8", false},
		{"TORCH_HOME", "/very/long/path/to/some/folder/of/torch/hub/checkpoints", false},
		{"MY_COMMIT", "da39a3ee5e6b4b0d3255bfef95601890afd80709", false},
		{"MY_GPU", "GPU-8f1c2d3e-0000-1111-2222-333344445555", false},
		{"TOKENIZERS_PARALLELISM", "false", false},
		{"SLURM_JWT", "x", true},
		{"HF_TOKEN", "x", true},
		{"DB_PW", "x", true},
		{"SMTP_PASS", "x", true},
		{"MY_PIN", "1", true},
		{"my.smtpPass2", "x", true},
		{"DBPass", "x", true},
		{"MYSQL_PWD", "x", true},
		{"PWD", "/home/ada/p", false},
		{"MY_COMPASS", "north", false},
		{"MY_PINNED", "1", false},
		{"MY_bypass", "1", false},
		{"TORCH_URL", "https://user:pw@example.org/x", true},
		{"MY_X", "ghp_0123456789abcdefghijABCDEFGHIJ012345", true},
		{"MY_X", "--key=sk-abcdefghij", true},
		{"MY_X", "AKIAIOSFODNN7EXAMPLE", true},
		{"MY_X", "-----BEGIN OPENSSH PRIVATE KEY-----", true},
		{"MY_X", "q7Zt0PmWx3RvK9sLd2YhB8nFg5JcA1eU", true},
	} {
		if got := looksSecret(c.name, c.value); got != c.want {
			t.Errorf("%s=%s: %v", c.name, c.value, got)
		}
	}
}

func TestLocalUndoesPortable(t *testing.T) {
	t.Setenv("HOME", "/home/ada")
	for _, arg := range []string{
		"/home/ada/p/data.csv", "--out=/home/ada/p", "/home/ada/other", "a:/home/ada/p:/home/ada", "lr=0.1", "x~y",
		"",
	} {
		portable := Portable("/home/ada/p", arg)
		if got := Local("/home/ada/p", portable); got != arg {
			t.Errorf("%s became %s and then %s", arg, portable, got)
		}
	}
	if got := Local("/tmp/again", "{project}/train.py"); got != "/tmp/again/train.py" {
		t.Error(got)
	}
}

func TestRequirements(t *testing.T) {
	wheel := filepath.Join(t.TempDir(), "a b.whl")
	if err := os.WriteFile(wheel, []byte("wheel"), 0o666); err != nil {
		t.Fatal(err)
	}
	e := &format.EnvironmentFile{
		Packages: format.Packages{
			"numpy": "1.26.4", "mine": "0.1", "lib": "2", "far": "3", "pip": "23", "wheel-here": "1", "wheel-gone": "1",
			"wheel-net": "1", "--index-url": "https://evil.example", "x": "1 --index-url=https://evil.example",
		},
		Editable: []format.Editable{
			{Name: "mine", Path: "{project}/pkg"},
			{Name: "lib", Path: "https://example.org/lib.git", Commit: "abc"},
			{Name: "far", Path: "~/far"},
			{Name: "linked", Path: "{project}"},
			{Name: "copied", Path: "{project}/c", Copied: true},
			{Name: "sub", Path: "https://example.org/s.git", Commit: "abc", Subdirectory: "py"},
			{Name: "wheel-here", Version: "1", Path: wheel, SHA256: sha256Hex([]byte("wheel"))},
			{Name: "wheel-gone", Version: "1", Path: "/gone.whl", SHA256: sha256Hex([]byte("wheel"))},
			{Name: "wheel-net", Version: "1", Path: "https://example.org/w.whl", SHA256: "0a"},
			{Name: "--evil", Path: "{project}"},
		},
	}
	want := "lib @ git+https://example.org/lib.git@abc\n" +
		"-e /again/pkg\nnumpy==1.26.4\nwheel-here @ file://" + filepath.Dir(wheel) + "/a%20b.whl\n" +
		"wheel-net @ https://example.org/w.whl#sha256=0a\n" +
		"copied @ file:///again/c\n-e /again\nsub @ git+https://example.org/s.git@abc#subdirectory=py\n"
	got, left := requirementsOf(t.Context(), e, VenvRequest{Root: "/again"})
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if len(left) != 4 {
		t.Errorf("%q", left)
	}
	restored, left := requirementsOf(t.Context(), e, VenvRequest{
		Root: "/again", Packages: map[string]string{"far": "/again/.venv-sources/far"},
	})
	if want += "-e /again/.venv-sources/far\n"; len(left) != 3 || len(restored) != len(want) ||
		!strings.Contains(restored, "-e /again/.venv-sources/far\n") {
		t.Errorf("%s%q", restored, left)
	}
	e.Conda = format.Packages{"far": "3 0 conda-forge/noarch"} // was built in that folder
	if got, left := requirementsOf(t.Context(), e, VenvRequest{Root: "/again"}); len(left) != 3 ||
		!strings.Contains(got, "far==3\n") {
		t.Errorf("%s%q", got, left)
	}
}

// An archive that Git ignores in the project is installed from there.
func TestRequirementOfIgnoredArchive(t *testing.T) {
	project := t.TempDir()
	if err := os.WriteFile(filepath.Join(project, "x.whl"), []byte("wheel"), 0o666); err != nil {
		t.Fatal(err)
	}
	item := format.Editable{Name: "x", Path: "{project}/x.whl", SHA256: sha256Hex([]byte("wheel"))}
	for in, want := range map[string]string{project: "x @ file://" + filepath.ToSlash(project) + "/x.whl", "": ""} {
		if got, _ := requirementOf(t.Context(), item, VenvRequest{Root: t.TempDir(), Project: in}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestNormalName(t *testing.T) {
	for in, want := range map[string]string{
		"Foo.Bar_baz": "foo-bar-baz", "a--b": "a-b", "numpy": "numpy", "ruamel.yaml.clib": "ruamel-yaml-clib",
	} {
		if got := normalName(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestPackagesOfOtherLanguages(t *testing.T) {
	root := tree(t,
		"conda-meta/python-3.11.7-h955ad1f_0.json",
		`{"arch": null, "build": "h955ad1f_0", "channel": "https://repo.anaconda.com/pkgs/main/linux-64", `+
			`"name": "python"}`,
		"conda-meta/some-package-1.0-py_0.json", `{"channel": "https://conda.anaconda.org/conda-forge/noarch"}`,
		"conda-meta/history", "",
		"package-lock.json",
		`{"packages": {"": {"version": "9"}, "node_modules/left-pad": {"version": "1.3.0"}, `+
			`"node_modules/a/node_modules/b": {"version": "2.0.0"}}}`,
		"lib/ggplot2/DESCRIPTION", "Package: ggplot2\nVersion: 3.4.0\n",
	)
	if d := cmp.Diff(
		format.Packages{
			"python":       "3.11.7 h955ad1f_0 https://repo.anaconda.com/pkgs/main/linux-64",
			"some-package": "1.0 py_0 conda-forge/noarch",
		},
		condaPackages(root),
	); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(
		format.Packages{"left-pad": "1.3.0", "a/node_modules/b": "2.0.0"}, nodePackages(filepath.Join(root, "lib")),
	); d != "" {
		t.Error(d)
	}
	t.Setenv("R_LIBS", filepath.Join(root, "lib"))
	if got := rPackages()["ggplot2"]; got != "3.4.0" {
		t.Errorf("ggplot2 is %q", got)
	}
}

func TestFindProgram(t *testing.T) {
	root := tree(t,
		".pyenv/shims/python3", "#!/bin/sh\n", ".pyenv/version", "3.10.1\n", ".pyenv/versions/3.10.1/bin/python3",
		"x", ".pyenv/versions/3.9.2/bin/python3", "x",
		"old/.python-version", "# ours\n3.9.2\n", "old/x", "", "venv/bin/python", "x", "venv/bin/tool",
		"#!"+"VENV/bin/python\n",
		"bin/train", "#!/usr/bin/env python3\n", "run.sh", "#!/bin/sh\n",
	)
	for _, name := range []string{
		".pyenv/shims/python3", ".pyenv/versions/3.10.1/bin/python3", ".pyenv/versions/3.9.2/bin/python3",
		"venv/bin/python", "venv/bin/tool", "bin/train", "run.sh",
	} {
		if err := os.Chmod(filepath.Join(root, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	venv := filepath.Join(root, "venv")
	long := filepath.Join(venv, "bin", "long")
	for path, text := range map[string]string{
		filepath.Join(venv, "bin", "tool"): "#!" + venv + "/bin/python\n",
		long:                               "#!/bin/sh\n'''exec' \"" + venv + "/bin/python\" \"$0\" \"$@\"\n' '''\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", filepath.Join(root, ".pyenv", "shims")+":"+filepath.Join(root, "bin")+":/usr/bin:/bin")
	for _, name := range []string{"VIRTUAL_ENV", "CONDA_PREFIX", "PYENV_VERSION"} {
		t.Setenv(name, "")
	}
	global := ".pyenv/versions/3.10.1/bin/python3"
	for _, c := range []struct {
		dir, command, want string
	}{
		{"", "python3 train.py", global},
		{"old", "python3 train.py", ".pyenv/versions/3.9.2/bin/python3"},
		{"", "env A=1 nice -n 5 python3 train.py", global},
		{"", "venv/bin/python train.py", "venv/bin/python"},
		{"", "venv/bin/tool --x", "venv/bin/tool"},
		{"", long, "venv/bin/python"},
		{"", "train --x", global},
		{"", "./run.sh", global},
		{"", "", global},
		{"", "/bin/true", ""},
	} {
		q := EnvironmentRequest{Root: root, Dir: filepath.Join(root, c.dir), Command: strings.Fields(c.command)}
		want := filepath.Join(root, c.want)
		if c.want == "" {
			want = ""
		}
		if c.want == "venv/bin/tool" {
			want = filepath.Join(venv, "bin", "python")
		}
		if got := findProgram(q).python; got != want {
			t.Errorf("%q in %q: %s, want %s", c.command, c.dir, got, want)
		}
	}
}
