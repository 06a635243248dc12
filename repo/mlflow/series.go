package mlflow

import (
	"slices"

	"github.com/gitruns/runs/format"
)

// The labels of points that MLflow logs of a model or on a dataset.
const (
	labelModel   = "model"
	labelDataset = "dataset"
)

// namedData is a dataset that metrics of the run name.
type namedData struct{ name, digest, recorded string }

// labels returns the labels of a point: its model, and the name that its dataset has in the record. The caller holds
// the lock of the run.
func (run *openRun) labels(m *metricJSON) (format.Labels, error) {
	values := map[string]any{}
	if m.Model != "" {
		values[labelModel] = m.Model
	}
	if m.Dataset != "" {
		values[labelDataset] = run.dataName(m.Dataset, m.Digest)
	}
	labels, err := format.NewLabels(values)
	if err != nil {
		return labels, invalid("Invalid metric '%s': %v", m.Key, err)
	}
	return labels, nil
}

// dataName returns the name in the record of a dataset, which may be logged later. The caller holds the lock.
func (run *openRun) dataName(name, digest string) string {
	for _, d := range run.named {
		if d.name == name && d.digest == digest {
			return d.recorded
		}
	}
	for i := range run.inputs {
		if d := &run.inputs[i]; d.Dataset.Name == name && d.Dataset.Digest == digest {
			return d.recorded
		}
	}
	recorded := run.inputName(&datasetJSON{Name: name, Digest: digest})
	run.named = append(run.named, namedData{name, digest, recorded})
	return recorded
}

// nameData records the datasets that metrics name and that were not logged as inputs, so that their digests are kept.
// The caller holds the lock.
func (run *openRun) nameData() error {
	var lines []*format.Line
	for _, d := range run.named {
		if !slices.ContainsFunc(run.inputs, func(in input) bool { return in.recorded == d.recorded }) {
			lines = append(lines, &format.Line{Dataset: &format.DatasetLine{Name: d.recorded, Digest: oneLine(d.digest)}})
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return run.append(lines...)
}

// note keeps the latest point of each metric. The caller holds the lock.
func (run *openRun) note(m metricJSON) {
	m.Run, m.Model, m.Dataset, m.Digest = "", "", "", ""
	if last, ok := run.latest[m.Key]; !ok || !m.before(last) {
		run.latest[m.Key] = m
	}
}

// metricOf returns a point as MLflow's client reads it.
func metricOf(run, key string, p *format.Point, datasets []format.Dataset) metricJSON {
	m := metricJSON{Key: key, Value: value(p.Value), Time: number(p.Time / 1000), Step: number(p.Step)}
	labels := p.Labels.Values()
	if labels == nil {
		return m
	}
	m.Model, _ = labels[labelModel].(string)
	if m.Model != "" {
		m.Run = run
	}
	name, _ := labels[labelDataset].(string)
	for i := range datasets {
		if d := &datasets[i]; d.Name == name && d.Digest != "" {
			m.Dataset, m.Digest = plainName(d), d.Digest
		}
	}
	return m
}

// metricOfOpen returns a point of an open run as MLflow's client reads it. The caller holds the lock.
func (run *openRun) metricOfOpen(key string, p *format.Point) metricJSON {
	m := metricOf(run.id, key, p, run.record.Datasets)
	name, _ := p.Labels.Values()[labelDataset].(string)
	if name == "" {
		return m
	}
	for _, d := range run.named {
		if d.recorded == name {
			m.Dataset, m.Digest = d.name, d.digest
		}
	}
	for i := range run.inputs {
		if d := &run.inputs[i]; d.recorded == name {
			m.Dataset, m.Digest = d.Dataset.Name, d.Dataset.Digest
		}
	}
	return m
}

// withoutCopies leaves out the points of models that repeat points of the run itself: log_model logs the metrics of its
// step once more.
func withoutCopies(points []format.Point) []format.Point {
	type place struct {
		step, time int64
		value      float64
	}
	own := map[place]bool{}
	labeled := false
	for i := range points {
		p := &points[i]
		if p.Labels == (format.Labels{}) {
			own[place{p.Step, p.Time, p.Value}] = true
		} else {
			labeled = true
		}
	}
	if !labeled {
		return points
	}
	kept := make([]format.Point, 0, len(points))
	for _, p := range points {
		if p.Labels == (format.Labels{}) || !own[place{p.Step, p.Time, p.Value}] {
			kept = append(kept, p)
		}
	}
	return kept
}
