package wandb

import (
	"context"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/importer"
)

// Bounds of what is imported from one log. The rest is counted and reported.
const (
	maxPoints     = 20_000_000
	maxValueBytes = 256 << 20 // of texts, lists, histograms as JSON
	maxLineValues = 4 << 20   // of one row
	maxMedia      = 10_000
	maxMediaBytes = 2 << 30
	maxWarned     = 20 // damaged places that are reported one by one
	maxSaved      = 5_000
	maxDepth      = 64
)

// reading reads one log into an output.
type reading struct {
	out  importer.Output
	name string // of the log, in warnings
	dir  string // the log's folder
	head *head

	points     int64
	files      int
	bytes      int64
	last       int64 // µs since 1970 UTC
	hasContent bool
	damages    int
	warnings   []string
	skipped    map[string]*skippedItems // by the reason for skipping

	keys       map[string]bool // of metrics
	latest     map[string]any  // last values of the history, by key
	summary    map[string]any  // after the records read so far
	defined    map[string]format.Definition
	config     map[string]any           // after the records read so far
	wanted     []string                 // files that the program asked to keep
	stored     map[string]bool          // names of artifacts
	referable  map[string]artifactEntry // files of artifacts, by the text that refers to them
	output     []byte
	valueBytes int64
	mediaBytes int64
	media      int
	row        format.Line
	item       item
}

func newReading(out importer.Output, name, dir string, h *head) *reading {
	return &reading{
		out: out, name: name, dir: dir, head: h, last: h.begun.UnixMicro(), skipped: map[string]*skippedItems{},
		keys: map[string]bool{}, latest: map[string]any{}, summary: map[string]any{}, config: map[string]any{},
		defined: map[string]format.Definition{}, stored: map[string]bool{}, referable: map[string]artifactEntry{},
	}
}

func (r *reading) warn(text string, args ...any) {
	r.warnings = append(r.warnings, r.name+": "+fmt.Sprintf(text, args...))
}

// skippedItems counts the items that were skipped for one reason, and holds the names of the first ones.
type skippedItems struct {
	n     int
	names []string
}

const maxNamed = 5

func (l *skippedItems) String() string {
	text := fmt.Sprint(l.n)
	if len(l.names) > 0 {
		text += " (" + strings.Join(l.names, ", ")
		if l.n > len(l.names) {
			text += ", …"
		}
		text += ")"
	}
	return text
}

// skip counts an item as skipped. Its name may be empty.
func (r *reading) skip(reason, name string) {
	l := r.skipped[reason]
	if l == nil {
		l = &skippedItems{}
		r.skipped[reason] = l
	}
	l.n++
	if name != "" && len(l.names) < maxNamed {
		l.names = append(l.names, importer.Key(importer.Clean([]byte(name))))
	}
}

func (r *reading) damage(err error) {
	if r.damages++; r.damages <= maxWarned {
		r.warn("%v", err)
	}
}

// all reads a log and the files next to it. An error comes from the output or the context.
func (r *reading) all(ctx context.Context, path string) error {
	take := func(kind importer.FieldNumber, data []byte) error { return r.record(ctx, kind, data) }
	size, err := scan(ctx, path, take, r.damage)
	if err != nil {
		return err
	}
	r.files++
	r.bytes += size
	if err := r.setSummary(); err != nil {
		return err
	}
	if err := r.saved(ctx); err != nil {
		return err
	}
	if err := r.console(); err != nil {
		return err
	}
	if end := r.head.ended(); !end.IsZero() {
		r.at(end.UnixMicro())
	}
	if n := r.damages - maxWarned; n > 0 {
		r.warn("%d more places are damaged", n)
	}
	for _, reason := range slices.Sorted(maps.Keys(r.skipped)) {
		r.warn("skipped %s: %s", reason, r.skipped[reason])
	}
	return nil
}

// at records that the run was alive at a time, in µs since 1970 UTC.
func (r *reading) at(time int64) {
	if time > r.last && time <= maxTime*1e6 {
		r.last = time
	}
}

func (r *reading) record(ctx context.Context, kind importer.FieldNumber, data []byte) error {
	switch kind {
	case recordHistory:
		return r.history(data)
	case recordSummary:
		return r.summaryRecord(data)
	case recordConfig:
		return r.configRecord(data)
	case recordRun:
		m, err := parseRun(data)
		if err != nil {
			return err
		}
		if m.summary != nil {
			if err := r.summaryRecord(m.summary); err != nil {
				return err
			}
		}
		if m.config != nil {
			return r.configRecord(m.config)
		}
	case recordMetric:
		return r.metric(data)
	case recordStats:
		return r.stats(data)
	case recordOutputRaw:
		return r.outputRaw(data)
	case recordFiles:
		return r.filesRecord(data)
	case recordAlert:
		return r.alert(data)
	case recordArtifact:
		return r.artifact(ctx, data)
	case recordUseArtifact:
		return r.useArtifact(data)
	case recordTensorBoard:
		r.skip("folders of TensorBoard, which 'runs import tensorboard' imports", "")
	default:
		if !slices.Contains(withoutContent, kind) {
			r.skip("records of an unknown kind", fmt.Sprint(kind))
		}
	}
	return nil
}

