package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/gitruns/runs/"

// mayImport says which floors each floor stands on.
var mayImport = map[string][]string{
	"cmd":    {"cmd", "diff", "repo", "format", "python"},
	"diff":   {"diff", "format"},
	"repo":   {"repo", "diff", "format"},
	"format": {"format"},
	"python": {},
}

// notBelow are packages that only some floors may use, by the prefix of the import and of the folder that may.
var notBelow = map[string][]string{
	"github.com/spf13/cobra":   {"cmd/runs"},
	"github.com/go-git/go-git": {"repo/git"},
	// What these cost at start-up is why runs-store is a program of its own.
	"gocloud.dev":            {"cmd/runs-store"},
	"github.com/aws/":        {"cmd/runs-store"},
	"github.com/Azure/":      {"cmd/runs-store"},
	"cloud.google.com/":      {"cmd/runs-store"},
	"google.golang.org/api/": {"cmd/runs-store"},
}

// TestLayers holds the house together: arrows between the floors point down only, and only repo/git talks to git.
func TestLayers(t *testing.T) {
	root := filepath.Join("..", "..")
	seen := 0
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "testdata" || name != root && strings.HasPrefix(entry.Name(), ".") && entry.Name() != "..") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		seen++
		checkFile(t, root, filepath.ToSlash(rel))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 20 {
		t.Errorf("only %d files were looked at", seen)
	}
}

func checkFile(t *testing.T, root, file string) {
	dir := path.Dir(file)
	floor, _, _ := strings.Cut(dir, "/")
	allowed, ok := mayImport[floor]
	if !ok {
		t.Errorf("%s: %s is not one of the floors", file, floor)
		return
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		t.Error(err)
		return
	}
	for _, spec := range parsed.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Error(err)
			continue
		}
		if below, ok := strings.CutPrefix(name, module); ok {
			if to, _, _ := strings.Cut(below, "/"); !slices.Contains(allowed, to) {
				t.Errorf("%s: %s may not import %s", file, floor, name)
			}
		}
		for prefix, dirs := range notBelow {
			if strings.HasPrefix(name, prefix) && !slices.ContainsFunc(dirs, func(d string) bool { return strings.HasPrefix(dir, d) }) {
				t.Errorf("%s may not import %s", file, name)
			}
		}
	}
}

// TestPackagesSayWhatTheyAre: every package opens with a sentence.
func TestPackagesSayWhatTheyAre(t *testing.T) {
	documented := map[string]bool{}
	for _, floor := range []string{"cmd", "diff", "repo", "format", "python"} {
		root := filepath.Join("..", "..", floor)
		err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
			if os.IsNotExist(err) {
				return nil
			}
			if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return err
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.PackageClauseOnly|parser.ParseComments)
			if err != nil {
				return err
			}
			dir := filepath.Dir(name)
			documented[dir] = documented[dir] || parsed.Doc != nil && strings.Contains(parsed.Doc.Text(), ".")
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s: no file of the package says what it is", dir)
		}
	}
}
