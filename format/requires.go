package format

import (
	"fmt"
	"slices"
	"strings"
)

// writePrefix begins an entry of requires that only a writer has to understand.
const writePrefix = "write:"

// understood are the entries of requires that this version understands, without their prefix.
var understood = [...]string{BatchRequires}

// Requires is the requires list of a config.toml, with its place.
type Requires struct {
	Entries []string // what a reader or writer has to understand
	File    string
	Line    int
}

// forReading reports whether a reader has to understand an entry of a requires list.
func forReading(entry string) bool { return !strings.HasPrefix(entry, writePrefix) }

// forWriting reports whether a writer has to understand an entry of a requires list. It has to understand all of them.
func forWriting(string) bool { return true }

// missing returns the entries of a requires list that matter and that this version does not understand.
func missing(requires []string, matters func(entry string) bool) []string {
	var names []string
	for _, entry := range requires {
		if matters(entry) && !slices.Contains(understood[:], strings.TrimPrefix(entry, writePrefix)) {
			names = append(names, entry)
		}
	}
	return names
}

// RequiresError is returned if a file requires something that this version does not understand. It wraps a *FileError.
type RequiresError struct {
	Place   FileError
	Missing []string // entries of the requires list
}

func (e *RequiresError) Error() string { return e.Place.Error() }
func (e *RequiresError) Unwrap() error { return &e.Place }

// requiresError returns the error for a file that names missing in its requires list. doing is "reading" or "writing".
func requiresError(file string, line int, doing string, missing []string) *RequiresError {
	const shown = 5 // a file may have many
	var quoted []string
	for _, name := range missing[:min(len(missing), shown)] {
		quoted = append(quoted, fmt.Sprintf("%.60q", name))
	}
	if more := len(missing) - shown; more > 0 {
		quoted = append(quoted, fmt.Sprintf("and %d more", more))
	}
	reason := fmt.Sprintf("requires: %s requires %s, which this version of runs does not know; upgrade runs", doing,
		strings.Join(quoted, ", "))
	return &RequiresError{FileError{File: file, Line: line, Reason: reason}, missing}
}

// Readable returns a *RequiresError if a reader has to understand something that this version does not.
func (c *Config) Readable() error {
	if names := missing(c.Requires.Entries, forReading); len(names) > 0 {
		return requiresError(c.Requires.File, c.Requires.Line, "reading", names)
	}
	return nil
}

// Writable returns a *RequiresError if a writer has to understand something that this version does not.
func (c *Config) Writable() error {
	if names := missing(c.Requires.Entries, forWriting); len(names) > 0 {
		return requiresError(c.Requires.File, c.Requires.Line, "writing", names)
	}
	return nil
}

// Writable returns a *RequiresError if the record must not be rewritten by this version. file is the name used in the
// error.
func (r *Run) Writable(file string) error {
	if names := missing(r.Requires, forWriting); len(names) > 0 {
		return requiresError(file, 0, "writing", names)
	}
	return nil
}

// UnknownKey is a key of config.toml that this version does not know. It has no effect.
type UnknownKey struct {
	File  string
	Line  int // counting from 1
	Key   string
	Near  string   // the known key in the same table that it may have meant; empty if none is similar
	Known []string // the known keys of the table
}

// String says where the key is and what may have been meant.
func (u UnknownKey) String() string {
	if u.Near != "" {
		return fmt.Sprintf("%s:%d: %s: unknown key; did you mean %s?", u.File, u.Line, u.Key, u.Near)
	}
	return fmt.Sprintf("%s:%d: %s: unknown key; the known ones are %s", u.File, u.Line, u.Key, strings.Join(u.Known, ", "))
}
