package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestHouseQuotes checks that each message that a page explains is in the source. The messages are headings in code
// font, and the first column of tables below "Message contains". What … separates may come from several places.
func TestHouseQuotes(t *testing.T) {
	messages := []string{"permission denied", "read-only file system", "no space left on device"} // of the system
	for _, file := range sources(t, ".go", "cmd", "repo", "diff", "format") {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, l := range literals(t, parse(t, file, read(t, file), parser.SkipObjectResolution)) {
			messages = append(messages, l.text)
		}
	}
	seen := 0
	for _, name := range []string{"troubleshooting", "stores"} {
		for _, quote := range quotes(string(read(t, "cmd/runs/docs/"+name+".md"))) {
			for part := range strings.SplitSeq(quote, "…") {
				part = strings.TrimSpace(part)
				if !slices.ContainsFunc(messages, func(m string) bool { return strings.Contains(m, part) }) {
					t.Errorf("%s.md explains %q, which no message contains", name, quote)
				}
				seen++
			}
		}
	}
	if seen < 40 {
		t.Errorf("only %d messages were checked", seen)
	}
}

// quotes returns the messages that a page explains.
func quotes(page string) []string {
	var found []string
	quoted := regexp.MustCompile("`([^`]+)`")
	table := false
	for line := range strings.Lines(page) {
		table = strings.HasPrefix(line, "| Message contains") || table && strings.HasPrefix(line, "|")
		switch {
		case table:
			_, cell, _ := strings.Cut(line, "|")
			line, _, _ = strings.Cut(cell, "|")
		case !strings.HasPrefix(line, "### "):
			continue
		}
		for _, m := range quoted.FindAllStringSubmatch(line, -1) {
			found = append(found, m[1])
		}
	}
	return found
}

func TestQuotes(t *testing.T) {
	got := quotes("# `a`\n\n### `b …`, `c`\n\n`d`\n\n" +
		"| Message contains | Do |\n|---|---|\n| `e` | `f` |\n\n| g | h |\n|---|---|\n| `i` | j |\n")
	if want := []string{"b …", "c", "e"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestHouseReadme checks that README.md stays short, and shows what runs prints at once.
func TestHouseReadme(t *testing.T) {
	lines := strings.Split(strings.TrimRight(string(read(t, "README.md")), "\n"), "\n")
	if len(lines) > 170 {
		t.Errorf("README.md has %d lines, more than 170: move details to the pages", len(lines))
	}
	for _, command := range []string{"$ runs ls", "$ runs diff "} {
		at := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, command) })
		if at < 0 || at >= 40 {
			t.Errorf("README.md does not show the output of %q in its first 40 lines", command)
		}
	}
}

// TestArchitectureNames checks that the functions that the page about architecture names exist.
func TestArchitectureNames(t *testing.T) {
	names := regexp.MustCompile("`(repo|share|review|diff)\\.([A-Z]\\w+)(?:\\.([A-Z]\\w+))?`")
	folders := map[string]string{"repo": "repo", "share": "repo/share", "review": "repo/review", "diff": "diff"}
	matches := names.FindAllStringSubmatch(string(read(t, "cmd/runs/docs/architecture.md")), -1)
	for _, m := range matches {
		if !declares(t, folders[m[1]], m[2], m[3]) {
			t.Errorf("architecture.md names %s, which does not exist", m[0])
		}
	}
	if len(matches) < 4 {
		t.Errorf("only %d names were checked", len(matches))
	}
}

// declares reports whether a package has a function or type, and if method is not empty, that method of the type.
func declares(t *testing.T, folder, name, method string) bool {
	for _, file := range sources(t, ".go", folder) {
		if path.Dir(file) != folder || strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, d := range parse(t, file, read(t, file), parser.SkipObjectResolution).Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if method == "" && d.Recv == nil && d.Name.Name == name ||
					method != "" && d.Recv != nil && d.Name.Name == method && receiver(d) == name {
					return true
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					if s, ok := s.(*ast.TypeSpec); ok && d.Tok == token.TYPE && method == "" && s.Name.Name == name {
						return true
					}
				}
			}
		}
	}
	return false
}

func receiver(f *ast.FuncDecl) string {
	kind := f.Recv.List[0].Type
	if star, ok := kind.(*ast.StarExpr); ok {
		kind = star.X
	}
	if ident, ok := kind.(*ast.Ident); ok {
		return ident.Name
	}
	return ""
}
