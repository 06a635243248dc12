package capture

import (
	"strings"

	"github.com/gitruns/runs/format"
)

// Omits returns a function that reports whether a recorded source lacks an untracked file, because a pattern excludes
// it or because it was left out. The path is relative to the root, with slashes; size is in bytes.
func Omits(config *format.Config, s *format.Source) func(path string, size int64) bool {
	exclude := newExcluder(append(
		format.DefaultExclude[:len(format.DefaultExclude):len(format.DefaultExclude)], config.Source.Exclude...,
	))
	omitted := map[string]bool{}
	if s != nil {
		for _, o := range s.Omitted {
			if o.Reason != format.OmittedExcluded {
				omitted[o.Path] = true
			}
		}
	}
	return func(path string, size int64) bool {
		if size > config.Source.MaxFile || exclude.match(path) != "" || omitted[printable(path)] {
			return true
		}
		for at := path; ; {
			i := strings.LastIndexByte(at, '/')
			if i < 0 {
				return omitted["/"] || omitted["*"] && at == path
			}
			if at == path && omitted[printable(at[:i]+"/*")] || omitted[printable(at[:i]+"/")] {
				return true
			}
			at = at[:i]
		}
	}
}

// Matcher returns a function that reports whether one of some patterns, as in .gitignore, matches a file or folder. The
// path has slashes.
func Matcher(patterns []string) func(path string, folder bool) bool {
	e := newExcluder(patterns)
	return func(path string, folder bool) bool {
		if folder {
			return e.matchFolder(path) != ""
		}
		return e.match(path) != ""
	}
}
