package format

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxPartBytes is the maximum length of a file name on the usual file systems.
const maxPartBytes = 255

// PortablePath changes a slash-separated path into one that CheckPath allows. Each byte that is not allowed in a path
// becomes %XX, a name that a file system reserves gets a "_", and a long name is cut and gets a hash. A path that
// CheckPath allows is not changed. Two other paths may become the same.
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

// portablePart changes one part of a path.
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
