package mlflow

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/index"
	"github.com/gitruns/runs/repo/mlflow/filter"
)

// How many runs an answer of a search has if the call does not say, and at most.
const (
	usualResults = 1000
	mostResults  = 50_000
)

func (s *Service) searchRuns(ctx context.Context, c *Call) (any, error) {
	var q struct {
		Experiments []string `json:"experiment_ids"`
		Filter      string   `json:"filter"`
		View        string   `json:"run_view_type"`
		Max         *number  `json:"max_results"`
		Order       []string `json:"order_by"`
		Page        string   `json:"page_token"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	wanted, err := searchFor(filter.Runs, q.Filter, q.Order, q.Page)
	if err != nil {
		return nil, err
	}
	most, err := page(q.Max, usualResults, mostResults)
	if err != nil {
		return nil, err
	}
	all, err := s.find(ctx, q.Experiments, q.View, wanted.where)
	if err != nil {
		return nil, err
	}
	rows := make([]found, len(all))
	for i, at := range wanted.order.Sort(len(all), func(i, _ int) filter.Row { return all[i] }) {
		rows[i] = all[at]
	}
	answer := searchJSON{}
	rows = rows[min(wanted.from, len(rows)):]
	if len(rows) > most {
		rows, answer.Next = rows[:most], token(wanted.from+most)
	}
	answer.Runs, err = s.rowsJSON(ctx, rows)
	return answer, err
}

// search is what a call looks for.
type search struct {
	where *filter.Expression
	order *filter.Order
	from  int // how many results earlier pages had
}

// searchFor reads the texts of a call that searches.
func searchFor(kind *filter.Kind, where string, order []string, page string) (w search, err error) {
	if w.where, err = filter.Parse(where, kind); err != nil {
		return w, invalid("%v", err)
	}
	if w.order, err = filter.ParseOrder(order, kind); err != nil {
		return w, invalid("%v", err)
	}
	w.from, err = offset(page)
	return w, err
}

// pageOf returns those of the found rows that are on the page, in their order, and the token of the next page. row
// returns a row as a key of the order sees it.
func pageOf[R any](w search, found []R, most int, row func(i, key int) filter.Row) (sorted []R, next string) {
	sorted = make([]R, len(found))
	for i, at := range w.order.Sort(len(found), row) {
		sorted[i] = found[at]
	}
	sorted = sorted[min(w.from, len(sorted)):]
	if len(sorted) > most {
		return sorted[:most], token(w.from + most)
	}
	return sorted, ""
}

// pageJSON is the answer of a search. next is the token of the next page, or empty.
func pageJSON(key string, found any, next string) map[string]any {
	answer := map[string]any{key: found}
	if next != "" {
		answer["next_page_token"] = next
	}
	return answer
}

// withoutRuns is the part of a filter.Row that only what belongs to runs has.
type withoutRuns struct{}

// Metric returns nothing.
func (withoutRuns) Metric(string) (float64, bool) { return 0, false }

// Param returns nothing.
func (withoutRuns) Param(string) (string, bool) { return "", false }

// Dataset returns nothing.
func (withoutRuns) Dataset(string) []string { return nil }

type searchJSON struct {
	Runs []*runJSON `json:"runs,omitempty"`
	Next string     `json:"next_page_token,omitempty"`
}

// page returns how many results a call asks for.
func page(asked *number, usual, most number) (int, error) {
	switch {
	case asked == nil:
		return int(usual), nil
	case *asked < 1 || *asked > most:
		return 0, invalid("Invalid value %d for parameter 'max_results' supplied: it must be between 1 and %d", *asked, most)
	}
	return int(*asked), nil
}

type tokenJSON struct {
	Offset int `json:"offset"`
}

// token makes the token of the page that begins at an offset.
func token(offset int) string {
	text, _ := json.Marshal(tokenJSON{offset}) // a number
	return base64.StdEncoding.EncodeToString(text)
}

func offset(token string) (int, error) {
	if token == "" {
		return 0, nil
	}
	text, err := base64.StdEncoding.DecodeString(token)
	var t tokenJSON
	if err == nil {
		err = json.Unmarshal(text, &t)
	}
	if err != nil || t.Offset < 0 {
		return 0, invalid("Invalid page token")
	}
	return t.Offset, nil
}

// The views of a search. Deleted runs are those that the program has deleted, and those in the trash.
const (
	viewDeleted = "DELETED_ONLY"
	viewAll     = "ALL"
)

// found is a run as an expression and an order see it.
type found interface {
	filter.Row
	id() string
}

// find returns the runs of some experiments and of a view for which an expression is true, newest first.
func (s *Service) find(ctx context.Context, experiments []string, view string, where *filter.Expression) (
	[]found, error,
) {
	table, err := s.repo.Table(ctx)
	if err != nil {
		return nil, err
	}
	wanted := map[string]bool{}
	for _, id := range experiments {
		wanted[id] = true
	}
	var rows []found
	open, own := s.openRows()
	for _, r := range open {
		seen := view == viewAll || (view == viewDeleted) == (r.Info.Stage == stageDeleted)
		if seen && wanted[r.Info.Experiment] && where.Match(r) {
			rows = append(rows, r)
		}
	}
	if view == viewDeleted || view == viewAll {
		deleted, err := s.trashed()
		if err != nil {
			return nil, err
		}
		for _, e := range deleted {
			if r := (openRow{s.deletedJSON(ctx, e)}); wanted[r.Info.Experiment] && where.Match(r) {
				rows = append(rows, r)
			}
		}
	}
	gone := s.deletedExperiments(ctx)
	if view != viewDeleted || len(gone) > 0 {
		seen := func(experiment string) bool { return view == viewAll || (view == viewDeleted) == gone[experiment] }
		kept, err := s.findKept(ctx, table, wanted, own, seen, where)
		if err != nil {
			return nil, err
		}
		rows = append(rows, kept...)
	}
	newestFirst(rows)
	return rows, nil
}

// findKept returns the runs of a table for which an expression is true, without those that own has. experiments are the
// ids of the experiments that are wanted; seen says by a name whether the view has the runs of an experiment.
func (s *Service) findKept(
	ctx context.Context, table *repo.Table, experiments, own map[string]bool, seen func(experiment string) bool,
	where *filter.Expression,
) (rows []found, err error) {
	resumed := chainsOf(linksIn(table, func(id string) bool { return own[id] }))
	in := map[string]bool{} // whether an experiment is wanted, by its name
	for i := range table.Len() {
		r := tableRow{s, ctx, table, i}
		name, _ := r.word(index.Attributes, "experiment")
		wanted, known := in[name]
		if !known {
			wanted = experiments[ExperimentID(name)] && seen(name)
			in[name] = wanted
		}
		c := resumed[table.ID(i)]
		if !wanted || own[table.ID(i)] || c != nil && c.parts[0] != table.ID(i) {
			continue
		}
		row := found(r)
		if c != nil {
			e, err := s.read(ctx, c)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if err != nil { // it is damaged, or was removed meanwhile
				continue
			}
			row = openRow{s.jsonOf(ctx, e)}
		}
		if where.Match(row) {
			rows = append(rows, row)
		}
	}
	return rows, nil
}

func newestFirst(rows []found) {
	start := func(r found) float64 { n, _ := r.Number("start_time"); return n }
	slices.SortStableFunc(rows, func(a, b found) int {
		return cmp.Or(-cmp.Compare(start(a), start(b)), strings.Compare(a.id(), b.id()))
	})
}

// openRows returns the runs that are open, as they are now. own has their ids, and those of the runs that they resume.
func (s *Service) openRows() (rows []openRow, own map[string]bool) {
	s.mu.Lock()
	open := slices.Collect(maps.Values(s.open))
	s.mu.Unlock()
	own = map[string]bool{}
	for _, run := range open {
		run.mu.Lock()
		rows = append(rows, openRow{run.json(s)})
		run.mu.Unlock()
		for _, id := range run.partIDs() {
			own[id] = true
		}
	}
	return rows, own
}

// rowsJSON reads the runs of rows.
func (s *Service) rowsJSON(ctx context.Context, rows []found) ([]*runJSON, error) {
	var wanted []int
	var table *repo.Table
	for _, r := range rows {
		if r, ok := r.(tableRow); ok {
			table, wanted = r.table, append(wanted, r.at)
		}
	}
	entries := map[string]*repo.Entry{}
	if table != nil {
		loaded, _, err := table.Load(ctx, wanted)
		if err != nil {
			return nil, err
		}
		for _, e := range loaded {
			entries[e.ID] = e
		}
	}
	list := make([]*runJSON, 0, len(rows))
	for _, r := range rows {
		if open, ok := r.(openRow); ok {
			list = append(list, open.runJSON)
		} else if e := entries[r.id()]; e != nil {
			list = append(list, s.jsonOf(ctx, alone(e)))
		}
	}
	return list, nil
}

// openRow is a run that was read whole, as one that is open.
type openRow struct{ *runJSON }

func (r openRow) id() string { return r.Info.ID }

// Metric returns the latest value of a metric.
func (r openRow) Metric(key string) (float64, bool) {
	i := slices.IndexFunc(r.Data.Metrics, func(m metricJSON) bool { return m.Key == key })
	if i < 0 {
		return 0, false
	}
	return float64(r.Data.Metrics[i].Value), true
}

// Param returns a param.
func (r openRow) Param(key string) (string, bool) { return pair(r.Data.Params, key) }

// Tag returns a tag.
func (r openRow) Tag(key string) (string, bool) { return pair(r.Data.Tags, key) }

func pair(list []tagJSON, key string) (string, bool) {
	for _, t := range list {
		if t.Key == key {
			return t.Value, true
		}
	}
	return "", false
}

// Text returns an attribute.
func (r openRow) Text(attribute string) (string, bool) {
	switch attribute {
	case "run_id":
		return r.Info.ID, true
	case "run_name":
		return r.Info.Name, true
	case "status":
		return r.Info.Status, true
	case "artifact_uri":
		return r.Info.Artifacts, true
	case "user_id":
		return r.Info.User, true
	case "lifecycle_stage":
		return r.Info.Stage, true
	case "experiment_id":
		return r.Info.Experiment, true
	}
	return "", false
}

// Number returns a time in milliseconds since 1970.
func (r openRow) Number(attribute string) (float64, bool) {
	switch attribute {
	case "start_time":
		return float64(r.Info.Start), r.Info.Start != 0
	case "end_time":
		return float64(r.Info.End), r.Info.End != 0
	}
	return 0, false
}

// Dataset returns the values of a key of the datasets.
func (r openRow) Dataset(key string) []string { return r.Inputs.values(key) }

// tableRow is a run of the repository, by the columns of the index.
type tableRow struct {
	service *Service
	ctx     context.Context // of the call
	table   *repo.Table
	at      int
}

func (r tableRow) id() string { return r.table.ID(r.at) }

// Metric returns the latest value of a metric.
func (r tableRow) Metric(key string) (float64, bool) {
	c := r.table.Column(index.MetricLast, key)
	if !c.Kind(r.at).IsNumber() {
		return 0, false
	}
	return c.Number(r.at), true
}

// Param returns a param as MLflow has it.
func (r tableRow) Param(key string) (string, bool) {
	if v, ok := r.table.Column(index.Params, key).Value(r.at); ok {
		return Text(v), true
	}
	return "", false
}

// Tag returns a tag, also one of MLflow's that has a place of its own in a record.
func (r tableRow) Tag(key string) (string, bool) {
	switch key {
	case TagName:
		return r.word(index.Attributes, "name")
	case TagNote:
		return r.word(index.Attributes, "note")
	case TagParent:
		return r.word(index.Attributes, "parent")
	}
	if text, ok := r.word(index.Tags, recordedTag(key)); ok {
		return text, true
	}
	return r.contextTag(key)
}

// contextTag returns a tag of contextTags.
func (r tableRow) contextTag(key string) (string, bool) {
	switch key {
	case tagUser:
		return r.word(index.Attributes, "author")
	case tagSource:
		return r.word(index.Attributes, "source.entry")
	case tagCommit:
		return r.word(index.Attributes, "source.commit")
	case tagBranch:
		return r.word(index.Attributes, "source.branch")
	case tagRemote:
		return r.word(index.Attributes, "source.remote")
	case tagType:
		if _, ok := r.word(index.Attributes, "source.entry"); ok {
			return sourceLocal, true
		}
	}
	return "", false
}

func (r tableRow) word(scope index.Scope, key string) (string, bool) {
	c := r.table.Column(scope, key)
	if c.Kind(r.at) != index.Text {
		return "", false
	}
	return c.Text(r.at), true
}

// Text returns an attribute.
func (r tableRow) Text(attribute string) (string, bool) {
	word := func(key string) string {
		text, _ := r.word(index.Attributes, key)
		return text
	}
	switch attribute {
	case "run_id":
		return r.id(), true
	case "run_name":
		return word("name"), true
	case "status":
		return statusOf(format.Status(word("status"))), true
	case "user_id":
		return word("author"), true
	case "lifecycle_stage":
		if r.service.inDeleted(word("experiment")) {
			return stageDeleted, true
		}
		return stageActive, true
	case "experiment_id":
		return ExperimentID(word("experiment")), true
	}
	return "", false
}

// Number returns a time in milliseconds since 1970.
func (r tableRow) Number(attribute string) (float64, bool) {
	key := ""
	switch attribute {
	case "start_time":
		key = "started"
	case "end_time":
		key = "ended"
	}
	c := r.table.Column(index.Attributes, key)
	if c.Kind(r.at) != index.Time {
		return 0, false
	}
	return float64(c.Micro(r.at) / 1000), true
}

// Dataset returns the values of a key of the datasets. The index has no roles: the record is read, if the run has
// datasets.
func (r tableRow) Dataset(key string) []string {
	if !slices.ContainsFunc(r.table.Keys(index.Datasets), func(name string) bool {
		return r.table.Column(index.Datasets, name).Kind(r.at) != index.Absent
	}) {
		return nil
	}
	entries, _, err := r.table.Load(r.ctx, []int{r.at})
	if err != nil || len(entries) == 0 {
		return nil
	}
	return r.service.inputsOf(entries[0].Run).values(key)
}
