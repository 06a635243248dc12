package tensorboard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/importer"
)

// Bounds of what is imported from one log. The rest is counted and reported.
const (
	maxPoints     = 20_000_000
	maxValueBytes = 256 << 20 // of texts and histograms as JSON
	maxTextBytes  = 64 << 10  // of one text
	maxBins       = 4096      // of a histogram
	maxMedia      = 2000      // images and sounds
	maxMediaBytes = 512 << 20
	maxLogBytes   = 32 << 30 // of all event files
	maxTags       = 20_000
	maxWarned     = 20 // damaged places that are reported one by one
	maxPlugins    = 20 // unknown plugins that are reported one by one
)

// Counts count what was imported.
type Counts struct {
	Files      int // event files with content that was imported
	Points     int64
	Keys       int // of metrics
	Texts      int
	Histograms int
	Media      int // images and sounds
	Params     int
	Bytes      int64 // of the event files that were read

	Warnings []string
}

// Empty reports whether nothing was imported.
func (c *Counts) Empty() bool {
	return c.Points == 0 && c.Texts == 0 && c.Histograms == 0 && c.Media == 0 && c.Params == 0
}

// reading reads one log into an output.
type reading struct {
	out      importer.Output
	since    int64                 // µs since 1970; earlier events are skipped
	excluded func(key string) bool // keys to skip
	show     func(path string) string

	counts  Counts
	session session
	first   int64 // time of the first and the last event, µs since 1970; 0 means none
	last    int64

	folder   *folder
	file     int             // index of the current file in the folder
	offset   int64           // of the current record
	restarts *restarts       // of the folder
	tags     map[string]*tag // of the current folder
	keys     map[string]bool
	names    map[string]int // names of artifacts, and how many have each
	line     format.Line
	tensor   tensor
	numbers  []float64

	valueBytes, mediaBytes int64
	skipped                map[string]int // how many items were skipped, by their kind
	torn                   []string
	damages                int
	plugins                int // unknown plugins in skipped
}

// tag is the state of a tag in a folder.
type tag struct {
	plugin string
	key    string
	wanted bool
	metric bool // it is counted as a metric
}

func newReading(out importer.Output) *reading {
	return &reading{
		out: out, restarts: &restarts{},
		excluded: func(string) bool { return false }, show: func(path string) string { return path },
		keys: map[string]bool{}, names: map[string]int{}, skipped: map[string]int{},
	}
}

// all reads the files of a log. Damage in a file is a warning; an error comes from the output or the context.
func (r *reading) all(ctx context.Context, l *runLog) error {
	for _, p := range l.folders {
		r.folder, r.tags = p, map[string]*tag{}
		var err error
		if r.restarts, err = findRestarts(ctx, p.files); err != nil {
			return err
		}
		for i, f := range p.files {
			r.file = i
			if r.counts.Bytes+f.Size > maxLogBytes {
				r.skipped[fmt.Sprintf("event files over the limit of %d bytes in all", int64(maxLogBytes))]++
				continue
			}
			if err := r.readFile(ctx, f.Path); err != nil {
				return err
			}
		}
	}
	r.finish()
	return nil
}

func (r *reading) warn(text string, args ...any) {
	r.counts.Warnings = append(r.counts.Warnings, fmt.Sprintf(text, args...))
}

// finish warns about what was skipped.
func (r *reading) finish() {
	switch n := len(r.torn); {
	case n == 1:
		r.warn("%s ends within a record, because its writer was stopped; imported everything before it", r.torn[0])
	case n > 1:
		r.warn("%d event files end within a record, because their writers were stopped; "+
			"imported everything before it: %s, …", n, r.torn[0])
	}
	if n := r.damages - maxWarned; n > 0 {
		r.warn("%d more records or files are damaged", n)
	}
	for _, reason := range slices.Sorted(maps.Keys(r.skipped)) {
		r.warn("skipped %s: %d", reason, r.skipped[reason])
	}
}

func (r *reading) damage(path string, err error) {
	if r.damages++; r.damages <= maxWarned {
		r.warn("%s: %v", r.show(path), err)
	}
}

