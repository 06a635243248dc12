package repo

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/regular"
)

// fold reads the journals of a run into its record. The result depends only on the bytes of the journals. They are read
// one after the other, ordered by the time of their first valid line and then by name.
type fold struct {
	run *format.Run
	// point gets every point of every metric, in reading order. It is nil if only the record is needed.
	point func(key string, p format.Point) error
	// value gets every non-numeric value, in reading order. It is nil if they are not needed.
	value func(key string, v format.Value) error

	curves    map[string]*curve
	labels    map[format.Labels]struct{}
	series    int              // pairs of a metric and labels
	nextValue map[string]int64 // step of the next value without one, by key
	lostValue int              // number of values for which there was no room
	artifacts []format.ArtifactLine
	datasets  []format.DatasetLine
	aside     []asideLine
	leftOut   int // rejected lines for which aside had no room
	asideSize int
	warnings  []string
	first     int64 // time of the first line, µs; 0 if there is none
	last      int64 // time of the last line
	ended     bool  // the writer closed the journal that was read last
	end       int64 // offset after its last whole line; a writer may still be writing what follows
	extraFull bool
	joined    bool   // a program that joined the run has set what it belongs to
	exitCode  *int64 // of a program that joined the run and reported a failure
	settings  string // the experiment in the settings, which a program may replace

	// How many values each table of the record has, the table itself included.
	params, summaryValues, conflictValues, extraValues int

	size int // approximate bytes that journals have added to the record

	summarySize map[string]int  // bytes counted for each key of the summary
	nullsLost   map[string]bool // keys for which lostNulls has warned
}

// curve holds what is known about one metric.
type curve struct {
	count              int64
	next               int64                   // step of the next point without one, of those without labels
	labeled            map[format.Labels]int64 // the same, of those with labels
	last               float64
	lastStep, lastTime int64
	min, max           *format.Extreme
}

// asideLine is a rejected line. It is kept so that nothing is lost.
type asideLine struct {
	file   string
	line   int
	reason string
	text   string
}

// Bounds on what journals add to a record, and on the lines that are set aside.
const (
	maxAsideBytes = 1 << 20
	maxAsideText  = 64 << 10
	maxExtra      = 100 // keys
	maxSummary    = 5000
	maxConflicts  = 10      // values of one param
	maxAdded      = 3 << 20 // bytes; a larger record could not be read again
)

func newFold(run *format.Run, point func(string, format.Point) error) *fold {
	f := &fold{run: run, point: point, curves: map[string]*curve{}}
	f.params = format.CountValues(map[string]any(run.Params))
	f.summaryValues = format.CountValues(run.Summary)
	f.extraValues = format.CountValues(run.Extra)
	f.conflictValues = 1
	for _, values := range run.Conflicts {
		f.conflictValues += format.CountValues(values)
	}
	return f
}

// journal reads the bytes from..to-1 of a journal. A last line without a newline is torn: its writer died before the
// call returned. It is dropped with a warning.
func (f *fold) journal(ctx context.Context, file journalFile, from, to int64) error {
	src, err := regular.Open(file.path)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }()
	if from > 0 {
		if _, err := src.Seek(from, io.SeekStart); err != nil {
			return err
		}
	}
	lines := lineReader{r: bufio.NewReaderSize(io.LimitReader(src, to-from), 256<<10)}
	f.end = from
	var parser format.JournalParser
	var l format.Line
	for {
		text, whole, err := lines.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if lines.number%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if whole {
			f.end += lines.size
		}
		if len(bytes.Trim(text, " \t\r")) == 0 {
			continue
		}
		if !whole {
			f.warn("%s:%d: the last line is torn because its writer died; the line was dropped", file.name, lines.number)
			return nil
		}
		if lines.cut {
			f.putAside(file.name, lines.number, fmt.Sprintf("the line is longer than %d bytes", format.MaxLineBytes), text)
			continue
		}
		if err := parser.Parse(text, &l); err != nil {
			f.putAside(file.name, lines.number, err.Error(), text)
			continue
		}
		if err := f.line(file.name, lines.number, text, &l); err != nil {
			return err
		}
	}
}

