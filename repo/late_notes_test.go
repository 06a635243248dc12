package repo

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/index"
)

// committedRun returns a repository in Git with a run of a commit, which the common store does not have.
func committedRun(t *testing.T) (r *Repository, id string) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(dir))
	git := func(args ...string) {
		t.Helper()
		args = append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@b"}, args...)
		if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", args, err, out)
		}
	}
	git("init", "-q", "-b", "main")
	r, _, err := Init(dir)
	if err != nil {
		t.Fatal(err)
	}
	id = recordRuns(t, r, 1)[0]
	git("add", "-f", ".runs/"+format.IDDay(id))
	git("commit", "-q", "-m", "runs")
	if err := os.RemoveAll(r.commonDir()); err != nil { // as 'runs commit' does
		t.Fatal(err)
	}
	return r, id
}

func notesOf(t *testing.T, r *Repository, id string) (texts []string) {
	t.Helper()
	e, err := r.ReadFinished(id)
	if err != nil {
		t.Fatal(err)
	}
	notes, err := e.Notes()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range notes {
		texts = append(texts, n.Text)
	}
	return texts
}

// A process that is killed before the second of its writes leaves the note where a reader and a commit find it.
func TestAnnotateKilledBetweenItsWrites(t *testing.T) {
	r, id := committedRun(t)
	first := format.NoteName(now())
	data, err := format.EncodeNote(&format.Note{Time: now(), Text: "killed", Tags: map[string]string{"a": "b"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Table(t.Context()); err != nil { // fills the index
		t.Fatal(err)
	}
	if err := r.keepNote(id, first, data); err != nil {
		t.Fatal(err)
	}
	want := []string{"note 0", "killed"}
	if got := notesOf(t, r, id); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	e, err := r.ReadFinished(id)
	if err != nil || e.Tags["a"] != "b" {
		t.Errorf("the tags are %v, %v", e.Tags, err)
	}
	late, err := r.LateNotes(r.LateDays()...)
	if err != nil || !slices.Equal(late[id], []string{path.Join(notesName, first)}) {
		t.Fatalf("%v, %v", late, err)
	}
	if err := r.GatherLate(id); err != nil {
		t.Fatal(err)
	}
	if !exists(filepath.Join(r.RunDir(id), notesName, first)) {
		t.Error("a commit would not find the note")
	}
	if got := notesOf(t, r, id); !slices.Equal(got, want) {
		t.Errorf("in both places: %q, want %q", got, want)
	}
	if err := r.DropLate(id, late[id]); err != nil {
		t.Fatal(err)
	}
	if home, _ := r.lateHome(); len(r.LateDays()) > 0 || exists(filepath.Join(home.Dir, format.IDDay(id))) {
		t.Error("an empty folder stays")
	}
	if got := notesOf(t, r, id); !slices.Equal(got, want) {
		t.Errorf("in the working tree alone: %q, want %q", got, want)
	}
}

// The index notices a note that another worktree puts into the common store, and that it goes.
func TestIndexNoticesLateNotes(t *testing.T) {
	t.Setenv(IndexVariable, IndexUnsampled)
	r, id := committedRun(t)
	tag := func() any {
		t.Helper()
		table, err := r.Table(t.Context())
		if err != nil || table.Len() != 1 {
			t.Fatal(table, err)
		}
		value, _ := table.Column(index.Tags, "a").Value(0)
		return value
	}
	for i, want := range []string{"one", "two"} {
		if old := tag(); i == 0 && old != nil {
			t.Fatalf("the run has the tag %v", old)
		}
		n := &format.Note{Time: now(), Tags: map[string]string{"a": want}}
		data, err := format.EncodeNote(n)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.keepNote(id, format.NoteName(n.Time), data); err != nil {
			t.Fatal(err)
		}
		if got := tag(); got != want {
			t.Errorf("by the index, the tag is %v, want %s", got, want)
		}
	}
	late, err := r.LateNotes(r.LateDays()...)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.DropLate(id, late[id]); err != nil {
		t.Fatal(err)
	}
	if got := tag(); got != nil {
		t.Errorf("by the index, the tag is still %v", got)
	}
}

// A run that leaves the store because a commit holds it leaves the notes there that the commit lacks.
func TestKeepNotes(t *testing.T) {
	r, id := committedRun(t)
	if err := r.KeepCopy(id); err != nil {
		t.Fatal(err)
	}
	e, err := r.ReadFinished(id)
	if err != nil {
		t.Fatal(err)
	}
	before, err := e.NoteFiles()
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Annotate(&format.Note{Text: "after the commit"}); err != nil {
		t.Fatal(err)
	}
	if len(r.LateDays()) > 0 {
		t.Error("the note of a run in the store is a late note")
	}
	held := func(name string) bool { return len(before) == 1 && name == before[0].Name }
	if err := r.KeepNotes(id, held); err != nil {
		t.Fatal(err)
	}
	if err := r.DropCopies([]string{id}); err != nil {
		t.Fatal(err)
	}
	late, err := r.LateNotes(format.IDDay(id))
	if err != nil || len(late[id]) != 1 || held(late[id][0]) {
		t.Errorf("%v, %v", late, err)
	}
	if err := os.RemoveAll(filepath.Join(r.RunDir(id), notesName)); err != nil {
		t.Fatal(err)
	}
	if got := notesOf(t, r, id); strings.Join(got, ",") != "after the commit" {
		t.Errorf("%q", got)
	}
}
