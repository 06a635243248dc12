package python

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestFiles checks that compiled files are left out, and that files whose names begin with _ are included.
func TestFiles(t *testing.T) {
	files, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"gitruns/__init__.py", "gitruns/_run.py", "gitruns/_shim/wandb/__init__.py",
		"gitruns/_shim/wandb-0.31.0.dist-info/METADATA",
	} {
		if len(files[name]) == 0 {
			t.Errorf("%s is missing", name)
		}
	}
	for name := range files {
		if strings.Contains(name, "__pycache__") || strings.HasSuffix(name, ".pyc") {
			t.Errorf("%s is embedded", name)
		}
	}
	before := Digest(files)
	files["gitruns/_run.py"] = append(bytes.Clone(files["gitruns/_run.py"]), '\n')
	if after := Digest(files); after == before || len(after) != 16 {
		t.Errorf("digest %s, then %s", before, after)
	}
}

// TestClient runs the client's own tests with the python3 of the PATH and with each interpreter of RUNS_TEST_PYTHONS, a
// list of paths.
func TestClient(t *testing.T) {
	watch(t)
	interpreters := filepath.SplitList(os.Getenv("RUNS_TEST_PYTHONS"))
	if path, err := exec.LookPath("python3"); err == nil {
		interpreters = append([]string{path}, interpreters...)
	}
	if len(interpreters) == 0 {
		t.Skip("the tests of the Python client need python3, which is not installed")
	}
	binary := filepath.Join(t.TempDir(), "runs")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	if out, err := exec.Command("go", "build", "-o", binary, "../cmd/runs").CombinedOutput(); err != nil {
		t.Fatalf("building runs: %v: %s", err, out)
	}
	for i, python := range interpreters {
		t.Run(python, func(t *testing.T) {
			if i > 0 { // one is enough for whole projects: what brings them back is not written in Python
				t.Setenv("RUNS_TEST_LAYOUTS", "off")
			}
			testWith(t, python, binary)
		})
	}
}

func testWith(t *testing.T, python, binary string) {
	ctx := context.Background()
	if deadline, ok := t.Deadline(); ok {
		limited, cancel := context.WithDeadline(ctx, deadline.Add(-30*time.Second))
		defer cancel()
		ctx = limited
	}
	out, err := exec.CommandContext(ctx, python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])").Output()
	if err != nil {
		t.Fatalf("asking %s for its version: %v", python, err)
	}
	var major, minor int
	if _, err := fmt.Sscanf(string(out), "%d.%d", &major, &minor); err != nil {
		t.Fatalf("%s has no version: %q", python, out)
	}
	if major < 3 || major == 3 && minor < 9 {
		t.Skipf("%s is Python %d.%d; the client needs 3.9", python, major, minor)
	}
	cmd := exec.CommandContext(ctx, python, "tests/run.py")
	cmd.Env = append(os.Environ(), "RUNS_BINARY="+binary, "PYTHONPYCACHEPREFIX="+t.TempDir())
	cmd.WaitDelay = 10 * time.Second
	out, err = cmd.CombinedOutput()
	if err != nil {
		if bytes.Contains(out, []byte("Timeout (0:05:00)!")) { // what it waits for still runs
			processes, _ := exec.Command("ps", "-axww", "-o", "pid,ppid,stat,etime,args").Output()
			for line := range strings.Lines(string(processes)) {
				if strings.Contains(line, python) || strings.Contains(line, binary) || strings.Contains(line, "git ") {
					out = append(out, line...)
				}
			}
		}
		t.Fatalf("%v\n%s", err, out)
	}
	ran := regexp.MustCompile(`(?m)^Ran ([1-9]\d*) tests?`).Find(out)
	if ran == nil {
		t.Fatalf("no test ran:\n%s", out)
	}
	t.Logf("%s", ran)
	for _, skip := range regexp.MustCompile(`(?m)^.* \.\.\. skipped .*$`).FindAll(out, -1) {
		t.Logf("%s", skip)
	}
}

// watch opens each folder of the module, so that go test does not use a cached result if a file changed that only the
// interpreter or the build of runs reads.
func watch(t *testing.T) {
	err := filepath.WalkDir("..", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() || name == ".." {
			return err
		}
		if strings.HasPrefix(entry.Name(), ".") || entry.Name() == "__pycache__" {
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
