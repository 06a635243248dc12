package catalog

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// of makes a catalog of entries that are on no disk.
func of(entries ...*repo.Entry) *Catalog {
	return (&Catalog{config: &format.Config{}, family: &family{}}).derive(nil, entries, nil)
}

// states are those in which an earlier run can be.
var states = map[string]func(*repo.Entry){
	"finished":  func(e *repo.Entry) { e.Status = format.Finished },
	"failed":    func(e *repo.Entry) { e.Status = format.Failed },
	"killed":    func(e *repo.Entry) { e.Status = format.Killed },
	"crashed":   func(e *repo.Entry) { e.Status = format.Crashed },
	"alive":     active(repo.Alive),
	"gone":      active(repo.Gone),
	"detached":  active(repo.Detached),
	"elsewhere": active(repo.Elsewhere),
	"foreign":   active(repo.Foreign),
	"requeued": func(e *repo.Entry) {
		active(repo.Elsewhere)(e)
		e.Environment = &format.Environment{Variables: map[string]string{"SLURM_JOB_ID": "77"}}
	},
}

func active(life repo.Life) func(*repo.Entry) {
	return func(e *repo.Entry) { e.Status, e.Active, e.Life = format.Running, &repo.Active{ID: e.ID}, life }
}

// outcome says in a word what becomes of a run.
func outcome(r Resumption, err error) string {
	var problem *ResumeError
	switch {
	case errors.As(err, &problem):
		return map[ResumeProblem]string{
			KeyExists: "exists", KeyMissing: "missing", IsActive: "active",
			MayBeActive: "maybe",
		}[problem.Problem]
	case err != nil:
		return err.Error()
	case r.Existing != "":
		return "another"
	case r.Entry == nil:
		return "new"
	case r.Same && r.requeued:
		return "take"
	case r.Same:
		return "join"
	}
	return "resume"
}

func TestResumePolicy(t *testing.T) {
	modes := []struct {
		name string
		ask  ResumeRequest
	}{
		{"none", ResumeRequest{Key: "k"}},
		{"never", ResumeRequest{Mode: ResumeNever, Key: "k"}},
		{"must", ResumeRequest{Mode: ResumeMust, Key: "k"}},
		{"allow", ResumeRequest{Mode: ResumeAllow, Key: "k"}},
		{"auto", ResumeRequest{Mode: ResumeAuto, Key: "k"}},
		{"unfinished", ResumeRequest{Mode: ResumeUnfinished, Key: "k"}},
		{"program", ResumeRequest{Mode: ResumeAuto, Program: Program{Entry: "train.py", Host: "here"}}},
	}
	want := map[string]string{
		//            none    never  must   allow  auto   unfinished program
		"finished":  "another exists resume resume resume new        new",
		"failed":    "another exists resume resume resume resume     resume",
		"killed":    "another exists resume resume resume resume     resume",
		"crashed":   "another exists resume resume resume resume     resume",
		"alive":     "another exists active active active active     new",
		"gone":      "another exists join   join   join   join       join",
		"detached":  "another exists join   join   join   join       new",
		"elsewhere": "another exists maybe  maybe  maybe  join       new",
		"requeued":  "another exists take   take   take   take       take",
		"foreign":   "new     new    missing new   new    new        new",
		"none":      "new     new    missing new   new    new        new",
	}
	for state, row := range want {
		words := strings.Fields(row)
		for i, mode := range modes {
			c := of()
			if set := states[state]; set != nil {
				e := &repo.Entry{Run: &format.Run{
					ID: "20261123-142530-k7qx2m9a", Key: "k", Started: day,
					Source: &format.Source{Entry: "train.py"}, Machine: &format.Machine{Host: "here"},
				}}
				set(e)
				c = of(e)
			}
			mode.ask.Job = repo.Job{Restarts: "1"}
			if state == "requeued" {
				mode.ask.Job.ID = "77"
			}
			if state == "requeued" && mode.name == "program" {
				c.rows[0].entry.Key = "77" // a run that the first attempt started without a key
			}
			if got := outcome(c.Resume(mode.ask)); got != words[i] {
				t.Errorf("%s run, mode %s: %s, want %s", state, mode.name, got, words[i])
			}
		}
	}
}

