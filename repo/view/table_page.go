package view

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/query"
)

// The attributes of a page. Those that are rarely needed are in the rest.
var (
	pageAttributes = []string{
		"name", "key", "experiment", "status", "started", "ended", "end_reason", "signal", "author", "group", "parent",
		"resumes", "reproduces", "note", "exit_code", "source.branch", "source.dirty", "machine.host",
	}
	moreAttributes = []string{
		"command", "cwd", "source.commit", "source.remote", "source.tree", "source.base", "source.entry", "source.durable",
		"source.patches", "source.omitted", "environment.python", "environment.os", "environment.arch",
		"environment.digest", "machine.cpu", "machine.kernel", "machine.cores", "machine.memory", "machine.gpus",
	}
)

// maxMoreCells is how many values of datasets, artifacts, files and the like the rest of a page has. Beyond, the kind
// with the most values is left out.
const maxMoreCells = 200 * pageRows

// columns collects the columns of a page by name.
type columns struct {
	mixed   map[string]*column
	numbers map[string]*numbers
}

func newColumns() columns { return columns{map[string]*column{}, map[string]*numbers{}} }

func (c columns) add(name string, row int, v any) {
	one := c.mixed[name]
	if one == nil {
		one = &column{}
		c.mixed[name] = one
	}
	one.add(row, v)
}

func (c columns) addNumber(name string, row int, v float64) {
	one := c.numbers[name]
	if one == nil {
		one = &numbers{}
		c.numbers[name] = one
	}
	one.add(row, v)
}

// append appends the columns as a member of an object.
func (c columns) append(b []byte, name string, n int) []byte {
	b = append(appendText(comma(b), name), `:{`...)
	for _, key := range slices.Sorted(maps.Keys(c.mixed)) {
		b = c.mixed[key].append(append(appendText(comma(b), key), ':'), n)
	}
	for _, key := range slices.Sorted(maps.Keys(c.numbers)) {
		b = c.numbers[key].append(append(appendText(comma(b), key), ':'), n)
	}
	return append(b, '}')
}

// appendPage appends the columns that are needed first.
func appendPage(b []byte, entries []*repo.Entry, keys *tableColumns, in tableInput) []byte {
	n := len(entries)
	context := in.context()
	attributes, params, tags := newColumns(), newColumns(), newColumns()
	summary, metrics, goals := newColumns(), newColumns(), newColumns()
	b = append(b, `{"ids":[`...)
	for i, e := range entries {
		b = appendText(comma(b), e.ID)
		for _, key := range pageAttributes {
			if v, ok := query.Value(e.Run, "attributes."+key, context); ok {
				attributes.add(key, i, v)
			}
		}
		if in.part != nil {
			if part := in.part(e.ID, e.Parts()); part != "" {
				attributes.add("part", i, part)
			}
		}
		if e.Active != nil {
			attributes.add("life", i, e.Life.String())
			attributes.add("silent", i, e.Silent)
		}
		for key, v := range e.Tags {
			if keys.has("tags.", key) {
				tags.add(key, i, v)
			}
		}
		for key, m := range e.Metrics {
			if !keys.has("metrics.", key) {
				continue
			}
			metrics.addNumber(key, i, query.Best(m, in.goal(key, m)))
			if m.Goal != "" && in.goals[key] == "" {
				goals.add(key, i, m.Goal)
			}
		}
	}
	addParams(params, entries, func(r *format.Run) format.Params { return r.Params }, "params.", keys)
	addParams(summary, entries, func(r *format.Run) format.Params { return r.Summary }, "summary.", keys)
	b = append(b, ']')
	b = attributes.append(b, "attributes", n)
	b = params.append(b, "params", n)
	b = tags.append(b, "tags", n)
	b = summary.append(b, "summary", n)
	b = metrics.append(b, "metrics", n)
	b = goals.append(b, "goals", n)
	return append(b, '}')
}

// addParams adds a column for each leaf, with the value that format.Params.Find returns for its key.
func addParams(c columns, entries []*repo.Entry, of func(*format.Run) format.Params, prefix string,
	keys *tableColumns,
) {
	flat := make([]map[string]any, len(entries))
	union := map[string]bool{}
	for i, e := range entries {
		flat[i] = of(e.Run).Flatten()
		for key := range flat[i] {
			union[key] = true
		}
	}
	for key := range union {
		if !keys.has(prefix, key) {
			continue
		}
		for i, e := range entries {
			v, ok := flat[i][key]
			if !ok {
				v, ok = of(e.Run).Find(key)
			}
			if ok {
				c.add(key, i, v)
			}
		}
	}
}

