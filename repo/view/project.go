package view

import (
	"context"

	"github.com/gitruns/runs/repo/query"
)

// Project is what every page shows or needs.
type Project struct {
	Primary string   `json:"primary"` // the metric that tables show; empty if there is none
	Runs    int      `json:"runs"`    // shown
	Damaged []Damage `json:"damaged"` // the runs that could not be read
}

// Damage is a run that could not be read.
type Damage struct {
	ID      string `json:"id"`
	Message string `json:"message"`
}

// Project returns what every page shows.
func (v *View) Project(context.Context) (*Project, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	p := &Project{
		Primary: query.Primary(v.catalog.Config().Primary, v.catalog.Runs(), v.catalog.Context()),
		Runs:    len(v.entries), Damaged: []Damage{},
	}
	for _, d := range v.catalog.AllDamage() {
		p.Damaged = append(p.Damaged, Damage{ID: d.ID, Message: d.Error()})
	}
	return p, nil
}