// TestResumable: which run is meant.
func TestResumable(t *testing.T) {
	run := func(minute int, id, key string, set func(*format.Run)) *repo.Entry {
		r := &format.Run{ID: "20261123-142530-" + id, Key: key, Started: day, Status: format.Failed}
		r.Started = day.AddDate(0, 0, minute)
		if set != nil {
			set(r)
		}
		return &repo.Entry{Run: r}
	}
	program := func(set func(*format.Run)) func(*format.Run) {
		return func(r *format.Run) {
			r.Source, r.Machine, r.Experiment = &format.Source{Entry: "train.py"}, &format.Machine{Host: "here"}, "x"
			if set != nil {
				set(r)
			}
		}
	}
	c := of(
		run(1, "aaaaaaaa", "k", nil), run(2, "bbbbbbbb", "k", nil), run(3, "cccccccc", "other", nil), run(4, "dddddddd",
			"77", nil),
		run(5, "eeeeeeee", "", program(nil)),
		run(6, "ffffffff", "", program(func(r *format.Run) { r.Experiment = "y" })),
		run(7, "gggggggg", "", program(func(r *format.Run) { r.Parent = "p" })),
		run(8, "hhhhhhhh", "", program(func(r *format.Run) { r.Reproduces = "r" })),
		run(9, "jjjjjjjj", "", program(func(r *format.Run) { r.Machine.Host = "there" })),
		run(10, "kkkkkkkk", "", program(func(r *format.Run) { r.Source.Entry = "eval.py" })),
	)
	c.config.Experiment = "x"
	same := Program{Entry: "train.py", Host: "here"}
	for _, test := range []struct {
		name, want string
		ask        ResumeRequest
	}{
		{"the newest with the key", "bbbbbbbb", ResumeRequest{Mode: ResumeAllow, Key: "k"}},
		{"by its id", "aaaaaaaa", ResumeRequest{Mode: ResumeAllow, Key: "20261123-142530-aaaaaaaa"}},
		{"by the random part of its id", "aaaaaaaa", ResumeRequest{Mode: ResumeAllow, Key: "aaaaaaaa"}},
		{"an id is no key", "", ResumeRequest{Mode: ResumeUnfinished, Key: "aaaaaaaa"}},
		{"the job in place of a key", "dddddddd", ResumeRequest{Mode: ResumeAuto, Job: repo.Job{ID: "77"}}},
		{"a job counts in auto only", "", ResumeRequest{Mode: ResumeAllow, Job: repo.Job{ID: "77"}}},
		{"the key before the job", "bbbbbbbb", ResumeRequest{Mode: ResumeAuto, Key: "k", Job: repo.Job{ID: "77"}}},
		{"the same program of the configured experiment", "eeeeeeee", ResumeRequest{Mode: ResumeAuto, Program: same}},
		{"of another experiment", "ffffffff", ResumeRequest{Mode: ResumeAuto, Program: Program{"train.py", "y", "", "here"}}},
		{"within a parent", "gggggggg", ResumeRequest{Mode: ResumeAuto, Program: Program{"train.py", "", "p", "here"}}},
		{"of another machine", "jjjjjjjj", ResumeRequest{Mode: ResumeAuto, Program: Program{"train.py", "", "", "there"}}},
		{"no program", "", ResumeRequest{Mode: ResumeAuto}},
	} {
		before, err := c.Resume(test.ask)
		got := ""
		if before.Entry != nil {
			got = format.IDRandom(before.Entry.ID)
		}
		if err != nil || got != test.want {
			t.Errorf("%s: %q, %v; want %q", test.name, got, err, test.want)
		}
	}
	if before, _ := c.Resume(ResumeRequest{Mode: ResumeAuto, Job: repo.Job{ID: "78"}}); before.Key != "78" {
		t.Errorf("a new run of a job gets the key %q", before.Key)
	}
}

