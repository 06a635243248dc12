package view

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git/gittest"
)

// watched is a project in Git and a view of it.
type watched struct {
	t      *testing.T
	git    *gittest.Repository
	repo   *repo.Repository
	view   *View
	cursor string

	troubled bool // the test makes the runs unreadable for a time, after which everything is read again
}

func watch(t *testing.T, o Options, runs ...string) *watched {
	t.Helper()
	w := &watched{t: t, git: gittest.New(t)}
	w.git.Commit("first", map[string]string{"a.py": "1\n"})
	r, _, err := repo.Setup(w.git.Dir)
	if err != nil {
		t.Fatal(err)
	}
	w.repo = r
	for _, name := range runs {
		w.finish(w.start(name))
	}
	w.open(o)
	return w
}

func (w *watched) open(o Options) {
	w.t.Helper()
	v, err := Open(w.t.Context(), w.repo, o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(v.Close)
	w.view = v
	w.cursor = w.project().Cursor
}

func (w *watched) project() *Project {
	w.t.Helper()
	p, err := w.view.Project(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *watched) start(name string) *repo.Active {
	w.t.Helper()
	a, err := w.repo.Start(w.t.Context(), &format.Run{Name: name}, format.OwnerDetached)
	if err != nil {
		w.t.Fatal(err)
	}
	w.log(a, "loss", 1)
	return a
}

func (w *watched) log(a *repo.Active, key string, value float64) {
	w.t.Helper()
	if err := a.AppendShared(&format.Line{Metrics: []format.MetricValue{{Key: key, Value: value}}}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watched) finish(a *repo.Active) {
	w.t.Helper()
	if _, err := a.Finish(w.t.Context(), repo.Finish{Status: format.Finished}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watched) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		w.t.Fatal(err)
	}
}

// next returns the first change that is wanted. Others may come before it, such as points before the record.
func (w *watched) next(wanted func(c *Changes) bool) *Changes {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	for {
		w.view.watch.mu.Lock()
		w.view.watch.asked = time.Time{} // Git is asked without a pause
		w.view.watch.mu.Unlock()
		c, err := w.view.Changes(ctx, w.cursor)
		if err != nil {
			w.t.Fatalf("no change came: %v", err)
		}
		w.cursor = c.Cursor
		if c.Reset && w.project().Problem == "" && !w.troubled {
			w.t.Fatal("the cursor is not known")
		}
		if c.Reset || wanted(c) {
			return c
		}
	}
}

func is(want string, list func(c *Changes) []string) func(c *Changes) bool {
	return func(c *Changes) bool { return slices.Contains(list(c), want) }
}

func added(c *Changes) []string   { return c.Added }
func changed(c *Changes) []string { return c.Changed }
func removed(c *Changes) []string { return c.Removed }
func grown(c *Changes) []string   { return c.Points }

func ofProject(c *Changes) bool { return c.Project }

func (w *watched) shown(id string) *repo.Entry {
	for _, e := range w.view.Entries() {
		if e.ID == id {
			return e
		}
	}
	return nil
}

// A run appears, gets points, ends, is annotated and is removed, while a view is open.
func TestChangesOfARun(t *testing.T) {
	w := watch(t, Options{}, "old")
	a := w.start("new")
	w.next(is(a.ID, added))
	old := w.view.Entries()[1] // which was looked at again, because it was just recorded
	if p := w.project(); p.Runs != 2 || p.Active != 1 {
		t.Errorf("%d runs, %d active", p.Runs, p.Active)
	}
	w.log(a, "loss", 0.5)
	w.next(is(a.ID, grown))
	for w.shown(a.ID).Metrics["loss"].Count != 2 {
		w.next(is(a.ID, changed))
	}
	w.finish(a)
	for w.shown(a.ID).Active != nil {
		w.next(is(a.ID, changed))
	}
	if p := w.project(); p.Active != 0 {
		t.Errorf("%d active", p.Active)
	}
	if err := w.shown(a.ID).Annotate(&format.Note{Tags: map[string]string{"good": "yes"}}); err != nil {
		t.Fatal(err)
	}
	w.next(is(a.ID, changed))
	if w.shown(a.ID).Tags["good"] != "yes" {
		t.Errorf("tags %v", w.shown(a.ID).Tags)
	}
	if err := w.shown(a.ID).Annotate(&format.Note{Text: "more"}); err != nil { // the folder of notes is there already
		t.Fatal(err)
	}
	for !strings.Contains(w.shown(a.ID).Note, "more") {
		w.next(is(a.ID, changed))
	}
	if err := os.MkdirAll(filepath.Join(w.repo.Dir, repo.RemovedName), 0o777); err != nil {
		t.Fatal(err)
	}
	w.write(filepath.Join(w.repo.Dir, repo.RemovedName, a.ID), "")
	w.next(is(a.ID, removed))
	if w.shown(a.ID) != nil {
		t.Error("a removed run is shown")
	}
	if err := os.Remove(filepath.Join(w.repo.Dir, repo.RemovedName, a.ID)); err != nil {
		t.Fatal(err)
	}
	w.next(is(a.ID, added))
	if err := os.RemoveAll(w.repo.RunDir(a.ID)); err != nil { // as 'git clean -fdx' does; the common store has a copy
		t.Fatal(err)
	}
	for e := w.shown(a.ID); e == nil || !e.Common; e = w.shown(a.ID) {
		w.next(func(*Changes) bool { return true })
	}
	if err := w.repo.Remove(t.Context(), []*repo.Entry{w.shown(a.ID)}, nil); err != nil {
		t.Fatal(err)
	}
	for w.shown(a.ID) != nil {
		w.next(is(a.ID, removed))
	}
	if w.view.Entries()[0] != old {
		t.Error("a run that did not change was read again")
	}
}

// A damaged run is named, hides no other, and is shown again when it is repaired.
func TestDamageAppearsAndGoes(t *testing.T) {
	w := watch(t, Options{}, "one", "two")
	id := w.view.Entries()[0].ID
	file := filepath.Join(w.repo.RunDir(id), repo.RecordName)
	record, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	w.write(file, "schema = <html>")
	w.next(is(id, removed))
	if p := w.project(); p.Runs != 1 || len(p.Damaged) != 1 || p.Damaged[0].ID != id {
		t.Errorf("%+v", p)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	w.write(file, string(record))
	w.next(is(id, added))
	if p := w.project(); p.Runs != 2 || len(p.Damaged) != 0 {
		t.Errorf("%+v", p)
	}
}

// When the folder vanishes, the view keeps what it had and says so. It goes on when the folder is back.
func TestTheFolderVanishes(t *testing.T) {
	w := watch(t, Options{}, "one")
	w.troubled = true
	away := w.repo.Dir + "-away"
	if err := os.Rename(w.repo.Dir, away); err != nil {
		t.Fatal(err)
	}
	w.next(ofProject)
	if p := w.project(); p.Runs != 1 || !strings.Contains(p.Problem, "no longer exists") {
		t.Errorf("%+v", p)
	}
	if err := os.Rename(away, w.repo.Dir); err != nil {
		t.Fatal(err)
	}
	if c := w.next(ofProject); !c.Reset {
		t.Errorf("what could not be read meanwhile is not read again: %+v", c)
	}
	if p := w.project(); p.Runs != 1 || p.Problem != "" {
		t.Errorf("%+v", p)
	}
	a := w.start("two")
	w.next(is(a.ID, added))
}

// Settings are read again. While they are not valid, the view says so and keeps the ones before.
func TestSettingsChange(t *testing.T) {
	w := watch(t, Options{}, "one")
	w.troubled = true
	file := filepath.Join(w.repo.Dir, "config.toml")
	config, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	w.write(file, "schema = [")
	w.next(ofProject)
	if p := w.project(); !strings.Contains(p.Problem, "config.toml") || p.Runs != 1 {
		t.Errorf("%+v", p)
	}
	w.write(file, "primary = \"accuracy\"\n"+string(config))
	for w.project().Problem != "" {
		w.next(ofProject)
	}
	if p := w.project(); p.Primary != "accuracy" {
		t.Errorf("the primary metric is %q", p.Primary)
	}
}

// What the view was opened for holds for later runs too.
func TestOnlyChosenRunsAppear(t *testing.T) {
	w := watch(t, Options{Where: "loss < 0.9"}, "one")
	if n := w.project().Runs; n != 0 {
		t.Errorf("%d runs", n)
	}
	a := w.start("two")
	b := w.start("three")
	w.log(b, "loss", 0.1)
	w.next(is(b.ID, added))
	if w.shown(a.ID) != nil {
		t.Error("a run that does not match is shown")
	}
	w.log(a, "loss", 0.1)
	w.next(is(a.ID, added))
}

// A branch is shown without a checkout, and what is committed to it appears.
func TestRevisionMoves(t *testing.T) {
	w := watch(t, Options{}, "one")
	id := w.view.Entries()[0].ID
	w.git.Git("add", "-f", ".runs/"+format.IDDay(id))
	w.git.Git("commit", "-q", "-m", "one")
	w.git.Git("branch", "other")
	w.git.Git("rm", "-q", "-r", "--cached", ".runs/"+format.IDDay(id))
	w.git.Git("commit", "-q", "-m", "none")
	at, err := w.view.At(t.Context(), "other")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(at.Close)
	main := w.view
	w.view, w.cursor = at, ""
	p := w.project()
	w.cursor = p.Cursor
	if p.Runs != 1 || p.Revision != "other" || !slices.Contains(p.Branches, "other") || p.Here != "main" {
		t.Errorf("%+v", p)
	}
	w.git.Git("update-ref", "refs/heads/other", "main")
	w.next(is(id, removed))
	w.git.Git("branch", "-q", "-D", "other")
	w.next(ofProject)
	if p := w.project(); !strings.Contains(p.Problem, "other") {
		t.Errorf("%+v", p)
	}
	if _, err := main.At(t.Context(), "nothing"); err == nil {
		t.Error("a revision that does not exist was opened")
	}
}

// A cursor of another view, or of none, means that everything must be read.
func TestUnknownCursors(t *testing.T) {
	w := watch(t, Options{}, "one")
	for _, cursor := range []string{"", "x", "-1", w.cursor + "0", "other-1", strings.Repeat("9", 1000), w.cursor + "-1"} {
		c, err := w.view.Changes(t.Context(), cursor)
		if err != nil || !c.Reset || c.Cursor != w.cursor {
			t.Errorf("%.20q: %+v %v", cursor, c, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.view.Changes(ctx, w.cursor); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// An export has nothing that only a server can use.
func TestProjectOfAnExport(t *testing.T) {
	w := watch(t, Options{}, "one")
	w.open(Options{Export: &ExportOptions{}, Version: "1.2.3"})
	if p := w.project(); p.Cursor != "" || len(p.Branches) != 0 || p.Here != "" || p.Version != "1.2.3" || p.Runs != 1 {
		t.Errorf("%+v", p)
	}
}
