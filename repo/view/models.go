package view

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/format/listsort"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/query"
	"github.com/gitruns/runs/repo/registry"
)

// Bounds of the answers about models. What is beyond them is counted.
const (
	maxModelsListed  = 500
	maxModelVersions = 2000
	maxModelEvents   = 1000
	maxModelMetrics  = 20 // of a version
	maxModelColumns  = 5  // of them
	maxModelDamage   = 50
	modelsLast       = 2 * time.Second
)

// ModelList is the models of the project, sorted by name.
type ModelList struct {
	Models  []ModelSummary `json:"models"`
	More    int            `json:"more"` // models that are left out
	Damaged []ModelDamage  `json:"damaged"`
}

// ModelSummary is a model in a list.
type ModelSummary struct {
	Name     string       `json:"name"`
	Note     string       `json:"note"`
	Versions int          `json:"versions"`
	Named    []ModelNamed `json:"named"`
	Updated  int64        `json:"updated"` // in ms since 1970 UTC; 0 is not known
	Damaged  int          `json:"damaged"` // files that cannot be read
}

// ModelNamed is a stage or an alias, with the versions that it names.
type ModelNamed struct {
	Kind     string        `json:"kind"` // stage or alias
	Name     string        `json:"name"`
	Versions []VersionName `json:"versions"`
	Time     int64         `json:"time"`
	By       string        `json:"by"`
	Reason   string        `json:"reason"`
}

// VersionName names a version.
type VersionName struct {
	Number int64  `json:"number"` // that it has now
	ID     string `json:"id"`     // which never changes; a version that no longer exists has one too
	Gone   bool   `json:"gone,omitempty"`
}

// ModelDamage is a file of the registry that cannot be read.
type ModelDamage struct {
	Path    string `json:"path"`
	Message string `json:"message"`
}

// ModelDetails is a model with its versions, newest first, and what was changed, newest first.
type ModelDetails struct {
	ModelSummary
	Author   string            `json:"author"`
	Created  int64             `json:"created"`
	Tags     map[string]string `json:"tags"`
	Columns  []string          `json:"columns"` // metrics that tables show
	List     []ModelVersion    `json:"list"`
	MoreList int               `json:"more_list"` // versions that are left out
	History  []ModelEvent      `json:"history"`
	MoreHist int               `json:"more_history"` // changes that are left out
	Faults   []ModelDamage     `json:"faults"`
	Unknown  string            `json:"unknown,omitempty"` // why the history is not known
}

// ModelVersion is a version of a model.
type ModelVersion struct {
	VersionName
	Doubled bool              `json:"doubled,omitempty"` // another version has the same number
	Stage   string            `json:"stage"`
	Aliases []string          `json:"aliases"`
	Run     string            `json:"run"`
	Title   string            `json:"title"`  // of the run; empty if it is not shown
	Shown   bool              `json:"shown"`  // the run
	Status  string            `json:"status"` // of the run
	Path    string            `json:"path"`
	Bytes   int64             `json:"bytes"`
	Files   int64             `json:"files"`
	SHA256  string            `json:"sha256"`
	Flavors []string          `json:"flavors"`
	Created int64             `json:"created"`
	Author  string            `json:"author"`
	Note    string            `json:"note"`
	Tags    map[string]string `json:"tags"`
	Metrics map[string]any    `json:"metrics"` // the last values of the run
	More    int               `json:"more"`    // metrics that are left out
}

// ModelEvent is a change of a model.
type ModelEvent struct {
	Kind     string        `json:"kind"` // version, stage, alias, archived, note or model
	Name     string        `json:"name"` // of the stage or alias
	Removed  bool          `json:"removed"`
	Time     int64         `json:"time"`
	By       string        `json:"by"`
	Reason   string        `json:"reason"`
	Commit   string        `json:"commit"` // empty: it is not committed
	Versions []VersionName `json:"versions"`
	Was      []VersionName `json:"was"`
	Number   int64         `json:"number,omitempty"` // that a version was given by a note
}

// registry opens the registry that the view shows. The caller calls done.
func (v *View) registry(ctx context.Context) (g *registry.Registry, done func(), err error) {
	v.mu.Lock()
	r := v.current
	v.mu.Unlock()
	if v.options.Revision == "" {
		return registry.Open(r), func() {}, nil
	}
	return registry.At(ctx, r, v.options.Revision)
}

// countedModels is how many models the registry had when it was last looked at.
type countedModels struct {
	models  int
	counted time.Time
}

