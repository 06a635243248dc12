package repo

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
)

// What a record says about a submodule comes from a stranger: nothing is written where the source has no submodule, no
// other tree passes, and no address runs a program.
func TestHostileSubmodules(t *testing.T) {
	p := &project{t, rand.New(rand.NewPCG(1, 1)), filepath.Join(t.TempDir(), "project")}
	if err := os.Mkdir(p.dir, 0o777); err != nil {
		t.Fatal(err)
	}
	p.git("init", "-q", "-b", "main")
	p.write("train.py", []byte("x\n"))
	if err := os.MkdirAll(p.path("empty"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/", p.path("link")); err != nil {
		t.Skip(err)
	}
	p.git("add", "-A")
	p.git("commit", "-q", "-m", "first")
	p.addSubmodule()
	r, _, err := Init(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	recorded, err := start(t, r).record()
	if err != nil {
		t.Fatal(err)
	}
	if len(recorded.Source.Submodules) != 1 {
		t.Fatalf("%+v", recorded.Source)
	}
	absent := strings.Repeat("ab", 20)
	pwned := filepath.Join(t.TempDir(), "pwned")
	for name, change := range map[string]func(*format.Submodule){
		"no submodule there": func(s *format.Submodule) { s.Path = "empty" },
		"a file":             func(s *format.Submodule) { s.Path = "train.py" },
		"below a link":       func(s *format.Submodule) { s.Path = "link/tmp" },
		"another commit":     func(s *format.Submodule) { s.Commit = absent },
		"another tree":       func(s *format.Submodule) { s.Tree = absent },
		"a missing patch":    func(s *format.Submodule) { s.Patches = []string{strings.Repeat("cd", 32)} },
		"a program":          func(s *format.Submodule) { s.Base, s.URL = absent, "ext::sh -c touch% "+pwned },
		"an option":          func(s *format.Submodule) { s.Base, s.URL = absent, "--upload-pack=touch "+pwned },
		"an ssh option":      func(s *format.Submodule) { s.Base, s.URL = absent, "ssh://-oProxyCommand=touch "+pwned+"/x" },
		"a local path":       func(s *format.Submodule) { s.Base, s.URL = absent, p.dir },
		"no address":         func(s *format.Submodule) { s.Base, s.URL = absent, "" },
		"redacted":           func(s *format.Submodule) { s.Redacted = true },
	} {
		run := *recorded
		source := *recorded.Source
		run.Source = &source
		source.Submodules = []format.Submodule{recorded.Source.Submodules[0]}
		change(&source.Submodules[0])
		dir := filepath.Join(t.TempDir(), "restored")
		done, err := r.CheckOut(t.Context(), &run, dir)
		if err != nil || len(done.Submodules) != 1 {
			t.Errorf("%s: %v, %+v", name, err, done)
			continue
		}
		if exists(filepath.Join(dir, "lib", "lib.py")) || exists(filepath.Join(dir, "empty", "lib.py")) {
			t.Errorf("%s: a file was written", name)
		}
		if !exists(filepath.Join(dir, "train.py")) {
			t.Errorf("%s: the project is missing", name)
		}
	}
	if exists(pwned) {
		t.Error("a program ran")
	}
}
