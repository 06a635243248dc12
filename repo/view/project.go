package view

import (
	"context"
	"maps"
	"path/filepath"
	"strings"
	"time"

	"github.com/gitruns/runs/format/listsort"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/query"
)

// Project is what every page shows or needs.
type Project struct {
	Name     string `json:"name"`               // of the folder
	Version  string `json:"version"`            // of the program
	Revision string `json:"revision,omitempty"` // the Git revision that is shown; empty for the working tree
	// Branches are those whose runs can be shown instead, those with the newest commits first. Here is the one that is
	// checked out, or empty. An export has none of these.
	Branches []string `json:"branches"`
	Here     string   `json:"here,omitempty"`
	// Selectors and Where are what the page was started for: only runs that they name are shown.
	Selectors []string `json:"selectors,omitempty"`
	Where     string   `json:"where,omitempty"`

	Primary     string            `json:"primary"` // the metric that tables show; empty if there is none
	Goals       map[string]string `json:"goals"`   // min or max, of each metric that has one
	Experiments []Experiment      `json:"experiments"`
	Runs        int               `json:"runs"`   // shown
	Active      int               `json:"active"` // of them
	Damaged     []Damage          `json:"damaged"`
	Models      int               `json:"models,omitempty"` // in the registry, shown
	// Problem says why the runs are not the present ones. It is empty if they are.
	Problem string `json:"problem,omitempty"`
	// Cursor is where the page begins to ask for changes. An export has none.
	Cursor string `json:"cursor,omitempty"`
}

// Experiment is a named set of runs.
type Experiment struct {
	Name string `json:"name"`
	Runs int    `json:"runs"` // shown
}

// Damage is a run that could not be read.
type Damage struct {
	ID      string `json:"id"`
	Message string `json:"message"`
}

// Project returns what every page shows.
func (v *View) Project(ctx context.Context) (*Project, error) {
	branches, here := v.branches(ctx)
	models := v.countModels(ctx)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.summed == nil || v.summed.clock != v.history.clock {
		v.summed = v.sum()
	}
	p := v.summed.project
	p.Models = models
	p.Branches, p.Here, p.Problem = branches, here, v.history.problem
	if v.options.Export == nil {
		p.Cursor = v.history.cursor()
	}
	return &p, nil
}

// summedProject is a project without what can change by itself, at a time of the history.
type summedProject struct {
	clock   int64
	project Project
}

// sum looks through all runs. v.mu is held.
func (v *View) sum() *summedProject {
	p := Project{
		Name: filepath.Base(v.repo.Root), Version: v.options.Version, Revision: v.options.Revision,
		Selectors: v.options.Selectors, Where: v.options.Where,
		Primary: query.Primary(v.catalog.Config().Primary, catalog.AsRows(v.catalog.Rows()), v.catalog.Context()),
		Goals:   map[string]string{}, Experiments: []Experiment{}, Runs: len(v.rows), Damaged: []Damage{},
	}
	experiments := map[string]int{}
	for _, r := range v.rows {
		experiments[r.Experiment()]++
		if r.Active() != nil {
			p.Active++
		}
		for key := range r.Metrics() {
			if _, known := p.Goals[key]; !known {
				p.Goals[key] = v.catalog.Goal(key)
			}
		}
	}
	maps.DeleteFunc(p.Goals, func(_, goal string) bool { return goal == "" })
	for name, n := range experiments {
		p.Experiments = append(p.Experiments, Experiment{name, n})
	}
	listsort.Sort(p.Experiments, func(a, b Experiment) int { return strings.Compare(a.Name, b.Name) })
	for _, d := range v.catalog.AllDamage() {
		p.Damaged = append(p.Damaged, Damage{ID: d.ID, Message: d.Error()})
	}
	return &summedProject{v.history.clock, p}
}

// Bounds of the list of branches.
const (
	maxBranches  = 100
	branchesLast = 5 * time.Second
)

// branchList is the branches of the repository as they were listed last.
type branchList struct {
	names  []string
	here   string
	listed time.Time
}

// branches lists the branches, and the one that is checked out. Without Git there is none, and if Git fails, the page
// has no choice of branches.
func (v *View) branches(ctx context.Context) (names []string, here string) {
	if v.options.Export != nil {
		return []string{}, ""
	}
	v.mu.Lock()
	list := v.listed
	v.mu.Unlock()
	if list.names != nil && time.Since(list.listed) < branchesLast {
		return list.names, list.here
	}
	list = branchList{names: []string{}, listed: time.Now()}
	found, err := v.repo.NewestBranches(ctx, maxBranches)
	for _, b := range found {
		if list.names = append(list.names, b.Name); b.Here {
			list.here = b.Name
		}
	}
	if err == nil {
		v.mu.Lock()
		v.listed = list
		v.mu.Unlock()
	}
	return list.names, list.here
}
