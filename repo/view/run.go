package view

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/query"
)

// Bounds of one answer about a run.
const (
	maxRunArtifacts = 5000 // listed at once
	maxRunLinks     = 500  // runs of one relation
	maxRunNotes     = 500  // the newest
)

// Run is a run as its own page shows it. Numbers that JSON cannot write are the strings of SPEC.md: "NaN", "Infinity"
// and "-Infinity".
type Run struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	// Record is the record as in 'runs show --json', without params, metrics, summary, artifacts, conflicts and unknown
	// keys, which have lists of their own here. It is left out if the run is damaged.
	Record    *format.Run   `json:"record,omitempty"`
	Params    []RunParam    `json:"params"`
	Metrics   []RunMetric   `json:"metrics"`
	Summary   []RunParam    `json:"summary"`
	Unknown   []RunParam    `json:"unknown"` // keys that this version does not know
	Notes     []RunNote     `json:"notes"`   // oldest first
	Live      *RunLife      `json:"live"`    // nil unless the run is in progress
	Chain     []RunLink     `json:"chain"`   // the known parts of its chain, oldest first; empty for a run alone
	Parts     int           `json:"parts"`   // how many parts of the chain are read as one here
	Links     []RunLink     `json:"links"`   // other runs that this one names, or that name it
	Artifacts *RunArtifacts `json:"artifacts"`
	Source    *RunSource    `json:"source"` // nil if no source was recorded
	Log       *RunLog       `json:"log"`    // nil if no output was captured
	Packages  int           `json:"packages"`
	Values    bool          `json:"values"`  // it has non-numeric values; see View.Values
	System    bool          `json:"system"`  // it has machine samples; see View.System
	Damaged   *RunDamage    `json:"damaged"` // nil if the run could be read
	Doubts    []string      `json:"doubts"`  // what could not be read of it
}

// MarshalJSON writes the run as a record is written.
func (r *Run) MarshalJSON() ([]byte, error) {
	type plain Run
	return format.AppendJSON(nil, plain(*r)), nil
}

// RunParam is a param, or another named value of a run.
type RunParam struct {
	Name  string   `json:"name"`
	Path  []string `json:"path"`  // the keys that lead to it
	Text  string   `json:"text"`  // the value as in TOML; empty if only Again is known
	Again string   `json:"again"` // values that were set later and not recorded, as in TOML
}

// RunMetric is a metric with its statistics.
type RunMetric struct {
	Name   string `json:"name"`
	Last   any    `json:"last"`
	Min    any    `json:"min"` // nil if the metric has one point only, or if every value is NaN
	MinAt  int64  `json:"min_step"`
	Max    any    `json:"max"`
	MaxAt  int64  `json:"max_step"`
	Count  int64  `json:"count"`
	Goal   string `json:"goal"` // min, max or empty
	Hidden bool   `json:"hidden"`
	Step   string `json:"step_metric"` // the metric that is its x axis; empty for the step
}

// RunNote is one annotation of a run.
type RunNote struct {
	Time    time.Time         `json:"time"`
	Author  string            `json:"author"`
	Name    string            `json:"name"`
	Text    string            `json:"note"`
	Tags    map[string]string `json:"tags"`
	Removed []string          `json:"removed"`
}

// RunLife is the state of a run in progress.
type RunLife struct {
	Life   string    `json:"life"`   // alive, gone, detached, elsewhere or foreign
	Silent time.Time `json:"silent"` // the last activity
}

// RunLink refers to another run.
type RunLink struct {
	Relation string    `json:"relation"` // part, parent, child, reproduces or reproduced
	ID       string    `json:"id"`
	Title    string    `json:"title"`
	Status   string    `json:"status"` // empty if the run is not known here
	Started  time.Time `json:"started,omitzero"`
}

