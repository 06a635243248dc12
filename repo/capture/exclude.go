package capture

import (
	"path"
	"strings"
)

// excluder matches paths against patterns as in .gitignore: `name` and `*.pt` match anywhere, `dir/` matches folders,
// `a/b` and `/a` match from the root, `**` matches any number of folders, and `!pattern` cancels earlier patterns. The
// last pattern that matches decides.
type excluder struct {
	patterns []pattern
	folders  map[string]string // from a folder to the pattern that excludes it, or ""
}

type pattern struct {
	text    string // as the user wrote it
	parts   []string
	negated bool
	folder  bool // matches folders only
	base    glob // of a pattern that matches the last name only
	anyBase bool
}

// glob is a pattern for one name. Most patterns are a plain word or an extension, which are cheap to compare.
type glob struct {
	text   string
	plain  bool
	ending bool // the pattern is * and a plain word
}

func newGlob(text string) glob {
	const special = `*?[\`
	g := glob{text: text, plain: !strings.ContainsAny(text, special)}
	if rest, ok := strings.CutPrefix(text, "*"); ok && !strings.ContainsAny(rest, special) {
		g.text, g.ending = rest, true
	}
	return g
}

func (g glob) match(name string) bool {
	switch {
	case g.plain:
		return name == g.text
	case g.ending:
		return strings.HasSuffix(name, g.text)
	}
	ok, err := path.Match(g.text, name)
	return err == nil && ok
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
			p.base, p.anyBase = newGlob(rest), true
		}
		e.patterns = append(e.patterns, p)
	}
	return e
}

// match returns the pattern that excludes a file, or "" if none does.
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
	base := path.Base(name)
	for i := len(e.patterns) - 1; i >= 0; i-- {
		p := &e.patterns[i]
		switch {
		case p.folder && !folder, p.anyBase && !p.base.match(base), !p.anyBase && !matchParts(p.parts, name):
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
		if !newGlob(parts[0]).match(first) {
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
