package mlflow

import (
	"context"
	"slices"

	"github.com/gitruns/runs/repo/index"
)

// The bounds of histories of several runs.
const (
	maxHistoryRuns  = 100
	usualSamples    = 320
	mostSamples     = 2500
	mostOfBulk      = 25_000
	maxSearchedSets = 1000
)

// historyCall asks for a metric of several runs.
type historyCall struct {
	Runs  []string
	Key   string `json:"metric_key"`
	Start number `json:"start_step"`
	End   number `json:"end_step"`
	Max   number `json:"max_results"`
	steps bool   // Start and End are given
}

func (c *Call) history() (q historyCall, err error) {
	if err = c.decode(&q); err != nil {
		return q, err
	}
	q.Runs = append(q.Runs, c.Query["run_ids"]...)
	q.Runs = append(q.Runs, c.Query["run_id"]...)
	q.steps = c.Query.Get("start_step") != "" && c.Query.Get("end_step") != ""
	switch {
	case len(q.Runs) == 0:
		return q, invalid("GetMetricHistoryBulk request must specify at least one run_id.")
	case len(q.Runs) > maxHistoryRuns:
		return q, invalid("GetMetricHistoryBulk request cannot specify more than %d run_ids. Received %d run_ids.",
			maxHistoryRuns, len(q.Runs))
	case q.Key == "":
		return q, invalid("GetMetricHistoryBulk request must specify a metric_key.")
	case q.steps && q.Start > q.End:
		return q, invalid("end_step must be greater than start_step. Found start_step=%d and end_step=%d.", q.Start, q.End)
	}
	return q, nil
}

// histories returns the points of the runs, each with its run.
func (s *Service) histories(ctx context.Context, q *historyCall) ([][]metricJSON, error) {
	all := make([][]metricJSON, len(q.Runs))
	for i, id := range q.Runs {
		points, err := s.points(ctx, id, q.Key)
		if err != nil {
			return nil, err
		}
		for at := range points {
			points[at].Run = id
		}
		all[i] = points
	}
	return all, nil
}

// sampledHistory returns points of some runs at the same steps, which are spread evenly. The first and the last step of
// each run are always among them.
func (s *Service) sampledHistory(ctx context.Context, c *Call) (any, error) {
	q, err := c.history()
	if err != nil {
		return nil, err
	}
	most := int(q.Max)
	switch {
	case most == 0:
		most = usualSamples
	case most < 0 || most > mostSamples:
		return nil, invalid("max_results must be between 1 and %d. Received %d.", mostSamples, most)
	}
	all, err := s.histories(ctx, &q)
	if err != nil {
		return nil, err
	}
	wanted := sampledSteps(all, &q, most)
	list := []metricJSON{}
	for _, points := range all {
		for _, p := range points {
			if wanted[int64(p.Step)] {
				list = append(list, p)
			}
		}
	}
	return map[string]any{"metrics": list}, nil
}

// sampledSteps chooses steps.
func sampledSteps(all [][]metricJSON, q *historyCall, most int) map[int64]bool {
	wanted := map[int64]bool{}
	var steps []int64
	for _, points := range all {
		var own []int64
		for _, p := range points {
			if !q.steps || p.Step >= q.Start && p.Step <= q.End {
				own = append(own, int64(p.Step))
			}
		}
		if len(own) > 0 {
			wanted[slices.Min(own)], wanted[slices.Max(own)] = true, true
		}
		steps = append(steps, own...)
	}
	slices.Sort(steps)
	steps = slices.Compact(steps)
	for i := range min(most, len(steps)) {
		wanted[steps[i*len(steps)/min(most, len(steps))]] = true
	}
	return wanted
}

// bulkHistory returns the points of some runs, up to a number.
func (s *Service) bulkHistory(ctx context.Context, c *Call) (any, error) {
	q, err := c.history()
	if err != nil {
		return nil, err
	}
	all, err := s.histories(ctx, &q)
	if err != nil {
		return nil, err
	}
	most := mostOfBulk
	if q.Max > 0 {
		most = min(most, int(q.Max))
	}
	list := slices.Concat(all...)
	if list = list[:min(len(list), most)]; list == nil {
		list = []metricJSON{}
	}
	return map[string]any{"metrics": list}, nil
}

type datasetSummaryJSON struct {
	Experiment string `json:"experiment_id"`
	Name       string `json:"name"`
	Digest     string `json:"digest"`
	Context    string `json:"context,omitempty"`
}

// searchDatasets lists the datasets of the runs of some experiments, at most maxSearchedSets.
func (s *Service) searchDatasets(ctx context.Context, c *Call) (any, error) {
	var q struct {
		Experiments []string `json:"experiment_ids"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	seen := map[datasetSummaryJSON]bool{}
	list := []datasetSummaryJSON{}
	add := func(experiment string, in *inputsJSON) {
		for _, d := range in.Datasets {
			context, _ := pair(d.Tags, tagContext)
			item := datasetSummaryJSON{experiment, d.Dataset.Name, d.Dataset.Digest, context}
			if !seen[item] && len(list) < maxSearchedSets {
				seen[item] = true
				list = append(list, item)
			}
		}
	}
	open, own := s.openRows()
	for _, r := range open {
		if slices.Contains(q.Experiments, r.Info.Experiment) {
			add(r.Info.Experiment, r.Inputs)
		}
	}
	table, err := s.repo.Table(ctx)
	if err != nil {
		return nil, err
	}
	sets := table.Keys(index.Datasets)
	for at := range table.Len() {
		r := tableRow{s, ctx, table, at}
		name, _ := r.word(index.Attributes, "experiment")
		if len(list) >= maxSearchedSets || own[r.id()] || !slices.Contains(q.Experiments, ExperimentID(name)) {
			continue
		}
		has := func(key string) bool { return table.Column(index.Datasets, key).Kind(at) != index.Absent }
		if !slices.ContainsFunc(sets, has) {
			continue
		}
		entries, _, err := table.Load(ctx, []int{at})
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			add(ExperimentID(name), s.inputsOf(e.Run))
		}
	}
	return map[string]any{"dataset_summaries": list}, nil
}
