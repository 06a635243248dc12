package repo

import (
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/capture"
)

// TestAddRewritten: what an earlier run has rewritten is in the source if the program has read it, as it was when the
// run began, whatever the base of the source is.
func TestAddRewritten(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	const odd = "späße \"x\".json"
	for _, c := range []struct {
		name  string
		make  func(p *project)
		dirty bool // by another file
	}{
		{"no remote", func(*project) {}, false},
		{"another change", func(p *project) { p.write("new.txt", []byte("new\n")) }, true},
		{"a commit that is not pushed", func(p *project) {
			p.git("update-ref", "refs/remotes/origin/main", "HEAD")
			p.write("train.py", []byte("two\n"))
			p.git("commit", "-qam", "two")
		}, false},
		{"a commit that is not pushed, and another change", func(p *project) {
			p.git("update-ref", "refs/remotes/origin/main", "HEAD")
			p.write("train.py", []byte("two\n"))
			p.git("commit", "-qam", "two")
			p.write("train.py", []byte("three\n"))
		}, true},
		{"a commit without changes, and another change", func(p *project) {
			p.git("update-ref", "refs/remotes/origin/main", "HEAD")
			p.git("commit", "-q", "--allow-empty", "-m", "two")
			p.write("train.py", []byte("three\n"))
		}, true},
		{"no commit", func(p *project) { p.git("update-ref", "-d", "HEAD") }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &project{T: t, dir: t.TempDir()}
			p.git("init", "-q", "-b", "main")
			files := []string{odd, "model.json", "other.json"}
			for _, file := range append(files, "train.py") {
				p.write(file, []byte("first\n"))
			}
			p.git("add", "-A")
			p.git("commit", "-q", "-m", "one")
			c.make(p)
			r, _, err := Init(p.dir)
			if err != nil {
				t.Fatal(err)
			}
			var lines []outputLine
			for _, file := range files {
				p.write(file, []byte("rewritten\n"))
				info, err := os.Lstat(p.path(file))
				if err != nil {
					t.Fatal(err)
				}
				lines = append(lines, outputLine{Path: file, Size: info.Size(), Time: info.ModTime().UnixNano()})
			}
			if err := r.appendOutputs(lines); err != nil {
				t.Fatal(err)
			}
			p.git("config", "user.name", "T")
			run := &format.Run{}
			if warnings, err := r.Origin(t.Context(), run, OriginRequest{Dir: p.dir}); err != nil || len(warnings) > 0 {
				t.Fatal(err, warnings)
			}
			if got := len(run.Source.Rewritten()); got != len(files) || run.Source.Dirty != c.dirty {
				t.Fatalf("%d files are rewritten, and dirty is %v", got, run.Source.Dirty)
			}
			a, err := r.Start(t.Context(), run, format.OwnerProcess)
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				p.write(file, []byte("by this run\n"))
			}
			b := &finished{run: run}
			kept := a.keptRewritten(run.Source)
			if err := a.addRewritten(t.Context(), b, kept, []string{capture.Printable(odd), "model.json"}); err != nil {
				t.Fatal(err)
			}
			if left := b.run.Source.Rewritten(); !slices.Equal(left, []string{"other.json"}) || !b.run.Source.Dirty {
				t.Errorf("left %v, dirty %v", left, b.run.Source.Dirty)
			}
			dir := p.path("../restored")
			if _, err := r.CheckOut(t.Context(), b.run, dir); err != nil {
				t.Fatal(err)
			}
			for file, want := range map[string]string{
				odd: "rewritten\n", "model.json": "rewritten\n", "other.json": "first\n",
			} {
				if data, err := os.ReadFile(dir + "/" + file); err != nil || string(data) != want {
					t.Errorf("%s: %q %v, want %q", file, data, err, want)
				}
			}
		})
	}
}
