package view

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/share"
)

// shownText is all that a page shows of the runs of a view: the project, the table and its pages.
func shownText(t *testing.T, v *View) string {
	t.Helper()
	p, err := v.Project(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.Cursor = ""
	table, err := v.TableInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	head := *table
	head.Pages = slices.Clone(head.Pages)
	for i := range head.Pages {
		head.Pages[i].Digest = ""
	}
	text := ""
	for _, answer := range []any{p, head} {
		data, err := json.MarshalIndent(answer, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		text += string(data) + "\n"
	}
	for n := range head.Pages {
		for _, more := range []bool{false, true} {
			data, err := v.TablePage(t.Context(), n, more)
			if err != nil {
				t.Fatal(err)
			}
			text += strings.ReplaceAll(string(data), ",", ",\n") + "\n"
		}
	}
	for _, c := range []LegendQuery{{Newest: 3}, {Where: "loss < 0.5"}} {
		legend, err := v.Legend(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		text += fmt.Sprintln(legend)
	}
	return text
}

// fresh is shownText of a view that is opened now and reads every record.
func (w *watched) fresh(o Options) string {
	w.t.Helper()
	defer os.Unsetenv(repo.IndexVariable)
	if err := os.Setenv(repo.IndexVariable, repo.IndexOff); err != nil {
		w.t.Fatal(err)
	}
	r, err := w.repo.Reopen()
	if err != nil {
		w.t.Fatal(err)
	}
	v, err := Open(w.t.Context(), r, o)
	if err != nil {
		w.t.Fatal(err)
	}
	defer v.Close()
	return shownText(w.t, v)
}

// generatedRun records a run with what tells runs apart in a table.
func (w *watched) generatedRun(g *rand.Rand, ids []string) string {
	w.t.Helper()
	run := &format.Run{
		Name:       fmt.Sprint("run", len(ids)),
		Experiment: []string{"", "e"}[g.IntN(2)],
		Params: []format.Params{
			{"lr": 0.1},
			{"lr": int64(1), "opt": map[string]any{"kind": "adam"}},
			{"opt.kind": "sgd"},
			{"text": strings.Repeat("long", 400)},
		}[g.IntN(4)],
		Tags: map[string]string{"a": "b"},
	}
	if len(ids) > 0 && g.IntN(4) == 0 {
		run.Resumes = ids[g.IntN(len(ids))]
	}
	a, err := w.repo.Start(w.t.Context(), run, format.OwnerDetached)
	if err != nil {
		w.t.Fatal(err)
	}
	for range 1 + g.IntN(2) {
		w.log(a, []string{"loss", "val/loss"}[g.IntN(2)], g.Float64())
	}
	if g.IntN(4) > 0 {
		w.finish(a)
	}
	return a.ID
}

// TestWatchedByColumns: while runs are recorded, annotated, removed, committed and checked out, a view that takes runs
// from the index shows what a view shows that is opened then and reads all records.
func TestWatchedByColumns(t *testing.T) {
	for seed, c := range []struct {
		settings string
		sparse   bool
		Options
	}{
		{settings: "batch = 2"},
		{settings: "batch = 2", Options: Options{Where: "loss < 0.9"}},
		{settings: "batch = 2", Options: Options{Selectors: []string{"last~3", "best=loss"}}},
		{settings: "branch = \"runs\""},
		{sparse: true},
		{settings: "batch = 2", sparse: true},
	} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			g := rand.New(rand.NewPCG(uint64(seed), 7))
			w := watch(t, Options{}, "first")
			w.write(filepath.Join(w.repo.Dir, "config.toml"), "[commit]\n"+c.settings+"\n")
			o := c.Options
			var ids []string
			for range 8 {
				ids = append(ids, w.generatedRun(g, ids))
			}
			if c.sparse {
				w.commit()
				w.git.Git("sparse-checkout", "set", "--no-cone", "/*", "!.runs/20*")
			}
			w.open(o)
			for step := range 8 {
				w.step(g, &ids, step)
				deadline := time.Now().Add(time.Minute)
				for {
					w.view.watch.mu.Lock()
					w.view.watch.asked = time.Time{} // Git is asked without a pause
					w.view.watch.mu.Unlock()
					if err := w.view.Refresh(t.Context()); err != nil {
						t.Fatal(err)
					}
					got, want := shownText(t, w.view), w.fresh(o)
					if got == want {
						break
					}
					if time.Now().After(deadline) {
						t.Fatalf("step %d: -records +columns\n%s", step, cmp.Diff(want, got))
					}
					time.Sleep(pollEvery)
				}
			}
		})
	}
}

