package monitor

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// Request says what to compare.
type Request struct {
	Run      *format.Run // that made the model
	Dataset  string      // its dataset to compare with; if empty, its only table
	Path     string      // absolute, of the batch
	By       string      // column that divides both into groups; empty for none
	Progress func(done, total int64)
}

// Report compares a batch with the data of a run.
type Report struct {
	Dataset   format.Dataset // of the run
	Rows      int64          // of the batch
	Reference int64          // rows of the dataset
	Files     int            // of the batch
	Groups    []Group        // the one with the largest index first; without By, one without a name
	Notes     []string       // what was left out of the comparison
}

// Group compares the rows that have one value in a column.
type Group struct {
	Name            string
	Rows, Reference int64        // 0 if the group is not in the batch, or not in the dataset
	Columns         []diff.Drift // the worst first; empty if one of them lacks the group
}

// Worst returns the largest index of the columns.
func (g *Group) Worst() (worst float64) {
	for _, d := range g.Columns {
		worst = max(worst, d.Score())
	}
	return worst
}

// Changed returns how many columns have a change of one of these kinds.
func (g *Group) Changed(kinds ...string) (n int) {
	for _, d := range g.Columns {
		if slices.Contains(kinds, d.Change) {
			n++
		}
	}
	return n
}

// Severe are the changes that a watch reports as a failure on demand.
var Severe = []string{diff.DriftGone, diff.DriftType, diff.DriftLarge}

// Watch compares a batch with a dataset of a run, which this machine must have.
func Watch(ctx context.Context, r *repo.Repository, q Request) (*Report, error) {
	d, err := choose(q.Run, q.Dataset)
	if err != nil {
		return nil, err
	}
	place, err := r.FindData(ctx, d, q.Progress)
	if err != nil {
		return nil, err
	}
	reference, err := readTable(ctx, place, q.By, q.Progress)
	if err != nil {
		return nil, err
	}
	batch, err := readTable(ctx, q.Path, q.By, q.Progress)
	if err != nil {
		return nil, err
	}
	report := &Report{Dataset: d, Rows: batch.rows, Reference: reference.rows, Files: batch.files}
	report.Notes = append(reference.notes("dataset "+d.Name), batch.notes("the batch")...)
	for _, name := range batch.order {
		now, was := batch.groups[name], reference.groups[name]
		g := Group{Name: name, Rows: now.rows}
		if was != nil {
			g.Reference = was.rows
			g.Columns = diff.CompareColumns(was.profiles(), now.profiles())
		}
		report.Groups = append(report.Groups, g)
	}
	for _, name := range reference.order {
		if batch.groups[name] == nil {
			report.Groups = append(report.Groups, Group{Name: name, Reference: reference.groups[name].rows})
		}
	}
	slices.SortStableFunc(report.Groups, func(a, b Group) int {
		switch {
		case a.Worst() > b.Worst():
			return -1
		case a.Worst() < b.Worst():
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	return report, nil
}

// choose returns the dataset of a run to compare with.
func choose(run *format.Run, name string) (format.Dataset, error) {
	var tables []format.Dataset
	var names []string
	for _, d := range run.Datasets {
		if d.SHA256 == "" || name != "" && d.Name != name {
			continue
		}
		if name != "" {
			return d, nil
		}
		if isTable(d.Name) || isTable(d.Path) || len(d.Columns) > 0 || d.Manifest != "" {
			tables, names = append(tables, d), append(names, d.Name)
		}
	}
	switch {
	case name != "":
		return format.Dataset{}, fmt.Errorf("run %s has no dataset %q that is known by its content", run, name)
	case len(tables) == 0:
		return format.Dataset{}, &repo.HintError{
			Err:  fmt.Errorf("run %s has no dataset that is a table", run),
			Hint: "record the training data with 'runs exec -d FILE.csv', and register a version of that run",
		}
	case len(tables) == 1:
		return tables[0], nil
	}
	return format.Dataset{}, &repo.HintError{
		Err:  fmt.Errorf("run %s has several datasets: %s", run, strings.Join(names, ", ")),
		Hint: "name one with --dataset",
	}
}

// notes says what was left out of a table.
func (t *table) notes(what string) (notes []string) {
	note := func(format string, args ...any) { notes = append(notes, what+": "+fmt.Sprintf(format, args...)) }
	if t.uneven > 0 {
		note("rows with another number of cells than columns are left out: %d", t.uneven)
	}
	if len(t.unread) > 0 {
		note("columns whose type or compression is not read are left out: %s", strings.Join(t.unread, ", "))
	}
	if len(t.doubled) > 0 {
		note("of columns with one name, only the first is read: %d", len(t.doubled))
	}
	for _, name := range t.order {
		for _, p := range t.groups[name].profiles() {
			if p.Sampled() {
				note("of columns with more numbers than are kept, random samples are compared")
				return notes
			}
		}
	}
	return notes
}

// maxMetrics is how many columns a recorded watch has metrics of.
const maxMetrics = 200

// Metrics returns the metrics of a report. Columns whose names cannot be in the name of a metric have none.
func (p *Report) Metrics() []format.MetricValue {
	var list []format.MetricValue
	add := func(key string, v float64) {
		if !math.IsNaN(v) && format.CheckKey(key) == nil {
			list = append(list, format.MetricValue{Key: key, Value: v})
		}
	}
	worst, severe, moderate := 0.0, 0, 0
	for _, g := range p.Groups {
		worst = max(worst, g.Worst())
		severe += g.Changed(Severe...)
		moderate += g.Changed(diff.DriftModerate)
		if len(p.Groups) > 1 && len(g.Columns) > 0 {
			add("drift/psi.max/"+g.Name, g.Worst())
		}
	}
	add("drift/psi.max", worst)
	add("drift/severe", float64(severe))
	add("drift/moderate", float64(moderate))
	add("drift/rows", float64(p.Rows))
	if len(p.Groups) == 1 {
		for _, d := range p.Groups[0].Columns[:min(len(p.Groups[0].Columns), maxMetrics)] {
			add("psi/"+d.Column, d.PSI)
			add("ks/"+d.Column, d.KS)
			add("missing/"+d.Column, d.Missing)
			add("unseen/"+d.Column, d.Unseen)
		}
	}
	return list
}
