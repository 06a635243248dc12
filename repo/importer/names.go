package importer

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/gitruns/runs/format"
)

// MediaPath returns the path that replaces a key in the names of media, as the Python client makes it. A character
// that is not allowed in a path becomes "_". If that changes the key, 8 digits of its SHA-256 follow, so different
// keys have different paths.
func MediaPath(key string) string {
	const most = 150 // bytes in a part of the path
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
		path += "-" + shortDigest(key)
	}
	return path
}

// shortDigest returns the first 8 digits of a text's SHA-256.
func shortDigest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:4])
}

// Clean replaces each character of a name that is not allowed in a key with "_".
func Clean(name []byte) string {
	return strings.Map(func(c rune) rune {
		if format.IsHidden(c) {
			return '_'
		}
		return c
	}, strings.ToValidUTF8(string(name), "_"))
}

// Key returns the key of a metric, as the Python client makes it: a key that is too long is cut and ends with 8 digits
// of its SHA-256; an empty key becomes "_".
func Key(key string) string {
	const mark = "…"
	if len(key) > format.MaxKeyBytes {
		return Cut([]byte(key), format.MaxKeyBytes-len(mark)-9) + mark + shortDigest(key)
	}
	if key = strings.ToValidUTF8(key, "?"); key == "" {
		return "_"
	}
	return key
}

// Cut returns the first whole characters of a text that fit in most bytes.
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

// RelativeTo returns a function that makes paths under a folder relative to it.
func RelativeTo(dir string) func(string) string {
	return func(p string) string {
		if rel, err := filepath.Rel(dir, p); err == nil && !strings.HasPrefix(rel, "..") {
			return rel
		}
		return p
	}
}
