package query

import (
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
)

// maxParams bounds the differing params that a list shows if no columns are asked for.
const maxParams = 6

// ColumnRequest says which columns a list of runs has.
type ColumnRequest struct {
	Keys    []string // keys of the columns that were asked for; if empty, the columns are chosen
	Primary string   // metric that lists show; if empty, the one that Primary finds
	Sort    string   // key that the list is sorted by, which is a column too; may be empty
}

// Columns are the columns of a list, besides those that every list has: name or id, age and status.
type Columns struct {
	Experiment bool     // the runs are of several experiments
	Keys       []string // as for Value
	Numeric    []bool   // for each of Keys, whether all its values are numbers
	Omitted    []string // keys of further params that differ, which are not shown
}

// ChooseColumns chooses the columns of a list of runs. It takes those that were asked for, otherwise the primary
// metric, the key that the list is sorted by, and the params that differ.
func ChooseColumns(runs []*format.Run, q ColumnRequest, c Context) Columns {
	columns := Columns{Keys: q.Keys}
	columns.Experiment = slices.ContainsFunc(runs, func(r *format.Run) bool { return r.Experiment != runs[0].Experiment })
	if len(q.Keys) == 0 {
		columns.choose(runs, q, c)
	}
	columns.Numeric = make([]bool, len(columns.Keys))
	for i, key := range columns.Keys {
		columns.Numeric[i] = numeric(runs, key, c)
	}
	return columns
}

func (columns *Columns) choose(runs []*format.Run, q ColumnRequest, c Context) {
	if primary := Primary(q.Primary, runs, c); primary != "" {
		columns.Keys = append(columns.Keys, "metrics."+primary)
	}
	shown := func(key string) bool { return BareKey(key) == BareKey(q.Sort) }
	if columns.needs(q.Sort, runs, c) && !slices.ContainsFunc(columns.Keys, shown) {
		columns.Keys = append(columns.Keys, q.Sort)
	}
	var params []string
	for _, key := range DifferingParams(runs) {
		if q.Sort != key && q.Sort != "params."+key {
			params = append(params, "params."+key)
		}
	}
	n := min(len(params), maxParams)
	columns.Keys, columns.Omitted = append(columns.Keys, params[:n]...), params[n:]
}

// needs reports whether a key needs a column of its own. It does if some run has it and none of the columns that
// every list has shows it.
func (columns *Columns) needs(key string, runs []*format.Run, c Context) bool {
	switch strings.TrimPrefix(key, "attributes.") {
	case "", "id", "name", "started", "status":
		return false
	case "experiment":
		return !columns.Experiment
	}
	return slices.ContainsFunc(runs, func(r *format.Run) bool { _, ok := Value(r, key, c); return ok })
}

func numeric(runs []*format.Run, key string, c Context) bool {
	return !slices.ContainsFunc(runs, func(r *format.Run) bool {
		v, ok := Value(r, key, c)
		return ok && v != format.Null && !format.IsNumber(v)
	})
}

// BareKey returns a key without its prefix, which says where to look for the key.
func BareKey(key string) string {
	for _, prefix := range []string{"params.", "metrics.", "summary."} {
		if rest, ok := strings.CutPrefix(key, prefix); ok {
			return rest
		}
	}
	return key
}

// Primary returns the metric that lists show. It is the configured one, otherwise the one that most runs have. Among
// several of these, one with a goal comes first, then a validation or test metric, then the first by name. Numbers of
// the summaries are considered if no run has another metric.
func Primary(configured string, runs []*format.Run, c Context) string {
	if configured != "" {
		return configured
	}
	count := map[string]int{}
	for _, r := range runs {
		for key := range r.Metrics {
			count[key]++
		}
	}
	if len(count) == 0 {
		for _, r := range runs {
			for key := range r.AllMetrics() {
				count[key]++
			}
		}
	}
	best, most := "", -1
	for key, n := range count {
		score := 8 * n
		if c.Goal != nil && c.Goal(key) != "" {
			score += 4
		}
		if lower := strings.ToLower(key); strings.Contains(lower, "val") || strings.Contains(lower, "test") {
			score += 2
		}
		if score > most || score == most && key < best {
			best, most = key, score
		}
	}
	return best
}

// AllColumns returns the keys of all metrics, params and summaries of the runs, sorted.
func AllColumns(runs []*format.Run) []string {
	seen := map[string]bool{}
	var keys []string
	add := func(key string) {
		if !seen[key] {
			seen[key] = true
			keys = append(keys, key)
		}
	}
	for _, r := range runs {
		for key := range r.Metrics {
			add("metrics." + key)
		}
		for key := range r.Summary {
			add("summary." + key)
		}
		for key := range r.Params.Flatten() {
			add("params." + key)
		}
	}
	slices.Sort(keys)
	return keys
}
