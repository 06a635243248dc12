package repo

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/format"
)

// The law of the source: check out(capture(x)) = x, for generated trees in every state that a working tree can be in,
// and capture changes nothing in the repository.

// project is a git repository under test.
type project struct {
	*testing.T
	random *rand.Rand
	dir    string
}

func (p *project) git(args ...string) string {
	p.Helper()
	out, err := p.tryGit(args...)
	if err != nil {
		p.Fatalf("git %q: %v", args, err)
	}
	return out
}

func (p *project) tryGit(args ...string) (string, error) {
	cmd := exec.Command(
		"git",
		append(
			[]string{
				"-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "protocol.file.allow=always", "-c",
				"commit.gpgSign=false", "-c", "advice.detachedHead=false",
			},
			args...,
		)...,
	)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, stderr.String())
	}
	return string(out), err
}

func (p *project) path(name string) string { return filepath.Join(p.dir, filepath.FromSlash(name)) }

func (p *project) write(name string, data []byte) {
	p.Helper()
	path := p.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return // a file is where a folder should be
	}
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		_ = os.RemoveAll(path)
	}
	if err := os.WriteFile(path, data, 0o666); err != nil {
		p.Fatal(err)
	}
}

var sourceNames = []string{
	"train.py", "model/net.py", "model/deep/er/x.py", "a", "a b", "späße.txt", "tab\tname", "new\nline", "quote\"d",
	"back\\slash",
	"\xff\xfebytes", "-dash", ":colon", "*star*", "[x]", "sub/.gitignore", "data/x.bin", "run.sh", "cfg/a.toml",
	"cfg/b.toml", "link",
	"dir/file", "dir2/only", "x.ignored", "ignored/file", "keep/inner.ignored", "é/ü", ".hidden", ".gitattributes",
	"A", "notes.md",
}

func (p *project) content() []byte {
	r := p.random
	switch r.IntN(6) {
	case 0:
		return nil
	case 1:
		b := make([]byte, r.IntN(5000))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	case 2:
		return []byte("no newline at the end")
	case 3:
		return []byte("crlf\r\nlines\r\n  trailing  \t\n\n\n")
	}
	var b strings.Builder
	for i := range r.IntN(40) {
		fmt.Fprintf(&b, "line %d %d\n", i, r.IntN(4))
	}
	return []byte(b.String())
}

func (p *project) name() string { return sourceNames[p.random.IntN(len(sourceNames))] }

// step changes the working tree or the index in one way.
func (p *project) step() {
	name := p.name()
	path := p.path(name)
	switch p.random.IntN(14) {
	case 0, 1, 2, 3:
		if name == "sub/.gitignore" || name == ".gitattributes" {
			p.write(name, []byte([]string{"*.tmp\n", "x\n", ""}[p.random.IntN(3)]))
			return
		}
		p.write(name, p.content())
	case 4:
		_, _ = p.tryGit("add", "-A")
	case 5:
		_, _ = p.tryGit("add", "-f", "--", ":(literal)"+name)
	case 6:
		_ = os.RemoveAll(path)
	case 7:
		_, _ = p.tryGit("rm", "-q", "--cached", "-r", "--", ":(literal)"+name)
	case 8:
		if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() {
			_ = os.Chmod(path, info.Mode().Perm()^0o111)
		}
	case 9:
		_ = os.RemoveAll(path)
		if os.MkdirAll(filepath.Dir(path), 0o777) == nil {
			_ = os.Symlink(
				[]string{"train.py", "/etc/passwd", "../outside", "model", "nowhere"}[p.random.IntN(5)], path,
			)
		}
	case 10:
		_ = os.RemoveAll(path)
		p.write(name+"/below/"+strconv.Itoa(p.random.IntN(3)), p.content())
	case 11:
		_, _ = p.tryGit("update-index", []string{"--assume-unchanged", "--skip-worktree"}[p.random.IntN(2)], "--", name)
		p.write(name, p.content())
	case 12:
		_, _ = p.tryGit("add", "-N", "--", ":(literal)"+name)
	case 13:
		_, _ = p.tryGit("mv", "-k", name, "moved-"+strconv.Itoa(p.random.IntN(3)))
	}
}

// settings that must not change what is captured.
var userSettings = [][2]string{
	{"diff.noprefix", "true"},
	{"diff.mnemonicPrefix", "true"},
	{"apply.whitespace", "fix"},
	{"apply.ignoreWhitespace", "change"},
	{"color.ui", "always"},
	{"core.abbrev", "4"},
	{"core.quotePath", "false"},
	{"diff.external", "false"},
	{"diff.algorithm", "histogram"},
	{"diff.renames", "copies"},
	{"diff.context", "0"},
	{"diff.interHunkContext", "20"},
	{"diff.orderFile", ".gitignore"},
	{"core.safecrlf", "true"},
	{"diff.submodule", "log"},
	{"diff.ignoreSubmodules", "all"},
	{"status.showUntrackedFiles", "no"},
	{"core.whitespace", "cr-at-eol"},
	{"core.splitIndex", "true"},
	{"index.version", "4"},
	{"core.untrackedCache", "true"},
	{"diff.suppressBlankEmpty", "true"},
	{"core.compression", "0"},
	{"diff.relative", "true"},
	{"core.commentChar", "-"},
	{"blame.ignoreRevsFile", "x"},
	{"diff.wsErrorHighlight", "all"},
	{"diff.colorMoved", "zebra"},
}

