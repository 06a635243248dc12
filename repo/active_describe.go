package repo

import (
	"cmp"
	"context"
	"fmt"
	"maps"

	"github.com/gitruns/runs/format"
)

// Describe adds to the record of a run in progress what its program says about it and the one who started it left open:
// experiment, name, group, key, and what the run resumes, with the params, tags and summary of that. It returns the
// record as it is now.
func (a *Active) Describe(ctx context.Context, by *format.Run) (*format.Run, error) {
	a.recording.Lock()
	defer a.recording.Unlock()
	run, err := a.record()
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("describing run %s: %w", a.ID, err)
	}
	if by.Experiment != "" && run.Experiment == a.settings().Experiment {
		run.Experiment = by.Experiment
	}
	run.Name, run.Group, run.Key = cmp.Or(run.Name, by.Name), cmp.Or(run.Group, by.Group), cmp.Or(run.Key, by.Key)
	if run.Resumes == "" && by.Resumes != "" {
		run.Resumes, run.Adds = by.Resumes, by.Adds
		params, tags := by.Params.Clone(), map[string]string{}
		params.Override(run.Params)
		maps.Copy(tags, by.Tags)
		maps.Copy(tags, run.Tags)
		run.Params, run.Tags, run.Summary, run.Defined = params, tags, by.Summary, by.Defined
	}
	if err := a.replaceRecord(run); err != nil {
		return nil, fmt.Errorf("describing run %s: %w", a.ID, err)
	}
	return run, nil
}
