// Package gittest makes Git repositories of different shapes for tests: linked worktrees, bare, shallow, sparse and
// partial clones, repositories with submodules, with SHA-256, with odd names, and so on.
//
// Only tests use it. It imports no package of the project, so that another implementation of repo/git can be tested
// with the same shapes. Start with Main, which a package's TestMain calls, and with Shapes.
package gittest

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Identity is the author and the committer of every commit that a test makes.
const (
	Name  = "Ada"
	Email = "ada@example.org"
	Date  = "@1767323045 +0100"
)

// Main runs the tests of a package in an environment that does not depend on the user or the machine, see Isolate. It
// returns the exit status. If Git is not installed, it skips all tests.
func Main(m interface{ Run() int }) int {
	if _, err := exec.LookPath("git"); err != nil {
		fmt.Println("git is not installed: no test is run")
		return 0
	}
	home, done, err := Isolate()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer done()
	templates.dir = filepath.Join(home, "templates")
	return m.Run()
}

// kept lists the variables, or prefixes of variables, that tests keep: where programs and temporary files are, what Go
// needs, and what makes a test larger or names a program for it.
var kept = []string{
	"PATH", "PATHEXT", "TMPDIR", "TMP", "TEMP", "SYSTEMROOT", "COMSPEC", "WINDIR", "GO", "CGO_", "CC",
	"RUNS_TEST_", "RUNS_CRASH_", "RUNS_FAULT", "RUNS_SHARE_", "RUNS_PUSH_", "RUNS_SOURCE_", "RUNS_TRANSITION_",
	"RUNS_INDEX_", "RUNS_HOSTILE", "RUNS_SPECIAL_", "RUNS_BENCH_",
}

// Isolate builds the environment of tests instead of inheriting it: a new home folder, a known configuration of Git, no
// variables of the user's shell, of a scheduler or of a CI system, one locale, one time zone, and one umask. done
// removes the home folder.
func Isolate() (home string, done func(), err error) {
	if home, err = os.MkdirTemp("", "gittest-"); err == nil {
		home, err = filepath.EvalSymlinks(home)
	}
	if err != nil {
		return "", nil, err
	}
	done = func() { _ = os.RemoveAll(home) }
	ceiling, err := filepath.EvalSymlinks(os.TempDir())
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(home))
	}
	keepGo()
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		upper := strings.ToUpper(name)
		keep := slices.ContainsFunc(kept, func(prefix string) bool { return strings.HasPrefix(upper, prefix) })
		if !keep || strings.HasPrefix(upper, "GOOGLE") {
			_ = os.Unsetenv(name)
		}
	}
	config := "[init]\n\tdefaultBranch = main\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n[protocol " +
		"\"file\"]\n\tallow = always\n" +
		"[core]\n\tautocrlf = false\n[advice]\n\tdetachedHead = false\n"
	for name, value := range map[string]string{
		"HOME": home, "USERPROFILE": home, "XDG_CONFIG_HOME": filepath.Join(home, ".config"), "LC_ALL": "C", "TZ": "UTC",
		"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": filepath.Join(home,
			".gitconfig"), "GIT_TERMINAL_PROMPT": "0", "GIT_CEILING_DIRECTORIES": ceiling,
		"GIT_TEMPLATE_DIR": filepath.Join(home, "template"), // without hooks, so that there is less to copy
		"GIT_AUTHOR_NAME":  Name, "GIT_AUTHOR_EMAIL": Email, "GIT_AUTHOR_DATE": Date,
		"GIT_COMMITTER_NAME": Name, "GIT_COMMITTER_EMAIL": Email, "GIT_COMMITTER_DATE": Date,
	} {
		_ = os.Setenv(name, value)
	}
	setUmask()
	err = errors.Join(
		os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(config), 0o600),
		os.Mkdir(filepath.Join(home, "template"), 0o700),
	)
	if err != nil {
		done()
	}
	return home, done, err
}

// keepGo keeps the caches of Go, which are in the home folder of the user, for tests that build a program.
func keepGo() {
	if cache, err := os.UserCacheDir(); err == nil && os.Getenv("GOCACHE") == "" {
		_ = os.Setenv("GOCACHE", filepath.Join(cache, "go-build"))
	}
	if user, err := os.UserHomeDir(); err == nil && os.Getenv("GOPATH") == "" {
		_ = os.Setenv("GOPATH", filepath.Join(user, "go"))
	}
}

// Repository is a repository that a test has made.
type Repository struct {
	Shape
	// Dir is the root of the working tree. In a bare repository it is the Git folder.
	Dir string
	// Base is the folder that contains all files of the repository. Its path has no links.
	Base string
	// Origin is the bare repository that this one was cloned from. It is empty if there is none.
	Origin string
	// First and Head are the two commits of the history. Both are empty before the first commit. First is also empty if
	// the clone lacks it.
	First, Head string
	t           testing.TB
}