func (f *fold) warn(format string, args ...any) {
	f.warnings = append(f.warnings, fmt.Sprintf(format, args...))
}

func (f *fold) putAside(file string, line int, reason string, text []byte) {
	text = text[:min(len(text), maxAsideText)]
	if f.asideSize += len(text) + len(reason); f.asideSize > maxAsideBytes {
		f.leftOut++
		return
	}
	f.aside = append(f.aside, asideLine{file, line, reason, strings.ToValidUTF8(string(text), "\ufffd")})
}

func (f *fold) line(file string, number int, text []byte, l *format.Line) error {
	if f.first == 0 || l.Time < f.first {
		f.first = l.Time
	}
	f.last = max(f.last, l.Time)
	f.ended = l.Event == format.EventEnd
	if l.Aside != "" {
		f.putAside(file, number, l.Aside, text)
	}
	tooMany, tooManyLabels := false, false
	for _, m := range l.Metrics {
		c, known := f.curves[m.Key]
		if !known {
			if len(f.curves) >= format.MaxMetrics {
				tooMany = true
				continue
			}
			c = &curve{}
		}
		next, ok := f.nextStep(c, l.Labels)
		if !ok {
			tooManyLabels = true
			continue
		}
		step := l.Step
		if !l.HasStep {
			step = next
		}
		p := format.Point{Step: step, Time: l.Time, Value: m.Value, Labels: l.Labels}
		if c.add(p); !known {
			f.curves[m.Key] = c
		}
		c.setNext(l.Labels, step)
		if f.point != nil {
			if err := f.point(m.Key, p); err != nil {
				return err
			}
		}
	}
	if tooMany {
		f.putAside(file, number, fmt.Sprintf("the run has more than %d metrics", format.MaxMetrics), text)
	}
	if tooManyLabels {
		f.putAside(file, number, fmt.Sprintf("the run has more than %d different labels, or more than %d series with labels",
			format.MaxLabelSets, format.MaxSeries), text)
	}
	if err := f.values(l); err != nil {
		return err
	}
	if !f.describe(l) {
		f.putAside(file, number, "the line does not fit into the record, which has too many params, tags or texts", text)
	}
	return nil
}

// nextStep returns the step of the next point of a series without one. It returns false if the run has too many
// series already.
func (f *fold) nextStep(c *curve, l format.Labels) (int64, bool) {
	if l == (format.Labels{}) {
		return c.next, true
	}
	if next, ok := c.labeled[l]; ok {
		return next, true
	}
	if _, known := f.labels[l]; f.series >= format.MaxSeries || !known && len(f.labels) >= format.MaxLabelSets {
		return 0, false
	}
	if f.labels == nil {
		f.labels = map[format.Labels]struct{}{}
	}
	f.labels[l] = struct{}{}
	f.series++
	return 0, true
}

// values adds the non-numeric values of a line. A value without a step gets the last step of its key plus one.
func (f *fold) values(l *format.Line) error {
	for _, v := range l.Values {
		next, known := f.nextValue[v.Key]
		if !known && len(f.nextValue) >= format.MaxMetrics {
			f.lostValue++
			continue
		}
		step := l.Step
		if !l.HasStep {
			step = next
		}
		if f.nextValue == nil {
			f.nextValue = map[string]int64{}
		}
		f.nextValue[v.Key] = step
		if step < math.MaxInt64 {
			f.nextValue[v.Key]++
		}
		if f.value == nil {
			continue
		}
		err := f.value(v.Key, format.Value{Step: step, Time: l.Time, JSON: v.JSON})
		if errors.Is(err, format.ErrValuesFull) {
			f.lostValue++
		} else if err != nil {
			return err
		}
	}
	return nil
}

