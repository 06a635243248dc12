package registry

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/query"
)

// project is a clone of a project for tests.
type project struct {
	*testing.T
	dir string
	*Registry
}

func (p project) git(args ...string) string {
	p.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = p.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func newProject(t *testing.T, from string) project {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	p := project{T: t, dir: filepath.Join(t.TempDir(), "p")}
	if err := os.Mkdir(p.dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if from == "" {
		p.git("init", "-q", "-b", "main")
	} else {
		p.git("clone", "-q", from, ".")
	}
	p.git("config", "user.name", "Ada")
	p.git("config", "user.email", "ada@example.org")
	p.git("config", "commit.gpgSign", "false")
	r, _, err := repo.Init(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	if from == "" {
		p.git("add", ".runs")
		p.git("commit", "-qm", "start")
	}
	p.Registry = Open(r)
	return p
}

// content is a model that no run has: the registry does not look for it before Verify.
func content(n int) *Content {
	return NewContent(fmt.Sprintf("20261130-080000-%08d", n), "model", []format.Artifact{
		{Path: "model/w", SHA256: fmt.Sprintf("%064x", n), Bytes: int64(n)},
	})
}

// TestClonesRegister: 100 registrations in each of two clones, and promotions in one, merge in any order without a
// conflict. Doubled numbers are named and healed, and nothing that was promoted shifts.
func TestClonesRegister(t *testing.T) {
	ctx := context.Background()
	a := newProject(t, "")
	b := newProject(t, a.dir)
	const each = 100
	for i := range each {
		for side, p := range []project{a, b} {
			if _, _, err := p.Register(ctx, "taxi", content(side*each+i+1), Registration{}); err != nil {
				t.Fatal(err)
			}
			if rand.IntN(10) == 0 {
				p.git("add", ".runs/models")
				p.git("commit", "-qm", "more")
			}
		}
	}
	promoted, _, err := a.Promote(ctx, "taxi@7", "production", Promotion{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []project{a, b} {
		p.git("add", ".runs/models")
		p.git("commit", "-qm", "rest", "--allow-empty")
	}
	b.git("pull", "-q", "--no-rebase", "--no-edit")
	m, err := b.Model(ctx, "taxi")
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Versions) != 2*each || len(m.Doubled()) != each || len(m.Damaged) > 0 {
		t.Fatalf("%d versions, %d doubled, damaged %v", len(m.Versions), len(m.Doubled()), m.Damaged)
	}
	var none *query.NotFoundError
	_, _, err = b.Resolve(ctx, "taxi@7")
	if !errors.As(err, &none) || !strings.Contains(err.Error(), "several versions") {
		t.Error(err)
	}
	changed, _, err := b.Renumber(ctx, "taxi")
	if err != nil || len(changed) != each {
		t.Fatal(len(changed), err)
	}
	if m, err = b.Model(ctx, "taxi"); err != nil || len(m.Doubled()) > 0 || m.Latest().Number != 2*each {
		t.Fatal(m.Doubled(), m.Latest().Number, err)
	}
	v, _, err := b.Resolve(ctx, "taxi@production")
	if err != nil || v.Random != promoted.Random {
		t.Error(v, err)
	}
	if v, _, err = b.Resolve(ctx, promoted.Exact()); err != nil || v.Random != promoted.Random {
		t.Error(v, err)
	}
}

// TestLostFiles: files that no commit has survive 'git clean' and 'git stash', and those of another branch do not come
// back.
func TestLostFiles(t *testing.T) {
	ctx := context.Background()
	p := newProject(t, "")
	if _, _, err := p.Register(ctx, "taxi", content(1), Registration{}); err != nil {
		t.Fatal(err)
	}
	p.git("stash", "-qu")
	if _, err := p.Model(ctx, "taxi"); err != nil {
		t.Error(err)
	}
	p.git("stash", "pop", "-q")
	p.git("clean", "-fdq")
	_, done, err := p.Register(ctx, "taxi", content(2), Registration{})
	if err != nil || len(done.Restored) != 2 {
		t.Fatalf("restored %v: %v", done.Restored, err)
	}
	p.git("checkout", "-q", "-b", "side")
	p.git("add", ".runs/models")
	p.git("commit", "-qm", "taxi")
	p.git("checkout", "-q", "main")
	var none *NoModelError
	if _, err := p.Model(ctx, "taxi"); !errors.As(err, &none) {
		t.Error("the model of another branch is here", err)
	}
	p.git("checkout", "-q", "side")
	if m, err := p.Model(ctx, "taxi"); err != nil || len(m.Versions) != 2 {
		t.Error(m, err)
	}
	if err := os.RemoveAll(filepath.Join(p.dir, ".runs", "models")); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Model(ctx, "taxi"); !errors.As(err, &none) {
		t.Error("a committed model that was deleted is here", err)
	}
	p.git("checkout", "-q", ".")

	// Whoever takes a commit back wants its files gone, although nothing saw the commit.
	p.git("tag", "before")
	if _, _, err := p.Promote(ctx, "taxi@1", "production", Promotion{}); err != nil {
		t.Fatal(err)
	}
	p.git("add", ".runs/models")
	p.git("commit", "-qm", "promote")
	p.git("reset", "-q", "--hard", "before")
	if m, err := p.Model(ctx, "taxi"); err != nil || len(m.Stages) != 0 {
		t.Error("a promotion that was taken back is here", m, err)
	}
	if _, done, err := p.Alias(ctx, "taxi@2", "champion", ""); err != nil || len(done.Restored) != 0 {
		t.Error(done, err)
	}
	p.git("stash", "-qu") // what no commit has comes back
	p.git("stash", "drop", "-q")
	if m, err := p.Model(ctx, "taxi"); err != nil || m.Aliases["champion"] == nil {
		t.Error(m, err)
	}
}

// TestStageOrder: of several versions in a stage, the file names the one that was promoted last first.
func TestStageOrder(t *testing.T) {
	ctx := context.Background()
	p := newProject(t, "")
	for i := range 3 {
		if _, _, err := p.Register(ctx, "taxi", content(i+1), Registration{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct{ version, order string }{{"2", "2"}, {"1", "12"}, {"3", "312"}, {"2", "231"}} {
		if _, _, err := p.Promote(ctx, "taxi@"+step.version, "production", Promotion{Beside: true}); err != nil {
			t.Fatal(err)
		}
		m, err := p.Model(ctx, "taxi")
		if err != nil {
			t.Fatal(err)
		}
		order := ""
		for _, id := range m.Stages["production"].Versions {
			order += fmt.Sprint(id.Number)
		}
		if order != step.order {
			t.Errorf("after promoting %s: %s, want %s", step.version, order, step.order)
		}
	}
	if _, done, err := p.Promote(ctx, "taxi@2", "production", Promotion{Beside: true}); err != nil || !done.Empty() {
		t.Error("the same promotion was written again", done, err)
	}
}

// TestRemovedWorktree: what was registered in a linked worktree survives its removal, and what was promoted does not.
func TestRemovedWorktree(t *testing.T) {
	ctx := context.Background()
	p := newProject(t, "")
	dir := filepath.Join(t.TempDir(), "w")
	p.git("worktree", "add", "-q", dir)
	r, err := repo.Find(dir)
	if err != nil {
		t.Fatal(err)
	}
	w := Open(r)
	if _, _, err := w.Register(ctx, "taxi", content(1), Registration{}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Promote(ctx, "taxi@1", "production", Promotion{}); err != nil {
		t.Fatal(err)
	}
	var none *NoModelError
	if _, err := p.Model(ctx, "taxi"); !errors.As(err, &none) {
		t.Error("the registration of another worktree is here", err)
	}
	p.git("worktree", "remove", "--force", dir)
	m, err := p.Model(ctx, "taxi")
	if err != nil || len(m.Versions) != 1 || len(m.Stages) != 0 {
		t.Fatal(m, err)
	}
	_, done, err := p.Register(ctx, "taxi", content(2), Registration{})
	if err != nil || len(done.Restored) != 2 {
		t.Error(done, err)
	}
}

// TestHostile: a damaged or hostile file of the registry is named, and hides no other; nothing is written through
// links.
func TestHostile(t *testing.T) {
	ctx := context.Background()
	p := newProject(t, "")
	for i := range 2 {
		if _, _, err := p.Register(ctx, "taxi", content(i+1), Registration{}); err != nil {
			t.Fatal(err)
		}
	}
	models := filepath.Join(p.dir, ".runs", "models")
	write := func(name, text string) {
		t.Helper()
		file := filepath.Join(models, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("taxi/stages/production.toml", "schema = 1\nversions = [\"9-zzzzzzzz\"]\ntime = 2026-11-30T08:00:00Z\n")
	write("taxi/stages/../aliases/..toml", "x")
	write("taxi/aliases/latest.toml", "schema = 1\nversion = \"1-00000000\"\ntime = 2026-11-30T08:00:00Z\n")
	write("taxi/versions/3-00000000.toml", "schema = 1\nversion = 3\nrun = \"../../etc/passwd\"\n")
	write("taxi/notes/x.toml", strings.Repeat("[a]\n", 100_000))
	write("other/model.toml", "schema = 1\nmodel = \"taxi\"\n")
	write("loop/model.toml", "schema = 1\nmodel = \"loop\"\nrenamed = \"pool\"\n")
	write("pool/model.toml", "schema = 1\nmodel = \"pool\"\nrenamed = \"loop\"\n")
	list, damaged, err := p.Models(ctx)
	if err != nil || len(list) != 1 || len(damaged) != 1 {
		t.Fatalf("%d models, damaged %v: %v", len(list), damaged, err)
	}
	if n := len(list[0].Versions); n != 2 {
		t.Errorf("%d versions", n)
	}
	var wrong []string
	problems, err := list[0].Verify(ctx, func(context.Context, string) (*repo.Entry, error) {
		return nil, errors.New("no such run")
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		wrong = append(wrong, problem.Error())
	}
	for _, want := range []string{
		"stages/production.toml: it names version 9-zzzzzzzz, which does not exist", "aliases/latest.toml",
		"versions/3-00000000.toml", "notes/x.toml", "no such run",
	} {
		if !slices.ContainsFunc(wrong, func(s string) bool { return strings.Contains(s, want) }) {
			t.Errorf("%q is not among %q", want, wrong)
		}
	}
	outside := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(models, "link")); err != nil {
		t.Skip("links cannot be made: ", err)
	}
	if _, _, err := p.Register(ctx, "link", content(3), Registration{}); err == nil {
		t.Error("a version was written through a link")
	}
	if entries, _ := os.ReadDir(outside); len(entries) > 0 {
		t.Error("a file was written outside the project")
	}
}
