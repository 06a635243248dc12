package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/python"
)

// TestPythonClient runs the client's own tests with python3, and with each interpreter that RUNS_TEST_PYTHONS lists.
func TestPythonClient(t *testing.T) {
	if testing.Short() {
		t.Skip("the tests of the Python client take long")
	}
	interpreters := []string{"python3"}
	interpreters = append(interpreters, filepath.SplitList(os.Getenv("RUNS_TEST_PYTHONS"))...)
	binary := filepath.Join(t.TempDir(), "runs")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("building runs: %v\n%s", err, out)
	}
	folder, err := filepath.Abs(filepath.Join("..", "..", "python"))
	if err != nil {
		t.Fatal(err)
	}
	for _, python := range interpreters {
		t.Run(filepath.Base(python), func(t *testing.T) {
			if out, err := exec.Command(python, "-c", "import sys; sys.exit(sys.version_info < (3, 9))").CombinedOutput(); err != nil {
				t.Skipf("%s is not there, or older than 3.9: %v %s", python, err, out)
			}
			cmd := exec.Command(python, "-B", "-m", "unittest", "discover", "-v", "-s", "tests")
			cmd.Dir = folder
			cmd.Env = append(os.Environ(), "RUNS_BINARY="+binary, "PYTHONPATH="+filepath.Join(folder, "src"))
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for line := range strings.Lines(string(out)) {
				if strings.Contains(line, "... skipped") || strings.HasPrefix(line, "Ran ") {
					t.Log(strings.TrimSpace(line))
				}
			}
			if ran := regexp.MustCompile(`(?m)^Ran ([0-9]+) tests`).FindSubmatch(out); ran == nil || string(ran[1]) == "0" {
				t.Errorf("no test ran:\n%s", out)
			}
		})
	}
}

// TestPythonVersion: the client and this program are released together.
func TestPythonVersion(t *testing.T) {
	text, err := python.Source.ReadFile("src/gitruns/_version.py")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{"__version__": version, "PROTOCOL": clientProtocol, "FORMAT": format.Schema} {
		value, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`(?m)^` + name + ` = ` + regexp.QuoteMeta(string(value)) + `\b|^` + name + ` = ` + regexp.QuoteMeta(string(value)) + `$`).Match(text) {
			t.Errorf("_version.py does not say %s = %s", name, value)
		}
	}
}
