package query

import (
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
)

// keyPart is a part of a key, between dots that are not in quotes.
type keyPart struct {
	text   string
	quoted bool
}

// joinKey returns a key in one text. Quotes stay where they matter, as double quotes like those of a dotted key: around
// a name with a dot, and before a dot, where they say that what follows is not part of a metric's name.
func joinKey(parts []keyPart) string {
	if len(parts) == 1 && parts[0].quoted && newField(parts[0].text).scope != inAll {
		return parts[0].text // the prefix is not part of a name
	}
	texts := make([]string, len(parts))
	for i, part := range parts {
		texts[i] = part.text
		if part.quoted && (i < len(parts)-1 || strings.ContainsAny(part.text, `."`)) {
			texts[i] = format.TOMLString(part.text)
		}
	}
	return strings.Join(texts, ".")
}

// checkKey returns an error if a part of a key that is in quotes is not the name of anything.
func checkKey(key string) error {
	if !strings.Contains(key, `"`) {
		return nil
	}
	_, err := format.ParseKeyPath(key)
	return err
}

// splitKey returns the parts of a key that joinKey made.
func splitKey(key string) []keyPart {
	var parts []keyPart
	for more := true; more; {
		part := keyPart{}
		if n := quotedLength(key); n > 0 {
			if path, err := format.ParseKeyPath(key[:n]); err == nil {
				part = keyPart{path[0], true}
				key, more = strings.CutPrefix(key[n:], ".")
			}
		}
		if !part.quoted {
			part.text, key, more = strings.Cut(key, ".")
		}
		parts = append(parts, part)
	}
	return parts
}

// quotedLength returns the length of the text in double quotes that is the first part of a key, or 0.
func quotedLength(key string) int {
	if !strings.HasPrefix(key, `"`) {
		return 0
	}
	for i := 1; i < len(key); i++ {
		switch key[i] {
		case '\\':
			i++
		case '"':
			if i+1 == len(key) || key[i+1] == '.' {
				return i + 1
			}
			return 0
		}
	}
	return 0
}

// writeKey writes a key bare if possible, and otherwise in backquotes. If quote is true, it is never bare. A backquote
// in it is in double quotes.
func writeKey(b *strings.Builder, key string, quote bool) {
	parts := splitKey(key)
	special := func(part keyPart) bool { return part.quoted || !isBare(part.text, len(parts) == 1) }
	if newField(key).scope != inAll && slices.ContainsFunc(parts, special) {
		writeQuoted(b, key)
		return
	}
	for i, part := range parts {
		if i > 0 {
			b.WriteByte('.')
		}
		if special(part) || quote && i == len(parts)-1 {
			writeQuoted(b, part.text)
		} else {
			b.WriteString(part.text)
		}
	}
}

func writeQuoted(b *strings.Builder, text string) {
	for i, piece := range strings.Split(text, "`") {
		if i > 0 {
			b.WriteString("\"`\"")
		}
		b.WriteString("`" + piece + "`")
	}
}

// isBare reports whether a part of a key needs no quotes. alone says that it is the whole key.
func isBare(text string, alone bool) bool {
	switch strings.ToLower(text) {
	case "not", "and", "or", "in":
		return !alone
	case "":
		return !alone
	}
	return !strings.ContainsAny(text, endsWord)
}
