package format

import (
	"strings"
	"testing"
)

func FuzzPortablePath(f *testing.F) {
	for _, p := range []string{
		"a:b", "con", "aux.txt", ".git", "com1.tar.gz", "x. ", "\xff\xfe/y", "a/" + strings.Repeat(":", 255), "CON .txt",
		"con.\u202e",
	} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p string) {
		for part := range strings.SplitSeq(p, "/") {
			if part == "" || part == "." || part == ".." || len(part) > maxPartBytes || len(p) > 1000 {
				return // not a path within a folder
			}
		}
		got := PortablePath(p)
		if err := CheckPath(got); err != nil {
			t.Errorf("%q: %q: %v", p, got, err)
		}
		if CheckPath(p) == nil && got != p {
			t.Errorf("%q became %q", p, got)
		}
	})
}