// key joins nested names to one key, as the W&B client does.
func key(path []string) string { return importer.Key(importer.Clean([]byte(strings.Join(path, ".")))) }

// history imports one row.
func (r *reading) history(data []byte) error {
	r.row = format.Line{Time: r.last, Metrics: r.row.Metrics[:0]}
	bytes := 0
	var media []mediaValue
	nested := format.Params{}
	f := importer.FieldsOf(data)
	for f.Next() {
		if f.Num == 2 && f.Sub != nil {
			step := importer.FieldsOf(f.Sub)
			r.row.HasStep, r.row.Step = true, 0
			for step.Next() {
				if step.Num == 1 {
					r.row.Step = int64(step.V)
				}
			}
			if step.Err != nil {
				return step.Err
			}
		}
		if f.Num != 1 || f.Sub == nil {
			continue
		}
		if err := parseItem(f.Sub, &r.item); err != nil {
			return err
		}
		if len(r.item.path) == 0 || len(r.item.path) > maxDepth {
			r.skip("values without a name, or nested too deeply", "")
			continue
		}
		v, err := parseJSON(r.item.json)
		if err != nil {
			r.skip("values that are not JSON", "")
			continue
		}
		if len(r.item.path) == 1 && strings.HasPrefix(r.item.path[0], "_") {
			r.clientField(r.item.path[0], v)
			continue
		}
		// Newer clients split a dict into items, even the dict of an image.
		path := slices.Clone(r.item.path)
		if _, taken := nested.Get(path...); taken || len(path) == 1 || nested.Set(path, v) != nil {
			r.flatten(path, v, 0, &media, &bytes)
		}
	}
	if f.Err != nil {
		return f.Err
	}
	for _, name := range slices.Sorted(maps.Keys(nested)) {
		r.flatten([]string{name}, nested[name], 0, &media, &bytes)
	}
	if len(r.row.Metrics) > 0 || len(r.row.Values) > 0 {
		r.hasContent = true
		if err := r.out.Line(&r.row); err != nil {
			return err
		}
	}
	for _, m := range media {
		if err := r.mediaFiles(m, r.row.Time); err != nil {
			return err
		}
	}
	return nil
}

// clientField imports a field that the client itself adds to a row.
func (r *reading) clientField(name string, v any) {
	n, ok := number(v)
	if !ok {
		return
	}
	switch name {
	case "_timestamp":
		if n > 0 && n <= maxTime {
			r.row.Time = int64(math.Round(n * 1e6))
			r.at(r.row.Time)
		}
	case "_step":
		if n == math.Trunc(n) && math.Abs(n) < 1<<53 {
			r.row.HasStep, r.row.Step = true, int64(n)
		}
	}
}

// mediaValue is a value that refers to files.
type mediaValue struct {
	key   string
	value map[string]any
}

// flatten imports a value, or each value nested in it.
func (r *reading) flatten(path []string, v any, depth int, media *[]mediaValue, bytes *int) {
	if m, ok := v.(map[string]any); ok && depth < maxDepth {
		if _, typed := m["_type"].(string); !typed && len(m) > 0 {
			for _, name := range slices.Sorted(maps.Keys(m)) {
				r.flatten(append(path[:len(path):len(path)], name), m[name], depth+1, media, bytes)
			}
			return
		}
	}
	k := key(path)
	r.latest[k] = v
	if n, ok := number(v); ok {
		r.point(k, n)
		return
	}
	if m, ok := v.(map[string]any); ok && isMedia(m) {
		*media = append(*media, mediaValue{k, m})
		return
	}
	r.value(k, v, bytes)
}

func (r *reading) point(k string, v float64) {
	if !r.keys[k] {
		if len(r.keys) >= format.MaxMetrics {
			r.skip(fmt.Sprintf("points of metrics over the limit of %d", format.MaxMetrics), "")
			return
		}
		r.keys[k] = true
	}
	if r.points >= maxPoints {
		r.skip(fmt.Sprintf("points over the limit of %d", maxPoints), "")
		return
	}
	r.points++
	r.row.Metrics = append(r.row.Metrics, format.MetricValue{Key: k, Value: v})
}

// value imports a non-numeric value.
func (r *reading) value(k string, v any, bytes *int) {
	text := format.AppendJSON(nil, histogram(v))
	switch {
	case len(text) > format.MaxValueBytes:
		r.skip(fmt.Sprintf("values over %d bytes", format.MaxValueBytes), "")
		return
	case *bytes+len(text) > maxLineValues || r.valueBytes+int64(len(text)) > maxValueBytes:
		r.skip("texts and lists that are too large or too many", "")
		return
	}
	*bytes += len(text)
	r.valueBytes += int64(len(text))
	r.row.Values = append(r.row.Values, format.ValueText{Key: k, JSON: string(text)})
}

