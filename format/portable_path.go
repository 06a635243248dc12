package format

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxPartBytes is what file systems hold of one part of a path.
const maxPartBytes = 255

// PortablePath is a slash-separated path of a file as CheckPath allows it: what no path may hold is %XX, a byte each, a name
// that a file system reserves gets a "_". A path that is portable is itself; two others may become one.
func PortablePath(p string) string {
	if CheckPath(p) == nil {
		return p
	}
	parts := strings.Split(p, "/")
	for i, part := range parts {
		parts[i] = portablePart(part)
	}
	return strings.Join(parts, "/")
}

func portablePart(part string) string {
	var b strings.Builder
	escape := func(s string) {
		for i := range len(s) {
			fmt.Fprintf(&b, "%%%02X", s[i])
		}
	}
	for i := 0; i < len(part); {
		r, n := utf8.DecodeRuneInString(part[i:])
		last := i+n == len(part)
		if r == utf8.RuneError && n == 1 || IsHidden(r) || r == '\\' || r == ':' || last && (r == '.' || r == ' ') {
			escape(part[i : i+n])
		} else {
			b.WriteString(part[i : i+n])
		}
		i += n
	}
	name := b.String()
	if isReserved(name) {
		stem, rest := name, ""
		if dot := strings.IndexByte(name, '.'); dot > 0 {
			stem, rest = name[:dot], name[dot:]
		}
		name = stem + "_" + rest
	}
	if len(name) > maxPartBytes {
		sum := sha256.Sum256([]byte(part))
		name = strings.ToValidUTF8(name[:maxPartBytes-32], "") + "-" + hex.EncodeToString(sum[:])[:8]
	}
	return name
}
