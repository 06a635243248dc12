package share

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/query"
)

func openCatalog(t *testing.T, r *repo.Repository) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Open(context.Background(), r, catalog.Options{})
	check(t, err)
	t.Cleanup(c.Close)
	return c
}

func withName(name, group string) func(*format.Run) {
	return func(run *format.Run) { run.Name, run.Group = name, group }
}

func TestSelection(t *testing.T) {
	p := newProject(t, "plain")
	p.add(runB, withName("b", "g"))
	p.add(runC, withName("c", "g"), func(run *format.Run) { run.Status = format.Failed })
	p.add(runD, withName("d", ""))
	_, err := p.runs.Start(context.Background(), &format.Run{Name: "open", Group: "g"}, format.OwnerDetached)
	check(t, err)
	c := openCatalog(t, p.runs)
	for name, s := range map[string]struct {
		Selection
		want []string
		err  string
	}{
		"by name":                  {Selection{Selectors: []string{"b", "d"}}, []string{runB, runD}, ""},
		"twice":                    {Selection{Selectors: []string{"b", "b"}}, []string{runB}, ""},
		"a group without open run": {Selection{Group: "g"}, []string{runC, runB}, ""},
		"an expression":            {Selection{Where: "status = failed"}, []string{runC}, ""},
		"both":                     {Selection{Selectors: []string{"b", "c"}, Where: "status = failed"}, []string{runC}, ""},
		"an open run":              {Selection{Selectors: []string{"open"}}, nil, "it is still running"},
		"an open run, filtered":    {Selection{Selectors: []string{"open", "b"}, Where: "group = g"}, []string{runB}, ""},
		"none":                     {Selection{Where: "name = nobody"}, nil, "no finished run matches"},
		"an unknown name":          {Selection{Selectors: []string{"nobody"}}, nil, "nobody"},
		"not an expression":        {Selection{Where: "("}, nil, "expression"},
	} {
		t.Run(name, func(t *testing.T) {
			ids, _, err := s.IDs(context.Background(), c)
			if (err == nil) != (s.err == "") || err != nil && !strings.Contains(err.Error(), s.err) {
				t.Fatalf("error %v, want %q", err, s.err)
			}
			equalLists(t, "ids", ids, s.want)
		})
	}
	_, missing, err := Selection{Where: "rmsee < 1"}.IDs(context.Background(), c)
	var none *query.NotFoundError
	if !errors.As(err, &none) || len(missing) != 1 || missing[0].Key != "rmsee" {
		t.Errorf("a key that no run has: %v, %v", missing, err)
	}
	if !(Selection{}).Empty() || (Selection{Experiment: "x"}).Empty() {
		t.Error("Empty is wrong")
	}
}

func TestCommitFinished(t *testing.T) {
	ctx := context.Background()
	p := newProject(t, "plain")
	p.add(runB)
	done, err := CommitFinished(ctx, p.runs, &format.Run{ID: runB, Status: format.Finished})
	if done != nil || err != nil {
		t.Errorf("without commit.auto: %v, %v", done, err)
	}
	check(t, p.runs.Configure([]string{"commit", "auto"}, true))
	again, err := repo.Find(p.Dir)
	check(t, err)
	for name, run := range map[string]*format.Run{"no run": nil, "a failed run": {ID: runB, Status: format.Failed}} {
		if done, err := CommitFinished(ctx, again, run); done != nil || err != nil {
			t.Errorf("%s: %v, %v", name, done, err)
		}
	}
	done, err = CommitFinished(ctx, again, &format.Run{ID: runB, Status: format.Finished})
	check(t, err)
	if len(done.Runs) != 1 || done.Runs[0].ID != runB || done.Commit == "" {
		t.Errorf("with commit.auto: %+v", done)
	}
}

func TestVerifyFinished(t *testing.T) {
	ctx := context.Background()
	p := newProject(t, "plain")
	p.add(runB, withName("b", ""), func(run *format.Run) { run.Parent = runC })
	p.add(runD, withName("d", ""))
	p.Write(".runs/"+runPath(runD)+"/run.toml", "broken")
	c := openCatalog(t, p.runs)
	v, err := VerifyFinished(ctx, c, []string{"b"}, nil)
	check(t, err)
	if len(v.Verdicts) != 1 || v.Bad() != 0 || len(v.Damaged) != 0 {
		t.Errorf("a run by name: %+v", v)
	}
	if unknown := v.Verdicts[0].Unknown; len(unknown) != 1 || unknown[0].ID != runC {
		t.Errorf("its parent is not in this clone, but unknown are %v", unknown)
	}
	var last [2]int64
	v, err = VerifyFinished(ctx, c, nil, func(done, total int64) { last = [2]int64{done, total} })
	check(t, err)
	if len(v.Damaged) != 1 || v.Damaged[0].ID != runD || v.Bad() != 1 {
		t.Errorf("all runs: %+v", v)
	}
	equal(t, "progress", last, [2]int64{int64(len(v.Verdicts)), int64(len(v.Verdicts))})
	p.Git("add", "-f", ".runs/active/.gitignore")
	p.Write(".runs/local.toml", "")
	p.Git("add", "-f", ".runs/local.toml")
	v, err = VerifyFinished(ctx, openCatalog(t, p.runs), nil, nil)
	check(t, err)
	if len(v.Strays) != 1 || v.Strays[0].Path != ".runs/local.toml" || v.Bad() != 2 {
		t.Errorf("with a file that Git must not track: %+v", v)
	}
	if _, err := VerifyFinished(ctx, c, []string{"nobody"}, nil); err == nil {
		t.Error("an unknown run is no error")
	}
}
