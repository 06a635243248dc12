package capture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/regular"
)

// ErrNoPython reports that the recorded version of Python is not on this machine.
var ErrNoPython = errors.New("is not on this machine")

// VenvRequest says where to make a virtual environment.
type VenvRequest struct {
	Root     string            // of the restored source
	Project  string            // of this machine, which may have archives that Git ignores; may be empty
	Dir      string            // of the environment; must not exist
	Packages map[string]string // folders with the restored sources of editable packages, by name
}

// MakeVenv creates a virtual environment with the Python version and the packages of a record. It uses uv if it
// is installed, and otherwise venv and pip, whose output goes to out. It returns the environment variables for a
// program that runs in the environment, and the folder that holds its programs. It removes the folder on failure.
func MakeVenv(
	ctx context.Context, e *format.EnvironmentFile, q VenvRequest, out io.Writer,
) (env []string, bin string, err error) {
	if e == nil || e.Python == nil {
		return nil, "", errors.New("the record does not say which Python was used")
	}
	requirements, err := os.CreateTemp("", "runs-requirements-*.txt")
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = os.Remove(requirements.Name()) }()
	root, dir := q.Root, q.Dir
	text, left := requirementsOf(ctx, e, q)
	for _, lost := range left {
		_, _ = fmt.Fprintf(out, "runs: left out of the environment: %s\n", lost)
	}
	_, err = io.WriteString(requirements, text)
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
			err = useLock(ctx, e, venv{root: root, dir: dir, bin: bin, uv: uv}, out)
		}
		if err == nil {
			err = run(uv, "pip", "install", "--python", python, "--no-deps", "-r", requirements.Name())
		}
	} else {
		var base string
		if base, err = pythonOfVersion(ctx, e.Python.Version); err != nil {
			return nil, "", err
		}
		if err = run(base, "-m", "venv", dir); err == nil {
			err = useLock(ctx, e, venv{root: root, dir: dir, bin: bin}, out)
		}
		if err == nil && len(e.Packages) > 0 {
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

// venv is a virtual environment that is being made for a restored source.
type venv struct {
	root, dir, bin string
	uv             string // the program; empty if it is not installed
}

// useLock installs what a lock file pins, with the hashes in it, if the restored source has the lock of then and its
// tool is installed. The recorded versions are installed after it in any case, so that a lock which cannot be used is
// only reported.
func useLock(ctx context.Context, e *format.EnvironmentFile, v venv, out io.Writer) error {
	file, command := lockOf(e, v.root)
	if file == "" {
		return nil
	}
	args, why := v.lockInstaller(file, command)
	if len(args) == 0 {
		if why != "" {
			_, _ = fmt.Fprintf(out, "runs: %s is not used: %s\n", file, why)
		}
		return nil
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = out, out, v.root
	cmd.Env = append(
		os.Environ(), "UV_PROJECT_ENVIRONMENT="+v.dir, "VIRTUAL_ENV="+v.dir,
		"PATH="+v.bin+string(filepath.ListSeparator)+os.Getenv("PATH"),
	)
	if err := cmd.Run(); err != nil {
		tool := strings.TrimSuffix(filepath.Base(args[0]), ".exe")
		_, _ = fmt.Fprintf(out, "runs: %s is not used: %s %s: %v\n", file, tool, args[1], err)
	}
	return ctx.Err()
}

// lockInstaller returns the command that installs what a lock file pins into the environment. Without one, why says
// what is missing; it is empty if the file pins nothing that the record does not.
func (v venv) lockInstaller(file, command string) (args []string, why string) {
	tool := map[string][]string{
		"uv.lock":      {"uv", "sync", "--frozen", "--inexact", "--no-install-project"},
		"poetry.lock":  {"poetry", "install", "--no-root", "--no-interaction"},
		"pdm.lock":     {"pdm", "sync", "--no-self"},
		"Pipfile.lock": {"pipenv", "sync"},
	}[file]
	switch {
	case file == "requirements.txt":
		data, err := regular.ReadFile(filepath.Join(v.root, file))
		if err != nil || !bytes.Contains(data, []byte("--hash=sha256:")) {
			return nil, ""
		}
		args = []string{filepath.Join(v.bin, "python"), "-m", "pip", "install", "--disable-pip-version-check", "-q"}
		if v.uv != "" {
			args = []string{v.uv, "pip", "install", "--python", filepath.Join(v.bin, "python")}
		}
		return append(args, "--require-hashes", "--no-deps", "-r", file), ""
	case tool == nil:
		return nil, "a virtual environment cannot have what it pins; '" + command + "' makes the environment"
	}
	program, err := exec.LookPath(tool[0])
	if err != nil {
		return nil, tool[0] + " is not installed"
	}
	return append([]string{program}, tool[1:]...), ""
}

// lockCommands are the lock files that pin the packages of an environment, with the command that installs them.
var lockCommands = [][2]string{
	{"uv.lock", "uv sync --frozen"},
	{"pdm.lock", "pdm sync"},
	{"poetry.lock", "poetry sync"},
	{"pixi.lock", "pixi install --frozen"},
	{"Pipfile.lock", "pipenv sync"},
	{"conda-lock.yml", "conda-lock install"},
	{"environment.yml", "conda env create -f environment.yml"},
	{"requirements.txt", "pip install -r requirements.txt"},
}

// lockOf returns the lock file of a record that the source in root has with the same content, and the command that
// installs what it pins. file is empty if there is none.
func lockOf(e *format.EnvironmentFile, root string) (file, command string) {
	for _, lock := range lockCommands {
		digest := e.Locks[lock[0]]
		if digest == "" {
			continue
		}
		data, err := regular.ReadFile(filepath.Join(root, lock[0]))
		if err == nil && sha256Hex(data) == digest {
			return lock[0], lock[1]
		}
	}
	return "", ""
}

// LockCommand returns the lock file of a record that fits the source in root, and the command that installs what it
// pins. file is empty if there is none.
func LockCommand(e *format.EnvironmentFile, root string) (file, command string) {
	if e == nil {
		return "", ""
	}
	return lockOf(e, root)
}

// LostPackage is a distribution of an environment that cannot be installed again on this machine.
type LostPackage struct {
	Name, Why string
	From      string // the folder or archive; empty if the record does not give a version that an index could have
}

// String says why it cannot be installed.
func (l LostPackage) String() string { return printable(l.Name + " " + l.Why) }

// LostPackages returns the distributions of an environment that were installed from a folder or an archive which this
// machine lacks, or has with other content. Those in q.Packages count as there.
func LostPackages(ctx context.Context, e *format.EnvironmentFile, q VenvRequest) []LostPackage {
	_, lost := requirementsOf(ctx, e, q)
	return lost
}

// requirementsOf returns requirements that pin every distribution. A distribution that was installed from a folder, a
// repository or an archive is installed from there again, and one of conda from an index.
func requirementsOf(ctx context.Context, e *format.EnvironmentFile, q VenvRequest) (text string, lost []LostPackage) {
	var b strings.Builder
	from := map[string]string{}
	for _, item := range e.Editable {
		if !isRequirement(item.Name, "0") || strings.ContainsAny(item.Path, " \t\r\n") && strings.Contains(item.Path, "://") {
			continue
		}
		line, why := requirementOf(ctx, item, q)
		if dir, ok := q.Packages[item.Name]; ok {
			line, why = "-e "+dir, ""
		}
		if _, conda := e.Conda[item.Name]; conda && why != "" { // conda built it in a folder
			continue
		}
		if from[item.Name] = line; why != "" {
			lost = append(lost, LostPackage{
				item.Name, strings.TrimSpace(item.Version+" was installed from ") + " " + item.Path + ", " + why, item.Path,
			})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.Packages)) {
		line, ok := from[name]
		if !isRequirement(name, e.Packages[name]) {
			lost = append(lost, LostPackage{
				Name: name, Why: "has the version " + strconv.Quote(e.Packages[name]) + ", which an index cannot have",
			})
			continue
		}
		if !ok {
			line = name + "==" + e.Packages[name]
		}
		if name == "pip" { // it installs the others
			continue
		}
		delete(from, name)
		if line != "" {
			b.WriteString(strings.ReplaceAll(line, "\n", " ") + "\n")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(from)) {
		if from[name] != "" {
			b.WriteString(strings.ReplaceAll(from[name], "\n", " ") + "\n")
		}
	}
	return b.String(), lost
}

// isRequirement reports whether a name and a version can be a line of a requirements file. In one of a stranger, they
// could be options of the installer.
func isRequirement(name, version string) bool {
	return name != "" && name == normalName(name) &&
		strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" &&
		version != "" && strings.Trim(strings.ToLower(version), "abcdefghijklmnopqrstuvwxyz0123456789.!+_-") == ""
}

// requirementOf returns the requirement for a distribution that is not from an index. An index may have another one of
// the same name, so that there is none if its origin is not on this machine; why says so.
func requirementOf(ctx context.Context, item format.Editable, q VenvRequest) (line, why string) {
	root := q.Root
	below := ""
	if item.Subdirectory != "" {
		below = "#subdirectory=" + url.PathEscape(item.Subdirectory)
	}
	path := Local(root, item.Path)
	switch {
	case strings.Contains(item.Path, "://") && item.Commit != "":
		address := LocalAddress(root, strings.TrimPrefix(item.Path, "git+"))
		return item.Name + " @ git+" + address + "@" + item.Commit + below, ""
	case strings.HasPrefix(item.Path, "https://") && item.SHA256 != "":
		return item.Name + " @ " + item.Path + "#sha256=" + item.SHA256, ""
	case item.SHA256 != "" && !strings.Contains(item.Path, "://"):
		if archiveDigest(path) != item.SHA256 {
			if q.Project != "" { // Git may ignore it there
				path = Local(q.Project, item.Path)
			}
			if archiveDigest(path) != item.SHA256 {
				return "", "which is not on this machine with its content of then"
			}
		}
		return item.Name + " @ " + (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String(), ""
	case strings.HasPrefix(item.Path, "{project}") && item.Copied:
		return item.Name + " @ " + (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String(), ""
	case strings.HasPrefix(item.Path, "{project}"):
		return "-e " + path, ""
	case item.Files != "":
		if !HasFiles(ctx, path, item.Files) {
			return "", "which is not on this machine with its files of then, of which only a digest is recorded"
		}
		return "-e " + path, ""
	case item.Commit != "" && item.Dirty && item.Tree == "":
		return "", "at commit " + item.Commit[:min(12, len(item.Commit))] +
			" of a folder outside the project, with changes that are not recorded"
	case item.Commit != "":
		return "", "at commit " + item.Commit[:min(12, len(item.Commit))] + " of a folder outside the project"
	}
	return "", "outside the project, and its content is not recorded"
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
