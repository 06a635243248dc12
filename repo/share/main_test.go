package share

import (
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/git/gittest"
)

func TestMain(m *testing.M) { os.Exit(gittest.Main(m)) }

// Runs of the tests. The first one is in the history of every shape.
const (
	runA = gittest.RunID
	runB = "20260103-000000-bbbbbbbb"
	runC = "20260103-000000-cccccccc"
	runD = "20260103-000000-dddddddd"
	runE = "20260103-000000-eeeeeeee"
)

// project is a repository of runs in a repository of Git.
type project struct {
	*gittest.Repository
	t    *testing.T
	runs *repo.Repository
	open *git.Trees // set by trees
}

// newProject makes a project of a shape. Its .runs folder is set up and not committed, but for what every shape has.
func newProject(t *testing.T, shape string) *project {
	t.Helper()
	return projectOf(t, gittest.Named(t, shape).Make(t))
}

func projectOf(t *testing.T, r *gittest.Repository) *project {
	t.Helper()
	runs, _, err := repo.Init(r.Dir)
	check(t, err)
	p := &project{Repository: r, t: t, runs: runs}
	if os.Getenv("RUNS_TEST_WITHOUT_GIT") != "" {
		p.hideGit()
	}
	return p
}

// hideGit makes all that the runs are asked for work as if git were not installed.
func (p *project) hideGit() {
	if p.SHA256 {
		p.t.Skip("only git reads it")
	}
	p.runs.Git = p.runs.Git.WithoutProgram()
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func equalLists(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// record is a valid run.toml of a finished run.
func record(t *testing.T, id string, change ...func(*format.Run)) []byte {
	t.Helper()
	run := &format.Run{
		ID: id, Status: format.Finished,
		Started: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), Ended: time.Date(2026, 1, 2, 0, 1, 0, 0, time.UTC),
	}
	for _, c := range change {
		c(run)
	}
	data, err := format.EncodeRun(run)
	check(t, err)
	return data
}

// environment is a shared file, and the change of a record that names it.
func environment(t *testing.T, os string) (name string, data []byte, use func(*format.Run)) {
	t.Helper()
	data, digest, err := format.EncodeEnvironment(&format.EnvironmentFile{OS: os, Arch: "amd64"})
	check(t, err)
	return "environments/" + digest +
		".toml", data, func(run *format.Run) { run.Environment = &format.Environment{Digest: digest, OS: os, Arch: "amd64"} }
}

// add makes a finished run in the working tree.
func (p *project) add(id string, change ...func(*format.Run)) {
	p.t.Helper()
	p.Write(path.Join(".runs", runPath(id), repo.RecordName), string(record(p.t, id, change...)))
}

// share makes a shared file in the working tree.
func (p *project) share(name string, data []byte) {
	p.t.Helper()
	_, err := p.runs.StoreShared(name, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
	check(p.t, err)
}

// note is a valid file of a note.
func note(t *testing.T, text string) []byte {
	t.Helper()
	data, err := format.EncodeNote(&format.Note{Time: time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC), Text: text})
	check(t, err)
	return data
}

// noteName is a name that a file of a note may have.
func noteName(i int) string {
	return fmt.Sprintf("20260105-00000%d.000000-aaaa.toml", i)
}

// trees opens the trees of the project until its test ends.
func (p *project) trees() *git.Trees {
	p.t.Helper()
	if p.open == nil {
		var err error
		p.open, err = git.OpenTrees(context.Background(), p.runs.Git)
		check(p.t, err)
		p.t.Cleanup(p.open.Close)
	}
	return p.open
}

// blob stores a text in Git.
func (p *project) blob(text string) string {
	p.t.Helper()
	file := filepath.Join(p.Base, "blob")
	check(p.t, os.WriteFile(file, []byte(text), 0o666))
	return p.Git("hash-object", "-w", "--no-filters", file)
}

// commitTree makes a commit that changes files, named from the root; nil as text removes one. It moves nothing.
func (p *project) commitTree(parents []string, files map[string]any) string {
	p.t.Helper()
	tree := ""
	if len(parents) > 0 {
		tree = parents[0]
	}
	trees := p.trees()
	var edits []git.Edit
	for name, text := range files {
		switch text := text.(type) {
		case nil:
			edits = append(edits, git.Edit{Path: name})
		case string:
			edits = append(edits, git.Edit{Path: name, Mode: "100644", ID: p.blob(text)})
		case []byte:
			edits = append(edits, git.Edit{Path: name, Mode: "100644", ID: p.blob(string(text))})
		case git.Edit: // of another mode
			text.Path = name
			edits = append(edits, text)
		}
	}
	tree, err := trees.Edit(tree, edits)
	check(p.t, err)
	if len(edits) == 0 {
		tree += "^{tree}"
	}
	if tree == "" {
		tree, err = trees.Empty()
		check(p.t, err)
	}
	commit, err := git.WriteCommit(p.t.Context(), p.runs.Git, git.CommitObject{
		Tree: tree, Parents: parents,
		Message: "test\n",
	})
	check(p.t, err)
	return commit
}

// files lists the files of a commit below .runs.
func (p *project) files(commit string) []string {
	p.t.Helper()
	var names []string
	for name := range strings.SplitSeq(p.Git("ls-tree", "-r", "-z", "--name-only", commit), "\x00") {
		if name, ok := strings.CutPrefix(name, ".runs/"); ok {
			names = append(names, name)
		}
	}
	return names
}

// in is the path of a file of a run from the root.
func in(id, name string) string { return path.Join(".runs", runPath(id), name) }

func isIn(names []string, name string) bool { return slices.Contains(names, name) }

// ownWork gives the user a staged change, one that is not staged, and a file that Git does not know.
func (p *project) ownWork() string {
	p.t.Helper()
	p.Write("staged.txt", "staged\n")
	p.Git("add", "--sparse", "staged.txt")
	p.Write("src/train.py", "print(2)\n")
	p.Write("untracked.txt", "mine\n")
	return p.userStatus()
}

// userStatus is what Git prints of the user's own work: all but .runs.
func (p *project) userStatus() string {
	p.t.Helper()
	return p.Git("status", "--porcelain", "--untracked-files=all", "--", ".", ":(exclude).runs")
}

// onBranch returns a branch that is checked out, offBranch one that is not.
func onBranch(name, tip string) localBranch {
	return localBranch{name: name, tip: tip, seen: tip, checkedOut: true}
}

func offBranch(name, tip string) localBranch { return localBranch{name: name, tip: tip, seen: tip} }
