package capture

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// An environment is made once for the same packages, and again if a file of them changes, if it was left incomplete, or
// if it has a part of the project.
func TestInstall(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the stand-in for uv is a shell script")
	}
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	write := func(name, text string, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("uv", "#!/bin/sh\necho \"$@\" >> "+log+"\n[ -e "+dir+"/fail ] && [ \"$1\" = pip ] && exit 3\n"+
		"[ \"$1\" = venv ] && mkdir -p \"$3/bin\"\nexit 0\n", 0o700)
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	write("more.txt", "six\n", 0o600)
	write("req.txt", "-r more.txt\n", 0o600)
	q := InstallRequest{
		Root: dir, Python: "3.11", Build: []string{"pip"}, Packages: []string{"-r", "req.txt"}, Files: []string{"req.txt"},
		UV: true, Shared: filepath.Join(dir, "shared"), Own: filepath.Join(dir, "own"),
	}
	install := func(reused bool) Installed {
		t.Helper()
		done, err := Install(t.Context(), q, io.Discard)
		if err != nil || done.Reused != reused {
			t.Errorf("%+v, %v", done, err)
		}
		return done
	}
	first := install(false)
	if data, err := os.ReadFile(log); err != nil || strings.Count(string(data), "\n") != 3 ||
		!strings.Contains(string(data), "--python 3.11\npip install -q --python "+first.Bin+"/python pip\n") {
		t.Errorf("%s %v", data, err)
	}
	install(true)
	write("more.txt", "six==1.16\n", 0o600)
	write("fail", "", 0o600)
	if _, err := Install(t.Context(), q, io.Discard); err == nil || !strings.Contains(err.Error(), "uv pip install -q") {
		t.Errorf("got %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "fail")); err != nil {
		t.Fatal(err)
	}
	if again := install(false); again.Bin == first.Bin {
		t.Error("other packages have the same environment")
	}
	q.Packages, q.Files = []string{"-e", "."}, []string{"."}
	if own := install(false); own.Bin != filepath.Join(dir, "own", "bin") {
		t.Errorf("a part of the project is in %s", own.Bin)
	}
	q.UV, q.Python = false, "1.4"
	if _, err := Install(t.Context(), q, io.Discard); err == nil || !strings.Contains(err.Error(), "python 1.4 is not") {
		t.Errorf("got %v", err)
	}
}
