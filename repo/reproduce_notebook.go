package repo

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/capture"
)

// isNotebook reports whether a run comes from the kernel of a notebook: its command is that of the kernel, which alone
// would execute nothing.
func isNotebook(run *format.Run) bool {
	if run.Source == nil || !strings.HasSuffix(run.Source.Entry, ".ipynb") || len(run.Command) == 0 ||
		!capture.IsPython(run.Command[0]) {
		return false
	}
	python := capture.PythonRuns(run.Command[1:])
	return python == capture.PythonRun{} || strings.HasPrefix(python.Module, "ipykernel") ||
		strings.Contains(python.Script, "ipykernel")
}

// ErrNoNotebooks reports that no program is installed that executes notebooks.
var ErrNoNotebooks = errors.New("it is a notebook, and neither nbconvert nor papermill is installed")

// executeNotebook returns the command that executes the notebook of a run, with a program of the environment of the
// interpreter python, otherwise one on the PATH. The result goes to a file next to the notebook.
func executeNotebook(python, root, entry, dir string) ([]string, error) {
	name := filepath.Join(root, filepath.FromSlash(entry))
	result := strings.TrimSuffix(filepath.Base(name), ".ipynb") + ".reproduced.ipynb"
	for _, tool := range []string{"jupyter-nbconvert", "papermill"} {
		path := filepath.Join(filepath.Dir(python), tool)
		if !filepath.IsAbs(python) || !isFile(path) {
			var err error
			if path, err = exec.LookPath(tool); err != nil {
				continue
			}
		}
		if tool == "papermill" {
			return []string{path, name, filepath.Join(filepath.Dir(name), result), "--cwd", dir}, nil
		}
		return []string{path, "--to", "notebook", "--execute", "--output", result, name}, nil
	}
	return nil, withHint(ErrNoNotebooks,
		"run 'pip install nbconvert ipykernel', or give the command after --: 'runs reproduce RUN -- COMMAND'")
}
