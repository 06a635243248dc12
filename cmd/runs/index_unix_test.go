//go:build unix

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/index"
)

// TestIndex changes the runs of a clone in random sequences, by commands of which two run at once, by killed commands
// and by Git alone. After each step, the columns that come by the index are those of the records.
// RUNS_INDEX_SEQUENCES asks for so many random sequences, RUNS_INDEX_SEED repeats some. Without them, the sequences are
// the same each time.
func TestIndex(t *testing.T) {
	sequences, seed := asked("RUNS_INDEX_SEQUENCES", 0), uint64(1)
	if sequences == 0 {
		sequences = 6
	} else {
		seed = uint64(time.Now().UnixNano() >> 16 & 0xffffffff)
	}
	seed = uint64(asked("RUNS_INDEX_SEED", int(seed)))
	var w *indexed
	t.Cleanup(func() {
		if t.Failed() && w != nil {
			t.Logf("repeat with RUNS_INDEX_SEED=%d RUNS_INDEX_SEQUENCES=%d:\n%s", w.seed, inClone, strings.Join(w.log, "\n"))
		}
	})
	steps := 0
	for i := range sequences {
		if i%inClone == 0 { // the next sequences go on where the last one ended
			if w != nil {
				w.end()
			}
			w = newIndexed(t, (seed+uint64(i))/inClone%3 == 0)
			w.seed = seed + uint64(i)
		}
		w.r = rand.New(rand.NewPCG(seed+uint64(i), 17))
		for range 6 {
			w.step()
			steps++
			if w.compare(); t.Failed() {
				return
			}
		}
	}
	t.Logf("%d sequences, %d steps", sequences, steps)
}

// inClone is the number of sequences for which one clone serves.
const inClone = 20

// indexed is a clone whose runs are changed, and another that pushes runs to it.
type indexed struct {
	*team
	seed       uint64
	r          *rand.Rand
	here, away string
	idle       chan *served
	named      *repo.Repository // for the ids of runs
	branch     bool             // runs are committed to a branch of their own
	compared   string           // the commit whose columns were last compared; see head
	mu         sync.Mutex
	log        []string
	n          int
}

func newIndexed(t *testing.T, branch bool) *indexed {
	t.Helper()
	w := &indexed{team: newTeam(t, func(_ *testing.T, m *team) { m.url = m.bare })}
	w.env = append(w.env, repo.IndexVariable+"="+repo.IndexUnsampled)
	for _, key := range []string{"maintenance.auto", "receive.autoGC"} { // each would be one more process
		w.must(w.dir, "git", "config", "--global", key, "false")
	}
	t.Setenv(repo.IndexVariable, repo.IndexUnsampled)
	w.setPath()
	w.here, w.away = filepath.Join(w.dir, "here"), filepath.Join(w.dir, "away")
	w.must(w.dir, "git", "clone", "-q", w.url, w.here)
	setting := "batch = 2"
	if w.branch = branch; branch {
		setting += "\\nbranch = \"runs\""
	}
	w.must(w.here, "sh", "-c", "printf '\n[commit]\n"+setting+"\n' >> .runs/config.toml")
	w.must(w.here, "git", "commit", "-qam", "batches")
	w.must(w.here, "git", "push", "-q")
	w.must(w.dir, "git", "clone", "-q", w.url, w.away)
	for i := range 3 {
		if _, err := w.logOne(w.here, i); err != nil {
			t.Fatal(err)
		}
	}
	w.idle = make(chan *served, 2)
	for range cap(w.idle) {
		w.idle <- startServed(t, w.env)
	}
	t.Cleanup(w.end)
	var err error
	if w.named, err = repo.Find(w.here); err != nil {
		t.Fatal(err)
	}
	return w
}

