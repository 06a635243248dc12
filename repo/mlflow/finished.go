package mlflow

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"

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

// entry returns a run of the repository that this service has not opened.
func (s *Service) entry(ctx context.Context, id string) (*repo.Entry, error) {
	if format.CheckID(id) != nil {
		return nil, notFound("Run with id=%s not found", id)
	}
	e, err := s.repo.Read(ctx, id)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, repo.ErrNotActive) {
		return nil, notFound("Run with id=%s not found", id)
	}
	return e, err
}

// jsonOf returns a run of the repository as MLflow's client reads it.
func (s *Service) jsonOf(e *repo.Entry) *runJSON {
	info := infoJSON{
		ID: e.ID, UUID: e.ID, Name: e.Name, Experiment: ExperimentID(e.Experiment), User: e.Author,
		Status: statusOf(e.Status), Start: e.Started.UnixMilli(), Artifacts: fileURI(s.artifactsOf(e)), Stage: "active",
	}
	if !e.Ended.IsZero() {
		info.End = e.Ended.UnixMilli()
	}
	data := dataJSON{Tags: pairs(tagsFor(e.Run))}
	flat := e.Params.Flatten()
	for _, key := range slices.Sorted(maps.Keys(flat)) {
		data.Params = append(data.Params, tagJSON{key, Text(flat[key])})
	}
	for _, key := range slices.Sorted(maps.Keys(e.Metrics)) {
		of := e.Metrics[key]
		m := metricJSON{Key: key, Value: value(of.Last), Time: number(info.End)}
		for _, p := range []*format.Extreme{of.Min, of.Max} {
			if p != nil { // the record has no step of the last point; without one, MLflow's page takes it for a single point
				m.Step = max(m.Step, number(p.Step))
			}
		}
		data.Metrics = append(data.Metrics, m)
	}
	return &runJSON{info, data, s.inputsOf(e.Datasets), outputsOf(modelsOf(e.Tags))}
}

// tagsFor returns the tags of a run, with those of MLflow's that have a place of their own in a record.
func tagsFor(run *format.Run) map[string]string {
	tags := map[string]string{}
	for key, text := range run.Tags {
		if !strings.HasPrefix(key, modelTags) {
			tags[key] = text
		}
	}
	for key, text := range map[string]string{TagName: run.Name, TagNote: run.Note, TagParent: run.Parent} {
		if text != "" {
			tags[key] = text
		}
	}
	return tags
}
