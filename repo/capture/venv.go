package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
)

// ErrNoPython reports that the recorded version of Python is not on this machine.
var ErrNoPython = errors.New("is not on this machine")

// MakeVenv creates a virtual environment in dir with the Python version and the packages of a record. It uses uv if it
// is installed, and otherwise venv and pip, whose output goes to out. It returns the environment variables for a
// program that runs in the environment, and the folder that holds its programs. dir must not exist; it is removed on
// failure.
func MakeVenv(
	ctx context.Context, e *format.EnvironmentFile, root, dir string, out io.Writer,
) (env []string, bin string, err error) {
	if e == nil || e.Python == nil {
		return nil, "", errors.New("the record does not say which Python was used")
	}
	requirements, err := os.CreateTemp("", "runs-requirements-*.txt")
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = os.Remove(requirements.Name()) }()
	_, err = io.WriteString(requirements, requirementsOf(e, root))
	if err = errors.Join(err, requirements.Close()); err != nil {
		return nil, "", err
	}
	run := func(args ...string) error {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Stdout, cmd.Stderr, cmd.Dir = out, out, root
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w", strings.Join(args[:min(3, len(args))], " "), err)
		}
		return nil
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(dir)
		}
	}()
	bin = filepath.Join(dir, "bin")
	if os.PathSeparator == '\\' {
		bin = filepath.Join(dir, "Scripts")
	}
	python := filepath.Join(bin, "python")
	if uv, lookErr := exec.LookPath("uv"); lookErr == nil {
		if err = run(uv, "venv", "--python", e.Python.Version, dir); err == nil {
			err = run(uv, "pip", "install", "--python", python, "--no-deps", "-r", requirements.Name())
		}
	} else {
		var base string
		if base, err = pythonOfVersion(ctx, e.Python.Version); err != nil {
			return nil, "", err
		}
		if err = run(base, "-m", "venv", dir); err == nil && len(e.Packages) > 0 {
			err = run(
				python, "-m", "pip", "install", "--disable-pip-version-check", "-q", "--no-deps", "-r",
				requirements.Name(),
			)
		}
	}
	if err != nil {
		return nil, "", err
	}
	return []string{"VIRTUAL_ENV=" + dir, "PATH=" + bin + string(filepath.ListSeparator) + os.Getenv("PATH")}, bin, nil
}

// requirementsOf returns requirements that pin every distribution. A distribution that was installed from a folder or
// a repository is installed from there again.
func requirementsOf(e *format.EnvironmentFile, root string) string {
	var b strings.Builder
	from := map[string]string{}
	for _, item := range e.Editable {
		path := strings.ReplaceAll(item.Path, "{project}", root)
		switch {
		case strings.HasPrefix(item.Path, "{project}"):
			from[item.Name] = "-e " + path
		case strings.Contains(path, "://") && item.Commit != "":
			from[item.Name] = item.Name + " @ git+" + strings.TrimPrefix(path, "git+") + "@" + item.Commit
		default:
			from[item.Name] = "# " + item.Name + " was installed from " + path
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.Packages)) {
		line, ok := from[name]
		if !ok {
			line = name + "==" + e.Packages[name]
		}
		if name == "pip" { // it installs the others
			continue
		}
		b.WriteString(strings.ReplaceAll(line, "\n", " ") + "\n")
		delete(from, name)
	}
	for _, name := range slices.Sorted(maps.Keys(from)) {
		b.WriteString(strings.ReplaceAll(from[name], "\n", " ") + "\n")
	}
	return b.String()
}

// pythonOfVersion finds an interpreter with exactly this version, on PATH or among the versions that pyenv installed.
func pythonOfVersion(ctx context.Context, version string) (string, error) {
	minor := version
	if parts := strings.SplitN(version, ".", 3); len(parts) == 3 {
		minor = parts[0] + "." + parts[1]
	}
	candidates := []string{"python" + minor, "python3", "python"}
	root := os.Getenv("PYENV_ROOT")
	if home, err := os.UserHomeDir(); err == nil && root == "" {
		root = filepath.Join(home, ".pyenv")
	}
	candidates = append(candidates, filepath.Join(root, "versions", version, "bin", "python"))
	for _, name := range candidates {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		out, err := exec.CommandContext(ctx, path, "-V").Output()
		if err == nil && strings.TrimSpace(string(out)) == "Python "+version {
			return path, nil
		}
	}
	return "", fmt.Errorf("python %s %w", version, ErrNoPython)
}

// Local replaces {project} with root and ~ with the home folder in a recorded argument.
func Local(root, arg string) string {
	arg = strings.ReplaceAll(arg, "{project}", root)
	home, err := os.UserHomeDir()
	if err != nil {
		return arg
	}
	var b strings.Builder
	for i := range len(arg) {
		starts := i == 0 || !isPathByte(arg[i-1])
		ends := i+1 == len(arg) || arg[i+1] == '/' || arg[i+1] == filepath.Separator || !isPathByte(arg[i+1])
		if arg[i] == '~' && starts && ends {
			b.WriteString(home)
		} else {
			b.WriteByte(arg[i])
		}
	}
	return b.String()
}
