package mlflow

import (
	"context"
	"maps"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// statusOf returns MLflow's word for a status.
func statusOf(status format.Status) string {
	switch status {
	case format.Running:
		return StatusRunning
	case format.Finished:
		return StatusFinished
	case format.Killed:
		return StatusKilled
	}
	return StatusFailed // also a crashed run
}

// jsonOf returns a run of the repository as MLflow's client reads it.
func (s *Service) jsonOf(ctx context.Context, e *stored) *runJSON {
	info := infoJSON{
		ID: e.id, UUID: e.id, Name: e.Name, Experiment: ExperimentID(e.Experiment), User: e.Author,
		Status: statusOf(e.Status), Start: e.started().UnixMilli(), Artifacts: fileURI(s.artifactsOf(e)), Stage: stageActive,
	}
	if !e.Ended.IsZero() {
		info.End = e.Ended.UnixMilli()
	}
	if s.inDeleted(e.Experiment) {
		info.Stage = stageDeleted
	}
	data := dataJSON{Tags: pairs(tagsFor(e.Run))}
	flat := e.Params.Flatten()
	for _, key := range slices.Sorted(maps.Keys(flat)) {
		data.Params = append(data.Params, tagJSON{key, Text(flat[key])})
	}
	if len(e.earlier) == 0 {
		data.Metrics = recordedMetrics(e.Entry)
	} else {
		data.Metrics = s.latest(ctx, e)
	}
	inputs := &inputsJSON{}
	var models []*model
	for _, part := range slices.Backward(e.parts()) {
		inputs.add(s.inputsOf(part.Run))
		models = append(models, modelsIn(part)...)
	}
	return &runJSON{info, data, inputs, outputsOf(models)}
}

// recordedMetrics returns the latest values of metrics that the record of a run has.
func recordedMetrics(e *repo.Entry) (list []metricJSON) {
	for _, key := range slices.Sorted(maps.Keys(e.Metrics)) {
		of := e.Metrics[key]
		m := metricJSON{Key: key, Value: value(of.Last)}
		if !e.Ended.IsZero() {
			m.Time = number(e.Ended.UnixMilli())
		}
		for _, p := range []*format.Extreme{of.Min, of.Max} {
			if p != nil { // the record has no step of the last point; without one, MLflow's page takes it for a single point
				m.Step = max(m.Step, number(p.Step))
			}
		}
		list = append(list, m)
	}
	return list
}

// tagsFor returns the tags of a run, with those of MLflow's that have a place of their own in a record.
func tagsFor(run *format.Run) map[string]string {
	tags := map[string]string{}
	for key, text := range run.Tags {
		switch {
		case key == ownHistory:
			tags[tagHistory] = text
		case key != ServersTag && !reservedTag(key):
			tags[key] = text
		}
	}
	for key, text := range map[string]string{TagName: run.Name, TagNote: run.Note, TagParent: run.Parent} {
		if text != "" {
			tags[key] = text
		}
	}
	return withContext(run, tags)
}
