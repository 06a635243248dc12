package mlflow

import (
	"cmp"
	"context"
	"encoding/json"
	"math"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/gitruns/runs/format"
)

// metricJSON is one point.
type metricJSON struct {
	Key   string `json:"key"`
	Value value  `json:"value"`
	Time  number `json:"timestamp"` // ms since 1970
	Step  number `json:"step"`

	// What the point was measured of and on. Digest is that of the dataset.
	Model   string `json:"model_id,omitempty"`
	Dataset string `json:"dataset_name,omitempty"`
	Digest  string `json:"dataset_digest,omitempty"`
	Run     string `json:"run_id,omitempty"` // of a point of a model
}

// value is a number that may be NaN or infinite, which travel as words.
type value float64

func (v value) MarshalJSON() ([]byte, error) {
	switch f := float64(v); {
	case math.IsNaN(f):
		return []byte(`"NaN"`), nil
	case math.IsInf(f, 1):
		return []byte(`"Infinity"`), nil
	case math.IsInf(f, -1):
		return []byte(`"-Infinity"`), nil
	}
	return strconv.AppendFloat(nil, float64(v), 'g', -1, 64), nil
}

func (v *value) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) != nil {
		text = string(data)
	}
	f, err := strconv.ParseFloat(text, 64)
	*v = value(f)
	return err
}

func (s *Service) logMetric(ctx context.Context, c *Call) (any, error) {
	var q runName
	var m metricJSON
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	if err := c.decode(&m); err != nil { // it has a run_id as well
		return nil, err
	}
	return s.write(ctx, q.id(), func(run *openRun) error { return run.logMetrics([]metricJSON{m}) })
}

// write calls do with a run to write to, and with its lock. The answer to such a call is empty.
func (s *Service) write(ctx context.Context, id string, do func(run *openRun) error) (any, error) {
	run, err := s.writable(ctx, id)
	if err != nil {
		return nil, err
	}
	run.mu.Lock()
	defer run.mu.Unlock()
	if s.isDeleted(run) {
		return nil, inactive(id)
	}
	return struct{}{}, do(run)
}

func (s *Service) logBatch(ctx context.Context, c *Call) (any, error) {
	var q struct {
		runName
		Metrics []metricJSON `json:"metrics"`
		Params  []tagJSON    `json:"params"`
		Tags    []tagJSON    `json:"tags"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	if err := checkBatch(len(q.Metrics), len(q.Params), len(q.Tags)); err != nil {
		return nil, err
	}
	return s.write(ctx, q.id(), func(run *openRun) error {
		if err := run.logParams(q.Params); err != nil {
			return err
		}
		if err := run.logMetrics(q.Metrics); err != nil {
			return err
		}
		return run.setTags(q.Tags)
	})
}

func (s *Service) logParam(ctx context.Context, c *Call) (any, error) {
	var q struct {
		runName
		tagJSON
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	return s.write(ctx, q.id(), func(run *openRun) error { return run.logParams([]tagJSON{q.tagJSON}) })
}

// logParams records params. A param keeps its first value. The caller holds the lock.
func (run *openRun) logParams(list []tagJSON) error {
	if len(list) == 0 {
		return nil
	}
	run.refresh()
	line := &format.Line{Params: format.Params{}}
	seen := map[string]bool{}
	for i := range list {
		p := &list[i]
		if seen[p.Key] {
			return invalid("Duplicate parameter keys have been submitted: ['%s']. Please ensure the request contains only one "+
				"param value per param key.", oneLine(cut(p.Key, maxName)))
		}
		seen[p.Key] = true
		p.Value = cut(p.Value, maxParamText)
		if err := checkKey("param", p.Key); err != nil {
			return err
		}
		if old, ok := run.params[p.Key]; ok && old != p.Value {
			return invalid("Changing param values is not allowed. Param with key='%s' was already logged with value='%s' "+
				"for run ID='%s'. Attempted logging new value '%s'.", p.Key, old, run.active.ID, p.Value)
		}
		line.Params[p.Key] = Typed(p.Value)
	}
	if len(line.Params) == 0 {
		return nil
	}
	if err := run.append(line); err != nil {
		return err
	}
	for _, p := range list {
		run.params[p.Key] = p.Value
	}
	return nil
}

// logMetrics records points. Those of one step, time and labels become one line. The caller holds the lock.
func (run *openRun) logMetrics(list []metricJSON) error {
	var lines []*format.Line
	last := func() *format.Line { return lines[len(lines)-1] }
	labels := make([]format.Labels, len(list))
	for i := range list {
		m := &list[i]
		if err := checkKey("metric", m.Key); err != nil {
			return err
		}
		if m.Time < 0 {
			return invalid("Got invalid timestamp %d for metric '%s' (value=%v). Timestamp must be a nonnegative long "+
				"(64-bit integer)", m.Time, m.Key, float64(m.Value))
		}
		if m.Model != "" || m.Dataset != "" {
			var err error
			if labels[i], err = run.labels(m); err != nil {
				return err
			}
		}
		time := int64(m.Time) * 1000
		if len(lines) == 0 || last().Time != time || last().Step != int64(m.Step) || last().Labels != labels[i] ||
			has(last(), m.Key) {
			lines = append(lines, &format.Line{Time: time, Step: int64(m.Step), HasStep: true, Labels: labels[i]})
		}
		l := last()
		l.Metrics = append(l.Metrics, format.MetricValue{Key: m.Key, Value: float64(m.Value)})
	}
	if len(lines) == 0 {
		return nil
	}
	if tag := run.measures(list); tag != nil {
		lines = append(lines, tag)
	}
	if err := run.append(lines...); err != nil {
		return err
	}
	for i := range list {
		run.note(list[i])
	}
	return nil
}

func has(l *format.Line, key string) bool {
	for _, m := range l.Metrics {
		if m.Key == key {
			return true
		}
	}
	return false
}

// before orders points as MLflow does for the latest value: by step, then time.
func (m metricJSON) before(other metricJSON) bool {
	if m.Step != other.Step {
		return m.Step < other.Step
	}
	return m.Time < other.Time
}

func (s *Service) metricHistory(ctx context.Context, c *Call) (any, error) {
	var q struct {
		runName
		Key  string `json:"metric_key"`
		Max  number `json:"max_results"`
		Page string `json:"page_token"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	list, err := s.points(ctx, q.id(), q.Key)
	if err != nil {
		return nil, err
	}
	from, err := offset(q.Page)
	if err != nil {
		return nil, err
	}
	answer := historyJSON{Metrics: list[min(from, len(list)):]}
	if q.Max > 0 && len(answer.Metrics) > int(q.Max) {
		answer.Metrics, answer.Next = answer.Metrics[:q.Max], token(from+int(q.Max))
	}
	return answer, nil
}

type historyJSON struct {
	Metrics []metricJSON `json:"metrics"`
	Next    string       `json:"next_page_token,omitempty"`
}

// points returns the points of a metric of a run, with those of the runs that it resumes, as MLflow's store of SQLite
// has them: by time and step, and points that are the same once. Points of one time and step stay in the order in which
// they were logged. That store has them by value, but few of them: a call takes it longer than the millisecond that
// tells times apart.
func (s *Service) points(ctx context.Context, id, key string) ([]metricJSON, error) {
	list, err := s.loggedPoints(ctx, id, key)
	if err != nil {
		return nil, err
	}
	for i := range list { // only a model's own metrics say what they were measured of and on
		m := &list[i]
		m.Model, m.Dataset, m.Digest, m.Run = "", "", "", ""
	}
	slices.SortStableFunc(list, func(a, b metricJSON) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Step, b.Step))
	})
	return withoutRepeated(list), nil
}

