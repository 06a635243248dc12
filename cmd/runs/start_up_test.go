package main

import (
	"go/ast"
	"go/parser"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// slowToStart lists packages that the program must not contain, with the reason. A package of the program is
// initialized on every call, and `runs log` in a run takes only a few milliseconds.
var slowToStart = map[string]string{
	"net/http":                         "it brings TLS and HTTP/2; cmd/internal/http1 serves the page",
	"crypto/tls":                       "only runs-store and runs-https talk to servers by themselves",
	"github.com/parquet-go/parquet-go": "it brings brotli, net/http and protobuf; use format/internal/parquet",
	"github.com/andybalholm/brotli":    "it brings net/http",
	"google.golang.org/protobuf":       "it reads the program's own file at the start; use repo/importer",
	"github.com/twpayne/go-geom":       "nothing needs it",
	"github.com/go-git/go-git":         "the program runs Git",
	"github.com/zricethezav/gitleaks":  "it takes 5 ms; repo/secret has rules of its own",
	"encoding/gob":                     "it registers its types at the start",
	"html/template":                    "it makes tables at the start",
	"expvar":                           "it brings net/http",
	"testing":                          "only tests need it",
}

// TestProgramStartsFast checks that the program has none of the packages that take long to initialize.
func TestProgramStartsFast(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("go is not installed")
	}
	list := exec.Command("go", "list", "-deps", ".")
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	packages := strings.Fields(string(out))
	if !slices.Contains(packages, "github.com/spf13/cobra") {
		t.Fatalf("go list printed %d packages without cobra", len(packages))
	}
	for _, name := range packages {
		for slow, reason := range slowToStart {
			if name == slow || strings.HasPrefix(name, slow+"/") {
				t.Errorf("the program contains %s: %s", name, reason)
			}
		}
	}
}

// TestNothingIsMadeAtTheStart checks that no package compiles a regular expression or makes a table when it is
// initialized: sync.OnceValue makes it when it is needed.
func TestNothingIsMadeAtTheStart(t *testing.T) {
	for _, file := range sources(t, ".go", "cmd/runs", "cmd/internal", "repo", "diff", "format", "python") {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, call := range madeAtTheStart(t, file, nil) {
			t.Errorf("%s calls %s at the start", file, call)
		}
	}
	source := []byte("package p\nimport \"regexp\"\nvar a = regexp.MustCompile(`x`)\n" +
		"var b = func() any { return regexp.MustCompile(`y`) }\nvar c = []any{crc32.MakeTable(crc32.Castagnoli)}\n")
	if got := madeAtTheStart(t, "a.go", source); !slices.Equal(got, []string{"regexp.MustCompile", "crc32.MakeTable"}) {
		t.Errorf("got %q", got)
	}
}

// madeAtTheStart lists the calls that a file makes when its package is initialized and that take long.
func madeAtTheStart(t *testing.T, file string, source []byte) (calls []string) {
	for _, declared := range parse(t, file, source, parser.SkipObjectResolution).Decls {
		if _, ok := declared.(*ast.FuncDecl); ok {
			continue
		}
		ast.Inspect(declared, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if f, ok := call.Fun.(*ast.SelectorExpr); ok {
					if in, ok := f.X.(*ast.Ident); ok {
						name := in.Name + "." + f.Sel.Name
						if slices.Contains([]string{"regexp.MustCompile", "crc32.MakeTable", "template.Must"}, name) {
							calls = append(calls, name)
						}
					}
				}
			}
			_, later := n.(*ast.FuncLit)
			return !later
		})
	}
	return calls
}