// countModels returns how many models the page can show. A registry that cannot be read counts as one model, so that
// the page says why.
func (v *View) countModels(ctx context.Context) int {
	v.mu.Lock()
	last := v.counted
	v.mu.Unlock()
	if !last.counted.IsZero() && time.Since(last.counted) < modelsLast {
		return last.models
	}
	n, err := v.modelNames(ctx)
	if err != nil {
		n = 1
	}
	v.mu.Lock()
	v.counted = countedModels{n, time.Now()}
	v.mu.Unlock()
	return n
}

// modelNames counts the models that the page can show, with those whose file cannot be read.
func (v *View) modelNames(ctx context.Context) (int, error) {
	if v.partial() {
		list, err := v.Models(ctx)
		if err != nil {
			return 0, err
		}
		return len(list.Models) + list.More, nil
	}
	g, done, err := v.registry(ctx)
	if err != nil {
		return 0, err
	}
	defer done()
	names, damaged, err := g.Names(ctx)
	return len(names) + len(damaged), err
}

// partial reports whether an export has only some of the runs. It has only their versions then.
func (v *View) partial() bool {
	o := v.options
	return o.Export != nil && (len(o.Selectors) > 0 || o.Where != "" || o.Export.IDs != nil)
}

// Models lists the models.
func (v *View) Models(ctx context.Context) (*ModelList, error) {
	g, done, err := v.registry(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	models, damaged, err := g.Models(ctx)
	if err != nil {
		return nil, err
	}
	list := &ModelList{Models: []ModelSummary{}, Damaged: []ModelDamage{}}
	if !v.partial() {
		list.Damaged = modelDamage(damaged)
	}
	for _, m := range models {
		kept, _ := v.keptVersions(m)
		if v.partial() && len(kept) == 0 {
			continue
		}
		if len(list.Models) == maxModelsListed {
			list.More++
			continue
		}
		list.Models = append(list.Models, summaryOf(m, kept))
	}
	return list, nil
}

// keptVersions returns the versions of a model that are shown, with the ids of their runs.
func (v *View) keptVersions(m *registry.Model) (kept []*registry.Version, runs map[string]bool) {
	runs = map[string]bool{}
	for _, version := range m.Versions {
		runs[version.Run] = true
	}
	if !v.partial() {
		return m.Versions, runs
	}
	shown := v.known(runs)
	return slices.DeleteFunc(slices.Clone(m.Versions), func(version *registry.Version) bool {
		return !shown[version.Run]
	}), shown
}

// known returns those of the ids whose runs the page can show.
func (v *View) known(ids map[string]bool) map[string]bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	known := map[string]bool{}
	for _, r := range v.catalog.Rows() {
		if ids[r.ID()] {
			known[r.ID()] = true
		}
	}
	return known
}

