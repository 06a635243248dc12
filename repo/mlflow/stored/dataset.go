package stored

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/mlflow"
)

// dataset is an input of a run.
type dataset struct {
	name, digest string // as MLflow has them
	kind         string // of the source, such as local, http or hugging_face
	source       string // the address of the data, as it was on that machine; empty if it has none
	rows         int64
	columns      []string
	schema       string // as MLflow has it
	profile      string
	text         string // the JSON that MLflow has of the source
	tags         map[string]string
}

// roleModel is the role of a model that a run used, as the listener records it.
const roleModel = "model"

// newDataset takes what matters from the JSON texts that a store has about a dataset.
func newDataset(name, digest, kind, source, schema, profile string) dataset {
	d := dataset{name: name, digest: digest, kind: kind, text: source}
	d.source, d.columns, d.rows = mlflow.DatasetParts(source, schema, profile)
	d.schema, d.profile = mlflow.Described(schema), mlflow.Described(profile)
	return d
}

// usedModel is a model that a run used.
func usedModel(id string) dataset {
	return dataset{
		name: id, digest: id, kind: format.SourceModel, source: "models:/" + id,
		tags: map[string]string{tagContext: roleModel},
	}
}

// context returns what the run used the dataset for, such as training.
func (d *dataset) context() string { return d.tags[tagContext] }

// record returns the dataset as a record has it, without its name.
func (d *dataset) record(p *places) format.Dataset {
	set := format.Dataset{
		Rows: d.rows, Columns: d.columns, Digest: oneLine(d.digest), Role: oneLine(d.context()), SourceType: oneLine(d.kind),
		Schema: d.schema, Profile: d.profile,
	}
	switch {
	case d.kind == format.SourceModel:
		set.Source = oneLine(d.source)
	case d.source != "":
		set.Source = oneLine(p.portable(d.source))
	}
	return set
}

// recorded is a dataset of a run as its record has it, and what MLflow calls it.
type recorded struct {
	format.Dataset
	name, digest string
	of           *dataset
}

// recordDatasets returns the datasets of a run, in an order that does not depend on the kind of the store. MLflow tells
// datasets apart by name and digest, a record by name alone: of several with one name, that for training keeps it, and
// the others get their digest as a suffix.
func (d *details) recordDatasets(p *places) []recorded {
	sorted := slices.SortedFunc(slices.Values(d.datasets), func(a, b dataset) int {
		return cmp.Or(strings.Compare(a.name, b.name), cmp.Compare(trains(b), trains(a)),
			strings.Compare(a.context(), b.context()), strings.Compare(a.digest, b.digest))
	})
	var list []recorded
	taken := map[string]bool{}
	for i := range sorted {
		set := &sorted[i]
		if slices.ContainsFunc(list, func(r recorded) bool { return r.name == set.name && r.digest == set.digest }) {
			continue
		}
		item := recorded{set.record(p), set.name, set.digest, set}
		if item.Name = key(set.name); taken[item.Name] {
			item.Name = key(set.name + "-" + set.digest)
		}
		if !taken[item.Name] {
			taken[item.Name] = true
			list = append(list, item)
		}
	}
	return list
}

// trains returns 1 for a dataset that a run trained with, otherwise 0.
func trains(d dataset) int {
	if strings.HasPrefix(strings.ToLower(d.context()), "train") {
		return 1
	}
	return 0
}