func (r *reading) readFile(ctx context.Context, path string) error {
	f, err := importer.Open(path)
	if err != nil {
		r.damage(path, err)
		return nil
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err == nil {
		r.counts.Bytes += info.Size()
	}
	before := r.counts
	records := newRecordReader(f)
	var e event
	for n := 0; ; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		begin := records.offset
		data, err := records.next()
		var damage *DamageError
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
		case errors.Is(err, errTorn):
			r.torn = append(r.torn, r.show(path))
		case errors.As(err, &damage) && !damage.Rest:
			r.damage(path, err)
			continue
		default:
			r.damage(path, err)
		}
		if err != nil {
			break
		}
		r.offset = begin
		if err := r.event(data, &e); err != nil {
			if !errors.Is(err, importer.ErrMessage) && !errors.Is(err, errTensor) {
				return err
			}
			r.damage(path, &DamageError{Offset: begin, What: err.Error()})
		}
	}
	if records.long > 0 {
		r.skipped[fmt.Sprintf("records over %d bytes", maxRecordBytes)] += records.long
	}
	if c := r.counts; c.Points > before.Points || c.Texts > before.Texts || c.Histograms > before.Histograms ||
		c.Media > before.Media || c.Params > before.Params {
		r.counts.Files++
	}
	return nil
}

// maxTime is the end of the year 9999, in seconds.
const maxTime = 253402300799

func (r *reading) event(data []byte, e *event) error {
	if err := parseEvent(data, e); err != nil {
		return err
	}
	if !(e.time >= 0 && e.time <= maxTime) {
		return fmt.Errorf("%w: the event has no valid time", importer.ErrMessage)
	}
	at := int64(math.Round(e.time * 1e6))
	old := at < r.since
	if !old {
		if r.first == 0 || at < r.first {
			r.first = at
		}
		r.last = max(r.last, at)
	}
	if e.summary == nil {
		return nil
	}
	var v value
	var bad error
	err := eachValue(e.summary, &v, func() error {
		err := r.value(&v, at, e.step, old)
		if errors.Is(err, importer.ErrMessage) || errors.Is(err, errTensor) { // the other values are fine
			bad = err
			return nil
		}
		return err
	})
	if err == nil {
		err = bad
	}
	return err
}

// value imports one entry of a summary. An old entry is not imported, but it shows which plugin the later entries of
// its tag are for.
func (r *reading) value(v *value, at, step int64, old bool) error {
	t := r.tags[string(v.tag)]
	if t == nil {
		if len(r.tags) >= maxTags {
			r.skipped[fmt.Sprintf("values of tags over the limit of %d", maxTags)]++
			return nil
		}
		t = &tag{plugin: string(v.plugin)}
		name := importer.Clean(v.tag)
		if t.plugin == "text" {
			name = strings.TrimSuffix(name, "/text_summary") // which PyTorch adds
		}
		t.key = importer.Key(r.folder.key(name))
		t.wanted = !r.excluded(t.key)
		r.tags[string(v.tag)] = t
	}
	if old {
		return nil
	}
	if t.plugin == "hparams" {
		return r.hparams(v.content, at)
	}
	if !t.wanted {
		return nil
	}
	if r.restarts.replaced(r.file, r.offset, step) {
		r.skipped["values that a restarted writer replaced"]++
		return nil
	}
	switch {
	case v.hasSimple:
		return r.point(t, at, step, v.simple)
	case v.image != nil:
		file, err := encoded(v.image)
		if err != nil {
			return err
		}
		return r.mediaFile(t, at, step, file)
	case v.audio != nil:
		file, err := encoded(v.audio)
		if err != nil {
			return err
		}
		return r.mediaFile(t, at, step, file)
	case v.histogram != nil:
		return r.histogramMessage(t, at, step, v.histogram)
	case v.tensor != nil:
		return r.tensorValue(t, at, step, v.tensor)
	}
	return nil
}