// Run returns the run that selector names: an id, or a selector like "last". A run that resumes another is read as one
// with it. If there is no such run, the error is a *NotFoundError or a *query.NotFoundError. A run that cannot be read
// is not an error: see Run.Damaged.
func (v *View) Run(ctx context.Context, selector string) (*Run, error) {
	v.mu.Lock()
	e, damage, err := v.findLocked(ctx, selector)
	if err != nil {
		v.mu.Unlock()
		return nil, err
	}
	if damage != nil {
		v.mu.Unlock()
		return v.damagedRun(damage), nil
	}
	r := &Run{ID: e.ID, Title: e.Title(), Parts: e.Parts()}
	r.Chain, r.Links = v.links(e)
	goal := v.catalog.Config().GoalIn(e.Run)
	r.Metrics = metricsOf(e.Run, goal)
	v.mu.Unlock()

	r.describe(e)
	if r.Notes, err = notesOf(e); err != nil {
		r.doubt(err)
	}
	if r.Artifacts, err = listArtifacts(ctx, e, 0, maxRunArtifacts); err != nil {
		r.doubt(err)
	}
	r.Source = sourceOf(e.Run)
	r.Log = logOf(e)
	r.Values = hasValues(e)
	r.System = e.Active == nil && e.Files[systemFile].Bytes > 0
	if env := e.Environment; env != nil && env.Digest != "" {
		if file, err := e.Repository().Environment(ctx, env.Digest); err != nil {
			r.doubt(err)
		} else {
			r.Packages = len(file.Packages) + len(file.Conda) + len(file.Go) + len(file.Node) + len(file.R)
		}
	}
	return r, ctx.Err()
}

func (r *Run) doubt(err error) { r.Doubts = append(r.Doubts, err.Error()) }

// describe fills what the record alone says.
func (r *Run) describe(e *repo.Entry) {
	record := *e.Run
	r.Params = paramsOf(e.Run)
	r.Summary = valuesOf(e.Summary)
	r.Unknown = append(valuesOf(e.Extra), valuesOf(e.Unknown)...)
	record.Params, record.Conflicts, record.Metrics, record.Summary = nil, nil, nil, nil
	record.Artifacts, record.Extra, record.Unknown = nil, nil, nil
	record.Tags = format.ShownTags(e.Tags)
	r.Record = &record
	if e.Active != nil {
		r.Live = &RunLife{Life: e.Life.String(), Silent: e.Silent.UTC()}
	}
}

func paramsOf(r *format.Run) []RunParam {
	list := make([]RunParam, 0, len(r.Params))
	again := maps.Clone(r.Conflicts)
	paths := map[string][]string{}
	for path := range r.Params.Leaves() {
		paths[format.DottedKey(path)] = slices.Clone(path)
	}
	for _, p := range r.Params.List() {
		one := RunParam{Name: p.Name, Path: paths[p.Dotted], Text: format.TOMLString(p.Value)}
		if others := again[p.Dotted]; len(others) > 0 {
			one.Again = laterValues(others)
			delete(again, p.Dotted)
		}
		list = append(list, one)
	}
	for _, key := range slices.Sorted(maps.Keys(again)) { // a table where the run has a value, or the reverse
		list = append(list, RunParam{Name: key, Path: []string{key}, Again: laterValues(again[key])})
	}
	return list
}

func laterValues(values []any) string { return strings.Trim(format.TOMLString(values), "[]") }

func valuesOf(values map[string]any) []RunParam {
	list := make([]RunParam, 0, len(values))
	for _, key := range slices.Sorted(maps.Keys(values)) {
		list = append(list, RunParam{Name: key, Path: []string{key}, Text: format.TOMLString(values[key])})
	}
	return list
}

func metricsOf(r *format.Run, goal func(string) string) []RunMetric {
	list := make([]RunMetric, 0, len(r.Metrics))
	for _, name := range slices.Sorted(maps.Keys(r.Metrics)) {
		m := r.Metrics[name]
		one := RunMetric{Name: name, Last: m.Last, Count: m.Count, Goal: goal(name)}
		if m.Min != nil && m.Max != nil {
			one.Min, one.MinAt, one.Max, one.MaxAt = m.Min.Value, m.Min.Step, m.Max.Value, m.Max.Step
		}
		if d, ok := r.Definition(name); ok {
			one.Hidden, one.Step = d.Hidden, d.StepMetric
		}
		list = append(list, one)
	}
	return list
}

// notesOf returns the annotations of a run, without the oldest of very many.
func notesOf(e *repo.Entry) ([]RunNote, error) {
	notes, err := e.Newest().Notes()
	list := []RunNote{}
	for _, n := range notes[max(0, len(notes)-maxRunNotes):] {
		list = append(list, RunNote{
			Time: n.Time, Author: n.Author, Name: n.Name, Text: n.Text, Tags: n.Tags, Removed: n.Removed,
		})
	}
	return list, err
}

// relatives says which runs name which others.
type relatives struct {
	byID      map[string]*format.Run
	resumers  map[string][]*format.Run // of a run, by its id
	followers map[string][]*format.Run // children and reproductions of a run, by its id, newest first
	shown     map[string]bool          // whose names an export may tell; nil if all
}

// name fills in what is known about a run that a page may tell.
func (r *relatives) name(l *RunLink) {
	if run := r.byID[l.ID]; run != nil && (r.shown == nil || r.shown[l.ID]) {
		l.Title, l.Status, l.Started = run.Title(), string(run.Status), run.Started
	}
}

