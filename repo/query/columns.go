package query

import (
	"cmp"
	"iter"
	"slices"
	"strings"
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
func ChooseColumns(rows []Row, q ColumnRequest, c Context) Columns {
	columns := Columns{Keys: q.Keys}
	columns.Experiment = slices.ContainsFunc(rows, func(r Row) bool { return r.Experiment() != rows[0].Experiment() })
	if len(q.Keys) == 0 {
		columns.choose(rows, q, c)
	}
	columns.Numeric = make([]bool, len(columns.Keys))
	for i, key := range columns.Keys {
		columns.Numeric[i] = numeric(rows, key, c)
	}
	return columns
}

func (columns *Columns) choose(rows []Row, q ColumnRequest, c Context) {
	if primary := Primary(q.Primary, rows, c); primary != "" {
		columns.Keys = append(columns.Keys, "metrics."+primary)
	}
	shown := func(key string) bool { return BareKey(key) == BareKey(q.Sort) }
	if columns.needs(q.Sort, rows, c) && !slices.ContainsFunc(columns.Keys, shown) {
		columns.Keys = append(columns.Keys, q.Sort)
	}
	var differences ParamDifferences
	for _, r := range rows {
		differences.add(r.Params())
	}
	params, telling := differences.Telling()
	keys := make([]string, 0, len(params))
	for i, key := range params {
		if q.Sort == key || q.Sort == "params."+key {
			if i < telling {
				telling--
			}
			continue
		}
		keys = append(keys, "params."+key)
	}
	n := min(telling, len(keys), maxParams)
	columns.Keys, columns.Omitted = append(columns.Keys, keys[:n]...), keys[n:]
}

// setName is the key of a list in a table of params that names those which somebody set. The others in the table are
// defaults of a library, which an integration recorded too.
const setName = "set"

// ParamDifferences finds out which params differ among runs, and which of them tell most. The zero value has no runs.
type ParamDifferences struct {
	runs   int
	params map[string]*seenParam
	listed map[string]bool // tables that have a list of what was set
}

type seenParam struct {
	value     Datum
	runs      int
	many, set bool
}

// Add adds a run by its params, as format.Params.Flatten returns them.
func (d *ParamDifferences) Add(flat map[string]any) {
	d.add(data(flat))
}

func (d *ParamDifferences) add(flat iter.Seq2[string, Datum]) {
	if d.params == nil {
		d.params, d.listed = map[string]*seenParam{}, map[string]bool{}
	}
	d.runs++
	for key, v := range flat {
		s := d.params[key]
		if s == nil {
			s = &seenParam{value: v}
			d.params[key] = s
		} else if s.runs == 0 {
			s.value = v
		}
		s.runs++
		s.many = s.many || !s.value.same(v)
		if table, ok := strings.CutSuffix(key, "."+setName); ok {
			d.addSet(table, v.Any())
		}
	}
}

// addSet notes the params of a table that somebody set.
func (d *ParamDifferences) addSet(table string, v any) {
	names, ok := v.([]any)
	if !ok {
		return
	}
	d.listed[table] = true
	for _, name := range names {
		if text, ok := name.(string); ok {
			if d.params[table+"."+text] == nil {
				d.params[table+"."+text] = &seenParam{}
			}
			d.params[table+"."+text].set = true
		}
	}
}

// Keys returns the dotted keys of the params that differ, sorted. A param that only some runs have counts as different.
func (d *ParamDifferences) Keys() []string {
	var keys []string
	for key, s := range d.params {
		if s.many || s.runs > 0 && s.runs < d.runs {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// Telling returns the keys of the params that differ in the order in which they tell something. First come those of
// which two runs have different values, then those that only some runs have. At the end are the defaults that only some
// runs have, as of different models, and the lists of what was set; telling is the number of params before them.
func (d *ParamDifferences) Telling() (ordered []string, telling int) {
	ordered = d.Keys()
	isSet := func(key string) bool { return strings.HasSuffix(key, "."+setName) }
	if len(ordered) <= maxParams && !slices.ContainsFunc(ordered, isSet) {
		return ordered, len(ordered)
	}
	slices.SortStableFunc(ordered, func(a, b string) int { return cmp.Compare(d.rank(a), d.rank(b)) })
	telling = len(ordered)
	if at := slices.IndexFunc(ordered, func(key string) bool { return d.rank(key) > 1 }); at >= 0 {
		telling = at
	}
	return ordered, telling
}

func (d *ParamDifferences) rank(key string) int {
	at := strings.LastIndexByte(key, '.')
	inListed := at >= 0 && d.listed[key[:at]]
	switch {
	case inListed && key[at+1:] == setName:
		return 3
	case d.params[key].many:
		return 0
	case !inListed || d.params[key].set:
		return 1
	}
	return 2
}

// needs reports whether a key needs a column of its own. It does if some run has it and none of the columns that
// every list has shows it.
func (columns *Columns) needs(key string, rows []Row, c Context) bool {
	switch strings.TrimPrefix(key, "attributes.") {
	case "", "id", "name", "started", "status":
		return false
	case "experiment":
		return !columns.Experiment
	}
	f := newField(key)
	return slices.ContainsFunc(rows, func(r Row) bool { _, ok := f.value(r, c); return ok })
}

func numeric(rows []Row, key string, c Context) bool {
	f := newField(key)
	return !slices.ContainsFunc(rows, func(r Row) bool {
		v, ok := f.value(r, c)
		return ok && !v.isNull() && !v.isNumber()
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
func Primary(configured string, rows []Row, c Context) string {
	if configured != "" {
		return configured
	}
	count := map[string]int{}
	for _, r := range rows {
		for key := range r.Metrics() {
			count[key]++
		}
	}
	if len(count) == 0 {
		for _, r := range rows {
			for key, v := range r.Summaries() {
				if v.isNumber() {
					count[key]++
				}
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
func AllColumns(rows []Row) []string {
	seen := map[string]bool{}
	var keys []string
	add := func(key string) {
		if !seen[key] {
			seen[key] = true
			keys = append(keys, key)
		}
	}
	for _, r := range rows {
		for key := range r.Metrics() {
			add("metrics." + key)
		}
		for key := range r.Summaries() {
			add("summary." + key)
		}
		for key := range r.Params() {
			add("params." + key)
		}
	}
	slices.Sort(keys)
	return keys
}
