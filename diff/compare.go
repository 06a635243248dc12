// Package diff compares two records, or two groups of records, and returns the differences as one value: metrics with a
// verdict, params, data, environment and source. It also compares the points of one metric.
//
// The package reads no files itself, and knows neither repositories nor Git nor terminals. From this module, it
// imports only format. What it needs in addition to the records, the caller passes as functions. Start reading at
// Compare. To change a verdict, start in metric.go; to change the statistics, in means.go and
// permutation.go; which metrics share the level, in family.go.
package diff

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"time"

	"github.com/gitruns/runs/format"
)

// Side is one side of a comparison: a run, or a group of replicates.
type Side struct {
	Runs        []*format.Run           // newest first; at least one. The caller merges a chain of resumed runs into one
	Group       string                  // name of the group; empty for a single run
	Environment *format.EnvironmentFile // of the newest run; nil if it is unknown
	// Manifest returns the list of the files of a dataset, or nil if there is no such list. If Manifest is nil, files
	// are not compared.
	Manifest func(format.Dataset) ([]format.ManifestEntry, error)
	// Points returns the points of a metric of a single run, sorted by step. If Points is nil, points are not
	// compared. Compare may call the functions of both sides at the same time.
	Points func(metric string) ([]format.Point, error)
	// Lost are the runs of a group that did not finish, newest first. See Members.
	Lost []*format.Run
	// PointsOf returns the points of a metric of one of Runs, sorted by step. It is needed for format.ValueAtBest.
	PointsOf func(r *format.Run, metric string) ([]format.Point, error)
}

func (s Side) first() *format.Run { return s.Runs[0] }

// Options says how to compare.
type Options struct {
	Goal    func(metric string) string // min, max or empty; may be nil
	Metrics *regexp.Regexp             // compare only the metrics that match; nil means all
	Strict  bool                       // 1 and 1.0 are different params
	All     bool                       // also list what is equal
	Level   float64                    // of the test between groups: the probability of a false verdict, such as 0.05
	Seeds   []string                   // further params that may differ within a group, see format.IsSeed
	Primary string                     // metric that is tested first, and alone; may be empty
	// PrimaryLevel replaces Level for the primary metric, if several comparisons share the level.
	PrimaryLevel *float64
	// Choice returns which value of a metric with a goal is compared. If nil, the last one is.
	Choice func(metric, goal string) Choice
	Source []File // the files of the source that differ, as the caller found them
}

// Comparison lists the differences between two sides. Unless Options.All is set, it leaves out what is equal.
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
	Artifacts   []Value          // digests by path, of single runs
	Duration    [2]time.Duration // of single runs
	Tests       *Tests           // of groups; nil if nothing was tested
	Mixed       []string         // what differs within a group; if anything does, there is no verdict
	Problems    []Problem
}

// Head identifies a side.
type Head struct {
	ID, Name string // of the newest run
	Group    string
	Runs     []string // the ids of a group; nil for a single run
	Lost     []Lost   // runs of a group that did not finish
}

// Source is the code of both sides.
type Source struct {
	A, B  string // the trees, or the commit of a run without a recorded tree
	Files []File
}

// File is a source file that differs.
type File struct {
	Path           string
	Change         string // added, removed, modified
	Added, Removed int64  // lines; -1 for a binary file
}

// Compare compares two sides. It uses their records and what the other fields of the sides and the options provide. It
// returns no error: a part that cannot be compared is reported as a Problem.
func Compare(a, b Side, o Options) *Comparison {
	x, y := a.first(), b.first()
	c := &Comparison{A: a.head(), B: b.head()}
	c.Params = o.values(a.paramsOf(o), b.paramsOf(o))
	c.Tags = o.values(texts(format.ShownTags(x.Tags)), texts(format.ShownTags(y.Tags)))
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
		for _, r := range s.Lost {
			h.Lost = append(h.Lost, Lost{r, Loss(r.Status)})
		}
	}
	return h
}

// tree returns an id of the source of a run: its tree, or otherwise its commit. If submodules have patches, it is a
// digest of the tree and theirs. It is empty if the source is unknown.
func tree(r *format.Run) string {
	if r.Source == nil {
		return ""
	}
	id := cmp.Or(r.Source.Tree, r.Source.Commit)
	if submodules := r.Source.PatchedSubmodules(); submodules != "" {
		sum := sha256.Sum256([]byte(id + "\n" + submodules))
		return hex.EncodeToString(sum[:])
	}
	return id
}
