package capture

import (
	"bufio"
	"debug/buildinfo"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/lazyregexp"
	"github.com/gitruns/runs/repo/regular"
)

// foundProgram is the interpreter or program that a command runs.
type foundProgram struct {
	python   string // path of the interpreter
	goBinary string
	node, r  bool
}

var pythonName = lazyregexp.New(`^(python|pypy)[0-9.]*w?t?(\.exe)?$`)

// IsPython reports whether a word of a command is an interpreter of Python, by its name.
func IsPython(word string) bool {
	return pythonName().MatchString(filepath.Base(word))
}

// maxLook is how many words of a command are examined. More than one is needed because launchers may come first, as in
// `srun -n 2 python train.py`.
const maxLook = 12

// findProgram finds the first word of the command that is an interpreter, a script that has one, or a Go program. If
// there is no command, or if a shell or a launcher hides the program, it returns the Python that the caller would get.
func findProgram(q EnvironmentRequest) foundProgram {
	for i, word := range q.Command[:min(len(q.Command), maxLook)] {
		if word == "" || word[0] == '-' {
			continue
		}
		switch base := filepath.Base(word); {
		case pythonName().MatchString(base):
			if path := lookPath(q.Dir, word); path != "" {
				return foundProgram{python: unshim(path, q.Dir)}
			}
			continue
		case base == "node" || base == "npm" || base == "npx" || base == "yarn" || base == "pnpm":
			return foundProgram{node: true}
		case base == "Rscript" || base == "R":
			return foundProgram{r: true}
		}
		path := lookPath(q.Dir, word)
		if path == "" {
			continue
		}
		if python := shebangPython(path, q.Dir); python != "" {
			return foundProgram{python: python}
		}
		if isGo(path) {
			return foundProgram{goBinary: path}
		}
		if i == 0 && isBinary(path) && !isLauncher(filepath.Base(word)) {
			return foundProgram{}
		}
	}
	return foundProgram{python: defaultPython(q)}
}

// isLauncher reports whether a program starts another program that is given in its arguments.
func isLauncher(base string) bool {
	switch base {
	case "env", "nice", "nohup", "time", "timeout", "stdbuf", "taskset", "numactl", "srun", "mpirun", "mpiexec",
		"mpirun.openmpi", "uv", "poetry", "pixi", "conda", "mamba", "micromamba", "hatch", "pdm", "rye",
		"sh", "bash", "dash", "zsh", "fish", "make", "xvfb-run", "sudo", "setsid", "ionice", "chrt", "strace", "perf":
		return true
	}
	return false
}

// transparent are launchers that run the Python that their arguments name. Others choose one themselves (uv, conda), or
// hide the command (a shell).
var transparent = []string{
	"env", "nice", "nohup", "time", "timeout", "stdbuf", "taskset", "numactl", "srun", "mpirun", "mpiexec",
	"mpirun.openmpi", "xvfb-run", "setsid", "ionice", "chrt", "strace", "perf",
}

// HidesPython reports whether a command does not tell which Python will run, if any. dir is where it runs.
func HidesPython(dir string, command []string) bool {
	for i, word := range command[:min(len(command), maxLook)] {
		if strings.HasPrefix(word, "-") || word == "" {
			continue
		}
		base := filepath.Base(word)
		if IsPython(word) {
			return false
		}
		if path := lookPath(dir, word); path != "" && shebangPython(path, dir) != "" {
			return i > 0 || isLauncher(base)
		}
		if i == 0 && !slices.Contains(transparent, base) {
			return true
		}
	}
	return true
}

