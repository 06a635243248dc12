package launch

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/lazyregexp"
	"github.com/gitruns/runs/repo/yaml"
)

// The most of what a file may have.
const (
	maxEntries    = 200
	maxParameters = 500
	maxCommand    = 64 << 10
	maxDepth      = 12
)

// parse reads a file MLproject. https://mlflow.org/docs/latest/ml/projects/
func parse(data []byte) (*Project, error) {
	top, err := parseYAML(data)
	if err != nil {
		return nil, err
	}
	p := &Project{Entries: map[string]Entry{}}
	if p.Name, err = textOf(top, "name"); err != nil {
		return nil, err
	}
	if p.PythonEnv, err = textOf(top, "python_env"); err != nil {
		return nil, err
	}
	if p.CondaEnv, err = textOf(top, "conda_env"); err != nil {
		return nil, err
	}
	_, p.Docker = top["docker_env"]
	if (p.PythonEnv != "") && (p.CondaEnv != "") || p.Docker && p.PythonEnv+p.CondaEnv != "" {
		return nil, errors.New("only one of python_env, conda_env and docker_env may be given")
	}
	entries, ok := top["entry_points"]
	if ok && !entries.Null && entries.Keys == nil {
		return nil, fmt.Errorf("line %d: entry_points must be a mapping", entries.Line)
	}
	if len(entries.Keys) > maxEntries {
		return nil, fmt.Errorf("it has more than %d entry points", maxEntries)
	}
	for name, node := range entries.Keys {
		e, err := entryOf(name, node)
		if err != nil {
			return nil, err
		}
		p.Entries[name] = e
	}
	return p, nil
}

func parseYAML(data []byte) (map[string]yaml.Node, error) {
	return yaml.Parse(data, yaml.Options{Depth: maxDepth, Lists: true, Strict: true})
}

// textOf returns the text of a key, or "" if it is missing or null.
func textOf(keys map[string]yaml.Node, key string) (string, error) {
	n := keys[key]
	if n.Keys != nil || n.List != nil {
		return "", fmt.Errorf("line %d: %s must be a text", n.Line, key)
	}
	return n.Text, nil
}

func entryOf(name string, node yaml.Node) (Entry, error) {
	if err := format.CheckNamed("entry point", name); err != nil {
		return Entry{}, fmt.Errorf("line %d: %w", node.Line, err)
	}
	if node.Keys == nil {
		return Entry{}, fmt.Errorf("line %d: entry point %q must be a mapping with a command", node.Line, name)
	}
	command, err := textOf(node.Keys, "command")
	if err != nil {
		return Entry{}, err
	}
	e := Entry{Name: name, Command: strings.TrimSpace(command)}
	switch {
	case e.Command == "":
		return Entry{}, fmt.Errorf("line %d: entry point %q has no command", node.Line, name)
	case len(e.Command) > maxCommand:
		return Entry{}, fmt.Errorf("line %d: the command of entry point %q is longer than %d KiB", node.Line, name,
			maxCommand>>10)
	case strings.ContainsRune(e.Command, 0):
		return Entry{}, fmt.Errorf("line %d: the command of entry point %q has a NUL", node.Line, name)
	}
	parameters := node.Keys["parameters"]
	switch {
	case parameters.Null:
	case parameters.Keys == nil && parameters.Line > 0:
		return Entry{}, fmt.Errorf("line %d: the parameters of entry point %q must be a mapping", parameters.Line, name)
	case len(parameters.Keys) > maxParameters:
		return Entry{}, fmt.Errorf("line %d: entry point %q has more than %d parameters", parameters.Line, name,
			maxParameters)
	}
	for _, key := range slices.Sorted(maps.Keys(parameters.Keys)) {
		param, err := parameterOf(key, parameters.Keys[key])
		if err != nil {
			return Entry{}, err
		}
		e.Parameters = append(e.Parameters, param)
	}
	return e, nil
}

// parameterOf reads a parameter in its short form, which is its type, or as a mapping.
func parameterOf(name string, node yaml.Node) (Parameter, error) {
	if err := format.CheckNamed("parameter", name); err != nil {
		return Parameter{}, fmt.Errorf("line %d: %w", node.Line, err)
	}
	if node.List != nil {
		return Parameter{}, fmt.Errorf("line %d: parameter %q must be a type or a mapping", node.Line, name)
	}
	if node.Keys == nil {
		return Parameter{Name: name, Type: node.Text}, nil
	}
	p := Parameter{Name: name}
	var err error
	if p.Type, err = textOf(node.Keys, "type"); err != nil {
		return Parameter{}, err
	}
	value, ok := node.Keys["default"]
	if !ok || value.Null {
		return p, nil
	}
	if value.Keys != nil || value.List != nil {
		return Parameter{}, fmt.Errorf("line %d: the default of parameter %q must be a text, a number or true or false",
			value.Line, name)
	}
	text := pythonText(value)
	p.Default = &text
	return p, nil
}

// pythonText returns the text of a scalar as MLflow passes it on, which is that of Python's value: yes, on and true are
// True, and 1.50 is 1.5.
func pythonText(n yaml.Node) string {
	if n.Quoted {
		return n.Text
	}
	switch n.Text {
	case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON":
		return "True"
	case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF":
		return "False"
	}
	if isDecimal().MatchString(n.Text) {
		if v, err := strconv.ParseFloat(n.Text, 64); err == nil {
			text := strconv.FormatFloat(v, 'f', -1, 64)
			if !strings.Contains(text, ".") {
				text += ".0"
			}
			return text
		}
	}
	return n.Text
}

// isDecimal matches a number that Python writes as it is, but for zeros at its ends.
var isDecimal = lazyregexp.New(`^[-+]?[0-9]{1,12}\.[0-9]{0,4}$`)

// isFloat reports whether a text is a number, as for Python's float().
func isFloat(text string) bool {
	_, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	return (err == nil || errors.Is(err, strconv.ErrRange)) && !strings.ContainsAny(text, "xXpP")
}
