// Package query finds, sorts and groups runs in a list of records. It reads the selectors and expressions that users
// write.
//
// The package uses only records, and no repository, Git or terminal. The only package of this module that it imports
// is format. To change what a key means, start in value.go. Expressions are in expression.go and literal.go,
// selectors in selector.go.
package query

import (
	"cmp"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
)

// Context holds what a query needs to know besides the runs.
type Context struct {
	Goal func(metric string) string // goal of a metric by the settings or its name; if nil, no goal is known
	// Named reports whether any of the runs has a metric with this name. It tells a metric that is called loss.min from
	// the smallest value of loss, for all runs alike. If nil, each run is asked alone.
	Named func(metric string) bool
	Now   time.Time
}

// Value returns the value of a key for a run, as expressions, columns, sorting and grouping use it: a string, int64,
// float64, bool, time.Time, []any or map[string]any. A key with a prefix (metrics., summary., params., tags.,
// attributes.) is looked up there. Any other key is looked up in this order, for each run: metrics, summary, params,
// tags, attributes.
//
// The value of a metric is the best one by its goal, or the last one if the goal is unknown. A suffix chooses another:
// rmse.last, .best, .min, .max, .min_step, .max_step, .count. A metric whose name includes the suffix comes first. A
// part of a key in quotes is a name as it stands: "rmse".min is a value of rmse, and "rmse.min" is a metric. A number
// in the summary counts as a metric with one point, if there is no metric with its name.
//
// The key of a param is its dotted key or its name, as for format.Params.Find.
//
// Attributes are the keys of the record, and host, commit, branch, dirty, tree, python, os and arch. duration is in
// seconds; a run in progress has none. source.X, environment.X and machine.X are the keys of these tables.
// datasets.NAME, artifacts.PATH and files.NAME are digests. conflicts.PARAM is the list of the values of a param that
// were not taken.
func Value(r *format.Run, key string, c Context) (any, bool) {
	f := newField(key)
	v, ok := f.value(r, c)
	if !ok {
		return nil, false
	}
	return v.any(), true
}

// field is a parsed key.
type field struct {
	scope        fieldScope
	name         string
	plain        string // the name without its quotes, if it has some
	base, suffix string // the parts of the name, if it is METRIC.SUFFIX
	statistic    bool   // the quotes say that the suffix is not part of the metric's name
}

type fieldScope byte

const (
	inAll fieldScope = iota
	inMetrics
	inSummary
	inParams
	inTags
	inAttributes
)

func newField(key string) field {
	f := field{name: key}
	if prefix, rest, ok := strings.Cut(key, "."); ok {
		switch prefix {
		case "metrics":
			f.scope, f.name = inMetrics, rest
		case "summary":
			f.scope, f.name = inSummary, rest
		case "params":
			f.scope, f.name = inParams, rest
		case "tags":
			f.scope, f.name = inTags, rest
		case "attributes":
			f.scope, f.name = inAttributes, rest
		}
	}
	if strings.Contains(f.name, `"`) {
		f.plain = unquoted(f.name)
	}
	if i := strings.LastIndexByte(f.name, '.'); i >= 0 {
		switch suffix := f.name[i+1:]; suffix {
		case "last", "best", "count", "min", "min_step", "max", "max_step":
			f.base, f.suffix = f.name[:i], suffix
			if f.plain != "" {
				f.statistic = strings.HasSuffix(f.base, `"`)
				f.base = f.plain[:len(f.plain)-len(suffix)-1]
			}
		}
	}
	return f
}

// unquoted returns a key without the quotes around its parts, or "" if it has none.
func unquoted(key string) string {
	path, err := format.ParseKeyPath(key)
	if err != nil {
		return ""
	}
	if plain := strings.Join(path, "."); plain != key {
		return plain
	}
	return ""
}

// find returns the value of the field in a map with flat names.
func find[V any](f *field, m map[string]V) (V, bool) {
	v, ok := m[f.name]
	if !ok && f.plain != "" {
		v, ok = m[f.plain]
	}
	return v, ok
}

// isAttribute reports whether the field means this attribute, provided that the run has no metric, param or tag with
// its name.
func (f field) isAttribute(name string) bool {
	return f.name == name && (f.scope == inAll || f.scope == inAttributes)
}

// datum is a value of a run. Unlike a value of type any, it needs no allocation.
type datum struct {
	kind kind
	i    int64
	f    float64
	s    string
	t    time.Time
	more any // a list or table
}

type kind byte

const (
	isText kind = iota
	isInt
	isFloat
	isBool
	isTime
	isMore
)

func textDatum(s string) datum     { return datum{kind: isText, s: s} }
func intDatum(i int64) datum       { return datum{kind: isInt, i: i} }
func floatDatum(f float64) datum   { return datum{kind: isFloat, f: f} }
func timeDatum(t time.Time) datum  { return datum{kind: isTime, t: t} }
func given(s string) (datum, bool) { return textDatum(s), s != "" }
func (d datum) isNumber() bool     { return d.kind == isInt || d.kind == isFloat }
func (d datum) isNull() bool       { return d.kind == isMore && d.more == format.Null }
func (d datum) isNaN() bool        { return d.kind == isFloat && math.IsNaN(d.f) }