// withoutRepeated leaves out points that are the same as one before. The points are sorted by time and step.
func withoutRepeated(list []metricJSON) []metricJSON {
	kept, from := list[:0], 0 // those with the time and the step of the next point begin at from
	for _, m := range list {
		if n := len(kept); n > 0 && (kept[n-1].Time != m.Time || kept[n-1].Step != m.Step) {
			from = n
		}
		same := func(other metricJSON) bool {
			other.Value, m.Value = canonical(other.Value), canonical(m.Value)
			return other == m
		}
		if len(kept)-from > maxAtOnce || !slices.ContainsFunc(kept[from:], same) {
			kept = append(kept, m)
		}
	}
	return kept
}

// maxAtOnce is among how many points of one time and step a point is looked for that is the same.
const maxAtOnce = 100

// canonical returns a value that equals itself.
func canonical(v value) value {
	if math.IsNaN(float64(v)) {
		return value(math.MaxFloat64)
	}
	return v
}

// loggedPoints returns all points of a metric of a run, with those of the runs that it resumes.
func (s *Service) loggedPoints(ctx context.Context, id, key string) ([]metricJSON, error) {
	run, err := s.run(id)
	if err != nil {
		e, err := s.entry(ctx, id)
		if err != nil {
			if e = s.inTrash(id); e == nil {
				return nil, err
			}
		}
		return e.points(ctx, key)
	}
	live := run.active.LivePoints()
	if err := live.Read(ctx); err != nil {
		return nil, err
	}
	var list []metricJSON
	if run.earlier != nil {
		if list, err = run.earlier.points(ctx, key); err != nil {
			return nil, err
		}
	}
	points := withoutCopies(live.Points(key))
	run.mu.Lock()
	defer run.mu.Unlock()
	for i := range points {
		list = append(list, run.metricOfOpen(key, &points[i]))
	}
	return list, nil
}

// points returns the points of a metric of all parts, those of the first part first.
func (e *stored) points(ctx context.Context, key string) ([]metricJSON, error) {
	list := []metricJSON{}
	for _, part := range slices.Backward(e.parts()) {
		points, err := part.Points(ctx, key)
		if err != nil {
			return nil, err
		}
		points = withoutCopies(points)
		for i := range points {
			list = append(list, metricOf(e.id, key, &points[i], part.Datasets))
		}
	}
	return list, nil
}

// fileURI is the address of a file of this machine.
func fileURI(path string) string {
	path = filepath.ToSlash(path)
	if path != "" && path[0] != '/' {
		path = "/" + path // C:/… on Windows
	}
	return (&url.URL{Scheme: "file", Path: path}).String()
}