func modelDamage(damaged []registry.Damage) []ModelDamage {
	list := []ModelDamage{}
	for _, d := range damaged[:min(len(damaged), maxModelDamage)] {
		list = append(list, ModelDamage{d.Path, d.Err.Error()})
	}
	return list
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// summaryOf describes a model by the versions that are shown.
func summaryOf(m *registry.Model, kept []*registry.Version) ModelSummary {
	s := ModelSummary{
		Name: m.Name, Note: m.Note, Versions: len(kept), Named: []ModelNamed{}, Updated: millis(m.Updated),
		Damaged: len(m.Damaged),
	}
	for kind, pointers := range map[string]map[string]*format.ModelPointer{"stage": m.Stages, "alias": m.Aliases} {
		for name, p := range pointers {
			named := namesOf(m, p.Versions, kept)
			if len(named) == 0 && len(p.Versions) > 0 {
				continue
			}
			s.Named = append(s.Named, ModelNamed{kind, name, named, millis(p.Time), p.By, p.Reason})
		}
	}
	listsort.Sort(s.Named, func(a, b ModelNamed) int {
		if a.Kind != b.Kind { // stages first
			return -strings.Compare(a.Kind, b.Kind)
		}
		return strings.Compare(a.Name, b.Name)
	})
	return s
}

// namesOf names versions by their present numbers. Versions of m that are not among those shown are left out.
func namesOf(m *registry.Model, ids []format.ModelVersionID, kept []*registry.Version) []VersionName {
	names := []VersionName{}
	for _, id := range ids {
		version := m.ByLetters(id.Random)
		switch {
		case version == nil && len(kept) == len(m.Versions):
			names = append(names, VersionName{id.Number, id.String(), true})
		case version != nil && slices.Contains(kept, version):
			names = append(names, VersionName{version.Number, version.ID(), false})
		}
	}
	return names
}

// Model returns a model with its versions and its history.
func (v *View) Model(ctx context.Context, name string) (*ModelDetails, error) {
	g, done, err := v.registry(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	m, err := g.Model(ctx, name)
	var none *registry.NoModelError
	if errors.As(err, &none) || format.CheckModelName(name) != nil {
		return nil, missing("run 'runs model ls' to list the models", "no model is named %.100q", name)
	}
	if err != nil {
		return nil, unreadableFile(ctx, "reading the model", err)
	}
	kept, runs := v.keptVersions(m)
	d := &ModelDetails{
		ModelSummary: summaryOf(m, kept), Author: m.Author, Created: millis(m.Created), Tags: orEmpty(m.Tags),
		Faults: modelDamage(m.Damaged), List: []ModelVersion{}, History: []ModelEvent{},
	}
	shown := kept[max(0, len(kept)-maxModelVersions):]
	d.MoreList = len(kept) - len(shown)
	if err := v.addVersions(d, m, shown, runs); err != nil {
		return nil, err
	}
	events, err := g.History(ctx, m)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		d.Unknown = err.Error()
	}
	for _, e := range slices.Backward(events) {
		one := ModelEvent{
			Kind: e.Kind, Name: e.Name, Removed: e.Removed, Time: millis(e.Time), By: e.By, Reason: e.Reason,
			Commit: e.Commit[:min(10, len(e.Commit))], Versions: namesOf(m, e.Versions, kept), Was: namesOf(m, e.Was, kept),
		}
		if e.Note != nil {
			one.Number = e.Note.Number
		}
		other := len(one.Versions) < len(e.Versions) || len(e.Versions) == 0 && len(one.Was) < len(e.Was)
		if v.partial() && other {
			continue // of versions that the export does not have
		}
		if len(d.History) == maxModelEvents {
			d.MoreHist++
			continue
		}
		d.History = append(d.History, one)
	}
	return d, nil
}

func orEmpty(tags map[string]string) map[string]string {
	if tags == nil {
		return map[string]string{}
	}
	return tags
}

// addVersions adds versions, newest first, with what is shown of their runs.
func (v *View) addVersions(d *ModelDetails, m *registry.Model, kept []*registry.Version, runs map[string]bool) error {
	v.mu.Lock()
	entries, err := v.load(runs)
	primary := query.Primary(v.catalog.Config().Primary, query.Records(catalog.Records(entries)), v.catalog.Context())
	v.mu.Unlock()
	if err != nil {
		return err
	}
	byID := map[string]*format.Run{}
	counts := map[string]int{}
	for _, e := range entries {
		byID[e.ID] = e.Run
		for key := range e.Metrics {
			counts[key]++
		}
	}
	keys := slices.Collect(maps.Keys(counts))
	listsort.Sort(keys, func(a, b string) int {
		switch {
		case (a == primary) != (b == primary):
			if a == primary {
				return -1
			}
			return 1
		case counts[a] != counts[b]:
			return counts[b] - counts[a]
		}
		return strings.Compare(a, b)
	})
	d.Columns = append([]string{}, keys[:min(len(keys), maxModelColumns)]...)
	doubled := m.Doubled()
	for _, version := range slices.Backward(kept) {
		one := ModelVersion{
			VersionName: VersionName{version.Number, version.ID(), false}, Doubled: slices.Contains(doubled, version.Number),
			Stage: m.StageOf(version), Aliases: append([]string{}, m.AliasesOf(version)...), Run: version.Run,
			Path: version.Path, Bytes: version.Bytes, Files: version.Files, SHA256: version.SHA256,
			Flavors: append([]string{}, version.Flavors...), Created: millis(version.Created), Author: version.Author,
			Note: version.Note, Tags: orEmpty(version.Tags), Metrics: map[string]any{},
		}
		if run := byID[version.Run]; run != nil {
			one.Title, one.Shown, one.Status = run.Title(), true, string(run.Status)
			for _, key := range keys {
				metric, ok := run.Metrics[key]
				switch {
				case !ok:
				case len(one.Metrics) == maxModelMetrics:
					one.More++
				default:
					one.Metrics[key] = number(metric.Last)
				}
			}
		}
		d.List = append(d.List, one)
	}
	return nil
}

// number is a value as JSON has it: see Run.
func number(value float64) any {
	switch {
	case math.IsNaN(value):
		return "NaN"
	case math.IsInf(value, 1):
		return "Infinity"
	case math.IsInf(value, -1):
		return "-Infinity"
	}
	return value
}