func (r *reading) point(t *tag, at, step int64, v float64) error {
	if !t.metric {
		if t.metric = true; !r.keys[t.key] {
			if len(r.keys) >= format.MaxMetrics {
				t.wanted = false
				r.skipped[fmt.Sprintf("metrics over the limit of %d", format.MaxMetrics)]++
				return nil
			}
			r.keys[t.key] = true
			r.counts.Keys++
		}
	}
	if r.counts.Points >= maxPoints {
		r.skipped[fmt.Sprintf("points over the limit of %d", maxPoints)]++
		return nil
	}
	r.counts.Points++
	metrics := append(r.line.Metrics[:0], format.MetricValue{Key: t.key, Value: v})
	r.line = format.Line{Time: at, HasStep: true, Step: step, Metrics: metrics}
	return r.out.Line(&r.line)
}

// ignoredPlugins are plugins whose values do not describe a run.
var ignoredPlugins = []string{
	"custom_scalars", "graphs", "graph_keras_model", "graph_run_metadata", "graph_run_metadata_graph", "profile",
	"projector", "hparams",
}

func (r *reading) tensorValue(t *tag, at, step int64, data []byte) (err error) {
	if err := parseTensor(data, &r.tensor); err != nil {
		return err
	}
	switch t.plugin {
	case "scalars":
		if r.numbers, err = r.tensor.numbers(r.numbers[:0]); err != nil {
			return err
		}
		if len(r.numbers) != 1 {
			return errTensor
		}
		return r.point(t, at, step, r.numbers[0])
	case "text":
		const most = 1000
		texts, err := r.tensor.texts(most)
		if err != nil || len(texts) == 0 {
			return err
		}
		list := make([]any, len(texts))
		left := maxTextBytes
		for i, text := range texts {
			s := importer.Cut(text, left)
			left -= len(s)
			list[i] = s
		}
		if len(list) == 1 && len(r.tensor.shape) <= 1 {
			return r.nonNumeric(t, at, step, list[0], &r.counts.Texts)
		}
		return r.nonNumeric(t, at, step, list, &r.counts.Texts)
	case "images":
		texts, err := r.tensor.texts(2 + maxMedia)
		if err != nil {
			return err
		}
		for _, file := range texts[min(2, len(texts)):] { // after width and height
			if err := r.mediaFile(t, at, step, file); err != nil {
				return err
			}
		}
		return nil
	case "audio":
		texts, err := r.tensor.texts(2 * maxMedia)
		if err != nil {
			return err
		}
		for i, file := range texts {
			if len(r.tensor.shape) == 2 && r.tensor.shape[1] == 2 && i%2 == 1 {
				continue // its label
			}
			if err := r.mediaFile(t, at, step, file); err != nil {
				return err
			}
		}
		return nil
	case "histograms":
		return r.histogramTensor(t, at, step)
	}
	if slices.Contains(ignoredPlugins, t.plugin) {
		return nil
	}
	name := fmt.Sprintf("values of plugin %q", importer.Cut([]byte(t.plugin), 60))
	if r.skipped[name] == 0 {
		if r.plugins == maxPlugins {
			name = "values of other plugins"
		} else {
			r.plugins++
		}
	}
	r.skipped[name]++
	return nil
}

// nonNumeric imports a text or a histogram.
func (r *reading) nonNumeric(t *tag, at, step int64, v any, count *int) error {
	text := format.AppendJSON(nil, v)
	if r.valueBytes+int64(len(text)) > maxValueBytes || len(text) > format.MaxValueBytes {
		r.skipped["texts and histograms that are too large or too many"]++
		return nil
	}
	r.valueBytes += int64(len(text))
	*count++
	values := []format.ValueText{{Key: t.key, JSON: string(text)}}
	return r.out.Line(&format.Line{Time: at, HasStep: true, Step: step, Values: values})
}

