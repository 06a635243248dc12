package render

import (
	"math"

	"github.com/gitruns/runs/diff"
)

// DiffJSON is the JSON of a comparison (SPEC.md section 10).
type DiffJSON struct {
	A           HeadJSON      `json:"a"`
	B           HeadJSON      `json:"b"`
	Params      []ValueJSON   `json:"params"`
	Summary     []ValueJSON   `json:"summary"`
	Tags        []ValueJSON   `json:"tags"`
	Artifacts   []ValueJSON   `json:"artifacts"`
	Attributes  []ValueJSON   `json:"attributes"`
	Metrics     []MetricJSON  `json:"metrics"`
	Datasets    []DatasetJSON `json:"datasets"`
	Environment []ChangeJSON  `json:"environment"`
	Machine     []ChangeJSON  `json:"machine"`
	Variables   []ChangeJSON  `json:"variables"`
	Source      SourceJSON    `json:"source"`
	Tests       *TestsJSON    `json:"tests,omitempty"`
	Mixed       []string      `json:"mixed,omitempty"`
	Problems    []string      `json:"problems"`
}

// HeadJSON identifies a side: a run or a group of runs.
type HeadJSON struct {
	ID    string     `json:"id,omitempty"`
	Name  string     `json:"name,omitempty"`
	Group string     `json:"group,omitempty"`
	Runs  []string   `json:"runs,omitempty"` // ids
	Lost  []LostJSON `json:"lost,omitempty"`
}

// LostJSON is a run of a group that does not count.
type LostJSON struct {
	Run string    `json:"run"` // id
	Why diff.Loss `json:"why"`
}

// TestsJSON says what a comparison of groups tested.
type TestsJSON struct {
	Level   float64 `json:"level"`
	Count   int     `json:"count"`
	Primary string  `json:"primary,omitempty"`
	Closed  bool    `json:"closed"`
}

// ValueJSON is a key with its value on each side. The member of a side is left out if the side lacks the key. A param
// that is null is written as null.
type ValueJSON struct {
	Key string `json:"key"`
	A   any    `json:"a,omitempty"`
	B   any    `json:"b,omitempty"`
}

// number is a float that is left out of the JSON if it is NaN.
type number float64

// IsZero reports whether the number is left out.
func (n number) IsZero() bool { return math.IsNaN(float64(n)) }

// MetricJSON is one compared metric.
type MetricJSON struct {
	Key      string       `json:"key"`
	A        *LevelJSON   `json:"a,omitempty"`
	B        *LevelJSON   `json:"b,omitempty"`
	Delta    number       `json:"delta,omitzero"`
	Relative number       `json:"relative,omitzero"`
	Goal     string       `json:"goal,omitempty"`
	Verdict  diff.Verdict `json:"verdict"`
	Why      diff.Reason  `json:"why,omitempty"`
	Compared string       `json:"compared"`
	SelectBy string       `json:"select_by,omitempty"`
	Uneven   bool         `json:"uneven,omitempty"`
	P        number       `json:"p,omitzero"`
	Adjusted number       `json:"p_adjusted,omitzero"`
	Interval *[2]float64  `json:"interval,omitempty"`
	Curve    *CurveJSON   `json:"curve,omitempty"`
}

// LevelJSON holds the values of a metric on one side.
type LevelJSON struct {
	Last float64 `json:"last"`
	Best float64 `json:"best"`
	Step *int64  `json:"step,omitempty"`
	N    int     `json:"n"`
	SD   number  `json:"sd,omitzero"`

	Value       number     `json:"value,omitzero"`
	ValueStep   *int64     `json:"value_step,omitempty"`
	Evaluations []int64    `json:"evaluations,omitempty"`
	Lost        []LostJSON `json:"lost,omitempty"`
}

// CurveJSON describes how the points of a metric differ.
type CurveJSON struct {
	Same     bool    `json:"same"`
	Common   int     `json:"common"`
	Relative float64 `json:"relative"`
	Step     int64   `json:"step"`
}

// DatasetJSON is a dataset that differs. A and B are digests.
type DatasetJSON struct {
	Name string `json:"name"`
	A    string `json:"a,omitempty"`
	B    string `json:"b,omitempty"`
	// Noticed is set if a side has the data only because a recorder noticed it.
	Noticed bool              `json:"noticed,omitempty"`
	Files   []DatasetFileJSON `json:"files,omitzero"` // left out if a side has no list of its files
}

// DatasetFileJSON is a file that differs in a dataset.
type DatasetFileJSON struct {
	Path   string `json:"path"`
	Change string `json:"change"`
	From   string `json:"from,omitempty"`
}

// ChangeJSON is a key with its text on each side. The member of a side is left out if the side lacks the key.
type ChangeJSON struct {
	Key string `json:"key"`
	A   string `json:"a,omitempty"`
	B   string `json:"b,omitempty"`
}

