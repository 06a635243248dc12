// Package diff compares two records, or two groups of records, and returns the differences as one value: metrics with a
// verdict, params, data, environment and source. It also compares the points of one metric.
//
// It is pure: it reads no file by itself, and knows no repository, no Git and no terminal. It stands on format alone;
// what it needs besides the records, its caller gives it as functions. Begin with Compare. A change to a verdict begins
// in metric.go, one to the statistics in welch.go.
package diff

import (
	"cmp"
	"regexp"
	"time"

	"github.com/gitruns/runs/format"
)

// Side is one side of a comparison: a run, or a group of replicates.
type Side struct {
	Runs        []*format.Run           // newest first; at least one. The caller merges a chain of resumed runs into one
	Group       string                  // how the group was named; empty for a single run
	Environment *format.EnvironmentFile // of the newest run; nil if it is unknown
	// Manifest returns the files of a dataset, nil if it has no list of them. If it is nil, files are not compared.
	Manifest func(format.Dataset) ([]format.ManifestEntry, error)
	// Points returns the points of a metric of a single run, sorted by step. If it is nil, points are not compared.
	// Compare may call the functions of the two sides at the same time.
	Points func(metric string) ([]format.Point, error)
}

func (s Side) first() *format.Run { return s.Runs[0] }

// Options say how to compare.
type Options struct {
	Goal    func(metric string) string // min, max or empty; may be nil
	Metrics *regexp.Regexp             // compare only the metrics that match; nil is all
	Strict  bool                       // 1 and 1.0 are different params
	All     bool                       // list what is equal too
	Level   float64                    // of the test between groups: the chance of a false verdict, such as 0.05
	Seeds   []string                   // params that may differ within a group, see format.IsSeed
	Source  []File                     // the files of the source that differ, as the caller found them
}

// Comparison lists what two sides differ in. Unless all was asked for, it leaves out what is equal.
type Comparison struct {
	A, B        Head
	Params      []Value
	Summary     []Value // of single runs
	Metrics     []Metric
	Tags        []Value
	Datasets    []Dataset
	Environment []Change
	Machine     []Change
	Variables   []Change
	Source      Source
	Attributes  []Value          // command, cwd, status, exit_code
	Artifacts   []Value          // of single runs: digests by path
	Duration    [2]time.Duration // of single runs
	Mixed       []string         // what differs within a group, which then has no verdict
	Problems    []Problem
}

// Head names a side.
type Head struct {
	ID, Name string // of the newest run
	Group    string
	Runs     []string // the ids of a group; nil for a single run
}

// Source is the code of both sides.
type Source struct {
	A, B  string // the trees; the commit of a run without a recorded tree
	Files []File
}

// File is a file of the source that differs.
type File struct {
	Path           string
	Change         string // added, removed, modified
	Added, Removed int64  // lines; -1 for a binary file
}

// Compare compares two sides by their records and by what the sides and the options add to them. It does not fail: a
// part that cannot be compared is a Problem.
func Compare(a, b Side, o Options) *Comparison {
	x, y := a.first(), b.first()
	c := &Comparison{A: a.head(), B: b.head()}
	c.Params = o.values(flat(x.Params, x.Nulls), flat(y.Params, y.Nulls))
	c.Tags = o.values(texts(x.Tags), texts(y.Tags))
	c.Attributes = o.values(attributes(x), attributes(y))
	if a.Group != "" || b.Group != "" {
		c.withoutSeeds(a, b, o)
	} else {
		c.Summary = o.values(x.Summary, y.Summary)
		c.Artifacts = o.values(artifacts(x), artifacts(y))
		c.Duration = [2]time.Duration{x.Ended.Sub(x.Started), y.Ended.Sub(y.Started)}
	}
	c.metrics(a, b, o)
	c.datasets(a, b, o)
	c.Environment = CompareEnvironments(a.Environment, b.Environment)
	c.Machine = CompareMachines(x.Machine, y.Machine)
	c.Variables = CompareVariables(x.Environment, y.Environment)
	c.Source = Source{A: tree(x), B: tree(y), Files: o.Source}
	return c
}

func (s Side) head() Head {
	h := Head{ID: s.first().ID, Name: s.first().Name, Group: s.Group}
	if s.Group != "" {
		for _, r := range s.Runs {
			h.Runs = append(h.Runs, r.ID)
		}
	}
	return h
}

// tree identifies the source of a run; empty if it is unknown.
func tree(r *format.Run) string {
	if r.Source == nil {
		return ""
	}
	return cmp.Or(r.Source.Tree, r.Source.Commit)
}
