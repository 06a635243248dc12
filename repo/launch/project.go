// Package launch reads what a project says about how to run it: the file MLproject of MLflow, or the table [project]
// of .runs/config.toml, with the files of Python environments that they name. It makes the command of an entry point
// from its parameters. What it reads may come from a stranger, so it is bounded; it starts nothing. Start reading at
// Load.
package launch

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/regular"
)

// Main is the entry point that runs if none is named.
const Main = "main"

// Project is what a folder says about how to run it.
type Project struct {
	Name    string
	File    string // that says it, relative to the folder; empty if none does
	Entries map[string]Entry
	// PythonEnv and CondaEnv are the files of the environment, relative to the folder. At most one is set.
	PythonEnv, CondaEnv string
	Docker              bool // it runs in a container
}

// Entry is an entry point.
type Entry struct {
	Name       string
	Command    string // with parameters in braces; empty with Script
	Script     string // a file that is the entry point itself, relative to the folder, with slashes
	Parameters []Parameter
}

// Parameter is a parameter of an entry point.
type Parameter struct {
	Name, Type string
	Default    *string // nil if a value must be given
}

// The types of parameters that mean something. Values of any other type are texts.
const (
	typeFloat = "float"
	typePath  = "path"
	typeURI   = "uri"
)

// maxFileBytes bounds each file that is read.
const maxFileBytes = 1 << 20

// fileName is the name of MLflow's file, which may be written in any case.
const fileName = "mlproject"

// Load reads the project in dir. config has the settings of the project whose .runs is in that folder; it may be nil.
// Its table [project] counts before a file MLproject. A folder that has neither is a project without entry points.
func Load(dir string, config *format.Config) (*Project, error) {
	p := &Project{}
	switch {
	case config != nil && len(config.Project.Entries) > 0:
		p = ofConfig(config)
	default:
		name, err := find(dir)
		if err != nil {
			return nil, err
		}
		if name == "" {
			break
		}
		data, err := read(dir, name)
		if err != nil {
			return nil, err
		}
		if p, err = parse(data); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		p.File = name
	}
	for _, file := range []string{"python_env.yaml", "conda.yaml"} {
		if p.PythonEnv != "" || p.CondaEnv != "" || p.Docker {
			break
		}
		if _, err := os.Stat(filepath.Join(dir, file)); err == nil && file == "conda.yaml" {
			p.CondaEnv = file
		} else if err == nil {
			p.PythonEnv = file
		}
	}
	return p, nil
}

// find returns the name of the file MLproject of a folder, or "".
func find(dir string) (string, error) {
	items, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	for _, item := range items {
		if strings.EqualFold(item.Name(), fileName) && !item.IsDir() {
			return item.Name(), nil
		}
	}
	return "", nil
}

// read reads a file of the folder. A link must not lead out of the folder.
func read(dir, name string) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	info, err := root.Stat(filepath.FromSlash(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s does not exist", name)
	case err != nil:
		return nil, fmt.Errorf("reading %s: %w", name, err)
	case !info.Mode().IsRegular():
		return nil, &regular.Error{Path: name}
	case info.Size() > maxFileBytes:
		return nil, fmt.Errorf("%s is larger than %d MiB", name, maxFileBytes>>20)
	}
	return root.ReadFile(filepath.FromSlash(name))
}

func ofConfig(config *format.Config) *Project {
	c := config.Project
	p := &Project{
		File: "config.toml", PythonEnv: c.PythonEnv, CondaEnv: c.CondaEnv, Entries: map[string]Entry{},
	}
	for name, entry := range c.Entries {
		e := Entry{Name: name, Command: entry.Command}
		for _, param := range entry.Parameters {
			e.Parameters = append(e.Parameters, Parameter{Name: param.Name, Type: param.Type, Default: param.Default})
		}
		p.Entries[name] = e
	}
	return p
}

// Entry returns an entry point. If the project does not have one of the name, a script in dir is one. Its name must end
// in .py or .sh.
func (p *Project) Entry(dir, name string) (Entry, error) {
	if e, ok := p.Entries[name]; ok {
		return e, nil
	}
	ext := filepath.Ext(name)
	if ext != ".py" && ext != ".sh" {
		names := slices.Sorted(maps.Keys(p.Entries))
		switch {
		case p.File == "":
			return Entry{}, fmt.Errorf("the folder has neither a file MLproject nor a table [project], and %q is not "+
				"a .py or .sh file", name)
		case len(names) == 0:
			return Entry{}, fmt.Errorf("%s has no entry points, and %q is not a .py or .sh file", p.File, name)
		}
		return Entry{}, fmt.Errorf("%s has no entry point %q, but %s", p.File, name, few(names))
	}
	if !filepath.IsLocal(filepath.FromSlash(name)) || strings.HasPrefix(name, "-") || format.CheckPath(name) != nil {
		return Entry{}, fmt.Errorf("%q is not a path in the project", name)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Entry{}, err
	}
	defer func() { _ = root.Close() }()
	if info, err := root.Stat(filepath.FromSlash(name)); err != nil || !info.Mode().IsRegular() {
		return Entry{}, fmt.Errorf("the project has neither an entry point nor a file %q", name)
	}
	return Entry{Name: name, Script: name}, nil
}

// few joins names, and counts the rest if there are many.
func few(names []string) string {
	const most = 8
	more := ""
	if len(names) > most {
		names, more = names[:most], fmt.Sprintf(" and %d more", len(names)-most)
	}
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = fmt.Sprintf("%.60q", name)
	}
	return strings.Join(quoted, ", ") + more
}
