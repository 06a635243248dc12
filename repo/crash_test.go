package repo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git/gittest"
)

// TestMain lets the test binary be the processes that the crash test kills.
func TestMain(m *testing.M) {
	if role := os.Getenv("RUNS_TEST_ROLE"); role != "" {
		if err := playRole(role, os.Getenv("RUNS_TEST_DIR"), os.Getenv("RUNS_TEST_KEY")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	_, done, err := gittest.Isolate()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	done()
	os.Exit(code)
}

// playRole writes points and says each one that was acknowledged, or finishes the run.
func playRole(role, dir, key string) error {
	a, err := OpenDir(dir)
	if err != nil {
		return err
	}
	if role == "finisher" {
		_, err := a.Finish(context.Background(), Finish{Status: format.Finished})
		return err
	}
	var own *Journal
	if role == "writer" {
		if own, err = a.OpenJournal(); err != nil {
			return err
		}
	}
	for i := int64(0); ; i++ {
		l := &format.Line{
			Time: time.Now().UnixMicro(), HasStep: true, Step: i,
			Metrics: []format.MetricValue{{Key: key, Value: float64(i)}},
		}
		j := own
		if role == "caller" { // each point is a command-line call of its own
			if j, err = a.OpenShared(); err != nil {
				return err
			}
		}
		if err := j.Append(l); err != nil {
			return err
		}
		if role == "caller" {
			if err := j.Close(); err != nil {
				return err
			}
		}
		fmt.Println(i)
	}
}

// process is one role under way.
type process struct {
	cmd  *exec.Cmd
	key  string
	mu   sync.Mutex
	last int64 // the newest acknowledged step, -1 is none
	done sync.WaitGroup
}

func startRole(t *testing.T, role, dir, key string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0]), key: key, last: -1}
	p.cmd.Env = append(os.Environ(), "RUNS_TEST_ROLE="+role, "RUNS_TEST_DIR="+dir, "RUNS_TEST_KEY="+key)
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.done.Go(func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			if n, err := strconv.ParseInt(s.Text(), 10, 64); err == nil {
				p.mu.Lock()
				p.last = n
				p.mu.Unlock()
			}
		}
		_, _ = io.Copy(io.Discard, out)
	})
	return p
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	p.wait()
}

func (p *process) wait() {
	p.done.Wait()
	_ = p.cmd.Wait()
}

// crashRounds is how often the test begins anew; RUNS_CRASH_KILLS asks for a number of kills instead.
const crashRounds = 6

// TestNothingAcknowledgedIsLost kills writers and finishers of one run at random moments and then counts: every point
// whose call has returned is in the run, or in one that resumes it, once.
func TestNothingAcknowledgedIsLost(t *testing.T) {
	wanted, _ := strconv.Atoi(os.Getenv("RUNS_CRASH_KILLS"))
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 0))
	kills, points := 0, int64(0)
	for round := 0; wanted == 0 && round < crashRounds || kills < wanted; round++ {
		k, n := crashRound(t, r, round)
		kills += k
		points += n
		if t.Failed() {
			t.Fatalf("round %d of seed %d", round, seed)
		}
	}
	t.Logf("%d random kills, %d acknowledged points, 0 lost", kills, points)
}