// histogram replaces the bin width of a histogram with the edges of its bins. It returns other values unchanged.
func histogram(v any) any {
	m, ok := v.(map[string]any)
	if !ok || m["_type"] != "histogram" {
		return v
	}
	packed, ok := m["packedBins"].(map[string]any)
	counts, isList := m["values"].([]any)
	if !ok || !isList {
		return v
	}
	least, ok1 := number(packed["min"])
	width, ok2 := number(packed["size"])
	if !ok1 || !ok2 {
		return v
	}
	edges := make([]any, len(counts)+1)
	for i := range edges {
		edges[i] = least + width*float64(i)
	}
	return map[string]any{"_type": "histogram", "bins": edges, "values": counts}
}

func (r *reading) metric(data []byte) error {
	m, err := parseMetric(data)
	if err != nil {
		return err
	}
	name := m.name
	if name == "" {
		name = m.glob
	}
	if name == "" || m.expanded {
		return nil
	}
	d := format.Definition{
		Name: key([]string{name}), StepSync: m.stepSync, Hidden: m.hidden, Summary: strings.Join(m.summary, ","),
		Goal: m.goal,
	}
	if m.stepMetric != "" {
		d.StepMetric = key([]string{m.stepMetric})
	}
	if r.defined[d.Name] == d {
		return nil
	}
	if len(r.defined) >= format.MaxDefined {
		r.skip(fmt.Sprintf("definitions of metrics over the limit of %d", format.MaxDefined), "")
		return nil
	}
	r.defined[d.Name] = d
	r.hasContent = true
	return r.out.Line(&format.Line{Time: r.last, Defined: &d})
}

// stats imports machine samples.
func (r *reading) stats(data []byte) error {
	l := format.Line{Time: r.last}
	f := importer.FieldsOf(data)
	for f.Next() {
		if f.Num != 2 {
			continue
		}
		at, err := timestamp(f.Sub)
		if err != nil {
			return err
		}
		if !at.IsZero() {
			l.Time = at.UnixMicro()
			r.at(l.Time)
		}
	}
	if f.Err != nil {
		return f.Err
	}
	err := eachItem(data, 3, &r.item, func(it *item) error {
		v, err := parseJSON(it.json)
		switch {
		case len(it.path) == 0 || strings.HasPrefix(it.path[0], "_"):
		case err != nil:
			r.skip("machine samples that are not JSON", key(it.path))
		default:
			r.sample(&l, it.path, v)
		}
		return nil
	})
	if err != nil || len(l.Metrics) == 0 {
		return err
	}
	return r.out.System(&l)
}

// sample adds a machine sample to a line, or each one nested in it, such as the bytes that the network sent.
func (r *reading) sample(l *format.Line, path []string, v any) {
	if n, ok := number(v); ok {
		l.Metrics = append(l.Metrics, format.MetricValue{Key: key(path), Value: n})
		return
	}
	m, ok := v.(map[string]any)
	if !ok || len(path) > maxDepth {
		r.skip("machine samples that are not numbers", key(path))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		r.sample(l, append(path[:len(path):len(path)], name), m[name])
	}
}

// alert imports an alert as a text value, under the key that the Python client gitruns uses.
func (r *reading) alert(data []byte) error {
	m, err := texts(data)
	if err != nil {
		return err
	}
	level := m[3]
	if level == "" {
		level = "INFO"
	}
	text := format.AppendJSON(nil, multiLine(level+": "+m[1]+": "+m[2]))
	r.hasContent = true
	return r.out.Line(
		&format.Line{
			Time: r.last, HasStep: r.row.HasStep, Step: r.row.Step,
			Values: []format.ValueText{{Key: "alert", JSON: string(text)}},
		},
	)
}

// useArtifact adds a tag for an artifact that the run used. Its data is not in the log.
func (r *reading) useArtifact(data []byte) error {
	m, err := texts(data)
	if err != nil {
		return err
	}
	name := importer.Clean([]byte(m[3]))
	if name == "" {
		name = importer.Clean([]byte(m[1]))
	}
	if name == "" {
		return nil
	}
	tag := importer.Key("used." + name)
	value := oneLine(m[2])
	if value == "" {
		value = "artifact"
	}
	r.hasContent = true
	return r.out.Line(&format.Line{Time: r.last, Tags: map[string]string{tag: value}})
}

// relative returns the path of a file under the folder named files next to the log. ok is false if the name is unsafe.
func (r *reading) relative(p string) (string, bool) {
	p = strings.ReplaceAll(p, "\\", "/")
	if format.CheckPath(p) != nil {
		return "", false
	}
	return filepath.Join(r.dir, "files", filepath.FromSlash(p)), true
}
