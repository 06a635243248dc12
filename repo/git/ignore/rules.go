package ignore

import (
	"bytes"
	"strings"

	"github.com/gitruns/runs/repo/git/pattern"
)

// rules are the patterns of one file.
type rules struct {
	source string
	list   []rule
	wild   []int // the indices in list of the patterns that have wildcards
	// The last pattern that is exactly a path or a name, for each of them: files that programs write list thousands.
	paths, names map[string]last
	fold         bool
}

type rule struct {
	*pattern.Pattern
	line int
}

// last are the indices of the last pattern that matches a file and of the last that matches a folder, or -1.
type last struct{ file, dir int }

func newRules(source string, fold bool) *rules {
	return &rules{source: source, fold: fold, paths: map[string]last{}, names: map[string]last{}}
}

// parseRules parses the content of a file of ignore rules. As in Git, any content is valid.
func parseRules(source string, data []byte, fold bool) *rules {
	r := newRules(source, fold)
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	for number := 1; len(data) > 0; number++ {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		data = rest
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		line, _ = bytes.CutSuffix(line, []byte("\r"))
		line, _, _ = bytes.Cut(line, []byte{0})
		text := trimSpaces(string(line))
		if text == "" {
			continue
		}
		r.add(rule{pattern.Parse(text, fold), number})
	}
	return r
}

// trimSpaces removes the spaces at the end of a line, unless a backslash is before them. It leaves tabs.
func trimSpaces(line string) string {
	end := len(line)
	for end > 0 && line[end-1] == ' ' {
		end--
	}
	if end == len(line) {
		return line
	}
	escapes := 0
	for escapes < end && line[end-1-escapes] == '\\' {
		escapes++
	}
	return line[:end+escapes%2]
}

func (r *rules) add(p rule) {
	i := len(r.list)
	r.list = append(r.list, p)
	text, name, literal := p.Literal()
	if !literal {
		r.wild = append(r.wild, i)
		return
	}
	in := r.paths
	if name {
		in = r.names
	}
	l, known := in[text]
	if !known {
		l.file = -1
	}
	l.dir = i
	if !p.DirOnly {
		l.file = i
	}
	in[text] = l
}

// match returns the last pattern that matches a path, or nil. path is relative to the folder of the file, and name is
// its last part.
func (r *rules) match(path, name string, isDir bool) *rule {
	best := -1
	if len(r.paths) > 0 {
		best = max(best, r.literal(r.paths, path, isDir))
	}
	if len(r.names) > 0 {
		best = max(best, r.literal(r.names, name, isDir))
	}
	for k := len(r.wild) - 1; k >= 0 && r.wild[k] > best; k-- {
		p := &r.list[r.wild[k]]
		if (isDir || !p.DirOnly) && p.Match(path, name) {
			best = r.wild[k]
			break
		}
	}
	if best < 0 {
		return nil
	}
	return &r.list[best]
}

func (r *rules) literal(in map[string]last, text string, isDir bool) int {
	if r.fold {
		text = pattern.Fold(text)
	}
	l, ok := in[text]
	switch {
	case !ok:
		return -1
	case isDir:
		return l.dir
	}
	return l.file
}

// sourceIn returns the name of a folder's file of rules, as messages give it.
func sourceIn(dir string) string {
	if dir == "" {
		return FileName
	}
	return strings.TrimSuffix(dir, "/") + "/" + FileName
}
