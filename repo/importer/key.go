package importer

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/gitruns/runs/format"
)

// MediaPath is the path that stands for a key in names of media, as the client makes it: what no path may hold is "_", and
// eight digits of the key's SHA-256 follow, so that no two keys have one.
func MediaPath(key string) string {
	const most = 150 // bytes of a part
	parts := strings.Split(key, "/")
	for i, part := range parts {
		part = Cut([]byte(strings.Map(func(c rune) rune {
			if format.IsHidden(c) || strings.ContainsRune(`\:*?"<>|`, c) {
				return '_'
			}
			return c
		}, part)), most)
		if part == "" || format.CheckPath(part) != nil {
			part = strings.TrimRight(part, ". ") + "_"
		}
		if format.CheckPath(part) != nil {
			part = "_" + part
		}
		parts[i] = part
	}
	path := strings.Join(parts, "/")
	if path != key {
		path += "-" + digits(key)
	}
	return path
}

// digits are the first of a text's SHA-256.
func digits(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:4])
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

// Key is the key of a metric: of a longer one the beginning, and digits of its SHA-256, as the client does it; "_" for none.
func Key(key string) string {
	const mark = "…"
	if len(key) > format.MaxKeyBytes {
		return Cut([]byte(key), format.MaxKeyBytes-len(mark)-9) + mark + digits(key)
	}
	if key = strings.ToValidUTF8(key, "?"); key == "" {
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