// describe adds the content of a line to the record, except its points and values. It returns false if the record has
// no room for all of it.
func (f *fold) describe(l *format.Line) bool {
	room := f.keepFirst(l.Params)
	room = f.override(l.Set) && room
	for key, value := range l.Tags {
		if old, ok := f.run.Tags[key]; (!ok || old != value) && !f.take(len(key)+len(value)) {
			room = false
			continue
		}
		if f.run.Tags == nil {
			f.run.Tags = map[string]string{}
		}
		f.run.Tags[key] = value
	}
	if l.Note != "" {
		note := l.Note
		if f.run.Note != "" {
			note = f.run.Note + "\n" + l.Note
		}
		if len(note) > format.MaxTextBytes {
			room = false
		} else {
			f.run.Note = note
		}
	}
	room = f.summarize(l.Summary) && room
	f.lostNulls(l.NullsLost...)
	if l.Defined != nil {
		room = f.define(*l.Defined) && room
	}
	if l.Artifact != nil {
		f.artifacts = append(f.artifacts, *l.Artifact)
	}
	if d := l.Dataset; d != nil && f.take(len(d.Path)+len(d.Name)+len(d.Role)+len(d.Digest)+len(d.Source)+
		len(d.SourceType)+len(d.Schema)+len(d.Profile)+len(d.Details)+200) {
		f.datasets = append(f.datasets, *d)
	} else if l.Dataset != nil {
		room = false
	}
	if l.Joined != nil {
		f.join(l.Joined)
	}
	if l.ExitCode != nil && *l.ExitCode != 0 {
		f.exitCode = l.ExitCode
	}
	for key, value := range l.Unknown {
		f.addExtra(key, value)
	}
	return room
}

// lostNulls warns, once for each key, that a value had a null that the record cannot hold.
func (f *fold) lostNulls(keys ...string) {
	for _, key := range keys {
		if f.nullsLost == nil {
			f.nullsLost = map[string]bool{}
		}
		if !f.nullsLost[key] && len(f.nullsLost) < maxSummary {
			f.nullsLost[key] = true
			f.warn("%s has a null inside: in a list it was recorded as the text \"null\", in a table it was left out", key)
		}
	}
}

// join sets what the run belongs to, as the first program that joined it says. It changes nothing that the process
// that started the run has set.
func (f *fold) join(j *format.JoinedLine) {
	if f.joined {
		return
	}
	f.joined = true
	if f.run.Experiment == f.settings && j.Experiment != "" {
		f.run.Experiment = j.Experiment
	}
	f.run.Group, f.run.Key = cmp.Or(f.run.Group, j.Group), cmp.Or(f.run.Key, j.Key)
}

// summarize changes the summary: the last value of a key wins, and nil removes the key. It returns false if there was
// no room for all of it.
func (f *fold) summarize(summary map[string]any) bool {
	room := true
	for _, key := range slices.Sorted(maps.Keys(summary)) {
		value := summary[key]
		if value == nil {
			if old, ok := f.run.Summary[key]; ok {
				f.summaryValues -= format.CountValues(old)
			}
			delete(f.run.Summary, key)
			continue
		}
		old, ok := f.run.Summary[key]
		if ok && format.EqualValue(old, value) && fmt.Sprintf("%T", old) == fmt.Sprintf("%T", value) {
			continue
		}
		// A value that replaces one of the same size needs no more room: a summary may change with every step.
		size := len(key) + len(format.AppendJSON(nil, value))
		values := f.summaryValues + format.CountValues(value)
		if ok {
			values -= format.CountValues(old)
		}
		if values > format.MaxParams {
			room = false
			continue
		}
		if more := size - f.summarySize[key]; more > 0 && (len(f.run.Summary) >= maxSummary || !f.take(more)) {
			room = false
			continue
		}
		f.summaryValues = values
		if f.run.Summary == nil {
			f.run.Summary = map[string]any{}
		}
		if f.summarySize == nil {
			f.summarySize = map[string]int{}
		}
		f.summarySize[key] = max(f.summarySize[key], size)
		f.run.Summary[key] = value
	}
	return room
}

