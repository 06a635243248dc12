package mlflow

import (
	"context"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/index"
)

// An experiment is as old as its first run, unless its file says when it was made, and it was changed last when its
// newest run began. A program that has just made it asks before there is a run.

// span says when the first and the last run of an experiment began, in ms since 1970.
type span struct{ first, last int64 }

// spansIn returns the spans of the experiments of a table, by our names of them.
func spansIn(t *repo.Table) map[string]span {
	of, started := t.Column(index.Attributes, "experiment"), t.Column(index.Attributes, "started")
	spans := map[string]span{}
	for row := range t.Len() {
		if started.Kind(row) != index.Time {
			continue
		}
		name := ""
		if of.Kind(row) == index.Text {
			name = of.Text(row)
		}
		at := started.Micro(row) / 1000
		if s, ok := spans[name]; ok {
			spans[name] = span{min(s.first, at), max(s.last, at)}
		} else {
			spans[name] = span{at, at}
		}
	}
	return spans
}

// dates returns the spans of all experiments. The caller must not change them.
func (k *known) dates(ctx context.Context, r *repo.Repository) (map[string]span, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.read(ctx, r); err != nil {
		return nil, err
	}
	if k.spans == nil {
		k.spans = spansIn(k.table)
	}
	return k.spans, nil
}

// datedExperiment returns an experiment with its times.
func (s *Service) datedExperiment(ctx context.Context, name string) (*experimentJSON, error) {
	e, err := s.experiment(ctx, name)
	if err != nil {
		return nil, err
	}
	spans, err := s.known.dates(ctx, s.repo)
	if err != nil {
		return nil, err
	}
	s.date(e, name, spans)
	return e, nil
}

// date adds the times of the runs of an experiment. Without a run, it began when it was made or asked for first.
func (s *Service) date(e *experimentJSON, name string, spans map[string]span) {
	if runs, ok := spans[name]; ok {
		if e.Created == 0 || runs.first < e.Created {
			e.Created = runs.first
		}
		e.Updated = max(e.Updated, runs.last)
	}
	if e.Created != 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.begun[name]
	if !ok {
		at = now().UnixMilli()
		s.begun[name] = at
	}
	e.Created, e.Updated = at, max(e.Updated, at)
}
