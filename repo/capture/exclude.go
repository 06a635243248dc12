package capture

import (
	"path"
	"strings"
)

// excluder matches paths against patterns of .gitignore: `name` and `*.pt` anywhere, `dir/` folders, `a/b` and `/a` from
// the root, `**` any folders, `!pattern` takes an earlier one back. The last pattern that matches decides.
type excluder struct {
	patterns []pattern
	folders  map[string]string // folder: the pattern that excludes it, or ""
}

type pattern struct {
	text    string // as it was given
	parts   []string
	negated bool
	folder  bool // matches folders only
}

func newExcluder(patterns []string) *excluder {
	e := &excluder{folders: map[string]string{}}
	for _, text := range patterns {
		p := pattern{text: text}
		rest := text
		if rest, p.negated = strings.CutPrefix(rest, "!"); rest == "" {
			continue
		}
		rest, p.folder = strings.CutSuffix(rest, "/")
		anchored := strings.Contains(rest, "/")
		rest = strings.TrimPrefix(rest, "/")
		p.parts = strings.Split(rest, "/")
		if !anchored {
			p.parts = []string{"**", rest}
		}
		e.patterns = append(e.patterns, p)
	}
	return e
}

// match returns the pattern that excludes a file, or "".
func (e *excluder) match(file string) string {
	if i := strings.LastIndexByte(file, '/'); i >= 0 {
		if by := e.matchFolder(file[:i]); by != "" {
			return by
		}
	}
	return e.last(file, false)
}

func (e *excluder) matchFolder(dir string) string {
	by, ok := e.folders[dir]
	if ok {
		return by
	}
	if i := strings.LastIndexByte(dir, '/'); i >= 0 {
		by = e.matchFolder(dir[:i])
	}
	if by == "" {
		by = e.last(dir, true)
	}
	e.folders[dir] = by
	return by
}

func (e *excluder) last(name string, folder bool) string {
	for i := len(e.patterns) - 1; i >= 0; i-- {
		p := e.patterns[i]
		if p.folder && !folder || !matchParts(p.parts, name) {
			continue
		}
		if p.negated {
			return ""
		}
		return p.text
	}
	return ""
}

func matchParts(parts []string, name string) bool {
	for len(parts) > 0 {
		if parts[0] == "**" {
			if len(parts) == 1 {
				return true
			}
			for {
				if matchParts(parts[1:], name) {
					return true
				}
				_, rest, ok := strings.Cut(name, "/")
				if !ok {
					return false
				}
				name = rest
			}
		}
		first, rest, more := strings.Cut(name, "/")
		if ok, err := path.Match(parts[0], first); err != nil || !ok {
			return false
		}
		parts = parts[1:]
		if !more {
			return len(parts) == 0
		}
		name = rest
	}
	return false
}
