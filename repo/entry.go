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
// project or if the command does not tell. dir is where the command runs.
//
// It is the script or the module of a Python, also behind launchers such as torchrun, uv and a shell. Without one, it
// is the first argument that is source code or may be executed: the other files of a command are its configs and data.
func (r *Repository) EntryPoint(dir string, command []string) string {
	return entryPoint(r.TreeRoot(), dir, command)
}

// entryPoint is EntryPoint for the source in root.
func entryPoint(root, dir string, command []string) string {
	s := entrySearch{root: root, dir: dir, path: filepath.SplitList(os.Getenv("PYTHONPATH"))}
	return s.find(command)
}

// entrySearch looks for the program in the words of a command.
type entrySearch struct {
	root     string   // of the source
	dir      string   // where the command runs
	path     []string // folders of PYTHONPATH
	launcher string   // the last word in folderFlags
	depth    int      // of commands in the text of a shell
}

// maxShellDepth bounds commands within commands.
const maxShellDepth = 4

func (s entrySearch) find(command []string) string {
	wrapper := "" // a shell script of the project; a Python among its arguments may be the program that it starts
	for i := 0; i < len(command); i++ {
		word := command[i]
		rest := command[i+1:]
		name := programName(word)
		switch {
		case strings.HasPrefix(word, "-"):
			path, used := s.flag(word, rest, i > 0)
			if path != "" {
				return path
			}
			i += used
		case isAssignment(word):
			if folders, ok := strings.CutPrefix(word, "PYTHONPATH="); ok {
				s.path = filepath.SplitList(folders)
			}
		case capture.IsPython(word):
			path, inline := s.python(rest)
			if path != "" {
				return path
			}
			if inline {
				return wrapper
			}
		case slices.Contains(builders, name):
			return wrapper
		case slices.Contains(shells, name):
			if text, ok := commandText(name, rest); ok {
				return firstOf(s.text(text), wrapper)
			}
		default:
			path := s.word(word, i)
			switch {
			case path == "":
				if folderFlags[name] != nil {
					s.launcher = name
				}
			case wrapper != "": // an argument of the script
			case isShellScript(path):
				wrapper = path
			default:
				return path
			}
		}
	}
	return wrapper
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// builders run what their own files say; their arguments are targets.
var builders = []string{"make", "gmake", "just", "ninja"}

// shells run the text that follows -c.
var shells = []string{"sh", "bash", "dash", "zsh", "ksh", "fish", "ash", "su", "script", "flock"}

// folderFlags are the flags of launchers that start the program in another folder.
var folderFlags = map[string][]string{
	"env": {"-C", "--chdir"}, "uv": {"--directory"}, "poetry": {"-C", "--directory"}, "srun": {"-D", "--chdir"},
	"conda": {"--cwd"}, "mamba": {"--cwd"}, "micromamba": {"--cwd"}, "run": {"-C", "--cwd", "--chdir", "--directory"},
}

// valueFlags are flags of launchers whose value is a file, but not the program.
var valueFlags = []string{"--output", "-o", "--config", "--config_file", "--config-file", "--rcfile", "--hostfile"}

// flag reads a flag of a launcher. It returns the program if the flag names it, and how many words the value takes.
func (s *entrySearch) flag(word string, rest []string, behind bool) (path string, used int) {
	flag, value, joined := strings.Cut(word, "=")
	if !joined && len(rest) > 0 {
		value, used = rest[0], 1
	}
	switch {
	case behind && (flag == "-m" || flag == "--module"):
		if path = s.moduleFile(value); path != "" {
			return path, used
		}
	case s.launcher == "env" && (flag == "-S" || flag == "--split-string"):
		if s.depth < maxShellDepth {
			s.depth++
			return s.find(append(shellWords(value), rest[used:]...)), used
		}
	case slices.Contains(folderFlags[s.launcher], flag):
		s.dir = below(s.dir, value)
		return "", used
	case slices.Contains(valueFlags, flag):
		return "", used
	}
	return "", 0
}

// python returns the program of a Python, whose arguments are args. inline reports whether the program is text.
func (s *entrySearch) python(args []string) (path string, inline bool) {
	run := capture.PythonRuns(args)
	if run.Inline {
		return "", true
	}
	if path := s.moduleFile(run.Module); path != "" {
		return path, false
	}
	return s.scriptFile(run.Script), false
}

// maxLookedUp is how many words of a command are looked for among the installed programs.
const maxLookedUp = 12

// word returns the program that a word of the command names. The first word always is one.
func (s *entrySearch) word(word string, at int) string {
	if path := s.file(word); path != "" {
		if at == 0 || isProgram(filepath.Join(s.root, filepath.FromSlash(path))) {
			return path
		}
		return ""
	}
	if s.launcher == "run" { // go run ./cmd/train
		if path := s.file(filepath.Join(word, "main.go")); path != "" {
			return path
		}
	}
	if at >= maxLookedUp || strings.ContainsAny(word, "=:,{}") {
		return ""
	}
	return s.moduleFile(capture.ConsoleModule(s.dir, s.root, word))
}

// text returns the program in the text of a shell.
func (s entrySearch) text(text string) string {
	if s.depth >= maxShellDepth {
		return ""
	}
	s.depth++
	for _, command := range shellCommands(text) {
		if len(command) > 1 && command[0] == "cd" {
			s.dir = below(s.dir, command[len(command)-1])
			continue
		}
		if path := s.find(command); path != "" {
			return path
		}
	}
	return ""
}

func below(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, filepath.FromSlash(path))
}