// SourceJSON holds the source trees of both sides and the files that differ.
type SourceJSON struct {
	A     string           `json:"a"`
	B     string           `json:"b"`
	Files []SourceFileJSON `json:"files"`
}

// SourceFileJSON is a source file that differs. A binary file has no line counts.
type SourceFileJSON struct {
	Path    string `json:"path"`
	Change  string `json:"change"`
	Added   *int64 `json:"added,omitempty"`
	Removed *int64 `json:"removed,omitempty"`
}

// NewDiffJSON returns the comparison for JSON output.
func NewDiffJSON(c *diff.Comparison) *DiffJSON {
	out := &DiffJSON{
		A: headJSON(c.A), B: headJSON(c.B),
		Params: valuesJSON(c.Params), Summary: valuesJSON(c.Summary), Tags: valuesJSON(c.Tags),
		Artifacts: valuesJSON(c.Artifacts), Attributes: valuesJSON(c.Attributes),
		Environment: changesJSON(c.Environment), Machine: changesJSON(c.Machine), Variables: changesJSON(c.Variables),
		Source: SourceJSON{A: c.Source.A, B: c.Source.B}, Mixed: c.Mixed,
	}
	if t := c.Tests; t != nil {
		out.Tests = &TestsJSON{t.Level, t.Count, t.Primary, t.Closed}
	}
	for _, m := range c.Metrics {
		out.Metrics = append(out.Metrics, metricJSON(m))
	}
	for _, d := range c.Datasets {
		out.Datasets = append(out.Datasets, datasetJSON(d))
	}
	for _, f := range c.Source.Files {
		file := SourceFileJSON{Path: f.Path, Change: f.Change}
		if f.Added >= 0 {
			file.Added, file.Removed = &f.Added, &f.Removed
		}
		out.Source.Files = append(out.Source.Files, file)
	}
	for _, p := range c.Problems {
		out.Problems = append(out.Problems, p.String())
	}
	return out
}

func headJSON(h diff.Head) HeadJSON {
	if h.Group != "" {
		return HeadJSON{Group: h.Group, Runs: h.Runs, Lost: lostJSON(h.Lost)}
	}
	return HeadJSON{ID: h.ID, Name: h.Name}
}

func lostJSON(list []diff.Lost) []LostJSON {
	var out []LostJSON
	for _, r := range list {
		out = append(out, LostJSON{r.Run.ID, r.Why})
	}
	return out
}

// SeveralJSON is the value of a param that varies within a group.
type SeveralJSON struct {
	Values  []any `json:"values"`
	Missing int   `json:"missing,omitempty"` // runs without the param
}

func sideJSON(v any) any {
	if several, ok := v.(diff.Several); ok {
		return SeveralJSON{several.Values, several.Missing}
	}
	return v
}

func valuesJSON(values []diff.Value) []ValueJSON {
	list := make([]ValueJSON, len(values))
	for i, v := range values {
		list[i] = ValueJSON{v.Key, sideJSON(v.A), sideJSON(v.B)}
	}
	return list
}

func changesJSON(changes []diff.Change) []ChangeJSON {
	list := make([]ChangeJSON, len(changes))
	for i, c := range changes {
		list[i] = ChangeJSON(c)
	}
	return list
}

func metricJSON(m diff.Metric) MetricJSON {
	out := MetricJSON{
		Key: m.Key, A: levelJSON(m.A), B: levelJSON(m.B), Delta: number(m.Delta), Relative: number(m.Relative),
		Goal: m.Goal, Verdict: m.Verdict, Why: m.Why, P: number(m.P), Interval: m.Interval,
		Compared: m.Choice.Value, SelectBy: m.Choice.SelectBy, Uneven: m.Uneven, Adjusted: number(m.Adjusted),
	}
	if s := m.Curve; s != nil {
		out.Curve = &CurveJSON{s.Sameness == diff.Identical, s.Common, s.Relative, s.Step}
	}
	return out
}

func levelJSON(l *diff.Level) *LevelJSON {
	if l == nil {
		return nil
	}
	out := &LevelJSON{
		Last: l.Last, Best: l.Best, N: l.N, SD: number(l.SD), Value: number(l.Value), Lost: lostJSON(l.Lost),
	}
	if l.N == 1 {
		if l.HasBestStep {
			out.Step = &l.BestStep
		}
		if l.HasStep {
			out.ValueStep = &l.Step
		}
	}
	if l.N > 0 {
		out.Evaluations = l.Evaluations[:]
	}
	return out
}

func datasetJSON(d diff.Dataset) DatasetJSON {
	out := DatasetJSON{Name: d.Name}
	if d.A != nil {
		out.A = d.A.Identity()
	}
	if d.B != nil {
		out.B = d.B.Identity()
	}
	out.Noticed = d.Noticed()
	if d.Files != nil {
		out.Files = make([]DatasetFileJSON, len(d.Files))
	}
	for i, f := range d.Files {
		out.Files[i] = DatasetFileJSON{f.Path, f.Change, f.From}
	}
	return out
}
