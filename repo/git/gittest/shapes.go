package gittest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Shape is a kind of repository that code must work in.
type Shape struct {
	Name   string
	Branch string // the branch that is checked out; empty if HEAD is detached

	// The properties of the shape. Several may be true.
	Unborn, Bare, Linked, Shallow, Sparse, Partial, SHA256 bool

	make func(r *Repository)
}

// Submodule is the path of the submodule in the shape that has one.
const Submodule = "lib"

// OddBranch is the branch of the shape with odd names.
const OddBranch = "ödd/na'ï\"ve-$x@#"

// RunID is the id of the run that is in the history of every shape. RunFile is the path of its record, and RunText the
// text of the record.
const (
	RunID   = "20260102-000000-aaaaaaaa"
	RunFile = ".runs/2026-01-02/" + RunID + "/run.toml"
	RunText = "schema = 1\nid = \"" + RunID + "\"\nname = \"first\"\nstatus = \"finished\"\n" +
		"started = 2026-01-02T00:00:00Z\nended = 2026-01-02T00:01:00Z\n\n"
)

// first and second are the files of the two commits.
var (
	first = map[string]string{
		"README": "one\n", "docs/guide": "guide\n", "src/old.py": "old\n",
		"src/train.py": "print(1)\n", ".runs/config.toml": "", "a/.runs/x": "x\n",
	}
	second = map[string]string{"README": "two\n", "src/new.py": "new\n", RunFile: RunText}
)

// oddNames are file names that break code that reads Git's output line by line.
var oddNames = []string{
	" first", "last ", "two words", "q\"uote", "ap'os", "back\\slash", "tab\there", "new\nline", "ünï", "\xff\xfe",
	"-dash", ":(glob)**",
	"star*", "[a]", "#hash", "~tilde", "$x", "deep er/ä b/-c",
}

// Shapes returns all shapes.
func Shapes() []Shape {
	return []Shape{
		{Name: "plain", Branch: "main", make: func(r *Repository) { r.history() }},
		{Name: "unborn", Branch: "main", Unborn: true, make: func(*Repository) {}},
		{Name: "detached", make: func(r *Repository) {
			r.history()
			r.Git("checkout", "-q", "--detach")
		}},
		{Name: "packed refs", Branch: "main", make: func(r *Repository) {
			r.history()
			r.Git("tag", "-a", "-m", "tag", "v1")
			r.Git("gc", "-q", "--prune=now")
			r.Git("pack-refs", "--all", "--prune")
		}},
		{Name: "SHA-256", Branch: "main", SHA256: true, make: func(r *Repository) { r.history() }},
		{Name: "odd names", Branch: OddBranch, make: func(r *Repository) {
			r.history()
			r.Git("checkout", "-q", "-b", OddBranch)
			files := map[string]string{}
			for _, name := range oddNames {
				// Some file systems refuse some of the names.
				if os.MkdirAll(filepath.Dir(r.Path(name)), 0o777) == nil && os.WriteFile(r.Path(name), []byte(name), 0o666) == nil {
					files[name] = name
				}
			}
			r.Head = r.Commit("odd names", files)
		}},
		{Name: "linked worktree", Branch: "side", Linked: true, make: func(r *Repository) {
			r.history()
			linked := filepath.Join(r.Base, "linked")
			r.Git("worktree", "add", "-q", "-b", "side", linked)
			r.Dir = linked
		}},
		{Name: "worktree of a bare repository", Branch: "main", Linked: true, make: func(r *Repository) {
			r.history()
			bare, linked := filepath.Join(r.Base, "bare.git"), filepath.Join(r.Base, "linked")
			r.Git("clone", "-q", "--bare", r.Dir, bare)
			Git(r.t, bare, "worktree", "add", "-q", linked, "main")
			r.Dir = linked
		}},
		{Name: "separate git folder", Branch: "main", make: func(r *Repository) {
			r.history()
			r.Git("init", "-q", "--separate-git-dir", filepath.Join(r.Base, "elsewhere.git"))
		}},
		{Name: "bare", Branch: "main", Bare: true, make: func(r *Repository) {
			r.history()
			bare := filepath.Join(r.Base, "bare.git")
			r.Git("clone", "-q", "--bare", r.Dir, bare)
			r.Dir = bare
		}},
		{Name: "clone", Branch: "main", make: func(r *Repository) { r.clone() }},
		{Name: "shallow clone", Branch: "main", Shallow: true, make: func(r *Repository) {
			r.clone("--depth=1")
			r.First = ""
		}},
		{Name: "partial clone", Branch: "main", Partial: true, make: func(r *Repository) { r.clone("--filter=blob:none") }},
		{Name: "sparse checkout", Branch: "main", Sparse: true, make: func(r *Repository) {
			r.history()
			r.Git("sparse-checkout", "set", "--cone", "src")
		}},
		{Name: "submodule", Branch: "main", make: func(r *Repository) {
			lib := &Repository{Base: r.Base, Dir: filepath.Join(r.Base, "lib"), t: r.t}
			Git(r.t, r.Base, "init", "-q", lib.Dir)
			lib.Commit("lib", map[string]string{"lib.py": "lib\n"})
			r.Git("submodule", "add", "-q", lib.Dir, Submodule)
			r.history()
		}},
	}
}

