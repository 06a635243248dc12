// Package query finds, sorts and groups runs in a list of rows, which are records or columns. It reads the selectors
// and expressions that users write.
//
// The package uses no repository, Git or terminal. The only packages of this module that it imports are those of
// format. What it asks of a run is in row.go. To change what a key means, start in value.go. Expressions are in
// expression.go and literal.go, selectors in selector.go.
package query

import (
	"cmp"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
)

// Context holds what a query needs to know besides the runs.
type Context struct {
	Goal func(metric string) string // goal of a metric by the settings or its name; if nil, no goal is known
	// Named reports whether any of the runs has a metric with this name. It tells a metric that is called loss.min from
	// the smallest value of loss, for all runs alike. If nil, each run is asked alone.
	Named func(metric string) bool
	// Lacks reports whether no run has a name in a part of it, so that each run need not be asked. If nil, each is asked.
	Lacks func(p Part, name string) bool
	Now   time.Time
	// Manifest reads the list of the files of a dataset. If nil, data that was noticed does not tell replicates apart.
	Manifest diff.ManifestReader
}

// Part is a part of a run where a name is looked up, as Row does.
type Part uint8

// The parts of a run that Context.Lacks is asked about.
const (
	PartMetrics Part = 1 << iota // Row.Metric
	PartSummary                  // Row.Summary and Row.Number
	PartParams                   // Row.Param
	PartTags                     // Row.Tag
)

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
	k := NewKey(key)
	return k.Value(Record(r), c)
}

// Key is a key for many runs. It is parsed once.
type Key struct{ field field }

// NewKey returns a key, as for Value.
func NewKey(key string) Key { return Key{newField(key)} }

// Value returns the value of the key for a row, as Value does.
func (k *Key) Value(r Row, c Context) (any, bool) {
	v, ok := k.field.value(r, c)
	if !ok {
		return nil, false
	}
	return v.Any(), true
}

