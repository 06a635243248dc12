package main

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/gitruns/runs/"

// mayImport lists the floors that each floor may import: cmd -> repo -> diff -> format.
var mayImport = map[string][]string{
	"cmd":    {"cmd", "repo", "diff", "format", "python"},
	"repo":   {"repo", "diff", "format"},
	"diff":   {"diff", "format"},
	"format": {"format"},
	"python": {},
}

// onlyIn lists packages that only some folders may import: the prefix of the import, and the prefixes of the folders.
var onlyIn = map[string][]string{
	"github.com/spf13/cobra":   {"cmd/runs"},
	"github.com/go-git/go-git": {"repo/git"},
	// What format reads, it reads within its bounds.
	"github.com/BurntSushi/toml": {"format"},
	// What these cost at start-up is why runs-store is a program of its own.
	"gocloud.dev":            {"cmd/runs-store"},
	"github.com/aws/":        {"cmd/runs-store"},
	"github.com/Azure/":      {"cmd/runs-store"},
	"cloud.google.com/":      {"cmd/runs-store"},
	"google.golang.org/api/": {"cmd/runs-store"},
}

// TestLayers checks that imports between the floors point down only, that only repo/git starts git or hashes its
// objects, and that only format reads TOML.
func TestLayers(t *testing.T) {
	files := sources(t, ".go", "cmd", "repo", "diff", "format", "python")
	for _, file := range files {
		for _, violation := range violations(t, file, nil) {
			t.Errorf("%s may not %s", file, violation)
		}
	}
	if len(files) < 200 {
		t.Errorf("only %d files were checked", len(files))
	}
}

// TestLayersAreGuarded checks the check: each kind of violation is found.
func TestLayersAreGuarded(t *testing.T) {
	for _, c := range []struct{ file, source, want string }{
		{"diff/a.go", `import "github.com/gitruns/runs/repo"`, "import github.com/gitruns/runs/repo"},
		{"repo/a.go", `import "github.com/gitruns/runs/diff"`, ""},
		{"format/a.go", `import "github.com/gitruns/runs/diff"`, "import github.com/gitruns/runs/diff"},
		{"repo/a.go", `import "github.com/gitruns/runs/cmd/runs"`, "import github.com/gitruns/runs/cmd/runs"},
		{"repo/a.go", `import "github.com/spf13/cobra"`, "import github.com/spf13/cobra"},
		{"cmd/runs/a.go", `import "github.com/BurntSushi/toml"`, "import github.com/BurntSushi/toml"},
		{"cmd/runs/a.go", `import "gocloud.dev/blob"`, "import gocloud.dev/blob"},
		{"cmd/runs/a.go", `import "os/exec"; var x = exec.Command("git", "init")`, "start git"},
		{"repo/share/a.go", `import run "os/exec"; var x = run.CommandContext(nil, "git")`, "start git"},
		{"repo/share/a.go", `import "os/exec"; const name = "git"; var x = exec.Command(name)`, "start git"},
		{"cmd/runs/a_test.go", `import "os/exec"; var x = exec.Command("git", "init")`, ""},
		{"repo/git/a.go", `import "os/exec"; var x = exec.Command("git")`, ""},
		{"cmd/runs/a.go", `var x = exec.Command("git")`, ""},
		{"repo/share/a.go", `var header = "blob %d\x00"`, "hash the objects of git"},
		{"repo/git/a.go", `var header = "blob %d\x00"`, ""},
		{"tool/a.go", "", "be on a floor of its own"},
	} {
		got := violations(t, c.file, []byte("package p\n"+c.source))
		if c.want == "" && len(got) > 0 || c.want != "" && !slices.Equal(got, []string{c.want}) {
			t.Errorf("%s: %s: got %q, want %q", c.file, c.source, got, c.want)
		}
	}
}

// violations lists what a file may not do and does. The source is read from the file if it is nil.
func violations(t *testing.T, file string, source []byte) (found []string) {
	dir := path.Dir(file)
	floor, _, _ := strings.Cut(dir, "/")
	allowed, ok := mayImport[floor]
	if !ok {
		return []string{"be on a floor of its own"}
	}
	parsed := parse(t, file, source, parser.SkipObjectResolution)
	execName := ""
	for _, spec := range parsed.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		to, _, _ := strings.Cut(strings.TrimPrefix(name, module), "/")
		refused := strings.HasPrefix(name, module) && !slices.Contains(allowed, to)
		for prefix, dirs := range onlyIn {
			inside := slices.ContainsFunc(dirs, func(d string) bool { return strings.HasPrefix(dir, d) })
			refused = refused || strings.HasPrefix(name, prefix) && !inside
		}
		if refused {
			found = append(found, "import "+name)
		}
		if name == "os/exec" {
			execName = "exec"
			if spec.Name != nil {
				execName = spec.Name.Name
			}
		}
	}
	if strings.HasSuffix(file, "_test.go") || strings.HasPrefix(dir, "repo/git") {
		return found
	}
	texts := literals(t, parsed)
	if execName != "" && slices.ContainsFunc(texts, func(l literal) bool { return l.text == "git" }) {
		found = append(found, "start git")
	}
	if slices.ContainsFunc(texts, func(l literal) bool { return strings.HasPrefix(l.text, "blob ") }) {
		found = append(found, "hash the objects of git")
	}
	return found
}

// TestPackagesAreDocumented checks that every package opens with a sentence.
func TestPackagesAreDocumented(t *testing.T) {
	documented := map[string]bool{}
	for _, file := range sources(t, ".go", "cmd", "repo", "diff", "format", "python") {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		doc := parse(t, file, nil, parser.PackageClauseOnly|parser.ParseComments).Doc
		dir := path.Dir(file)
		documented[dir] = documented[dir] || doc != nil && strings.Contains(doc.Text(), ".")
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s: no file has a package comment", dir)
		}
	}
}

// root is the top of the repository.
var root = filepath.Join("..", "..")

// sources lists the files under the folders whose names end so, by their slash-separated paths from the root.
func sources(t *testing.T, suffix string, folders ...string) (files []string) {
	t.Helper()
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join(root, folder), func(name string, entry fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist): // Python writes and removes files while this runs
				return nil
			case err != nil:
				return err
			case entry.IsDir() && (entry.Name() == "testdata" || strings.HasPrefix(entry.Name(), ".")):
				return fs.SkipDir
			case entry.IsDir() || !strings.HasSuffix(name, suffix):
				return nil
			}
			rel, err := filepath.Rel(root, name)
			files = append(files, filepath.ToSlash(rel))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// parse parses a Go file of the repository. The source is read from the file if it is nil.
func parse(t *testing.T, file string, source []byte, mode parser.Mode) *ast.File {
	t.Helper()
	if source == nil {
		source = read(t, file)
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, source, mode)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// literal is a string literal of a file.
type literal struct {
	pos  token.Pos // 1 is the first byte of the file
	text string
}

// literals lists the string literals of a file that parse returned.
func literals(t *testing.T, file *ast.File) (found []literal) {
	t.Helper()
	ast.Inspect(file, func(node ast.Node) bool {
		if n, ok := node.(*ast.BasicLit); ok && n.Kind == token.STRING {
			text, err := strconv.Unquote(n.Value)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, literal{n.Pos(), text})
		}
		return true
	})
	return found
}