// Make makes a repository of the shape for a test. Git makes the first repository of a shape. The others are copies of
// it.
func (s Shape) Make(t testing.TB) *Repository {
	t.Helper()
	r := *s.template(t)
	template := r
	r.t, r.Base = t, realTempDir(t)
	r.Dir = r.Base + strings.TrimPrefix(template.Dir, template.Base)
	if r.Origin != "" {
		r.Origin = r.Base + strings.TrimPrefix(template.Origin, template.Base)
	}
	if err := copyTree(r.Base, template.Base); err != nil {
		t.Fatal(err)
	}
	if !r.Bare && !r.Unborn { // the copied files are not the ones that the index has seen
		r.Git("update-index", "-q", "--refresh")
	}
	return &r
}

func (s Shape) template(t testing.TB) *Repository {
	t.Helper()
	templates.Lock()
	defer templates.Unlock()
	template, ok := templates.made[s.Name]
	if !ok {
		template = s.makeIn(t, filepath.Join(templates.dir, s.Name))
		templates.made[s.Name] = template
	}
	return template
}

func (s Shape) makeIn(t testing.TB, base string) *Repository {
	t.Helper()
	if err := os.MkdirAll(base, 0o777); err != nil {
		t.Fatal(err)
	}
	var args []string
	if s.SHA256 {
		args = append(args, "--object-format=sha256")
	}
	r := initIn(t, base, args...)
	r.Shape = s
	s.make(r)
	return r
}

// Named returns the shape called name.
func Named(t testing.TB, name string) Shape {
	t.Helper()
	for _, s := range Shapes() {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no shape has the name %q", name)
	return Shape{}
}

// Each runs a test in a repository of every shape, several at a time. So the test must not change the environment.
func Each(t *testing.T, test func(t *testing.T, r *Repository)) {
	t.Helper()
	for _, s := range Shapes() {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			test(t, s.Make(t))
		})
	}
}

// history makes the two commits, which add, change and remove files.
func (r *Repository) history() {
	r.t.Helper()
	r.First = r.Commit("first", first)
	r.Git("rm", "-q", "src/old.py")
	r.Head = r.Commit("second", second)
}

// clone makes the history in a bare repository and replaces the working tree with a clone of it.
func (r *Repository) clone(args ...string) {
	r.t.Helper()
	r.history()
	r.Origin = filepath.Join(r.Base, "origin.git")
	r.Git("clone", "-q", "--bare", r.Dir, r.Origin)
	for _, key := range []string{"uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"} {
		Git(r.t, r.Origin, "config", key, "true")
	}
	clone := filepath.Join(r.Base, "clone")
	Git(r.t, r.Base, append(append([]string{"clone", "-q"}, args...), "file://"+filepath.ToSlash(r.Origin), clone)...)
	r.Dir = clone
}