// newProject makes a repository with some commits, in the state that the kind names.
func newProject(t *testing.T, seed uint64) (*project, string) {
	p := &project{t, rand.New(rand.NewPCG(seed, 4)), filepath.Join(t.TempDir(), "project")}
	if err := os.Mkdir(p.dir, 0o777); err != nil {
		t.Fatal(err)
	}
	kinds := []string{
		"plain", "unborn", "detached", "remote", "amended", "merge", "rebase", "cherry-pick", "worktree", "shallow",
		"sparse", "partial", "submodule", "sha256", "subfolder",
	}
	kind := kinds[seed%uint64(len(kinds))]
	p.git(
		append(
			[]string{"init", "-q", "-b", "main"},
			map[bool][]string{true: {"--object-format=sha256"}}[kind == "sha256"]...,
		)...,
	)
	for range p.random.IntN(4) {
		s := userSettings[p.random.IntN(len(userSettings))]
		p.git("config", s[0], s[1])
	}
	p.write(".gitignore", []byte("*.ignored\nignored/\n"))
	if kind == "unborn" {
		return p, kind
	}
	for range 12 {
		p.write(p.name(), p.content())
	}
	p.write("both", []byte("1\n2\n3\n"))
	p.write(".gitattributes", nil)
	p.git("add", "-A")
	p.git("commit", "-q", "-m", "first")
	if p.random.IntN(2) == 0 { // committed runs are in no tree
		p.write(".runs/2026-01-01/x/run.toml", []byte("x\n"))
		p.write("deep/.runs/config.toml", []byte("x\n"))
		p.git("add", "-f", ".runs", "deep/.runs")
		p.git("commit", "-q", "-m", "runs")
	}
	switch kind {
	case "detached":
		p.git("checkout", "-q", "--detach")
	case "remote", "amended", "shallow", "sparse", "partial":
		p.clone(kind)
	case "merge", "rebase", "cherry-pick":
		p.conflict(kind)
	case "worktree":
		p.git("worktree", "add", "-q", "-b", "other", p.dir+"-linked")
		p.dir += "-linked"
	case "submodule":
		p.addSubmodule()
	}
	return p, kind
}

func (p *project) clone(kind string) {
	p.git("config", "uploadpack.allowFilter", "true")
	p.git("config", "uploadpack.allowAnySHA1InWant", "true")
	to := p.dir + "-clone"
	args := map[string][]string{
		"shallow": {"--depth=1"}, "sparse": {"--sparse"}, "partial": {"--filter=blob:none"},
	}[kind]
	p.git("clone", "-q", "--bare", ".", p.dir+".git")
	p.git(append(append([]string{"clone", "-q"}, args...), "file://"+p.dir+".git", to)...)
	p.dir = to
	if kind == "sparse" {
		p.git("sparse-checkout", "set", "model", "cfg")
	}
	if kind == "shallow" {
		p.git("remote", "remove", "origin") // as in CI: no branch of a remote at hand
	}
	p.git("checkout", "-q", "-b", "feature")
	for range 2 {
		for range 3 {
			p.step()
		}
		_, _ = p.tryGit("add", "-A")
		_, _ = p.tryGit("commit", "-q", "-m", "work")
	}
}

func (p *project) conflict(kind string) {
	p.git("checkout", "-q", "-b", "other")
	p.write("both", []byte("1\nother\n3\n"))
	p.git("commit", "-q", "-a", "-m", "other")
	p.git("checkout", "-q", "main")
	p.write("both", []byte("1\nmain\n3\n"))
	p.git("commit", "-q", "-a", "-m", "main")
	args := map[string][]string{
		"merge": {"merge", "other"}, "rebase": {"rebase", "other"}, "cherry-pick": {"cherry-pick", "other"},
	}[kind]
	if out, err := p.tryGit(args...); err == nil {
		p.Fatalf("no conflict: %s", out)
	}
}

func (p *project) addSubmodule() {
	lib := &project{p.T, p.random, p.dir + "-lib"}
	if err := os.Mkdir(lib.dir, 0o777); err != nil {
		p.Fatal(err)
	}
	lib.git("init", "-q", "-b", "main")
	lib.write("lib.py", []byte("x\n"))
	lib.git("add", "-A")
	lib.git("commit", "-q", "-m", "lib")
	p.git("submodule", "--quiet", "add", lib.dir, "lib")
	p.git("commit", "-q", "-m", "with a submodule")
}