// setPath leaves only the programs that are needed: each run would otherwise ask Python for its version.
func (w *indexed) setPath() {
	w.t.Helper()
	bin := filepath.Join(w.dir, "bin")
	if err := os.Mkdir(bin, 0o777); err != nil {
		w.t.Fatal(err)
	}
	for _, name := range []string{"runs", "git", "sh", "tar", "mv", "rm", "touch"} {
		path, err := exec.LookPath(name)
		if err == nil {
			err = os.Symlink(path, filepath.Join(bin, name))
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
	w.env = append(w.env, "PATH="+bin)
}

// end ends the processes and removes the clones. It may be called again.
func (w *indexed) end() {
	for len(w.idle) > 0 {
		(<-w.idle).close()
	}
	_ = os.RemoveAll(w.dir)
}

// run runs a command that may fail, and kills it after some time if that is not 0.
func (w *indexed) run(dir string, after time.Duration, args ...string) {
	w.t.Helper()
	if args[0] == "runs" {
		w.serve(dir, after, args)
		return
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env = dir, w.env
	err := cmd.Run()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, fmt.Sprintf("%s: %s: %v", filepath.Base(dir), strings.Join(args, " "), err))
}

// serve runs a command in one of two processes.
func (w *indexed) serve(dir string, after time.Duration, args []string) {
	w.t.Helper()
	s := <-w.idle
	ended, alive := s.run(dir, after, args[1:])
	if !alive {
		s.close()
		ended += ", killed"
		if after == 0 {
			messages := s.messages.String()
			w.t.Errorf("%v ended by itself:\n%s", args, messages[max(0, len(messages)-4000):])
		}
		s = startServed(w.t, w.env)
	}
	w.idle <- s
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, fmt.Sprintf("%s: %s: %s", filepath.Base(dir), strings.Join(args, " "), ended))
}

// some returns the id of a run, or that of a run that does not exist.
func (w *indexed) some() string {
	ids, err := w.named.AllFinishedIDs()
	if err != nil {
		w.t.Fatal(err)
	}
	if len(ids) == 0 {
		return "20200101-000000-00000000"
	}
	slices.Sort(ids)
	return ids[w.r.IntN(len(ids))]
}

// command returns a random command of runs.
func (w *indexed) command() []string {
	w.n++
	switch w.r.IntN(14) {
	case 0, 1, 12:
		return []string{"runs", "log", "loss=0.5", "-p", fmt.Sprintf("i=%d", w.n), "--note", "with secretword"}
	case 2, 3:
		return []string{"runs", "tag", w.some(), fmt.Sprintf("k%d=v%d", w.r.IntN(3), w.n)}
	case 4:
		return []string{"runs", "note", w.some(), fmt.Sprintf("it is %d, secretword", w.n)}
	case 5:
		return []string{"runs", "rm", w.some()}
	case 6:
		return []string{"runs", "rm", "--undo"}
	case 7, 8:
		return []string{"runs", "commit"}
	case 9:
		return []string{"runs", "redact", w.some(), "secretword"}
	case 10:
		return []string{"runs", "pull"}
	case 13:
		return []string{"runs", "pack"}
	}
	return []string{"runs", "gc"}
}

func (w *indexed) step() {
	w.t.Helper()
	switch w.r.IntN(22) {
	case 0, 1, 2, 3, 4, 5:
		w.run(w.here, 0, w.command()...)
	case 6, 7, 8, 9:
		w.both(w.command(), w.command())
	case 10, 11, 12:
		w.both(w.command(), []string{"runs", "ls"})
	case 13, 14:
		w.run(w.here, time.Duration(1+w.r.IntN(60))*time.Millisecond, w.command()...)
	case 15:
		w.elsewhere() // it takes as long as ten other steps
	case 16, 17:
		w.byGit()
	case 18, 19:
		w.byHand()
	case 20, 21:
		w.beside()
	}
}

// beside annotates a run from another worktree, which may then be removed or killed meanwhile.
func (w *indexed) beside() {
	w.t.Helper()
	dir := filepath.Join(w.dir, "beside")
	if w.r.IntN(2) == 0 {
		w.run(w.here, 0, "git", "worktree", "add", "-q", "--detach", dir)
	} else {
		w.run(w.here, 0, "git", "-C", dir, "checkout", "-q", "--detach", "main")
	}
	if w.compare(); w.r.IntN(3) == 0 {
		w.run(w.here, time.Duration(5+w.r.IntN(40))*time.Millisecond, "runs", "-C", dir, "note", w.some(), "secretword")
	} else {
		w.both([]string{"runs", "-C", dir, "tag", w.some(), fmt.Sprintf("beside=%d", w.r.IntN(100))}, w.command())
	}
	if w.compare(); w.r.IntN(2) == 0 {
		w.run(w.here, 0, "git", "worktree", "remove", "--force", dir)
	}
}

// both runs two commands at once.
func (w *indexed) both(a, b []string) {
	w.t.Helper()
	var running sync.WaitGroup
	running.Go(func() { w.run(w.here, 0, a...) })
	running.Go(func() { w.run(w.here, 0, b...) })
	running.Wait()
}

// elsewhere lets another clone change what both have, and pulls it by runs or by Git.
func (w *indexed) elsewhere() {
	w.t.Helper()
	w.run(w.here, 0, "runs", "push")
	w.run(w.away, 0, "runs", "pull")
	w.run(w.away, 0, "runs", "tag", w.some(), fmt.Sprintf("away=%d", w.r.IntN(100)))
	w.run(w.away, 0, "runs", "log", "loss=0.1", "--note", "secretword")
	w.run(w.away, 0, "runs", "commit")
	w.run(w.away, 0, "runs", "push")
	if w.r.IntN(2) == 0 {
		w.run(w.here, 0, "runs", "pull")
	} else {
		w.run(w.here, 0, "git", "pull", "-q", "--no-edit", "--no-rebase")
	}
}

// byGit changes the working tree as no command of runs does.
func (w *indexed) byGit() {
	w.t.Helper()
	day := func() string { id := w.some(); return filepath.Join(".runs", format.IDDay(id)) }
	switch w.r.IntN(8) {
	case 0:
		w.run(w.here, 0, "git", "checkout", "-q", "HEAD~1")
		w.compare()
		w.run(w.here, 0, "git", "checkout", "-q", "main")
	case 1:
		// Without --staged, Git does not write its index, and nothing says that files changed.
		w.run(w.here, 0, "git", "restore", "--staged", "--worktree", "--source", "HEAD~1", "--", ".runs")
		w.compare()
		w.run(w.here, 0, "git", "restore", "--staged", "--worktree", "--", ".runs")
	case 2:
		w.run(w.here, 0, "git", "reset", "-q", "--hard")
	case 3:
		w.run(w.here, 0, "git", "stash", "-q")
		w.compare()
		w.run(w.here, 0, "git", "stash", "pop", "-q")
	case 4:
		w.run(w.here, 0, "git", "rm", "-rqf", "--", day())
		w.compare()
		w.run(w.here, 0, "git", "reset", "-q", "--hard")
	case 5:
		w.run(w.here, 0, "git", "reset", "-q", "--hard", "HEAD~1")
		w.compare()
		w.run(w.here, 0, "git", "reset", "-q", "--hard", "ORIG_HEAD")
	case 6, 7:
		left := []string{"!runs.toml", "!.runs/20*", "!batch-*", "!*.parquet", "!notes/"}[w.r.IntN(5)]
		w.run(w.here, 0, "git", "sparse-checkout", "set", "--no-cone", "/*", left)
		w.compare()
		for range w.r.IntN(3) {
			w.run(w.here, 0, w.command()...)
			w.compare()
		}
		w.run(w.here, 0, "git", "sparse-checkout", "disable")
	}
}

// byHand renames days, gives them old times, and restores them from an archive.
func (w *indexed) byHand() {
	w.t.Helper()
	day := filepath.Join(w.here, ".runs", format.IDDay(w.some()))
	switch w.r.IntN(4) {
	case 0:
		w.run(w.here, 0, "mv", day, day+"-away")
		w.compare()
		w.run(w.here, 0, "mv", day+"-away", day)
	case 1:
		w.run(w.here, 0, "sh", "-c", "tar cf ../days.tar .runs/20* && rm -rf .runs/20*")
		w.compare()
		w.run(w.here, 0, "tar", "xf", "../days.tar")
	case 2:
		w.run(w.here, 0, w.command()...)
		w.run(w.here, 0, "touch", "-d", "2026-01-01 10:00:00", day)
	case 3:
		files, _ := filepath.Glob(filepath.Join(w.here, ".git", "runs", "cache", "index", "*"))
		for _, file := range files {
			if data, err := os.ReadFile(file); err == nil && len(data) > 0 {
				data[w.r.IntN(len(data))] ^= 1
				_ = os.WriteFile(file, data[:w.r.IntN(len(data)+1)], 0o666)
			}
		}
		w.compared = ""
	}
}

// compare compares the columns that come by the index with those of the records.
func (w *indexed) compare() {
	w.t.Helper()
	ctx := context.Background()
	r, err := repo.Find(w.here)
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Close()
	reads := []func() (*repo.Table, error){func() (*repo.Table, error) { return r.Table(ctx) }}
	if head := w.head(); head != w.compared && w.r.IntN(2) == 0 { // it takes several processes of Git
		w.compared = head
		reads = append(reads, func() (*repo.Table, error) {
			t, v, err := r.TableAt(ctx, "HEAD")
			if err == nil {
				v.Close()
			}
			return t, err
		})
	}
	if w.branch {
		reads = append(reads, func() (*repo.Table, error) {
			t, v, err := r.TableOfBranch(ctx, func(id string) bool { return id[len(id)-1] == 'a' })
			if t == nil && err == nil {
				return &repo.Table{Table: index.NewTable(nil, nil)}, nil
			}
			if err == nil {
				v.Close()
			}
			return t, err
		})
	}
	for _, read := range reads {
		got, err := read()
		if err != nil {
			w.t.Fatal(err)
		}
		w.t.Setenv(repo.IndexVariable, repo.IndexOff)
		want, err := read()
		if err != nil {
			w.t.Fatal(err)
		}
		w.t.Setenv(repo.IndexVariable, repo.IndexUnsampled)
		w.same(got, want)
	}
}

// head returns the commit that is checked out, or what Git's files say of it.
func (w *indexed) head() string {
	data, _ := os.ReadFile(filepath.Join(w.here, ".git", "HEAD"))
	if name, ok := strings.CutPrefix(strings.TrimSpace(string(data)), "ref: "); ok {
		data, _ = os.ReadFile(filepath.Join(w.here, ".git", filepath.FromSlash(name)))
	}
	return string(data)
}

func (w *indexed) same(got, want *repo.Table) {
	w.t.Helper()
	if len(got.Damage) != len(want.Damage) {
		w.t.Errorf("%d runs are damaged by the index, of %d", len(got.Damage), len(want.Damage))
	}
	if !slices.Equal(got.IDs(), want.IDs()) {
		w.t.Errorf("the runs by the index are\n%s, those of the files\n%s", strings.Join(got.IDs(), "\n"),
			strings.Join(want.IDs(), "\n"))
		return
	}
	for scope := index.Attributes; scope <= index.Facts; scope++ {
		keys := slices.Compact(slices.Sorted(slices.Values(slices.Concat(got.Keys(scope), want.Keys(scope)))))
		for _, key := range keys {
			a, b := got.Column(scope, key), want.Column(scope, key)
			for row := range want.Len() {
				x, _ := a.Value(row)
				y, _ := b.Value(row)
				if a.Kind(row) != b.Kind(row) || !format.EqualValue(x, y) {
					w.t.Errorf("%s %s: by the index, the run has %v, by the files %v", want.ID(row), key, x, y)
				}
			}
		}
	}
}