func (w *watched) commit() {
	w.t.Helper()
	r, err := w.repo.Reopen()
	if err == nil {
		_, err = share.Commit(w.t.Context(), r, share.Request{IncludeFailed: true})
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// step changes something that a view shows.
func (w *watched) step(g *rand.Rand, ids *[]string, step int) {
	w.t.Helper()
	entries, _, err := w.repo.List(w.t.Context())
	if err != nil || len(entries) == 0 {
		w.t.Fatal(err)
	}
	e := entries[g.IntN(len(entries))]
	switch step {
	case 0, 6:
		*ids = append(*ids, w.generatedRun(g, *ids))
	case 1, 5:
		err = e.Annotate(&format.Note{Tags: map[string]string{"new": fmt.Sprint(step)}, Text: "noted"})
	case 2, 7:
		i := slices.IndexFunc(entries, func(e *repo.Entry) bool { return e.Active == nil })
		e = entries[i]
		err = w.repo.Remove(w.t.Context(), []*repo.Entry{e}, nil)
	case 3:
		w.commit()
	case 4:
		for _, a := range entries {
			if a.Active != nil {
				w.finish(a.Active)
				break
			}
		}
	}
	if err != nil {
		w.t.Fatalf("step %d: %v", step, err)
	}
}

// TestWatchReadsOneScreen: opening a view and showing its table reads the records of the newest runs, which are shown
// first, and no others that the index has.
func TestWatchReadsOneScreen(t *testing.T) {
	t.Setenv(repo.IndexVariable, repo.IndexUnsampled)
	v := plantedRuns(t, func(i int, r *format.Run) { r.Name = fmt.Sprintf("run %d.", i) }, screenRows+10)
	w := &watched{t: t, repo: v.repo}
	var ids []string
	for _, r := range v.rows {
		ids = append(ids, r.ID())
	}
	before := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Dir(w.repo.RunDir(ids[0])), before, before); err != nil {
		t.Fatal(err)
	}
	w.open(Options{}) // writes the index
	for _, id := range []string{ids[screenRows-1], ids[screenRows]} {
		if err := os.WriteFile(filepath.Join(w.repo.RunDir(id), repo.RecordName), []byte("id = "), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	w.open(Options{})
	page, err := w.view.TablePage(t.Context(), 0, false)
	if err != nil || strings.Contains(string(page), ids[screenRows-1]) ||
		!strings.Contains(string(page), ids[screenRows]) {
		t.Errorf("%s %v", page, err)
	}
	if p := w.project(); p.Runs != screenRows+9 || len(p.Damaged) != 1 || p.Damaged[0].ID != ids[screenRows-1] {
		t.Errorf("%d runs, damage %v", p.Runs, p.Damaged)
	}
}

// TestAnswersAtOnce: answers of a revision and of the working tree, which read records when they are needed, can be
// asked for at the same time, also while runs are recorded.
func TestAnswersAtOnce(t *testing.T) {
	w := watch(t, Options{}, "one", "two", "three")
	w.commit()
	var ids []string
	for _, e := range w.view.Entries() {
		ids = append(ids, e.ID)
	}
	at, err := w.view.At(t.Context(), "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(at.Close)
	w.open(Options{})
	w.write(filepath.Join(w.repo.Dir, "config.toml"), "primary = \"loss\"\n")
	var answers sync.WaitGroup
	for _, v := range []*View{at, w.view} {
		for i, id := range ids {
			answers.Go(func() {
				for range 5 {
					_, err := v.Curves(t.Context(), CurvesQuery{Metric: "loss", Runs: ids[i:]})
					if err == nil {
						_, err = v.Run(t.Context(), id)
					}
					if err == nil {
						_, err = v.TablePage(t.Context(), 0, i == 0)
					}
					if err == nil {
						_, err = v.Compare(t.Context(), CompareRequest{Sides: []string{"last", id, "HEAD:last"}})
					}
					if err == nil {
						_, err = v.Changes(t.Context(), "")
					}
					if err == nil {
						_, err = v.Project(t.Context())
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	for range 3 {
		w.finish(w.start("later"))
	}
	answers.Wait()
}