// Program reports whether a word of a command is a program that can be started in a folder, and whether that is a
// script of Python.
func Program(dir, word string) (program, python bool) {
	path := lookPath(dir, filepath.FromSlash(word))
	if path == "" {
		return false, false
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode()&0o111 == 0 {
		return false, false
	}
	return true, shebangPython(path, dir) != ""
}

func lookPath(dir, word string) string {
	if strings.ContainsAny(word, `/\`) {
		if !filepath.IsAbs(word) {
			word = filepath.Join(dir, word)
		}
		if info, err := os.Stat(word); err != nil || !info.Mode().IsRegular() {
			return ""
		}
		return word
	}
	path, err := exec.LookPath(word)
	if err != nil {
		return ""
	}
	return path
}

// defaultPython returns the Python that is used in a folder. It looks in the active environment, then in the project's
// own environment, then on PATH.
func defaultPython(q EnvironmentRequest) string {
	dir := q.Dir
	for _, variable := range []string{"VIRTUAL_ENV", "CONDA_PREFIX"} {
		prefix := os.Getenv(variable)
		for _, v := range q.Env {
			if value, ok := strings.CutPrefix(v, variable+"="); ok {
				prefix = value
			}
		}
		if prefix != "" {
			if python := pythonOf(prefix); python != "" {
				return python
			}
		}
	}
	for at := dir; ; at = filepath.Dir(at) {
		if python := pythonOf(filepath.Join(at, ".venv")); python != "" {
			return python
		}
		if filepath.Dir(at) == at {
			break
		}
	}
	for _, name := range []string{"python3", "python"} {
		if path := lookPath(dir, name); path != "" {
			return unshim(path, dir)
		}
	}
	return ""
}

// pythonOf returns the interpreter of an environment, or "".
func pythonOf(prefix string) string {
	for _, name := range []string{"bin/python", "bin/python3", "Scripts/python.exe", "python.exe"} {
		path := filepath.Join(prefix, filepath.FromSlash(name))
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return ""
}

// shebangPython returns the Python in the first line of a script. For a long path, pip writes #!/bin/sh in the first
// line and an exec of the Python in the second. The second line is read in that case.
func shebangPython(path, dir string) string {
	head := headOf(path, 1024)
	first, rest, _ := strings.Cut(head, "\n")
	line, ok := strings.CutPrefix(first, "#!")
	if !ok {
		return ""
	}
	words := strings.Fields(line)
	if second, _, _ := strings.Cut(rest, "\n"); strings.HasPrefix(second, "'''exec' ") {
		words = []string{strings.Trim(strings.TrimSuffix(strings.TrimPrefix(second, "'''exec' "), ` "$0" "$@"`), `"`)}
	}
	if len(words) > 1 && filepath.Base(words[0]) == "env" {
		words = words[1:]
		for len(words) > 1 && (strings.HasPrefix(words[0], "-") || strings.Contains(words[0], "=")) {
			words = words[1:]
		}
	}
	if len(words) == 0 || !pythonName().MatchString(filepath.Base(words[0])) {
		return ""
	}
	if python := lookPath(dir, words[0]); python != "" {
		return unshim(python, dir)
	}
	return ""
}

// ConsoleModule returns the module that an installed command of a Python imports, or "". Installers write such
// commands for the entry points of a package. dir is where the command runs; environments are looked for up to root.
func ConsoleModule(dir, root, name string) string {
	path := ""
	if !strings.ContainsAny(name, `/\`) {
		path = environmentProgram(dir, root, name)
	}
	if path == "" {
		path = lookPath(dir, name)
	}
	if path == "" || shebangPython(path, dir) == "" {
		return ""
	}
	for line := range strings.Lines(headOf(path, 4096)) {
		rest, ok := strings.CutPrefix(line, "from ")
		module, _, imports := strings.Cut(rest, " import ")
		if ok && imports && module != "__future__" {
			return strings.TrimSpace(module)
		}
	}
	return ""
}

// environmentProgram returns the path of a program of the active Python environment, or of one of the project.
func environmentProgram(dir, root, name string) string {
	var prefixes []string
	for _, variable := range []string{"VIRTUAL_ENV", "CONDA_PREFIX"} {
		if prefix := os.Getenv(variable); prefix != "" {
			prefixes = append(prefixes, prefix)
		}
	}
	for at := dir; ; at = filepath.Dir(at) {
		prefixes = append(prefixes, filepath.Join(at, ".venv"))
		if at == root || filepath.Dir(at) == at {
			break
		}
	}
	for _, prefix := range prefixes {
		for _, folder := range []string{"bin", "Scripts"} {
			path := filepath.Join(prefix, folder, name)
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
				return path
			}
		}
	}
	return ""
}

func headOf(path string, n int64) string {
	f, err := regular.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	data, _ := io.ReadAll(io.LimitReader(f, n))
	return string(data)
}

func isBinary(path string) bool {
	head := headOf(path, 4)
	return strings.HasPrefix(head, "\x7fELF") || strings.HasPrefix(head, "MZ") ||
		strings.HasPrefix(head, "\xcf\xfa\xed\xfe") || strings.HasPrefix(head, "\xca\xfe\xba\xbe")
}

func isGo(path string) bool {
	if !isBinary(path) {
		return false
	}
	_, err := buildinfo.ReadFile(path)
	return err == nil
}

// goModules returns the modules that a Go program was built from, as its build information lists them.
func goModules(path string) format.Packages {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return nil
	}
	modules := format.Packages{"go": info.GoVersion}
	if info.Main.Path != "" {
		modules[info.Main.Path] = orUnknown(info.Main.Version)
	}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		modules[m.Path] = orUnknown(m.Version)
	}
	return modules
}

func orUnknown(version string) string {
	if version == "" {
		return "unknown"
	}
	return version
}

// unshim finds the interpreter behind a pyenv shim, by pyenv's rules: PYENV_VERSION, .python-version in this or a
// parent folder, then the global version.
func unshim(path, dir string) string {
	root, name := filepath.Dir(filepath.Dir(path)), filepath.Base(path)
	if filepath.Base(filepath.Dir(path)) != "shims" {
		return path
	}
	version := os.Getenv("PYENV_VERSION")
	for at := dir; version == "" && at != filepath.Dir(at); at = filepath.Dir(at) {
		version = firstWord(filepath.Join(at, ".python-version"))
	}
	if version == "" {
		version = firstWord(filepath.Join(root, "version"))
	}
	version, _, _ = strings.Cut(version, ":")
	if version == "system" || version == "" || strings.ContainsAny(version, `/\`) {
		return path
	}
	if real := filepath.Join(root, "versions", version, "bin", name); headOf(real, 1) != "" {
		return real
	}
	return path
}

func firstWord(path string) string {
	f, err := regular.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	s := bufio.NewScanner(io.LimitReader(f, 4096))
	for s.Scan() {
		if words := strings.Fields(s.Text()); len(words) > 0 && words[0][0] != '#' {
			return words[0]
		}
	}
	return ""
}