// relativesOf returns who is related to whom. The runs of an export do not change, so it is made once. The caller holds
// the lock.
func (v *View) relativesOf() *relatives {
	if v.related != nil {
		return v.related
	}
	all := v.catalog.Rows()
	r := &relatives{
		byID: make(map[string]*format.Run, len(all)), resumers: map[string][]*format.Run{},
		followers: map[string][]*format.Run{},
	}
	if v.options.Export != nil {
		r.shown = map[string]bool{}
		for _, row := range v.rows {
			r.shown[row.ID()] = true
		}
	}
	for _, row := range all {
		other := &format.Run{
			ID: row.ID(), Name: row.Name(), Status: row.Status(), Started: row.Started(), Resumes: row.Resumes(),
			Parent: attribute(row, "parent"), Reproduces: attribute(row, "reproduces"),
		}
		r.byID[other.ID] = other
		if r.shown != nil && !r.shown[other.ID] {
			continue
		}
		if other.Resumes != "" {
			r.resumers[other.Resumes] = append(r.resumers[other.Resumes], other)
		}
		if other.Parent != "" {
			r.followers[other.Parent] = append(r.followers[other.Parent], other)
		}
		if other.Reproduces != "" && other.Reproduces != other.Parent {
			r.followers[other.Reproduces] = append(r.followers[other.Reproduces], other)
		}
	}
	if v.options.Export != nil {
		v.related = r
	}
	return r
}

// hasRelatives reports whether a run names another, or another names it. Most do not, and this takes less than
// relativesOf. The caller holds the lock.
func (v *View) hasRelatives(e *repo.Entry) bool {
	return e.Resumes != "" || e.Parent != "" || e.Reproduces != "" ||
		slices.ContainsFunc(v.catalog.Rows(), func(other *catalog.Row) bool {
			return other.Resumes() == e.ID || attribute(other, "parent") == e.ID || attribute(other, "reproduces") == e.ID
		})
}

// attribute returns an attribute of a run that is a text, or "".
func attribute(r *catalog.Row, key string) string {
	value, _ := r.Attribute(key)
	return value.String()
}

// links returns the chain of a run, and the runs that it is related to. The caller holds the lock.
func (v *View) links(e *repo.Entry) (chain, links []RunLink) {
	chain, links = []RunLink{}, []RunLink{}
	if v.options.Export == nil && !v.hasRelatives(e) {
		return chain, links
	}
	r := v.relativesOf()
	link := func(relation, id string) {
		one := RunLink{Relation: relation, ID: id, Title: id}
		r.name(&one)
		links = append(links, one)
	}
	for _, part := range chainOf(e.Run, r.byID, r.resumers) {
		one := RunLink{Relation: "part", ID: part, Title: part}
		r.name(&one)
		chain = append(chain, one)
	}
	if e.Parent != "" {
		link("parent", e.Parent)
	}
	if e.Reproduces != "" {
		link("reproduces", e.Reproduces)
	}
	for _, other := range r.followers[e.ID] {
		if len(links) >= maxRunLinks {
			break
		}
		if other.Parent == e.ID {
			link("child", other.ID)
		}
		if other.Reproduces == e.ID {
			link("reproduced", other.ID)
		}
	}
	return chain, links
}

// chainOf returns the ids of the chain of a run, oldest first: what it resumes, itself, and what resumes it. It is
// empty for a run that neither resumes nor is resumed. A ring ends where it begins.
func chainOf(r *format.Run, byID map[string]*format.Run, resumers map[string][]*format.Run) []string {
	if r.Resumes == "" && len(resumers[r.ID]) == 0 {
		return nil
	}
	ids := []string{r.ID}
	seen := map[string]bool{r.ID: true}
	for id := r.Resumes; id != "" && !seen[id] && len(ids) < maxRunLinks; {
		seen[id] = true
		ids = append(ids, id)
		if before := byID[id]; before != nil {
			id = before.Resumes
		} else {
			id = ""
		}
	}
	slices.Reverse(ids)
	for todo := []string{r.ID}; len(todo) > 0 && len(ids) < maxRunLinks; todo = todo[1:] {
		later := resumers[todo[0]]
		slices.SortFunc(later, func(a, b *format.Run) int { return query.Newer(b, a) })
		for _, next := range later {
			if !seen[next.ID] {
				seen[next.ID] = true
				ids = append(ids, next.ID)
				todo = append(todo, next.ID)
			}
		}
	}
	return ids
}