// histogramMessage imports a HistogramProto message, which has the upper end and the count of each bucket.
func (r *reading) histogramMessage(t *tag, at, step int64, data []byte) error {
	var least, most float64
	var limits, counts []float64
	f := importer.FieldsOf(data)
	for f.Next() {
		switch f.Num {
		case 1:
			least = f.Double()
		case 2:
			most = f.Double()
		case 6:
			limits = f.Doubles(limits, maxBins)
		case 7:
			counts = f.Doubles(counts, maxBins)
		}
	}
	if f.Err != nil {
		return f.Err
	}
	if len(limits) == 0 || len(limits) != len(counts) {
		return errTensor
	}
	for len(counts) > 1 && counts[0] == 0 { // an empty bucket comes first, for its limit
		least = limits[0]
		limits, counts = limits[1:], counts[1:]
	}
	edges := append([]float64{min(least, limits[0])}, limits...)
	if last := len(edges) - 1; most >= edges[last-1] && most < edges[last] {
		edges[last] = most
	}
	return r.histogram(t, at, step, edges, counts)
}

// histogramTensor imports a tensor whose rows have the left end, the right end and the count of a bucket.
func (r *reading) histogramTensor(t *tag, at, step int64) (err error) {
	if len(r.tensor.shape) != 2 || r.tensor.shape[1] != 3 {
		return errTensor
	}
	if r.numbers, err = r.tensor.numbers(r.numbers[:0]); err != nil {
		return err
	}
	var edges, counts []float64
	for row := r.numbers; len(row) >= 3; row = row[3:] {
		if len(edges) == 0 {
			edges = append(edges, row[0])
		}
		edges, counts = append(edges, row[1]), append(counts, row[2])
	}
	return r.histogram(t, at, step, edges, counts)
}

func (r *reading) histogram(t *tag, at, step int64, edges, counts []float64) error {
	list := func(numbers []float64) []any {
		items := make([]any, len(numbers))
		for i, v := range numbers {
			items[i] = v
		}
		return items
	}
	h := map[string]any{"_type": "histogram", "bins": list(edges), "values": list(counts)}
	return r.nonNumeric(t, at, step, h, &r.counts.Histograms)
}

func (r *reading) hparams(content []byte, at int64) error {
	s := session{}
	if err := parseSession(content, &s); err != nil {
		return err
	}
	if s.ended > 0 {
		r.session.ended, r.session.failed = s.ended, s.failed
	}
	if len(s.params) == 0 {
		return nil
	}
	l := format.Line{Time: at}
	for name, v := range s.params {
		if format.CheckKey(name) != nil {
			r.skipped["params without a name"]++
			continue
		}
		if l.Params == nil {
			l.Params = map[string]any{}
		}
		if v == nil {
			v = format.Null
		}
		l.Params[name] = v
	}
	if format.CheckParams(l.Params) != nil {
		return importer.ErrMessage
	}
	r.counts.Params += len(l.Params)
	return r.out.Line(&l)
}

// mediaFile imports the file of an image or a sound.
func (r *reading) mediaFile(t *tag, at, step int64, data []byte) error {
	kind, ending := mediaKind(data)
	switch {
	case kind == "":
		r.skipped["images or sounds in an unknown format"]++
		return nil
	case r.counts.Media >= maxMedia || r.mediaBytes+int64(len(data)) > maxMediaBytes:
		r.skipped[fmt.Sprintf("images or sounds over the limit of %d, or of %d bytes in all", maxMedia, maxMediaBytes)]++
		return nil
	}
	r.counts.Media++
	r.mediaBytes += int64(len(data))
	base := fmt.Sprintf("media/%s_%d", importer.MediaPath(t.key), step)
	n := r.names[base]
	r.names[base]++
	line := format.ArtifactLine{Name: fmt.Sprintf("%s_%d%s", base, n, ending), Kind: kind, Key: t.key, Step: &step}
	return r.out.Media(&line, at, bytes.NewReader(data))
}

// mediaKind recognizes a file by its first bytes. The kind is "" if it is unknown.
func mediaKind(data []byte) (kind, ending string) {
	switch {
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		return "image", ".png"
	case bytes.HasPrefix(data, []byte("\xff\xd8\xff")):
		return "image", ".jpg"
	case bytes.HasPrefix(data, []byte("GIF8")):
		return "image", ".gif"
	case len(data) > 12 && bytes.HasPrefix(data, []byte("RIFF")) && string(data[8:12]) == "WAVE":
		return "audio", ".wav"
	}
	return "", ""
}
