package review

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/git/gittest"
)

func TestMain(m *testing.M) { os.Exit(gittest.Main(m)) }

// project is a Git repository with runs.
type project struct {
	*gittest.Repository
	*testing.T
	minutes int // of the clock of the runs
}

const goals = "primary = \"rmse\"\n[metric.rmse]\ngoal = \"min\"\n[metric.acc]\ngoal = \"max\"\n"

func newProject(t *testing.T, config string) *project {
	t.Helper()
	p := &project{Repository: gittest.New(t), T: t}
	p.Commit("first", map[string]string{"train.py": "1\n"})
	if _, _, err := repo.Setup(p.Dir); err != nil {
		t.Fatal(err)
	}
	p.Write(".runs/config.toml", config)
	return p
}

// series are the points of a metric, by step from 0.
type series map[string][]float64

// add records a run a minute after the one before it. Without a source, it ran from the commit that is checked out.
func (p *project) add(run format.Run, metrics series) string {
	p.Helper()
	r, err := repo.Find(p.Dir)
	if err != nil {
		p.Fatal(err)
	}
	status := run.Status
	p.minutes++
	run.Started = time.Date(2026, 11, 23, 14, p.minutes, 0, 0, time.UTC)
	run.ID = format.NewID(run.Started)
	if run.Source == nil {
		run.Source = p.source()
	}
	a, err := r.StartImported(p.Context(), &run, nil)
	if err != nil {
		p.Fatal(err)
	}
	j, err := a.OpenJournal()
	if err != nil {
		p.Fatal(err)
	}
	for key, values := range metrics {
		for step, v := range values {
			line := format.Line{
				Time: run.Started.UnixMicro(), HasStep: true, Step: int64(step),
				Metrics: []format.MetricValue{{Key: key, Value: v}},
			}
			if err := j.Append(&line); err != nil {
				p.Fatal(err)
			}
		}
	}
	if err := j.Close(); err != nil {
		p.Fatal(err)
	}
	if _, err := a.Finish(p.Context(), repo.Finish{Status: status, Ended: run.Started.Add(time.Second)}); err != nil {
		p.Fatal(err)
	}
	return run.ID
}

// source is that of the commit that is checked out.
func (p *project) source() *format.Source {
	p.Helper()
	commit := p.Git("rev-parse", "HEAD")
	return &format.Source{
		Commit: commit,
		Base:   commit,
		Tree:   p.TreeWithoutRuns(),
		Branch: p.Git("branch", "--show-current"),
	}
}

func (p *project) open() *catalog.Catalog {
	p.Helper()
	r, err := repo.Find(p.Dir)
	if err != nil {
		p.Fatal(err)
	}
	c, err := catalog.Open(p.Context(), r, catalog.Options{})
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(c.Close)
	return c
}

func (p *project) side(c *catalog.Catalog, selector string) *Side {
	p.Helper()
	s, err := Select(p.Context(), c, selector)
	if err != nil {
		p.Fatalf("%s: %v", selector, err)
	}
	return s
}

func names(s *Side) string {
	var list []string
	for _, e := range s.Entries {
		list = append(list, e.Name)
	}
	return strings.Join(list, " ")
}

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
