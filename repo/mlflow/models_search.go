package mlflow

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/index"
	"github.com/gitruns/runs/repo/mlflow/filter"
)

// usualModels is how many models an answer of a search has if the call does not say.
const usualModels = 100

// dataOf says which dataset a metric was measured on. An empty digest means any.
type dataOf struct {
	Name   string `json:"dataset_name"`
	Digest string `json:"dataset_digest"`
}

type modelOrder struct {
	Field     string `json:"field_name"`
	Ascending *bool  `json:"ascending"`
	dataOf
}

func (s *Service) searchModels(ctx context.Context, c *Call) (any, error) {
	var q struct {
		Experiments []string     `json:"experiment_ids"`
		Filter      string       `json:"filter"`
		Datasets    []dataOf     `json:"datasets"`
		Max         *number      `json:"max_results"`
		Order       []modelOrder `json:"order_by"`
		Page        string       `json:"page_token"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	keys := make([]string, len(q.Order))
	for i := range q.Order {
		keys[i] = q.Order[i].text()
	}
	wanted, err := searchFor(filter.Models, q.Filter, keys, q.Page)
	if err != nil {
		return nil, err
	}
	most, err := page(q.Max, usualModels, mostResults)
	if err != nil {
		return nil, err
	}
	rows, err := s.findModels(ctx, q.Experiments)
	if err != nil {
		return nil, err
	}
	for _, d := range q.Datasets {
		if d.Name == "" {
			return nil, invalid("`dataset_name` in the `datasets` clause must be specified.")
		}
	}
	onData := len(q.Datasets) > 0 && !wanted.where.Has(filter.Metric)
	rows = slices.DeleteFunc(rows, func(r *modelRow) bool {
		r.on = q.Datasets
		return !wanted.where.Match(r) || onData && !r.measuredOn(q.Datasets)
	})
	sorted, next := pageOf(wanted, rows, most, func(i, key int) filter.Row {
		return &orderedModel{rows[i], q.Order[key].dataOf}
	})
	models := make([]*modelJSON, 0, len(sorted))
	for _, r := range sorted {
		r.metrics()
		m, err := r.whole()
		if err != nil {
			return nil, err
		}
		if m != nil {
			models = append(models, m)
		}
	}
	return pageJSON("models", models, next), nil
}

// text returns the order as a key of the grammar of searches.
func (o *modelOrder) text() string {
	field := o.Field
	if scope, key, ok := strings.Cut(field, "."); ok && !strings.ContainsAny(key, "`\"") {
		field = scope + ".`" + key + "`"
	}
	if o.Ascending != nil && !*o.Ascending {
		return field + " DESC"
	}
	return field
}

// findModels returns the models of some experiments, newest first.
func (s *Service) findModels(ctx context.Context, experiments []string) ([]*modelRow, error) {
	table, err := s.repo.Table(ctx)
	if err != nil {
		return nil, err
	}
	rows, own := s.openModels(ctx, experiments)
	for n := 1; table.Has(index.Tags, modelTags+strconv.Itoa(n)); n++ {
		column := table.Column(index.Tags, modelTags+strconv.Itoa(n))
		for at := range table.Len() {
			if column.Kind(at) != index.Text || own[table.ID(at)] {
				continue
			}
			r := &modelRow{service: s, ctx: ctx, table: table, at: at, maker: table.ID(at)}
			if !slices.Contains(experiments, r.experiment()) {
				continue
			}
			if r.model = ownModel(table.ID(at), n, column.Text(at)); r.model != nil && !r.model.Deleted {
				rows = append(rows, r)
			}
		}
	}
	slices.SortStableFunc(rows, func(a, b *modelRow) int {
		return cmp.Or(-cmp.Compare(a.model.Created, b.model.Created), -strings.Compare(a.id(), b.id()))
	})
	return rows, nil
}

// openModels returns the models of open runs. own has the ids of those runs.
func (s *Service) openModels(ctx context.Context, experiments []string) (rows []*modelRow, own map[string]bool) {
	own = map[string]bool{}
	for _, run := range s.openRuns() {
		run.mu.Lock()
		own[run.active.ID] = true
		for n, m := range run.models {
			if !m.Deleted && slices.Contains(experiments, ExperimentID(run.experiment)) {
				rows = append(rows, &modelRow{
					service: s, ctx: ctx, model: m, maker: run.active.ID, answer: s.modelOfOpen(run, n),
				})
			}
		}
		run.mu.Unlock()
	}
	return rows, own
}

// modelRow is a model as an expression and an order see it. It reads what they ask for.
type modelRow struct {
	service *Service
	ctx     context.Context // of the call
	table   *repo.Table
	at      int
	model   *model
	maker   string     // the run that made it
	on      []dataOf   // what metrics count
	answer  *modelJSON // nil until it is needed
	read    bool       // the metrics of the answer were read
	failed  error
}

func (r *modelRow) id() string {
	if r.answer != nil {
		return r.answer.Info.ID
	}
	return r.model.ID
}