func crashRound(t *testing.T, r *rand.Rand, round int) (kills int, total int64) {
	ctx := t.Context()
	repo, _, err := Init(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a, err := repo.Start(ctx, &format.Run{}, format.OwnerDetached)
	if err != nil {
		t.Fatal(err)
	}
	var writers []*process
	for i := range 2 + r.IntN(3) {
		role := []string{"writer", "caller"}[r.IntN(2)]
		writers = append(writers, startRole(t, role, a.Dir, fmt.Sprintf("%s/%d", role, i)))
	}
	pause := func(most time.Duration) { time.Sleep(time.Duration(r.Int64N(int64(most)))) }
	pause(60 * time.Millisecond)
	if r.IntN(2) == 0 { // a writer dies before there is a finish
		writers[0].kill()
		kills++
	}
	for range 1 + r.IntN(5) {
		f := startRole(t, "finisher", a.Dir, "")
		pause(25 * time.Millisecond)
		f.kill()
		kills++
	}
	for _, w := range writers {
		pause(30 * time.Millisecond)
		w.kill()
		kills++
	}
	if _, err := a.Finish(ctx, Finish{Status: format.Crashed}); err != nil && !errors.Is(err, ErrFinished) &&
		!errors.Is(err, ErrNotActive) {
		t.Fatal(err)
	}
	for range 3 {
		if got, err := repo.RecoverRuns(ctx, Recover{}); err != nil {
			t.Fatal(err)
		} else {
			for _, g := range got {
				if g.Err != nil {
					t.Fatal(g.Err)
				}
			}
		}
	}
	seen := countPoints(t, repo)
	for _, w := range writers {
		total += w.last + 1
		for i := int64(0); i <= w.last; i++ {
			if n := seen[w.key][i]; n != 1 {
				t.Errorf("round %d: %s step %d of %d acknowledged is there %d times", round, w.key, i, w.last, n)
				break
			}
		}
		for step, n := range seen[w.key] {
			if n > 1 || step > w.last+1 {
				t.Errorf(
					"round %d: %s step %d is there %d times; %d was the last acknowledged", round, w.key, step, n,
					w.last,
				)
			}
		}
	}
	if left, _ := os.ReadDir(repo.active); len(left) > 1 {
		t.Errorf("round %d: %v is left among the runs in progress", round, left)
	}
	return kills, total
}

// countPoints counts all points of all finished runs of a repository by key and step.
func countPoints(t *testing.T, repo *Repository) map[string]map[int64]int {
	t.Helper()
	entries, damaged, err := repo.List(t.Context())
	if err != nil || len(damaged) > 0 {
		t.Fatal(err, damaged)
	}
	seen := map[string]map[int64]int{}
	for _, e := range entries {
		if e.Active != nil {
			t.Errorf("run %s is still in progress, its process is %s", e.ID, e.Life)
		}
		err := e.EachPoints(t.Context(), func(key string, points []format.Point) error {
			if seen[key] == nil {
				seen[key] = map[int64]int{}
			}
			for _, p := range points {
				if p.Value != float64(p.Step) {
					t.Errorf("%s step %d has value %v", key, p.Step, p.Value)
				}
				seen[key][p.Step]++
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	return seen
}

// TestWritersOutliveAFinish finishes a run while five writers go on: what they log afterwards is in a run that
// resumes it.
func TestWritersOutliveAFinish(t *testing.T) {
	repo, _, err := Init(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a, err := repo.Start(
		t.Context(), &format.Run{Name: "shared", Params: map[string]any{"lr": 0.1}}, format.OwnerDetached,
	)
	if err != nil {
		t.Fatal(err)
	}
	var writers []*process
	for i := range 5 {
		writers = append(writers, startRole(t, "writer", a.Dir, "w"+strconv.Itoa(i)))
	}
	for _, w := range writers {
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
			w.mu.Lock()
			last := w.last
			w.mu.Unlock()
			if last > 100 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("a writer never began")
			}
		}
	}
	res, err := a.Finish(t.Context(), Finish{Wait: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Open) != 5 {
		t.Errorf("%d writers were seen to be there: %v", len(res.Open), res.Open)
	}
	if entries, _, err := repo.List(t.Context()); err != nil || len(entries) != 1 || entries[0].Active != nil {
		t.Errorf("while its writers go on, the finished run is listed as %v, %v", entries, err)
	}
	if _, err := repo.RecoverRuns(t.Context(), Recover{}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond)
	for _, w := range writers {
		w.kill()
	}
	got, err := repo.RecoverRuns(t.Context(), Recover{})
	if err != nil {
		t.Fatal(err)
	}
	seen := countPoints(t, repo)
	for _, w := range writers {
		for i := int64(0); i <= w.last; i++ {
			if seen[w.key][i] != 1 {
				t.Fatalf("%s: step %d of %d is there %d times; recovered %+v", w.key, i, w.last, seen[w.key][i], got)
			}
		}
	}
	entries, _, err := repo.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	resumes := 0
	for _, e := range entries {
		if e.Resumes == a.ID {
			resumes++
			if e.Name != "shared" || e.Params["lr"] != 0.1 || e.Status != format.Crashed {
				t.Errorf("the run that resumes is %+v", e.Run)
			}
		}
	}
	if resumes == 0 {
		t.Error("no run resumes the finished one")
	}
}

// TestTwoFinishes: one wins, the other says so.
func TestTwoFinishes(t *testing.T) {
	for range 20 {
		repo, _, err := Init(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		a, err := repo.Start(t.Context(), &format.Run{}, format.OwnerDetached)
		if err != nil {
			t.Fatal(err)
		}
		errs := make([]error, 4)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() {
				b := &Active{ID: a.ID, Dir: a.Dir, repo: a.repo, begun: a.begun}
				_, errs[i] = b.Finish(t.Context(), Finish{})
			})
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			switch {
			case err == nil:
				won++
			case errors.Is(err, ErrBusy), errors.Is(err, ErrFinished):
			default:
				t.Errorf("the loser says %v", err)
			}
		}
		if won != 1 {
			t.Fatalf("%d finishes won: %v", won, errs)
		}
	}
}

// TestOwnerLife: a process is gone only when this boot and namespace have no process of its pid and start.
func TestOwnerLife(t *testing.T) {
	me := self(format.OwnerProcess, os.Getpid(), "/x")
	child := exec.Command("true")
	if err := child.Run(); err != nil {
		t.Skipf("no program to run: %v", err)
	}
	change := func(f func(*format.Owner)) *format.Owner {
		w := *me
		f(&w)
		return &w
	}
	for _, c := range []struct {
		name string
		w    *format.Owner
		want Life
	}{
		{"we", me, Alive},
		{"a process that ended", change(func(w *format.Owner) { w.PID = int64(child.Process.Pid) }), Gone},
		{"another process of our pid", change(func(w *format.Owner) { w.Start = "1" }), Gone},
		{"another boot", change(func(w *format.Owner) { w.Boot = "x" }), Elsewhere},
		{"another namespace", change(func(w *format.Owner) { w.Namespace = "pid:[1]" }), Elsewhere},
		{"another host", change(func(w *format.Owner) { w.Host = "elsewhere" }), Elsewhere},
		{"none of its own", self(format.OwnerDetached, 0, "/x"), Detached},
	} {
		if got := life(c.w); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	if strings.Contains(thisHost(), "-") {
		t.Errorf("the host name %q would break the names of journals", thisHost())
	}
}
