package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// MLflow's client says the same of the same calls on its own store of SQLite and under runs exec: what they return,
// which are refused, and what it reads of the runs, in the program itself and in a later one.
func TestMLflowSame(t *testing.T) {
	script, err := os.ReadFile("../../testdata/mlflow/same/same.py")
	if err != nil {
		t.Fatal(err)
	}
	eachMLflow(t, func(t *testing.T, python string) {
		t.Parallel()
		dir := t.TempDir()
		p := newMLflowProject(t, python, map[string]string{"same.py": string(script)})
		if err := os.WriteFile(filepath.Join(dir, "same.py"), script, 0o666); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"first.json"}, {"again.json", "again"}} {
			cmd := exec.CommandContext(t.Context(), python, append([]string{"same.py"}, args...)...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "MLFLOW_TRACKING_URI=sqlite:///mlflow.db")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("on SQLite: %v\n%s", err, out)
			}
			if status, out := p.exec("same.py", args...); status != 0 {
				t.Fatalf("exit status %d:\n%s", status, out)
			}
			var want, got map[string]any
			for at, to := range map[string]*map[string]any{dir: &want, p.dir: &got} {
				data, err := os.ReadFile(filepath.Join(at, args[0]))
				if err != nil {
					t.Fatal(err)
				}
				p.decode(data, to)
			}
			if d := cmp.Diff(want, got); d != "" || len(want) < 20 {
				t.Errorf("%s: of %d, on SQLite (-) and under runs exec (+):\n%s", args[0], len(want), d)
			}
		}
		p.verify()
	})
}
