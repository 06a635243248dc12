package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/gitruns/runs/python"
	"github.com/gitruns/runs/repo"
)

// wandbShim returns the folders that make Python programs import the shim as wandb, and environment variables for it.
// They also affect Python programs that the program starts. The shim comes first, so that it hides an installed wandb.
func wandbShim(args []string) (path, env []string, err error) {
	if flag := isolated(args); flag != "" {
		return nil, nil, &repo.HintError{
			Err:  usagef("exec: --wandb cannot be combined with python %s, which ignores PYTHONPATH", flag),
			Hint: fmt.Sprintf("leave %s out, or write 'import gitruns as wandb'", flag),
		}
	}
	src, err := installClient()
	if err != nil {
		return nil, nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("finding the path of this program: %w", err)
	}
	return []string{filepath.Join(src, "gitruns", "_shim"), src}, []string{"RUNS_BINARY=" + self}, nil
}

// installClient writes the Python client into the user's cache if it is not there yet. It returns the folder to add to
// sys.path.
func installClient() (src string, err error) {
	files, err := python.Files()
	if err == nil {
		src, err = installPython("python-", files)
	}
	if err != nil {
		return "", &repo.HintError{
			Err: fmt.Errorf("writing the Python client for --wandb: %w", err),
			Hint: "set XDG_CACHE_HOME to a writable folder, " +
				"or run 'pip install gitruns' and write 'import gitruns as wandb'",
		}
	}
	return src, nil
}
