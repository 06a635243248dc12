package repo

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/index"
)

// leaveOut takes a committed run out of the working tree by a sparse checkout. Git's index must first have the times of
// its files, which change with their hard links.
func leaveOut(t *testing.T, r *Repository, id string) {
	t.Helper()
	for _, args := range [][]string{
		{"add", "--refresh", ".runs/" + format.IDDay(id)},
		{"sparse-checkout", "set", "--no-cone", "/*", "!.runs/20*"},
	} {
		if out, err := exec.Command("git", append([]string{"-C", r.Root}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", args, err, out)
		}
	}
	if exists(filepath.Join(r.RunDir(id), RecordName)) {
		t.Fatal("the run is in the working tree")
	}
}

// A run that a sparse checkout leaves out may also lie in the common store, with notes that the commit lacks. Once that
// copy is gone, the index has nothing of it.
func TestIndexOfLeftOutRunWithCopy(t *testing.T) {
	t.Setenv(IndexVariable, IndexUnsampled)
	r, id := committedRun(t)
	if err := r.KeepCopy(id); err != nil {
		t.Fatal(err)
	}
	leaveOut(t, r, id)
	n := &format.Note{Time: now(), Tags: map[string]string{"a": "copy"}}
	data, err := format.EncodeNote(n)
	if err != nil {
		t.Fatal(err)
	}
	store := Home{r.commonDir(), true}
	if err := addNote(store.RunDir(id), format.NoteName(n.Time), data); err != nil {
		t.Fatal(err)
	}
	tag := func() any {
		t.Helper()
		again, err := r.Reopen()
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		table, err := again.Table(t.Context())
		if err != nil || table.Len() != 1 {
			t.Fatal(table, err)
		}
		value, _ := table.Column(index.Tags, "a").Value(0)
		return value
	}
	if got := tag(); got != "copy" {
		t.Errorf("with the copy, the tag is %v", got)
	}
	if err := os.RemoveAll(store.Dir); err != nil {
		t.Fatal(err)
	}
	if got := tag(); got != nil {
		t.Errorf("without the copy, the tag is still %v", got)
	}
}

// What the index keeps of a commit is read from that commit, also if a note or another commit comes meanwhile.
func TestLeftOutCommitted(t *testing.T) {
	r, id := committedRun(t)
	defer r.Close()
	git := func(args ...string) {
		t.Helper()
		args = append([]string{"-C", r.Root, "-c", "user.name=a", "-c", "user.email=a@b"}, args...)
		if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", args, err, out)
		}
	}
	leaveOut(t, r, id)
	sets, rest, v, err := r.leftOutSets([]string{id})
	if err != nil || len(sets) != 1 || len(rest) != 0 {
		t.Fatal(sets, rest, err)
	}
	n := &format.Note{Time: now(), Tags: map[string]string{"a": "late"}}
	data, err := format.EncodeNote(n)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.keepNote(id, format.NoteName(n.Time), data); err != nil {
		t.Fatal(err)
	}
	if e, err := r.left.entry(id); err != nil || e.Tags["a"] != "late" {
		t.Errorf("the run is %v, %v", e, err)
	}
	if e, err := r.left.committed(v, id); err != nil || e.Tags["a"] != "" {
		t.Errorf("in the commit, the run is %v, %v", e, err)
	}
	if err := os.WriteFile(filepath.Join(r.Root, "model.py"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	git("add", "model.py") // Git writes its index anew
	if _, err := r.left.committed(v, id); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after another list was read, the error is %v", err)
	}
	if _, rest, _, err = r.leftOutSets([]string{id}); err != nil || len(rest) != 1 {
		t.Errorf("with a late note, %v, %v", rest, err)
	}
}
