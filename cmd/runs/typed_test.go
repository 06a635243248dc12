package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// What newcomers type works, or the answer names what to type instead. Each line of testdata/typed.txt is one command.
func TestTyped(t *testing.T) {
	for _, name := range []string{"git", "python3"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not installed", name)
		}
	}
	data, err := os.ReadFile("testdata/typed.txt")
	if err != nil {
		t.Fatal(err)
	}
	project := typedProject(t)
	for line := range strings.Lines(string(data)) {
		typed, want, ok := strings.Cut(strings.TrimSpace(line), " => ")
		if !ok {
			continue
		}
		t.Run(typed, func(t *testing.T) {
			// A shell splits the words, so that quotes mean what they mean to the person.
			ctx, stop := context.WithTimeout(t.Context(), time.Minute)
			defer stop()
			cmd := exec.CommandContext(ctx, "sh", "-c", typed)
			cmd.Dir, cmd.Env = project.dir, project.env
			if !typedReads(typed) {
				cmd.Dir = filepath.Join(t.TempDir(), "project")
				if err := os.CopyFS(cmd.Dir, os.DirFS(project.dir)); err != nil {
					t.Fatal(err)
				}
			}
			out, err := cmd.CombinedOutput()
			switch {
			case want == "ok" && err != nil:
				t.Errorf("%v: %s", err, out)
			case want != "ok" && !strings.Contains(string(out), want):
				t.Errorf("the answer does not contain %q: %s", want, out)
			}
			if err != nil && strings.Contains("\n"+string(out), "\nruns: ") && !strings.Contains(string(out), "\n      ") {
				t.Errorf("the error has no next step: %s", out)
			}
		})
	}
}

// typedProject makes a project with three runs of two experiments.
func typedProject(t *testing.T) *project {
	t.Helper()
	p := newProject(t)
	script := `git init -q . && echo 'print(1)' > t.py && git remote add origin ../o.git && runs init &&
git add -A && git commit -qm code &&
runs log loss=1 acc=0.5 -p lr=0.1 --name wide --group big -e exp -a t.py=model.bin -t good &&
runs log loss=2 acc=0.6 -p lr=0.2 --name narrow --group big -e exp && runs goal loss min && runs goal acc max &&
runs log loss=3 -p lr=0.3 --name old -e exp2 && runs log loss=3 -p lr=0.4 --name other -e exp2 && git add -A &&
git commit -qm goals && runs commit`
	cmd := exec.Command("sh", "-c", script)
	cmd.Dir, cmd.Env = p.dir, p.env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return p
}

// typedReads reports whether a command only reads, so that it leaves the project to the next one.
func typedReads(typed string) bool {
	word := strings.Fields(typed + " ls")[1]
	return slices.Contains([]string{"ls", "list", "show", "view", "diff", "compare", "plot", "metrics", "status"}, word) ||
		strings.HasPrefix(word, "-") || calledBy(word) == ""
}
