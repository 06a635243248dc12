package capture

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/gitruns/runs/repo/lock"
	"github.com/gitruns/runs/repo/regular"
)

// InstallRequest says which packages a virtual environment has.
type InstallRequest struct {
	Root            string   // the folder of the project, which relative paths are relative to
	Python          string   // a version such as 3.11; empty is any
	Build, Packages []string // arguments for pip; Build comes first
	Files           []string // that the arguments name, relative to Root
	UV              bool     // use uv, and not venv and pip
	Shared          string   // a folder with environments that are used again
	Own             string   // of an environment that has a part of the project; empty is a place in Shared
}

// Installed is a virtual environment.
type Installed struct {
	Env    []string // variables of a program that runs in it
	Bin    string   // the folder that holds its programs
	Reused bool     // it was there
}

// readyName is a file in an environment that is complete.
const readyName = ".runs-ready"

// Install makes a virtual environment, or finds it among those that were made before. The output of the installer goes
// to out.
func Install(ctx context.Context, q InstallRequest, out io.Writer) (done Installed, err error) {
	own := q.hasProject()
	dir := filepath.Join(q.Shared, q.key())
	if own {
		dir = cmp.Or(q.Own, filepath.Join(q.Shared, "own-"+sha256Hex([]byte(q.Root))[:20]))
	}
	unlock, err := lock.Wait(ctx, dir+".lock") // no other process makes the same environment
	if err != nil {
		return done, err
	}
	defer unlock()
	done.Bin = filepath.Join(dir, "bin")
	if runtime.GOOS == "windows" {
		done.Bin = filepath.Join(dir, "Scripts")
	}
	done.Env = []string{
		"VIRTUAL_ENV=" + dir, "PATH=" + done.Bin + string(filepath.ListSeparator) + os.Getenv("PATH"),
	}
	if !own && isFilePath(filepath.Join(dir, readyName)) {
		done.Reused = true
		return done, nil
	}
	if err := os.RemoveAll(dir); err != nil { // it was left incomplete, or has the project as it was
		return done, err
	}
	if err := q.make(ctx, dir, filepath.Join(done.Bin, "python"), out); err != nil {
		_ = os.RemoveAll(dir)
		return done, err
	}
	return done, os.WriteFile(filepath.Join(dir, readyName), nil, 0o666)
}

func isFilePath(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().IsRegular()
}

func (q InstallRequest) make(ctx context.Context, dir, python string, out io.Writer) error {
	install := []string{python, "-m", "pip", "install", "--disable-pip-version-check", "-q"}
	create := []string{"uv", "venv", "-q", dir}
	if q.UV {
		if q.Python != "" {
			create = append(create, "--python", q.Python)
		}
		install = []string{"uv", "pip", "install", "-q", "--python", python}
	} else {
		base, err := pythonLike(ctx, q.Python)
		if err != nil {
			return err
		}
		create = []string{base, "-m", "venv", dir}
	}
	steps := [][]string{create}
	for _, packages := range [][]string{q.Build, q.Packages} {
		if len(packages) > 0 {
			steps = append(steps, slices.Concat(install, packages))
		}
	}
	for _, args := range steps {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Stdout, cmd.Stderr, cmd.Dir = out, out, q.Root
		if err := cmd.Run(); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("%s: %w", strings.Join(args[:min(4, len(args))], " "), err)
		}
	}
	return nil
}

// hasProject reports whether the environment has a part of the project itself, so that it fits no other folder.
func (q InstallRequest) hasProject() bool {
	return slices.ContainsFunc(slices.Concat(q.Build, q.Packages), func(arg string) bool {
		return arg == "-e" || arg == "--editable" || strings.HasPrefix(arg, ".") || strings.HasPrefix(arg, "/")
	})
}

// key names what the environment consists of.
func (q InstallRequest) key() string {
	files := map[string]string{}
	for left := slices.Clone(q.Files); len(left) > 0 && len(files) < 50; left = left[1:] {
		name := left[0]
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(q.Root, filepath.FromSlash(name))
		}
		if _, known := files[name]; known || !isFilePath(path) {
			continue
		}
		data, err := regular.ReadFile(path)
		if err != nil {
			continue // the installer reports it
		}
		files[name] = sha256Hex(data)
		for line := range strings.Lines(string(data)) {
			if option, file, ok := strings.Cut(strings.TrimSpace(line), " "); ok && (option == "-r" || option == "-c") {
				left = append(left, filepath.Join(filepath.Dir(name), strings.TrimSpace(file)))
			}
		}
	}
	text, _ := json.Marshal([]any{q.Python, q.Build, q.Packages, files, q.UV, runtime.GOARCH}) // cannot fail
	return sha256Hex(text)[:20]
}

// pythonLike finds an interpreter whose version begins like version, on PATH or among those that pyenv installed.
func pythonLike(ctx context.Context, version string) (string, error) {
	parts := strings.Split(version, ".")
	candidates := []string{"python3", "python"}
	if version != "" {
		candidates = append([]string{"python" + strings.Join(parts[:min(2, len(parts))], ".")}, candidates...)
	}
	root := os.Getenv("PYENV_ROOT")
	if home, err := os.UserHomeDir(); err == nil && root == "" {
		root = filepath.Join(home, ".pyenv")
	}
	if pyenv, err := filepath.Glob(filepath.Join(root, "versions", version+"*", "bin", "python")); err == nil {
		candidates = append(candidates, pyenv...)
	}
	for _, name := range candidates {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		out, err := exec.CommandContext(ctx, path, "-V").Output()
		found, ok := strings.CutPrefix(strings.TrimSpace(string(out)), "Python ")
		if err == nil && ok && (version == "" || found == version || strings.HasPrefix(found, version+".")) {
			return path, nil
		}
	}
	return "", fmt.Errorf("python %s %w", version, ErrNoPython)
}