// appendMore appends what is rarely needed: the other values of metrics, the other attributes, and what groups need.
func appendMore(b []byte, entries []*repo.Entry, keys *tableColumns, in tableInput) []byte {
	n := len(entries)
	context := in.context()
	attributes, named, tables, groups := newColumns(), newColumns(), newColumns(), newColumns()
	last, least, most, leastStep, mostStep, count := newColumns(), newColumns(), newColumns(), newColumns(), newColumns(),
		newColumns()
	for i, e := range entries {
		for _, key := range moreAttributes {
			if v, ok := query.Value(e.Run, "attributes."+key, context); ok {
				attributes.add(key, i, v)
			}
		}
		for key, m := range e.Metrics {
			if !keys.has("metrics.", key) {
				continue
			}
			last.addNumber(key, i, m.Last)
			if m.Count != 1 || m.Min != nil || m.Max != nil {
				count.add(key, i, m.Count)
			}
			if m.Min != nil {
				least.addNumber(key, i, m.Min.Value)
				leastStep.add(key, i, m.Min.Step)
			}
			if m.Max != nil {
				most.addNumber(key, i, m.Max.Value)
				mostStep.add(key, i, m.Max.Step)
			}
		}
		addTables(tables, i, "", e.Params, keys)
		replicate := query.Replicates(e.Run, in.config.Replicates.Seeds)
		if part := in.split[e.ID]; part > 0 {
			replicate += "\x00" + strconv.Itoa(part)
		}
		groups.add("replicate", i, shortDigest(replicate))
		groups.add("params", i, shortDigest(diff.ParamsKey(e.Run)))
		if format.HasSeed(e.Params, in.config.Replicates.Seeds) {
			groups.add("seed", i, int64(1))
		}
	}
	left := addNamed(named, entries)
	b = append(b, '{')
	b = attributes.append(b, "attributes", n)
	b = named.append(b, "named", n)
	b = tables.append(b, "tables", n)
	b = groups.append(b, "groups", n)
	b = last.append(b, "last", n)
	b = least.append(b, "min", n)
	b = most.append(b, "max", n)
	b = leastStep.append(b, "min_step", n)
	b = mostStep.append(b, "max_step", n)
	b = count.append(b, "count", n)
	b = append(b, `,"left":[`...)
	for _, kind := range left {
		b = appendText(comma(b), kind)
	}
	return append(b, "]}"...)
}

// addTables adds the tables in params, which a key may name too.
func addTables(c columns, row int, prefix string, params format.Params, keys *tableColumns) {
	for key, v := range params {
		table, ok := v.(map[string]any)
		if !ok || len(table) == 0 {
			continue
		}
		name := prefix + key
		if len(keys.left) == 0 {
			c.add(name, row, v)
		}
		addTables(c, row, name+".", table, keys)
	}
}

// addNamed adds the attributes whose key has a name of the user: datasets, artifacts, files, variables, conflicts, and
// the keys that this version does not know. It returns the prefixes of those that are too many.
func addNamed(c columns, entries []*repo.Entry) (left []string) {
	kinds := []struct {
		prefix string
		each   func(r *format.Run, add func(name string, v any))
	}{
		{"datasets.", func(r *format.Run, add func(string, any)) {
			for _, d := range slices.Backward(r.Datasets) { // the first of a name counts
				add(d.Name, d.Identity())
			}
		}},
		{"environment.variables.", func(r *format.Run, add func(string, any)) {
			if r.Environment != nil {
				for name, v := range r.Environment.Variables {
					add(name, v)
				}
			}
		}},
		{"conflicts.", func(r *format.Run, add func(string, any)) {
			for name, lost := range r.Conflicts {
				add(name, lost)
			}
		}},
		{"extra.", func(r *format.Run, add func(string, any)) { addFlat(r.Extra, add) }},
		{"", func(r *format.Run, add func(string, any)) { addFlat(r.Unknown, add) }},
		{"files.", func(r *format.Run, add func(string, any)) {
			for name, f := range r.Files {
				add(name, f.SHA256)
			}
		}},
		{"artifacts.", func(r *format.Run, add func(string, any)) {
			for _, a := range slices.Backward(r.Artifacts) {
				add(a.Path, a.SHA256)
			}
		}},
	}
	budget := maxMoreCells
	for _, kind := range kinds {
		count := 0
		for _, e := range entries {
			kind.each(e.Run, func(string, any) { count++ })
		}
		if count > budget {
			left = append(left, kind.prefix)
			continue
		}
		budget -= count
		for i, e := range entries {
			mine := map[string]any{}
			kind.each(e.Run, func(name string, v any) { mine[kind.prefix+name] = v })
			for name, v := range mine {
				c.add(name, i, v)
			}
		}
	}
	return left
}

func addFlat(params format.Params, add func(string, any)) {
	for name, v := range params.Flatten() {
		add(name, v)
	}
}

func shortDigest(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:8])
}

// signature says what pages depend on besides their runs.
func (c *tableColumns) signature(in tableInput) string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(in.goals)) {
		b.WriteString(key + "\x00" + in.goals[key] + "\x00")
	}
	for _, key := range slices.Sorted(maps.Keys(c.left)) {
		b.WriteString(key + "\x00")
	}
	b.WriteString(strings.Join(in.config.Replicates.Seeds, "\x00"))
	for _, id := range slices.Sorted(maps.Keys(in.split)) {
		fmt.Fprintf(&b, "\x00%s %d", id, in.split[id])
	}
	return b.String()
}
