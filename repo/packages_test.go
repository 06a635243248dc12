package repo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
)

// TestRestorePackages: the source of an editable package comes back verified, and the record of a stranger cannot write
// elsewhere, run a program or have another source taken for it.
func TestRestorePackages(t *testing.T) {
	lib := &project{T: t, dir: t.TempDir()}
	lib.git("init", "-q", "-b", "main")
	lib.write("py/lib.py", []byte("one\n"))
	if err := os.Symlink("/", lib.path("link")); err != nil {
		t.Skip(err)
	}
	lib.git("add", "-A")
	lib.git("commit", "-q", "-m", "first")
	commit := strings.TrimSpace(lib.git("rev-parse", "HEAD"))
	tree := strings.TrimSpace(lib.git("rev-parse", "HEAD^{tree}"))
	p := &project{T: t, dir: t.TempDir()}
	p.git("init", "-q", "-b", "main")
	r, _, err := Init(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	good := format.Package{Name: "lib", Folder: "py", Part: format.Part{Commit: commit, Base: commit, Tree: tree}}
	file := &format.EnvironmentFile{Editable: []format.Editable{{Name: "lib", Path: lib.dir + "/py"}}}
	absent := strings.Repeat("ab", 20)
	pwned := filepath.Join(t.TempDir(), "pwned")
	for name, change := range map[string]func(*format.Package){
		"":                func(*format.Package) {},
		"another tree":    func(s *format.Package) { s.Tree = absent },
		"a missing patch": func(s *format.Package) { s.Patches = []string{strings.Repeat("cd", 32)} },
		"a program":       func(s *format.Package) { s.Base, s.URL = absent, "ext::sh -c touch% "+pwned },
		"an option":       func(s *format.Package) { s.Base, s.URL = absent, "--upload-pack=touch "+pwned },
		"a local path":    func(s *format.Package) { s.Base, s.URL = absent, lib.dir },
		"no address":      func(s *format.Package) { s.Base, s.URL = absent, "" },
		"redacted":        func(s *format.Package) { s.Redacted = true },
		"elsewhere":       func(s *format.Package) { s.Name = "../lib" },
		"a folder":        func(s *format.Package) { s.Name = "a/lib" },
		"an option of it": func(s *format.Package) { s.Name = "-r" },
		"through a link":  func(s *format.Package) { s.Folder = "link/etc" },
	} {
		one := good
		change(&one)
		dir := t.TempDir()
		run := &format.Run{Source: &format.Source{Packages: []format.Package{one}}}
		places, restored, failed := r.restorePackages(t.Context(), run, file, dir)
		if name == "" {
			data, err := os.ReadFile(filepath.Join(places["lib"], "lib.py"))
			if err != nil || string(data) != "one\n" || len(restored) != 1 || len(failed) != 0 {
				t.Errorf("%q %v %v", data, err, failed)
			}
			continue
		}
		left, err := filepath.Glob(filepath.Join(dir, packagesName, "*"))
		if err != nil || len(failed) != 1 || len(places) != 0 || len(left) != 0 || exists(pwned) {
			t.Errorf("%s: %v, %v, %v", name, places, failed, left)
		}
	}
}