func (r *modelRow) experiment() string {
	c := r.table.Column(index.Attributes, "experiment")
	if c.Kind(r.at) != index.Text {
		return ExperimentID("")
	}
	return ExperimentID(c.Text(r.at))
}

// whole returns the model as MLflow's client reads it, with its metrics once they were read. It is nil if its run has
// gone meanwhile.
func (r *modelRow) whole() (*modelJSON, error) {
	if r.answer != nil || r.failed != nil {
		return r.answer, r.failed
	}
	entries, _, err := r.table.Load(r.ctx, []int{r.at})
	if err != nil || len(entries) == 0 {
		r.failed = err
		return nil, err
	}
	r.answer = r.service.modelOf(r.ctx, entries[0], r.model)
	return r.answer, nil
}

// metrics returns all points about the model.
func (r *modelRow) metrics() []metricJSON {
	m, _ := r.whole()
	if m == nil || r.failed != nil {
		return nil
	}
	if !r.read {
		r.read = true
		m.Data.Metrics, r.failed = r.service.metricsOf(r.ctx, r.id(), r.maker)
	}
	return m.Data.Metrics
}

// measuredOn reports whether a point about the model was measured on one of some datasets.
func (r *modelRow) measuredOn(sets []dataOf) bool {
	return slices.ContainsFunc(r.metrics(), func(m metricJSON) bool { return m.on(sets) })
}

// on reports whether a point was measured on one of some datasets.
func (m metricJSON) on(sets []dataOf) bool {
	return slices.ContainsFunc(sets, func(d dataOf) bool {
		return d.Name == m.Dataset && (d.Digest == "" || d.Digest == m.Digest)
	})
}

// Metrics returns the values of a metric on the datasets that the search names: those of all points.
func (r *modelRow) Metrics(key string) (values []float64) {
	for _, m := range r.metrics() {
		if m.Key == key && (len(r.on) == 0 || m.on(r.on)) {
			values = append(values, float64(m.Value))
		}
	}
	return values
}

// Metric returns the latest value of a metric.
func (r *modelRow) Metric(key string) (float64, bool) { return r.latest(key, dataOf{}) }

// latest returns the newest value of a metric on a dataset. A dataset without a name means all points.
func (r *modelRow) latest(key string, on dataOf) (v float64, ok bool) {
	var latest metricJSON
	for _, m := range r.metrics() {
		if m.Key == key && (on.Name == "" || m.on([]dataOf{on})) && (!ok || !m.older(latest)) {
			latest, ok = m, true
		}
	}
	return float64(latest.Value), ok
}

// older orders the points of a model by time, then by step: that is how models are sorted. Of points of two runs at one
// time and step, that of the run that began first counts.
func (m metricJSON) older(other metricJSON) bool {
	return cmp.Or(cmp.Compare(m.Time, other.Time), cmp.Compare(m.Step, other.Step),
		strings.Compare(other.Run, m.Run)) < 0
}

// orderedModel is a model as a key to sort by sees it, whose metrics are those on one dataset.
type orderedModel struct {
	*modelRow
	on dataOf
}

// Metric returns the latest value of a metric on the dataset.
func (r *orderedModel) Metric(key string) (float64, bool) { return r.latest(key, r.on) }

// Param returns a param.
func (r *modelRow) Param(key string) (string, bool) {
	if text, ok := r.model.Params[key]; ok {
		return text, true
	}
	if !slices.Contains(r.model.OfRun, key) {
		return "", false
	}
	if r.answer != nil {
		return pair(r.answer.Data.Params, key)
	}
	v, ok := r.table.Column(index.Params, key).Value(r.at)
	return Text(v), ok
}

// Tag returns a tag.
func (r *modelRow) Tag(key string) (string, bool) {
	if text, ok := r.model.Tags[key]; ok {
		return text, true
	}
	if r.answer != nil {
		return pair(r.answer.Info.Tags, key)
	}
	return tableRow{r.service, r.ctx, r.table, r.at}.contextTag(key)
}

// Text returns an attribute.
func (r *modelRow) Text(attribute string) (string, bool) {
	switch attribute {
	case "name":
		return r.model.Name, true
	case "model_id":
		return r.id(), true
	case "model_type":
		return r.model.Type, r.model.Type != ""
	case "status":
		return r.model.Status, true
	case "source_run_id":
		if r.answer != nil {
			return r.answer.Info.Run, true
		}
		return r.service.wholeID(r.ctx, r.table.ID(r.at)), true
	case "experiment_id":
		if r.answer != nil {
			return r.answer.Info.Experiment, true
		}
		return r.experiment(), true
	}
	return "", false
}

// Number returns a time in milliseconds since 1970.
func (r *modelRow) Number(attribute string) (float64, bool) {
	switch attribute {
	case "creation_timestamp":
		return float64(r.model.Created), true
	case "last_updated_timestamp":
		return float64(r.model.Updated), true
	}
	return 0, false
}

// Dataset returns nothing: models have no datasets of their own.
func (r *modelRow) Dataset(string) []string { return nil }