func programName(word string) string {
	name := filepath.Base(filepath.FromSlash(word))
	return strings.TrimSuffix(strings.ToLower(name), ".exe")
}

// isAssignment reports whether a word sets a variable for the program that follows, as after env.
func isAssignment(word string) bool {
	name, _, ok := strings.Cut(word, "=")
	if !ok || name == "" || name[0] >= '0' && name[0] <= '9' {
		return false
	}
	return !strings.ContainsFunc(name, func(c rune) bool {
		return c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	})
}

func isShellScript(path string) bool {
	switch filepath.Ext(path) {
	case ".sh", ".bash", ".zsh":
		return true
	}
	return false
}

// file returns the path of a file of the project relative to its root, or "" if word is not one. The programs of a
// Python environment or of node_modules do not belong to the project, wherever it keeps them.
func (s *entrySearch) file(word string) string {
	if word == "" {
		return ""
	}
	path := below(s.dir, word)
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	rel := relativePath(s.root, path)
	if rel == "" {
		rel = realRelative(s.root, path)
	}
	prefix := filepath.Dir(filepath.Dir(path))
	for _, mark := range []string{"pyvenv.cfg", "conda-meta"} {
		if _, err := os.Lstat(filepath.Join(prefix, mark)); err == nil {
			return ""
		}
	}
	if slices.Contains(strings.Split(rel, "/"), "node_modules") {
		return ""
	}
	return rel
}

// relativePath returns a path relative to root, with slashes, or "" if it is not below root.
func relativePath(root, path string) string {
	rel, err := filepath.Rel(root, path)
	if rel = filepath.ToSlash(rel); err != nil || format.CheckPath(rel) != nil {
		return ""
	}
	return rel
}

// realRelative is like relativePath if one of both was named through a link.
func realRelative(root, path string) string {
	realRoot, err := filepath.EvalSymlinks(root)
	if err != nil {
		return ""
	}
	folder, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return ""
	}
	return relativePath(realRoot, filepath.Join(folder, filepath.Base(path)))
}

// scriptFile returns the file that `python script` runs, if it belongs to the project, or "".
func (s *entrySearch) scriptFile(script string) string {
	if path := s.file(script); path != "" || script == "" {
		return path
	}
	return s.file(filepath.Join(script, "__main__.py"))
}

// moduleFile returns the file that `python -m module` runs, if it belongs to the project, or "".
func (s *entrySearch) moduleFile(module string) string {
	if module == "" || strings.ContainsAny(module, `/\`) {
		return ""
	}
	name := filepath.FromSlash(strings.ReplaceAll(module, ".", "/"))
	for _, folder := range append([]string{".", "src"}, s.path...) {
		for _, file := range []string{name + ".py", filepath.Join(name, "__main__.py")} {
			if found := s.file(filepath.Join(folder, file)); found != "" {
				return found
			}
		}
	}
	return ""
}

// sourceSuffixes end the names of files that an interpreter or a launcher runs.
var sourceSuffixes = []string{
	".py", ".pyz", ".ipynb", ".sh", ".bash", ".zsh", ".r", ".rmd", ".qmd", ".jl", ".js", ".mjs", ".cjs", ".ts", ".m",
	".lua", ".pl", ".rb", ".go", ".exe", ".jar", ".ps1", ".do", ".sas", ".cu",
}

func isProgram(path string) bool {
	if slices.Contains(sourceSuffixes, strings.ToLower(filepath.Ext(path))) {
		return true
	}
	info, err := os.Stat(path)
	return err == nil && info.Mode().Perm()&0o111 != 0
}