// define adds the definition of a metric, or replaces it. It returns false if there was no room for it.
func (f *fold) define(d format.Definition) bool {
	i := slices.IndexFunc(f.run.Defined, func(old format.Definition) bool { return old.Name == d.Name })
	if i >= 0 {
		f.run.Defined[i] = d
		return true
	}
	if len(f.run.Defined) >= format.MaxDefined || !f.take(len(d.Name)+len(d.StepMetric)+len(d.Summary)) {
		return false
	}
	f.run.Defined = append(f.run.Defined, d)
	return true
}

// take reserves room for n bytes in the record. It returns false if there is none.
func (f *fold) take(n int) bool {
	const overhead = 32 // line end, quotes, escapes
	if f.size+n+overhead > maxAdded {
		return false
	}
	f.size += n + overhead
	return true
}

// takeValue reserves room for a param that adds count values, its tables included. It returns false if there is none.
func (f *fold) takeValue(path []string, value any, count int) bool {
	n := 0
	for _, key := range path {
		n += len(key)
	}
	return f.params+count <= format.MaxParams && f.take(n+len(format.AppendJSON(nil, value)))
}

// setNext notes the step of the last point of a series.
func (c *curve) setNext(l format.Labels, step int64) {
	if step < math.MaxInt64 {
		step++
	}
	if l == (format.Labels{}) {
		c.next = step
		return
	}
	if c.labeled == nil {
		c.labeled = map[format.Labels]int64{}
	}
	c.labeled[l] = step
}

// has reports whether a series has points.
func (f *fold) has(key string, l format.Labels) bool {
	c := f.curves[key]
	if c == nil || l == (format.Labels{}) {
		return c != nil
	}
	_, ok := c.labeled[l]
	return ok
}

func (c *curve) add(p format.Point) {
	c.count++
	if c.count == 1 || p.Step > c.lastStep || p.Step == c.lastStep && p.Time >= c.lastTime {
		c.last, c.lastStep, c.lastTime = p.Value, p.Step, p.Time
	}
	if math.IsNaN(p.Value) {
		return
	}
	if c.min == nil {
		c.min, c.max = &format.Extreme{Value: p.Value, Step: p.Step}, &format.Extreme{Value: p.Value, Step: p.Step}
		return
	}
	if p.Value < c.min.Value || p.Value == c.min.Value && p.Step < c.min.Step {
		*c.min = format.Extreme{Value: p.Value, Step: p.Step}
	}
	if p.Value > c.max.Value || p.Value == c.max.Value && p.Step < c.max.Step {
		*c.max = format.Extreme{Value: p.Value, Step: p.Step}
	}
}

func (c *curve) metric(goal string) format.Metric {
	m := format.Metric{Last: c.last, Count: c.count, Goal: goal}
	if c.count > 1 {
		m.Min, m.Max = c.min, c.max
	}
	return m
}

// keepFirst merges params: a param that is set keeps its value, and each other value is a conflict. It returns false if
// there was no room for all of them.
func (f *fold) keepFirst(params format.Params) bool {
	room := true
	for path, value := range params.Leaves() {
		old, ok := f.run.Params.Get(path...)
		if ok && (format.EqualValue(old, value) || isTable(old) && isTable(value)) {
			continue // a leaf that is a table is empty
		}
		key := format.DottedKey(path)
		conflicts := f.run.Conflicts[key]
		lost, _ := format.WithoutNulls(value) // as a conflict is recorded
		if slices.ContainsFunc(conflicts, func(known any) bool { return format.EqualValue(known, lost) }) {
			continue
		}
		n := missingTables(f.run.Params, path) + format.CountValues(value)
		if !f.takeValue(path, value, n) || len(conflicts) >= maxConflicts {
			room = false
			continue
		}
		if !ok && f.setParam(path, value) {
			f.params += n
			continue
		}
		more := format.CountValues(lost)
		if len(conflicts) == 0 {
			more++ // the list
		}
		if f.conflictValues+more > format.MaxParams {
			room = false
			continue
		}
		f.conflictValues += more
		if f.run.Conflicts == nil {
			f.run.Conflicts = map[string][]any{}
		}
		f.run.Conflicts[key] = append(conflicts, lost)
	}
	return room
}

