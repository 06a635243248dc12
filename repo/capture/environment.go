package capture

import (
	"context"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/regular"
)

// EnvironmentRequest describes the program whose environment to capture.
type EnvironmentRequest struct {
	Root      string   // root of the project, {project} in recorded paths
	Dir       string   // where the program runs
	Command   []string // empty if it is unknown
	Env       []string // variables that the program gets in addition to those of this process
	Variables []string // patterns of names to record in addition to DefaultVariables

	// Interpreter is the Python that runs the program, if it is known. Otherwise the command tells.
	Interpreter *Interpreter

	// Config has the limits of the sources of packages.
	Config *format.Config
}

// Interpreter is a Python that runs. A process knows all fields about itself. Of another process only Path is known,
// and the others are empty.
type Interpreter struct {
	Path           string   `json:"path"` // sys.executable
	Version        string   `json:"version"`
	Implementation string   `json:"implementation"` // CPython, PyPy
	Prefix         string   `json:"prefix"`         // sys.prefix
	Base           string   `json:"base"`           // sys.base_prefix
	Sites          []string `json:"sites"`          // folders in sys.path that hold distributions
}

// Environment captures the environment of a program. The first value is part of the run; the second is shared by all
// runs in the same environment. The third has the sources of editable packages, which the caller must close.
func Environment(ctx context.Context, q EnvironmentRequest) (
	*format.Environment, *format.EnvironmentFile, *PackageSources,
) {
	file := &format.EnvironmentFile{
		OS: runtime.GOOS, Arch: runtime.GOARCH, Driver: driverVersion(), CUDA: cudaVersion(), Locks: lockFiles(q),
	}
	env := &format.Environment{OS: file.OS, Arch: file.Arch}
	env.Variables, env.Withheld = variables(q)
	p := foundProgram{}
	if q.Interpreter != nil {
		p.python = q.Interpreter.Path
	} else {
		p = findProgram(q)
	}
	switch {
	case p.python != "":
		if py := inspectPython(ctx, q, p.python); py != nil {
			file.Python, file.Packages, file.Editable, file.Conda = py.Python, py.packages, py.editable, py.conda
			env.Python = py.Version
		}
	case p.goBinary != "":
		file.Go = goModules(p.goBinary)
	}
	if p.node {
		file.Node = nodePackages(q.Dir)
	}
	if p.r {
		file.R = rPackages()
	}
	return env, file, capturePackages(ctx, q, file)
}

func matchName(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return err == nil && ok
}

// lockNames are the names of lock files, which pin the versions of a project's dependencies.
var lockNames = []string{
	"uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pixi.lock", "requirements*.txt", "environment.yml",
	"environment.yaml",
	"conda-lock.yml", "Cargo.lock", "go.sum", "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "renv.lock",
	"Manifest.toml",
}

const maxLockBytes = 32 << 20

// lockFiles hashes the lock files in the root and in the folder where the program runs.
func lockFiles(q EnvironmentRequest) map[string]string {
	found := map[string]string{}
	for _, dir := range []string{q.Root, q.Dir} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, entry := range entries {
			name := entry.Name()
			if !slices.ContainsFunc(lockNames, func(p string) bool { return matchName(p, name) }) {
				continue
			}
			file := filepath.Join(dir, name)
			rel, err := filepath.Rel(q.Root, file)
			info, statErr := os.Stat(file)
			if err != nil || statErr != nil || !info.Mode().IsRegular() || info.Size() > maxLockBytes ||
				format.CheckPath(filepath.ToSlash(rel)) != nil {
				continue
			}
			if data, err := regular.ReadFile(file); err == nil {
				found[filepath.ToSlash(rel)] = sha256Hex(data)
			}
		}
	}
	if len(found) == 0 {
		return nil
	}
	return found
}

// merge adds the packages of another folder. A package that is already known is kept: the first one on the path wins.
func merge(into *format.Packages, more format.Packages) {
	if *into == nil {
		*into = format.Packages{}
	}
	for _, name := range slices.Sorted(maps.Keys(more)) {
		if _, ok := (*into)[name]; !ok {
			(*into)[name] = more[name]
		}
	}
}