// New makes an empty repository in a temporary folder of the test.
func New(t testing.TB, args ...string) *Repository {
	t.Helper()
	return initIn(t, realTempDir(t), args...)
}

func initIn(t testing.TB, base string, args ...string) *Repository {
	t.Helper()
	r := &Repository{Shape: Shape{Name: "new", Branch: "main"}, Base: base, Dir: filepath.Join(base, "project"), t: t}
	Git(t, base, append(append([]string{"init", "-q"}, args...), r.Dir)...)
	return r
}

func realTempDir(t testing.TB) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// Git runs git in a folder and returns its output without the last line break. If git fails, the test fails at once.
func Git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	out, err := Try(dir, args...)
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// Try runs git in a folder and returns its output and error output without the last line break.
func Try(dir string, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return strings.TrimSuffix(string(out), "\n"), err
}

// Git runs git in the repository.
func (r *Repository) Git(args ...string) string {
	r.t.Helper()
	return Git(r.t, r.Dir, args...)
}

// TreeWithoutRuns returns the tree of HEAD without .runs, which no recorded source contains.
func (r *Repository) TreeWithoutRuns() string {
	r.t.Helper()
	var files strings.Builder
	for line := range strings.Lines(r.Git("ls-tree", "HEAD") + "\n") {
		if !strings.HasSuffix(line, "\t.runs\n") {
			files.WriteString(line)
		}
	}
	mktree := exec.Command("git", "mktree")
	mktree.Dir, mktree.Stdin = r.Dir, strings.NewReader(files.String())
	tree, err := mktree.Output()
	if err != nil {
		r.t.Fatalf("git mktree: %v", err)
	}
	return strings.TrimSpace(string(tree))
}

// In returns the same repository for a subtest. Failures are then reported to the subtest.
func (r *Repository) In(t testing.TB) *Repository {
	within := *r
	within.t = t
	return &within
}

// Path returns the path on disk of a file. name is relative to the root, with slashes.
func (r *Repository) Path(name string) string { return filepath.Join(r.Dir, filepath.FromSlash(name)) }

// Write writes a file and makes its parent folders.
func (r *Repository) Write(name, text string) {
	r.t.Helper()
	err := os.MkdirAll(filepath.Dir(r.Path(name)), 0o777)
	if err == nil {
		err = os.WriteFile(r.Path(name), []byte(text), 0o666)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// Read returns the text of a file, or "(none)" if it does not exist.
func (r *Repository) Read(name string) string {
	r.t.Helper()
	data, err := os.ReadFile(r.Path(name))
	if os.IsNotExist(err) {
		return "(none)"
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return string(data)
}

// Commit writes files, adds them even if they are ignored, and commits them with all that is staged. It returns the id
// of the commit.
func (r *Repository) Commit(message string, files map[string]string) string {
	r.t.Helper()
	names := slices.Sorted(maps.Keys(files))
	for _, name := range names {
		r.Write(name, files[name])
	}
	if len(names) > 0 {
		r.Git(append([]string{"--literal-pathspecs", "add", "-f", "--sparse", "--"}, names...)...)
	}
	r.Git("commit", "-q", "--allow-empty", "--no-verify", "-m", message)
	return r.Git("rev-parse", "HEAD")
}

// State returns a text that describes what a user would notice: refs, the index, the working tree, and whether the
// repository is locked. Two states are equal if their texts are equal.
func (r *Repository) State() string {
	r.t.Helper()
	var b strings.Builder
	for _, args := range [][]string{
		{"symbolic-ref", "-q", "HEAD"},
		{"for-each-ref", "--format=%(refname) %(objectname)"},
		{"rev-parse", "-q", "--verify", "HEAD"},
		{"ls-files", "-s", "-z"},
		{"status", "--porcelain", "-z", "--ignored", "--untracked-files=all"},
		{"diff-files", "-p"},
		{"fsck", "--no-dangling", "--connectivity-only"},
	} {
		out, err := Try(r.Dir, args...)
		fmt.Fprintf(&b, "git %s\n%s\n%v\n", args[0], out, err)
	}
	gitDir := r.Git("rev-parse", "--absolute-git-dir")
	for _, pattern := range []string{"*.lock", "refs/*/*.lock"} {
		locks, _ := filepath.Glob(filepath.Join(gitDir, filepath.FromSlash(pattern)))
		fmt.Fprintf(&b, "locks %q\n", locks)
	}
	return b.String()
}