// field is a parsed key.
type field struct {
	scope        fieldScope
	name         string
	plain        string // the name without its quotes, if it has some
	base, suffix string // the parts of the name, if it is METRIC.SUFFIX
	statistic    bool   // the quotes say that the suffix is not part of the metric's name
	lacking      Part   // the parts in which no run has the key
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

// narrow finds out in which parts of the runs of a context the key is never found.
func (f *field) narrow(c Context) {
	if f.lacking = 0; c.Lacks == nil || f.scope != inAll {
		return
	}
	lacks := func(p Part, name string) bool { return name == "" || c.Lacks(p, name) }
	for _, p := range []Part{PartMetrics, PartSummary, PartParams, PartTags} {
		if lacks(p, f.name) && lacks(p, f.plain) {
			f.lacking |= p
		}
	}
	if f.lacking&PartSummary == 0 || !lacks(PartMetrics, f.base) || !lacks(PartSummary, f.base) {
		f.lacking &^= PartMetrics // a number in the summary counts as a metric
	}
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

// isAttribute reports whether the field means this attribute, provided that the run has no metric, param or tag with
// its name.
func (f field) isAttribute(name string) bool {
	return f.name == name && (f.scope == inAll || f.scope == inAttributes)
}

// Datum is a value of a run. Unlike a value of type any, it needs no allocation.
type Datum struct {
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

func TextDatum(s string) Datum     { return Datum{kind: isText, s: s} }
func IntDatum(i int64) Datum       { return Datum{kind: isInt, i: i} }
func FloatDatum(f float64) Datum   { return Datum{kind: isFloat, f: f} }
func TimeDatum(t time.Time) Datum  { return Datum{kind: isTime, t: t} }
func given(s string) (Datum, bool) { return TextDatum(s), s != "" }
func (d Datum) isNumber() bool     { return d.kind == isInt || d.kind == isFloat }
func (d Datum) isNull() bool       { return d.kind == isMore && d.more == format.Null }
func (d Datum) isNaN() bool        { return d.kind == isFloat && math.IsNaN(d.f) }

func BoolDatum(b bool) Datum {
	d := Datum{kind: isBool}
	if b {
		d.i = 1
	}
	return d
}

func NewDatum(v any) Datum {
	switch v := v.(type) {
	case string:
		return TextDatum(v)
	case int64:
		return IntDatum(v)
	case float64:
		return FloatDatum(v)
	case bool:
		return BoolDatum(v)
	case time.Time:
		return TimeDatum(v)
	}
	return Datum{kind: isMore, more: v}
}

// AsText returns the value if it is a text.
func (d Datum) AsText() (string, bool) { return d.s, d.kind == isText }

// AsInt returns the value if it is an integer.
func (d Datum) AsInt() (int64, bool) { return d.i, d.kind == isInt }

// AsFloat returns the value if it is a float.
func (d Datum) AsFloat() (float64, bool) { return d.f, d.kind == isFloat }

// AsBool returns the value if it is true or false.
func (d Datum) AsBool() (value, ok bool) { return d.i == 1, d.kind == isBool }

// IsNull reports whether the value is format.Null.
func (d Datum) IsNull() bool { return d.isNull() }

// String returns the value as Text does. It is empty for the zero value.
func (d Datum) String() string { return d.text() }

// float returns a number as a float.
func (d Datum) float() float64 {
	if d.kind == isInt {
		return float64(d.i)
	}
	return d.f
}

// Any returns the value as Value does.
func (d Datum) Any() any {
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

// same reports whether two values are equal by format.EqualValue.
func (d Datum) same(other Datum) bool {
	switch {
	case d.kind == isText && other.kind == isText:
		return d.s == other.s
	case d.kind == isInt && other.kind == isInt:
		return d.i == other.i
	}
	return format.EqualValue(d.Any(), other.Any())
}

func (d Datum) text() string {
	if d.kind == isText {
		return d.s
	}
	return Text(d.Any())
}

func (f *field) value(r Row, c Context) (Datum, bool) {
	switch f.scope {
	case inMetrics:
		return f.metric(r, c)
	case inSummary:
		return f.summary(r)
	case inParams:
		return f.param(r)
	case inTags:
		return f.tag(r)
	case inAttributes:
		return r.Attribute(f.name)
	}
	if f.lacking&PartMetrics == 0 {
		if v, ok := f.metric(r, c); ok {
			return v, true
		}
	}
	if f.lacking&PartSummary == 0 {
		if v, ok := f.summary(r); ok {
			return v, true
		}
	}
	if f.lacking&PartParams == 0 {
		if v, ok := f.param(r); ok {
			return v, true
		}
	}
	if f.lacking&PartTags == 0 {
		if v, ok := f.tag(r); ok {
			return v, true
		}
	}
	return r.Attribute(f.name)
}

// The following functions look up the name of the field, then its name without quotes. They are not one with a function
// as an argument, because that would allocate for each run.

func (f *field) summary(r Row) (Datum, bool) {
	v, ok := r.Summary(f.name)
	if !ok && f.plain != "" {
		v, ok = r.Summary(f.plain)
	}
	return v, ok
}

func (f *field) param(r Row) (Datum, bool) {
	v, ok := r.Param(f.name)
	if !ok && f.plain != "" {
		v, ok = r.Param(f.plain)
	}
	return v, ok
}

func (f *field) number(r Row) (Datum, bool) {
	v, ok := r.Number(f.name)
	if !ok && f.plain != "" {
		v, ok = r.Number(f.plain)
	}
	return v, ok
}

func (f *field) tag(r Row) (Datum, bool) {
	s, ok := r.Tag(f.name)
	if !ok && f.plain != "" {
		s, ok = r.Tag(f.plain)
	}
	return TextDatum(s), ok
}

func (f *field) metric(r Row, c Context) (Datum, bool) {
	if !f.statistic {
		if m, ok := f.named(r); ok {
			return FloatDatum(bestOf(m, cmp.Or(f.plain, f.name), c)), true
		}
		if v, ok := f.number(r); ok {
			return v, true
		}
	}
	if f.suffix == "" || !f.statistic && c.Named != nil && c.Named(cmp.Or(f.plain, f.name)) {
		return Datum{}, false
	}
	m, ok := r.Metric(f.base)
	if !ok {
		v, ok := r.Number(f.base)
		return v, ok && !strings.HasSuffix(f.suffix, "_step") && f.suffix != "count"
	}
	switch f.suffix {
	case "last":
		return FloatDatum(m.Last), true
	case "best":
		return FloatDatum(bestOf(m, f.base, c)), true
	case "count":
		return IntDatum(m.Count), true
	case "min":
		return extreme(m, m.Min, m.HasMin)
	case "max":
		return extreme(m, m.Max, m.HasMax)
	case "min_step":
		return IntDatum(m.MinStep), m.HasMin
	}
	return IntDatum(m.MaxStep), m.HasMax
}

// named returns the metric with the name of the field.
func (f *field) named(r Row) (Metric, bool) {
	m, ok := r.Metric(f.name)
	if !ok && f.plain != "" {
		m, ok = r.Metric(f.plain)
	}
	return m, ok
}

// extreme returns the value of an extreme. The record of a metric with one point has no extremes, because the point
// is both of them.
func extreme(m Metric, value float64, has bool) (Datum, bool) {
	if has {
		return FloatDatum(value), true
	}
	return FloatDatum(m.Last), m.Count == 1
}

// bestOf returns the best value by the goal of the metric. It looks up the goal only if it matters.
func bestOf(m Metric, key string, c Context) float64 {
	if !m.varies() {
		return m.Last
	}
	return m.Best(goalOf(m.Goal, key, c))
}

// goal returns the goal of the metric that the field refers to, in the first run that has it. It returns "" if the
// field is not a metric or has no better value, like a count.
func (f *field) goal(rows []Row, c Context) string {
	if f.scope != inAll && f.scope != inMetrics {
		return ""
	}
	for _, r := range rows {
		if m, ok := metricOf(r, cmp.Or(f.plain, f.name)); ok && !f.statistic {
			return goalOf(m.Goal, cmp.Or(f.plain, f.name), c)
		}
		if m, ok := metricOf(r, f.base); ok {
			switch f.suffix {
			case "last", "best", "min", "max":
				return goalOf(m.Goal, f.base, c)
			}
		}
	}
	return ""
}

// goalOf returns the goal of a metric: the one that the context knows, otherwise the one that the run recorded.
func goalOf(recorded, key string, c Context) string {
	if c.Goal != nil {
		if goal := c.Goal(key); goal != "" {
			return goal
		}
	}
	return recorded
}

// Best returns the best value of a metric by its goal, or the last value without a goal. It is NaN if every point is.
func Best(m format.Metric, goal string) float64 { return NewMetric(m).Best(goal) }

// BestBy returns the goal by which the values of a key are best values. It returns "" if the key is not a metric of
// the runs, or if the values are last values.
func BestBy(rows []Row, key string, c Context) string {
	f := newField(key)
	if f.scope != inAll && f.scope != inMetrics {
		return ""
	}
	for _, r := range rows {
		m, ok := f.named(r)
		if !ok || f.statistic || !m.varies() {
			continue
		}
		if goal := goalOf(m.Goal, cmp.Or(f.plain, f.name), c); m.Best(goal) != m.Last && goal != "" {
			return goal
		}
	}
	return ""
}

func paramDatum(params format.Params, key string) (Datum, bool) {
	v, ok := params.Find(key)
	if !ok {
		return Datum{}, false
	}
	return NewDatum(v), true
}

// attribute returns the value of an attribute, which is a key of the record itself.
func attribute(r *format.Run, key string) (Datum, bool) {
	switch key {
	case "id":
		return TextDatum(r.ID), true
	case "name":
		return given(r.Name)
	case "key":
		return given(r.Key)
	case "experiment":
		return given(r.Experiment)
	case "status":
		return TextDatum(string(r.Status)), true
	case "started":
		return TimeDatum(r.Started), true
	case "ended":
		return TimeDatum(r.Ended), !r.Ended.IsZero()
	case "duration":
		return FloatDatum(r.Ended.Sub(r.Started).Seconds()), !r.Ended.IsZero()
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
			return Datum{}, false
		}
		return IntDatum(*r.ExitCode), true
	}
	return tableAttribute(r, key)
}

func tableAttribute(r *format.Run, key string) (Datum, bool) {
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
			return BoolDatum(s.Dirty), true
		case "source.tree", "tree":
			return given(s.Tree)
		case "source.base":
			return given(s.Base)
		case "source.entry":
			return given(s.Entry)
		case "source.durable":
			if s.Durable != nil {
				return BoolDatum(*s.Durable), true
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
			return TextDatum(v), ok
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
			return IntDatum(m.Cores), m.Cores != 0
		case "machine.memory":
			return IntDatum(m.Memory), m.Memory != 0
		case "machine.gpus":
			return texts(m.GPUs)
		}
	}
	switch prefix {
	case "datasets":
		for _, d := range r.Datasets {
			if d.Name == rest {
				return TextDatum(d.Identity()), true
			}
		}
	case "artifacts":
		for _, a := range r.Artifacts {
			if a.Path == rest {
				return TextDatum(a.SHA256), true
			}
		}
	case "files":
		if f, ok := r.Files[rest]; ok {
			return TextDatum(f.SHA256), true
		}
	case "conflicts":
		if lost, ok := r.Conflicts[rest]; ok {
			return Datum{kind: isMore, more: lost}, true
		}
	case "extra":
		return paramDatum(r.Extra, rest)
	}
	return paramDatum(r.Unknown, key)
}

// texts returns a list of texts. An empty list means that the run does not have the key.
func texts(list []string) (Datum, bool) {
	if len(list) == 0 {
		return Datum{}, false
	}
	values := make([]any, len(list))
	for i, s := range list {
		values[i] = s
	}
	return Datum{kind: isMore, more: values}, true
}

// omitted returns the paths of the files that are not in the recorded tree.
func omitted(list []format.Omitted) (Datum, bool) {
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
