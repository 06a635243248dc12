//go:build unix

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestSharedFiles lets two clones record runs that share environments and patches, and redact, remove, pack, push and
// pull them in random order. After every step, no clone lacks a file that its branch has, and nothing is damaged.
// RUNS_SHARE_WORLDS asks for so many random worlds, RUNS_SHARE_SEED repeats one.
func TestSharedFiles(t *testing.T) {
	worlds, seed := asked("RUNS_SHARE_WORLDS", 0), uint64(1)
	if worlds == 0 {
		worlds = 1
	} else {
		seed = uint64(time.Now().UnixNano() >> 16 & 0xffffffff)
	}
	seed = uint64(asked("RUNS_SHARE_SEED", int(seed)))
	for i := range worlds {
		w := newSharing(t, seed+uint64(i))
		for range 30 {
			w.step()
			if t.Failed() {
				t.Fatalf("repeat with RUNS_SHARE_SEED=%d RUNS_SHARE_WORLDS=1:\n%s", w.seed, strings.Join(w.log, "\n"))
			}
		}
		_ = os.RemoveAll(w.dir)
	}
}

// sharing is two clones whose runs share files.
type sharing struct {
	*team
	seed   uint64
	r      *rand.Rand
	clones []string
	runs   []string
	log    []string
}

// dirtyCode are the states of the code in which runs are recorded. Runs of one state share a patch.
var dirtyCode = []string{"", "token = 'zwortone'\n", "token = 'zworttwo'\n", "token = 'zwortone zworttwo'\n"}

func newSharing(t *testing.T, seed uint64) *sharing {
	t.Helper()
	w := &sharing{
		team: newTeam(t, func(_ *testing.T, m *team) { m.url = m.bare }), seed: seed, r: rand.New(rand.NewPCG(seed, 7)),
	}
	first := filepath.Join(w.dir, "first")
	config := filepath.Join(first, ".runs", "config.toml")
	data, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, append(data, "\n[commit]\nbatch = 2\n"...), 0o666); err != nil {
		t.Fatal(err)
	}
	w.must(first, "git", "commit", "-qam", "settings")
	w.must(first, "git", "push", "-q")
	for _, name := range []string{"k1", "k2"} {
		w.clones = append(w.clones, filepath.Join(w.dir, name))
		w.must(w.dir, "git", "clone", "-q", w.url, filepath.Join(w.dir, name))
	}
	return w
}

// do runs a command, which may fail for one of the excuses.
func (w *sharing) do(dir string, excuses []string, args ...string) string {
	w.t.Helper()
	out, err := w.call(dir, args...)
	w.log = append(w.log, fmt.Sprintf("%s: %s: %v", filepath.Base(dir), strings.Join(args, " "), err))
	excused := func(excuse string) bool { return strings.Contains(out, excuse) }
	if err != nil && !slices.ContainsFunc(excuses, excused) {
		w.t.Errorf("%s: %s: %v\n%s", filepath.Base(dir), strings.Join(args, " "), err, out)
	}
	return out
}

func (w *sharing) record(dir string) {
	w.t.Helper()
	code := dirtyCode[w.r.IntN(len(dirtyCode))]
	train := filepath.Join(dir, "train.py")
	for range 1 + w.r.IntN(4) {
		if err := os.WriteFile(train, []byte("print('training')\n"+code), 0o666); err != nil {
			w.t.Fatal(err)
		}
		out := w.do(dir, nil, "runs", "log", "loss=0.5")
		w.runs = append(w.runs, regexp.MustCompile(`\d{8}-\d{6}-[0-9a-z]{8}`).FindString(out))
	}
	w.must(dir, "git", "checkout", "-q", "--", "train.py")
}

// step is one random operation.
func (w *sharing) step() {
	w.t.Helper()
	dir := w.clones[w.r.IntN(2)]
	some := ""
	if len(w.runs) > 0 {
		some = w.runs[w.r.IntN(len(w.runs))]
	}
	gone := []string{"names no run", "no run has this name", "it is not in the working tree"}
	switch op := w.r.IntN(18); {
	case op >= 16:
		w.merge(dir)
	case op < 4:
		w.record(dir)
	case op < 6:
		w.do(dir, removedThere, "runs", "commit")
	case op < 8:
		w.do(dir, append([]string{"run 'runs pull' to keep the remote's"}, mayPush...), "runs", "push")
	case op < 11:
		w.do(dir, []string{"the branch was not updated"}, "runs", "pull")
	case op == 11 && some != "":
		w.do(dir, gone, "runs", "rm", some)
		if w.r.IntN(2) == 0 {
			w.do(dir, removedThere, "runs", "commit")
		}
	case op == 12:
		w.do(dir, []string{"is not committed"}, "runs", "pack")
	case op > 12 && some != "":
		// The environment, which all runs share, has versions of packages, and the patches have two words.
		what := []string{"zwortone", "zworttwo", environmentWord(w.t, dir)}[w.r.IntN(3)]
		w.do(dir, append(gone, "the run holds no such text"), "runs", "redact", some, what)
		if w.r.IntN(4) > 0 {
			w.do(dir, removedThere, "runs", "commit")
		}
	}
	for _, dir := range w.clones {
		w.whole(dir)
	}
}

// merge merges what others have pushed with git alone. 'runs pack' settles conflicts, and 'runs commit' brings back a
// shared file that the merge has lost.
func (w *sharing) merge(dir string) {
	w.t.Helper()
	w.do(dir, removedThere, "runs", "commit")
	w.do(dir, nil, "git", "fetch", "-q")
	if out := w.do(dir, []string{"CONFLICT"}, "git", "merge", "-q", "--no-edit", "origin/main"); strings.Contains(out,
		"CONFLICT") {
		w.do(dir, nil, "runs", "ls")
		w.do(dir, nil, "runs", "pack")
		w.do(dir, nil, "git", "commit", "-q", "--no-edit")
	}
	w.do(dir, removedThere, "runs", "commit")
	w.do(dir, []string{"is not committed"}, "runs", "pack")
}

// environmentWord returns a text of an environment file of a clone that a redaction may take out.
func environmentWord(t *testing.T, dir string) string {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(dir, ".runs", "environments", "*.toml"))
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if found := regexp.MustCompile(`(?m)^\S+ = "([0-9]+\.[0-9]+\.[0-9]+)"`).FindSubmatch(data); found != nil {
			return string(found[1])
		}
	}
	return "zwortone"
}

// whole verifies that a clone has all files of its branch, and that nothing is damaged.
func (w *sharing) whole(dir string) {
	w.t.Helper()
	w.do(dir, nil, "runs", "verify")
	w.do(dir, nil, "runs", "verify", "--all")
	out := w.do(dir, nil, "runs", "status")
	if strings.Contains(out, "deleted from the working tree") {
		w.t.Errorf("%s lacks a file: %s", filepath.Base(dir), out)
	}
	if strings.Contains(out, "redaction of run") {
		return // until the redaction is committed, the files that it replaced are gone
	}
	for line := range strings.Lines(w.must(dir, "git", "status", "--porcelain")) {
		if strings.HasPrefix(line, " D") || strings.HasPrefix(line, "D") {
			w.t.Errorf("%s: git status: %s", filepath.Base(dir), line)
		}
	}
}
