package gittest

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Generator makes random input for comparisons with Git. It draws from few letters, so that patterns often match.
type Generator struct{ *rand.Rand }

// NewGenerator returns a generator with the seed of RUNS_TEST_SEED, or otherwise with a new one. If the test fails, it
// prints the seed.
func NewGenerator(t testing.TB) Generator {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if given := os.Getenv("RUNS_TEST_SEED"); given != "" {
		var err error
		if seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatalf("RUNS_TEST_SEED: %v", err)
		}
	}
	t.Logf("seed: RUNS_TEST_SEED=%d", seed)
	return Generator{rand.New(rand.NewPCG(seed, 0))}
}

// Count returns the number in an environment variable, or otherwise usual.
func Count(t testing.TB, variable string, usual int) int {
	t.Helper()
	given := os.Getenv(variable)
	if given == "" {
		return usual
	}
	n, err := strconv.Atoi(given)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

// Pick returns one of some texts.
func (g Generator) Pick(of ...string) string { return of[g.IntN(len(of))] }

// Join returns the texts of up to most calls, at least one, with sep in between.
func (g Generator) Join(most int, sep string, text func() string) string {
	parts := make([]string, 1+g.IntN(most))
	for i := range parts {
		parts[i] = text()
	}
	return strings.Join(parts, sep)
}

// FileName returns the name of a file or folder: mostly short and plain, sometimes with what patterns give a meaning
// to.
func (g Generator) FileName() string {
	if g.IntN(4) > 0 {
		return g.Join(3, "", func() string { return g.Pick("a", "b", "c", "ab", "foo", ".c", "A", "1") })
	}
	return "x" + g.Join(4, "", func() string {
		return g.Pick("a", "B", "é", " ", "\\", "*", "?", "[", "]", "!", "#", "-", "^", "z", "\t", "\x7f", "\xff", ":", ".",
			"_", "\"", "=", "~", "\x01", "\v", "9", "F", "G")
	})
}

// FilePath returns a path of up to depth parts.
func (g Generator) FilePath(depth int) string { return g.Join(depth, "/", g.FileName) }

// Pattern returns a pattern of ignore rules or attributes, without an exclamation mark before it.
func (g Generator) Pattern() string {
	switch g.IntN(8) {
	case 0: // exactly a path
		return g.Pick("", "/") + g.FilePath(3) + g.Pick("", "", "/")
	case 1: // an ending
		return "*" + g.FileName() + g.Pick("", "", "/")
	}
	return g.Pick("", "", "/") + g.Join(3, "/", g.patternPart) + g.Pick("", "", "/", "/*", "/**", "//")
}

func (g Generator) patternPart() string {
	return g.Join(4, "", func() string {
		switch g.IntN(10) {
		case 0, 1:
			return g.Pick("*", "?", "**", "***")
		case 2:
			return g.set()
		case 3:
			return "\\" + g.Pick("a", "b", "A", "*", "?", "[", "!", "#", " ", "\\", "/", "z")
		case 4:
			return g.FileName()
		}
		return g.Pick("a", "b", "c", "ab", "foo", ".c", "A", "1")
	})
}

// set returns a set of characters, and sometimes what only looks like one.
func (g Generator) set() string {
	inner := g.Join(3, "", func() string {
		switch g.IntN(8) {
		case 0:
			return "[:" + g.Pick("alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
				"upper", "xdigit", "none", "", "a]b") + g.Pick(":]", ":]", ":]", "]", ":")
		case 1:
			return "\\" + g.Pick("a", "]", "-", "\\", "[", "Z")
		case 2:
			return g.Pick("a", "A", "0", "\\a", " ", "\x01") + "-" + g.Pick("c", "z", "Z", "9", "\\c", "]", "\xff", "-")
		}
		return g.Pick("a", "b", "c", "A", "-", "]", "[", "/", "!", "^", ".", "é", "*", "x")
	})
	return "[" + g.Pick("", "", "!", "^") + g.Pick("", "", "", "]") + inner + g.Pick("]", "]", "]", "]", "]", "]", "")
}

// Matching returns a path that a pattern may match: with something in the place of its wildcards, also slashes.
func (g Generator) Matching(pattern string) string {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; c {
		case '*':
			b.WriteString(g.Pick("", "", "a", "ab", "/", "x/", "/y"))
		case '?':
			b.WriteString(g.Pick("a", "b", "/", "z"))
		case '[':
			end := strings.IndexByte(pattern[i+1:], ']')
			b.WriteString(g.Pick("a", "b", "A", "z", "-", "]", "/", "!", "1", pattern[i:i+1+max(end, 0)]))
			i += 1 + max(end, 0)
		case '\\':
		default:
			b.WriteByte(c)
		}
	}
	parts := slices.DeleteFunc(strings.Split(b.String(), "/"), func(part string) bool {
		return part == "" || part == "." || part == ".." || strings.EqualFold(part, ".git")
	})
	if len(parts) == 0 {
		return "a"
	}
	return strings.Join(parts, "/")
}