// files are what lies below dir: path to kind and content.
func files(t *testing.T, dir string, skip map[string]bool) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if rel != "." && (entry.Name() == ".git" || entry.IsDir() && entry.Name() == ".runs" || skip[rel]) {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		switch {
		case entry.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			found[rel] = "link " + target
			return err
		case entry.IsDir():
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		found[rel] = fmt.Sprintf("file %v %q", info.Mode()&0o100 != 0, data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// everything is a digest of each file of the git folder, but what belongs to runs.
func (p *project) everything() map[string]string {
	found := map[string]string{}
	dir := strings.TrimSpace(p.git("rev-parse", "--path-format=absolute", "--git-common-dir"))
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, path)
		if err != nil || rel == "runs" || rel == "refs/runs" || entry.IsDir() && path != dir && entry.Name() == "runs" {
			return errorOrSkip(err)
		}
		if entry.IsDir() {
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		found[rel] = fmt.Sprintf("%x", sha256.Sum256(data))
		if rel == "index" { // git touches objects that it meets again, as it does for a status
			found[rel] += info.ModTime().String()
		}
		return err
	})
	if err != nil {
		p.Fatal(err)
	}
	return found
}

func errorOrSkip(err error) error {
	if err != nil {
		return err
	}
	return fs.SkipDir
}

func TestCheckOutReturnsWhatWasCaptured(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	states := 45
	if n, err := strconv.Atoi(os.Getenv("RUNS_SOURCE_STATES")); err == nil {
		states = n
	}
	for seed := range uint64(states) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			captureAndCheckOut(t, seed)
		})
	}
}

func captureAndCheckOut(t *testing.T, seed uint64) {
	p, kind := newProject(t, seed)
	for range p.random.IntN(14) {
		p.step()
	}
	if kind == "remote" && p.random.IntN(2) == 0 {
		_, _ = p.tryGit("rm", "-q", "-r", "--cached", ".")
	}
	root := p.dir
	if kind == "subfolder" {
		root = p.path("projects/one")
		if err := os.MkdirAll(root, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	r, _, err := Init(root)
	if err != nil {
		t.Fatal(err)
	}
	skip := map[string]bool{}
	for name := range strings.SplitSeq(p.git("ls-files", "-z", "-o", "-i", "--exclude-standard"), "\x00") {
		skip[strings.TrimSuffix(name, "/")] = true
	}
	before := p.everything()
	a := start(t, r)
	if d := cmp.Diff(before, p.everything()); d != "" {
		t.Errorf("%s: capture changed the repository:\n%s", kind, d)
	}
	run, err := a.record()
	if err != nil {
		t.Fatal(err)
	}
	if missing := run.Source.Missing(); missing != "" {
		t.Errorf("%s: %s: %+v", kind, missing, run.Source)
	}
	want := files(t, p.dir, skip)
	if kind == "sparse" {
		for name := range want {
			if strings.HasPrefix(name, "lib/") {
				delete(want, name)
			}
		}
	}
	if kind == "amended" || kind == "remote" { // a fresh clone, after the branch is gone
		fresh := p.dir + "-fresh"
		p.git("clone", "-q", strings.TrimSuffix(p.dir, "-clone")+".git", fresh)
		if err := os.CopyFS(
			filepath.Join(fresh, ".runs", "sources"), os.DirFS(filepath.Join(r.Dir, "sources")),
		); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if r, _, err = Init(fresh); err != nil {
			t.Fatal(err)
		}
	}
	dir := p.dir + "-restored"
	if _, err := r.CheckOut(t.Context(), run, dir); err != nil {
		t.Fatalf("%s: %v\n%s", kind, err, p.git("status"))
	}
	got := files(t, dir, nil)
	if kind == "sparse" { // files outside the cone are in the tree, not on disk
		for name := range got {
			if _, ok := want[name]; !ok && !slices.ContainsFunc(
				[]string{"model/", "cfg/"}, func(in string) bool { return strings.HasPrefix(name, in) },
			) {
				delete(got, name)
			}
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s: what was restored differs:\n%s\n%s", kind, d, p.git("status"))
	}
	if run.Source.Commit == "" || kind == "amended" || kind == "remote" || kind == "sparse" {
		return
	}
	linked := p.dir + "-worktree"
	if _, _, err := r.CheckOutWorktree(t.Context(), run, linked); err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	if d := cmp.Diff(want, files(t, linked, nil)); d != "" {
		t.Errorf("%s: the worktree differs:\n%s", kind, d)
	}
}

// start begins a run with its origin.
func start(t *testing.T, r *Repository) *Active {
	t.Helper()
	run := &format.Run{}
	warnings, err := r.Origin(t.Context(), run, OriginRequest{Dir: r.Root})
	if err != nil {
		t.Fatal(err)
	}
	if run.Source == nil || run.Source.Tree == "" {
		t.Fatalf("no source was captured: %v", warnings)
	}
	a, err := r.Start(t.Context(), run, format.OwnerDetached)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
