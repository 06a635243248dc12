package format

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// ProjectConfig is the table [project]: how to run the project. It says what a file MLproject of MLflow says.
type ProjectConfig struct {
	PythonEnv, CondaEnv string // files, relative to the folder that has .runs; at most one is set
	Entries             map[string]ProjectEntry
}

// ProjectEntry is a command under a name.
type ProjectEntry struct {
	Command    string // with names of parameters in braces
	Parameters []ProjectParameter
}

// ProjectParameter is a parameter of a command.
type ProjectParameter struct {
	Name, Type string
	Default    *string // nil if a value must be given
}

// ParameterTypes are the types of parameters.
var ParameterTypes = []string{"string", "float", "int", "bool", "path", "uri"}

func (c *Config) readProject(s table) {
	for key, file := range map[string]*string{"python_env": &c.Project.PythonEnv, "conda_env": &c.Project.CondaEnv} {
		if *file = s.optional(key); *file != "" && CheckPath(*file) != nil {
			s.fail(s.at(key), "%q is not a path in the project", *file)
		}
	}
	if c.Project.PythonEnv != "" && c.Project.CondaEnv != "" {
		s.fail(s.at("conda_env"), "cannot be combined with python_env")
	}
	entries, ok := s.sub("entry")
	for _, name := range slices.Sorted(maps.Keys(entries.m)) {
		if err := CheckKey(name); err != nil {
			entries.fail(entries.at(name), "%v", err)
		}
		item, isTable := entries.sub(name)
		if !ok || !isTable {
			break
		}
		entry := ProjectEntry{Command: strings.TrimSpace(item.needText("command"))}
		params, _ := item.sub("parameters")
		for _, key := range slices.Sorted(maps.Keys(params.m)) {
			entry.Parameters = append(entry.Parameters, readParameter(params, key))
		}
		item.ignoreUnknown()
		if c.Project.Entries == nil {
			c.Project.Entries = map[string]ProjectEntry{}
		}
		c.Project.Entries[name] = entry
	}
	s.ignoreUnknown()
}

// readParameter reads a parameter: its default, whose type is that of the parameter, or a table with type and default.
func readParameter(params table, name string) ProjectParameter {
	if err := CheckKey(name); err != nil {
		params.fail(params.at(name), "%v", err)
	}
	p := ProjectParameter{Name: name}
	if _, ok := params.m[name].(map[string]any); !ok {
		p.Type, p.Default = params.scalar(name)
		return p
	}
	item, _ := params.sub(name)
	kind := ""
	if item.has("default") {
		kind, p.Default = item.scalar("default")
	}
	if p.Type = item.text("type"); p.Type == "" {
		p.Type = kind
	}
	if p.Type == "" {
		p.Type = "string"
	}
	if !slices.Contains(ParameterTypes, p.Type) {
		item.fail(item.at("type"), "%q is not one of %s", p.Type, strings.Join(ParameterTypes, ", "))
	}
	item.ignoreUnknown()
	return p
}

// scalar takes a text, a number or a truth value. It returns the type of a parameter that has such values, and the
// value as a text. Truth values are written as in Python.
func (t table) scalar(key string) (kind string, text *string) {
	v := t.m[key]
	delete(t.m, key)
	var s string
	switch v := v.(type) {
	case string:
		kind, s = "string", v
	case int64:
		kind, s = "int", strconv.FormatInt(v, 10)
	case float64:
		kind, s = "float", strconv.FormatFloat(v, 'g', -1, 64)
	case bool:
		kind, s = "bool", "False"
		if v {
			s = "True"
		}
	default:
		t.fail(t.at(key), "must be a string, a number or a boolean, got %s", kindOf(v))
		return "", nil
	}
	return kind, &s
}