// override changes params, because their writer means to. A value and a table replace one another. It returns false if
// there was no room for all of them.
func (f *fold) override(params format.Params) bool {
	room := true
	for path, value := range params.Leaves() {
		old, ok := f.run.Params.Get(path...)
		if ok && format.EqualValue(old, value) {
			continue
		}
		n := missingTables(f.run.Params, path) + format.CountValues(value) - replacedValues(f.run.Params, path)
		if !f.takeValue(path, value, n) {
			room = false
			continue
		}
		if f.run.Params == nil {
			f.run.Params = format.Params{}
		}
		f.run.Params.Replace(path, value)
		f.params += n
	}
	return room
}

// replacedValues counts the values that Replace removes.
func replacedValues(params format.Params, path []string) int {
	for n := 1; n <= len(path); n++ {
		v, ok := params.Get(path[:n]...)
		if !ok {
			return 0
		}
		if n == len(path) || !isTable(v) {
			return format.CountValues(v)
		}
	}
	return 0
}

func isTable(v any) bool { _, ok := v.(map[string]any); return ok }

func (f *fold) setParam(path []string, value any) bool {
	if f.run.Params == nil {
		f.run.Params = format.Params{}
	}
	return f.run.Params.Set(path, value) == nil
}

// missingTables counts the tables that a param needs and that do not exist yet.
func missingTables(params format.Params, path []string) int {
	for n := len(path) - 1; n > 0; n-- {
		if table, ok := params.Get(path[:n]...); ok {
			if _, ok := table.(map[string]any); ok {
				return len(path) - 1 - n
			}
		}
	}
	return len(path) - 1
}

func (f *fold) addExtra(key string, value any) {
	if _, ok := f.run.Extra[key]; ok {
		return
	}
	count := format.CountValues(value)
	if len(f.run.Extra) >= maxExtra || value == nil || f.extraValues+count > format.MaxParams ||
		!f.take(len(key)+len(format.AppendJSON(nil, value))) {
		if !f.extraFull {
			f.warn("left out unknown keys of journals: there are more than %d, or they are too large", maxExtra)
		}
		f.extraFull = true
		return
	}
	if f.run.Extra == nil {
		f.run.Extra = map[string]any{}
	}
	f.extraValues += count
	clean, nulls := format.WithoutNulls(value)
	f.run.Extra[key] = clean
	f.warn("kept the unknown key %q of a journal under [extra]", key)
	if nulls {
		f.lostNulls("extra." + key)
	}
}

// metrics returns the metrics of the record. goal returns the goal of a metric.
func (f *fold) metrics(goal func(string) string) map[string]format.Metric {
	if len(f.curves) == 0 {
		return nil
	}
	metrics := make(map[string]format.Metric, len(f.curves))
	for key, c := range f.curves {
		metrics[key] = c.metric(goal(key))
	}
	return metrics
}

// asideBytes returns the lines that were set aside as JSONL.
func (f *fold) asideBytes() []byte {
	var b []byte
	for _, a := range f.aside {
		b = format.AppendJSON(b, map[string]any{"file": a.file, "line": int64(a.line), "reason": a.reason, "text": a.text})
		b = append(b, '\n')
	}
	return b
}

// fromMicro returns the time of a point or line.
func fromMicro(us int64) time.Time { return time.UnixMicro(us).UTC() }
