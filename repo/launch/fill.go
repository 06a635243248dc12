package launch

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gitruns/runs/format"
)

// Given is a parameter of a call.
type Given struct{ Key, Value string }

// ParseGiven reads KEY=VALUE.
func ParseGiven(text string) (Given, error) {
	key, value, ok := strings.Cut(text, "=")
	switch {
	case !ok:
		return Given{}, fmt.Errorf("%.80q is not KEY=VALUE", text)
	case strings.ContainsRune(value, 0) || !utf8.ValidString(value):
		return Given{}, fmt.Errorf("the value of %.80q is not a text", key)
	}
	if err := format.CheckKey(key); err != nil {
		return Given{}, err
	}
	return Given{key, value}, nil
}

// Call is a call of an entry point.
type Call struct {
	Dir   string // of the project
	From  string // the folder that given paths are relative to
	Given []Given
}

// Filled is an entry point with its parameters.
type Filled struct {
	Args   []string      // the command, without a shell if it needs none
	Params format.Params // as they are recorded
}

// Fill makes the command of an entry point. Parameters that the entry point does not declare are appended as --key
// value, as MLflow does. A value is never read as code by the shell.
func (e Entry) Fill(c Call) (Filled, error) {
	done := Filled{Params: format.Params{}}
	values := map[string]string{}
	given := map[string]string{}
	for _, g := range c.Given {
		if before, twice := given[g.Key]; twice && before != g.Value {
			return done, fmt.Errorf("parameter %q is given as %.60q and as %.60q", g.Key, before, g.Value)
		}
		given[g.Key] = g.Value
	}
	var missing []string
	for _, p := range e.Parameters {
		value, ok := given[p.Name]
		from := c.From
		if !ok && p.Default == nil {
			missing = append(missing, p.Name)
			continue
		}
		if !ok {
			value, from = *p.Default, c.Dir
		}
		text, err := p.check(value, from)
		if err != nil {
			return done, err
		}
		values[p.Name] = text
		done.Params[p.Name] = p.recorded(text)
	}
	if len(missing) > 0 {
		return done, fmt.Errorf("entry point %q needs a value of %s", e.Name, few(missing))
	}
	var extra []Given
	for _, g := range c.Given {
		if _, declared := values[g.Key]; declared || slices.Contains(extra, g) {
			continue
		}
		extra = append(extra, g)
		done.Params[g.Key] = recordedText(g.Value)
	}
	var err error
	if e.Script != "" {
		program := "python"
		if filepath.Ext(e.Script) == ".sh" {
			program = "bash"
		}
		done.Args = []string{program, filepath.FromSlash(e.Script)}
		for _, g := range extra {
			done.Args = append(done.Args, "--"+g.Key, g.Value)
		}
		return done, nil
	}
	if done.Args, err = command(e.Command, values, extra); err != nil {
		return done, fmt.Errorf("the command of entry point %q %w", e.Name, err)
	}
	return done, nil
}

// check returns the value that the command gets.
func (p Parameter) check(value, from string) (string, error) {
	switch p.Type {
	case typeFloat:
		if !isFloat(value) {
			return "", fmt.Errorf("parameter %q must be a number, got %.80q", p.Name, value)
		}
	case typeURI:
		if scheme(value) == "" {
			return "", fmt.Errorf("parameter %q must be an address such as https://…, got %.80q", p.Name, value)
		}
	case typePath:
		path, err := localPath(value)
		if err != nil {
			return "", fmt.Errorf("parameter %q is a path: %w", p.Name, err)
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(from, filepath.FromSlash(path))
		}
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("parameter %q is a path, and %s does not exist", p.Name, path)
		}
		return path, nil
	}
	return value, nil
}

// scheme returns the scheme of an address, or "".
func scheme(text string) string {
	u, err := url.Parse(text)
	if err != nil || len(u.Scheme) < 2 { // C: is a drive
		return ""
	}
	return u.Scheme
}

var errAddress = errors.New("an address is not fetched; download the data and give its path")

// localPath returns the path of a value that is a path, or an address of this machine.
func localPath(value string) (string, error) {
	switch scheme(value) {
	case "":
	case "file":
		u, err := url.Parse(value)
		if err != nil || u.Host != "" && u.Host != "localhost" {
			return "", errAddress
		}
		return filepath.FromSlash(u.Path), nil
	default:
		return "", errAddress
	}
	if value == "" {
		return "", errors.New("it is empty")
	}
	return value, nil
}

// recorded returns the value as it is recorded. Types that promise a text stay one.
func (p Parameter) recorded(value string) any {
	if p.Type == "" || p.Type == "string" || p.Type == "str" || p.Type == typePath || p.Type == typeURI {
		return value
	}
	return recordedText(value)
}

// recordedText returns the number or the truth value that a text is, or the text.
func recordedText(value string) any {
	switch v := format.ParseLiteral(value).(type) {
	case int64, float64, bool:
		return v
	}
	return value
}
