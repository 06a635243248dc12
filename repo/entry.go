package repo

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/capture"
)

// EntryPoint returns the program that a command runs, as a path relative to TreeRoot, or "" if it is not a file of the
// project. dir is where the command runs.
//
// It is the script or the module of a Python, also behind launchers such as torchrun and uv. Without one, it is the
// first argument that is source code or may be executed: the other files of a command are its configs and data.
func (r *Repository) EntryPoint(dir string, command []string) string {
	for i := 0; i < len(command); i++ {
		word := command[i]
		switch {
		case i > 0 && (word == "-m" || word == "--module") && i+1 < len(command):
			if path := r.moduleFile(dir, command[i+1]); path != "" {
				return path
			}
		case strings.HasPrefix(word, "-"):
		case capture.IsPython(word):
			run := capture.PythonRuns(command[i+1:])
			if run.Inline {
				return ""
			}
			if path := r.moduleFile(dir, run.Module); path != "" {
				return path
			}
			if path := r.scriptFile(dir, run.Script); path != "" {
				return path
			}
		default:
			path := r.projectFile(dir, word)
			if path != "" && (i == 0 || isProgram(filepath.Join(r.TreeRoot(), path))) {
				return path
			}
		}
	}
	return ""
}

// projectFile returns the path of a file of the project relative to its root, or "" if word is not one. The programs of
// a virtual environment or of node_modules do not belong to the project, wherever it keeps them.
func (r *Repository) projectFile(dir, word string) string {
	if word == "" {
		return ""
	}
	path := word
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	rel, err := filepath.Rel(r.TreeRoot(), path)
	if err != nil || format.CheckPath(filepath.ToSlash(rel)) != nil {
		return ""
	}
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	if _, err := os.Lstat(filepath.Join(filepath.Dir(filepath.Dir(path)), "pyvenv.cfg")); err == nil {
		return ""
	}
	rel = filepath.ToSlash(rel)
	if slices.Contains(strings.Split(rel, "/"), "node_modules") {
		return ""
	}
	return rel
}

// scriptFile returns the file that `python script` runs, if it belongs to the project, or "".
func (r *Repository) scriptFile(dir, script string) string {
	if path := r.projectFile(dir, script); path != "" || script == "" {
		return path
	}
	return r.projectFile(dir, filepath.Join(script, "__main__.py"))
}

// moduleFile returns the file that `python -m module` runs, if it belongs to the project, or "".
func (r *Repository) moduleFile(dir, module string) string {
	if module == "" || strings.ContainsAny(module, `/\`) {
		return ""
	}
	below := filepath.FromSlash(strings.ReplaceAll(module, ".", "/"))
	folders := append([]string{dir, filepath.Join(dir, "src")}, filepath.SplitList(os.Getenv("PYTHONPATH"))...)
	for _, folder := range folders {
		for _, name := range []string{below + ".py", filepath.Join(below, "__main__.py")} {
			if path := r.projectFile(dir, filepath.Join(folder, name)); path != "" {
				return path
			}
		}
	}
	return ""
}

// sourceSuffixes end the names of files that an interpreter or a launcher runs.
var sourceSuffixes = []string{
	".py", ".pyz", ".ipynb", ".sh", ".bash", ".r", ".rmd", ".qmd", ".jl", ".js", ".mjs", ".cjs", ".ts", ".m", ".lua",
	".pl", ".rb", ".go", ".exe", ".jar", ".ps1", ".do", ".sas", ".cu",
}

func isProgram(path string) bool {
	if slices.Contains(sourceSuffixes, strings.ToLower(filepath.Ext(path))) {
		return true
	}
	info, err := os.Stat(path)
	return err == nil && info.Mode().Perm()&0o111 != 0
}
