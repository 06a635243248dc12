package wandb

import (
	"bufio"
	"io"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/importer"
)

// systems maps the names of systems in Python's platform string to the names in records.
var systems = map[string]string{"linux": "linux", "windows": "windows", "macos": "darwin", "darwin": "darwin"}

// arches maps the names of processors in the same way.
var arches = map[string]string{"x86_64": "amd64", "amd64": "amd64", "arm64": "arm64", "aarch64": "arm64"}

// environment returns the environment of the run. It comes from the platform string, such as
// Linux-6.1-x86_64-with-glibc2.36, the version of Python, and the packages in files/requirements.txt.
func (h *head) environment(dir string) (*format.Environment, *format.EnvironmentFile) {
	words := strings.FieldsFunc(strings.ToLower(h.machine.OS), func(c rune) bool { return c == '-' })
	file := &format.EnvironmentFile{}
	for _, word := range words {
		if file.OS == "" {
			file.OS = systems[word]
		}
		if file.Arch == "" {
			file.Arch = arches[word]
		}
	}
	if version := oneLine(h.machine.Python); version != "" {
		file.Python = &format.Python{Version: version}
		if implementation, version, ok := strings.Cut(version, " "); ok {
			file.Python = &format.Python{Version: version, Implementation: implementation}
		}
	}
	file.Packages = packages(filepath.Join(dir, "files", "requirements.txt"))
	if file.OS == "" && file.Python == nil && len(file.Packages) == 0 {
		return nil, nil
	}
	env := &format.Environment{OS: file.OS, Arch: file.Arch}
	if file.Python != nil {
		env.Python = file.Python.Version
	}
	return env, file
}

// Bounds of files/requirements.txt.
const (
	maxRequirementsBytes = 4 << 20
	maxPackages          = 20_000
)

// packages reads lines of the form name==version. It skips other lines.
func packages(path string) format.Packages {
	f, err := importer.Open(path)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	list := format.Packages{}
	for lines := bufio.NewScanner(io.LimitReader(f, maxRequirementsBytes)); lines.Scan() && len(list) < maxPackages; {
		name, version, ok := strings.Cut(strings.TrimSpace(lines.Text()), "==")
		name = strings.ToLower(strings.TrimSpace(name))
		if ok && version != "" && format.CheckKey(name) == nil && format.CheckKey(version) == nil {
			list[name] = version
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list
}
