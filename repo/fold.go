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
	"os"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
)

// fold reads journals into a record. The result depends only on the bytes of the journals: they are read one after the
// other, ordered by the time of their first good line and by name, each line in its turn.
type fold struct {
	run *format.Run
	// point takes every point of every metric, in reading order; nil where only the record is asked for.
	point func(key string, p format.Point) error
	// value takes every value that is no number; nil where they are not asked for.
	value func(key string, v format.Value) error

	curves    map[string]*curve
	nextValue map[string]int64 // the step of a value without one, by key
	lostValue int              // values for which there was no room
	artifacts []format.ArtifactLine
	datasets  []format.DatasetLine
	aside     []asideLine
	leftOut   int // lines that no longer fit into aside
	asideSize int
	warnings  []string
	first     int64 // time of the first line, µs; 0 is none
	last      int64 // time of the last line
	ended     bool  // the last journal read was closed by its writer
	end       int64 // where its last whole line ends: what a writer is still writing is read later
	extraFull bool
	joined    bool   // a program that joined the run has said what it belongs to
	exitCode  *int64 // what such a program said of its end, where it failed
	settings  string // the experiment of the settings, which nobody has named

	// The values of each table of the record, the table itself included.
	params, summaryValues, conflictValues, extraValues int

	size int // bytes that journals have added to the record, about

	summarySize map[string]int // bytes that were taken for each key of the summary
}

// curve is what is known of one metric while it is read.
type curve struct {
	count              int64
	next               int64 // the step of a record without one
	last               float64
	lastStep, lastTime int64
	min, max           *format.Extreme
}

// asideLine is a line that could not be taken, kept so that nothing is lost.
type asideLine struct {
	file   string
	line   int
	reason string
	text   string
}

// Bounds of what is kept aside.
const (
	maxAsideBytes = 1 << 20
	maxAsideText  = 64 << 10
	maxExtra      = 100 // keys
	maxSummary    = 5000
	maxNulls      = 1000
	maxConflicts  = 10      // values of one param
	maxAdded      = 3 << 20 // bytes that journals add to a record, so that it can be read again
)

func newFold(run *format.Run, point func(string, format.Point) error) *fold {
	f := &fold{run: run, point: point, curves: map[string]*curve{}}
	f.params, f.summaryValues, f.extraValues = format.CountValues(map[string]any(run.Params)), format.CountValues(run.Summary), format.CountValues(run.Extra)
	f.conflictValues = 1
	for _, values := range run.Conflicts {
		f.conflictValues += format.CountValues(values)
	}
	return f
}

// journal reads the bytes from..to of a journal. A last line without its newline is torn: its writer died within it and
// its call has not returned, so it is dropped with a word.
func (f *fold) journal(ctx context.Context, file journalFile, from, to int64) error {
	src, err := os.Open(file.path)
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
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		if !whole {
			f.warn("%s:%d: the last line is torn and was dropped: its writer died within it", file.name, lines.number)
			return nil
		}
		if lines.cut {
			f.putAside(file.name, lines.number, fmt.Sprintf("longer than %d bytes", format.MaxLineBytes), text)
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
		if strings.HasSuffix(l.Aside, "labels") {
			return nil // a point without its context would be another point
		}
	}
	tooMany := false
	for _, m := range l.Metrics {
		c := f.curves[m.Key]
		if c == nil {
			if len(f.curves) >= format.MaxMetrics {
				tooMany = true
				continue
			}
			c = &curve{}
			f.curves[m.Key] = c
		}
		step := l.Step
		if !l.HasStep {
			step = c.next
		}
		c.add(format.Point{Step: step, Time: l.Time, Value: m.Value})
		if f.point != nil {
			if err := f.point(m.Key, format.Point{Step: step, Time: l.Time, Value: m.Value}); err != nil {
				return err
			}
		}
	}
	if tooMany {
		f.putAside(file, number, fmt.Sprintf("more than %d metrics", format.MaxMetrics), text)
	}
	if err := f.values(l); err != nil {
		return err
	}
	if !f.describe(l) {
		f.putAside(file, number, "the record is full: too many params, tags or texts", text)
	}
	return nil
}

// values takes what is no number. A value without a step has its own last one plus one.
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

