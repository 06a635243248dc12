package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMLflowLoadsLogged logs models with the client alone, and loads them with MLflow and with the client.
func TestMLflowLoadsLogged(t *testing.T) {
	files := map[string]string{}
	for _, name := range []string{"train.py", "load.py"} {
		text, err := os.ReadFile(filepath.Join("../../testdata/mlflow/logged", name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(text)
	}
	client, err := filepath.Abs("../../python/src")
	if err != nil {
		t.Fatal(err)
	}
	eachMLflow(t, func(t *testing.T, python string) {
		t.Parallel()
		if out, err := exec.CommandContext(t.Context(), python, "-c", "import xgboost").CombinedOutput(); err != nil {
			t.Skipf("this Python has no xgboost: %s", out)
		}
		p := newMLflowProject(t, python, files)
		run := func(args ...string) string {
			cmd := exec.CommandContext(t.Context(), python, args...)
			cmd.Dir = p.dir
			cmd.Env = append(os.Environ(), "PYTHONPATH="+client)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v\n%s", args[0], err, out)
			}
			return string(out)
		}
		run("train.py")
		loaded := filepath.Join(t.TempDir(), "loaded")
		for _, name := range []string{"linear", "xgb", "lgb", "array", "unnamed"} {
			p.must("model", "register", "trained:"+name, name)
			p.must("model", "load", name+"@1", filepath.Join(loaded, name))
		}
		if out := run("load.py", loaded); !strings.Contains(out, "all equal") {
			t.Errorf("load.py prints %s", out)
		}
	})
}
