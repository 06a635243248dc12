package launch

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gitruns/runs/repo/lazyregexp"
	"github.com/gitruns/runs/repo/yaml"
)

// Environment is what a project needs of Python.
type Environment struct {
	File   string // that says it, relative to the folder of the project
	Python string // a version such as 3.11; empty is any
	// Build is installed before Packages. Both are arguments for pip, such as "numpy==2.1" or "-r", "requirements.txt".
	Build, Packages []string
	Files           []string // that the arguments name
	Conda           []string // packages of Conda, which pip does not install
}

const maxPackages = 5000

// Environment reads the environment of a project in dir. It is nil if the project names none.
func (p *Project) Environment(dir string) (*Environment, error) {
	name := p.PythonEnv + p.CondaEnv
	if name == "" {
		return nil, nil
	}
	data, err := read(dir, name)
	if err != nil {
		return nil, err
	}
	top, err := parseYAML(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	e := &Environment{File: name}
	if p.CondaEnv != "" {
		err = e.ofConda(top)
	} else {
		err = e.ofPython(top)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return e, nil
}

// ofPython reads a python_env.yaml of MLflow.
func (e *Environment) ofPython(top map[string]yaml.Node) error {
	python, err := textOf(top, "python")
	if err == nil {
		err = e.setPython(python)
	}
	if err != nil {
		return err
	}
	for _, part := range []struct {
		key  string
		into *[]string
	}{{"build_dependencies", &e.Build}, {"dependencies", &e.Packages}} {
		items, err := texts(top[part.key], part.key)
		if err != nil {
			return err
		}
		for _, item := range items {
			if *part.into, err = e.requirement(*part.into, item); err != nil {
				return err
			}
		}
	}
	return nil
}

// texts returns the items of a list of texts.
func texts(n yaml.Node, key string) ([]string, error) {
	if n.Null || n.List == nil && n.Keys == nil && n.Text == "" {
		return nil, nil
	}
	if n.List == nil || len(n.List) > maxPackages {
		return nil, fmt.Errorf("line %d: %s must be a list of at most %d texts", n.Line, key, maxPackages)
	}
	var all []string
	for _, item := range n.List {
		if item.Keys != nil || item.List != nil || item.Null {
			return nil, fmt.Errorf("line %d: %s must be a list of texts", item.Line, key)
		}
		all = append(all, item.Text)
	}
	return all, nil
}

var isVersion = lazyregexp.New(`^[0-9]+(\.[0-9]+){0,2}$`)

func (e *Environment) setPython(version string) error {
	version = strings.TrimSuffix(strings.TrimLeft(strings.TrimSpace(version), "="), ".*")
	if version != "" && !isVersion().MatchString(version) {
		return fmt.Errorf("%.40q is not a version of Python", version)
	}
	e.Python = version
	return nil
}

// fileOptions are the options in a list of packages that name a file, and otherOptions the others that may be there.
// Others could have pip write anywhere.
var (
	fileOptions  = []string{"-r", "--requirement", "-c", "--constraint", "-e", "--editable"}
	otherOptions = []string{
		"-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--pre", "--no-index", "--trusted-host",
		"--no-binary", "--only-binary", "--prefer-binary",
	}
)

// requirement appends a line of a requirements file to the arguments of pip.
func (e *Environment) requirement(args []string, line string) ([]string, error) {
	line, _, _ = strings.Cut(strings.TrimSpace(line), " #")
	if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
		return args, nil
	}
	if strings.ContainsAny(line, "\n\r\x00") {
		return nil, fmt.Errorf("%.60q is not a package", line)
	}
	if line[0] != '-' {
		return append(args, line), nil
	}
	option, value, ok := strings.Cut(line, " ")
	if !ok {
		if option, value, ok = strings.Cut(line, "="); !ok {
			option = line
		}
	}
	value = strings.TrimSpace(value)
	switch {
	case slices.Contains(fileOptions, option) && value != "":
		e.Files = append(e.Files, value)
		return append(args, option, value), nil
	case slices.Contains(otherOptions, option) && value != "":
		return append(args, option, value), nil
	case slices.Contains(otherOptions, option):
		return append(args, option), nil
	}
	return nil, fmt.Errorf("the option %.40q is not allowed in a list of packages", option)
}

var condaName = lazyregexp.New(`^(?:[\w./-]+::)?([A-Za-z0-9_.-]+)\s*(.*)$`)

// ofConda reads an environment of Conda. Of its packages, Python itself and those for pip can be had without Conda.
func (e *Environment) ofConda(top map[string]yaml.Node) error {
	list := top["dependencies"]
	if list.Null || list.List == nil && list.Line == 0 {
		return nil
	}
	if list.List == nil || len(list.List) > maxPackages {
		return fmt.Errorf("line %d: dependencies must be a list", list.Line)
	}
	for _, item := range list.List {
		switch pip, ok := item.Keys["pip"]; {
		case ok && len(item.Keys) == 1:
			lines, err := texts(pip, "pip")
			if err != nil {
				return err
			}
			for _, line := range lines {
				if e.Packages, err = e.requirement(e.Packages, line); err != nil {
					return err
				}
			}
		case item.Keys != nil || item.List != nil || item.Null:
			return fmt.Errorf("line %d: a dependency must be a text, or pip with a list", item.Line)
		default:
			if err := e.condaPackage(item); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *Environment) condaPackage(item yaml.Node) error {
	parts := condaName().FindStringSubmatch(item.Text)
	if parts == nil {
		return fmt.Errorf("line %d: %.60q is not a package", item.Line, item.Text)
	}
	name, version := strings.ToLower(parts[1]), strings.ReplaceAll(parts[2], " ", "")
	switch {
	case name == "python":
		if lowest, ok := strings.CutPrefix(version, ">="); ok { // the lowest one fits
			lowest, _, _ = strings.Cut(lowest, ",")
			return e.setPython(lowest)
		}
		version, _, _ = strings.Cut(strings.TrimLeft(version, "=~"), "=") // a build may follow
		return e.setPython(version)
	case name == "pip" || name == "setuptools" || name == "wheel":
		return nil
	default:
		e.Conda = append(e.Conda, item.Text)
	}
	return nil
}
