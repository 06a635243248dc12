package share

import (
	"slices"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/git/gittest"
	"github.com/gitruns/runs/repo/secret"
)

// TestOverview counts whose runs are where.
func TestOverview(t *testing.T) {
	p := newProject(t, "clone")
	p.add(runB)
	p.commitAll()
	p.add(runC)
	p.add(runD, failed)
	wide := p.commitTree([]string{p.Head}, map[string]any{in(runC, repo.RecordName): record(t, runC)})
	p.Git("branch", "-q", "wide", wide)
	o, err := overview(t, p)
	check(t, err)
	equal(t, "uncommitted", o.Uncommitted, 1)
	equal(t, "unpushed", o.Unpushed, 1)
	equal(t, "remote", o.Remote, true)
	if !slices.Equal(o.Alone, []BranchRuns{{"wide", 1}}) {
		t.Errorf("alone: %+v", o.Alone)
	}
	ids, err := RunsOnOtherBranches(t.Context(), p.runs)
	check(t, err)
	equalLists(t, "on other branches", ids, []string{runC})
	p.Write(".runs/removed/"+runC, "")
	ids, err = RunsOnOtherBranches(t.Context(), p.runs)
	check(t, err)
	equal(t, "a removed run", len(ids), 0)
	on, err := OnRemote(t.Context(), p.runs, runA)
	check(t, err)
	equal(t, "OnRemote", on, true)
	on, err = OnRemote(t.Context(), p.runs, runB)
	check(t, err)
	equal(t, "OnRemote before it is pushed", on, false)
	_, err = Push(t.Context(), p.runs, PushRequest{})
	check(t, err)
	o, err = overview(t, p)
	check(t, err)
	equal(t, "unpushed after a push", o.Unpushed, 0)
}

// TestOverviewOfShapes reads every shape that has a working tree.
func TestOverviewOfShapes(t *testing.T) {
	gittest.Each(t, func(t *testing.T, r *gittest.Repository) {
		if r.Bare {
			t.Skip("a bare repository has no working tree")
		}
		p := projectOf(t, r)
		p.add(runB)
		o, err := overview(t, p)
		check(t, err)
		equal(t, "uncommitted", o.Uncommitted, 1)
		equal(t, "unpushed", o.Unpushed, map[bool]int{true: 1}[o.Remote && r.Origin == ""])
		if _, err := RunsOnOtherBranches(t.Context(), p.runs); err != nil {
			t.Error(err)
		}
	})
}

// TestSummary says in one line what a commit holds.
func TestSummary(t *testing.T) {
	run := func(id, name, experiment string) CommittedRun {
		return CommittedRun{ID: id, Name: name, Experiment: experiment}
	}
	for _, c := range []struct {
		done Committed
		want string
	}{
		{Committed{Runs: []CommittedRun{run(runB, "", "")}}, "add 1 run"},
		{Committed{Runs: []CommittedRun{run(runB, "wide", "net")}}, "add 1 run of net: wide"},
		{Committed{Runs: []CommittedRun{run(runB, "a", "net"), run(runC, "b", "net")}}, "add 2 runs of net"},
		{Committed{Runs: []CommittedRun{run(runB, "a", "net"), run(runC, "b", "other")}}, "add 2 runs"},
		{Committed{Notes: 1}, "add 1 note"},
		{Committed{Removed: []string{runB, runC}}, "remove 2 runs"},
		{Committed{Redacted: []string{runB}, Notes: 2}, "add 2 notes, redact 1 run"},
		{Committed{Runs: []CommittedRun{run(runB, "two\nlines\x1b[0m", "")}}, "add 1 run: two lines [0m"},
		{
			Committed{Runs: []CommittedRun{run(runB, strings.Repeat("ö", 300), "")}},
			"add 1 run: " + strings.Repeat("ö", 188) + "…",
		},
	} {
		equal(t, c.want, c.done.Summary(), c.want)
	}
}

// TestMessage has a line for each run with its primary metric first, and bounds their number.
func TestMessage(t *testing.T) {
	config := &format.Config{Primary: "rmse"}
	metrics := map[string]format.Metric{"acc": {Last: 0.5}, "rmse": {Last: 1. / 3}, "x": {Last: 1}, "z": {Last: 2}}
	done := Committed{
		Runs: []CommittedRun{{
			ID: runB, Name: "wide",
			line: runWords(&format.Run{ID: runB, Name: "wide", Status: format.Failed, Metrics: metrics}, config),
		}},
		Removed: []string{runC}, Redacted: []string{runD},
	}
	equal(t, "message", done.message(),
		"runs: add 1 run: wide, redact 1 run, remove 1 run\n\n"+
			runB+" wide (failed) rmse=0.33333 acc=0.5 x=1\nredacted "+runD+"\nremoved "+runC+"\n")
	many := Committed{Removed: slices.Repeat([]string{runC}, maxMessageRuns+3)}
	equal(t, "lines", strings.Count(many.message(), "\n"), maxMessageRuns+3)
	equal(t, "the rest", strings.HasSuffix(many.message(), "and 3 more removed\n"), true)
}

// TestMergeFindings adds what another program found where ours did not.
func TestMergeFindings(t *testing.T) {
	ours := []secret.Find{{Line: 3, Fingerprint: "a"}}
	got := merge(ours, []secret.Find{
		{Line: 3, Fingerprint: "b"},
		{Line: 9, Fingerprint: "a"},
		{Line: 1, Fingerprint: "c"},
	})
	var lines []int64
	for _, f := range got {
		lines = append(lines, f.Line)
	}
	if !slices.Equal(lines, []int64{1, 3}) {
		t.Errorf("merge: %+v", got)
	}
}

func overview(t *testing.T, p *project) (*Overview, error) {
	t.Helper()
	c, err := catalog.Open(t.Context(), p.runs, catalog.Options{})
	check(t, err)
	defer c.Close()
	return ReadOverview(t.Context(), c)
}
