// Package gitconfig reads the configuration of Git as Git does, and without it: the files of the system, the user, the
// repository and the worktree, the files that they include, and the variables of the environment.
//
// Of the project's packages it imports only repo/git/pattern and repo/regular. Start with Load. The content of the
// files is hostile: what Git refuses is an error, and so is more than the bounds of this package.
package gitconfig

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// Scope says whose setting it is.
type Scope string

// The scopes, in the order in which they are read. A later one wins.
const (
	System   Scope = "system"
	Global   Scope = "global" // the user's
	Local    Scope = "local"  // the repository's
	Worktree Scope = "worktree"
	Command  Scope = "command" // of the environment
)

// Entry is one setting. Section and name are in lower case; what is between them is as written.
type Entry struct {
	Scope    Scope
	Key      string
	Value    string
	HasValue bool   // false without an equals sign, which means true
	File     string // where it is; empty for the environment
	Line     int
}

// Config has the settings in the order in which Git reads them.
type Config struct {
	entries []Entry
	last    map[string]int // the last entry of a key
	home    string
}

func (c *Config) add(e Entry) {
	if c.last == nil {
		c.last = map[string]int{}
	}
	c.last[e.Key] = len(c.entries)
	c.entries = append(c.entries, e)
}

// Entries returns all settings, of which a later one of the same key wins. The caller must not change them.
func (c *Config) Entries() []Entry { return c.entries }

// Last returns the setting of a key that wins. The key is in the form of Entry.Key.
func (c *Config) Last(key string) (Entry, bool) {
	i, ok := c.last[key]
	if !ok {
		return Entry{}, false
	}
	return c.entries[i], true
}

// All returns the settings of a key, for those that may have several values.
func (c *Config) All(key string) []Entry {
	var all []Entry
	for _, e := range c.entries {
		if e.Key == key {
			all = append(all, e)
		}
	}
	return all
}

// String returns the value of a key, or an empty string if it is not set. A key without a value is an error.
func (c *Config) String(key string) (string, error) {
	e, ok := c.Last(key)
	if ok && !e.HasValue {
		return "", e.invalid("it has no value")
	}
	return e.Value, nil
}

// Bool returns the value of a key as Git understands truth. set is false if it has none.
func (c *Config) Bool(key string) (value, set bool, err error) {
	e, ok := c.Last(key)
	if !ok {
		return false, false, nil
	}
	value, err = e.Bool()
	return value, true, err
}

// Int returns the value of a key, which may end in k, m or g. set is false if it has none.
func (c *Config) Int(key string) (value int64, set bool, err error) {
	e, ok := c.Last(key)
	if !ok {
		return 0, false, nil
	}
	value, err = e.Int()
	return value, true, err
}

// Path returns the value of a key that names a file, with the user's home folder for a tilde. set is false if it has
// none. A relative path is relative to where Git runs, which is the root of the working tree.
func (c *Config) Path(key string) (value string, set bool, err error) {
	e, ok := c.Last(key)
	if !ok {
		return "", false, nil
	}
	value, err = c.PathOf(e)
	return value, true, err
}

// PathOf is like Path, for a setting.
func (c *Config) PathOf(e Entry) (string, error) {
	if !e.HasValue {
		return "", e.invalid("it has no value")
	}
	value, err := expand(e.Value, c.home)
	if err != nil {
		return "", e.invalid(err.Error())
	}
	return value, nil
}

// Bool returns the value as Git understands truth.
func (e Entry) Bool() (bool, error) {
	if !e.HasValue {
		return true, nil
	}
	if value, ok := parseBool(e.Value); ok {
		return value, nil
	}
	return false, e.invalid(fmt.Sprintf("%q is neither true nor false", e.Value))
}

// Int returns the value as a number.
func (e Entry) Int() (int64, error) {
	if value, ok := parseInt(e.Value); ok && e.HasValue {
		return value, nil
	}
	return 0, e.invalid(fmt.Sprintf("%q is not a whole number", e.Value))
}

func (e Entry) invalid(why string) error {
	where := e.File
	if where == "" {
		where = "the environment"
	}
	return fmt.Errorf("reading %s in the Git configuration of %s: %s", e.Key, where, why)
}

func parseBool(text string) (value, ok bool) {
	switch foldASCII(text) {
	case "true", "yes", "on":
		return true, true
	case "false", "no", "off", "":
		return false, true
	}
	n, ok := parseInt(text)
	return n != 0, ok && math.MinInt32 <= n && n <= math.MaxInt32
}

// parseInt parses a number as Git does: decimal, hexadecimal after 0x, octal after 0, with space before it, and with a
// unit after it.
func parseInt(text string) (int64, bool) {
	text = strings.TrimLeft(text, " \t\n\v\f\r")
	unit := int64(1)
	if n := len(text); n > 0 {
		switch lower(text[n-1]) {
		case 'k':
			unit = 1 << 10
		case 'm':
			unit = 1 << 20
		case 'g':
			unit = 1 << 30
		}
		if unit > 1 {
			text = text[:n-1]
		}
	}
	digits := strings.TrimLeft(text, "+-")
	if strings.ContainsAny(digits, "_oObB") && !strings.HasPrefix(foldASCII(digits), "0x") {
		return 0, false // Go's forms of numbers that Git does not have
	}
	n, err := strconv.ParseInt(text, 0, 64)
	if err != nil || strings.Contains(text, "_") || n > math.MaxInt64/unit || n < math.MinInt64/unit {
		return 0, false
	}
	return n * unit, true
}

// expand puts the home folder in the place of a tilde.
func expand(path, home string) (string, error) {
	rest, tilde := strings.CutPrefix(path, "~")
	switch {
	case strings.HasPrefix(path, "%(prefix)/"):
		return "", fmt.Errorf("the path %q is relative to where Git is installed", path)
	case !tilde:
		return path, nil
	case rest != "" && rest[0] != '/':
		return "", fmt.Errorf("the path %q names the home folder of another user", path)
	case home == "":
		return "", fmt.Errorf("the path %q needs a home folder, and HOME is not set", path)
	}
	return home + rest, nil
}

// environment is what the configuration depends on besides files.
type environment func(name string) (string, bool)

func (env environment) get(name string) string {
	value, _ := env(name)
	return value
}

func (env environment) home() string {
	home := env.get("HOME")
	if home == "" && runtime.GOOS == "windows" {
		home = env.get("USERPROFILE")
	}
	return home
}

// InUserFolder returns where Git looks for one of the user's files, such as ignore or attributes, if the configuration
// does not say it. It is empty if the home folder is not known.
func InUserFolder(name string, getenv func(string) (string, bool)) string {
	env := environment(getenv)
	if getenv == nil {
		env = os.LookupEnv
	}
	if xdg := env.get("XDG_CONFIG_HOME"); xdg != "" {
		return filepath.Join(xdg, "git", name)
	}
	if home := env.home(); home != "" {
		return filepath.Join(home, ".config", "git", name)
	}
	return ""
}
