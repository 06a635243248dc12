package foreign

import (
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/gitruns/runs/format"
)

// MediaPath is a key as part of a path.
func MediaPath(key string) string {
	parts := strings.Split(key, "/")
	kept := parts[:0]
	for _, p := range parts {
		p = strings.Map(func(c rune) rune {
			if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.' {
				return c
			}
			return '_'
		}, p)
		if p = strings.Trim(p, "."); p != "" {
			kept = append(kept, p)
		}
	}
	name := strings.Join(kept, "/")
	if name == "" || format.CheckPath(name) != nil {
		return "image"
	}
	return name
}

// Clean is a name without what no key may hold.
func Clean(name []byte) string {
	return strings.Map(func(c rune) rune {
		if format.IsHidden(c) {
			return '_'
		}
		return c
	}, strings.ToValidUTF8(string(name), "_"))
}

// Key is the key of a metric, cut to its bound, and "_" where nothing is left.
func Key(key string) string {
	if key = Cut([]byte(key), format.MaxKeyBytes); key == "" {
		return "_"
	}
	return key
}

// Cut is a text of at most so many bytes, whole characters.
func Cut(text []byte, most int) string {
	if len(text) > most {
		end := max(0, most)
		for end > 0 && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end]
	}
	return strings.ToValidUTF8(string(text), "?")
}

// RelativeTo shows paths below a folder.
func RelativeTo(dir string) func(string) string {
	return func(p string) string {
		if rel, err := filepath.Rel(dir, p); err == nil && !strings.HasPrefix(rel, "..") {
			return rel
		}
		return p
	}
}
