package format

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// tomlEntry is a header or a key of a TOML file, with its place, which the parser does not report. The parser has
// already accepted the file, so the scan can trust the syntax.
type tomlEntry struct {
	path   []string // full path; the n-th [[table]] has a number: datasets[1]
	header bool
	line   int // counting from 1
	start  int // offset of the first byte of the line
	value  int // offset of the value, for a key
	end    int // offset after the value or the header
}

// scanTOML lists the headers and keys of a valid TOML file in order.
func scanTOML(data []byte) []tomlEntry {
	var entries []tomlEntry
	var table []string
	count := map[string]int{}
	line := 1
	for i := 0; i < len(data); {
		start := i
		i = skipBlank(data, i)
		switch {
		case i >= len(data):
			return entries
		case data[i] == '#', data[i] == '\n', data[i] == '\r':
		case data[i] == '[':
			double := i+1 < len(data) && data[i+1] == '['
			i++
			if double {
				i++
			}
			table, i = scanKey(data, i)
			for i < len(data) && data[i] == ']' {
				i++
			}
			if double {
				name := strings.Join(table, "\x00")
				table[len(table)-1] += "[" + strconv.Itoa(count[name]) + "]"
				count[name]++
			}
			entries = append(entries, tomlEntry{path: table, header: true, line: line, start: start, end: i})
		default:
			var key []string
			key, i = scanKey(data, i)
			i = skipBlank(data, min(i+1, len(data))) // past the equals sign
			value := i
			i = skipValue(data, i)
			path := append(append([]string(nil), table...), key...)
			entries = append(entries, tomlEntry{path: path, line: line, start: start, value: value, end: i})
		}
		next := bytes.IndexByte(data[i:], '\n')
		if next < 0 {
			return entries
		}
		line += bytes.Count(data[start:i+next+1], []byte("\n"))
		i += next + 1
	}
	return entries
}

// lineOf returns the line of the key at path, or otherwise of the innermost table around it, or 1.
func lineOf(data []byte, path []string) int {
	best, line := 0, 1
	for _, e := range scanTOML(data) {
		n := 0
		for n < len(path) && n < len(e.path) && path[n] == e.path[n] {
			n++
		}
		if n > best && n == min(len(path), len(e.path)) {
			best, line = n, e.line
		}
	}
	return line
}

func skipBlank(data []byte, i int) int {
	for i < len(data) && (data[i] == ' ' || data[i] == '\t') {
		i++
	}
	return i
}

// scanKey reads the dotted key at i. It returns the offset of the equals sign or bracket that follows.
func scanKey(data []byte, i int) ([]string, int) {
	var key []string
	for {
		i = skipBlank(data, i)
		start := i
		if i < len(data) && (data[i] == '"' || data[i] == '\'') {
			i = skipString(data, i)
			key = append(key, unquote(data[start:i]))
		} else {
			for i < len(data) && isBareByte(data[i]) {
				i++
			}
			key = append(key, string(data[start:i]))
		}
		i = skipBlank(data, i)
		if i >= len(data) || data[i] != '.' {
			return key, i
		}
		i++
	}
}

func unquote(quoted []byte) string {
	// Most keys need no parser, which a record of 100,000 keys would start as often.
	if n := len(quoted); n > 2 && quoted[0] == quoted[n-1] && bytes.IndexByte(quoted, '\\') < 0 &&
		bytes.IndexByte(quoted[1:n-1], quoted[0]) < 0 {
		return string(quoted[1 : n-1])
	}
	var v struct{ K string }
	if _, err := toml.Decode("K = "+string(quoted), &v); err != nil {
		return string(quoted)
	}
	return v.K
}

// skipString returns the offset after the string at i.
func skipString(data []byte, i int) int {
	quote := data[i]
	if bytes.HasPrefix(data[i:], []byte{quote, quote, quote}) {
		for i += 3; i < len(data); i++ {
			if data[i] == '\\' && quote == '"' {
				i++
			} else if bytes.HasPrefix(data[i:], []byte{quote, quote, quote}) {
				for i += 3; i < len(data) && data[i] == quote; i++ { // two quotes may come before the closing three
				}
				return i
			}
		}
		return len(data)
	}
	for i++; i < len(data) && data[i] != quote && data[i] != '\n'; i++ {
		if data[i] == '\\' && quote == '"' {
			i++
		}
	}
	return min(i+1, len(data))
}

// skipValue returns the offset after the value at i.
func skipValue(data []byte, i int) int {
	depth := 0
	for i < len(data) {
		switch c := data[i]; {
		case c == '"' || c == '\'':
			i = skipString(data, i)
			continue
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			depth--
			if depth == 0 {
				return i + 1
			}
		case c == '#':
			if depth == 0 {
				return trimEnd(data, i)
			}
			for i < len(data) && data[i] != '\n' {
				i++
			}
			continue
		case c == '\n':
			if depth == 0 {
				return trimEnd(data, i)
			}
		}
		i++
	}
	return trimEnd(data, i)
}

func trimEnd(data []byte, i int) int {
	for i > 0 && (data[i-1] == ' ' || data[i-1] == '\t' || data[i-1] == '\r') {
		i--
	}
	return i
}
