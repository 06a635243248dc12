package capture

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// How well a Python process fits as the program of a run.
const (
	notPython  = iota
	inlineText // its program is text: often a probe of a tool that looks for an interpreter
	someScript // a script or a module that is not a tool below
	entryFile  // the script of the run
)

// tools are programs in Python that start the program in an environment of their choice.
var tools = []string{
	"poetry", "conda", "mamba", "micromamba", "pixi", "hatch", "pdm", "rye", "pipenv", "pipx", "uv", "uvx", "tox",
	"nox", "pip", "virtualenv", "venv",
}

// maxProcesses bounds how many processes of a program are looked at.
const maxProcesses = 256

// runningPython looks for the Python that runs entry among pid and its child processes, see proc(5). It returns the
// one that fits best, and how well.
func runningPython(pid int, entry string) (found RunningPython, fit int) {
	queue := []int{pid}
	for n := 0; n < len(queue) && n < maxProcesses; n++ {
		at, how := pythonOfProcess(queue[n], entry)
		if how > fit || how == inlineText && how == fit {
			found, fit = at, how
		}
		queue = append(queue, children(queue[n])...)
	}
	return found, fit
}

func children(pid int) []int {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return nil
	}
	var found []int
	for _, file := range threads {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for word := range strings.FieldsSeq(string(data)) {
			if child, err := strconv.Atoi(word); err == nil {
				found = append(found, child)
			}
		}
	}
	return found
}

// pythonOfProcess returns the Python that a process runs, and how well the process fits. The executable of a
// virtual environment is a link, which only the first argument names.
func pythonOfProcess(pid int, entry string) (found RunningPython, fit int) {
	proc := fmt.Sprintf("/proc/%d/", pid)
	exe, err := os.Readlink(proc + "exe")
	if err != nil || !IsPython(strings.TrimSuffix(exe, " (deleted)")) {
		return found, notPython
	}
	data, err := os.ReadFile(proc + "cmdline")
	args := strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00")
	if err != nil || args[0] == "" {
		return found, notPython
	}
	cwd, err := os.Readlink(proc + "cwd")
	if err != nil {
		return found, notPython
	}
	path := args[0]
	switch {
	case filepath.IsAbs(path):
	case strings.Contains(path, "/"):
		path = filepath.Join(cwd, path)
	default:
		environment, _ := os.ReadFile(proc + "environ")
		path = findIn(pathOf(environment), cwd, path, exe)
	}
	if real, err := filepath.EvalSymlinks(path); err != nil || real != exe {
		path = exe // a program may call itself what it likes
	}
	found = RunningPython{Path: path, Dir: cwd, Args: args[1:]}
	run := PythonRuns(args[1:])
	name := strings.TrimSuffix(filepath.Base(cmp.Or(run.Script, run.Module)), ".py")
	switch {
	case run.Inline:
		return found, inlineText
	case slices.Contains(tools, name):
		return RunningPython{}, notPython
	case entry != "" && run.Script != "" && sameFile(absolute(cwd, run.Script), entry):
		return found, entryFile
	case run.Script == "" && run.Module == "":
		return found, inlineText
	}
	return found, someScript
}

func pathOf(environment []byte) string {
	for v := range bytes.SplitSeq(environment, []byte{0}) {
		if value, ok := bytes.CutPrefix(v, []byte("PATH=")); ok {
			return string(value)
		}
	}
	return ""
}

// findIn returns the program called name in the folders of PATH, if it is exe, or exe.
func findIn(folders, cwd, name, exe string) string {
	for _, folder := range filepath.SplitList(folders) {
		path := absolute(cwd, filepath.Join(folder, name))
		if real, err := filepath.EvalSymlinks(path); err == nil && real == exe {
			return path
		}
	}
	return exe
}

func absolute(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}