func boolDatum(b bool) datum {
	d := datum{kind: isBool}
	if b {
		d.i = 1
	}
	return d
}

func newDatum(v any) datum {
	switch v := v.(type) {
	case string:
		return textDatum(v)
	case int64:
		return intDatum(v)
	case float64:
		return floatDatum(v)
	case bool:
		return boolDatum(v)
	case time.Time:
		return timeDatum(v)
	}
	return datum{kind: isMore, more: v}
}

func (d datum) any() any {
	switch d.kind {
	case isInt:
		return d.i
	case isFloat:
		return d.f
	case isBool:
		return d.i == 1
	case isTime:
		return d.t
	case isMore:
		return d.more
	}
	return d.s
}

func (d datum) text() string {
	if d.kind == isText {
		return d.s
	}
	return Text(d.any())
}

func (f *field) value(r *format.Run, c Context) (datum, bool) {
	switch f.scope {
	case inMetrics:
		return f.metric(r, c)
	case inSummary:
		return f.param(r.Summary)
	case inParams:
		return f.param(r.Params)
	case inTags:
		s, ok := find(f, r.Tags)
		return textDatum(s), ok
	case inAttributes:
		return attribute(r, f.name)
	}
	if v, ok := f.metric(r, c); ok {
		return v, true
	}
	if v, ok := f.param(r.Summary); ok {
		return v, true
	}
	if v, ok := f.param(r.Params); ok {
		return v, true
	}
	if s, ok := find(f, r.Tags); ok {
		return textDatum(s), true
	}
	return attribute(r, f.name)
}

// param returns the value of the field in params or a summary.
func (f *field) param(params format.Params) (datum, bool) {
	v, ok := params.Find(f.name)
	if !ok && f.plain != "" {
		v, ok = params.Find(f.plain)
	}
	if !ok {
		return datum{}, false
	}
	return newDatum(v), true
}

func (f *field) metric(r *format.Run, c Context) (datum, bool) {
	if !f.statistic {
		if m, ok := find(f, r.Metrics); ok {
			return floatDatum(bestOf(m, cmp.Or(f.plain, f.name), c)), true
		}
		if v, ok := find(f, r.Summary); ok && format.IsNumber(v) {
			return newDatum(v), true
		}
	}
	if f.suffix == "" || !f.statistic && c.Named != nil && c.Named(cmp.Or(f.plain, f.name)) {
		return datum{}, false
	}
	m, ok := r.Metrics[f.base]
	if !ok {
		v, ok := r.Summary[f.base]
		return newDatum(v), ok && format.IsNumber(v) && !strings.HasSuffix(f.suffix, "_step") && f.suffix != "count"
	}
	switch f.suffix {
	case "last":
		return floatDatum(m.Last), true
	case "best":
		return floatDatum(bestOf(m, f.base, c)), true
	case "count":
		return intDatum(m.Count), true
	case "min":
		return extreme(m, m.Min)
	case "max":
		return extreme(m, m.Max)
	case "min_step":
		return extremeStep(m.Min)
	}
	return extremeStep(m.Max)
}

// extreme returns the value of an extreme. The record of a metric with one point has no extremes, because the point
// is both of them.
func extreme(m format.Metric, e *format.Extreme) (datum, bool) {
	if e != nil {
		return floatDatum(e.Value), true
	}
	return floatDatum(m.Last), m.Count == 1
}

func extremeStep(e *format.Extreme) (datum, bool) {
	if e == nil {
		return datum{}, false
	}
	return intDatum(e.Step), true
}

// bestOf returns Best by the goal of the metric. It looks up the goal only if it matters.
func bestOf(m format.Metric, key string, c Context) float64 {
	if m.Min == nil && m.Max == nil {
		return m.Last
	}
	return Best(m, goalOf(m, key, c))
}

// goal returns the goal of the metric that the field refers to, in the first run that has it. It returns "" if the
// field is not a metric or has no better value, like a count.
func (f *field) goal(runs []*format.Run, c Context) string {
	if f.scope != inAll && f.scope != inMetrics {
		return ""
	}
	for _, r := range runs {
		if m, ok := r.Metric(cmp.Or(f.plain, f.name)); ok && !f.statistic {
			return goalOf(m, cmp.Or(f.plain, f.name), c)
		}
		if m, ok := r.Metric(f.base); ok {
			switch f.suffix {
			case "last", "best", "min", "max":
				return goalOf(m, f.base, c)
			}
		}
	}
	return ""
}

func goalOf(m format.Metric, key string, c Context) string {
	if c.Goal != nil {
		if goal := c.Goal(key); goal != "" {
			return goal
		}
	}
	return m.Goal
}

// Best returns the best value of a metric by its goal, or the last value without a goal. It is NaN if every point is.
func Best(m format.Metric, goal string) float64 {
	switch {
	case goal == format.GoalMin && m.Min != nil:
		return m.Min.Value
	case goal == format.GoalMax && m.Max != nil:
		return m.Max.Value
	}
	return m.Last
}