func TestInherit(t *testing.T) {
	old := &format.Run{
		ID: "old", Key: "k", Name: "n", Experiment: "x", Group: "g", Parent: "p", Params: format.Params{"a": 1.0},
		Tags: map[string]string{"t": "1", "u": "1"}, Summary: map[string]any{"best": 1.0},
	}
	old.Params = format.Params{"a": 1.0, "b": 2.0, "d": format.Null}
	run := &format.Run{Name: "own", Params: format.Params{"c": 3.0}, Tags: map[string]string{"u": "2"}}
	if err := (Resumption{Entry: &repo.Entry{Run: old}}).Inherit(run, false); err != nil {
		t.Fatal(err)
	}
	want := &format.Run{
		Resumes: "old", Key: "k", Name: "own", Experiment: "x", Group: "g", Parent: "p",
		Params: format.Params{"a": 1.0, "b": 2.0, "c": 3.0, "d": format.Null},
		Tags:   map[string]string{"t": "1", "u": "2"}, Summary: map[string]any{"best": 1.0},
	}
	if d := cmp.Diff(want, run); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	before := Resumption{Entry: &repo.Entry{Run: old}}
	var params *ParamsError
	if err := before.Inherit(&format.Run{Params: format.Params{"a": 5.0}}, false); !errors.As(err, &params) ||
		params.Run != "old" {
		t.Errorf("another value: %v", err)
	}
	run = &format.Run{Params: format.Params{"a": 5.0, "b": 2.0, "new": 1.0}}
	if d := cmp.Diff([]string{"a"}, before.ChangedParams(run.Params)); d != "" {
		t.Error(d)
	}
	if err := before.Inherit(run, true); err != nil || run.Params["a"] != 5.0 || old.Params["a"] != 1.0 {
		t.Errorf("a value that may change: %v, %v, the earlier run's %v", err, run.Params["a"], old.Params["a"])
	}
}

// start starts a run that ends as the test says.
func start(t *testing.T, r *repo.Repository, run *format.Run) *repo.Active {
	t.Helper()
	a, err := r.Start(t.Context(), run, format.OwnerDetached)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestJoinAndNextStep(t *testing.T) {
	r := project(t)
	first := start(t, r, &format.Run{Key: "k", Params: format.Params{"lr": 0.1}})
	point := &format.Line{HasStep: true, Step: 41, Metrics: []format.MetricValue{{Key: "x", Value: 1}}}
	if err := first.AppendShared(point); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Finish(t.Context(), repo.Finish{Status: format.Failed}); err != nil {
		t.Fatal(err)
	}
	second := start(t, r, &format.Run{Key: "k", Resumes: first.ID})
	if err := second.AppendShared(&format.Line{HasStep: true, Step: 7, Metrics: point.Metrics}); err != nil {
		t.Fatal(err)
	}
	c := open(t, r, Options{})
	before, err := c.Resume(ResumeRequest{Mode: ResumeMust, Key: "k"})
	if err != nil || !before.Same || before.Entry.ID != second.ID {
		t.Fatalf("%+v, %v", before, err)
	}
	if next, err := c.NextStep(t.Context(), before.Entry); next != 42 || err != nil {
		t.Errorf("next step %d, %v", next, err)
	}
	run := &format.Run{Params: format.Params{"wd": 0.5}, Tags: map[string]string{"again": "yes"}}
	if err := before.Join(run, 0, false); err != nil {
		t.Fatal(err)
	}
	e, err := r.Read(t.Context(), second.ID)
	if err != nil || e.Params["wd"] != 0.5 || e.Tags["again"] != "yes" || before.Entry.Params["wd"] != 0.5 {
		t.Errorf("%v, %v, %v", e.Params, e.Tags, err)
	}
	var params *ParamsError
	if err := before.Join(&format.Run{Params: format.Params{"wd": 1.0}}, 0, false); !errors.As(err, &params) {
		t.Errorf("another value: %v", err)
	}
	write(t, filepath.Join(r.RunDir(first.ID), repo.RecordName), "damaged")
	c = open(t, r, Options{})
	if before, err = c.Resume(ResumeRequest{Mode: ResumeMust, Key: "k"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.NextStep(t.Context(), before.Entry); err == nil {
		t.Error("the steps of a damaged part are known")
	}
}

func TestNextStepIsBounded(t *testing.T) {
	for last, want := range map[int64]int64{-5: 0, -1: 0, 0: 1, math.MaxInt64: 0} {
		r := project(t)
		a := start(t, r, &format.Run{})
		line := &format.Line{HasStep: true, Step: last, Metrics: []format.MetricValue{{Key: "x", Value: 1}}}
		if err := a.AppendShared(line); err != nil {
			t.Fatal(err)
		}
		c := open(t, r, Options{})
		if next, err := c.NextStep(t.Context(), c.Entries()[0]); next != want || err != nil {
			t.Errorf("after step %d: %d, %v; want %d", last, next, err, want)
		}
	}
}

func ExampleResumeError() {
	fmt.Println(&ResumeError{MayBeActive, "job-1", "20261123-142530-k7qx2m9a"})
	// Output: resuming job-1: run 20261123-142530-k7qx2m9a may be in progress on another machine, boot or container
}
