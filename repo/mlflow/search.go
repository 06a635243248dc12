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
		Max         number   `json:"max_results"`
		Order       []string `json:"order_by"`
		Page        string   `json:"page_token"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	where, err := filter.Parse(q.Filter, filter.Runs)
	if err != nil {
		return nil, invalid("%v", err)
	}
	order, err := filter.ParseOrder(q.Order, filter.Runs)
	if err != nil {
		return nil, invalid("%v", err)
	}
	most, err := page(int64(q.Max), usualResults, mostResults)
	if err != nil {
		return nil, err
	}
	from, err := offset(q.Page)
	if err != nil {
		return nil, err
	}
	found, err := s.find(ctx, q.Experiments, q.View, where)
	if err != nil {
		return nil, err
	}
	rows := make([]*row, len(found))
	for i, at := range order.Sort(len(found), func(i int) filter.Row { return found[i] }) {
		rows[i] = found[at]
	}
	answer := searchJSON{}
	rows = rows[min(from, len(rows)):]
	if len(rows) > most {
		rows, answer.Next = rows[:most], token(from+most)
	}
	answer.Runs, err = s.rowsJSON(ctx, rows)
	return answer, err
}

type searchJSON struct {
	Runs []*runJSON `json:"runs,omitempty"`
	Next string     `json:"next_page_token,omitempty"`
}

// page returns how many results a call asks for.
func page(asked, usual, most int64) (int, error) {
	switch {
	case asked == 0:
		return int(usual), nil
	case asked < 0 || asked > most:
		return 0, invalid("Invalid value %d for parameter 'max_results' supplied: it must be between 1 and %d", asked, most)
	}
	return int(asked), nil
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

// The views of a search. Deleted runs are those that the program has deleted; the trash is not searched.
const (
	viewDeleted = "DELETED_ONLY"
	viewAll     = "ALL"
)

// find returns the runs of some experiments and of a view for which an expression is true, newest first.
func (s *Service) find(ctx context.Context, experiments []string, view string, where *filter.Expression) (
	[]*row, error,
) {
	table, err := s.repo.Table(ctx)
	if err != nil {
		return nil, err
	}
	wanted := map[string]bool{}
	for _, id := range experiments {
		wanted[id] = true
	}
	var rows []*row
	open := s.openRows()
	shown := map[string]bool{}
	for _, r := range open {
		shown[r.json.Info.ID] = true
		seen := view == viewAll || (view == viewDeleted) == (r.json.Info.Stage == "deleted")
		if seen && wanted[r.json.Info.Experiment] && where.Match(r) {
			rows = append(rows, r)
		}
	}
	if view == viewDeleted {
		return rows, nil
	}
	columns := &columns{table: table, of: map[column]*index.Column{}}
	names := columns.get(index.Attributes, "experiment")
	ids := map[string]bool{} // whether an experiment is wanted, by its name
	for i := range table.Len() {
		name := ""
		if names.Kind(i) == index.Text {
			name = names.Text(i)
		}
		in, known := ids[name]
		if !known {
			in = wanted[ExperimentID(name)]
			ids[name] = in
		}
		if r := (&row{columns: columns, at: i}); in && !shown[table.ID(i)] && where.Match(r) {
			rows = append(rows, r)
		}
	}
	slices.SortStableFunc(rows, func(a, b *row) int {
		return cmp.Or(-cmp.Compare(a.start(), b.start()), strings.Compare(a.id(), b.id()))
	})
	return rows, nil
}

// openRows returns the runs that are open, as they are now.
func (s *Service) openRows() []*row {
	s.mu.Lock()
	open := slices.Collect(maps.Values(s.open))
	s.mu.Unlock()
	rows := make([]*row, len(open))
	for i, run := range open {
		run.mu.Lock()
		rows[i] = &row{json: run.json(s)}
		run.mu.Unlock()
	}
	return rows
}

// rowsJSON reads the runs of rows.
func (s *Service) rowsJSON(ctx context.Context, rows []*row) ([]*runJSON, error) {
	var wanted []int
	for _, r := range rows {
		if r.json == nil {
			wanted = append(wanted, r.at)
		}
	}
	entries := map[string]*repo.Entry{}
	if len(wanted) > 0 {
		for _, r := range rows {
			if r.json != nil {
				continue
			}
			loaded, _, err := r.columns.table.Load(ctx, wanted)
			if err != nil {
				return nil, err
			}
			for _, e := range loaded {
				entries[e.ID] = e
			}
			break
		}
	}
	list := make([]*runJSON, 0, len(rows))
	for _, r := range rows {
		if r.json != nil {
			list = append(list, r.json)
		} else if e := entries[r.id()]; e != nil {
			list = append(list, s.jsonOf(e))
		}
	}
	return list, nil
}

// columns are the columns of a table that an expression has asked for.
type columns struct {
	table *repo.Table
	of    map[column]*index.Column
}

type column struct {
	scope index.Scope
	key   string
}

func (c *columns) get(scope index.Scope, key string) *index.Column {
	at := column{scope, key}
	found := c.of[at]
	if found == nil {
		found = c.table.Column(scope, key)
		c.of[at] = found
	}
	return found
}

// row is a run as an expression sees it: one that is open, or a row of the table.
type row struct {
	json *runJSON

	columns *columns
	at      int
}

func (r *row) id() string {
	if r.json != nil {
		return r.json.Info.ID
	}
	return r.columns.table.ID(r.at)
}

func (r *row) start() int64 {
	n, _ := r.Number("start_time")
	return int64(n)
}

// Metric returns the latest value of a metric.
func (r *row) Metric(key string) (float64, bool) {
	if r.json != nil {
		i := slices.IndexFunc(r.json.Data.Metrics, func(m metricJSON) bool { return m.Key == key })
		if i < 0 {
			return 0, false
		}
		return float64(r.json.Data.Metrics[i].Value), true
	}
	c := r.columns.get(index.MetricLast, key)
	if !c.Kind(r.at).IsNumber() {
		return 0, false
	}
	return c.Number(r.at), true
}

// Param returns a param as MLflow has it.
func (r *row) Param(key string) (string, bool) {
	if r.json != nil {
		return pair(r.json.Data.Params, key)
	}
	if v, ok := r.columns.get(index.Params, key).Value(r.at); ok {
		return Text(v), true
	}
	return "", false
}

func pair(list []tagJSON, key string) (string, bool) {
	for _, t := range list {
		if t.Key == key {
			return t.Value, true
		}
	}
	return "", false
}

// Tag returns a tag, also one of MLflow's that has a place of its own in a record.
func (r *row) Tag(key string) (string, bool) {
	if r.json != nil {
		return pair(r.json.Data.Tags, key)
	}
	scope := index.Tags
	switch key {
	case tagName:
		scope, key = index.Attributes, "name"
	case tagNote:
		scope, key = index.Attributes, "note"
	case tagParent:
		scope, key = index.Attributes, "parent"
	}
	return r.word(scope, key)
}

func (r *row) word(scope index.Scope, key string) (string, bool) {
	c := r.columns.get(scope, key)
	if c.Kind(r.at) != index.Text {
		return "", false
	}
	return c.Text(r.at), true
}

// Text returns an attribute.
func (r *row) Text(attribute string) (string, bool) {
	if r.json != nil {
		switch info := r.json.Info; attribute {
		case "run_id":
			return info.ID, true
		case "run_name":
			return info.Name, true
		case "status":
			return info.Status, true
		case "artifact_uri":
			return info.Artifacts, true
		case "user_id":
			return info.User, true
		case "lifecycle_stage":
			return info.Stage, true
		case "experiment_id":
			return info.Experiment, true
		}
		return "", false
	}
	switch attribute {
	case "run_id":
		return r.id(), true
	case "run_name":
		name, _ := r.word(index.Attributes, "name")
		return name, true
	case "status":
		status, _ := r.word(index.Attributes, "status")
		return statusOf(format.Status(status)), true
	case "user_id":
		author, _ := r.word(index.Attributes, "author")
		return author, true
	case "lifecycle_stage":
		return "active", true
	case "experiment_id":
		name, _ := r.word(index.Attributes, "experiment")
		return ExperimentID(name), true
	}
	return "", false
}

// Number returns a time in milliseconds since 1970.
func (r *row) Number(attribute string) (float64, bool) {
	if attribute != "start_time" && attribute != "end_time" {
		return 0, false
	}
	if r.json != nil {
		n := r.json.Info.Start
		if attribute == "end_time" {
			n = r.json.Info.End
		}
		return float64(n), n != 0
	}
	c := r.columns.get(index.Attributes, map[string]string{"start_time": "started", "end_time": "ended"}[attribute])
	if c.Kind(r.at) != index.Time {
		return 0, false
	}
	return float64(c.Micro(r.at) / 1000), true
}

// Dataset returns the values of a key of the datasets.
func (r *row) Dataset(string) []string { return nil }