// BestBy returns the goal by which the values of a key are best values. It returns "" if the key is not a metric of
// the runs, or if the values are last values.
func BestBy(runs []*format.Run, key string, c Context) string {
	f := newField(key)
	if f.scope != inAll && f.scope != inMetrics {
		return ""
	}
	for _, r := range runs {
		m, ok := find(&f, r.Metrics)
		if !ok || f.statistic || m.Min == nil && m.Max == nil {
			continue
		}
		if goal := goalOf(m, cmp.Or(f.plain, f.name), c); Best(m, goal) != m.Last && goal != "" {
			return goal
		}
	}
	return ""
}

func paramDatum(params format.Params, key string) (datum, bool) {
	v, ok := params.Find(key)
	if !ok {
		return datum{}, false
	}
	return newDatum(v), true
}

// attribute returns the value of an attribute, which is a key of the record itself.
func attribute(r *format.Run, key string) (datum, bool) {
	switch key {
	case "id":
		return textDatum(r.ID), true
	case "name":
		return given(r.Name)
	case "key":
		return given(r.Key)
	case "experiment":
		return given(r.Experiment)
	case "status":
		return textDatum(string(r.Status)), true
	case "started":
		return timeDatum(r.Started), true
	case "ended":
		return timeDatum(r.Ended), !r.Ended.IsZero()
	case "duration":
		return floatDatum(r.Ended.Sub(r.Started).Seconds()), !r.Ended.IsZero()
	case "end_reason":
		return given(r.EndReason)
	case "signal":
		return given(r.Signal)
	case "author":
		return given(r.Author)
	case "group":
		return given(r.Group)
	case "parent":
		return given(r.Parent)
	case "resumes":
		return given(r.Resumes)
	case "reproduces":
		return given(r.Reproduces)
	case "note":
		return given(r.Note)
	case "command":
		return given(strings.Join(r.Command, " "))
	case "cwd":
		return given(r.Cwd)
	case "exit_code":
		if r.ExitCode == nil {
			return datum{}, false
		}
		return intDatum(*r.ExitCode), true
	}
	return tableAttribute(r, key)
}

func tableAttribute(r *format.Run, key string) (datum, bool) {
	prefix, rest, _ := strings.Cut(key, ".")
	if s := r.Source; s != nil {
		switch key {
		case "source.commit", "commit":
			return given(s.Commit)
		case "source.branch", "branch":
			return given(s.Branch)
		case "source.remote":
			return given(s.Remote)
		case "source.dirty", "dirty":
			return boolDatum(s.Dirty), true
		case "source.tree", "tree":
			return given(s.Tree)
		case "source.base":
			return given(s.Base)
		case "source.entry":
			return given(s.Entry)
		case "source.durable":
			if s.Durable != nil {
				return boolDatum(*s.Durable), true
			}
		case "source.patches":
			return texts(s.Patches)
		case "source.omitted":
			return omitted(s.Omitted)
		}
	}
	if e := r.Environment; e != nil {
		switch key {
		case "environment.python", "python":
			return given(e.Python)
		case "environment.os", "os":
			return given(e.OS)
		case "environment.arch", "arch":
			return given(e.Arch)
		case "environment.digest":
			return given(e.Digest)
		}
		if name, ok := strings.CutPrefix(key, "environment.variables."); ok {
			v, ok := e.Variables[name]
			return textDatum(v), ok
		}
	}
	if m := r.Machine; m != nil {
		switch key {
		case "machine.host", "host":
			return given(m.Host)
		case "machine.cpu":
			return given(m.CPU)
		case "machine.kernel":
			return given(m.Kernel)
		case "machine.cores":
			return intDatum(m.Cores), m.Cores != 0
		case "machine.memory":
			return intDatum(m.Memory), m.Memory != 0
		case "machine.gpus":
			return texts(m.GPUs)
		}
	}
	switch prefix {
	case "datasets":
		for _, d := range r.Datasets {
			if d.Name == rest {
				return textDatum(d.Identity()), true
			}
		}
	case "artifacts":
		for _, a := range r.Artifacts {
			if a.Path == rest {
				return textDatum(a.SHA256), true
			}
		}
	case "files":
		if f, ok := r.Files[rest]; ok {
			return textDatum(f.SHA256), true
		}
	case "conflicts":
		if lost, ok := r.Conflicts[rest]; ok {
			return datum{kind: isMore, more: lost}, true
		}
	case "extra":
		return paramDatum(r.Extra, rest)
	}
	return paramDatum(r.Unknown, key)
}

// texts returns a list of texts. An empty list means that the run does not have the key.
func texts(list []string) (datum, bool) {
	if len(list) == 0 {
		return datum{}, false
	}
	values := make([]any, len(list))
	for i, s := range list {
		values[i] = s
	}
	return datum{kind: isMore, more: values}, true
}

// omitted returns the paths of the files that are not in the recorded tree.
func omitted(list []format.Omitted) (datum, bool) {
	paths := make([]string, len(list))
	for i, o := range list {
		paths[i] = o.Path
	}
	return texts(paths)
}

// Text returns a value as text for people.
func Text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return format.TOMLString(v)
}
