package format

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"
)

// CheckKey returns an error that says why a metric key, the name of a tag or one part of a param's name is not allowed,
// or nil.
func CheckKey(key string) error { return CheckNamed("key", key) }

// CheckNamed is CheckKey for a text that people know by another word, such as "name".
func CheckNamed(what, text string) error {
	switch {
	case text == "":
		return errors.New("the " + what + " is empty")
	case len(text) > MaxKeyBytes:
		return fmt.Errorf("the %s is longer than %d bytes", what, MaxKeyBytes)
	case isPlain(text): // journals check every key of every line
		return nil
	case !utf8.ValidString(text):
		return errors.New("the " + what + " is not UTF-8")
	}
	for _, r := range text {
		if IsHidden(r) {
			return fmt.Errorf("the %s %q contains a control character", what, text)
		}
	}
	return nil
}

// isPlain reports whether s is printable ASCII.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// CheckPath returns an error that says why p is not a relative, slash-separated path that stays under its root on every
// system, or nil.
func CheckPath(p string) error {
	switch {
	case p == "" || p == ".":
		return errors.New("the path is empty")
	case len(p) > 4096:
		return errors.New("the path is longer than 4096 bytes")
	case !utf8.ValidString(p):
		return errors.New("the path is not UTF-8")
	case strings.HasPrefix(p, "/"):
		return fmt.Errorf("the path %q is absolute", p)
	case strings.ContainsAny(p, "\\:"):
		return fmt.Errorf("the path %q contains a backslash or a colon", p)
	case path.Clean(p) != p || p == ".." || strings.HasPrefix(p, "../"):
		return fmt.Errorf("the path %q is not clean: it contains ., .. or empty parts", p)
	}
	for _, r := range p {
		if IsHidden(r) {
			return fmt.Errorf("the path %q contains a control character", p)
		}
	}
	for part := range strings.SplitSeq(p, "/") {
		if isReserved(part) {
			return fmt.Errorf("the path %q contains a name that a file system reserves", p)
		}
	}
	return nil
}

// isReserved reports whether a file name has a special meaning on some system: .git in any case or in its short form,
// a name that ends with a dot or a space, or the name of a Windows device.
func isReserved(name string) bool {
	lower := strings.ToLower(name)
	if lower == ".git" || lower == "git~1" || strings.HasSuffix(name, ".") || strings.HasSuffix(name, " ") {
		return true
	}
	stem, _, _ := strings.Cut(lower, ".")
	switch stem {
	case "con", "prn", "aux", "nul":
		return true
	}
	return len(stem) == 4 && (strings.HasPrefix(stem, "com") || strings.HasPrefix(stem, "lpt")) && stem[3] >= '0' &&
		stem[3] <= '9'
}

// CheckText returns an error that says why s cannot be a text in a record, or nil.
func CheckText(s string) error {
	switch {
	case len(s) > MaxTextBytes:
		return fmt.Errorf("the text is longer than %d bytes", MaxTextBytes)
	case invalidUTF8([]byte(s)) >= 0:
		return errors.New("the text is not UTF-8")
	}
	return nil
}

// IsDigest reports whether s is a SHA-256 in lower-case hex.
func IsDigest(s string) bool { return isHex(s, false) }

// IsObjectID reports whether s is the id of a Git object: a SHA-1 or a SHA-256 in lower-case hex.
func IsObjectID(s string) bool { return isHex(s, true) }

// isHex reports whether s is 64 lower-case hex digits. If git is true, 40 digits are also allowed.
func isHex(s string, git bool) bool {
	if len(s) != 64 && !(git && len(s) == 40) {
		return false
	}
	for i := range len(s) { // a list of 100,000 runs checks a million
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// IsHidden reports whether r is a control character, a line separator or a bidirectional mark (Unicode TR9).
func IsHidden(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r <= 0x9f,
		r == 0x61c, r >= 0x200e && r <= 0x200f,
		r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0xfeff:
		return true
	}
	return false
}

// invalidUTF8 returns the offset of the first byte that is not UTF-8, or -1.
func invalidUTF8(data []byte) int {
	for i := 0; i < len(data); {
		if data[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}