// describe takes what a line says beside its points. It returns false where the record has no room for all of it: a record
// must stay within what is read again.
func (f *fold) describe(l *format.Line) bool {
	room := f.keepFirst(l.Params)
	room = f.override(l.Set) && room
	for _, path := range l.Nulls {
		if len(f.run.Nulls) < maxNulls && !slices.Contains(f.run.Nulls, path) {
			f.run.Nulls = append(f.run.Nulls, path)
		}
	}
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
	if l.Defined != nil {
		room = f.define(*l.Defined) && room
	}
	if l.Artifact != nil {
		f.artifacts = append(f.artifacts, *l.Artifact)
	}
	if l.Dataset != nil && f.take(len(l.Dataset.Path)+len(l.Dataset.Name)+len(l.Dataset.Role)+200) {
		f.datasets = append(f.datasets, *l.Dataset)
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

// join takes what the first program that joined the run says it belongs to, where its starter has not.
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

// summarize takes what the program says of the whole run: the last word of a key counts, nil takes it away.
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
		// A value that replaces one of its size takes no more room: a summary changes with every step.
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

// define takes how a metric is to be read; said again it replaces what was said.
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

// take asks for room in the record.
func (f *fold) take(n int) bool {
	const overhead = 32 // a line, quotes, escapes
	if f.size+n+overhead > maxAdded {
		return false
	}
	f.size += n + overhead
	return true
}

// takeValue asks for room for a param, which with its tables and what is in it adds count values.
func (f *fold) takeValue(path []string, value any, count int) bool {
	n := 0
	for _, key := range path {
		n += len(key)
	}
	return f.params+count <= format.MaxParams && f.take(n+len(format.AppendJSON(nil, value)))
}

func (c *curve) add(p format.Point) {
	c.count++
	c.next = p.Step
	if p.Step < math.MaxInt64 {
		c.next++
	}
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
		if ok && format.EqualValue(old, value) {
			continue
		}
		key := format.DottedKey(path)
		conflicts := f.run.Conflicts[key]
		if slices.ContainsFunc(conflicts, func(known any) bool { return format.EqualValue(known, value) }) {
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
		more := format.CountValues(value)
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
		f.run.Conflicts[key] = append(conflicts, value)
	}
	return room
}

// override changes params, because their writer means to. It returns false if there was no room for all of them, or if a
// value and a table would have to replace one another.
func (f *fold) override(params format.Params) bool {
	room := true
	for path, value := range params.Leaves() {
		old, ok := f.run.Params.Get(path...)
		if ok && format.EqualValue(old, value) {
			continue
		}
		n := missingTables(f.run.Params, path) + format.CountValues(value)
		if ok {
			n -= format.CountValues(old)
		}
		if !f.takeValue(path, value, n) || !f.setParam(path, value) {
			room = false
			continue
		}
		f.params += n
	}
	return room
}

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
	if len(f.run.Extra) >= maxExtra || value == nil || f.extraValues+count > format.MaxParams || !f.take(len(key)+len(format.AppendJSON(nil, value))) {
		if !f.extraFull {
			f.warn("unknown keys of journals were left out: more than %d of them, or too large", maxExtra)
		}
		f.extraFull = true
		return
	}
	if f.run.Extra == nil {
		f.run.Extra = map[string]any{}
	}
	f.extraValues += count
	f.run.Extra[key] = format.WithoutNulls(value)
	f.warn("unknown key %q in a journal: kept under [extra]", key)
}

// metrics returns the lines of [metrics].
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

// ordered sorts journals into reading order.
func ordered(files []journalFile) {
	for i := range files {
		files[i].first = firstTime(files[i].path)
	}
	slices.SortStableFunc(files, func(a, b journalFile) int {
		if a.first != b.first {
			if a.first < b.first {
				return -1
			}
			return 1
		}
		return strings.Compare(a.name, b.name)
	})
}

// firstTime returns the time of a journal's first good line; one without any comes last.
func firstTime(path string) int64 {
	src, err := os.Open(path)
	if err != nil {
		return math.MaxInt64
	}
	defer func() { _ = src.Close() }()
	lines := lineReader{r: bufio.NewReader(src)}
	var parser format.JournalParser
	var l format.Line
	for range 1000 { // a journal that begins with more bad lines than this is ordered by its name
		text, whole, err := lines.next()
		if err != nil || !whole {
			return math.MaxInt64
		}
		if parser.Parse(text, &l) == nil {
			return l.Time
		}
	}
	return math.MaxInt64
}

// lineReader splits a journal into lines of bounded length.
type lineReader struct {
	r      *bufio.Reader
	buf    []byte
	number int
	cut    bool  // the line was longer than the bound; its beginning is returned
	size   int64 // bytes of the line with its newline
}

// next returns a line without its newline; whole is false where the file ends within it.
func (l *lineReader) next() (text []byte, whole bool, err error) {
	l.number++
	l.cut = false
	text, err = l.r.ReadSlice('\n')
	l.size = int64(len(text))
	if err == nil {
		return text[:len(text)-1], true, nil
	}
	l.buf = append(l.buf[:0], text...)
	for errors.Is(err, bufio.ErrBufferFull) {
		text, err = l.r.ReadSlice('\n')
		l.size += int64(len(text))
		if len(l.buf)+len(text) > format.MaxLineBytes+1 {
			l.cut = true
			text = text[:max(0, min(len(text), maxAsideText-len(l.buf)))]
		}
		l.buf = append(l.buf, text...)
	}
	if l.cut {
		l.buf = l.buf[:min(len(l.buf), maxAsideText)]
	}
	switch {
	case err == nil:
		return bytes.TrimSuffix(l.buf, []byte("\n")), true, nil
	case errors.Is(err, io.EOF) && len(l.buf) > 0:
		return l.buf, false, nil
	}
	return nil, false, err
}

// asideBytes writes the lines kept aside as JSONL.
func (f *fold) asideBytes() []byte {
	var b []byte
	for _, a := range f.aside {
		b = format.AppendJSON(b, map[string]any{"file": a.file, "line": int64(a.line), "reason": a.reason, "text": a.text})
		b = append(b, '\n')
	}
	return b
}

// fromMicro is the time of a point or line.
func fromMicro(us int64) time.Time { return time.UnixMicro(us).UTC() }
