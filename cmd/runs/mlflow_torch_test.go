package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// PyTorch Lightning and transformers log to runs what they log to MLflow's own store of SQLite. RUNS_TEST_MLFLOW_TORCH
// names a Python with MLflow 3, torch, lightning and transformers, which are too large for every run of CI.
func TestMLflowTorch(t *testing.T) {
	python := os.Getenv("RUNS_TEST_MLFLOW_TORCH")
	if python == "" {
		t.Skip("RUNS_TEST_MLFLOW_TORCH does not name a Python with MLflow, torch, lightning and transformers")
	}
	told, err := os.ReadFile("../../testdata/mlflow/torch/told.py")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lightning_autolog.py", "transformers_trainer.py"} {
		t.Run(strings.TrimSuffix(name, ".py"), func(t *testing.T) {
			script, err := os.ReadFile(filepath.Join("../../testdata/mlflow/torch", name))
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			for file, text := range map[string][]byte{name: script, "told.py": told} {
				if err := os.WriteFile(filepath.Join(dir, file), text, 0o666); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.CommandContext(t.Context(), python, name, "told.json")
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "MLFLOW_TRACKING_URI=sqlite:///mlflow.db")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("on SQLite: %v\n%s", err, out)
			}
			want, err := os.ReadFile(filepath.Join(dir, "told.json"))
			if err != nil {
				t.Fatal(err)
			}
			p := newMLflowProject(t, python, map[string]string{name: string(script), "told.py": string(told)})
			if status, out := p.exec(name, p.report); status != 0 {
				t.Fatalf("exit status %d:\n%s", status, out)
			}
			got, err := os.ReadFile(p.report)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), string(got)); d != "" {
				t.Errorf("on SQLite (-) and under runs exec (+):\n%s", d)
			}
			p.verify()
		})
	}
}
