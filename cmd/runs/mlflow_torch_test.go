package main

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// PyTorch Lightning and transformers log to runs what they log to MLflow's own store of SQLite. RUNS_TEST_MLFLOW_TORCH
// names a Python with MLflow 3, torch, lightning and transformers, which are too large for every run of CI.
func TestMLflowTorch(t *testing.T) {
	sameAsSQLite(t, "RUNS_TEST_MLFLOW_TORCH", "torch/lightning_autolog.py", "torch/transformers_trainer.py")
}

// So does Keras. RUNS_TEST_MLFLOW_KERAS names a Python with MLflow 3, tensorflow and tensorboard.
func TestMLflowKeras(t *testing.T) {
	sameAsSQLite(t, "RUNS_TEST_MLFLOW_KERAS", "keras/keras_autolog.py")
}

// sameAsSQLite runs scripts with the Python that a variable names, on SQLite and under runs exec, and compares what
// MLflow's client reads then.
func sameAsSQLite(t *testing.T, variable string, scripts ...string) {
	python := os.Getenv(variable)
	if python == "" {
		t.Skipf("%s does not name a Python with MLflow and the libraries of %s", variable, scripts)
	}
	told, err := os.ReadFile("../../testdata/mlflow/torch/told.py")
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range scripts {
		name := path.Base(at)
		t.Run(strings.TrimSuffix(name, ".py"), func(t *testing.T) {
			script, err := os.ReadFile(filepath.Join("../../testdata/mlflow", at))
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
